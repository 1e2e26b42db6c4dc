//! What users and their machines do wrong.
//!
//! Each failure names the operator with the user's line and what to try, and the context goes on working.
//!
//! Elsewhere: functions that panic, that are cancelled while they do not return, and `stop` beside them are in `jobs.rs`
//! (`a_panic_is_a_failure_with_message_operator_and_line`, `cancelling_a_group_answers_at_once_though_a_function_waits`,
//! `stopping_does_not_wait_for_a_function_that_does_not_return`); files that are missing, that vanish or shrink between
//! listing and reading, and malformed UTF-8 are in `text_files.rs` (`what_is_missing_fails_where_it_is_named`,
//! `whole_files_and_records_are_read_as_they_are`).
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::cmp::Ordering;
use std::hash::{Hash, Hasher};
use std::sync::Mutex;
use std::sync::mpsc::{SyncSender, sync_channel};
use std::{fs, io, thread};

use serde::{Deserialize, Serialize};
use tidemill_core::files::compression::Compression;
use tidemill_core::layout::Partitioner;
use tidemill_core::memory::Pool;
use tidemill_core::{Context, Error, Event, Listener, Local, Rdd, Settings, Text};

#[path = "bad_input/settings.rs"]
mod settings;
#[path = "bad_input/spills.rs"]
mod spills;

fn context(settings: &[(&str, &str)]) -> Context {
    let all = [("spark.master", "local[2]")].into_iter().chain(settings.iter().copied());
    Context::new(&Settings::from_pairs(all)).unwrap()
}

/// The operator called `name` at `line` of this file, as messages name it.
fn at(name: &str, file: &str, line: u32) -> String {
    format!("{name} at {file}:{line}")
}

/// Asserts that `error` says all of `parts`, and that `context` still runs jobs of all kinds.
#[track_caller]
fn says(context: &Context, error: &Error, parts: &[&str]) {
    let text = error.to_string();
    for part in parts {
        assert!(text.contains(part), "\"{part}\" is not in: {text}");
    }
    let sums = context.range(0..100, 4).map(|n| (n % 3, n)).reduce_by_key_into(|a, b| a + b, 2);
    assert_eq!(sums.values().fold(0, |a, b| a + b).unwrap(), 4950, "the context goes on");
}

#[test]
fn an_error_of_a_function_names_operator_and_line() {
    let context = context(&[]);
    let texts = context.parallelize(["1", "two"].map(String::from), 2);
    let (line, numbers) = (line!(), texts.try_map(|text| text.parse::<i32>()));
    let error = numbers.map(|n| n + 1).count().unwrap_err();
    says(&context, &error, &[&at("try_map", file!(), line), "partition 1", "invalid digit found in string"]);
    let refuse = |_| Err(io::Error::other("the database is closed"));
    let (line, done) = (line!(), texts.try_foreach_partition(refuse));
    says(&context, &done.unwrap_err(), &[&at("try_foreach_partition", file!(), line), "the database is closed"]);
}

struct Threads(SyncSender<String>);

impl Listener for Threads {
    fn on_event(&mut self, event: &Event) {
        if let Event::ThreadReplaced { name } = event {
            self.0.send(name.clone()).unwrap();
        }
    }
}

#[test]
fn a_thread_whose_function_never_returns_is_named_and_counted() {
    let context = context(&[("tidemill.task.stuck.timeout", "10ms"), ("tidemill.stop.timeout", "10ms")]);
    let (replaced, names) = sync_channel(4);
    let _listening = context.events().add("threads", Threads(replaced)).unwrap();
    let (coming, came) = sync_channel(1);
    let (open, gate) = sync_channel::<()>(0);
    let gate = Mutex::new(gate);
    let waiting = {
        let context = context.clone();
        let wait = move |_| {
            coming.send(thread::current().name().unwrap().to_string()).unwrap();
            let _ = gate.lock().unwrap().recv(); // ends once `open` is dropped
        };
        thread::spawn(move || context.parallelize([0], 1).foreach(wait))
    };
    let stuck = came.recv().unwrap();
    context.cancel_all_jobs();
    let error = waiting.join().unwrap().unwrap_err();
    assert_eq!(names.recv().unwrap(), stuck);
    assert_eq!(context.threads_replaced(), 1);
    says(&context, &error, &["foreach at", "was cancelled"]);
    context.stop();
    drop(open);
}

