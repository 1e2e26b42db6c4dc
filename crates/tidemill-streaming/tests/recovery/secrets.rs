//! Secrets, of which nothing is in a checkpoint.

use std::fs;
use std::path::Path;

use super::{Seen, with};

/// Settings of a program; what is secret in them says so.
const SETTINGS: [(&str, &str); 10] = [
    ("spark.hadoop.fs.s3a.access.key", "AKIA-hunter2"),
    ("spark.hadoop.fs.s3a.secret.key", "s3-hunter2"),
    ("spark.hadoop.fs.azure.account.key.me", "azure-hunter2"),
    ("spark.ssl.keyPassword", "ssl-hunter2"),
    ("my.key.passphrase", "phrase-hunter2"),
    ("my.proxy", "http://me:hunter2@host:8080"),
    ("my.broker", "broker?sasl=ok&password=hunter2"),
    ("tidemill.checkpoint.secret", "hmac-hunter2"),
    ("my.pin", "pin-hunter2"),
    ("spark.redaction.regex", "^my.pin$"), // hides less than what is no pattern of the program's
];

#[test]
fn no_file_of_a_checkpoint_holds_a_secret() {
    // behaviour 6.14
    let folder = tempfile::tempdir().unwrap();
    let settings: Vec<_> = SETTINGS.iter().copied().chain([("my.plain", "said-openly")]).collect();
    for run in 0..2 {
        let test = with(folder.path(), run, &settings).unwrap();
        let (feed, numbers) = test.input::<(u64, u64)>();
        let seen = Seen::of(&numbers.update_state_by_key(|new, _| new.first().copied()));
        feed.push([(1, 1)]);
        test.tick().unwrap();
        assert_eq!(seen.take().len(), 1);
    }
    assert_eq!(holding(folder.path(), "hunter2"), [""; 0]);
    assert_ne!(holding(folder.path(), "said-openly"), [""; 0], "it is not searched well");
}

/// The files below `folder` that hold `text`.
fn holding(folder: &Path, text: &str) -> Vec<String> {
    let entries = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    let found = entries.flat_map(|path| {
        if path.is_dir() {
            return holding(&path, text);
        }
        let bytes = fs::read(&path).unwrap();
        let holds = bytes.windows(text.len()).any(|window| window == text.as_bytes());
        holds.then(|| path.display().to_string()).into_iter().collect()
    });
    found.collect()
}
