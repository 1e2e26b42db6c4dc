//! Lineages that run on threads and in another process, and must not differ.

use std::any::type_name;
use std::fmt::Debug;
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use serde::{Deserialize, Deserializer, Serialize, Serializer};
use tidemill_core::exchange::BucketId;
use tidemill_core::layout::Partitioner;
use tidemill_core::{Context, Element, Rdd, Settings, Text, TextBlock};

use crate::backend::{Executor, OtherProcess, Seen};
use crate::executor::landmark;
use crate::union::union;
use crate::wire::Answer;

fn settings() -> Settings {
    let mut settings = Settings::new();
    settings.set("spark.master", "local[2]");
    settings
}

pub(crate) fn on_threads() -> Context {
    Context::new(&settings()).unwrap()
}

pub(crate) fn in_another_process() -> (Context, Arc<Seen>) {
    let seen = Arc::new(Seen::default());
    let shared = Arc::clone(&seen);
    let context =
        Context::with_backend(&settings(), |_, environment| Box::new(OtherProcess::new(environment, shared).unwrap()));
    (context.unwrap(), seen)
}

/// What a lineage gives, on threads; in another process it must be the same in the same order.
fn alike<T: Element + PartialEq + Debug>(lineage: impl Fn(&Context) -> Rdd<T>) -> Vec<T> {
    let here = on_threads();
    let expected = (lineage(&here).glom().collect().unwrap(), lineage(&here).collect().unwrap());
    let (there, seen) = in_another_process();
    let found = (lineage(&there).glom().collect().unwrap(), lineage(&there).collect().unwrap());
    assert_eq!(found, expected);
    assert!(seen.tasks.lock().unwrap().len() >= 2 * expected.0.len(), "the tasks ran elsewhere");
    expected.1
}

pub(crate) fn addresses_differ_between_processes() {
    let setting = std::fs::read_to_string("/proc/sys/kernel/randomize_va_space").unwrap_or_default();
    println!("address randomisation (randomize_va_space): {}", setting.trim());
    let seed = on_threads().environment().seed.seed();
    let mut addresses = vec![(std::process::id(), landmark())];
    for _ in 0..2 {
        let Answer::Welcome { process, address } = Executor::of_this_build(seed).unwrap().1 else { panic!("refused") };
        addresses.push((process, address));
    }
    println!("a static lies at {addresses:x?} (process, address)");
    addresses.sort_by_key(|(_, address)| *address);
    addresses.dedup_by_key(|(_, address)| *address);
    assert!(addresses.len() > 1, "addresses are not randomised here, so this run shows less than it should");
}

/// Knows no serde and is not even `Send`: it lives inside a chain of narrow operators.
struct Parsed {
    words: Rc<Vec<Text>>,
}

pub(crate) fn words_are_counted_alike() {
    let counts = alike(|context| {
        let texts = ["the tide fills the pond\nthe mill waits\n", "the mill grinds what the tide brought in\n"];
        let blocks = texts.map(|text| TextBlock::new(text.to_string()).unwrap());
        let parsed =
            context.parallelize(blocks, 2).lines().map(|line| Parsed { words: Rc::new(line.split(' ').collect()) });
        parsed.flat_map(|parsed| parsed.words.to_vec()).map(|word| (word, 1_i64)).reduce_by_key(|a, b| a + b)
    });
    assert!(counts.contains(&(Text::from("the"), 5)), "{counts:?}");
    assert_eq!(counts.len(), 10);
}

pub(crate) fn values_travel_beside_functions() {
    let kept = alike(|context| {
        let stop_words = context.broadcast(vec!["the".to_string()]);
        let minimum = 4_usize;
        let words = context.parallelize(["the", "tide", "mill", "sea", "grinds"].map(String::from), 3);
        words
            .filter_with(stop_words, |stop, word| !stop.contains(word))
            .map_with(
                (minimum, "short".to_string()),
                |(minimum, short), word| {
                    if word.len() < *minimum { short.clone() } else { word }
                },
            )
            .map_partitions_with(2_usize, |most, words| words.take(*most).collect::<Vec<_>>())
    });
    assert_eq!(kept, ["tide", "mill", "short", "grinds"]);
}

pub(crate) fn stages_with_several_parents_travel() {
    let sums = alike(|context| {
        let numbers = context.parallelize(0..40_i64, 3);
        let by_three = numbers.map(|x| (x % 3, x)).reduce_by_key_into(|a, b| a + b, 2);
        let by_five = numbers.map(|x| (x % 5, (x, 1_i64)));
        let by_five = by_five.reduce_by_key_into(|(a, n), (b, m)| (a + b, n + m), 2).map(|(k, (sum, n))| (k, sum / n));
        let both = union(&by_three, &by_five);
        let twice = union(&both, &by_three.map(|(k, v)| (k + 100, v)));
        twice.combine_by_key(
            |v| vec![v],
            |mut all, v| {
                all.push(v);
                all
            },
            |a, b| [a, b].concat(),
        )
    });
    assert_eq!(sums.len(), 8);
    assert_eq!(sums.iter().find(|(key, _)| *key == 102).map(|(_, all)| all.len()), Some(1));
}

/// A partitioner of a program's own.
#[derive(Clone, Serialize, Deserialize)]
struct Remainder(i64);