#[test]
fn a_compressed_file_that_was_cut_off_says_so() {
    let folder = tempfile::tempdir().unwrap();
    let context = context(&[]);
    for compression in [Compression::Gzip, Compression::Bzip2, Compression::Zstd] {
        let out = folder.path().join(format!("{compression:?}"));
        let lines = context.range(0..20_000, 1).map(|n| format!("{}", n * 7_919 % 10_007));
        lines.save_as_compressed_text_file(&out.to_string_lossy(), compression).unwrap();
        let path = out.join(format!("part-00000{}", compression.suffix()));
        let whole = fs::read(&path).unwrap();
        fs::write(&path, &whole[..whole.len() / 2]).unwrap();
        let path = path.to_string_lossy();
        let (line, lines) = (line!(), context.text_file(&path, None).unwrap());
        let error = lines.map(|line| line.len()).count().unwrap_err();
        says(&context, &error, &[&at("text_file", file!(), line), &path, "cut off", "write it elsewhere and move it"]);
    }
}

#[test]
fn no_partitions_are_taken_as_one() {
    let context = context(&[]);
    let numbers = context.parallelize(0..9, 3);
    let pairs = numbers.map(|n| (n % 2, n));
    let counts = [
        ("parallelize", context.parallelize(0..9, 0).num_partitions()),
        ("range", context.range(0..9, 0).num_partitions()),
        ("range_by", context.range_by(0, 9, 2, 0).unwrap().num_partitions()),
        ("coalesce", numbers.coalesce(0).num_partitions()),
        ("repartition", numbers.repartition(0).num_partitions()),
        ("distinct_into", numbers.distinct_into(0).num_partitions()),
        ("subtract_into", numbers.subtract_into(&numbers, 0).num_partitions()),
        ("intersection_into", numbers.intersection_into(&numbers, 0).num_partitions()),
        ("sort_by", numbers.sort_by(|n| *n, true, 0).unwrap().num_partitions()),
        ("sort_by_key_into", pairs.sort_by_key_into(true, 0).unwrap().num_partitions()),
        ("reduce_by_key_into", pairs.reduce_by_key_into(|a, b| a + b, 0).num_partitions()),
        ("fold_by_key_into", pairs.fold_by_key_into(0, |a, b| a + b, 0).num_partitions()),
        ("group_by_key_into", pairs.group_by_key_into(0).num_partitions()),
        ("partition_by_hash", pairs.partition_by_hash(0).num_partitions()),
        ("join_into", pairs.join_into(&pairs, 0).num_partitions()),
        ("full_outer_join_into", pairs.full_outer_join_into(&pairs, 0).num_partitions()),
        ("cogroup_into", pairs.cogroup_into(&pairs, 0).num_partitions()),
        ("subtract_by_key_into", pairs.subtract_by_key_into(&pairs, 0).num_partitions()),
    ];
    for (operator, count) in counts {
        assert_eq!(count, 1, "{operator}");
    }
    let mut sums = pairs.reduce_by_key_into(|a, b| a + b, 0).collect().unwrap();
    sums.sort();
    assert_eq!(sums, [(0, 20), (1, 16)]);
    assert_eq!(context.empty::<i64>().coalesce(0).num_partitions(), 0, "nothing stays nothing");
    assert_eq!(context.empty::<i64>().repartition(0).collect().unwrap(), []);
}

/// Two partitions; a key's is the key itself, but there is none for 13.
#[derive(Clone, Serialize, Deserialize)]
struct ByNumber(usize);

