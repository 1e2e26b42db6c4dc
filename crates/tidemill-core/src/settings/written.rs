//! Settings as the user wrote them: `Settings`, names and texts that nobody has checked yet.

use std::collections::BTreeMap;
use std::fmt;

use super::{Secrets, SettingValue, Unit, keys};

/// Settings as written, sorted by name (Spark's `SparkConf`). Printing them with `{:?}` hides secrets.
///
/// ```
/// use tidemill_core::settings::Settings;
///
/// let mut settings = Settings::from_pairs([("spark.app.name", "words")]);
/// settings.set("spark.default.parallelism", 8).set_if_missing("spark.app.name", "other");
/// assert_eq!(settings.get("spark.app.name"), Some("words"));
/// ```
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Settings {
    written: BTreeMap<String, String>,
}

/// Settings with the values of secrets replaced: all that logs and pages may show.
#[derive(Clone)]
pub struct RedactedSettings<'a> {
    settings: &'a Settings,
    secrets: Secrets,
}

impl Settings {
    /// No settings: all defaults.
    pub fn new() -> Settings {
        Settings::default()
    }

    /// Settings from names and values; a later one replaces an earlier one of the same name.
    pub fn from_pairs<N: Into<String>, V: ToString>(pairs: impl IntoIterator<Item = (N, V)>) -> Settings {
        let mut settings = Settings::new();
        for (name, value) in pairs {
            settings.set(name, value);
        }
        settings
    }

    /// Sets `name`, replacing what was there. Nothing is checked before [`Config::resolve`](super::Config::resolve).
    pub fn set(&mut self, name: impl Into<String>, value: impl ToString) -> &mut Settings {
        self.written.insert(name.into(), value.to_string());
        self
    }

    /// Sets `name` unless it is set already.
    pub fn set_if_missing(&mut self, name: impl Into<String>, value: impl ToString) -> &mut Settings {
        self.written.entry(name.into()).or_insert_with(|| value.to_string());
        self
    }

    /// Takes `name` back.
    pub fn remove(&mut self, name: &str) -> Option<String> {
        self.written.remove(name)
    }

    /// The text that was written for `name`, if any. To read a setting, resolve them and ask the `Config`.
    pub fn get(&self, name: &str) -> Option<&str> {
        self.written.get(name).map(String::as_str)
    }

    /// Whether `name` was written.
    pub fn contains(&self, name: &str) -> bool {
        self.written.contains_key(name)
    }

    /// Names and texts, sorted by name, secrets included.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &str)> {
        self.written.iter().map(|(name, value)| (name.as_str(), value.as_str()))
    }

    /// These settings, with those of `stronger` winning where both have a name: defaults file, then program, then
    /// command line.
    #[must_use]
    pub fn overridden_by(mut self, stronger: &Settings) -> Settings {
        self.written.extend(stronger.written.clone());
        self
    }

    /// The settings as they may be shown: the value is hidden where `spark.redaction.regex` is found in its name or in the
    /// value itself. Without that setting, or where it is no pattern, these are "secret", "password", "token" and
    /// "access.key", whatever the case.
    pub fn redacted(&self) -> RedactedSettings<'_> {
        let written = self.get(keys::REDACTION_REGEX.name()).and_then(|text| Secrets::parse(text, Unit::None));
        RedactedSettings { settings: self, secrets: written.unwrap_or_default() }
    }
}

impl fmt::Debug for Settings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_map().entries(self.redacted().iter()).finish()
    }
}

impl<'a> RedactedSettings<'a> {
    /// Names and texts, sorted by name.
    pub fn iter(&self) -> impl Iterator<Item = (&'a str, &'a str)> {
        self.settings.iter().map(|(name, value)| (name, self.secrets.shown(name, value)))
    }

    /// Names and texts of those that hold no secret.
    pub fn shown(&self) -> impl Iterator<Item = (&'a str, &'a str)> {
        self.settings.iter().filter(|(name, value)| !self.secrets.hide(name, value))
    }

    /// Names and texts of those that a checkpoint may hold: those that may be shown and are no credentials. The others come
    /// from the process that goes on.
    pub fn kept(&self) -> impl Iterator<Item = (&'a str, &'a str)> {
        self.settings.iter().filter(|(name, value)| !self.secrets.withhold(name, value))
    }
}

/// One `name=value` a line, as Spark's `SparkConf.toDebugString` prints them.
impl fmt::Display for RedactedSettings<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, (name, value)) in self.iter().enumerate() {
            let separator = if index == 0 { "" } else { "\n" };
            write!(f, "{separator}{name}={value}")?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::settings::REDACTED;

    #[test]
    fn later_and_stronger_values_win() {
        let mut settings = Settings::from_pairs([("a", "1"), ("b", "1"), ("a", "2")]);
        settings.set("c", 3).set_if_missing("b", 9).set_if_missing("d", true);
        assert_eq!(settings.iter().collect::<Vec<_>>(), [("a", "2"), ("b", "1"), ("c", "3"), ("d", "true")]);

        let merged = settings.overridden_by(&Settings::from_pairs([("b", "8"), ("e", "9")]));
        assert_eq!(merged.get("b"), Some("8"));
        assert_eq!(merged.get("a"), Some("2"));
        assert!(merged.contains("e"));
        assert!(!merged.contains("f"));
    }

    #[test]
    fn secrets_are_hidden_wherever_settings_are_shown() {
        let settings = Settings::from_pairs([
            ("spark.hadoop.fs.s3a.access.key", "AKIA"),
            ("spark.ssl.keyPassword", "hunter2"),
            ("my.Token", "t"),
            ("url", "http://x/?password=p"),
            ("spark.app.name", "words"),
        ]);
        let shown = settings.redacted().to_string();
        assert_eq!(
            shown,
            format!(
                "my.Token={REDACTED}\nspark.app.name=words\nspark.hadoop.fs.s3a.access.key={REDACTED}\n\
                 spark.ssl.keyPassword={REDACTED}\nurl={REDACTED}"
            )
        );
        let debug = format!("{settings:?}");
        assert!(!debug.contains("hunter2") && !debug.contains("AKIA") && debug.contains("words"), "{debug}");
        assert_eq!(settings.get("spark.ssl.keyPassword"), Some("hunter2"));
    }
}
