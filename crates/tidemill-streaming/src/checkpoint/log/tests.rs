//! Logs on the machine's disk and on storage in memory whose writes fail when they are told to.

use std::sync::atomic::{AtomicI64, Ordering::SeqCst};

use tidemill_core::ManualClock;

use super::*;
use crate::checkpoint::storage::LocalStorage;
use crate::checkpoint::testing::MemoryStorage;

mod random;

const FOLDER: &str = "logs/a";

fn memory(grows: bool) -> MemoryStorage {
    if grows { MemoryStorage::files() } else { MemoryStorage::objects() }
}

fn options() -> LogOptions {
    LogOptions { clock: Arc::new(ManualClock::default()), ..LogOptions::new(LogKind::Batches) }
}

fn open(storage: &(impl Storage + Clone + 'static), options: LogOptions) -> Log {
    Log::open(Arc::new(storage.clone()), FOLDER, options).unwrap()
}

/// All records of a log, as text, each with its position; and what else the scan said.
fn scanned(storage: &dyn Storage) -> (Vec<String>, Scan) {
    let mut records = Vec::new();
    let scan = scan(storage, FOLDER, &mut |position, record| {
        assert_eq!(read(storage, FOLDER, position).unwrap(), record);
        records.push(String::from_utf8_lossy(record).into_owned());
        Ok(())
    });
    (records, scan.unwrap())
}

/// The records of a log that is as it should be.
#[track_caller]
fn records(storage: &dyn Storage) -> Vec<String> {
    let (records, scan) = scanned(storage);
    assert_eq!((scan.torn_tail, &scan.damage), (false, &Vec::new()), "{records:?}");
    records
}

fn numbers(log: &Log) -> Vec<u64> {
    log.segments().iter().map(|it| it.number).collect()
}

#[test]
fn records_are_read_back_over_restarts() {
    let folder = tempfile::tempdir().unwrap();
    let storage: Arc<dyn Storage> = Arc::new(LocalStorage::open(folder.path()).unwrap());
    for start in 1..=3 {
        let log = Log::open(storage.clone(), FOLDER, options()).unwrap();
        assert_eq!(log.current(), start);
        let one = log.append(format!("{start}a").as_bytes()).unwrap();
        let two = log.append(b"").unwrap();
        assert_eq!((one.segment, one.length, two.segment, two.length), (start, 2, start, 0));
        assert_eq!(log.read(one).unwrap(), format!("{start}a").as_bytes());
        let beyond = Position { offset: two.offset + 20, ..two };
        assert!(matches!(log.read(beyond), Err(StorageError::Damaged { .. })));
    }
    let _empty = Log::open(storage.clone(), FOLDER, options()).unwrap();
    assert_eq!(records(&*storage), ["1a", "", "2a", "", "3a", ""]);
    let scan = scan(&*storage, FOLDER, &mut |_, _| Ok(())).unwrap();
    assert_eq!((scan.kind, scan.segments.len(), scan.records), (Some(LogKind::Batches), 4, 6));
    assert_eq!(super::scan(&*storage, "nowhere", &mut |_, _| Ok(())).unwrap(), Scan::default());
}

#[test]
fn segments_are_begun_when_it_is_time() {
    for grows in [true, false] {
        let storage = memory(grows);
        let clock = Arc::new(ManualClock::default());
        let log = open(&storage, LogOptions { roll_bytes: 150, clock: clock.clone(), ..options() });
        let state = Arc::new(AtomicI64::default());
        log.set_first({
            let state = state.clone();
            move || format!("state {}", state.load(SeqCst)).into_bytes()
        });
        let mut bases = Vec::new();
        for step in ["a", "b", "age", "c", "long", "d", "roll", "e"] {
            match step {
                "age" => clock.advance(Duration::from_secs(60)),
                "roll" => (log.roll(), log.roll()).0,
                "long" => _ = log.append("long ".repeat(40).as_bytes()).unwrap(),
                record => _ = log.append(record.as_bytes()).unwrap(),
            }
            state.fetch_add(1, SeqCst);
            bases.push(log.base().unwrap());
        }
        let long = "long ".repeat(40);
        let all = ["state 0", "a", "b", "state 3", "c", &long, "state 5", "d", "state 7", "e"];
        assert_eq!(records(&storage), all, "grows: {grows}");
        let base = if grows { [1, 1, 1, 2, 2, 3, 3, 4] } else { [2, 2, 2, 4, 4, 6, 6, 7] };
        assert_eq!(bases, base, "grows: {grows}");

        log.remove_before(bases[7]).unwrap();
        assert_eq!(records(&storage), ["state 7", "e"]);
        log.remove_before(u64::MAX).unwrap();
        assert_eq!(numbers(&log), [bases[7]], "the newest stays, so that no number is used again");
    }
}

#[test]
fn a_segment_may_be_closed_after_each_write() {
    let storage = memory(true);
    let log = open(&storage, LogOptions { close_after_write: true, ..options() });
    for record in ["a", "b", "c"] {
        log.append(record.as_bytes()).unwrap();
    }
    assert_eq!(numbers(&log), [1, 2, 3]);
    assert_eq!(records(&storage), ["a", "b", "c"]);
}

#[test]
fn a_failed_write_is_tried_again_behind_what_it_left() {
    let table = [(1, 1, false), (2, 1, true), (2, 2, false), (3, 2, true), (3, 3, false)];
    for (grows, fails_afterwards) in [(true, false), (true, true), (false, false), (false, true)] {
        for (attempts, failures, succeeds) in table {
            let storage = memory(grows);
            let log = open(&storage, LogOptions { attempts, ..options() });
            log.append(b"a").unwrap();
            if fails_afterwards {
                storage.fail_afterwards(0, failures)
            } else {
                storage.fail(0, failures)
            }
            // An object that is there though its writer was told otherwise is recognised at the next try.
            let succeeds = succeeds || (!grows && fails_afterwards && attempts > 1);
            assert_eq!(log.append(b"b").is_ok(), succeeds, "{grows} {fails_afterwards} {attempts} {failures}");
            storage.fail(0, 0);
            log.append(b"c").unwrap();
            let expected = if succeeds { vec!["a", "b", "c"] } else { vec!["a", "c"] };
            assert_eq!(records(&storage), expected, "{grows} {fails_afterwards} {attempts} {failures}");
        }
    }
}

#[test]
fn of_two_drivers_on_objects_the_older_stops() {
    let storage = memory(false);
    let old = open(&storage, options());
    old.append(b"a").unwrap();
    let new = open(&storage, options());
    assert!(matches!(old.append(b"lost"), Err(StorageError::Fenced { .. })));
    new.append(b"b").unwrap();
    assert!(matches!(old.append(b"lost"), Err(StorageError::Fenced { .. })));
    new.append(b"c").unwrap();
    assert_eq!(records(&storage), ["a", "b", "c"]);
}

#[test]
fn a_log_of_another_kind_is_not_continued() {
    let storage = memory(true);
    open(&storage, options()).append(b"a").unwrap();
    let kind = LogKind::States { operator: "counts".into() };
    let error = Log::open(Arc::new(storage), FOLDER, LogOptions::new(kind)).unwrap_err();
    assert!(error.to_string().contains("belongs to the log of batches, and the log of the state of counts"), "{error}");
}

#[test]
fn appends_of_many_threads_share_writes() {
    let folder = tempfile::tempdir().unwrap();
    let storage: Arc<dyn Storage> = Arc::new(LocalStorage::open(folder.path()).unwrap());
    let log = Log::open(storage.clone(), FOLDER, LogOptions { roll_bytes: 4000, ..options() }).unwrap();
    std::thread::scope(|scope| {
        for thread in 0..8 {
            let log = &log;
            scope.spawn(move || {
                for record in 0..50 {
                    let record = format!("{thread} {record:02}");
                    let position = log.append(record.as_bytes()).unwrap();
                    assert_eq!(log.read(position).unwrap(), record.as_bytes());
                }
            });
        }
    });
    let mut found = records(&*storage);
    let of_one: Vec<&String> = found.iter().filter(|it| it.starts_with("3 ")).collect();
    assert!(of_one.is_sorted() && of_one.len() == 50);
    found.sort();
    found.dedup();
    assert_eq!(found.len(), 400);
}

#[test]
fn a_panic_while_writing_leaves_nobody_waiting() {
    let storage = memory(true);
    let log = open(&storage, options());
    log.append(b"a").unwrap();
    log.roll();
    log.set_first(|| panic!("first"));
    std::thread::scope(|scope| assert!(scope.spawn(|| log.append(b"lost")).join().is_err()));
    log.set_first(|| b"state".to_vec());
    log.append(b"b").unwrap();
    assert_eq!(records(&storage), ["a", "state", "b"]);
}

#[test]
fn a_missing_segment_is_found() {
    let storage = memory(true);
    let log = open(&storage, LogOptions { close_after_write: true, ..options() });
    for record in ["a", "b", "c", "d"] {
        log.append(record.as_bytes()).unwrap();
    }
    storage.remove(&segment::name(FOLDER, 3)).unwrap();
    let (found, scan) = scanned(&storage);
    assert_eq!(found, ["a", "b", "d"]);
    assert_eq!(scan.damage, [Damage { segment: 3, offset: 0, text: "the segment is missing".into() }]);
}

#[test]
fn one_long_record_is_read_whole() {
    let storage = memory(true);
    let log = open(&storage, options());
    let long = vec![7; 3 << 20];
    log.append(b"a").unwrap();
    log.append(&long).unwrap();
    log.append(b"b").unwrap();
    let mut lengths = Vec::new();
    let visit = &mut |_, record: &[u8]| {
        lengths.push(record.len());
        Ok(())
    };
    scan(&storage, FOLDER, visit).unwrap();
    assert_eq!(lengths, [1, long.len(), 1]);
}
