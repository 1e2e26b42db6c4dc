//! `Secrets`: which settings hold secrets, so that no log, page or checkpoint shows them.

use std::sync::LazyLock;

use regex::Regex;

use super::{Kind, SettingValue, Unit, keys};

/// What stands in the place of a hidden value; the words are Spark's.
pub const REDACTED: &str = "*********(redacted)";

/// Spark's default of `spark.redaction.regex`.
pub(super) const DEFAULT: &str = "(?i)secret|password|token|access[.]?key";

/// What no checkpoint keeps, whatever the program's own pattern: Spark's words, credentials of connectors, and names with
/// passwords in addresses. A checkpoint is read by more people than a log, and for longer.
const CREDENTIALS: &str = concat!(
    r"(?i)secret|token|credential|passphrase|passw(or)?d|(^|[._-])pwd\b",
    r"|(access|account|api|private|shared|signing|sas|storage)[._-]?key|encryption[._-]?key\b|[.]sas[.]",
    r"|[?&](x-amz-)?sig(nature)?=|\bbearer\s|://[^/@\s]*:[^/@\s]*@",
);

/// What checkpoints are signed with is hidden whatever the pattern.
const ALWAYS: &str = "tidemill.checkpoint.secret";

/// These a checkpoint keeps whatever they hold: a pattern is full of the words that it looks for, and the name of a program
/// may well be about them; it is told everywhere.
const NEVER: [&str; 2] = [keys::REDACTION_REGEX.name(), keys::APP_NAME.name()];

#[expect(clippy::expect_used, reason = "the constant is a pattern")]
static CREDENTIAL: LazyLock<Regex> = LazyLock::new(|| Regex::new(CREDENTIALS).expect("the constant is a pattern"));

/// A pattern for the names and values of settings that are hidden: the value of `spark.redaction.regex`.
#[derive(Clone, Debug)]
pub struct Secrets(Regex);

impl Secrets {
    /// Whether the setting `name` holds a secret: the pattern is found in its name or in its value.
    pub fn hide(&self, name: &str, value: &str) -> bool {
        name == ALWAYS || self.0.is_match(name) || self.0.is_match(value)
    }

    /// Whether a checkpoint must not hold the setting `name`: it is hidden, or it is a credential whatever the pattern says.
    pub fn withhold(&self, name: &str, value: &str) -> bool {
        !NEVER.contains(&name) && (self.hide(name, value) || [name, value].iter().any(|text| CREDENTIAL.is_match(text)))
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

    #[test]
    fn credentials_are_not_kept_whatever_the_pattern_of_the_program() {
        let withheld = [
            ("my.passphrase", "x"),
            ("db.passwd", "x"),
            ("db.pwd", "x"),
            ("spark.hadoop.fs.s3a.access.key", "x"),
            ("spark.executorEnv.AWS_ACCESS_KEY_ID", "x"),
            ("spark.hadoop.fs.s3a.server-side-encryption.key", "x"),
            ("spark.hadoop.fs.azure.account.key.me.blob.core.windows.net", "x"),
            ("spark.hadoop.fs.azure.sas.box.me", "x"),
            ("google.private_key", "x"),
            ("service.api-key", "x"),
            ("aws.credentials.provider", "x"),
            ("proxy", "http://me:pw@host:8080/path"),
            ("broker", "amqp://:pw@host"),
            ("store", "https://host/box?sp=r&sig=abc"),
            ("header", "Authorization: Bearer abc"),
            ("jaas", "PlainLogin required username=me password=pw;"),
            ("tidemill.checkpoint.secret", "x"),
            ("my.pin", "x"),
        ];
        let kept = [
            ("spark.redaction.regex", "^my.pin$"),
            ("spark.app.name", "tokens of passwords"),
            ("spark.io.encryption.keySizeBits", "128"),
            ("spark.hadoop.fs.s3a.endpoint", "http://host:9000/a:b@c"),
            ("home", "hdfs://me@host/path"),
            ("spark.master", "local[2]"),
        ];
        let settings = Settings::from_pairs(withheld.iter().chain(&kept).copied());
        let mut expected = kept.to_vec();
        expected.sort_unstable();
        assert_eq!(settings.redacted().kept().collect::<Vec<_>>(), expected);
    }
}
