//! The names of the folders that outputs write, one a batch.

use tidemill_core::Timestamp;

/// How the folder of a batch is named: Spark's `rddToFileName` (behaviour 1.42, 1.58 and 2.15).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FolderNames {
    before: String,
    after: String,
}

impl FolderNames {
    /// `prefix-<milliseconds>.suffix`; an empty prefix or suffix is left out, with its dash or dot: Scala's names.
    ///
    /// ```
    /// use tidemill_core::Timestamp;
    /// use tidemill_streaming::dstream::FolderNames;
    ///
    /// assert_eq!(FolderNames::new("out/words", "txt").of(Timestamp::from_millis(5000)), "out/words-5000.txt");
    /// assert_eq!(FolderNames::new("", "").of(Timestamp::from_millis(5000)), "5000");
    /// ```
    pub fn new(prefix: &str, suffix: &str) -> FolderNames {
        let before = if prefix.is_empty() { String::new() } else { format!("{prefix}-") };
        let after = if suffix.is_empty() { String::new() } else { format!(".{suffix}") };
        FolderNames { before, after }
    }

    /// `prefix-<milliseconds>.suffix`, where only a suffix of `None` is left out: PySpark's names.
    ///
    /// ```
    /// use tidemill_core::Timestamp;
    /// use tidemill_streaming::dstream::FolderNames;
    ///
    /// assert_eq!(FolderNames::as_pyspark("words", None).of(Timestamp::from_millis(5000)), "words-5000");
    /// assert_eq!(FolderNames::as_pyspark("", Some("")).of(Timestamp::from_millis(5000)), "-5000.");
    /// ```
    pub fn as_pyspark(prefix: &str, suffix: Option<&str>) -> FolderNames {
        let after = suffix.map_or(String::new(), |suffix| format!(".{suffix}"));
        FolderNames { before: format!("{prefix}-"), after }
    }

    /// The folder of the batch of `time`.
    pub fn of(&self, time: Timestamp) -> String {
        format!("{}{}{}", self.before, time.millis(), self.after)
    }
}
