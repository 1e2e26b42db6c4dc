//! Sizes as users write them: `ByteSize` ("512m") and `Portion` ("512m" or "60%").

use std::fmt;

use super::{Kind, SettingValue, Unit};

/// The units that Spark reads, each 1024 of the one before; small letters, with or without a `b` behind.
const UNITS: [&str; 5] = ["k", "m", "g", "t", "p"];

/// A number of bytes. It prints in the largest unit that divides it, which reads back as the same number.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ByteSize(u64);

/// A number of bytes, or a part of a whole that is known only on the machine.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Portion {
    /// This many bytes.
    Bytes(ByteSize),
    /// This many hundredths of the whole, from 0 to 100.
    Percent(u8),
}

impl ByteSize {
    /// A size of so many bytes.
    pub const fn new(bytes: u64) -> ByteSize {
        ByteSize(bytes)
    }

    /// The number of bytes.
    pub const fn bytes(self) -> u64 {
        self.0
    }

    /// Reads a size as Spark does: digits, then nothing (the `plain` unit) or b, k, kb, m, mb, g, gb, t, tb, p, pb in
    /// either case. `None` for anything else: fractions, signs, spaces inside, or more than 64 bits hold.
    pub fn parse(text: &str, plain: Unit) -> Option<ByteSize> {
        let digits = text.bytes().take_while(u8::is_ascii_digit).count();
        let (number, unit) = text.split_at_checked(digits)?;
        let shift = match (unit.to_ascii_lowercase().as_str(), plain) {
            ("", Unit::Mebibytes) => 20,
            ("" | "b", _) => 0,
            (unit, _) => {
                let power = UNITS.iter().position(|name| unit == *name || unit.strip_suffix('b') == Some(*name))?;
                10 * (power as u32 + 1)
            }
        };
        number.parse::<u64>().ok()?.checked_mul(1 << shift).map(ByteSize)
    }
}

impl fmt::Display for ByteSize {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.0 == 0 {
            return write!(f, "0b");
        }
        let power = (self.0.trailing_zeros() as usize / 10).min(UNITS.len());
        let unit = power.checked_sub(1).map_or("b", |index| UNITS[index]);
        write!(f, "{}{unit}", self.0 >> (10 * power))
    }
}

impl Portion {
    /// The number of bytes when the whole has `whole` bytes.
    pub fn of(self, whole: u64) -> u64 {
        match self {
            Portion::Bytes(size) => size.bytes(),
            // Through 128 bits: a whole near 2^64 times a hundred has no place in 64.
            Portion::Percent(percent) => (u128::from(whole) * u128::from(percent) / 100) as u64,
        }
    }
}

impl SettingValue for ByteSize {
    const KIND: Kind = Kind::Bytes;
    const PLAIN: Unit = Unit::Bytes;

    fn parse(text: &str, plain: Unit) -> Option<ByteSize> {
        ByteSize::parse(text, plain)
    }

    fn magnitude(&self) -> Option<f64> {
        Some(self.0 as f64)
    }
}

impl SettingValue for Portion {
    const KIND: Kind = Kind::Portion;
    const PLAIN: Unit = Unit::Bytes;

    fn parse(text: &str, plain: Unit) -> Option<Portion> {
        match text.strip_suffix('%') {
            Some(number) => number.parse().ok().filter(|percent: &u8| *percent <= 100).map(Portion::Percent),
            None => ByteSize::parse(text, plain).map(Portion::Bytes),
        }
    }

    fn magnitude(&self) -> Option<f64> {
        match self {
            Portion::Bytes(size) => size.magnitude(),
            Portion::Percent(percent) => Some(f64::from(*percent)),
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn sizes_are_read_as_spark_reads_them() {
        let read = |text| ByteSize::parse(text, Unit::Bytes).map(ByteSize::bytes);
        let good = [
            ("0", 0),
            ("17", 17),
            ("17b", 17),
            ("64k", 64 << 10),
            ("64kb", 64 << 10),
            ("512m", 512 << 20),
            ("512MB", 512 << 20),
            ("1g", 1 << 30),
            ("2tb", 2 << 40),
            ("3P", 3 << 50),
        ];
        for (text, bytes) in good {
            assert_eq!(read(text), Some(bytes), "{text}");
        }
        for bad in
            ["", "m", "0.5m", "-1", "+1", "1 m", "1mbb", "1bb", "1x", "1kk", "20000p", "99999999999999999999", "١"]
        {
            assert_eq!(read(bad), None, "{bad}");
        }
        assert_eq!(ByteSize::parse("512", Unit::Mebibytes), Some(ByteSize(512 << 20)));
        assert_eq!(ByteSize::parse("512b", Unit::Mebibytes), Some(ByteSize(512)));
    }

    #[test]
    fn portions_are_bytes_or_percent() {
        let read = |text| <Portion as SettingValue>::parse(text, Unit::Bytes).map(|portion| portion.of(1000));
        for (text, bytes) in [("60%", 600), ("100%", 1000), ("1%", 10), ("0%", 0), ("2k", 2048), ("5", 5)] {
            assert_eq!(read(text), Some(bytes), "{text}");
        }
        for bad in ["101%", "%", "6.5%", "-5%", "sixty"] {
            assert_eq!(read(bad), None, "{bad}");
        }
        assert_eq!(Portion::Percent(100).of(u64::MAX), u64::MAX);
    }

    proptest! {
        #[test]
        fn a_printed_size_reads_back(bytes: u64, shift in 0u32..60) {
            for size in [ByteSize(bytes), ByteSize((bytes >> shift) << shift)] {
                prop_assert_eq!(ByteSize::parse(&size.to_string(), Unit::Bytes), Some(size));
            }
        }

        #[test]
        fn no_text_makes_the_parser_fail(text in ".{0,12}") {
            let _ = ByteSize::parse(&text, Unit::Bytes);
            let _ = <Portion as SettingValue>::parse(&text, Unit::Bytes);
        }
    }
}
