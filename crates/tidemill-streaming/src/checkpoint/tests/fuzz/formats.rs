//! The table of formats. A new format on disk gets a row here.

use std::collections::BTreeMap;
use std::ops::Range;
use std::path::{Component, Path};
use std::sync::Arc;

use tidemill_core::{Config, ManualClock, Settings, Timestamp};

use super::Format;
use crate::checkpoint::batches::{self, BatchLog};
use crate::checkpoint::ledger::Ledger;
use crate::checkpoint::log::fuzzing as segments;
use crate::checkpoint::log::{Log, LogKind, LogOptions, scan};
use crate::checkpoint::states::fuzzing as states;
use crate::checkpoint::storage::{Storage, check_name};
use crate::checkpoint::testing::MemoryStorage;
use crate::receiver::blocks::entry::fuzzing as allocated;
use crate::receiver::form::fuzzing as received;

/// Every format that outlives its process.
pub(super) const FORMATS: &[Format] = &[
    Format { name: "names", examples: name_examples, repair: |_| {}, read: read_name },
    Format { name: "log", examples: log_examples, repair: repair_log, read: read_log },
    Format { name: "received", examples: received::examples, repair: |_| {}, read: received::read },
    Format { name: "allocated", examples: allocated::examples, repair: |_| {}, read: allocated::read },
    Format {
        name: "snapshots",
        examples: states::snapshot_files,
        repair: states::repair_file,
        read: states::read_snapshot,
    },
    Format { name: "states", examples: states::contents, repair: |_| {}, read: states::read_contents },
    Format { name: "batches", examples: batch_examples, repair: |_| {}, read: read_batches },
];

const FOLDER: &str = "log";
/// What begins each part of an example that has several: its length.
const LENGTH_BYTES: usize = 4;

/// One example of several parts, each after its length.
fn joined(parts: impl IntoIterator<Item = Vec<u8>>) -> Vec<u8> {
    parts.into_iter().flat_map(|part| [(part.len() as u32).to_le_bytes().to_vec(), part].concat()).collect()
}

/// The places of the parts.
fn parts_of(bytes: &[u8]) -> Vec<Range<usize>> {
    let (mut parts, mut at) = (Vec::new(), 0);
    while let Some(length) = bytes.get(at..).and_then(|rest| rest.first_chunk::<LENGTH_BYTES>()) {
        let start = at + LENGTH_BYTES;
        let end = start.saturating_add(u32::from_le_bytes(*length) as usize).min(bytes.len());
        parts.push(start..end);
        at = end;
    }
    parts
}

fn name_examples() -> Vec<Vec<u8>> {
    let names = ["log/00000000000000000001.log", "states/counts/17", "../a", "/etc/passwd", "a/.b", "ä/b c"];
    names.map(|name| name.as_bytes().to_vec()).to_vec()
}

/// A name that passes stays below the storage's folder.
fn read_name(bytes: &[u8]) {
    let name = String::from_utf8_lossy(bytes);
    if check_name(&name).is_ok() {
        let parts: Vec<Component> = Path::new(&*name).components().collect();
        assert!(parts.iter().all(|part| matches!(part, Component::Normal(_))), "{name:?}");
        assert_eq!(parts.len(), name.split('/').count(), "{name:?} means the same on disk");
    }
    let storage = MemoryStorage::files();
    if storage.put(&format!("{FOLDER}/{name}"), b"x").is_ok() {
        scan(&storage, FOLDER, &mut |_, _| Ok(())).unwrap();
    }
}

fn options() -> LogOptions {
    let kind = LogKind::Received { stream: "a".into() };
    LogOptions { clock: Arc::new(ManualClock::default()), roll_bytes: 200, ..LogOptions::new(kind) }
}

/// Logs of several segments.
fn log_examples() -> Vec<Vec<u8>> {
    let example = |storage: MemoryStorage, records: usize, fails: bool| {
        let log = Log::open(Arc::new(storage.clone()), FOLDER, options()).unwrap();
        for record in 0..records {
            if fails && record % 3 == 1 {
                storage.fail(0, 1);
            }
            log.append(&vec![record as u8; record * 7]).unwrap();
        }
        let files = storage.list(FOLDER).unwrap();
        joined(files.iter().map(|file| storage.read(&file.name).unwrap()))
    };
    vec![
        example(MemoryStorage::files(), 1, false),
        example(MemoryStorage::files(), 12, false),
        example(MemoryStorage::files(), 9, true),
        example(MemoryStorage::objects(), 4, false),
    ]
}

fn repair_log(bytes: &mut [u8]) {
    for (index, file) in parts_of(bytes).into_iter().enumerate() {
        segments::repair(&mut bytes[file], index as u64 + 1);
    }
}

/// What a scan gives can be read by its position, and a log that goes on loses nothing of it.
fn read_log(bytes: &[u8]) {
    let storage = MemoryStorage::files();
    for (index, file) in parts_of(bytes).into_iter().enumerate() {
        storage.put(&segments::name(FOLDER, index as u64 + 1), &bytes[file]).unwrap();
    }
    let read = || {
        let mut found = Vec::new();
        let visit = &mut |position, record: &[u8]| {
            assert_eq!(crate::checkpoint::log::read(&storage, FOLDER, position).unwrap(), record);
            found.push((position, record.to_vec()));
            Ok(())
        };
        scan(&storage, FOLDER, visit).unwrap();
        found
    };
    let before = read();
    assert!(before.iter().map(|(_, record)| record.len()).sum::<usize>() <= bytes.len());
    if let Ok(log) = Log::open(Arc::new(storage.clone()), FOLDER, options()) {
        let position = log.append(b"more").unwrap();
        let after = read();
        assert_eq!(after.last(), Some(&(position, b"more".to_vec())));
        assert_eq!(after[..after.len() - 1], before);
    }
}

/// The records of a driver's log.
fn batch_examples() -> Vec<Vec<u8>> {
    let storage = MemoryStorage::files();
    let config = Config::resolve(&Settings::new()).unwrap();
    let log = BatchLog::open(Arc::new(storage.clone()), &config, Arc::new(ManualClock::default())).unwrap();
    let at = Timestamp::from_millis;
    log.begin(Ledger::default()).unwrap();
    for batch in 1..4 {
        let inputs = BTreeMap::from([("files".to_owned(), vec![batch as u8; 20]), ("socket".to_owned(), vec![])]);
        log.plan(at(batch * 1000), inputs).unwrap();
        log.done(&[at(batch * 1000 - 1000)]).unwrap();
    }
    log.keep_code(vec![9; 30]).unwrap();
    let mut records = Vec::new();
    let visit = &mut |_, record: &[u8]| {
        records.push(record.to_vec());
        Ok(())
    };
    scan(&storage, batches::FOLDER, visit).unwrap();
    vec![joined(records[..2].to_vec()), joined(records)]
}

/// What is behind valid checksums can be of another release, or by somebody else.
fn read_batches(bytes: &[u8]) {
    let storage = MemoryStorage::files();
    let options = LogOptions { clock: Arc::new(ManualClock::default()), ..LogOptions::new(LogKind::Batches) };
    let log = Log::open(Arc::new(storage.clone()), batches::FOLDER, options).unwrap();
    for record in parts_of(bytes) {
        log.append(&bytes[record]).unwrap();
    }
    let _ = batches::read(&storage);
}
