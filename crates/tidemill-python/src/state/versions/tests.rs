//! Versions against a plain list of what was ever kept, with memory for all of it, some of it and none.

use std::fs;
use std::path::Path;

use proptest::prelude::*;
use tempfile::TempDir;
use tidemill_core::HashSeed;
use tidemill_core::environment::Environment;
use tidemill_core::memory::MemoryLimits;
use tidemill_core::shard::{PIECE_BYTES, decode};
use tidemill_core::spill::SpillDir;

use super::*;
use crate::batch::{Format, PyBatch};
use crate::state::body::{Gathering, Part, WHOLE};
use crate::state::seal::SEAL_BYTES;

const SET: u32 = 0;

/// Limits of the pool: none, a few batches, nothing.
const LIMITS: [u64; 3] = [MemoryLimits::NONE, 64 << 10, 0];

/// What is done to versions.
#[derive(Clone, Debug)]
enum Act {
    /// A version with batches of so many KiB, which are all of it or not.
    Add(Vec<u8>, bool),
    /// Goes back by so many versions.
    Undo(usize),
    /// Forgets all but so many versions.
    Forget(usize),
    /// Keeps the version so many before the newest whole.
    Keep(usize),
    /// Pins the version so many before the newest.
    Pin(usize),
    /// Reads as if all were pinned no more.
    Unpin,
    /// Begins anew.
    Begin(Vec<u8>),
}

fn acts() -> impl Strategy<Value = Vec<Act>> {
    let sizes = || prop::collection::vec(0_u8..40, 0..4);
    let act = prop_oneof![
        8 => (sizes(), any::<bool>()).prop_map(|(sizes, is_whole)| Act::Add(sizes, is_whole)),
        1 => (0_usize..4).prop_map(Act::Undo),
        3 => (1_usize..5).prop_map(Act::Forget),
        2 => (0_usize..5).prop_map(Act::Keep),
        1 => (0_usize..5).prop_map(Act::Pin),
        1 => Just(Act::Unpin),
        1 => sizes().prop_map(Act::Begin),
    ];
    prop::collection::vec(act, 1..40)
}

/// The versions, and beside them what each is made of.
struct Kit {
    versions: Versions,
    memory: Memory,
    folder: TempDir,
    spill: SpillDir,
    /// Each version with the whole one that it starts from and what changed since.
    plain: BTreeMap<Version, Vec<Part>>,
    pins: Vec<(Version, Arc<()>)>,
    last: u64,
}

impl Kit {
    fn new(limit: u64) -> Kit {
        let memory = Memory::new(MemoryLimits { state: limit, ..MemoryLimits::default() });
        let folder = TempDir::new().unwrap();
        let spill = SpillDir::new(folder.path());
        let versions = Versions::new(&memory, 1);
        let plain = BTreeMap::from([(Version::START, Vec::new())]);
        Kit { versions, memory, folder, spill, plain, pins: Vec::new(), last: 1 }
    }

    /// Batches that no other has.
    fn parts(&mut self, sizes: &[u8], what: u32) -> Vec<Part> {
        let part = |size: &u8| {
            self.last += 1;
            let payload = [&self.last.to_le_bytes()[..], &vec![*size; usize::from(*size) << 10]].concat();
            (what, PyBatch::new(Format::Rows, u32::from(*size), payload))
        };
        sizes.iter().map(part).collect()
    }

    /// The version so many before the newest, or the oldest.
    fn back(&self, by: usize) -> Version {
        let oldest = self.versions.points.keys().next().copied().unwrap();
        self.versions.points.keys().rev().nth(by).copied().unwrap_or(oldest)
    }

    fn act(&mut self, act: &Act) {
        match act {
            Act::Add(sizes, is_whole) => {
                let newest = self.versions.newest();
                let to = Version(newest.0 + 1);
                let what = if *is_whole { WHOLE } else { SET };
                let parts = self.parts(sizes, what);
                let is_whole = *is_whole && !parts.is_empty(); // a whole version has a batch, be it an empty one
                let before = if is_whole { Vec::new() } else { self.plain[&newest].clone() };
                self.plain.insert(to, [before, parts.clone()].concat());
                self.versions.add(to, to.0, Body::new(parts), None);
            }
            Act::Undo(by) => {
                let to = self.back(*by);
                if !self.plain.contains_key(&to) {
                    return; // it is there for others that are made of it
                }
                self.versions.undo(to).unwrap();
                self.plain.retain(|version, _| *version <= to);
                self.pins.retain(|(version, _)| *version <= to);
            }
            Act::Forget(but) => {
                let before = self.back(*but - 1);
                self.versions.forget(before);
                let pins: Vec<Version> = self.pins.iter().map(|(version, _)| *version).collect();
                self.plain.retain(|version, _| *version >= before || pins.contains(version));
            }
            Act::Keep(by) => {
                let version = self.back(*by);
                let stamp = self.versions.stamp(version).unwrap();
                let Some(parts) = self.plain.get(&version) else { return };
                let whole = Body::whole(parts.iter().map(|(_, batch)| batch.clone()).collect());
                self.versions.keep_whole(version, stamp, &whole);
            }
            Act::Pin(by) => {
                let (version, pin) = (self.back(*by), Arc::new(()));
                if self.plain.contains_key(&version) {
                    self.versions.pin(version, &pin);
                    self.pins.push((version, pin));
                }
            }
            Act::Unpin => self.pins.clear(),
            Act::Begin(sizes) => {
                let parts = self.parts(sizes, WHOLE);
                self.versions.begin(Version(7), 7, Body::whole(parts.iter().map(|(_, batch)| batch.clone()).collect()));
                self.plain = BTreeMap::from([(Version(7), parts)]);
                self.pins.clear();
            }
        }
    }

