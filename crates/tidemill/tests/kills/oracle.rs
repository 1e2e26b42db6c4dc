//! The oracle: what a program has to put out, worked out plainly from what its sources gave in each batch.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use serde::Serialize;

use crate::driver::INTERVAL;
use crate::programs::{Place, SLIDE, WINDOW, key};
use crate::saved::Saved;
use crate::sinks::{inserted, kept};

/// Stands for a line that is no id.
pub(crate) const UNREADABLE: u64 = u64::MAX;

/// What came out of a program.
pub(crate) struct Seen {
    place: Place,
    folders: Saved,
    /// What the sources gave, by name and time.
    raw: BTreeMap<String, BTreeMap<u64, Vec<u64>>>,
    /// What all sources gave, by time.
    all: BTreeMap<u64, Vec<u64>>,
    /// Batches that some sink got more than once.
    pub(crate) again: usize,
}

impl Seen {
    pub(crate) fn new(place: &Place, folders: Saved) -> Seen {
        let names = std::fs::read_dir(&place.folder).unwrap().map(|it| it.unwrap().file_name().into_string().unwrap());
        let names: Vec<String> = names.filter_map(|name| Some(name.strip_suffix(".out")?.to_owned())).collect();
        let (mut raw, mut all, mut again) = (BTreeMap::new(), BTreeMap::<u64, Vec<u64>>::new(), 0);
        for name in names.into_iter().filter(|name| name.starts_with("raw")) {
            let (batches, twice) = kept(place, &name);
            again = again.max(twice);
            let ids = |text: &String| serde_json::from_str::<Vec<u64>>(text).unwrap();
            let batches: BTreeMap<u64, Vec<u64>> = batches.iter().map(|(time, text)| (*time, ids(text))).collect();
            for (time, ids) in &batches {
                all.entry(*time).or_default().extend(ids);
            }
            raw.insert(name, batches);
        }
        all.values_mut().for_each(|ids| ids.sort());
        Seen { place: place.clone(), folders, raw, all, again }
    }

    /// How many batches there were, and records.
    pub(crate) fn size(&self) -> (usize, usize) {
        (self.all.len(), self.all.values().map(Vec::len).sum())
    }

    /// Each batch is there, and each id that was sent once at most, and once what is owed.
    pub(crate) fn complete(&self, sent: u64, owed: &BTreeSet<u64>) {
        let interval = INTERVAL.as_millis() as u64;
        for (name, batches) in &self.raw {
            let times: Vec<u64> = batches.keys().copied().collect();
            let holes: Vec<u64> = times.windows(2).filter(|it| it[1] != it[0] + interval).map(|it| it[0]).collect();
            assert!(holes.is_empty(), "{name}: batches are missing after {holes:?}");
        }
        let mut seen = BTreeMap::<u64, Vec<u64>>::new();
        for (time, ids) in &self.all {
            ids.iter().for_each(|id| seen.entry(*id).or_default().push(*time));
        }
        let twice: Vec<_> = seen.iter().filter(|(_, times)| times.len() > 1).take(10).collect();
        assert!(twice.is_empty(), "ids came out more than once, in the batches of: {twice:?}");
        let strange: Vec<_> = seen.keys().filter(|id| **id >= sent).take(10).collect();
        assert!(strange.is_empty(), "ids came out that nobody sent: {strange:?}");
        let lost: Vec<_> = owed.iter().filter(|id| !seen.contains_key(id)).collect();
        assert!(lost.is_empty(), "{} ids are lost: {:?}", lost.len(), &lost[..lost.len().min(10)]);
    }

    fn compare<T: Serialize + Ord>(&self, name: &str, wanted: impl IntoIterator<Item = (u64, Vec<T>)>) {
        let (found, _) = kept(&self.place, name);
        let mut found = found.into_iter();
        for (time, mut records) in wanted {
            records.sort();
            let wanted = serde_json::to_string(&records).unwrap();
            let (batch, found) = found.next().unwrap_or_else(|| panic!("{name}: the batch of {time} is missing"));
            assert_eq!((time, &wanted), (batch, &found), "{name}");
        }
        assert_eq!(found.next(), None, "{name}");
    }

    /// The state of each key after each batch.
    pub(crate) fn sums(&self, name: &str) {
        let mut state = BTreeMap::<u64, (u64, u64)>::new();
        self.compare(
            name,
            self.all.iter().map(|(time, ids)| {
                for id in ids {
                    let (count, sum) = state.entry(key(*id)).or_default();
                    (*count, *sum) = (*count + 1, *sum + id);
                }
                (*time, state.iter().map(|(key, sums)| (*key, *sums)).collect())
            }),
        );
    }

    /// For each record which one it is of its key.
    pub(crate) fn counts(&self, name: &str) {
        let mut counts = BTreeMap::<u64, u64>::new();
        self.compare(
            name,
            self.all.iter().map(|(time, ids)| {
                let count = |id: &u64| {
                    let count = counts.entry(key(*id)).or_default();
                    *count += 1;
                    (key(*id), *count)
                };
                (*time, ids.iter().map(count).collect())
            }),
        );
    }

    /// The windows that are due, with the ids of their batches.
    fn windows(&self) -> Vec<(u64, Vec<u64>)> {
        let (mut window, mut windows) = (VecDeque::new(), Vec::new());
        for (number, (time, ids)) in (1_u32..).zip(&self.all) {
            window.push_back(ids);
            if window.len() > WINDOW as usize {
                window.pop_front();
            }
            if number.is_multiple_of(SLIDE) {
                windows.push((*time, window.iter().copied().flatten().copied().collect()));
            }
        }
        windows
    }

    pub(crate) fn window(&self, name: &str) {
        self.compare(name, self.windows());
    }

    /// Windows with an inverse; a key that has left stays, with nothing.
    pub(crate) fn window_sums(&self, name: &str) {
        let mut known = BTreeSet::new();
        self.compare(
            name,
            self.windows().into_iter().map(|(time, ids)| {
                known.extend(ids.iter().map(|id| key(*id)));
                let of = |wanted: u64| ids.iter().filter(move |id| key(**id) == wanted);
                (time, known.iter().map(|key| (*key, (of(*key).count() as u64, of(*key).sum::<u64>()))).collect())
            }),
        );
    }

    /// Each id of `right` with those of its key in a window of `left`.
    pub(crate) fn joined(&self, name: &str, left: &str, right: &str) {
        let mut window = VecDeque::new();
        self.compare(
            name,
            self.raw[left].iter().map(|(time, ids)| {
                window.push_back(ids);
                if window.len() > WINDOW as usize {
                    window.pop_front();
                }
                let pairs = |id: &u64| {
                    let (key_of, id) = (key(*id), *id);
                    let fitting = window.iter().copied().flatten().filter(move |other| key(**other) == key_of);
                    fitting.map(move |other| (key_of, (*other, id))).collect::<Vec<_>>()
                };
                (*time, self.raw[right][time].iter().flat_map(pairs).collect::<Vec<_>>())
            }),
        );
    }

    /// The folders of text hold what the sources gave.
    pub(crate) fn saved(&self) {
        assert_eq!(self.folders.ids(&self.place), self.all);
    }

    /// The table holds what the sources gave.
    pub(crate) fn table(&self) {
        let some = self.all.iter().filter(|(_, ids)| !ids.is_empty()).map(|(time, ids)| (*time, ids.clone()));
        assert_eq!(inserted(&self.place), some.collect());
    }
}
