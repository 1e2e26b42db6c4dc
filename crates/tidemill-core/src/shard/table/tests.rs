//! `VersionedTable` against a list of pairs for each version, and what it does with memory.

use std::collections::BTreeMap;

use proptest::prelude::*;

use super::entries::View;
use super::*;
use crate::memory::{Memory, MemoryLimits};
use crate::shard::{Delta, Emit};
use crate::spill::SpillDir;
use crate::store::Place;
use crate::{BoxRuns, Runs, Text, TextBlock};

pub(super) fn environment() -> Arc<Environment> {
    limited(MemoryLimits::NONE)
}

pub(super) fn limited(state: u64) -> Arc<Environment> {
    let memory = Memory::new(MemoryLimits { state, ..MemoryLimits::default() });
    Environment::new(memory, SpillDir::new(std::env::temp_dir()), HashSeed::default())
}

/// Snapshots are in pieces of a few entries.
const PIECE_BYTES: usize = 500;

/// What a step does to a key that it touches.
#[derive(Clone, Copy, Debug)]
enum Touch {
    Nothing,
    Set(u64),
    Remove,
}

/// What is done to a table.
#[derive(Clone, Debug)]
enum Action {
    /// A step that touches these keys, one after the other, and is committed or dropped.
    Step(Vec<(u8, Touch)>, bool),
    /// A step that touches all keys and adds 1 to each state.
    StepAll,
    /// A step that removes the keys that were not touched by so many of the last versions.
    Expire(u64),
    Forget(u64),
    Undo(u64),
    /// A reader of a version that is so old draws a run.
    Open(u64),
    /// The open readers draw a run each.
    Draw,
    /// What is past the limit goes to disk.
    MakeRoom,
    /// It is loaded from a snapshot of its oldest version and the changes since, in place of what it was.
    Load,
}

fn action() -> impl Strategy<Value = Action> {
    let touch = prop_oneof![Just(Touch::Nothing), any::<u64>().prop_map(Touch::Set), Just(Touch::Remove)];
    let step = prop::collection::vec((any::<u8>(), touch), 0..150);
    prop_oneof![
        8 => (step, prop::bool::weighted(0.9)).prop_map(|(touches, commit)| Action::Step(touches, commit)),
        1 => Just(Action::StepAll),
        2 => (1u64..4).prop_map(Action::Expire),
        3 => (0u64..4).prop_map(Action::Forget),
        1 => (0u64..4).prop_map(Action::Undo),
        2 => (0u64..4).prop_map(Action::Open),
        2 => Just(Action::Draw),
        1 => Just(Action::Load),
        6 => Just(Action::MakeRoom),
    ]
}

/// A key that owns memory, unless it is short.
fn key(key: u8) -> Text {
    if key.is_multiple_of(4) {
        Text::from(key.to_string())
    } else {
        Text::from(format!("the key with the number {key}"))
    }
}

/// Key, state, and the version in which it was touched last.
type Listed = Vec<(Text, String, u64)>;

/// The slowest table there is: a list for each version.
struct Oracle {
    versions: BTreeMap<u64, Listed>,
    deltas: BTreeMap<u64, Delta>,
    /// What the next version is called.
    next: u64,
}

impl Oracle {
    fn current(&self) -> u64 {
        *self.versions.keys().next_back().unwrap()
    }

    /// The version that is `age` older than the current one, or the oldest.
    fn aged(&self, age: u64) -> u64 {
        let newest_first: Vec<u64> = self.versions.keys().rev().copied().collect();
        *newest_first.get(age as usize).or(newest_first.last()).unwrap()
    }
}

fn change(list: &mut Listed, key: &Text, to: u64, state: impl FnOnce(Option<String>) -> Option<String>) {
    match list.iter().position(|(held, ..)| held == key) {
        Some(at) => match state(Some(list[at].1.clone())) {
            Some(state) => list[at] = (key.clone(), state, to),
            None => drop(list.remove(at)),
        },
        None => list.extend(state(None).map(|state| (key.clone(), state, to))),
    }
}

/// A table, what it ought to be, and its open readers with what they have still to bring.
struct Trial {
    table: Arc<VersionedTable<Text, String>>,
    oracle: Oracle,
    readers: Vec<(u64, TableRuns<Text, String>, Vec<(Text, String)>)>,
    memory: Memory,
}

impl Trial {
    fn new(limit: u64) -> Trial {
        let environment = limited(limit);
        // Files so small that most are full, and those that are mostly dead written again.
        let blobs = Blobs::new(&environment.spill).with_file_bytes(2_000);
        let table = VersionedTable::make(environment.seed, &environment.memory, true, blobs);
        let oracle = Oracle { versions: BTreeMap::from([(0, Vec::new())]), deltas: BTreeMap::new(), next: 10 };
        Trial { table, oracle, readers: Vec::new(), memory: environment.memory.clone() }
    }