impl Partitioner<i64> for Remainder {
    fn partitions(&self) -> usize {
        self.0 as usize
    }

    fn partition(&self, key: &i64) -> usize {
        key.rem_euclid(self.0) as usize
    }
}

pub(crate) fn operators_of_all_shapes_travel() {
    let joined = alike(|context| {
        let pairs = context.parallelize(0..60_i64, 3).map(|x| (x % 13, x));
        let names = context.parallelize((0..10_i64).map(|key| (key, format!("name {key}"))), 2);
        let by_hand = pairs.partition_by(Remainder(3)).unwrap();
        by_hand.join(&names.partition_by(Remainder(3)).unwrap())
    });
    assert_eq!(joined.len(), 48);
    alike(|context| {
        let numbers = context.range(0..100, 4).repartition(3).map(|x| x * 7 % 31);
        numbers.union(&context.range(5..9, 2)).coalesce(3).distinct()
    });
    alike(|context| {
        let texts = context.parallelize(["mill", "tide", "sea", "tide"].map(Text::from), 2);
        texts.map(|text| (text.len() as i64, text)).group_by_key().flat_map_values(|texts| texts)
    });
    alike(|context| context.range(0..3, 2).cartesian(&context.range(0..4, 2)).filter(|(a, b)| a < b));
}

pub(crate) fn shuffles_are_written_once_and_fetched() {
    let (context, seen) = in_another_process();
    let sums = context.parallelize(0..10_i64, 3).map(|x| (x % 2, x)).reduce_by_key_into(|a, b| a + b, 2);
    let first = sums.collect().unwrap();
    let after_first = seen.tasks.lock().unwrap().clone();
    assert_eq!(after_first.iter().filter(|(writes, _)| writes.is_some()).count(), 3, "one map task a partition");
    assert_eq!(after_first.len(), 3 + 2, "the executor knows where to find what its tasks read");
    let shuffle = after_first[0].0.unwrap();
    let buckets = (0..2).flat_map(|bucket| (0..3).map(move |map| BucketId { shuffle, map, bucket }));
    assert_eq!(*seen.fetched.lock().unwrap(), buckets.collect::<Vec<_>>(), "each task its own bucket of each output");
    assert_eq!(sums.collect().unwrap(), first);
    assert_eq!(seen.tasks.lock().unwrap().len(), after_first.len() + 2, "nothing is written again");
}

pub(crate) fn what_is_lost_is_made_again() {
    let (context, seen) = in_another_process();
    let sums = context.parallelize(0..10_i64, 3).map(|x| (x % 2, x)).reduce_by_key_into(|a, b| a + b, 2);
    let first = sums.collect().unwrap();
    let shuffle = seen.tasks.lock().unwrap()[0].0.unwrap();
    context.environment().store.remove_map_output(shuffle, 1);
    seen.loses_executor.store(true, Ordering::SeqCst);
    seen.tasks.lock().unwrap().clear();
    assert_eq!(sums.collect().unwrap(), first);
    let maps = seen.tasks.lock().unwrap().iter().filter_map(|(writes, map)| writes.map(|_| *map)).collect::<Vec<_>>();
    assert_eq!(maps, [1], "what the driver still has is fetched, the rest is made again");
    // The whole shuffle, as where its lineage ended.
    context.environment().forget_shuffle(shuffle);
    assert_eq!(sums.collect().unwrap(), first);
}

/// Counts how often it is written, and how often only weighed.
#[derive(Clone, Debug, PartialEq)]
struct Counted(String);

static WRITTEN: AtomicUsize = AtomicUsize::new(0);
static WEIGHED: AtomicUsize = AtomicUsize::new(0);

impl Serialize for Counted {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let writes = type_name::<S>().contains("postcard");
        (if writes { &WRITTEN } else { &WEIGHED }).fetch_add(1, Ordering::SeqCst);
        self.0.serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for Counted {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Counted, D::Error> {
        String::deserialize(deserializer).map(Counted)
    }
}

pub(crate) fn threads_serialise_nothing() {
    let lineage = |context: &Context| {
        let values = (0..50_i64).map(|x| (x % 5, Counted(x.to_string())));
        context.parallelize(values, 3).reduce_by_key(|a, b| Counted(a.0 + &b.0)).map(|(_, all)| all)
    };
    let counts = || [&WRITTEN, &WEIGHED].map(|count| count.load(Ordering::SeqCst));
    let before = counts();
    let here = lineage(&on_threads()).collect().unwrap();
    let after_threads = counts();
    assert_eq!(after_threads[0], before[0], "on threads nothing is written");
    assert!(after_threads[1] > before[1], "but a sample is weighed, so writing would have been seen");
    let there = lineage(&in_another_process().0).collect().unwrap();
    assert!(counts()[0] >= 50, "for another process all elements are written");
    assert_eq!(there, here);
}

pub(crate) fn long_lineages_travel() {
    let (context, _) = in_another_process();
    let mut numbers = context.parallelize(0..3_i64, 1);
    for _ in 0..10_000 {
        numbers = numbers.map(|x| x + 1);
    }
    assert_eq!(numbers.collect().unwrap(), [10_000, 10_001, 10_002]);
}
