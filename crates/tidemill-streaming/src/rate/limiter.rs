//! `RateLimiter`: a bucket of tokens, one a record, that fills at a rate.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tidemill_core::settings::Rate;

/// The bucket holds what so many seconds bring: an input that was idle may catch up that much, as in Spark.
const BURST_SECONDS: u128 = 1;
/// Tokens are counted in millionths, so that none is lost between two looks at a clock of microseconds.
const PARTS: u128 = 1_000_000;

/// Limits the records a second of one input (behaviour 2.29). Times are monotonic: a clock's
/// [`monotonic`](tidemill_core::Clock::monotonic).
#[derive(Debug)]
pub struct RateLimiter {
    max: Rate,
    /// Whether there is a rate at all: most receivers have none, and ask for each record.
    limits: AtomicBool,
    state: Mutex<State>,
}

#[derive(Debug)]
struct State {
    rate: Rate,
    /// Millionths of tokens in the bucket; below zero after records that came in at once and are paid for later.
    parts: i128,
    /// When that was so.
    at: Duration,
}

impl RateLimiter {
    /// Allows no more than `max`, and `initial` until the first update; the bucket is empty.
    pub fn new(max: Rate, initial: Rate, now: Duration) -> RateLimiter {
        let rate = lesser(initial, max);
        let limits = AtomicBool::new(rate != Rate::Unlimited);
        RateLimiter { max, limits, state: Mutex::new(State { rate, parts: 0, at: now }) }
    }

    /// The rate that holds now.
    pub fn rate(&self) -> Rate {
        self.state().rate
    }

    /// Whether there is a rate; a look without a lock.
    pub fn limits(&self) -> bool {
        self.limits.load(Ordering::Relaxed)
    }

    /// Sets the rate, in records a second, but to no more than the limit. Zero and less are ignored, as in Spark.
    pub fn update(&self, rate: i64, now: Duration) {
        let Some(rate) = u64::try_from(rate).ok().filter(|rate| *rate > 0) else { return };
        let mut state = self.state();
        state.fill(now);
        state.rate = lesser(Rate::PerSecond(rate), self.max);
        state.fill(now); // the new bucket may be smaller
        self.limits.store(true, Ordering::Relaxed);
    }

    /// How many records may come in now: 0 or more whole tokens; `None` means any number.
    pub fn available(&self, now: Duration) -> Option<u64> {
        let mut state = self.state();
        state.fill(now);
        match state.rate {
            Rate::Unlimited => None,
            Rate::PerSecond(_) => Some(u64::try_from(state.parts / PARTS as i128).unwrap_or_default()),
        }
    }

    /// How long after `now` there will be a whole token; zero if there is one.
    pub fn wait(&self, now: Duration) -> Duration {
        let mut state = self.state();
        state.fill(now);
        let Rate::PerSecond(rate) = state.rate else { return Duration::ZERO };
        let missing = u128::try_from(PARTS as i128 - state.parts).unwrap_or_default();
        Duration::from_micros(u64::try_from(missing.div_ceil(u128::from(rate))).unwrap_or(u64::MAX))
    }

