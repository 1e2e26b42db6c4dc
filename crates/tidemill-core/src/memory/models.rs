//! The account between threads, in every order in which they may run: the very source of it, over `shuttle`'s types.
//!
//! `shuttle` runs the threads of a model one at a time and chooses at each operation who goes on. A wake-up that is missed
//! is a deadlock, which it reports with the choices that lead there. All operations are sequentially consistent, here as
//! in the source.

use std::sync::{Arc, Mutex};

use shuttle::sync::{self, atomic::AtomicBool, atomic::Ordering::SeqCst};
use shuttle::thread;
use waiting::Waiting;

use super::{MemoryFloors, MemoryLimits, Pool};

#[allow(clippy::duplicate_mod, reason = "the same source, over other types")]
#[path = "account.rs"]
mod account;
#[allow(clippy::duplicate_mod, reason = "the same source, over other types")]
#[path = "waiting.rs"]
mod waiting;

use account::Account;

/// Random orders for each model; a few seconds in all.
const ORDERS: usize = 3_000;
/// How many changes of the running thread, at places chosen at random, an order is made of.
const CHANGES: usize = 3;

fn in_all_orders(model: impl Fn() + Send + Sync + Clone + 'static) {
    shuttle::check_pct(model.clone(), ORDERS, CHANGES);
    shuttle::check_random(model, ORDERS);
}

fn account(total: u64, received: u64) -> Arc<Account> {
    Arc::new(Account::new(MemoryLimits { received, ..MemoryLimits::of_total(total) }))
}

/// Three threads meet at the ceiling of a pool: each is served, and it is never passed.
#[test]
fn no_wake_up_is_missed_and_no_ceiling_passed() {
    in_all_orders(|| {
        let account = account(100, 3);
        let threads = [2, 2, 3].map(|bytes| {
            let account = Arc::clone(&account);
            thread::spawn(move || {
                assert!(account.take_or_wait(Pool::Received, bytes, &|| false));
                assert!(account.pool(Pool::Received).used.load(SeqCst) <= 3);
                account.give_back(Pool::Received, bytes);
            })
        });
        threads.into_iter().for_each(|thread| thread.join().unwrap());
        assert_eq!((account.total.used.load(SeqCst), account.pool(Pool::Received).used.load(SeqCst)), (0, 0));
        assert!(account.pool(Pool::Received).peak.load(SeqCst) <= 3);
    });
}

/// Two pools meet at the ceiling of their sum, where what was added first is undone and may be in another's way.
#[test]
fn what_is_undone_is_told() {
    in_all_orders(|| {
        let account = account(4, 4);
        let threads = [(Pool::Received, 2), (Pool::Received, 2), (Pool::Shuffle, 3)].map(|(pool, bytes)| {
            let account = Arc::clone(&account);
            thread::spawn(move || {
                assert!(account.take_or_wait(pool, bytes, &|| false));
                account.give_back(pool, bytes);
            })
        });
        threads.into_iter().for_each(|thread| thread.join().unwrap());
        assert_eq!(account.total.used.load(SeqCst), 0);
    });
}

/// Two pools meet at what they share while a third one fills its floor: who stays within a floor is never refused, and
/// what lies above the floors never passes the rest.
#[test]
fn nobody_is_refused_below_a_floor_and_the_rest_is_never_passed() {
    in_all_orders(|| {
        let floors = MemoryFloors { received: 3, shuffle: 2, ..MemoryFloors::default() };
        let account = Arc::new(Account::new(MemoryLimits { floors, ..MemoryLimits::of_total(8) }));
        // What is granted, in counts that no order of the threads comes between. The rest is 8 - 3 - 2.
        let granted = Arc::new(Mutex::new([0_u64; Pool::ALL.len()]));
        let takes =
            [(Pool::Shuffle, 4), (Pool::Stored, 2), (Pool::Shuffle, 1), (Pool::Received, 2), (Pool::Received, 1)];
        let threads = takes.map(|(pool, bytes)| {
            let (account, granted) = (Arc::clone(&account), Arc::clone(&granted));
            thread::spawn(move || {
                let taken = account.try_take(pool, bytes);
                assert!(taken || pool != Pool::Received, "a floor is nobody else's");
                if taken {
                    granted.lock().unwrap()[pool as usize] += bytes;
                    thread::yield_now();
                    let held = *granted.lock().unwrap();
                    let above = Pool::ALL.map(|pool| held[pool as usize].saturating_sub(account.limits.floor(pool)));
                    assert!(above.iter().sum::<u64>() <= 3, "{held:?}");
                    granted.lock().unwrap()[pool as usize] -= bytes;
                    account.give_back(pool, bytes);
                }
            })
        });
        threads.into_iter().for_each(|thread| thread.join().unwrap());
        assert!(account.rest.peak.load(SeqCst) <= 3 && account.total.peak.load(SeqCst) <= 8);
        assert_eq!((account.rest.used.load(SeqCst), account.total.used.load(SeqCst)), (0, 0));
    });
}

