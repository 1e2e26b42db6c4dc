//! State past its limit: what memory keeps, and what happens where the disk fails.

use std::fs;
use std::os::unix::fs::FileExt;
use std::sync::Mutex;

use super::super::Before;
use super::super::entries::{Away, Entry, Slot};
use super::super::tests::{environment, limited};
use super::*;
use crate::Stop;
use crate::environment::Environment;
use crate::hash::HashSeed;
use crate::log::tests::Page;
use crate::memory::MemoryLimits;
use crate::shard::{Deltas, Kept, Pieces};
use crate::spill::{Blobs, SpillDir};

type Table = Arc<VersionedTable<u64, String>>;

/// Large enough that little of an entry stays in memory.
fn state(key: u64, version: u64) -> String {
    format!("{key} at {version} {}", "-".repeat(300))
}

/// A step that gives these keys their states, without making room.
fn step(table: &Table, keys: impl IntoIterator<Item = u64>) -> Result<(), Stop> {
    let (from, mut touched) = (table.version(), Vec::new());
    let to = Version(from.0 + 1);
    let mut draft = table.draft(from, to)?;
    for run in keys.into_iter().map(|key| (key, ())).collect::<Vec<_>>().chunks(100) {
        draft.touch(&mut run.to_vec(), &mut touched)?;
    }
    for (place, ()) in touched {
        let key = *draft.key(place);
        draft.set(place, Some(state(key, to.0)));
    }
    table.commit(draft.finish(true)?.0)
}

fn all(table: &Table) -> Result<Vec<(u64, String)>, Stop> {
    let (mut runs, mut all) = (table.read(table.version())?, Vec::new());
    while runs.visit_run(|key, state, _| all.push((*key, state.into_owned())))? {}
    Ok(all)
}

/// How many entries with a state are in memory.
fn here(table: &Table) -> usize {
    table.inner().entries.iter().filter(|view| matches!(view, View::Here(_)) && view.is_live()).count()
}

#[test]
fn what_was_changed_longest_ago_goes_first() {
    let environment = limited(1_000_000);
    let table: Table = VersionedTable::new(&environment);
    step(&table, 0..2_000).unwrap();
    step(&table, 0..200).unwrap(); // and these later
    table.forget(table.version());
    table.make_room();
    assert_eq!(here(&table), 2_000, "there is room");
    step(&table, 2_000..3_000).unwrap();
    table.make_room();
    let is_here = |key: u64| {
        let (inner, mut reader) = (table.inner(), BlobReader::new());
        let found = inner.find(table.seed.hash(&key), &key, &mut reader).unwrap();
        matches!(found, super::super::Found::Entry(_, std::borrow::Cow::Borrowed(_)))
    };
    assert!(environment.memory.used(Pool::State) <= 1_000_000 / 8 * 7);
    assert!((0..200).all(is_here) && (2_000..3_000).all(is_here), "they were changed later");
    assert!((200..600).all(|key| !is_here(key)));
    // A step that changes what is away brings that back and no more.
    let before = here(&table);
    step(&table, [300, 301]).unwrap();
    assert_eq!((here(&table), is_here(300), is_here(302)), (before + 2, true, false));
    assert_eq!(table.get(&301, table.version()).unwrap(), Some(state(301, 4)));
    assert_eq!(table.get(&301, Version(3)).unwrap(), Some(state(301, 1)));
}

/// A snapshot of a table that is made as it is loaded, and looks how full the table is into which it is.
struct Lazy<'a> {
    table: &'a Table,
    piece_bytes: usize,
    memory: &'a Memory,
    /// What state took up when each piece was drawn.
    used: Arc<Mutex<Vec<u64>>>,
}

impl Kept for Lazy<'_> {
    fn pieces(&self) -> Pieces<'_> {
        let pieces = self.table.snapshot_of(Version(1), self.piece_bytes).unwrap();
        Box::new(pieces.inspect(|_| self.used.lock().unwrap().push(self.memory.used(Pool::State))))
    }

    fn deltas(&self) -> Deltas<'_> {
        Box::new(std::iter::empty())
    }
}