    /// Takes tokens for `records` that have come in. More than are there are owed: the next have to wait for them.
    pub fn take(&self, records: u64, now: Duration) {
        let mut state = self.state();
        state.fill(now);
        if state.rate != Rate::Unlimited {
            state.parts -= i128::from(records) * PARTS as i128;
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    /// Adds what came since the last look. A rate of one a second brings one part a microsecond.
    fn fill(&mut self, now: Duration) {
        let passed = now.saturating_sub(self.at).as_micros();
        self.at = self.at.max(now);
        match self.rate {
            Rate::Unlimited => self.parts = 0,
            Rate::PerSecond(rate) => {
                let (rate, full) = (u128::from(rate), u128::from(rate) * BURST_SECONDS * PARTS);
                let more = i128::try_from(passed.saturating_mul(rate)).unwrap_or(i128::MAX);
                self.parts = self.parts.saturating_add(more).min(full as i128);
            }
        }
    }
}

fn lesser(one: Rate, other: Rate) -> Rate {
    match (one, other) {
        (Rate::Unlimited, rate) | (rate, Rate::Unlimited) => rate,
        (Rate::PerSecond(one), Rate::PerSecond(other)) => Rate::PerSecond(one.min(other)),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::Rate::{PerSecond, Unlimited};
    use super::*;

    const fn millis(millis: u64) -> Duration {
        Duration::from_millis(millis)
    }

    #[test]
    fn the_lesser_of_all_rates_holds() {
        // behaviour 2.29, 4.2, 4.10
        let table: [(Rate, Rate, &[i64], Rate); 9] = [
            (Unlimited, Unlimited, &[], Unlimited),
            (PerSecond(100), Unlimited, &[], PerSecond(100)),
            (Unlimited, PerSecond(50), &[], PerSecond(50)),
            (PerSecond(100), PerSecond(50), &[], PerSecond(50)),
            (PerSecond(100), PerSecond(500), &[], PerSecond(100)),
            (PerSecond(100), Unlimited, &[70], PerSecond(70)),
            (PerSecond(100), Unlimited, &[70, 700], PerSecond(100)),
            (Unlimited, PerSecond(50), &[700], PerSecond(700)),
            (Unlimited, PerSecond(50), &[70, 0, -1], PerSecond(70)),
        ];
        for (max, initial, updates, expected) in table {
            let limiter = RateLimiter::new(max, initial, millis(0));
            updates.iter().for_each(|rate| limiter.update(*rate, millis(0)));
            assert_eq!(limiter.rate(), expected, "max {max:?}, initial {initial:?}, updates {updates:?}");
        }
    }

    #[test]
    fn tokens_come_at_the_rate_and_a_second_of_them_is_kept() {
        // behaviour 2.29
        let limiter = RateLimiter::new(Unlimited, PerSecond(10), millis(0));
        assert_eq!((limiter.available(millis(0)), limiter.wait(millis(0))), (Some(0), millis(100)));
        assert_eq!((limiter.available(millis(99)), limiter.wait(millis(99))), (Some(0), millis(1)));
        assert_eq!((limiter.available(millis(100)), limiter.wait(millis(100))), (Some(1), millis(0)));
        assert_eq!(limiter.available(millis(60_000)), Some(10));
        limiter.take(12, millis(60_000)); // two are owed
        assert_eq!((limiter.available(millis(60_200)), limiter.wait(millis(60_200))), (Some(0), millis(100)));
        limiter.update(5, millis(60_200));
        assert_eq!(limiter.wait(millis(60_200)), millis(200));
        limiter.update(100, millis(60_300));
        assert_eq!(limiter.available(millis(70_000)), Some(100));
        limiter.update(20, millis(70_000));
        assert_eq!(limiter.available(millis(70_000)), Some(20), "a smaller bucket holds less");
        let free = RateLimiter::new(Unlimited, Unlimited, millis(0));
        free.take(1 << 40, millis(1));
        assert_eq!((free.available(millis(1)), free.wait(millis(1))), (None, millis(0)));
        let fastest = RateLimiter::new(PerSecond(i64::MAX as u64), Unlimited, millis(0));
        assert_eq!(fastest.available(Duration::MAX), Some(i64::MAX as u64));
    }

    proptest! {
        /// Whoever takes what is available, whenever, never gets more than the rate brings, nor loses a token by looking
        /// too often.
        #[test]
        fn no_token_is_lost_or_doubled(rate in 10_u64..5000, steps in prop::collection::vec(0_u64..900_000, 1..60)) {
            let limiter = RateLimiter::new(PerSecond(rate), Unlimited, Duration::ZERO);
            let (mut now, mut taken) = (0, 0);
            for step in steps {
                now += step;
                let at = Duration::from_micros(now);
                let available = limiter.available(at).unwrap();
                limiter.take(available, at);
                taken += available;
                prop_assert_eq!(taken, now * rate / 1_000_000);
                let missing = 1_000_000 - now * rate % 1_000_000;
                prop_assert_eq!(limiter.wait(at), Duration::from_micros(missing.div_ceil(rate)));
            }
        }
    }
}