    /// As the state does it.
    fn make_room(&mut self) {
        loop {
            let leaving = self.versions.leaving();
            if leaving.is_empty() {
                return;
            }
            let bodies: Vec<Body> = leaving.iter().map(|leaving| leaving.body.clone()).collect();
            let written = Body::to_file(&bodies, &self.spill).unwrap();
            self.versions.left(leaving, written);
        }
    }

    /// The batches of each version, as they are read.
    fn read(&mut self) -> BTreeMap<Version, Vec<PyBatch>> {
        let versions: Vec<Version> = self.plain.keys().copied().collect();
        let read = |version: Version| {
            let Replay { whole, changes, .. } = self.versions.replay(version).unwrap();
            let bodies = [whole].into_iter().chain(changes.into_iter().map(|(_, body)| body));
            let parts = bodies.flat_map(|body| body.read().unwrap()).map(|part| part.unwrap().1);
            (version, parts.collect())
        };
        versions.into_iter().map(read).collect()
    }

    fn plain(&self) -> BTreeMap<Version, Vec<PyBatch>> {
        let batches = |parts: &Vec<Part>| parts.iter().map(|(_, batch)| batch.clone()).collect();
        self.plain.iter().map(|(version, parts)| (*version, batches(parts))).collect()
    }

    /// The sum of all that is in memory.
    fn here(&self) -> u64 {
        let here = self.versions.points.values().filter(|point| point.body.is_in_memory());
        here.map(|point| point.body.bytes()).sum()
    }
}

/// All files below.
fn files(folder: &Path) -> usize {
    let entries = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    entries.map(|path| if path.is_dir() { files(&path) } else { 1 }).sum()
}

proptest! {
    #[test]
    fn versions_are_what_was_kept_wherever_they_are(acts in acts()) {
        for limit in LIMITS {
            let mut kit = Kit::new(limit);
            for act in &acts {
                kit.act(act);
                kit.make_room();
                prop_assert_eq!(kit.memory.used(Pool::State), kit.here());
                prop_assert!(kit.here() <= limit.max(LEAST_LEAVING_BYTES), "{} of {limit}", kit.here());
                prop_assert!(limit < MemoryLimits::NONE || files(kit.folder.path()) == 0);
            }
            prop_assert_eq!(kit.read(), kit.plain());
            let Kit { versions, memory, folder, .. } = kit;
            drop(versions);
            prop_assert_eq!((files(folder.path()), memory.used(Pool::State)), (0, 0));
        }
    }
}

#[test]
fn what_was_used_longest_ago_leaves_first_and_small_ones_together() {
    let mut kit = Kit::new(400 << 10);
    for _ in 0..5 {
        kit.act(&Act::Add(vec![39, 39], true));
    }
    kit.make_room();
    assert_eq!(files(kit.folder.path()), 0);
    kit.versions.whole(Version(1)).unwrap(); // used just now
    kit.act(&Act::Add(vec![39], true));
    kit.make_room();
    let here = |kit: &Kit| kit.versions.points.values().map(|point| point.body.is_in_memory()).collect::<Vec<_>>();
    assert_eq!(here(&kit), [true, true, false, false, false, false, true], "the first is empty");
    assert_eq!(files(kit.folder.path()), 1);
    assert_eq!(kit.read(), kit.plain());
    // A reader goes on when the version is gone, and then the file goes.
    let mut reading = kit.versions.whole(Version(5)).unwrap().unwrap().read().unwrap();
    kit.act(&Act::Begin(vec![1]));
    assert_eq!(files(kit.folder.path()), 1);
    assert_eq!(reading.by_ref().map(|part| part.unwrap().1.payload.len()).sum::<usize>(), (78 << 10) + 16);
    drop(reading);
    assert_eq!(files(kit.folder.path()), 0);
}