#[test]
fn a_piece_is_drawn_when_the_one_before_is_loaded() {
    let source: Table = VersionedTable::new(&environment());
    step(&source, 0..20_000).unwrap();
    let environment = environment();
    let table: Table = VersionedTable::new(&environment);
    let used = Arc::default();
    table
        .load(&Lazy { table: &source, piece_bytes: 200_000, memory: &environment.memory, used: Arc::clone(&used) })
        .unwrap();
    let used = used.lock().unwrap();
    assert!(used.len() > 20, "{} pieces", used.len());
    assert!(used.windows(2).all(|two| two[0] + 100_000 < two[1]), "{used:?}");
    assert_eq!(all(&table).unwrap(), all(&source).unwrap());
}

#[test]
fn a_table_many_times_its_limit_is_loaded_and_goes_on() {
    const LIMIT: u64 = 1_500_000;
    let source: Table = VersionedTable::new(&environment());
    step(&source, 0..20_000).unwrap();
    let environment = limited(LIMIT);
    let table: Table = VersionedTable::new(&environment);
    let memory = &environment.memory;
    let pieces = Lazy { table: &source, piece_bytes: 20_000, memory, used: Arc::default() };
    table.load(&pieces).unwrap();
    // 20,000 keys of some 60 bytes, and what the table may grow by before it makes room again.
    let index = 20_000 * 80 + 300_000;
    assert!(source.bytes() > 4 * LIMIT && memory.peak(Pool::State) < LIMIT + index, "{}", memory.peak(Pool::State));
    for round in 0..5 {
        step(&table, (0..20_000).filter(|key| key % 10 == round)).unwrap();
        step(&source, (0..20_000).filter(|key| key % 10 == round)).unwrap();
        table.make_room();
        table.forget(table.version());
        // 2,000 keys are touched in a step: their copies, their new and their old states.
        assert!(memory.peak(Pool::State) < LIMIT + index + 2_000 * 3 * 500, "{}", memory.peak(Pool::State));
    }
    assert_eq!(all(&table).unwrap(), all(&source).unwrap());
    // And from entries, as a first state is put in.
    let seeded: Table = VersionedTable::new(&limited(LIMIT));
    seeded.seed(Version(7), Box::new(crate::runs::VecRuns::new(all(&source).unwrap()))).unwrap();
    assert_eq!(all(&seeded).unwrap(), all(&source).unwrap());
    assert!(here(&seeded) < 10_000);
}

#[test]
fn no_round_is_run_beside_a_step() {
    let table: Table = VersionedTable::new(&limited(1));
    step(&table, 0..100).unwrap();
    let mut draft = table.draft(Version(1), Version(2)).unwrap();
    draft.touch_all().unwrap();
    table.make_room();
    assert_eq!(here(&table), 100);
    (0..100).for_each(|place| draft.set(place, Some("changed".into())));
    table.commit(draft.finish(false).unwrap().0).unwrap();
    table.make_room();
    assert_eq!(here(&table), 0);
    assert_eq!(table.get(&7, Version(2)).unwrap(), Some("changed".into()));
    assert_eq!(table.get(&7, Version(1)).unwrap(), Some(state(7, 1)));
    table.undo(Version(1)).unwrap();
    assert_eq!(all(&table).unwrap(), (0..100).map(|key| (key, state(key, 1))).collect::<Vec<_>>());
}

#[test]
fn a_damaged_file_is_an_error_and_leaves_the_table_as_it_is() {
    let table: Table = VersionedTable::new(&limited(1));
    step(&table, 0..100).unwrap();
    table.make_room();
    let (file, at) = match table.inner().entries.get(40) {
        Some(View::Away(away)) => (Arc::clone(&away.file), u64::from(away.at)),
        _ => panic!("it is in memory"),
    };
    let mut piece = vec![0; 50];
    file.file().read_exact_at(&mut piece, at).unwrap();
    let damaged = |result: Result<(), Stop>| match result.unwrap_err() {
        Stop::Failed(cause @ Cause::Damaged { .. }) => assert!(cause.to_string().contains("spill"), "{cause}"),
        other => panic!("{other}"),
    };
    for flip in [0, 5, 12, 40] {
        file.file().write_all_at(&[piece[flip] ^ 4], at + flip as u64).unwrap();
        damaged(step(&table, [40]));
        damaged(table.draft(Version(1), Version(2)).unwrap().touch_all());
        damaged(table.get(&40, Version(1)).map(drop));
        damaged(table.snapshot(Version(1)).unwrap().try_for_each(|piece| piece.map(drop)));
        assert_eq!((table.version(), table.get(&39, Version(1)).unwrap()), (Version(1), Some(state(39, 1))));
        file.file().write_all_at(&piece, at).unwrap();
    }
    file.file().set_len(at + 20).unwrap();
    damaged(step(&table, [40, 41]));
    step(&table, 0..40).unwrap();
    assert_eq!(table.version(), Version(2));
    assert_eq!(table.inner().drafts + table.inner().readers, 0);
}

