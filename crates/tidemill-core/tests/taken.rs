//! Shuffles whose values are moved to their reader: when they are, and that nothing is lost by it.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use std::fmt::Debug;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering::SeqCst};

use serde::{Deserialize, Serialize};
use tidemill_core::{Context, Element, Rdd, Settings, ShuffleId, StorageLevel, TaskContext};

/// A number that counts how often it is cloned, for each test of its own.
#[derive(Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
struct Counted(i64, usize);

const COUNTS: usize = 256;
static CLONES: [AtomicUsize; COUNTS] = [const { AtomicUsize::new(0) }; COUNTS];

impl Clone for Counted {
    fn clone(&self) -> Counted {
        CLONES[self.1].fetch_add(1, SeqCst);
        Counted(self.0, self.1)
    }
}

fn context(master: &str) -> Context {
    let mut settings = Settings::new();
    settings.set("spark.master", master);
    Context::new(&settings).unwrap()
}

/// Pairs that count their clones, how often that happened, and how often a map task ran.
struct Pairs {
    rdd: Rdd<(i64, Counted)>,
    count: usize,
    maps: Arc<AtomicUsize>,
}

const MAPS: usize = 3;

fn pairs(context: &Context) -> Pairs {
    static NEXT: AtomicUsize = AtomicUsize::new(0);
    let (count, maps) = (NEXT.fetch_add(1, SeqCst), Arc::new(AtomicUsize::new(0)));
    let counted = Arc::clone(&maps);
    let rdd = context.range(0..60, MAPS).map_partitions(move |numbers| {
        counted.fetch_add(1, SeqCst);
        numbers.map(move |x| (x % 7, Counted(x, count)))
    });
    Pairs { rdd, count, maps }
}

impl Pairs {
    fn clones(&self) -> usize {
        CLONES[self.count].load(SeqCst)
    }

    fn maps(&self) -> usize {
        self.maps.load(SeqCst)
    }
}

/// What `make` gives while its handle is held, with clones; given up it must be the same, without any.
#[track_caller]
fn moves<T: Element + PartialEq + Debug>(make: impl Fn(&Rdd<(i64, Counted)>) -> Rdd<T>) {
    let context = context("local[2]");
    let held = pairs(&context);
    let expected = make(&held.rdd).collect().unwrap();
    assert!(held.clones() > 0, "it was to be seen that values are cloned");
    let given_up = pairs(&context);
    let values = make(&given_up.rdd).into_vec().unwrap();
    assert_eq!(given_up.clones(), 0);
    let number = |values: Vec<T>| format!("{values:?}").replace(&format!(", {})", given_up.count), ")");
    assert_eq!(number(values), format!("{expected:?}").replace(&format!(", {})", held.count), ")"));
}

#[test]
fn values_of_a_given_up_rdd_are_moved() {
    moves(|pairs| pairs.group_by_key());
    moves(|pairs| pairs.reduce_by_key(|a, b| if a > b { a } else { b }));
    moves(|pairs| pairs.repartition(4));
    moves(|pairs| {
        let grouped = pairs.group_by_key_into(4);
        grouped.coalesce(2)
    });
    moves(|pairs| {
        let grouped = pairs.group_by_key();
        grouped.map_values(|values| values.len())
    });
}

#[test]
fn values_are_moved_through_every_stage() {
    moves(|pairs| {
        let grouped = pairs.group_by_key();
        let counted = grouped.flat_map(|(_, values)| values.into_iter().map(|value| (value.0 % 4, value)));
        counted.group_by_key_into(3)
    });
    moves(|pairs| {
        let halves = pairs.map(|(key, value)| (value.0 % 2, (key, value)));
        let (left, right) = (pairs.group_by_key(), halves.group_by_key());
        let (left, right) = (left.map(|all| (Some(all), None)), right.map(|all| (None, Some(all))));
        left.union(&right)
    });
}

#[test]
fn what_others_may_read_stays() {
    let context = context("local[2]");
    let held = pairs(&context);
    let grouped = held.rdd.group_by_key();
    let expected = grouped.collect().unwrap();
    let before = held.clones();
    assert_eq!(grouped.clone().into_vec().unwrap(), expected, "a clone of it is held");
    assert!(held.clones() > before);
    let below = grouped.map_values(|values| values);
    assert_eq!(below.into_vec().unwrap(), expected, "what it is made of is held");
    assert_eq!((grouped.collect().unwrap(), held.maps()), (expected.clone(), MAPS), "nothing was written again");
    // The last of them may take it, though an earlier job wrote it.
    let before = held.clones();
    assert_eq!(grouped.into_vec().unwrap(), expected);
    assert_eq!((held.clones(), held.maps()), (before, MAPS));
}

