//! The machine's clock: `SystemClock`.

use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use super::{Clock, Timestamp, Wake, Woken};

/// The longest that a wait sleeps before it looks at the clock again: the time of day may have been set meanwhile.
const NAP_MOST: Duration = Duration::from_secs(1);

/// The clock of the machine.
#[derive(Clone, Copy, Debug)]
pub struct SystemClock {
    start: Instant,
}

impl SystemClock {
    /// The machine's clock, measuring from now on.
    #[expect(clippy::disallowed_methods, reason = "the clock is where time comes from")]
    pub fn new() -> SystemClock {
        SystemClock { start: Instant::now() }
    }
}

impl Default for SystemClock {
    fn default() -> SystemClock {
        SystemClock::new()
    }
}

impl Clock for SystemClock {
    #[expect(clippy::disallowed_methods, reason = "the clock is where time comes from")]
    fn now(&self) -> Timestamp {
        let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        Timestamp::default() + since
    }

    fn monotonic(&self) -> Duration {
        self.start.elapsed()
    }

    fn wait_until(&self, deadline: Timestamp, wake: &Wake) -> Woken {
        wake.wait(|| {
            let now = self.now();
            (now < deadline).then(|| deadline.since(now).min(NAP_MOST))
        })
    }
}

#[cfg(test)]
mod tests {
    use std::thread;

    use super::*;

    #[test]
    fn time_goes_on() {
        let clock = SystemClock::new();
        assert!(Timestamp::from_millis(1_700_000_000_000) < clock.now());
        let (first, second) = (clock.monotonic(), clock.monotonic());
        assert!(first <= second);
    }

    #[test]
    fn a_wait_ends_at_its_deadline() {
        let clock = SystemClock::new();
        assert_eq!(clock.wait_until(Timestamp::default(), &Wake::new()), Woken::Reached);
        let deadline = clock.now() + Duration::from_millis(5);
        assert_eq!(clock.wait_until(deadline, &Wake::new()), Woken::Reached);
        assert!(deadline <= clock.now());
    }

    #[test]
    fn a_call_ends_the_wait_whether_it_comes_before_or_after() {
        let clock = SystemClock::new();
        let wake = Wake::new();
        wake.call();
        wake.call();
        assert_eq!(clock.wait_until(Timestamp::NEVER, &wake), Woken::Called);
        assert_eq!(clock.wait_until(Timestamp::default(), &wake), Woken::Reached, "two calls are one");
        thread::scope(|scope| {
            let waiter = scope.spawn(|| clock.wait_until(Timestamp::NEVER, &wake));
            wake.call();
            assert_eq!(waiter.join().unwrap(), Woken::Called);
        });
    }

    #[test]
    fn a_stop_ends_this_wait_and_all_later_ones() {
        let clock = SystemClock::new();
        let wake = Wake::new();
        thread::scope(|scope| {
            let waiter = scope.spawn(|| clock.wait_until(Timestamp::NEVER, &wake));
            wake.stop();
            assert_eq!(waiter.join().unwrap(), Woken::Stopped);
        });
        wake.call();
        assert_eq!(clock.wait_until(Timestamp::default(), &wake), Woken::Stopped);
        assert!(wake.is_stopped());
    }
}
