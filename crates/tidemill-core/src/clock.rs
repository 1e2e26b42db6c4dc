//! The clock: the only file that asks for the time or waits for it.
//!
//! Whoever needs the time is given a [`Clock`]; tests give a [`ManualClock`], which stands still until it is told to
//! go on. Whoever waits does so on a [`Wake`], through which another thread can end the wait early.

mod manual;
mod system;
mod wake;

use std::fmt;
use std::ops::{Add, Sub};
use std::time::Duration;

pub use manual::ManualClock;
pub use system::SystemClock;
pub use wake::{Wake, Woken};

/// Tells the time, and waits for it.
pub trait Clock: Send + Sync {
    /// The time of day. It may jump when the machine's clock is set.
    fn now(&self) -> Timestamp;

    /// The time since some moment that stays the same, for measuring. It never goes back.
    fn monotonic(&self) -> Duration;

    /// Waits until the time of day is `deadline` or `wake` ends the wait. A call of `wake` that came before the wait
    /// ends it at once, so that none is missed.
    fn wait_until(&self, deadline: Timestamp, wake: &Wake) -> Woken;
}

/// A time of day: microseconds since 1970-01-01 00:00 UTC.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Timestamp {
    micros: u64,
}

impl Timestamp {
    /// Later than any other: a wait for it ends only by its `Wake`.
    pub const NEVER: Timestamp = Timestamp { micros: u64::MAX };

    /// The time so many milliseconds after 1970-01-01 00:00 UTC.
    pub const fn from_millis(millis: u64) -> Timestamp {
        Timestamp { micros: millis.saturating_mul(1000) }
    }

    /// The time so many microseconds after 1970-01-01 00:00 UTC.
    pub const fn from_micros(micros: u64) -> Timestamp {
        Timestamp { micros }
    }

    /// Whole milliseconds since 1970-01-01 00:00 UTC, the form in which Spark gives times.
    pub const fn millis(self) -> u64 {
        self.micros / 1000
    }

    /// Microseconds since 1970-01-01 00:00 UTC.
    pub const fn micros(self) -> u64 {
        self.micros
    }

    /// The time from `earlier` to this one; zero if it is not earlier.
    pub const fn since(self, earlier: Timestamp) -> Duration {
        Duration::from_micros(self.micros.saturating_sub(earlier.micros))
    }
}

/// Stops at [`Timestamp::NEVER`] instead of overflowing.
impl Add<Duration> for Timestamp {
    type Output = Timestamp;

    fn add(self, duration: Duration) -> Timestamp {
        let micros = u64::try_from(duration.as_micros()).unwrap_or(u64::MAX);
        Timestamp { micros: self.micros.saturating_add(micros) }
    }
}

/// Stops at 1970 instead of overflowing.
impl Sub<Duration> for Timestamp {
    type Output = Timestamp;

    fn sub(self, duration: Duration) -> Timestamp {
        let micros = u64::try_from(duration.as_micros()).unwrap_or(u64::MAX);
        Timestamp { micros: self.micros.saturating_sub(micros) }
    }
}

/// As Spark prints a time: `1700000000123 ms`.
impl fmt::Display for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ms", self.millis())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_do_not_overflow() {
        let time = Timestamp::from_millis(5);
        assert_eq!((time + Duration::from_micros(1500)).micros(), 6500);
        assert_eq!((time + Duration::from_micros(1500)).millis(), 6);
        assert_eq!(time - Duration::from_secs(1), Timestamp::default());
        assert_eq!(time + Duration::MAX, Timestamp::NEVER);
        assert_eq!(Timestamp::from_millis(u64::MAX), Timestamp::NEVER);
        assert_eq!(time.since(Timestamp::from_millis(2)), Duration::from_millis(3));
        assert_eq!(time.since(Timestamp::from_millis(9)), Duration::ZERO);
        assert_eq!(time.to_string(), "5 ms");
    }
}
