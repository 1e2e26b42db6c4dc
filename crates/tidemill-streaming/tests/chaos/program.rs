//! Random programs: what they read, what they do with it, and the same done with plain lists.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use tidemill_core::Timestamp;
use tidemill_streaming::DStream;
use tidemill_streaming::checkpoint::testing::Random;
use tidemill_streaming::dstream::StateSpec;
use tidemill_streaming::state::State;

/// A record of a program: a key and a value.
pub(crate) type Pair = (u64, i64);

/// So many keys there are: few, so that states and windows have much to do with each.
const KEYS: u64 = 4;
/// Values are kept below, so that sums of sums do not overflow.
const VALUES: i64 = 1000;

/// Where an input's records come from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Source {
    /// A source that is read by ranges of offsets, from its first record on.
    Direct,
    /// The same, from what comes after the start.
    DirectLatest,
    /// Files in a folder.
    Files,
    /// A receiver that acknowledges what is in its log.
    Received,
}

/// An operator. Lengths and slides are in batches of the stream that it is applied to.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Op {
    Double,
    Even,
    Window(u64, u64),
    Reduce(u64, u64),
    Inverse(u64, u64),
    Update,
    /// Keeps the records of keys that an earlier batch had, of which there was one within as many seconds.
    Known(u64),
}

/// How two streams become one.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Together {
    Union,
    Join,
}

/// A program: one stream of two inputs (which may be the same), and outputs of it.
#[derive(Clone, Debug)]
pub(crate) struct Program {
    pub(crate) inputs: Vec<Source>,
    pub(crate) left: Vec<Op>,
    pub(crate) right: Vec<Op>,
    pub(crate) together: Together,
    pub(crate) outputs: Vec<Vec<Op>>,
}

/// What a stream has: for each batch that it has one for, by the number of seconds since its beginning.
#[derive(Clone, Debug)]
pub(crate) struct Plain {
    pub(crate) slide: u64,
    pub(crate) batches: BTreeMap<u64, Vec<Pair>>,
}

impl Program {
    pub(crate) fn random(random: &mut Random) -> Program {
        let source = |random: &mut Random| {
            [Source::Direct, Source::DirectLatest, Source::Files, Source::Received, Source::Received]
                [random.below(5) as usize]
        };
        let inputs = (0..1 + random.below(2)).map(|_| source(random)).collect();
        let mut chain = |longest: u64, slides: bool| -> Vec<Op> {
            (0..random.below(longest + 1)).map(|_| Op::random(random, slides)).collect()
        };
        let (left, right) = (chain(2, false), chain(2, false));
        let outputs = vec![chain(3, true), chain(2, true), chain(1, true)];
        let together = if random.chance(50) { Together::Union } else { Together::Join };
        let outputs = outputs.into_iter().take(1 + random.below(3) as usize).collect();
        Program { inputs, left, right, together, outputs }
    }

    /// The outputs over the streams of the inputs.
    pub(crate) fn declare(&self, inputs: &[DStream<Pair>]) -> Vec<DStream<Pair>> {
        let chain =
            |stream: &DStream<Pair>, ops: &[Op]| ops.iter().fold(stream.clone(), |stream, op| op.apply(&stream));
        let (left, right) = (chain(&inputs[0], &self.left), chain(&inputs[inputs.len() - 1], &self.right));
        let both = match self.together {
            Together::Union => left.union(&right).unwrap(),
            Together::Join => left.join(&right).unwrap().map(|(key, (left, right))| (key, (left + right) % VALUES)),
        };
        self.outputs.iter().map(|ops| chain(&both, ops)).collect()
    }

    /// What the outputs are to be, given what the inputs were.
    pub(crate) fn expect(&self, inputs: &[Plain]) -> Vec<Plain> {
        let chain = |plain: &Plain, ops: &[Op]| ops.iter().fold(plain.clone(), |plain, op| op.apply_plainly(&plain));
        let (left, right) = (chain(&inputs[0], &self.left), chain(&inputs[inputs.len() - 1], &self.right));
        let join = |left: &[Pair], right: &[Pair]| -> Vec<Pair> {
            let with = |a: Pair| right.iter().filter(move |b| a.0 == b.0).map(move |b| (a.0, (a.1 + b.1) % VALUES));
            left.iter().copied().flat_map(with).collect()
        };
        let both = left.batches.iter().zip(right.batches.values()).map(|((time, left), right)| {
            let both = match self.together {
                Together::Union => [&left[..], right].concat(),
                Together::Join => join(left, right),
            };
            (*time, both)
        });
        let both = Plain { slide: 1, batches: both.collect() };
        self.outputs.iter().map(|ops| chain(&both, ops)).collect()
    }
}

impl Op {
    fn random(random: &mut Random, slides: bool) -> Op {
        let length = 1 + random.below(4);
        let slide = if slides && random.chance(20) { 2 } else { 1 };
        match random.below(8) {
            0 => Op::Double,
            1 => Op::Even,
            2 => Op::Window(length, slide),
            3 => Op::Reduce(length, slide),
            4 => Op::Inverse(length.max(slide), slide),
            5 | 6 => Op::Update,
            _ => Op::Known(length),
        }
    }

