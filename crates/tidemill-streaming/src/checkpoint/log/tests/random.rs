//! Random logs: against a plain list, and with a bit flipped or the end cut off.

use proptest::collection::vec;
use proptest::prelude::*;

use super::*;

#[derive(Clone, Debug)]
enum Step {
    Append(Vec<u8>),
    /// The next write fails after so many.
    Fail(u64),
    Roll,
    RemoveBefore(usize),
    Restart,
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let step = prop_oneof![
        8 => vec(any::<u8>(), 0..40).prop_map(Step::Append),
        2 => (0..4u64).prop_map(Step::Fail),
        1 => Just(Step::Roll),
        1 => (0..6usize).prop_map(Step::RemoveBefore),
        1 => Just(Step::Restart),
    ];
    vec(step, 0..60)
}

/// Takes the steps; gives the records that must be there, by position.
fn play(storage: &MemoryStorage, steps: &[Step]) -> Vec<(Position, Vec<u8>)> {
    let options = || LogOptions { roll_bytes: 200, attempts: 2, ..options() };
    let mut log = open(storage, options());
    let mut expected: Vec<(Position, Vec<u8>)> = Vec::new();
    for step in steps {
        match step {
            Step::Append(record) => {
                if let Ok(position) = log.append(record) {
                    expected.push((position, record.clone()));
                }
            }
            Step::Fail(after) => storage.fail(*after, 1),
            Step::Roll => log.roll(),
            Step::RemoveBefore(back) => {
                let segments = numbers(&log);
                let first = segments[segments.len().saturating_sub(back + 1)];
                log.remove_before(first).unwrap();
                expected.retain(|(position, _)| position.segment >= first);
            }
            Step::Restart => {
                storage.fail(0, 0);
                // What a failed append left at the end may turn up after a restart: the next append settles it.
                if let Ok(position) = log.append(b"settled") {
                    expected.push((position, b"settled".to_vec()));
                }
                log = open(storage, options());
            }
        }
    }
    storage.fail(0, 0);
    expected.push((log.append(b"end").unwrap(), b"end".to_vec()));
    expected
}

fn found(storage: &MemoryStorage) -> (Vec<(Position, Vec<u8>)>, Scan) {
    let mut found = Vec::new();
    let scan = scan(storage, FOLDER, &mut |position, record| {
        found.push((position, record.to_vec()));
        Ok(())
    });
    (found, scan.unwrap())
}

proptest! {
    #[test]
    fn a_log_is_the_list_of_what_was_appended(steps in steps(), grows: bool) {
        let storage = memory(grows);
        let expected = play(&storage, &steps);
        let (found, scan) = found(&storage);
        prop_assert_eq!(found, expected);
        prop_assert_eq!((scan.torn_tail, scan.damage), (false, Vec::new()));
    }

    #[test]
    fn a_flipped_bit_is_found(steps in steps(), grows: bool, place: prop::sample::Index, bit in 0..8u32) {
        let storage = memory(grows);
        let expected = play(&storage, &steps);
        let whole = found(&storage).0;
        let files = storage.list("").unwrap();
        let places: Vec<(String, usize)> =
            files.iter().flat_map(|file| (0..file.bytes as usize).map(|at| (file.name.clone(), at))).collect();
        let (name, at) = place.get(&places);
        storage.damage(name, |bytes| bytes[*at] ^= 1 << bit);
        let (found, scan) = found(&storage);
        check_part(&found, &expected)?;
        // All is there, or the scan says that something is not.
        prop_assert!(found == whole || scan.torn_tail || !scan.damage.is_empty());
        // Only what may be the end of the log is called torn.
        if let Some(lost) = expected.iter().position(|it| !found.contains(it)) {
            prop_assert!(!scan.damage.is_empty() || lost == expected.len() - 1, "lost {} of {}", lost, expected.len());
        }
    }

    #[test]
    fn a_cut_is_found_or_leaves_a_prefix(steps in steps(), grows: bool, file: prop::sample::Index, place: prop::sample::Index) {
        let storage = memory(grows);
        let expected = play(&storage, &steps);
        let files = storage.list("").unwrap();
        let file = file.get(&files);
        storage.damage(&file.name, |bytes| bytes.truncate(place.index(file.bytes as usize + 1)));
        let (found, scan) = found(&storage);
        check_part(&found, &expected)?;
        prop_assert!(!scan.damage.is_empty() || expected.starts_with(&found));
    }

    #[test]
    fn any_bytes_are_read_without_a_panic(bytes in vec(any::<u8>(), 0..200)) {
        let storage = memory(true);
        storage.put(&segment::name(FOLDER, 1), &bytes).unwrap();
        prop_assert_eq!(found(&storage).0, Vec::new());
    }
}

/// What was found is some of what was written, in order.
fn check_part(found: &[(Position, Vec<u8>)], expected: &[(Position, Vec<u8>)]) -> Result<(), TestCaseError> {
    let mut rest = expected.iter();
    for it in found {
        prop_assert!(rest.any(|written| written == it), "{it:?} was never written, or is out of order");
    }
    Ok(())
}
