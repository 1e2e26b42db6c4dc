//! The account between threads, in every order in which they may run: the very source of it, over `shuttle`'s types.
//!
//! `shuttle` runs the threads of a model one at a time and chooses at each operation who goes on. A wake-up that is missed
//! is a deadlock, which it reports with the choices that lead there. All operations are sequentially consistent, here as
//! in the source.

use std::sync::Arc;

use shuttle::sync::{self, atomic::AtomicBool, atomic::Ordering::SeqCst};
use shuttle::thread;
use waiting::Waiting;

use super::{MemoryLimits, POOLS, Pool};

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
