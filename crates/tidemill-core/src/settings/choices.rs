//! Settings that are a choice: `SchedulerMode`, `HashSeed`, `Rate`.

use std::collections::hash_map::RandomState;
use std::hash::BuildHasher;

use super::{Kind, SettingValue, Unit};

/// Which job gets the next free slot (`spark.scheduler.mode`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SchedulerMode {
    /// The job that was submitted first.
    Fifo,
    /// The job whose pool is furthest below its share.
    Fair,
}

/// What the hash of keys starts from (`tidemill.hash.seed`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum HashSeed {
    /// The same number in every run: results come in the same order each time.
    Fixed(u64),
    /// Another number in each run, for keys that an attacker may choose.
    Random,
}

/// How many records a second something may take.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Rate {
    /// As many as come.
    Unlimited,
    /// At most this many.
    PerSecond(u64),
}

impl HashSeed {
    /// The seed itself; a random one is another at each call, so ask once and keep it.
    pub fn number(self) -> u64 {
        match self {
            HashSeed::Fixed(number) => number,
            // The standard library's hasher keys are the system's randomness, the only one there is without a library.
            HashSeed::Random => RandomState::new().hash_one("tidemill.hash.seed"),
        }
    }
}

impl SettingValue for SchedulerMode {
    const KIND: Kind = Kind::Choice { allowed: "FIFO or FAIR", example: "FAIR" };

    fn parse(text: &str, _plain: Unit) -> Option<SchedulerMode> {
        match text.to_ascii_uppercase().as_str() {
            "FIFO" => Some(SchedulerMode::Fifo),
            "FAIR" => Some(SchedulerMode::Fair),
            _ => None,
        }
    }
}

impl SettingValue for HashSeed {
    const KIND: Kind = Kind::Choice { allowed: "\"fixed\" (0), a whole number, or \"random\"", example: "fixed" };

    fn parse(text: &str, _plain: Unit) -> Option<HashSeed> {
        match text {
            "fixed" => Some(HashSeed::Fixed(0)),
            "random" => Some(HashSeed::Random),
            number => number.parse().ok().map(HashSeed::Fixed),
        }
    }
}

impl SettingValue for Rate {
    const KIND: Kind =
        Kind::Choice { allowed: "a whole number of records a second (0 or below: no limit)", example: "1000" };

    /// Zero and below mean no limit, as Spark's page says (its code refuses them).
    fn parse(text: &str, _plain: Unit) -> Option<Rate> {
        let number: i64 = text.parse().ok()?;
        Some(u64::try_from(number).ok().filter(|rate| *rate != 0).map_or(Rate::Unlimited, Rate::PerSecond))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn choices_are_read() {
        // 4.62
        for (text, mode) in [("FIFO", Some(SchedulerMode::Fifo)), ("fair", Some(SchedulerMode::Fair)), ("LIFO", None)] {
            assert_eq!(SchedulerMode::parse(text, Unit::None), mode, "{text}");
        }
        for (text, seed) in [
            ("fixed", Some(HashSeed::Fixed(0))),
            ("42", Some(HashSeed::Fixed(42))),
            ("random", Some(HashSeed::Random)),
            ("-1", None),
            ("", None),
        ] {
            assert_eq!(HashSeed::parse(text, Unit::None), seed, "{text}");
        }
        // 4.10
        for (text, rate) in [
            ("100", Some(Rate::PerSecond(100))),
            ("0", Some(Rate::Unlimited)),
            ("-1", Some(Rate::Unlimited)),
            ("9223372036854775807", Some(Rate::PerSecond(i64::MAX as u64))),
            ("many", None),
        ] {
            assert_eq!(Rate::parse(text, Unit::None), rate, "{text}");
        }
    }

    #[test]
    fn a_fixed_seed_is_its_number_and_random_ones_differ() {
        assert_eq!(HashSeed::Fixed(7).number(), 7);
        assert_ne!(HashSeed::Random.number(), HashSeed::Random.number());
    }
}