    fn act(&mut self, action: &Action) {
        match action {
            Action::Step(touches, commit) => self.step(touches, *commit),
            Action::StepAll => {
                let mut draft = self.draft();
                draft.touch_all().unwrap();
                let mut list = self.oracle.versions[&self.oracle.current()].clone();
                assert_eq!(draft.len(), list.len());
                for (place, (key, state, changed)) in list.iter_mut().enumerate() {
                    assert_eq!((draft.key(place), draft.state(place)), (&*key, Some(&*state)));
                    state.push('+');
                    *changed = self.oracle.next;
                    draft.set(place, Some(state.clone()));
                }
                self.commit(draft, list);
            }
            Action::Expire(age) => self.expire(*age),
            Action::Forget(age) => {
                let before = self.oracle.aged(*age);
                self.table.forget(Version(before));
                self.oracle.versions.retain(|version, _| *version >= before);
                // Readers of what is gone get an error, not something else.
                for (_, mut reader, rest) in self.readers.extract_if(.., |(version, ..)| *version < before) {
                    assert!(rest.is_empty() || reader.next(&mut Vec::new()).is_err());
                }
            }
            Action::Undo(age) => {
                let to = self.oracle.aged(*age);
                let undone = to < self.oracle.current();
                self.table.undo(Version(to)).unwrap();
                self.oracle.versions.retain(|version, _| *version <= to);
                self.oracle.deltas.retain(|version, _| *version <= to);
                self.readers.retain(|_| !undone);
            }
            Action::Open(age) => {
                let version = self.oracle.aged(*age);
                let rest = self.oracle.versions[&version].iter();
                let rest = rest.map(|(key, state, _)| (key.clone(), state.clone())).collect();
                self.readers.push((version, self.table.read(Version(version)).unwrap(), rest));
            }
            Action::Draw => self.readers.iter_mut().for_each(|(_, reader, rest)| {
                let mut run = Vec::new();
                if reader.next(&mut run).unwrap() {
                    assert_eq!(run, rest.drain(..run.len()).collect::<Vec<_>>());
                } else {
                    assert!(rest.is_empty());
                }
            }),
            Action::Load => self.load(),
            Action::MakeRoom => self.make_room(),
        }
    }

    fn draft(&self) -> Draft<Text, String> {
        self.table.draft(Version(self.oracle.current()), Version(self.oracle.next)).unwrap()
    }

    fn commit(&mut self, draft: Draft<Text, String>, list: Listed) {
        let (change, delta) = draft.finish(true).unwrap();
        self.table.commit(change).unwrap();
        self.oracle.versions.insert(self.oracle.next, list);
        self.oracle.deltas.insert(self.oracle.next, delta);
        self.oracle.next += 10;
    }

    fn step(&mut self, touches: &[(u8, Touch)], commit: bool) {
        let (mut draft, to) = (self.draft(), self.oracle.next);
        let before = &self.oracle.versions[&self.oracle.current()];
        let mut list = before.clone();
        let mut places = Vec::new();
        for run in touches.chunks(40) {
            let mut run = run.iter().map(|(number, touch)| (key(*number), *touch)).collect();
            draft.touch(&mut run, &mut places).unwrap();
        }
        for (place, touch) in places {
            let key = draft.key(place).clone();
            let held = draft.take(place);
            match touch {
                Touch::Nothing => draft.put_back(place, held),
                Touch::Set(state) => draft.set(place, Some(format!("state {state}"))),
                Touch::Remove => draft.set(place, None),
            }
            // Keys that are there keep their place, even if they leave and return within the step.
            let known = before.iter().any(|(held, ..)| *held == key);
            let apply = |state: Option<String>| match touch {
                Touch::Nothing => state,
                Touch::Set(state) => Some(format!("state {state}")),
                Touch::Remove => None,
            };
            if known {
                let at = list.iter().position(|(held, ..)| *held == key).unwrap();
                let state = apply(Some(list[at].1.clone()).filter(|state| state != GONE));
                list[at] = (key, state.unwrap_or(GONE.into()), to);
            } else {
                change(&mut list, &key, to, apply);
            }
        }
        let order = |found: &Text| touches.iter().position(|(number, _)| key(*number) == *found);
        let mut new = list.split_off(before.len());
        new.sort_by_key(|(key, ..)| order(key));
        list.extend(new);
        list.retain(|(_, state, _)| state != GONE);
        if commit {
            self.commit(draft, list);
        }
    }

