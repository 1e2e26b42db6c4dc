//! Lengths of time as users write them: `200ms`, `2s`, `1min`, `1h`.

use std::time::Duration;

use super::Unit;

/// The units that Spark reads, largest first, with their microseconds. `m` is minutes, as in Spark.
const UNITS: [(&str, u64); 7] = [
    ("d", 86_400_000_000),
    ("h", 3_600_000_000),
    ("min", 60_000_000),
    ("m", 60_000_000),
    ("s", 1_000_000),
    ("ms", 1_000),
    ("us", 1),
];

/// Reads a length of time as Spark does: digits, then nothing (the `plain` unit) or us, ms, s, m, min, h, d in either
/// case. `None` for anything else: fractions, signs, spaces inside, or more microseconds than 64 bits hold.
pub fn parse_duration(text: &str, plain: Unit) -> Option<Duration> {
    let digits = text.bytes().take_while(u8::is_ascii_digit).count();
    let (number, unit) = text.split_at_checked(digits)?;
    let unit = match (unit, plain) {
        ("", Unit::Seconds) => "s".to_owned(),
        ("", _) => "ms".to_owned(),
        (unit, _) => unit.to_ascii_lowercase(),
    };
    let (_, micros) = UNITS.iter().find(|(name, _)| *name == unit)?;
    number.parse::<u64>().ok()?.checked_mul(*micros).map(Duration::from_micros)
}

/// Writes a length of time in the largest unit that divides it, as [`parse_duration`] reads it; what is finer than a
/// microsecond is cut off.
pub fn format_duration(duration: Duration) -> String {
    let micros = u64::try_from(duration.as_micros()).unwrap_or(u64::MAX);
    if micros == 0 {
        return "0ms".to_owned();
    }
    let (unit, size) = UNITS.iter().find(|(_, size)| micros % size == 0).copied().unwrap_or(("us", 1));
    format!("{}{unit}", micros / size)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn durations_are_read_as_spark_reads_them() {
        let good = [
            ("0", 0),
            ("2000", 2_000_000),
            ("200ms", 200_000),
            ("200MS", 200_000),
            ("7us", 7),
            ("2s", 2_000_000),
            ("1m", 60_000_000),
            ("1min", 60_000_000),
            ("1h", 3_600_000_000),
            ("2d", 172_800_000_000),
        ];
        for (text, micros) in good {
            assert_eq!(parse_duration(text, Unit::Milliseconds), Some(Duration::from_micros(micros)), "{text}");
        }
        for bad in ["", "s", "0.5s", "-1s", "+1", "1 s", "1sec", "1w", "99999999999999d", "١s"] {
            assert_eq!(parse_duration(bad, Unit::Milliseconds), None, "{bad}");
        }
        assert_eq!(parse_duration("30", Unit::Seconds), Some(Duration::from_secs(30)));
    }

    proptest! {
        #[test]
        fn a_printed_duration_reads_back(micros: u64, scale in prop::sample::select(vec![1u64, 1000, 1_000_000, 60_000_000])) {
            for micros in [micros, micros / scale * scale] {
                let duration = Duration::from_micros(micros);
                prop_assert_eq!(parse_duration(&format_duration(duration), Unit::Seconds), Some(duration));
            }
        }

        #[test]
        fn no_text_makes_the_parser_fail(text in ".{0,12}") {
            let _ = parse_duration(&text, Unit::Seconds);
        }
    }
}
