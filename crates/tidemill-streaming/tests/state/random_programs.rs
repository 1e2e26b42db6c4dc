//! Random programs of windows, states and joins over random batches, held against plain lists.

use std::collections::{BTreeMap, BTreeSet};

use proptest::prelude::*;
use tidemill_core::Timestamp;
use tidemill_streaming::dstream::{Compute, Computed, Parent, StateSpec};
use tidemill_streaming::state::State;
use tidemill_streaming::testing::TestContext;
use tidemill_streaming::{DStream, StreamingContext};

use crate::{seconds, sum};

type Pairs = Vec<(u8, i64)>;
/// The RDDs of a stream, one a batch.
type Batches = Vec<Option<Pairs>>;

/// An operator that has an RDD for every batch.
#[derive(Clone, Debug)]
enum Op {
    Window(u64),
    ReduceWindow(u64),
    ReduceWindowInverse(u64),
    Update,
    /// Keeps the records of keys that an earlier batch had, of which there was one within as many batches.
    Known(u64),
    Double,
}

fn ops() -> impl Strategy<Value = Vec<Op>> {
    let op = prop_oneof![
        (1..4_u64).prop_map(Op::Window),
        (1..4_u64).prop_map(Op::ReduceWindow),
        (1..4_u64).prop_map(Op::ReduceWindowInverse),
        Just(Op::Update),
        (1..4_u64).prop_map(Op::Known),
        Just(Op::Double),
    ];
    proptest::collection::vec(op, 0..4)
}

fn apply(stream: &DStream<(u8, i64)>, op: &Op) -> DStream<(u8, i64)> {
    let (add, subtract) = (|a, b| a + b, |a, b| a - b);
    match *op {
        Op::Window(batches) => stream.window(seconds(batches)).unwrap(),
        Op::ReduceWindow(batches) => stream.reduce_by_key_and_window(add, seconds(batches), seconds(1)).unwrap(),
        Op::ReduceWindowInverse(batches) => {
            stream.reduce_by_key_and_window_inverse(add, subtract, seconds(batches), seconds(1)).unwrap()
        }
        Op::Update => stream.update_state_by_key(sum),
        Op::Known(batches) => {
            let known = |time: Timestamp, key: &u8, value: Option<i64>, first: &mut State<u64>| {
                let value = value?;
                if !first.exists() {
                    first.update(time.millis());
                }
                first.get().is_some_and(|first| *first < time.millis()).then_some((*key, value))
            };
            stream.map_with_state(StateSpec::timed_function(known).timeout(seconds(batches))).records()
        }
        Op::Double => stream.map(|(key, value)| (key, value * 2 % 1000)),
    }
}

/// The records in the window that ends with each batch.
fn windows(batches: &Batches, length: u64) -> Vec<Pairs> {
    let window = |end: usize| batches[(end + 1).saturating_sub(length as usize)..=end].iter().flatten().flatten();
    (0..batches.len()).map(|end| window(end).copied().collect()).collect()
}

fn sums(records: &Pairs) -> BTreeMap<u8, i64> {
    let mut sums = BTreeMap::new();
    records.iter().for_each(|(key, value)| *sums.entry(*key).or_insert(0) += value);
    sums
}

fn apply_plainly(batches: &Batches, op: &Op) -> Batches {
    match *op {
        Op::Window(length) => windows(batches, length).into_iter().map(Some).collect(),
        Op::ReduceWindow(length) => {
            windows(batches, length).iter().map(|records| Some(sums(records).into_iter().collect())).collect()
        }
        Op::ReduceWindowInverse(length) => {
            let mut known = BTreeSet::new();
            let with_known = |(batch, window): (&Option<Pairs>, &Pairs)| {
                known.extend(batch.iter().flatten().map(|(key, _)| *key));
                let sums = sums(window);
                Some(known.iter().map(|key| (*key, sums.get(key).copied().unwrap_or(0))).collect())
            };
            batches.iter().zip(&windows(batches, length)).map(with_known).collect()
        }
        Op::Update => update_plainly(batches),
        Op::Known(idle) => known_plainly(batches, idle),
        Op::Double => {
            let double = |batch: &Pairs| batch.iter().map(|(key, value)| (*key, value * 2 % 1000)).collect();
            batches.iter().map(|batch| batch.as_ref().map(double)).collect()
        }
    }
}

