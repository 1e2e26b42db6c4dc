//! Tests of the selection, against Spark's rule read literally.

use std::collections::BTreeSet;

use proptest::prelude::*;

use super::*;

const INTERVAL: Duration = Duration::from_millis(10);

fn at(millis: u64) -> Timestamp {
    Timestamp::from_millis(millis)
}

fn found(files: &[(&str, u64)]) -> Vec<Found> {
    files.iter().map(|(name, modified)| Found { path: name.into(), modified: at(*modified) }).collect()
}

/// What each batch takes, as names with blanks between; windows are 30 ms, and nothing up to 5 ms counts.
fn check(batches: &[(u64, &[(&str, u64)], &str)]) {
    let mut selection = Selection::new(at(5), Duration::from_millis(25), INTERVAL);
    for (time, files, expected) in batches {
        let taken = selection.take(found(files), at(*time), |path| !path.starts_with(".d"));
        let taken: Vec<String> = taken.iter().map(|path| path.display().to_string()).collect();
        assert_eq!(taken.join(" "), *expected, "batch {time} of {files:?}");
    }
}

#[test]
fn a_batch_takes_what_is_new_and_not_too_new() {
    // behaviour 1.14
    let files: &[(&str, u64)] = &[("old", 4), ("edge", 5), ("b", 6), ("a", 6), ("c", 10), ("next", 11), (".d", 9)];
    check(&[(10, files, "a b c"), (20, files, "next"), (30, files, "")]);
}

#[test]
fn a_file_that_is_changed_is_known_for_a_window() {
    // behaviour 1.14, behaviour 4.30: 25 ms are three batches
    check(&[
        (10, &[("a", 8)], "a"),
        (20, &[("a", 18)], ""), // something was added to it
        (40, &[("a", 38)], ""), // the window of 40 begins with the batch of 10
        (50, &[("a", 45)], "a"),
        (60, &[("a", 45)], ""),
    ]);
}

#[test]
fn a_file_that_comes_late_with_an_old_time_is_taken_within_the_window_only() {
    // behaviour 1.14, behaviour 10.10
    check(&[
        (50, &[("a", 21)], "a"),
        (60, &[("a", 21), ("b", 31), ("c", 30)], "b"),
        (70, &[("a", 21), ("b", 31), ("c", 30)], ""),
    ]);
}

#[test]
fn what_was_there_before_is_left_out_however_its_time_was_rounded() {
    // The stream was made at 12; times of files may lag behind by 7.
    let mut selection = Selection::new(at(5), Duration::from_millis(25), INTERVAL);
    selection.leave_out(found(&[("there", 11), ("old", 3)]), at(12));
    let files = found(&[("there", 11), ("old", 3), ("lagging", 9)]);
    assert_eq!(selection.take(files, at(20), |_| true), [PathBuf::from("lagging")]);
}

#[test]
fn windows_are_whole_batches() {
    // behaviour 4.30: ceil(60 s / batch) * batch
    for (at_least, interval, window) in [(60_000, 1_000, 60_000), (60_000, 7_000, 63_000), (1, 500, 500), (0, 500, 0)] {
        let (at_least, interval) = (Duration::from_millis(at_least), Duration::from_millis(interval));
        let selection = Selection::new(at(0), at_least, interval);
        assert_eq!(selection.window, Duration::from_millis(window), "{at_least:?} by {interval:?}");
    }
    assert!(Selection::new(at(0), Duration::MAX, INTERVAL).window > Duration::from_secs(1 << 50));
}

/// Spark's rule: every batch looks through all that was ever taken.
fn naive(taken: &[(u64, PathBuf)], file: &Found, time: u64, threshold: u64, window: u64) -> bool {
    let ignore = threshold.max(time.saturating_sub(window));
    let known = taken.iter().any(|(batch, path)| *path == file.path && *batch >= time.saturating_sub(window));
    file.modified.millis() > ignore && file.modified.millis() <= time && !known
}

proptest! {
    #[test]
    fn it_takes_what_the_rule_says(
        threshold in 0u64..60,
        at_least in 0u64..50,
        // By batch, the files that are written, by name and by how long ago.
        writes in proptest::collection::vec(proptest::collection::vec((0u8..6, -20i64..60), 0..4), 1..15),
    ) {
        let window = at_least.div_ceil(10) * 10;
        let mut selection = Selection::new(at(threshold), Duration::from_millis(at_least), INTERVAL);
        let (mut folder, mut taken) = (BTreeMap::new(), Vec::new());
        for (number, writes) in writes.into_iter().enumerate() {
            let time = 10 * (number as u64 + 1);
            for (name, ago) in writes {
                folder.insert(name, time.saturating_add_signed(-ago));
            }
            let listing: Vec<Found> = folder.iter().map(|(name, modified)| {
                Found { path: PathBuf::from(name.to_string()), modified: at(*modified) }
            }).collect();
            let expected: BTreeSet<PathBuf> = listing.iter()
                .filter(|file| naive(&taken, file, time, threshold, window))
                .map(|file| file.path.clone())
                .collect();
            let got = selection.take(listing, at(time), |_| true);
            prop_assert_eq!(got.iter().cloned().collect::<BTreeSet<_>>(), expected);
            let order: Vec<(u64, &PathBuf)> =
                got.iter().map(|path| (folder[&path.to_string_lossy().parse::<u8>().unwrap()], path)).collect();
            prop_assert!(order.is_sorted());
            taken.extend(got.into_iter().map(|path| (time, path)));
        }
    }
}