/// Three pools wait for bytes above their floors, of which there are too few for two: all are served in the end.
#[test]
fn waiters_above_their_floors_are_all_served() {
    in_all_orders(|| {
        let floors = MemoryFloors { received: 1, shuffle: 1, ..MemoryFloors::default() };
        let account = Arc::new(Account::new(MemoryLimits { floors, ..MemoryLimits::of_total(5) }));
        // Held throughout, so that nobody is alone in its pool; 3 bytes of the rest are left for two that want 2.
        assert!(account.try_take(Pool::Received, 1) && account.try_take(Pool::Shuffle, 1));
        let threads = [(Pool::Received, 2), (Pool::Shuffle, 2), (Pool::Received, 1)].map(|(pool, bytes)| {
            let account = Arc::clone(&account);
            thread::spawn(move || {
                assert!(account.take_or_wait(pool, bytes, &|| false));
                account.give_back(pool, bytes);
            })
        });
        threads.into_iter().for_each(|thread| thread.join().unwrap());
        assert!(account.rest.peak.load(SeqCst) <= 3);
        assert_eq!((account.rest.used.load(SeqCst), account.total.used.load(SeqCst)), (0, 2));
    });
}

/// A request reserves 2 of the rest and finds that it needs none, as its pool was given back 2: who was refused meanwhile is
/// told, though nothing is given back any more.
#[test]
fn a_reservation_that_is_undone_is_told() {
    in_all_orders(|| {
        let floors = MemoryFloors { shuffle: 2, ..MemoryFloors::default() };
        let account = Arc::new(Account::new(MemoryLimits { floors, ..MemoryLimits::of_total(5) }));
        // Who waits is not alone; 2 bytes of the rest are left.
        assert!(account.try_take(Pool::Shuffle, 2) && account.try_take(Pool::State, 1));
        let threads = [0, 1, 2].map(|role| {
            let account = Arc::clone(&account);
            thread::spawn(move || match role {
                0 => {
                    account.try_take(Pool::Shuffle, 2);
                }
                1 => account.give_back(Pool::Shuffle, 2),
                _ => assert!(account.take_or_wait(Pool::State, 2, &|| false)),
            })
        });
        threads.into_iter().for_each(|thread| thread.join().unwrap());
        assert_eq!(account.rest.used.load(SeqCst), 3);
    });
}

/// One pool takes past all limits while another stays within its floor, and a third one waits until there is room again.
#[test]
fn what_is_taken_past_the_limits_is_told_when_it_is_given_back() {
    in_all_orders(|| {
        let floors = MemoryFloors { received: 2, ..MemoryFloors::default() };
        let account = Arc::new(Account::new(MemoryLimits { floors, ..MemoryLimits::of_total(4) }));
        assert!(account.try_take(Pool::State, 1)); // so that who waits is not alone
        let threads = [0, 1, 2].map(|role| {
            let account = Arc::clone(&account);
            thread::spawn(move || match role {
                0 => {
                    account.take_past(Pool::Shuffle, 9);
                    account.give_back(Pool::Shuffle, 9);
                }
                1 => {
                    assert!(account.try_take(Pool::Received, 2));
                    account.give_back(Pool::Received, 2);
                }
                _ => {
                    assert!(account.take_or_wait(Pool::State, 1, &|| false));
                    account.give_back(Pool::State, 1);
                }
            })
        });
        threads.into_iter().for_each(|thread| thread.join().unwrap());
        assert_eq!((account.rest.used.load(SeqCst), account.total.used.load(SeqCst)), (1, 1));
    });
}

/// Nothing is given back: only the cancelling ends them.
#[test]
fn cancel_and_wake_end_every_waiter() {
    in_all_orders(|| {
        let (account, cancelled) = (account(100, 1), Arc::new(AtomicBool::new(false)));
        assert!(account.try_take(Pool::Received, 1));
        let threads = [(); 2].map(|()| {
            let (account, cancelled) = (Arc::clone(&account), Arc::clone(&cancelled));
            thread::spawn(move || assert!(!account.take_or_wait(Pool::Received, 1, &|| cancelled.load(SeqCst))))
        });
        cancelled.store(true, SeqCst);
        account.waiting.wake();
        threads.into_iter().for_each(|thread| thread.join().unwrap());
    });
}