impl Partitioner<i64> for ByNumber {
    fn partitions(&self) -> usize {
        self.0
    }

    fn partition(&self, key: &i64) -> usize {
        assert!(*key != 13, "13 has no place");
        *key as usize
    }
}

#[test]
fn a_partitioner_that_answers_out_of_range_or_panics_fails_the_job() {
    let context = context(&[]);
    let pairs = |keys: [i64; 3]| context.parallelize(keys.map(|key| (key, key)), 2);
    for (keys, what) in [([0, 1, 2], "number 2: make its `partition`"), ([0, 13, 1], "panicked: 13 has no place")] {
        let (line, placed) = (line!(), pairs(keys).partition_by(ByNumber(2)).unwrap());
        let error = placed.count().unwrap_err();
        says(&context, &error, &[&at("partition_by", file!(), line), what]);
        let good = pairs([0, 1, 1]).partition_by(ByNumber(2)).unwrap();
        let (line, joined) = (line!(), good.join(&pairs(keys)));
        says(&context, &joined.count().unwrap_err(), &[&at("join", file!(), line), what]);
    }
    let good = pairs([0, 1, 1]).partition_by(ByNumber(2)).unwrap();
    assert_eq!(good.lookup(&1).unwrap(), [1, 1]);
    let (line, found) = (line!(), good.lookup(&7));
    says(&context, &found.unwrap_err(), &[&at("lookup", file!(), line), "ByNumber has 2 partitions", "number 7"]);
    let (line, none) = (line!(), pairs([0, 1, 1]).partition_by(ByNumber(0)));
    says(&context, &none.err().unwrap(), &[&at("partition_by", file!(), line), "at least 1"]);
}

/// What fails at the key 7.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
enum Broken {
    Hash,
    Eq,
    Ord,
}

/// A key that panics when it is 7 and asked for what is broken.
#[derive(Clone, Debug, Serialize, Deserialize)]
struct BadKey(i64, Broken);

impl BadKey {
    fn asked_for(&self, what: Broken) {
        assert!((self.0, self.1) != (7, what), "{what:?} of 7");
    }
}

impl Hash for BadKey {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.asked_for(Broken::Hash);
        self.0.hash(state);
    }
}

impl PartialEq for BadKey {
    fn eq(&self, other: &BadKey) -> bool {
        self.asked_for(Broken::Eq);
        self.0 == other.0
    }
}

impl Eq for BadKey {}

