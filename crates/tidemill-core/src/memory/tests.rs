//! The account in one thread, and between threads that meet at its limits.

use std::cell::Cell;
use std::sync::Barrier;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::SeqCst};
use std::thread;

use proptest::prelude::*;

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

/// Requests, one after the other, with what each finds: the total is 100, of which 20 are the floor of received blocks, 10
/// that of shuffles and 5 that of results; 65 are for all.
#[test]
fn floors_are_kept_for_their_pools() {
    use Pool::{Received, Results, Shuffle, Stored};
    let floors = MemoryFloors { received: 20, shuffle: 10, results: 5, ..MemoryFloors::default() };
    let limits = MemoryLimits { results: 15, floors, ..limits(100, 60, 100) };
    assert_eq!(limits.shared(), 65);
    for (pool, most) in [(Received, 60), (Stored, 65), (Shuffle, 75), (Results, 15), (Pool::State, 65)] {
        assert_eq!(
            limits.most(pool),
            most,
            "{pool:?}: alone, it gets its floor and the rest, but no more than its ceiling"
        );
    }
    let memory = Memory::new(limits);
    let mut held = Vec::new();
    for (pool, bytes, granted) in [
        (Stored, 66, false),  // the floors of others
        (Stored, 60, true),   // 5 of the rest are left
        (Shuffle, 16, false), // 10 of its own and 6 of the rest
        (Shuffle, 15, true),  // nothing is left of the rest
        (Stored, 1, false),
        (Received, 21, false),
        (Received, 20, true),
        (Received, 1, false),
        (Results, 6, false),
        (Results, 3, true),
        (Results, 2, true),
        (Results, 1, false),
    ] {
        let grant = memory.try_acquire(pool, bytes);
        assert_eq!(grant.is_some(), granted, "{bytes} for {pool:?}");
        held.extend(grant);
    }
    assert_eq!((memory.used_in_total(), memory.peak_in_total()), (100, 100));
    // What a pool gives back counts against the rest first, and its floor is there again for itself alone.
    held[1].shrink(3);
    assert!(memory.try_acquire(Pool::State, 4).is_none());
    held.extend(memory.try_acquire(Pool::State, 3));
    held[1].shrink(10);
    assert!(memory.try_acquire(Pool::State, 3).is_none() && !held[1].try_grow(11));
    assert!(held[1].try_grow(8));
    drop(held);
    assert_eq!(memory.used_in_total(), 0);
    assert!(memory.try_acquire(Stored, 65).is_some(), "all of the rest is there again");
}

#[test]
fn floors_stay_whatever_is_taken_past_the_limits() {
    let floors = MemoryFloors { received: 20, ..MemoryFloors::default() };
    let memory = Memory::new(MemoryLimits { floors, ..MemoryLimits::of_total(100) });
    let mut past = memory.grant(Pool::Shuffle);
    past.grow_past(500);
    assert!(memory.try_acquire(Pool::State, 1).is_none() && memory.try_acquire(Pool::Received, 21).is_none());
    let received = memory.try_acquire(Pool::Received, 20).unwrap();
    // Alone in its pool, past all limits; what is given back below them is there for others, and not before.
    let large = memory.acquire_or_wait(Pool::Stored, 40, &|| false).unwrap();
    past.shrink(460);
    assert!(memory.try_acquire(Pool::State, 1).is_none());
    past.shrink(1);
    assert!(memory.try_acquire(Pool::State, 1).is_some());
    drop((past, large, received));
    assert_eq!(memory.used_in_total(), 0);
}

#[test]
fn floors_that_cannot_be_are_cut_to_what_can() {
    let floors = MemoryFloors { received: 50, stored: 80, ..MemoryFloors::default() };
    let limits = MemoryLimits { floors, ..limits(100, 30, 100) };
    assert_eq!((limits.floor(Pool::Received), limits.shared(), limits.most(Pool::Shuffle)), (30, 0, 0));
    assert_eq!(MemoryLimits::default().most(Pool::Shuffle), MemoryLimits::NONE);
}

/// What a request finds by the slow, obvious rule: after it every pool can still be given its floor. Who asks for no more
/// than that is not in anybody's way.
struct Oracle {
    limits: MemoryLimits,
    held: Vec<(Pool, u64)>,
    peak: u64,
}

impl Oracle {
    fn used(&self, pool: Pool) -> u64 {
        self.held.iter().filter(|(held, _)| *held == pool).map(|(_, bytes)| bytes).sum()
    }