#[test]
fn what_cannot_go_to_disk_stays_and_the_next_step_says_why() {
    let root = tempfile::tempdir().unwrap();
    let local = root.path().join("a file");
    fs::write(&local, "").unwrap();
    let memory = Memory::new(MemoryLimits { state: 100_000, ..MemoryLimits::default() });
    let environment = Environment::new(memory, SpillDir::new(&local), HashSeed::default());
    let table: Table = VersionedTable::new(&environment);
    let page = Page::default();
    let writer = page.clone();
    let subscriber = tracing_subscriber::fmt().with_ansi(false).with_writer(move || writer.clone()).finish();
    tracing::subscriber::with_default(subscriber, || {
        step(&table, 0..1_000).unwrap();
        (0..3).for_each(|_| table.make_room());
    });
    assert_eq!(page.text().matches("stays in memory").count(), 1, "once is enough: {}", page.text());
    assert_eq!((here(&table), table.get(&5, Version(1)).unwrap()), (1_000, Some(state(5, 1))));
    let error = step(&table, [1]).unwrap_err().to_string();
    let parts = ["at most 100000 may be", "cannot spill to", "a file", "raise tidemill.memory.state.limit"];
    parts.iter().for_each(|part| assert!(error.contains(part), "{error}"));
    assert_eq!(table.version(), Version(1));
    // The disk is there again.
    fs::remove_file(&local).unwrap();
    step(&table, [1]).unwrap();
    assert!(here(&table) < 300);
    assert_eq!(table.get(&1, Version(2)).unwrap(), Some(state(1, 2)));
}

#[test]
fn states_that_cannot_be_encoded_stay() {
    #[derive(Clone, serde::Deserialize)]
    struct Panics;
    impl Serialize for Panics {
        fn serialize<S: serde::Serializer>(&self, _: S) -> Result<S::Ok, S::Error> {
            panic!("not this one")
        }
    }
    fn failure<S: Element>(state: S) -> String {
        let table: Arc<VersionedTable<u64, S>> = VersionedTable::new(&limited(1));
        let (mut draft, mut touched) = (table.draft(Version(0), Version(1)).unwrap(), Vec::new());
        draft.touch(&mut vec![(1, ())], &mut touched).unwrap();
        draft.set(0, Some(state));
        table.commit(draft.finish(false).unwrap().0).unwrap();
        table.make_room();
        table.make_room();
        assert!(table.get(&1, Version(1)).unwrap().is_some());
        table.failure().unwrap().to_string()
    }
    let local = failure(crate::Local(7));
    assert!(local.contains("Local<i32>") && local.contains("tidemill.memory.state.limit"), "{local}");
    let panics = failure(Panics);
    assert!(panics.contains("not this one"), "{panics}");
}

#[test]
fn what_is_not_needed_any_more_gives_its_room_on_disk_back() {
    let environment = limited(1);
    let blobs = Blobs::new(&environment.spill).with_file_bytes(20_000);
    let table: Table = VersionedTable::make(environment.seed, &environment.memory, false, blobs);
    step(&table, 0..300).unwrap();
    for round in 0..60 {
        // Of each file some entry stays that is never changed.
        step(&table, (0..300).filter(|key| key % 10 != 0 && key % 3 == round % 3)).unwrap();
        table.forget(table.version());
        table.make_room();
    }
    table.make_room();
    let inner = table.inner();
    let files: std::collections::BTreeSet<_> = inner
        .entries
        .iter()
        .filter_map(|view| if let View::Away(away) = view { Some(Arc::as_ptr(&away.file)) } else { None })
        .collect();
    assert!(files.len() < 20, "{} files for 300 entries, of which 60 fill one", files.len());
}

#[test]
fn entries_on_disk_are_small_and_those_in_memory_no_larger() {
    assert_eq!(size_of::<Away>(), 24);
    assert_eq!(size_of::<Slot<u64, String>>(), 24);
    assert_eq!((size_of::<Entry<u64, u64>>(), size_of::<(u32, Before<u64>)>()), (40, 40));
}
