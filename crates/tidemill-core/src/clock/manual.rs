//! A clock that stands still until it is told to go on: `ManualClock`, for tests.

use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use super::{Clock, Timestamp, Wake, Woken};

/// How long [`ManualClock::wait_for_waiters`] waits by the machine's clock before it gives up: longer than any busy
/// machine needs to start a thread, shorter than a person waits for a test that hangs.
const PATIENCE: Duration = Duration::from_secs(30);

/// How long a waiter sleeps unless it is nudged: the clock nudges it whenever the time changes, so as long as can be.
const FOREVER: Duration = Duration::from_secs(u32::MAX as u64);

/// A clock that goes only when it is told to (Spark's `ManualClock`). Clones are the same clock.
#[derive(Clone, Debug, Default)]
pub struct ManualClock {
    shared: Arc<Shared>,
}

#[derive(Debug, Default)]
struct Shared {
    state: Mutex<State>,
    parked: Condvar,
}

#[derive(Debug, Default)]
struct State {
    now: Timestamp,
    elapsed: Duration,
    waiters: Vec<Waiter>,
}

/// Somebody who waits, and until when.
#[derive(Debug)]
struct Waiter {
    deadline: Timestamp,
    wake: Wake,
}

impl ManualClock {
    /// A clock that shows `now`.
    pub fn at(now: Timestamp) -> ManualClock {
        let clock = ManualClock::default();
        clock.lock().now = now;
        clock
    }

    /// Lets time pass. Whoever waits for a time up to the new one is woken.
    pub fn advance(&self, duration: Duration) {
        let now = self.now() + duration;
        self.change(|state| {
            state.now = now;
            state.elapsed += duration;
        });
    }

    /// Sets the time of day, forth or back. Measured time goes on by as much as the time of day went forth.
    pub fn set(&self, now: Timestamp) {
        self.change(|state| {
            state.elapsed += now.since(state.now);
            state.now = now;
        });
    }

    /// Waits until at least `count` threads wait for a time that has not come, so that a test can let time pass only
    /// when everybody is ready for it. Those that wait for [`Timestamp::NEVER`], which is for a call alone, do not
    /// count. False if that takes longer than half a minute by the machine's clock.
    #[must_use = "false means that the waiters never came"]
    pub fn wait_for_waiters(&self, count: usize) -> bool {
        let too_few = |state: &mut State| {
            let to_come = state.now + Duration::from_micros(1)..Timestamp::NEVER;
            state.waiters.iter().filter(|waiter| to_come.contains(&waiter.deadline)).count() < count
        };
        let waited = self.shared.parked.wait_timeout_while(self.lock(), PATIENCE, too_few);
        !waited.unwrap_or_else(PoisonError::into_inner).1.timed_out()
    }

    fn change(&self, change: impl FnOnce(&mut State)) {
        let wakes: Vec<Wake> = {
            let mut state = self.lock();
            change(&mut state);
            state.waiters.iter().map(|waiter| waiter.wake.clone()).collect()
        };
        // Without the clock's lock: a waiter asks the clock while it holds its wake's lock, which a nudge takes.
        wakes.iter().for_each(Wake::nudge);
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.shared.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Clock for ManualClock {
    fn now(&self) -> Timestamp {
        self.lock().now
    }

    fn monotonic(&self) -> Duration {
        self.lock().elapsed
    }

    fn wait_until(&self, deadline: Timestamp, wake: &Wake) -> Woken {
        let is_mine = |waiter: &Waiter| waiter.deadline == deadline && waiter.wake.is(wake);
        let mut parked = false;
        let woken = wake.wait(|| {
            let mut state = self.lock();
            if deadline <= state.now {
                return None;
            }
            // Only from here on does the thread count as waiting: it goes to sleep before its wake's lock is free.
            if !std::mem::replace(&mut parked, true) {
                state.waiters.push(Waiter { deadline, wake: wake.clone() });
                self.shared.parked.notify_all();
            }
            Some(FOREVER)
        });
        let mut state = self.lock();
        if let Some(index) = state.waiters.iter().position(is_mine).filter(|_| parked) {
            state.waiters.swap_remove(index);
        }
        woken
    }
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc::sync_channel;
    use std::thread;

    use super::*;

    const START: Timestamp = Timestamp::from_millis(1000);

    #[test]
    fn time_stands_still_until_told_to_go() {
        let clock = ManualClock::at(START);
        assert_eq!((clock.now(), clock.now()), (START, START));
        clock.advance(Duration::from_millis(500));
        assert_eq!((clock.now().millis(), clock.monotonic().as_millis()), (1500, 500));
        clock.set(Timestamp::from_millis(100));
        assert_eq!((clock.now().millis(), clock.monotonic().as_millis()), (100, 500), "measured time never goes back");
        clock.set(Timestamp::from_millis(300));
        assert_eq!(clock.monotonic().as_millis(), 700);
        assert_eq!(clock.wait_until(Timestamp::from_millis(300), &Wake::new()), Woken::Reached);
    }

    #[test]
    fn only_those_whose_time_has_come_wake() {
        let clock = ManualClock::at(START);
        let (sender, woken) = sync_channel(8);
        thread::scope(|scope| {
            for after in [30, 10, 20] {
                let (clock, sender) = (clock.clone(), sender.clone());
                scope.spawn(move || {
                    let reached = clock.wait_until(START + Duration::from_millis(after), &Wake::new());
                    sender.send((after, reached, clock.now().millis())).unwrap();
                });
            }
            assert!(clock.wait_for_waiters(3));
            for (after, left) in [(10, 2), (20, 1), (30, 0)] {
                clock.advance(Duration::from_millis(10));
                assert_eq!(woken.recv().unwrap(), (after, Woken::Reached, 1000 + after));
                assert!(woken.try_recv().is_err());
                assert!(clock.wait_for_waiters(left));
            }
        });
    }

    #[test]
    fn a_loop_of_waits_sees_every_tick() {
        let clock = ManualClock::at(START);
        let wake = Wake::new();
        thread::scope(|scope| {
            let ticks = scope.spawn(|| {
                let mut next = START + Duration::from_millis(100);
                let mut ticks = Vec::new();
                while clock.wait_until(next, &wake) == Woken::Reached {
                    ticks.push(clock.now().millis());
                    next = next + Duration::from_millis(100);
                }
                ticks
            });
            for _ in 0..50 {
                assert!(clock.wait_for_waiters(1));
                clock.advance(Duration::from_millis(100));
            }
            assert!(clock.wait_for_waiters(1));
            wake.stop();
            let expected: Vec<u64> = (1..=50).map(|tick| 1000 + 100 * tick).collect();
            assert_eq!(ticks.join().unwrap(), expected);
        });
    }

    #[test]
    fn a_call_ends_a_wait_for_a_time_that_never_comes() {
        let clock = ManualClock::at(START);
        let wake = Wake::new();
        thread::scope(|scope| {
            let waiter = scope.spawn(|| clock.wait_until(START + Duration::from_secs(1), &wake));
            assert!(clock.wait_for_waiters(1));
            wake.call();
            assert_eq!(waiter.join().unwrap(), Woken::Called);
        });
        assert_eq!(clock.lock().waiters.len(), 0);
    }
}