impl PartialOrd for BadKey {
    fn partial_cmp(&self, other: &BadKey) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for BadKey {
    fn cmp(&self, other: &BadKey) -> Ordering {
        self.asked_for(Broken::Ord);
        self.0.cmp(&other.0)
    }
}

fn bad_pairs(context: &Context, broken: Broken) -> Rdd<(BadKey, i64)> {
    context.range(0..40, 3).map(move |n| (BadKey(n % 10, broken), n)).filter(|_| true)
}

#[test]
fn a_hash_or_an_equality_that_panics_is_the_failure_of_who_asks_for_it() {
    let context = context(&[]);
    for broken in [Broken::Hash, Broken::Eq] {
        let what = format!("the function panicked: {broken:?} of 7");
        let pairs = bad_pairs(&context, broken);
        let (line, sums) = (line!(), pairs.reduce_by_key(|a, b| a + b));
        says(&context, &sums.count().unwrap_err(), &[&at("reduce_by_key", file!(), line), &what]);
        let (line, groups) = (line!(), pairs.group_by_key());
        says(&context, &groups.count().unwrap_err(), &[&at("group_by_key", file!(), line), &what]);
        let (line, distinct) = (line!(), pairs.keys().distinct());
        says(&context, &distinct.count().unwrap_err(), &[&at("distinct", file!(), line), &what]);
    }
    let (line, placed) = (line!(), bad_pairs(&context, Broken::Hash).partition_by_hash(2));
    says(&context, &placed.count().unwrap_err(), &[&at("partition_by_hash", file!(), line), "Hash of 7"]);
}

#[test]
fn a_function_that_panics_on_either_side_of_a_shuffle_names_the_operator_that_shuffles() {
    let context = context(&[]);
    // Each key comes once on the map side of four partitions: its values meet on the reduce side.
    for partitions in [1, 4] {
        let pairs = context.parallelize([1; 4], partitions).map(|n| (n, n));
        let (line, sums) = (line!(), pairs.reduce_by_key(|_, _| panic!("no sum")));
        let error = sums.map(|(_, sum)| sum).count().unwrap_err();
        says(&context, &error, &[&at("reduce_by_key", file!(), line), "the function panicked: no sum"]);
    }
}

#[test]
fn an_order_that_panics_fails_the_sort() {
    let context = context(&[]);
    let pairs = bad_pairs(&context, Broken::Ord);
    for partitions in [1, 2, 30] {
        // With one partition a task compares first, with more the driver does, which looks for ranges.
        let (line, sorted) = (line!(), pairs.sort_by_key_into(true, partitions));
        let error = sorted.and_then(|sorted| sorted.count()).unwrap_err();
        says(&context, &error, &[&at("sort_by_key", file!(), line), "the function panicked: Ord of 7"]);
    }
    let (line, top) = (line!(), pairs.keys().top(3));
    says(&context, &top.unwrap_err(), &[&at("top", file!(), line), "Ord of 7"]);
}

#[test]
fn a_merge_of_an_accumulator_that_panics_fails_the_job() {
    let context = context(&[]);
    let merge = |sum: &mut i64, more: i64| {
        assert!(more != 3, "no 3");
        *sum += more;
    };
    let (line, sum) = (line!(), context.accumulator(0, merge));
    let adder = sum.clone();
    let add = move |n| adder.add(n);
    // The driver gets the 1 + 2 of a task ...
    let error = context.parallelize([1, 2], 1).foreach(add.clone()).unwrap_err();
    says(&context, &error, &[&at("accumulator", file!(), line), "foreach at", "no 3"]);
    // ... and here a task adds 3 itself.
    let (line, done) = (line!(), context.parallelize([3], 1).foreach(add.clone()));
    says(&context, &done.unwrap_err(), &[&at("foreach", file!(), line), "no 3"]);
    context.parallelize([1, 1, 2], 1).foreach(add).unwrap();
    assert_eq!(sum.value(), 4);
}

// behaviour 4.68
#[test]
fn more_results_than_the_driver_may_get_fail_their_job() {
    for setting in ["tidemill.memory.results.limit", "spark.driver.maxResultSize"] {
        let context = context(&[(setting, "1m")]);
        let texts = context.range(0..40_000, 4).map(|n| Text::from(format!("a long text that ends with {n}")));
        let (line, all) = (line!(), texts.collect());
        let error = all.unwrap_err();
        let advice = ["tidemill.memory.results.limit", "spark.driver.maxResultSize", "`take`"];
        says(&context, &error, &[&[&*at("collect", file!(), line)], &advice[..]].concat());
        assert_eq!((texts.count().unwrap(), texts.take(3).unwrap().len()), (40_000, 3));
        assert_eq!(texts.to_local_iterator().count(), 40_000, "one partition at a time fits");
        let memory = &context.environment().memory;
        assert_eq!(memory.used(Pool::Results), 0, "what is there is on its way no more");
        assert!(memory.peak(Pool::Results) > 1 << 20);
    }
}

#[test]
fn results_may_come_while_other_data_fills_the_memory() {
    let context = context(&[("tidemill.memory.limit", "16m"), ("tidemill.memory.received.limit", "100%")]);
    let memory = &context.environment().memory;
    let _received = memory.try_acquire(Pool::Received, memory.ceiling(Pool::Received)).unwrap();
    assert_eq!(context.range(0..1_000, 2).collect().unwrap().len(), 1_000);
    assert_eq!((memory.used(Pool::Results), memory.peak(Pool::Results)), (0, 8_000));
}