    /// What is in use, and what is missing in each pool to its floor.
    fn spoken_for(&self) -> u64 {
        Pool::ALL.iter().map(|pool| self.used(*pool).max(self.limits.floor(*pool))).sum()
    }

    fn take(&mut self, pool: Pool, bytes: u64, past: bool) -> bool {
        let before = self.spoken_for();
        self.held.push((pool, bytes));
        let after = self.spoken_for();
        let fits = self.used(pool) <= self.limits.ceiling(pool) && (after <= self.limits.total || after == before);
        if past || fits {
            self.peak = self.peak.max(self.held.iter().map(|(_, bytes)| bytes).sum());
        } else {
            self.held.pop();
        }
        past || fits
    }
}

#[derive(Clone, Debug)]
enum Step {
    Take(Pool, u64),
    /// As much as may wait, given up at once where it would have to.
    Wait(Pool, u64),
    Past(Pool, u64),
    GiveBack(prop::sample::Index),
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let request = || (prop::sample::select(Pool::ALL.to_vec()), 1..50_u64);
    let step = prop_oneof![
        5 => request().prop_map(|(pool, bytes)| Step::Take(pool, bytes)),
        2 => request().prop_map(|(pool, bytes)| Step::Wait(pool, bytes)),
        1 => request().prop_map(|(pool, bytes)| Step::Past(pool, bytes)),
        4 => any::<prop::sample::Index>().prop_map(Step::GiveBack),
    ];
    prop::collection::vec(step, 0..60)
}

fn any_limits() -> impl Strategy<Value = MemoryLimits> {
    let pools = prop::array::uniform6((0..120_u64, 0..40_u64));
    (60..150_u64, pools).prop_filter_map("floors of more than the total", |(total, pools)| {
        let [received, stored, shuffle, state, results, workers] = pools;
        let floors = MemoryFloors {
            received: received.1,
            stored: stored.1,
            shuffle: shuffle.1,
            state: state.1,
            results: results.1,
            workers: workers.1,
        };
        let limits = MemoryLimits {
            total,
            received: received.0,
            stored: stored.0,
            shuffle: shuffle.0,
            state: state.0,
            results: results.0,
            workers: workers.0,
            floors,
        };
        let sum: u64 = Pool::ALL.iter().map(|pool| limits.floor(*pool)).sum();
        (sum <= total).then_some(limits)
    })
}

proptest! {
    #[test]
    fn the_account_counts_as_the_oracle_does(limits in any_limits(), steps in steps()) {
        let (memory, mut grants) = (Memory::new(limits), Vec::new());
        let mut oracle = Oracle { limits, held: Vec::new(), peak: 0 };
        for step in steps {
            match step {
                Step::Take(pool, bytes) => {
                    let grant = memory.try_acquire(pool, bytes);
                    prop_assert_eq!(grant.is_some(), oracle.take(pool, bytes, false));
                    grants.extend(grant);
                }
                Step::Wait(pool, bytes) => {
                    let asked = Cell::new(false);
                    let grant = memory.acquire_or_wait(pool, bytes, &|| asked.replace(true));
                    let alone = oracle.used(pool) == 0;
                    prop_assert_eq!(grant.is_some(), oracle.take(pool, bytes, alone));
                    grants.extend(grant);
                }
                Step::Past(pool, bytes) => {
                    let mut grant = memory.grant(pool);
                    grant.grow_past(bytes);
                    oracle.take(pool, bytes, true);
                    grants.push(grant);
                }
                Step::GiveBack(index) if !grants.is_empty() => {
                    let index = index.index(grants.len());
                    drop(grants.swap_remove(index));
                    oracle.held.swap_remove(index);
                }
                Step::GiveBack(_) => {}
            }
            for pool in Pool::ALL {
                prop_assert_eq!(memory.used(pool), oracle.used(pool));
            }
            prop_assert_eq!(memory.used_in_total(), oracle.held.iter().map(|(_, bytes)| bytes).sum::<u64>());
            prop_assert_eq!(memory.peak_in_total(), oracle.peak);
        }
        drop(grants);
        // Nothing was lost on the way: the rest is whole.
        let most = limits.most(Pool::Stored);
        prop_assert_eq!(memory.try_acquire(Pool::Stored, most).is_some(), true);
        prop_assert_eq!(memory.try_acquire(Pool::Stored, most + 1).is_some(), false);
    }
}
