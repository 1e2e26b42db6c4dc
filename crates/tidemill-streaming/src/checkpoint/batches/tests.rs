//! The driver's log in a folder.

use std::time::Duration;

use tidemill_core::{ManualClock, Settings};

use super::*;
use crate::checkpoint::ledger::Program;
use crate::checkpoint::storage::LocalStorage;

fn at(second: u64) -> Timestamp {
    Timestamp::from_millis(second * 1000)
}

struct Driver {
    storage: Arc<dyn Storage>,
    log: BatchLog,
}

fn driver(folder: &tempfile::TempDir) -> Driver {
    let storage: Arc<dyn Storage> = Arc::new(LocalStorage::open(folder.path()).unwrap());
    let config = Config::resolve(&Settings::new()).unwrap();
    let clock = Arc::new(ManualClock::at(at(0)));
    let log = BatchLog::open(Arc::clone(&storage), &config, clock).unwrap();
    Driver { storage, log }
}

fn program() -> Program {
    Program { name: "words".into(), interval: Duration::from_secs(1), ..Program::default() }
}

#[test]
fn a_log_stays_small_and_gives_what_is_not_over() {
    let folder = tempfile::tempdir().unwrap();
    let Driver { storage, log } = driver(&folder);
    log.begin(Ledger { program: program(), ..Ledger::default() }).unwrap();
    let mut largest = 0;
    for second in 1..=1000 {
        log.plan(at(second), BTreeMap::new()).unwrap();
        log.done(&[at(second)]).unwrap();
        log.forget(at(second));
        if second % 100 == 0 {
            largest = largest.max(storage.list(FOLDER).unwrap().iter().map(|it| it.bytes).sum());
        }
    }
    assert!(largest < 4 * SEGMENT_BYTES_LEAST, "{largest} bytes");
    let found = read(&*storage).unwrap();
    assert!(found.damage.is_empty(), "{:?}", found.damage);
    let mut ledger = found.ledger;
    ledger.forget(at(1000));
    assert!(ledger == *log.ledger() && ledger.last == Some(at(1000)), "{:?}", ledger.last);
}

#[test]
fn a_newest_segment_that_cannot_be_read_leaves_the_one_before() {
    let folder = tempfile::tempdir().unwrap();
    let first = driver(&folder);
    first.log.begin(Ledger { program: program(), ..Ledger::default() }).unwrap();
    first.log.plan(at(1), BTreeMap::new()).unwrap();
    drop(first);
    let second = driver(&folder);
    let ledger = read(&*second.storage).unwrap().ledger;
    second.log.begin(ledger.clone()).unwrap();
    second.log.plan(at(2), BTreeMap::new()).unwrap();
    let listed = second.storage.list(FOLDER).unwrap();
    assert_eq!(listed.len(), 2, "the segment before stays");
    let newest = folder.path().join(&listed[1].name);
    let mut bytes = std::fs::read(&newest).unwrap();
    let beginning = bytes.windows(5).position(|it| it == b"words").unwrap();
    bytes[beginning] ^= 1;
    std::fs::write(&newest, bytes).unwrap();
    let found = read(&*second.storage).unwrap();
    assert_eq!(found.ledger, ledger);
    std::fs::write(folder.path().join(&listed[0].name), "").unwrap();
    std::fs::write(&newest, "").unwrap();
    assert!(matches!(read(&*second.storage), Err(RecoveryError::Unreadable { .. })));
}
