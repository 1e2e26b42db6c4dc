//! The account in one thread, and between threads that meet at its limits.

use std::sync::Barrier;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::SeqCst};
use std::thread;

use super::*;

fn limits(total: u64, received: u64, shuffle: u64) -> MemoryLimits {
    MemoryLimits { received, shuffle, ..MemoryLimits::of_total(total) }
}

#[test]
fn pools_and_their_sum_have_ceilings() {
    let memory = Memory::new(limits(100, 60, 80));
    let received = memory.try_acquire(Pool::Received, 60).unwrap();
    assert!(memory.try_acquire(Pool::Received, 1).is_none());
    let mut shuffle = memory.try_acquire(Pool::Shuffle, 40).unwrap();
    assert!(!shuffle.try_grow(1) && memory.used(Pool::Shuffle) == 40, "the sum is at its ceiling");
    drop(received);
    assert!(shuffle.try_grow(40) && !shuffle.try_grow(1));
    shuffle.shrink(30);
    let part = shuffle.split(20);
    assert_eq!((shuffle.bytes(), part.bytes(), memory.used(Pool::Shuffle)), (30, 20, 50));
    shuffle.grow_past(200);
    assert_eq!((memory.used(Pool::Shuffle), memory.peak_in_total()), (250, 250));
    shuffle.shrink_to(10);
    shuffle.shrink(11);
    drop((shuffle, part));
    assert_eq!((memory.used_in_total(), memory.used(Pool::Shuffle)), (0, 0));
    assert_eq!((memory.peak(Pool::Received), memory.peak(Pool::Shuffle), memory.peak(Pool::State)), (60, 250, 0));
}

#[test]
fn requests_of_any_size_never_overflow() {
    let memory = Memory::new(MemoryLimits::default());
    let held = memory.try_acquire(Pool::State, 5).unwrap();
    assert!(
        memory.try_acquire(Pool::State, u64::MAX).is_none() && memory.try_acquire(Pool::Results, u64::MAX).is_none()
    );
    assert_eq!((held.bytes(), memory.used_in_total(), memory.ceiling(Pool::State)), (5, 5, MemoryLimits::NONE));
}

#[test]
fn what_is_larger_than_the_ceiling_passes_alone() {
    let memory = Memory::new(limits(100, 10, 100));
    let never = || false;
    let large = memory.acquire_or_wait(Pool::Received, 500, &never).unwrap();
    assert_eq!((large.bytes(), memory.used_in_total()), (500, 500));
    assert!(memory.acquire_or_wait(Pool::Received, 1, &|| true).is_none());
    drop(large);
    // The sum is taken by others: one block goes through all the same, the second waits.
    let others = memory.try_acquire(Pool::Shuffle, 100).unwrap();
    let first = memory.acquire_or_wait(Pool::Received, 5, &never).unwrap();
    thread::scope(|scope| {
        let second = scope.spawn(|| memory.acquire_or_wait(Pool::Received, 5, &never).map(|grant| grant.bytes()));
        drop(others);
        assert_eq!(second.join().unwrap(), Some(5));
    });
    drop(first);
    assert_eq!(memory.used_in_total(), 0);
}

#[test]
fn a_cancelled_waiter_is_woken() {
    let memory = Memory::new(limits(100, 10, 100));
    let held = memory.try_acquire(Pool::Received, 10).unwrap();
    let (cancelled, asked) = (AtomicBool::new(false), Barrier::new(2));
    thread::scope(|scope| {
        let waiter = scope.spawn(|| {
            let first = AtomicBool::new(true);
            memory.acquire_or_wait(Pool::Received, 1, &|| {
                if first.swap(false, SeqCst) {
                    asked.wait();
                }
                cancelled.load(SeqCst)
            })
        });
        asked.wait();
        cancelled.store(true, SeqCst);
        memory.wake();
        assert!(waiter.join().unwrap().is_none());
    });
    assert_eq!(held.bytes(), 10);
}

/// Threads that take what they can, wait for the rest and give back: all are served, and no ceiling is passed. If a
/// wake-up could be lost, the last waiter would hang here.
#[test]
fn many_threads_meet_at_the_limits() {
    let memory = Memory::new(limits(50, 30, 40));
    let held = [AtomicU64::new(0), AtomicU64::new(0)];
    thread::scope(|scope| {
        for thread in 0..8u64 {
            let (memory, held) = (&memory, &held);
            scope.spawn(move || {
                let (pool, ceiling) = if thread % 2 == 0 { (Pool::Received, 30) } else { (Pool::Shuffle, 40) };
                let mut random = thread * 2 + 1;
                for _ in 0..3_000 {
                    random = random.wrapping_mul(6364136223846793005).wrapping_add(1442695040888963407);
                    let bytes = 1 + (random >> 33) % 30;
                    let mut grant = memory.acquire_or_wait(pool, bytes, &|| false).unwrap();
                    let grown = if grant.try_grow(bytes / 2) { bytes / 2 } else { 0 };
                    let sum = held[thread as usize % 2].fetch_add(bytes + grown, SeqCst) + bytes + grown;
                    assert!(sum <= ceiling);
                    held[thread as usize % 2].fetch_sub(bytes + grown, SeqCst);
                    grant.shrink(1);
                }
            });
        }
    });
    assert_eq!((memory.used_in_total(), memory.used(Pool::Received), memory.used(Pool::Shuffle)), (0, 0, 0));
    assert!(memory.peak(Pool::Received) <= 30 && memory.peak(Pool::Shuffle) <= 40);
    // One pool may have passed the sum's ceiling with a request of its own, while the other had it taken up.
    assert!(memory.peak_in_total() <= 50 + 30);
}
