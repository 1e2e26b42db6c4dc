//! `Secrets`: which settings hold secrets, so that no log, page or checkpoint shows them.

use regex::Regex;

use super::{Kind, SettingValue, Unit};

/// What stands in the place of a hidden value; the words are Spark's.
pub const REDACTED: &str = "*********(redacted)";

/// Spark's default of `spark.redaction.regex`.
pub(super) const DEFAULT: &str = "(?i)secret|password|token|access[.]?key";

/// What checkpoints are signed with is hidden whatever the pattern.
const ALWAYS: &str = "tidemill.checkpoint.secret";

/// A pattern for the names and values of settings that are hidden: the value of `spark.redaction.regex`.
#[derive(Clone, Debug)]
pub struct Secrets(Regex);

impl Secrets {
    /// Whether the setting `name` holds a secret: the pattern is found in its name or in its value.
    pub fn hide(&self, name: &str, value: &str) -> bool {
        name == ALWAYS || self.0.is_match(name) || self.0.is_match(value)
    }

    /// `value` if it may be shown, else [`REDACTED`].
    pub fn shown<'a>(&self, name: &str, value: &'a str) -> &'a str {
        if self.hide(name, value) { REDACTED } else { value }
    }
}

impl Default for Secrets {
    #[expect(clippy::expect_used, reason = "the default is a pattern")]
    fn default() -> Secrets {
        Secrets(Regex::new(DEFAULT).expect("the default is a pattern"))
    }
}

impl SettingValue for Secrets {
    const KIND: Kind = Kind::Choice { allowed: "a regular expression", example: DEFAULT };

    fn parse(text: &str, _plain: Unit) -> Option<Secrets> {
        Regex::new(text).ok().map(Secrets)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::settings::Settings;

    #[test]
    fn the_pattern_of_the_program_hides_too() {
        let pairs = [("spark.redaction.regex", "(?i)pin|secret"), ("spark.card.PIN", "1234"), ("spark.token", "shown")];
        let settings = Settings::from_pairs(pairs);
        let hidden = |name: &str| settings.redacted().iter().any(|(it, value)| it == name && value == REDACTED);
        assert!(hidden("spark.card.PIN") && !hidden("spark.token"));
        let pairs = [("spark.redaction.regex", "^pin$"), ("tidemill.checkpoint.secret", "1234")];
        assert_eq!(Settings::from_pairs(pairs).redacted().shown().count(), 1);
        assert_eq!(settings.redacted().shown().map(|(name, _)| name).collect::<Vec<_>>(), ["spark.token"]);
        assert!(Secrets::parse("(", Unit::None).is_none());
    }
}