fn update_plainly(batches: &Batches) -> Batches {
    let (mut states, mut begun) = (BTreeMap::new(), false);
    let update = |batch: &Option<Pairs>| {
        begun |= batch.is_some();
        for (key, more) in sums(&batch.clone().unwrap_or_default()) {
            let state = states.remove(&key).unwrap_or(0) + more;
            if state != 0 {
                states.insert(key, state);
            }
        }
        begun.then(|| states.clone().into_iter().collect())
    };
    batches.iter().map(update).collect()
}

fn known_plainly(batches: &Batches, idle: u64) -> Batches {
    let mut seen: BTreeMap<u8, (u64, u64)> = BTreeMap::new(); // first and last batch
    let step = |(number, batch): (u64, &Option<Pairs>)| {
        let batch = batch.clone().unwrap_or_default();
        batch.iter().for_each(|(key, _)| seen.entry(*key).or_insert((number, number)).1 = number);
        let known = batch.into_iter().filter(|(key, _)| seen[key].0 < number).collect();
        seen.retain(|_, (_, last)| *last + idle >= number);
        Some(known)
    };
    (1..).zip(batches).map(step).collect()
}

/// Each value of the left with each of the right, added.
struct Join {
    left: DStream<(u8, i64)>,
    right: DStream<(u8, i64)>,
}

impl Compute<(u8, i64)> for Join {
    fn compute(&self, _: &StreamingContext, time: Timestamp) -> Computed<(u8, i64)> {
        let (Some(left), Some(right)) = (self.left.rdd(time)?, self.right.rdd(time)?) else { return Ok(None) };
        Ok(Some(left.join(&right).map_values(|(left, right)| (left + right) % 1000)))
    }

    fn parents(&self) -> Vec<Parent> {
        [&self.left, &self.right].map(|stream| stream.as_parent(seconds(0))).into()
    }
}

fn join_plainly(left: &Batches, right: &Batches) -> Batches {
    let joined = |(left, right): (&Option<Pairs>, &Option<Pairs>)| {
        let (left, right) = (left.as_ref()?, right.as_ref()?);
        let pairs =
            left.iter().flat_map(|a| right.iter().filter(move |b| a.0 == b.0).map(move |b| (a.0, (a.1 + b.1) % 1000)));
        Some(pairs.collect())
    };
    left.iter().zip(right).map(joined).collect()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn programs_do_what_their_plain_counterparts_do(
        batches in proptest::collection::vec(
            proptest::option::weighted(0.85, proptest::collection::vec((0..4_u8, -9..10_i64), 0..4)), 1..9,
        ),
        left in ops(),
        right in ops(),
        after in ops(),
    ) {
        // behaviour 1.48, 1.50, 1.56, 2.18, 2.20, 2.21
        let test = TestContext::new();
        let (feed, stream) = test.input();
        let chain = |stream: &DStream<_>, ops: &[Op]| ops.iter().fold(stream.clone(), |stream, op| apply(&stream, op));
        let joined = Join { left: chain(&stream, &left), right: chain(&stream, &right) };
        let program = chain(&test.streaming().stream("join", joined), &after);
        let seen = test.collect(&program);
        for batch in batches.clone() {
            batch.map_or_else(|| feed.push_none(), |batch| feed.push(batch));
            test.tick().unwrap();
        }
        let plainly = |batches: &Batches, ops: &[Op]| ops.iter().fold(batches.clone(), |batches, op| apply_plainly(&batches, op));
        let expected = plainly(&join_plainly(&plainly(&batches, &left), &plainly(&batches, &right)), &after);
        let sorted = |mut batch: Pairs| { batch.sort(); batch };
        let expected: Vec<Pairs> = expected.into_iter().flatten().map(sorted).collect();
        prop_assert_eq!(seen.values().into_iter().map(sorted).collect::<Vec<_>>(), expected);
    }
}
