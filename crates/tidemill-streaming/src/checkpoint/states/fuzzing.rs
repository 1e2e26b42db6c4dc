//! What the fuzz table needs of the formats of states: examples, checksums made right, and reading.

use std::sync::OnceLock;
use std::time::Duration;

use tidemill_core::ship::Bytes;
use tidemill_core::{Context, Shard};

use super::record::{deltas, of_step, parse};
use super::snapshot::{Found, Manifest, files_of_one, find};
use super::*;
use crate::checkpoint::testing::MemoryStorage;
use crate::state::{InverseWindow, MapWithState, State};

const FOLDER: &str = "state/a/snapshots";
const OPERATOR: &str = "a";

type Count = fn(tidemill_core::Timestamp, &u32, Option<i64>, &mut State<String>) -> Option<()>;
type Add = fn(i64, i64) -> i64;

fn context() -> &'static Context {
    static CONTEXT: OnceLock<Context> = OnceLock::new();
    CONTEXT.get_or_init(|| Context::local(1).unwrap())
}

fn table() -> Arc<MapWithState<u32, i64, String, (), Count>> {
    let count: Count = |_, _, _, _| None;
    Arc::new(MapWithState::new(context().environment(), Some(Duration::from_secs(3)), count))
}

fn window() -> Arc<InverseWindow<u32, i64, Add, Add>> {
    let (add, subtract): (Add, Add) = (i64::wrapping_add, i64::wrapping_sub);
    Arc::new(InverseWindow::new(context().environment(), Duration::from_secs(3), add, subtract, None))
}

fn manifest() -> Manifest {
    let line = Line::NONE.next_fresh(Version(3));
    let shape = tidemill_core::shape::Shape::of::<(u32, Option<Vec<String>>)>();
    Manifest { operator: OPERATOR.into(), line, version: Version(3), shape, partitions: Vec::new() }
}

/// A snapshot of a partition in two pieces.
fn write(storage: &MemoryStorage) {
    let mut manifest = manifest();
    manifest.partitions.push(Vec::new());
    manifest.add(storage, FOLDER, b"what is kept").unwrap();
    manifest.add(storage, FOLDER, b"and more").unwrap();
    manifest.finish(storage, FOLDER).unwrap();
}

/// Files of snapshots: pieces, and manifests; of the format that is written, and of format 1.
pub(crate) fn snapshot_files() -> Vec<Vec<u8>> {
    let storage = MemoryStorage::files();
    write(&storage);
    let files = storage.list("").unwrap().into_iter().map(|file| storage.read(&file.name).unwrap());
    files.chain(files_of_one(&manifest(), b"what is kept")).collect()
}

/// Makes the checksum at the end right.
pub(crate) fn repair_file(bytes: &mut [u8]) {
    if let Some((body, checksum)) = bytes.split_last_chunk_mut::<4>() {
        *checksum = crc32fast::hash(body).to_le_bytes();
    }
}

/// A snapshot of which a file is these bytes is found or is damaged, and what is read of it is what it says.
pub(crate) fn read_snapshot(bytes: &[u8]) {
    let storage = MemoryStorage::files();
    write(&storage);
    let names: Vec<String> = storage.list("").unwrap().into_iter().map(|file| file.name).collect();
    for name in &names {
        let before = storage.read(name).unwrap();
        storage.put(name, bytes).unwrap();
        let Found { manifests, damaged, .. } = find(&storage, FOLDER, OPERATOR).unwrap();
        assert_eq!(manifests.len() + damaged.len(), 1);
        for found in &manifests {
            for partition in 0..found.partitions.len().min(3) {
                let pieces = found.pieces(partition).take(3);
                let contents = pieces.map(|piece| found.read(&storage, FOLDER, partition, piece));
                contents.flatten().for_each(|contents| assert!(contents.len() <= bytes.len().max(before.len())));
            }
        }
        storage.put(name, &before).unwrap();
    }
}

/// Records of a log, snapshots of a table and of a window; the first byte says which.
pub(crate) fn contents() -> Vec<Vec<u8>> {
    let delta = |from: u64, change: &[u8]| {
        let (from, to, change) = (Version(from), Version(from + 1), Some(Arc::new(Bytes(change.to_vec()))));
        Delta { from, to, changed: 1, change }
    };
    let line = Line::NONE.next_empty();
    let record = of_step(line, Version(1), Version(2), &[delta(1, b"abc"), delta(1, &[])]).unwrap();
    let encode =
        |value: &(Version, Vec<(u32, String, Version)>)| tidemill_core::shard::encode(value, Vec::new()).unwrap();
    let mut entries = encode(&(Version(9), vec![(1, "one".into(), Version(4)), (2, "two".into(), Version(9))]));
    entries.remove(1); // a table's entries stand there without their number
    let sums = tidemill_core::shard::encode(&(Version(9), (1u32, 5i64, Version(9))), Vec::new()).unwrap();
    let inside = vec![(Version(8), Bytes(vec![1, 1, 10])), (Version(9), Bytes(vec![0]))];
    let window = tidemill_core::shard::encode(&(Bytes(sums), inside), Vec::new()).unwrap();
    [(0, record), (1, entries), (2, window)].map(|(kind, bytes)| [&[kind], bytes.as_slice()].concat()).to_vec()
}

/// What is loaded is a state that can be read and written again.
pub(crate) fn read_contents(bytes: &[u8]) {
    let Some((kind, bytes)) = bytes.split_first() else { return };
    match kind % 3 {
        0 => {
            if let Ok((entry, rest)) = parse(bytes) {
                let _ = (entry, deltas(rest));
            }
        }
        1 => read_shard(&table(), bytes),
        _ => read_shard(&window(), bytes),
    }
}

fn read_shard<S: Shard>(shard: &Arc<S>, bytes: &[u8]) {
    let snapshot = || Arc::clone(shard).snapshot(shard.version()).unwrap().collect::<Result<Vec<_>, _>>().unwrap();
    if shard.load(&(vec![bytes.to_vec()], Vec::new())).is_ok() {
        let pieces = snapshot();
        shard.load(&(pieces.clone(), Vec::new())).unwrap();
        assert_eq!(snapshot(), pieces);
    }
}
