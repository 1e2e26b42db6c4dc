//! `Trial`: shards and an oracle that do the same.

use std::collections::BTreeMap;
use std::fmt::Debug;
use std::sync::Arc;

use proptest::prelude::*;
use tidemill_core::lineage::Operator;
use tidemill_core::shard::{Delta, Keeper, KeptShards};
use tidemill_core::{Context, Element, Rdd, Shard, Shards, Version};

/// A key and a value.
pub(crate) type Record = (u8, i64);

/// A value at which the user's function panics.
pub(crate) const POISON: i64 = 99;

/// What is done.
#[derive(Clone, Debug)]
pub(crate) enum Action {
    /// A step so much later, with this input.
    Step(u64, Vec<Record>),
    /// Back by one step.
    Undo,
    /// Only so many versions before the current one are kept.
    Forget(usize),
}

/// Steps with values from `values`.
pub(crate) fn actions(values: impl Strategy<Value = i64> + Clone + 'static) -> impl Strategy<Value = Vec<Action>> {
    let record = (0u8..12, values);
    let action = prop_oneof![
        6 => (prop_oneof![4 => Just(10u64), 2 => Just(5), 1 => Just(30)], prop::collection::vec(record, 0..12))
            .prop_map(|(later, records)| Action::Step(later, records)),
        1 => Just(Action::Undo),
        2 => (0usize..4).prop_map(Action::Forget),
    ];
    prop::collection::vec(action, 1..25)
}

/// Plain state: its entries in the order in which their keys came.
pub(crate) trait Oracle: Clone {
    type Entry;
    type Out;
    /// The next state and what is emitted; `None` where the user's function panics.
    fn step(&mut self, to: u64, records: &[Record]) -> Option<Vec<Self::Out>>;
    fn entries(&self) -> Vec<Self::Entry>;
}

pub(crate) struct Trial<S: Shard, O: Oracle> {
    pub(crate) context: Context,
    pub(crate) shards: Shards<S>,
    /// By version: the state, what was emitted, and what changed.
    kept: BTreeMap<u64, (O, Vec<O::Out>, Option<Delta>)>,
}

/// Asks for changes and looks at none.
struct Ignores;

impl Keeper for Ignores {
    fn stepped(&self, _: Version, _: Version, _: Vec<Delta>) {}
    fn seeded(&self, _: Version) {}
}

/// Shards of one partition: what comes is in order.
pub(crate) fn shards<S: Shard>(context: &Context, make: impl Fn(&Context) -> S) -> Shards<S> {
    let layout = input(context, &[]).layout().cloned();
    let shards = context.shards(Operator::here("stateful"), 1, layout, |_| make(context));
    shards.keep(Some(Arc::new(Ignores)));
    shards
}

pub(crate) fn input(context: &Context, records: &[Record]) -> Rdd<Record> {
    context.parallelize(records.to_vec(), 1).partition_by_hash(1)
}

impl<S, O> Trial<S, O>
where
    S: Shard<In = Record>,
    S::Entry: Element + Debug + PartialEq,
    S::Out: Element + Debug + PartialEq,
    O: Oracle<Entry = S::Entry, Out = S::Out>,
{
    pub(crate) fn new(make: impl Fn(&Context) -> S, oracle: O) -> Trial<S, O> {
        let context = Context::local(2).unwrap();
        let shards = shards(&context, make);
        Trial { context, shards, kept: BTreeMap::from([(0, (oracle, Vec::new(), None))]) }
    }

    fn current(&self) -> u64 {
        *self.kept.keys().next_back().unwrap()
    }

    pub(crate) fn run(&mut self, actions: &[Action]) {
        for action in actions {
            match action {
                Action::Step(later, records) => self.step(*later, records),
                Action::Undo => {
                    if self.kept.len() > 1 {
                        self.kept.pop_last();
                        self.shards.undo(Version(self.current())).unwrap();
                    }
                }
                Action::Forget(count) => {
                    let before = *self.kept.keys().rev().take(count + 1).last().unwrap();
                    self.shards.forget(Version(before));
                    self.kept.retain(|version, _| *version >= before);
                }
            }
            self.check(&self.shards, self.kept.keys().copied());
        }
    }

    fn step(&mut self, later: u64, records: &[Record]) {
        let from = self.current();
        let to = from + later;
        let mut oracle = self.kept[&from].0.clone();
        let emitted = oracle.step(to, records);
        let stepped = self.shards.step(&input(&self.context, records), Version(from), Version(to));
        match emitted {
            Some(emitted) => {
                let delta = stepped.unwrap().pop();
                assert_eq!(self.shards.emitted(Version(to)).collect().unwrap(), emitted);
                self.kept.insert(to, (oracle, emitted, delta));
            }
            None => assert!(stepped.unwrap_err().to_string().contains("poison")),
        }
    }

    fn check(&self, shards: &Shards<S>, versions: impl Iterator<Item = u64>) {
        assert_eq!(shards.version(), Version(self.current()));
        for version in versions {
            assert_eq!(shards.read(Version(version)).collect().unwrap(), self.kept[&version].0.entries(), "{version}");
        }
    }

    /// Loads the oldest version and the changes since into `other`, which then does the same as these.
    pub(crate) fn load_into(mut self, make: impl Fn(&Context) -> S) {
        let oldest = *self.kept.keys().next().unwrap();
        let pieces: Vec<Vec<u8>> = self.shards.snapshot(0, Version(oldest)).unwrap().map(Result::unwrap).collect();
        let deltas: Vec<Delta> = self.kept.values().skip(1).map(|(_, _, delta)| delta.clone().unwrap()).collect();
        let loaded = shards(&self.context, make);
        loaded.load(&self.shards.shape(), &[&(pieces, deltas)]).unwrap();
        self.check(&loaded, [self.current()].into_iter());
        self.shards = loaded;
        for later in [10, 10, 30, 10] {
            self.step(later, &[(3, 1), (200, 5)]);
            self.check(&self.shards, [self.current()].into_iter());
        }
    }
}
