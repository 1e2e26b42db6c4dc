//! `Sums`: the simplest shard, on which the tests are made.

use std::sync::{Arc, Mutex};

use tidemill_core::lineage::Operator;
use tidemill_core::shard::{Change, Delta, Emit, Keeper, Kept, KeptShards, Loaded, Pieces, Step};
use tidemill_core::{BoxRuns, Cause, Context, Error, Rdd, Runs, Shard, Shards, Stop, Text, Version, VersionedTable};

pub(crate) type Pair = (Text, i64);

/// Writes down what it is told, and needs the versions from one on.
#[derive(Default)]
pub(crate) struct Told {
    pub(crate) words: Mutex<Vec<String>>,
    pub(crate) needs: Mutex<Option<Version>>,
}

impl Keeper for Told {
    fn stepped(&self, from: Version, to: Version, deltas: Vec<Delta>) {
        let whole = deltas.iter().all(|delta| delta.change.is_some());
        self.words.lock().unwrap().push(format!("{from} to {to}, {} deltas, whole: {whole}", deltas.len()));
    }

    fn seeded(&self, version: Version) {
        self.words.lock().unwrap().push(format!("seeded {version}"));
    }

    fn needs(&self) -> Option<Version> {
        *self.needs.lock().unwrap()
    }
}

/// Sums up what comes for each key and emits the sum after each record; what makes it 0 removes the key.
pub(crate) struct Sums {
    table: Arc<VersionedTable<Text, i64>>,
    /// Runs for every record: the user's code.
    each: Arc<dyn Fn(&Pair) + Send + Sync>,
}

impl Shard for Sums {
    type In = Pair;
    type Entry = Pair;
    type Out = Pair;
    type Change = Change<Text, i64>;

    fn version(&self) -> Version {
        self.table.version()
    }

    fn prepare(
        &self,
        step: &Step,
        mut input: BoxRuns<Pair>,
        emit: &mut Emit<Pair>,
    ) -> Result<(Self::Change, Delta), Stop> {
        let mut draft = self.table.draft(step.from, step.to)?;
        let (mut run, mut touched) = (Vec::new(), Vec::new());
        while input.next(&mut run)? {
            draft.touch(&mut run, &mut touched)?;
        }
        // The user's code comes last: a task that is late has nothing left to draw, at which it would be cancelled.
        for (place, value) in touched {
            (self.each)(&(draft.key(place).clone(), value));
            let sum = draft.take(place).unwrap_or(0) + value;
            draft.set(place, Some(sum).filter(|sum| *sum != 0));
            emit.push((draft.key(place).clone(), sum))?;
        }
        draft.finish(step.durable)
    }

    fn commit(&self, change: Self::Change) -> Result<(), Stop> {
        self.table.commit(change)
    }

    fn read(self: Arc<Self>, version: Version) -> Result<BoxRuns<Pair>, Stop> {
        Ok(Box::new(self.table.read(version)?))
    }

    fn undo(&self, to: Version) -> Result<(), Cause> {
        self.table.undo(to)
    }

    fn forget(&self, before: Version) {
        self.table.forget(before);
    }

    fn make_room(&self) {
        self.table.make_room();
    }

    fn seed(&self, version: Version, entries: BoxRuns<Pair>) -> Result<(), Stop> {
        self.table.seed(version, entries)
    }

    fn snapshot(self: Arc<Self>, version: Version) -> Result<Pieces<'static>, Stop> {
        Ok(Box::new(self.table.snapshot(version)?))
    }

    fn load(&self, kept: &dyn Kept) -> Result<(), Stop> {
        self.table.load(kept)
    }
}

/// The shards of sums over input laid out by hash in two partitions.
pub(crate) fn sums(context: &Context, each: impl Fn(&Pair) + Send + Sync + 'static) -> Shards<Sums> {
    let layout = input(context, &[]).layout().cloned();
    let (environment, each) = (Arc::clone(context.environment()), Arc::new(each));
    context.shards(Operator::here("sum_up"), 2, layout, move |_| Sums {
        table: VersionedTable::new(&environment),
        each: Arc::clone(&each) as Arc<dyn Fn(&Pair) + Send + Sync>,
    })
}

pub(crate) fn pairs(pairs: &[(&str, i64)]) -> Vec<Pair> {
    pairs.iter().map(|(key, value)| (Text::from(*key), *value)).collect()
}

/// Records in one partition, brought to where their keys belong.
pub(crate) fn input(context: &Context, records: &[(&str, i64)]) -> Rdd<Pair> {
    context.parallelize(pairs(records), 1).partition_by_hash(2)
}

/// All of a version of a partition.
pub(crate) fn snapshot(shards: &Shards<Sums>, partition: usize, version: Version) -> Vec<Vec<u8>> {
    shards.snapshot(partition, version).unwrap().map(Result::unwrap).collect()
}

/// Loads what was kept of each partition.
pub(crate) fn load(shards: &Shards<Sums>, kept: &[(Vec<Vec<u8>>, Vec<Delta>)]) -> Result<Loaded, Error> {
    let kept: Vec<&dyn Kept> = kept.iter().map(|kept| kept as &dyn Kept).collect();
    shards.load(&shards.shape(), &kept)
}

/// What there is at a version, by key.
pub(crate) fn at(shards: &Shards<Sums>, version: u64) -> Vec<Pair> {
    let mut entries = shards.read(Version(version)).collect().unwrap();
    entries.sort();
    entries
}