    fn expire(&mut self, age: u64) {
        let (mut draft, to) = (self.draft(), self.oracle.next);
        let since = to.saturating_sub(age * 10);
        let list = self.oracle.versions[&self.oracle.current()].clone();
        let (mut due, rest): (Listed, Listed) = list.into_iter().partition(|(_, _, changed)| *changed < since);
        due.sort_by_key(|(_, _, changed)| *changed); // and of one version in the order of the table
        let places = draft.touch_untouched_since(Version(since)).unwrap();
        let found: Vec<_> =
            places.clone().map(|at| (draft.key(at).clone(), draft.state(at).unwrap().clone())).collect();
        assert_eq!(found, due.into_iter().map(|(key, state, _)| (key, state)).collect::<Vec<_>>());
        places.for_each(|place| draft.set(place, None));
        self.commit(draft, rest);
    }

    fn load(&mut self) {
        let oldest = *self.oracle.versions.keys().next().unwrap();
        let pieces: Vec<Vec<u8>> =
            self.table.snapshot_of(Version(oldest), PIECE_BYTES).unwrap().map(Result::unwrap).collect();
        // The number of the version, and an entry.
        assert!(pieces.iter().all(|piece| piece.len() < PIECE_BYTES + 100));
        assert!(pieces.iter().rev().skip(1).all(|piece| piece.len() >= PIECE_BYTES));
        let deltas: Vec<Delta> = self.oracle.deltas.range(oldest + 1..).map(|(_, delta)| delta.clone()).collect();
        self.readers.clear();
        self.table.load(&(pieces, deltas)).unwrap();
        let current = self.oracle.current();
        self.oracle.versions.retain(|version, _| *version == current);
    }

    fn make_room(&self) {
        self.table.make_room();
        assert!(self.table.failure().is_none());
        let (used, limit) = (self.memory.used(Pool::State), self.memory.ceiling(Pool::State));
        let inner = self.table.inner();
        let is_here = |view: &View<'_, _, _>| matches!(view, View::Here(_)) && view.is_live();
        assert!(used <= limit || !inner.entries.iter().any(|view| is_here(&view)), "{used} bytes of {limit}");
    }

    /// Compares everything that can be read, and the table's own account.
    fn check(&self) {
        assert_eq!(self.table.version(), Version(self.oracle.current()));
        for (version, list) in &self.oracle.versions {
            let mut found = Vec::new();
            let mut runs = self.table.read(Version(*version)).unwrap();
            while runs
                .visit_run(|key, state, changed| found.push((key.into_owned(), state.into_owned(), changed.0)))
                .unwrap()
            {}
            assert_eq!(&found, list, "version {version}");
            for number in [0, 1, 77] {
                let listed = list.iter().find(|(held, ..)| *held == key(number)).map(|(_, state, _)| state.clone());
                assert_eq!(self.table.get(&key(number), Version(*version)).unwrap(), listed);
            }
        }
        let inner = self.table.inner();
        let weight = |view: View<'_, Text, String>| if let View::Here(entry) = view { entry.weight() } else { 0 };
        assert_eq!(inner.owned, inner.entries.iter().map(weight).sum::<u64>());
        let dead = inner.entries.iter().filter(|view| !view.is_live() && view.changed() <= inner.oldest()).count();
        assert_eq!((inner.live, inner.dead), (self.oracle.versions[&inner.version.0].len(), dead));
        assert_eq!((inner.readers, inner.drafts), (self.readers.len(), 0));
        assert_eq!(self.memory.used(Pool::State), inner.bytes());
    }
}

/// Stands in an oracle's list for a state that was removed in the step at hand.
const GONE: &str = "gone";

proptest! {
    #![proptest_config(ProptestConfig::with_cases(120))]

    #[test]
    fn a_table_is_a_list_for_each_version(
        actions in prop::collection::vec(action(), 1..40),
        limit in prop_oneof![Just(MemoryLimits::NONE), Just(1), 5_000u64..40_000],
    ) {
        let mut trial = Trial::new(limit);
        for action in &actions {
            trial.act(action);
            trial.check();
        }
        let memory = trial.memory.clone();
        drop(trial);
        prop_assert_eq!(memory.used(Pool::State), 0);
    }
}