    fn apply(self, stream: &DStream<Pair>) -> DStream<Pair> {
        let (add, subtract) = (|a, b| a + b, |a, b| a - b);
        let of = |batches: u64| stream.slide() * u32::try_from(batches).unwrap();
        match self {
            Op::Double => stream.map(|(key, value)| (key, value * 2 % VALUES)),
            Op::Even => stream.filter(|(_, value)| value % 2 == 0),
            Op::Window(length, slide) => stream.window_every(of(length), of(slide)).unwrap(),
            Op::Reduce(length, slide) => stream.reduce_by_key_and_window(add, of(length), of(slide)).unwrap(),
            Op::Inverse(length, slide) => {
                stream.reduce_by_key_and_window_inverse(add, subtract, of(length), of(slide)).unwrap()
            }
            Op::Update => stream.update_state_by_key(|values, sum| {
                Some(sum.unwrap_or(0) + values.iter().sum::<i64>()).filter(|sum| *sum != 0)
            }),
            Op::Known(idle) => {
                let known = |time: Timestamp, key: &u64, value: Option<i64>, first: &mut State<u64>| {
                    let value = value?;
                    if !first.exists() {
                        first.update(time.millis());
                    }
                    first.get().is_some_and(|first| *first < time.millis()).then_some((*key, value))
                };
                stream.map_with_state(StateSpec::timed_function(known).timeout(Duration::from_secs(idle))).records()
            }
        }
    }

    fn apply_plainly(self, plain: &Plain) -> Plain {
        let of = |batches: u64| plain.slide * batches;
        let same = |batches: BTreeMap<u64, Vec<Pair>>| Plain { slide: plain.slide, batches };
        let each = |f: &dyn Fn(&[Pair]) -> Vec<Pair>| {
            same(plain.batches.iter().map(|(time, batch)| (*time, f(batch))).collect())
        };
        match self {
            Op::Double => each(&|batch| batch.iter().map(|(key, value)| (*key, value * 2 % VALUES)).collect()),
            Op::Even => each(&|batch| batch.iter().copied().filter(|(_, value)| value % 2 == 0).collect()),
            Op::Window(length, slide) => windows(plain, of(length), of(slide)),
            Op::Reduce(length, slide) => {
                let windows = windows(plain, of(length), of(slide));
                let sums = windows.batches.iter().map(|(time, batch)| (*time, sums(batch).into_iter().collect()));
                Plain { slide: windows.slide, batches: sums.collect() }
            }
            Op::Inverse(length, slide) => inverse_plainly(plain, of(length), of(slide)),
            Op::Update => same(update_plainly(&plain.batches)),
            Op::Known(idle) => same(known_plainly(&plain.batches, idle)),
        }
    }
}

/// The pair that an input's record stands for.
pub(crate) fn pair_of(id: u64) -> Pair {
    let number = Random::new(id).number();
    (number % KEYS, (number >> 32) as i64 % 19 - 9)
}

fn windows(plain: &Plain, length: u64, slide: u64) -> Plain {
    let last = plain.batches.keys().next_back().copied().unwrap_or_default();
    let window = |end: u64| plain.batches.range((end + 1).saturating_sub(length)..=end).flat_map(|(_, batch)| batch);
    let ends = (1..=last).filter(|end| end % slide == 0);
    Plain { slide, batches: ends.map(|end| (end, window(end).copied().collect())).collect() }
}

fn sums(records: &[Pair]) -> BTreeMap<u64, i64> {
    let mut sums = BTreeMap::new();
    records.iter().for_each(|(key, value)| *sums.entry(*key).or_insert(0) += value);
    sums
}

/// Keys stay, with a sum of nothing, once a window had them.
fn inverse_plainly(plain: &Plain, length: u64, slide: u64) -> Plain {
    let mut known = BTreeSet::new();
    let mut windows = windows(plain, length, slide);
    for batch in windows.batches.values_mut() {
        let sums = sums(batch);
        known.extend(sums.keys().copied());
        *batch = known.iter().map(|key| (*key, sums.get(key).copied().unwrap_or(0))).collect();
    }
    windows
}

fn update_plainly(batches: &BTreeMap<u64, Vec<Pair>>) -> BTreeMap<u64, Vec<Pair>> {
    let mut states = BTreeMap::new();
    let mut update = |batch: &[Pair]| {
        for (key, more) in sums(batch) {
            let state = states.remove(&key).unwrap_or(0) + more;
            if state != 0 {
                states.insert(key, state);
            }
        }
        states.clone().into_iter().collect()
    };
    batches.iter().map(|(time, batch)| (*time, update(batch))).collect()
}

fn known_plainly(batches: &BTreeMap<u64, Vec<Pair>>, idle: u64) -> BTreeMap<u64, Vec<Pair>> {
    let mut seen: BTreeMap<u64, (u64, u64)> = BTreeMap::new(); // first and last time
    let mut step = |time: u64, batch: &[Pair]| {
        batch.iter().for_each(|(key, _)| seen.entry(*key).or_insert((time, time)).1 = time);
        let known = batch.iter().copied().filter(|(key, _)| seen[key].0 < time).collect();
        seen.retain(|_, (_, last)| *last + idle >= time);
        known
    };
    batches.iter().map(|(time, batch)| (*time, step(*time, batch))).collect()
}
