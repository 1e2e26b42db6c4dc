//! State several times over its limit of memory, held against plain maps, before and after a restart.

use std::collections::BTreeMap;
use std::path::Path;

use tidemill_core::memory::Pool;
use tidemill_core::{Settings, Timestamp};
use tidemill_streaming::DStream;
use tidemill_streaming::dstream::{StateSpec, UpdateOptions, WindowOptions};
use tidemill_streaming::state::State;
use tidemill_streaming::testing::{Collected, Feed, TestContext};

use crate::seconds;

const KEYS: u32 = 2_000;
const PARTITIONS: usize = 40;
/// Of a state, which is a sum as text.
const STATE_BYTES: u64 = 3_000;
const LIMIT: u64 = 1 << 20;
const CORES: u64 = 2;
/// Batches before and after the restart.
const BATCHES: [u64; 2] = [5, 3];

type Pair = (u32, String);
type Program = fn(&DStream<Pair>) -> DStream<Pair>;
/// The sums after each batch, of all batches there were.
type Oracle = fn(&[Vec<(u32, i64)>]) -> BTreeMap<u32, i64>;

fn text(sum: i64) -> String {
    format!("{sum:0width$}", width = STATE_BYTES as usize)
}

fn sum(text: &str) -> i64 {
    text.parse().unwrap()
}

/// All keys at first, and then some of them.
fn batch(number: u64) -> Vec<(u32, i64)> {
    let is_in = |key: &u32| number == 1 || u64::from(*key) % 7 == number % 7;
    (0..KEYS).filter(is_in).map(|key| (key, i64::from(key) + number as i64)).collect()
}

fn updated(pairs: &DStream<Pair>) -> DStream<Pair> {
    let options = UpdateOptions::new().partitions(PARTITIONS);
    pairs.update_state_by_key_with(options, |_, _, values: Vec<String>, before: Option<String>| {
        Some(text(before.iter().chain(&values).map(|text| sum(text)).sum()))
    })
}

fn mapped(pairs: &DStream<Pair>) -> DStream<Pair> {
    let spec = StateSpec::function(|_: &u32, value: Option<String>, state: &mut State<String>| {
        let before = state.get().map_or(0, |text| sum(text));
        state.update(text(before + value.map_or(0, |text| sum(&text))));
    });
    pairs.map_with_state(spec.partitions(PARTITIONS)).state_snapshots()
}

fn windowed(pairs: &DStream<Pair>) -> DStream<Pair> {
    let (add, subtract) =
        (|a: String, b: String| text(sum(&a) + sum(&b)), |a: String, b: String| text(sum(&a) - sum(&b)));
    let options = WindowOptions::new().partitions(PARTITIONS);
    pairs.reduce_by_key_and_window_with(add, subtract, seconds(3), seconds(1), options).unwrap()
}

fn sums(batches: &[Vec<(u32, i64)>]) -> BTreeMap<u32, i64> {
    let mut sums = BTreeMap::new();
    batches.iter().flatten().for_each(|(key, value)| *sums.entry(*key).or_default() += value);
    sums
}

/// Keys that have left the window stay in it.
fn sums_in_window(batches: &[Vec<(u32, i64)>]) -> BTreeMap<u32, i64> {
    let inside = sums(&batches[batches.len().saturating_sub(3)..]);
    sums(batches).into_keys().map(|key| (key, inside.get(&key).copied().unwrap_or(0))).collect()
}

fn run(directory: &Path, now: u64, program: Program) -> (TestContext, Feed<Pair>, Collected<(u32, i64)>) {
    let settings = Settings::from_pairs([("tidemill.memory.state.limit", LIMIT.to_string().as_str())]);
    let start = Timestamp::from_millis(now * 1000);
    let test = TestContext::go_on(&settings, seconds(1), directory, start).unwrap();
    let (feed, pairs) = test.input::<Pair>();
    let seen = test.collect(&program(&pairs).map(|(key, text)| (key, sum(&text))));
    (test, feed, seen)
}

fn check(program: Program, oracle: Oracle) {
    let folder = tempfile::tempdir().unwrap();
    let (mut batches, mut now) = (Vec::new(), 0);
    for count in BATCHES {
        let (test, feed, seen) = run(folder.path(), now, program);
        for _ in 0..count {
            now += 1;
            let records = batch(now);
            feed.push(records.iter().map(|(key, value)| (*key, text(*value))));
            batches.push(records);
            test.tick().unwrap();
            let (time, mut entries) = seen.take().pop().unwrap();
            entries.sort_unstable();
            assert_eq!(time.millis() / 1000, now);
            assert_eq!(entries, oracle(&batches).into_iter().collect::<Vec<_>>(), "batch {now}");
        }
        let memory = &test.context().environment().memory;
        let states = u64::from(KEYS) * STATE_BYTES;
        // What is said in the docs of the setting: something a key, and what batches change in a partition on each core, a
        // copy of it, what was before and what comes. Keys lie in some partitions more often than in others.
        let partition = 3 * (states + u64::from(KEYS) * 200) / 2 / PARTITIONS as u64;
        let slack = u64::from(KEYS) * 250 + CORES * 3 * partition;
        let peak = memory.peak(Pool::State);
        assert!(
            peak < LIMIT + slack && LIMIT + slack < states,
            "{peak} of {LIMIT} and {slack} for {states}, batch {now}"
        );
    }
}

#[test]
fn updated_states_past_the_limit_are_those_of_a_map() {
    check(updated, sums);
}

#[test]
fn mapped_states_past_the_limit_are_those_of_a_map() {
    check(mapped, sums);
}

#[test]
fn windows_past_the_limit_are_those_of_a_map() {
    check(windowed, sums_in_window);
}