/// One key after the other comes and goes, with few at a time.
#[test]
fn tombstones_go_once_nobody_needs_them() {
    let environment = environment();
    let table: Arc<VersionedTable<u64, u64>> = VersionedTable::new(&environment);
    // A step that never ends: it holds the table no longer than the next one needs.
    let _hanging = table.draft(Version(0), Version(1)).unwrap();
    let mut reader = None;
    for version in 0..2_000 {
        let mut draft = table.draft(Version(version), Version(version + 1)).unwrap();
        let mut places = Vec::new();
        draft.touch(&mut vec![(version, Some(version)), (version.wrapping_sub(3), None)], &mut places).unwrap();
        places.into_iter().for_each(|(place, state)| draft.set(place, state));
        table.commit(draft.finish(false).unwrap().0).unwrap();
        table.forget(Version(version));
        if version == 500 {
            reader = Some(table.read(Version(501)).unwrap());
        }
        if version == 1_000 {
            assert!(table.inner().entries.len() > 500, "a reader knows entries by their places");
            reader = None;
        }
    }
    assert!(reader.is_none());
    let inner = table.inner();
    assert!(inner.entries.len() < 200 && inner.entries.bytes() < 20_000, "{} entries", inner.entries.len());
    assert_eq!(inner.live, 3);
}

#[test]
fn a_change_that_comes_late_is_refused() {
    let table: Arc<VersionedTable<u64, u64>> = VersionedTable::new(&environment());
    let change = |to| {
        let mut draft = table.draft(Version(0), Version(to)).unwrap();
        draft.touch(&mut vec![(7, ())], &mut Vec::new()).unwrap();
        draft.set(0, Some(to));
        draft.finish(false).unwrap().0
    };
    let (first, late, later) = (change(1), change(2), change(3));
    let mut open = table.draft(Version(0), Version(4)).unwrap();
    table.commit(first).unwrap();
    assert!(matches!(table.commit(late), Err(Stop::Cancelled)));
    assert!(matches!(open.touch(&mut vec![(8, ())], &mut Vec::new()), Err(Stop::Cancelled)));
    assert!(matches!(open.touch_all(), Err(Stop::Cancelled)));
    table.undo(Version(0)).unwrap();
    assert!(matches!(table.commit(later), Err(Stop::Cancelled)), "it began before the state went back");
    assert!(table.is_empty() && matches!(table.draft(Version(1), Version(2)), Err(Stop::Cancelled)));
    assert_eq!(
        table.draft(Version(0), Version(0)).err().unwrap().to_string(),
        "a step goes to a later version, not from 0 to 0"
    );
    drop(open);
    assert_eq!((table.inner().readers, table.inner().drafts), (0, 0));
}

/// Records of 36 bytes, each cut from a block of 10,000.
fn records(blocks: &mut Vec<TextBlock>) -> Vec<(Text, Text)> {
    let text = |number: usize| format!("{number:036}{}", "-".repeat(10_000));
    let mut block = |number| {
        blocks.push(TextBlock::new(text(number)).unwrap());
        blocks.last().unwrap().get(0..36).unwrap()
    };
    (0..1_000).map(|number| (block(number), block(number))).collect()
}

#[test]
fn what_is_kept_keeps_no_input_alive() {
    let environment = environment();
    let table: Arc<VersionedTable<Text, (u32, Vec<Text>)>> = VersionedTable::new(&environment);
    let mut emitted = Vec::new();
    let mut blocks = Vec::new();
    for version in 0..2 {
        let mut emit: Emit<(Text, Option<Text>)> = Emit::new(&environment);
        let mut draft = table.draft(Version(version), Version(version + 1)).unwrap();
        let mut touched = Vec::new();
        for run in records(&mut blocks).chunks(300) {
            draft.touch(&mut run.to_vec(), &mut touched).unwrap();
        }
        for (place, value) in touched {
            let mut state = draft.take(place).unwrap_or_default();
            state.1.push(value.clone());
            draft.set(place, Some(state));
            emit.push((draft.key(place).clone(), Some(value))).unwrap();
        }
        table.commit(draft.finish(false).unwrap().0).unwrap();
        emitted.push(emit.finish().unwrap());
    }
    table.forget(Version(1));
    assert_eq!((table.len(), emitted.len()), (1_000, 2));
    assert!(emitted.iter().all(|place| matches!(place, Place::Memory(..))));
    let held = blocks.iter().filter(|block| block.holders() > 1).count();
    assert_eq!(held, 0, "of {} blocks", blocks.len());
    // And the account says so: 3,000 texts of 36 bytes in the table, 4,000 emitted; nothing of 10,000.
    assert!(environment.memory.used(Pool::State) < 1 << 20);
    // What was seeded is detached as well.
    let mut blocks = Vec::new();
    let seeds = records(&mut blocks).into_iter().map(|(key, value)| (key, (0, vec![value]))).collect();
    let seeds: BoxRuns<_> = Box::new(crate::runs::VecRuns::new(seeds));
    table.seed(Version(5), seeds).unwrap();
    assert_eq!((table.len(), blocks.iter().filter(|block| block.holders() > 1).count()), (1_000, 0));
}
