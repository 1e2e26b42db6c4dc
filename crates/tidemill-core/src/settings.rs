//! Settings: one table that documents every name, `Settings` as written, `Config` as resolved.
//!
//! A setting is declared once, in [`keys`], with its type, default, bounds and description. From that one place come
//! the typed [`SettingKey`] that code reads it by (a name cannot be misspelt, a value cannot be misread), the check
//! of what a user wrote, the warning about a name that nobody knows, and the page `docs/settings.md`.
//!
//! ```
//! use tidemill_core::settings::{Config, Settings, keys};
//!
//! let settings = Settings::from_pairs([("spark.master", "local[4]"), ("tidemill.text.split.size", "16m")]);
//! let config = Config::resolve(&settings)?;
//! assert_eq!(config.default_parallelism(), 4);
//! assert_eq!(config.get(keys::TEXT_SPLIT_SIZE).bytes(), 16 << 20);
//! # Ok::<(), tidemill_core::settings::SettingError>(())
//! ```

mod choices;
mod config;
mod document;
mod duration;
mod error;
mod ignored;
pub mod keys;
mod machine;
mod memory;
mod secrets;
mod size;
mod unknown;
mod value;
mod written;

use std::any::Any;
use std::fmt;
use std::marker::PhantomData;
use std::sync::Arc;

pub use choices::{HashSeed, Rate, SchedulerMode};
pub use config::Config;
pub use duration::{format_duration, parse_duration};
pub use error::SettingError;
pub use machine::{Machine, terminal_width};
pub use secrets::{REDACTED, Secrets};
pub use size::{ByteSize, Portion};
pub use unknown::{UnknownSetting, unknown};
pub use value::{Kind, SettingValue, Unit};
pub use written::{RedactedSettings, Settings};

/// A value of a setting, parsed, behind its key's type.
type AnyValue = Arc<dyn Any + Send + Sync>;

/// One entry of the table: all there is to know about a setting except the type, which its [`SettingKey`] holds.
#[derive(Clone, Copy)]
pub struct Setting {
    /// The name that users write.
    pub name: &'static str,
    /// Names that it had before, or has elsewhere; `name` wins where both are written.
    pub old_names: &'static [&'static str],
    /// What sort of value it takes.
    pub kind: Kind,
    /// What a number without a unit means.
    pub plain: Unit,
    /// What holds when nothing is written.
    pub default: DefaultValue,
    /// What a value must also satisfy.
    pub bounds: Bounds,
    /// What it does, in a sentence or two.
    pub doc: &'static str,
    /// The row of the behaviour table, for a setting of Spark's.
    pub row: Option<&'static str>,
    /// Why writing it changes nothing yet: what it is for is not built. The page marks it, and who writes it is warned.
    pub no_effect: Option<&'static str>,
    /// Why it cannot be set at all: it asks for something that this engine cannot do.
    pub refused: Option<&'static str>,
    parse: fn(&Setting, &str) -> Option<(AnyValue, Option<f64>)>,
    unset: fn() -> Option<AnyValue>,
    optional: bool,
}

/// What holds when a setting isn't written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DefaultValue {
    /// This text, as a user would write it.
    Written(&'static str),
    /// The key reads as `None`; the words say what the engine then does.
    Absent(&'static str),
}

/// What a value must satisfy beyond its kind. Durations are compared in milliseconds, sizes in bytes.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Bounds {
    /// Any value of the kind.
    Any,
    /// Above zero.
    AboveZero,
    /// Zero or above.
    ZeroOrAbove,
    /// Above zero and at most this.
    AtMost(f64),
    /// Zero or above, and below this.
    Below(f64),
    /// One of these words.
    OneOf(&'static [&'static str]),
}

/// The typed name of a setting: what [`Config::get`] reads it by. The constants are in [`keys`].
pub struct SettingKey<T> {
    setting: &'static Setting,
    value: PhantomData<fn() -> T>,
}

impl Setting {
    /// An entry for a setting of type `T` that is absent unless written. Only the table makes entries.
    const fn of<T: SettingValue>(name: &'static str, doc: &'static str) -> Setting {
        Setting {
            name,
            old_names: &[],
            kind: T::KIND,
            plain: T::PLAIN,
            default: DefaultValue::Absent("not set"),
            bounds: Bounds::Any,
            doc,
            row: None,
            no_effect: None,
            refused: None,
            parse: parse_as::<T>,
            unset: unset_as::<T>,
            optional: T::OPTIONAL,
        }
    }

    const fn default(self, written: &'static str) -> Setting {
        Setting { default: DefaultValue::Written(written), ..self }
    }

    const fn absent(self, words: &'static str) -> Setting {
        Setting { default: DefaultValue::Absent(words), ..self }
    }

    const fn plain(self, plain: Unit) -> Setting {
        Setting { plain, ..self }
    }

    const fn bounds(self, bounds: Bounds) -> Setting {
        Setting { bounds, ..self }
    }

    const fn row(self, row: &'static str) -> Setting {
        Setting { row: Some(row), ..self }
    }

    const fn no_effect(self, because: &'static str) -> Setting {
        Setting { no_effect: Some(because), ..self }
    }