#[test]
fn what_is_read_twice_by_one_job_stays() {
    type Make = fn(Rdd<(i64, Counted)>) -> Rdd<(i64, i64)>;
    let by_two_ways: [(&str, Make); 4] = [
        ("zip", |rdd| rdd.zip(&rdd).unwrap().map(|(a, b)| (a.0, b.1.0))),
        ("union", |rdd| rdd.union(&rdd).map(|(key, value)| (key, value.0))),
        ("cartesian", |rdd| rdd.cartesian(&rdd.context().range(0..2, 2)).map(|(a, b)| (a.1.0, b))),
        ("persist", |rdd| rdd.persist(StorageLevel::MEMORY_ONLY).map(|(key, value)| (key, value.0))),
    ];
    for (name, make) in by_two_ways {
        let context = context("local[2]");
        let (held, given_up) = (pairs(&context), pairs(&context));
        let expected = make(held.rdd.repartition(3)).collect().unwrap();
        assert_eq!(make(given_up.rdd.repartition(3)).into_vec().unwrap(), expected, "{name}");
        assert_eq!(given_up.maps(), MAPS, "{name}");
    }
}

#[test]
fn only_the_last_attempt_takes() {
    let context = context("local[1,3]");
    let given_up = pairs(&context);
    let failures = Arc::new(AtomicUsize::new(0));
    let counted = Arc::clone(&failures);
    let grouped = given_up.rdd.group_by_key_into(1);
    let flaky = grouped.map_values(move |values| {
        if TaskContext::current().unwrap().attempt() < 2 {
            counted.fetch_add(1, SeqCst);
            panic!("not yet");
        }
        values.len()
    });
    drop(grouped);
    let sizes = flaky.into_vec().unwrap();
    assert_eq!(sizes.iter().map(|(_, size)| size).sum::<usize>(), 60);
    assert_eq!((failures.load(SeqCst), given_up.maps()), (2, MAPS));
    assert_eq!(given_up.clones(), 2 * 60, "two attempts left it to the third, which took it");
}

/// A task takes one input and finds the other lost: what it took counts as lost for its next attempt.
#[test]
fn what_a_lost_attempt_took_is_written_again() {
    let context = context("local[2]");
    let given_up = pairs(&context);
    let (first, second) = (given_up.rdd.group_by_key_into(2), given_up.rdd.map(|(key, _)| (key % 3, 1)));
    let second = second.reduce_by_key_into(|a, b| a + b, 2);
    let (store, is_lost) = (Arc::clone(context.environment()), AtomicBool::new(false));
    let spoiling = first.map_values(move |values| {
        if !is_lost.swap(true, SeqCst) {
            store.store.remove_map_output(ShuffleId(1), 2);
        }
        values.len()
    });
    let both = spoiling.union(&second);
    let coalesced = both.coalesce(1);
    drop((first, second, spoiling, both));
    let counted = coalesced.into_vec().unwrap();
    assert_eq!(counted.iter().map(|(_, size)| size).sum::<usize>(), 60 + 60);
    assert!(given_up.maps() > 2 * MAPS, "{} map tasks ran", given_up.maps());
}

#[test]
fn jobs_at_once_all_find_what_they_read() {
    for _ in 0..20 {
        let context = context("local[2]");
        let shared = pairs(&context);
        let grouped = shared.rdd.group_by_key();
        let expected = pairs(&context).rdd.group_by_key().map_values(|values| values.len()).collect().unwrap();
        let jobs: Vec<_> = (0..4).map(|_| grouped.clone()).map(|rdd| std::thread::spawn(|| rdd.into_vec())).collect();
        drop(grouped);
        for job in jobs {
            let found = job.join().unwrap().unwrap();
            assert_eq!(found.into_iter().map(|(key, values)| (key, values.len())).collect::<Vec<_>>(), expected);
        }
        assert_eq!(shared.maps(), MAPS);
    }
}