#[test]
fn a_thousand_small_changes_make_few_files() {
    let mut kit = Kit::new(0);
    kit.act(&Act::Add(vec![39], true));
    for _ in 0..1000 {
        kit.act(&Act::Add(vec![1], false));
        kit.make_room();
    }
    let found = files(kit.folder.path());
    assert!((2..100).contains(&found), "{found} files");
    let size = kit.versions.size();
    assert_eq!((size.whole.1, size.changes.1), (39, 1000));
    let newest = kit.versions.newest();
    kit.plain.retain(|version, _| *version == newest);
    assert_eq!(kit.read(), kit.plain());
}

#[test]
fn what_changes_on_its_way_to_disk_stays_as_it_is() {
    let mut kit = Kit::new(0);
    kit.act(&Act::Add(vec![39], true));
    kit.act(&Act::Add(vec![30], false));
    let leaving = kit.versions.leaving();
    assert_eq!(leaving.len(), 2);
    let bodies: Vec<Body> = leaving.iter().map(|leaving| leaving.body.clone()).collect();
    let written = Body::to_file(&bodies, &kit.spill).unwrap();
    kit.act(&Act::Keep(0));
    kit.versions.left(leaving, written);
    let points: Vec<_> = kit.versions.points.values().skip(1).collect();
    assert!(!points[0].body.is_in_memory() && points[1].body.is_in_memory() && points[1].body.is_whole());
    assert_eq!(kit.read(), kit.plain());
}

#[test]
fn a_snapshot_is_in_pieces_of_whole_batches() {
    let mut kit = Kit::new(0);
    let empty = Body::whole(Vec::new()).pieces(Version(3)).unwrap().map(Result::unwrap).collect::<Vec<_>>();
    assert_eq!(empty, [tidemill_core::shard::encode(&(Version(3), Vec::<PyBatch>::new()), Vec::new()).unwrap()]);
    let parts = kit.parts(&[200; 14], SET);
    let here = Body::new(parts.clone());
    let file = Body::to_file(std::slice::from_ref(&here), &kit.spill).unwrap().remove(0);
    for body in [here, file] {
        let pieces: Vec<Vec<u8>> = body.pieces(Version(3)).unwrap().map(Result::unwrap).collect();
        assert_eq!(pieces.len(), 3);
        assert!(pieces.iter().all(|piece| piece.len() < PIECE_BYTES + (210 << 10)));
        let batches = pieces.iter().flat_map(|piece| {
            let (version, batches) = decode::<(Version, Vec<PyBatch>)>(piece).unwrap().0;
            assert_eq!(version, Version(3));
            batches
        });
        assert!(batches.eq(parts.iter().map(|(_, batch)| batch.clone())));
    }
}

#[test]
fn without_a_folder_that_can_be_written_all_stays_in_memory() {
    let mut kit = Kit::new(0);
    let file = kit.folder.path().join("file");
    fs::write(&file, "").unwrap();
    kit.act(&Act::Add(vec![39, 39], true));
    let bodies: Vec<Body> = kit.versions.leaving().into_iter().map(|leaving| leaving.body).collect();
    let failed = Body::to_file(&bodies, &SpillDir::new(&file)).map(|_| ()).unwrap_err();
    assert!(failed.to_string().contains("tidemill.memory.state.limit"), "{failed}");
    assert_eq!(kit.read(), kit.plain());
}

#[test]
fn what_is_gathered_is_in_a_file_where_memory_is_short() {
    for (limit, is_in_memory) in [(MemoryLimits::NONE, true), (100 << 10, false), (0, false)] {
        let mut kit = Kit::new(limit);
        let environment = Environment::new(kit.memory.clone(), kit.spill.clone(), HashSeed::default());
        let parts = kit.parts(&[30; 7], SET);
        let mut gathering = Gathering::new(&environment);
        for part in &parts {
            gathering.push(part.clone()).unwrap();
            assert!(kit.memory.used(Pool::State) <= limit.max(LEAST_LEAVING_BYTES));
        }
        let body = gathering.finish().unwrap();
        assert_eq!((body.is_in_memory(), body.is_whole(), kit.memory.used(Pool::State)), (is_in_memory, false, 0));
        assert_eq!(body.read().unwrap().map(Result::unwrap).collect::<Vec<_>>(), parts);
        let plain = tidemill_core::shard::encode(&parts, Vec::new()).unwrap();
        assert_eq!(body.encode().unwrap(), plain, "as a vector");
        let batches: Vec<&PyBatch> = parts.iter().map(|(_, batch)| batch).collect();
        let plain_batches = tidemill_core::shard::encode(&(Version(3), batches), Vec::new()).unwrap();
        let pieces: Vec<Vec<u8>> = body.pieces(Version(3)).unwrap().map(Result::unwrap).collect();
        assert_eq!(pieces, [plain_batches], "as a version and a vector");
        assert!(pieces[0].capacity() - pieces[0].len() >= SEAL_BYTES, "there is room for a seal");
        let again = Body::decode(&plain).unwrap();
        assert_eq!((again.bytes(), again.records(), again.len()), (body.bytes(), body.records(), 7));
        drop(body);
        assert_eq!(files(kit.folder.path()), 0);
    }
}