    const fn refused(self, because: &'static str) -> Setting {
        Setting { refused: Some(because), ..self }
    }

    const fn old_names(self, old_names: &'static [&'static str]) -> Setting {
        Setting { old_names, ..self }
    }

    /// Refuses, while compiling, an entry that would have no value at all when nothing is written.
    const fn complete(self) -> Setting {
        assert!(self.optional || matches!(self.default, DefaultValue::Written(_)), "a setting without a default");
        self
    }

    /// What this setting makes of a text that was written for it.
    fn read(&self, written: &str) -> Result<AnyValue, SettingError> {
        if let Some(because) = self.refused {
            return Err(SettingError::Never { name: self.name, because });
        }
        match (self.parse)(self, written.trim()) {
            Some((value, magnitude)) if self.bounds.hold(written.trim(), magnitude) => Ok(value),
            _ => Err(SettingError::refused(self, written)),
        }
    }

    /// What holds when nothing is written.
    fn read_default(&self) -> Result<AnyValue, SettingError> {
        match self.default {
            DefaultValue::Written(text) => self.read(text),
            DefaultValue::Absent(_) => (self.unset)().ok_or_else(|| SettingError::refused(self, "")),
        }
    }

    /// Whether `written` asks for anything but what holds anyway.
    fn is_default(&self, written: &str) -> bool {
        matches!(self.default, DefaultValue::Written(text) if text.eq_ignore_ascii_case(written.trim()))
    }

    /// What may be written, in words, for messages and for the page.
    pub fn allowed(&self) -> String {
        let kind = match self.bounds {
            Bounds::OneOf([others @ .., last]) if !others.is_empty() => {
                return format!("{} or {last}", others.join(", "));
            }
            Bounds::OneOf(words) => return words.concat(),
            _ => self.kind.allowed(self.plain),
        };
        match self.bounds.words(self.kind) {
            Some(bounds) => format!("{kind}, {bounds}"),
            None => kind,
        }
    }

    /// A value that may be written: the default where there is one.
    pub fn example(&self) -> &'static str {
        match (self.default, self.bounds) {
            (DefaultValue::Written(text), _) if !text.is_empty() => text,
            (_, Bounds::OneOf([first, ..])) => first,
            _ => self.kind.example(),
        }
    }
}

impl fmt::Debug for Setting {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Setting").field("name", &self.name).field("default", &self.default).finish_non_exhaustive()
    }
}

impl Bounds {
    /// What the bounds ask, as it reads after the kind; nothing where words or the kind say all.
    fn words(self, kind: Kind) -> Option<String> {
        match self {
            Bounds::Any | Bounds::OneOf(_) => None,
            Bounds::AboveZero => Some("above 0".to_owned()),
            Bounds::ZeroOrAbove => Some("0 or above".to_owned()),
            Bounds::AtMost(most) if kind == Kind::Bytes => {
                Some(format!("above 0 and at most {}", ByteSize::new(most as u64)))
            }
            Bounds::AtMost(most) => Some(format!("above 0 and at most {most}")),
            Bounds::Below(limit) => Some(format!("0 or above and below {limit}")),
        }
    }

    /// Whether a parsed value lies within the bounds. A value without a magnitude (a word) is bound by words alone.
    fn hold(self, written: &str, magnitude: Option<f64>) -> bool {
        match self {
            Bounds::Any => true,
            Bounds::OneOf(words) => words.iter().any(|word| word.eq_ignore_ascii_case(written)),
            Bounds::AboveZero => magnitude.is_none_or(|value| 0.0 < value),
            Bounds::ZeroOrAbove => magnitude.is_none_or(|value| 0.0 <= value),
            Bounds::AtMost(most) => magnitude.is_none_or(|value| 0.0 < value && value <= most),
            Bounds::Below(limit) => magnitude.is_none_or(|value| (0.0..limit).contains(&value)),
        }
    }
}

impl<T> SettingKey<T> {
    /// The name that users write.
    pub const fn name(self) -> &'static str {
        self.setting.name
    }

    /// The entry of the table.
    pub const fn setting(self) -> &'static Setting {
        self.setting
    }
}

// By hand, because a derive would ask the value's type to be `Copy` too.
impl<T> Clone for SettingKey<T> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<T> Copy for SettingKey<T> {}

impl<T> fmt::Debug for SettingKey<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SettingKey({})", self.setting.name)
    }
}

/// A key may stand where a name is asked for: `settings.set(keys::DEFAULT_PARALLELISM, 4)`.
impl<T> From<SettingKey<T>> for String {
    fn from(key: SettingKey<T>) -> String {
        key.setting.name.to_owned()
    }
}

fn parse_as<T: SettingValue>(setting: &Setting, text: &str) -> Option<(AnyValue, Option<f64>)> {
    let value = T::parse(text, setting.plain)?;
    let magnitude = value.magnitude();
    Some((Arc::new(value), magnitude))
}

fn unset_as<T: SettingValue>() -> Option<AnyValue> {
    T::unset().map(|value| Arc::new(value) as AnyValue)
}

#[cfg(test)]
mod tests;
