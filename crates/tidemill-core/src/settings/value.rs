//! What a setting's value can be: `SettingValue`, and the plain types that are values.

use std::time::Duration;

use super::parse_duration;

/// What sort of value a setting takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// `true` or `false`.
    Bool,
    /// A whole number, 0 or above.
    Count,
    /// A number, with or without a fraction.
    Float,
    /// A number of bytes: `512m`.
    Bytes,
    /// A number of bytes, or a percentage of what is there: `60%`.
    Portion,
    /// A length of time: `200ms`.
    Duration,
    /// Any text.
    Text,
    /// A word, or a number, from a short list that the texts describe.
    Choice {
        /// What may be written, as it reads after "it takes".
        allowed: &'static str,
        /// One of them.
        example: &'static str,
    },
}

/// What a number without a unit means, where a unit may be written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unit {
    /// The value has no unit.
    None,
    /// Bytes.
    Bytes,
    /// Units of 1024 x 1024 bytes.
    Mebibytes,
    /// Milliseconds.
    Milliseconds,
    /// Seconds.
    Seconds,
}

/// A type that a setting can have.
pub trait SettingValue: Clone + Send + Sync + 'static {
    /// What sort of value it is, for messages and for the page.
    const KIND: Kind;
    /// What a plain number means unless the setting's entry says otherwise.
    const PLAIN: Unit = Unit::None;
    /// Whether it has a value that means "nothing was written".
    const OPTIONAL: bool = false;

    /// Reads a text without spaces around it; `None` if it is no such value.
    fn parse(text: &str, plain: Unit) -> Option<Self>;

    /// The value that means "nothing was written".
    fn unset() -> Option<Self> {
        None
    }

    /// The value as a number, for the bounds: bytes, milliseconds, or the number itself.
    fn magnitude(&self) -> Option<f64> {
        None
    }
}

impl Kind {
    /// What may be written, as it reads after "it takes".
    pub(super) fn allowed(self, plain: Unit) -> String {
        match self {
            Kind::Bool => "true or false".to_owned(),
            Kind::Count => "a whole number".to_owned(),
            Kind::Float => "a number".to_owned(),
            Kind::Text => "a text".to_owned(),
            Kind::Choice { allowed, .. } => allowed.to_owned(),
            Kind::Bytes => format!("a whole number with b, k, m, g, t or p ({})", plain.words()),
            Kind::Portion => format!("a whole number with b, k, m, g, t or p ({}), or up to 100%", plain.words()),
            Kind::Duration => format!("a whole number with us, ms, s, min, h or d ({})", plain.words()),
        }
    }

    /// A value that may be written.
    pub(super) fn example(self) -> &'static str {
        match self {
            Kind::Bool => "true",
            Kind::Count => "4",
            Kind::Float => "0.5",
            Kind::Text => "text",
            Kind::Choice { example, .. } => example,
            Kind::Bytes | Kind::Portion => "512m",
            Kind::Duration => "2s",
        }
    }

    /// The word for it in the page's table.
    pub(super) fn title(self) -> &'static str {
        match self {
            Kind::Bool => "bool",
            Kind::Count => "count",
            Kind::Float => "number",
            Kind::Bytes => "bytes",
            Kind::Portion => "bytes or %",
            Kind::Duration => "duration",
            Kind::Text => "text",
            Kind::Choice { .. } => "choice",
        }
    }
}

impl Unit {
    /// The unit, as a half sentence.
    pub(super) fn words(self) -> &'static str {
        match self {
            Unit::None => "without a unit",
            Unit::Bytes => "without one: bytes",
            Unit::Mebibytes => "without one: m",
            Unit::Milliseconds => "without one: ms",
            Unit::Seconds => "without one: s",
        }
    }
}

impl SettingValue for bool {
    const KIND: Kind = Kind::Bool;

    fn parse(text: &str, _plain: Unit) -> Option<bool> {
        match text {
            _ if text.eq_ignore_ascii_case("true") => Some(true),
            _ if text.eq_ignore_ascii_case("false") => Some(false),
            _ => None,
        }
    }
}

/// The whole numbers, each within its own range.
macro_rules! count_values {
    ($($number:ty),+) => {$(
        impl SettingValue for $number {
            const KIND: Kind = Kind::Count;

            fn parse(text: &str, _plain: Unit) -> Option<$number> {
                text.parse().ok()
            }

            fn magnitude(&self) -> Option<f64> {
                Some(*self as f64)
            }
        }
    )+};
}

count_values!(u16, u32, u64, usize);

impl SettingValue for f64 {
    const KIND: Kind = Kind::Float;

    fn parse(text: &str, _plain: Unit) -> Option<f64> {
        // Rust would also read "inf" and "NaN", with which no bound and no formula works.
        text.parse().ok().filter(|number: &f64| number.is_finite())
    }

    fn magnitude(&self) -> Option<f64> {
        Some(*self)
    }
}

impl SettingValue for String {
    const KIND: Kind = Kind::Text;

    fn parse(text: &str, _plain: Unit) -> Option<String> {
        Some(text.to_owned())
    }
}

impl SettingValue for Duration {
    const KIND: Kind = Kind::Duration;
    const PLAIN: Unit = Unit::Milliseconds;

    fn parse(text: &str, plain: Unit) -> Option<Duration> {
        parse_duration(text, plain)
    }

    fn magnitude(&self) -> Option<f64> {
        Some(self.as_secs_f64() * 1000.0)
    }
}

impl<T: SettingValue> SettingValue for Option<T> {
    const KIND: Kind = T::KIND;
    const PLAIN: Unit = T::PLAIN;
    const OPTIONAL: bool = true;

    fn parse(text: &str, plain: Unit) -> Option<Option<T>> {
        T::parse(text, plain).map(Some)
    }

    fn unset() -> Option<Option<T>> {
        Some(None)
    }

    fn magnitude(&self) -> Option<f64> {
        self.as_ref().and_then(T::magnitude)
    }
}
