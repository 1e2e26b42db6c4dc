//! `InverseWindow`.

use std::sync::Arc;
use std::time::Duration;

use proptest::prelude::*;
use tidemill_core::{Context, Version};
use tidemill_streaming::state::{Filter, InverseWindow};

use super::trial::{Action, Oracle, Record, Trial, actions, input, shards};

const WINDOW: u64 = 35;

type Sums = InverseWindow<u8, i64, fn(i64, i64) -> i64, fn(i64, i64) -> i64>;

fn sums(context: &Context, filter: Option<Filter<u8, i64>>) -> Sums {
    InverseWindow::new(context.environment(), Duration::from_micros(WINDOW), |a, b| a + b, |a, b| a - b, filter)
}

fn filtered(context: &Context) -> Sums {
    sums(context, Some(Arc::new(|_, sum| *sum != 0)))
}

fn unfiltered(context: &Context) -> Sums {
    sums(context, None)
}

/// All records that ever came, and the keys in the order in which they came; the sums are computed anew each time.
#[derive(Clone)]
struct Naive {
    records: Vec<(u64, Record)>,
    sums: Vec<Record>,
    is_filtered: bool,
}

impl Oracle for Naive {
    type Entry = Record;
    type Out = ();

    fn step(&mut self, to: u64, records: &[Record]) -> Option<Vec<()>> {
        self.records.extend(records.iter().map(|record| (to, *record)));
        let mut keys: Vec<u8> = self.sums.iter().map(|(key, _)| *key).collect();
        records.iter().for_each(|(key, _)| {
            if !keys.contains(key) {
                keys.push(*key);
            }
        });
        let inside = self.records.iter().filter(|(at, _)| *at > to.saturating_sub(WINDOW));
        let sum = |key| inside.clone().filter(|(_, record)| record.0 == key).map(|(_, record)| record.1).sum();
        self.sums = keys.into_iter().map(|key| (key, sum(key))).collect();
        self.sums.retain(|(_, sum)| !self.is_filtered || *sum != 0);
        Some(Vec::new())
    }

    fn entries(&self) -> Vec<Record> {
        self.sums.clone()
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(30))]

    /// behaviour 1.55
    #[test]
    fn windows_are_those_that_are_computed_anew(actions in actions(1i64..9), is_filtered: bool) {
        let make = if is_filtered { filtered as fn(&_) -> _ } else { unfiltered as _ };
        let mut trial = Trial::new(make, Naive { records: Vec::new(), sums: Vec::new(), is_filtered });
        trial.run(&actions);
        trial.load_into(make);
    }
}

/// behaviour 1.55: keys whose values have all left stay, unless a filter drops them
#[test]
fn keys_stay_in_a_window_without_a_filter() {
    for (is_filtered, expected) in [(false, vec![(1_u8, 0_i64), (2, 5)]), (true, vec![(2, 5)])] {
        let make = if is_filtered { filtered as fn(&_) -> _ } else { unfiltered as _ };
        let mut trial = Trial::new(make, Naive { records: Vec::new(), sums: Vec::new(), is_filtered });
        trial.run(&[Action::Step(10, vec![(1, 3), (1, 4)]), Action::Step(10, vec![(2, 5)]), Action::Step(30, vec![])]);
        assert_eq!(trial.shards.read(Version(50)).collect().unwrap(), expected);
    }
}

/// behaviour 2.18: the order in which Spark calls the functions
#[test]
fn what_leaves_is_taken_off_before_what_enters_is_added() {
    let context = Context::local(2).unwrap();
    let shards = shards(&context, |context| {
        let text = |sign: char| move |a: String, b: String| format!("({a}{sign}{b})");
        InverseWindow::new(context.environment(), Duration::from_micros(20), text('+'), text('-'), None)
    });
    let step = |to: u64, values: &[&str]| {
        let records: Vec<(u8, String)> = values.iter().map(|value| (1, value.to_string())).collect();
        let records = context.parallelize(records, 1).partition_by_hash(1);
        shards.step(&records, shards.version(), Version(to)).unwrap();
        shards.read(Version(to)).collect().unwrap().pop().unwrap().1
    };
    assert_eq!(step(10, &["a", "b"]), "(a+b)");
    assert_eq!(step(20, &["c"]), "((a+b)+c)");
    assert_eq!(step(30, &["d"]), "((((a+b)+c)-(a+b))+d)");
    assert_eq!(step(60, &["e"]), "((((((a+b)+c)-(a+b))+d)-(c+d))+e)", "several that leave are added up first");
}

/// behaviour 2.18: a key that leaves and is not there
#[test]
fn what_was_never_there_cannot_leave() {
    let context = Context::local(2).unwrap();
    let filter: Filter<u8, i64> = Arc::new(|_, sum| *sum != 0);
    let shards = shards(&context, |context| sums(context, Some(Arc::clone(&filter))));
    shards.step(&input(&context, &[(1, 5)]), Version(0), Version(10)).unwrap();
    // The filter drops the key while its values are in the window.
    shards.step(&input(&context, &[(1, -5)]), Version(10), Version(20)).unwrap();
    let error = shards.step(&input(&context, &[]), Version(20), Version(50)).unwrap_err().to_string();
    let message = "Neither previous window has value for key, nor new values found. Are you sure your key class hashes \
                   consistently?";
    assert!(error.contains(message), "{error}");
    assert_eq!(shards.version(), Version(20));
    let error = shards.seed(&input(&context, &[]), Version(20)).unwrap_err().to_string();
    assert!(error.contains("a window begins empty"), "{error}");
}
