//! `Update`.

use proptest::prelude::*;
use tidemill_core::{Context, Timestamp, Version};
use tidemill_streaming::state::{AllKeys, EachKey, Update};

use super::trial::{Action, Oracle, POISON, Record, Trial, actions, input, shards};

type Seen = Vec<i64>;
type Function = fn(Timestamp, &u8, Vec<i64>, Option<Seen>) -> Option<Seen>;

/// Remembers values and how often it was called; 0 or too many of them make it forget the key.
fn remember(time: Timestamp, key: &u8, values: Vec<i64>, state: Option<Seen>) -> Option<Seen> {
    assert!(!values.contains(&POISON), "poison");
    let is_forgotten = values.contains(&0);
    let mut seen = state.unwrap_or_else(|| vec![i64::from(*key), time.micros() as i64]);
    seen.extend(values);
    seen.push(-1);
    (!is_forgotten && seen.len() < 12).then_some(seen)
}

fn make(context: &Context) -> Update<u8, i64, Seen, EachKey<Function>> {
    Update::new(context.environment(), EachKey(remember))
}

type Keys = std::vec::IntoIter<(u8, Vec<i64>, Option<Seen>)>;

/// The same for all keys of a partition at once.
fn remember_all(time: Timestamp, keys: Keys) -> Vec<(u8, Seen)> {
    keys.filter_map(|(key, values, state)| Some((key, remember(time, &key, values, state)?))).collect()
}

fn make_for_all(context: &Context) -> Update<u8, i64, Seen, AllKeys<fn(Timestamp, Keys) -> Vec<(u8, Seen)>>> {
    Update::new(context.environment(), AllKeys(remember_all))
}

#[derive(Clone, Default)]
struct Naive(Vec<(u8, Seen)>);

impl Oracle for Naive {
    type Entry = (u8, Seen);
    type Out = ();

    fn step(&mut self, to: u64, records: &[Record]) -> Option<Vec<()>> {
        if records.iter().any(|(_, value)| *value == POISON) {
            return None;
        }
        let mut keys: Vec<u8> = self.0.iter().map(|(key, _)| *key).collect();
        records.iter().for_each(|(key, _)| {
            if !keys.contains(key) {
                keys.push(*key);
            }
        });
        let next = keys.into_iter().filter_map(|key| {
            let values = records.iter().filter(|(held, _)| *held == key).map(|(_, value)| *value).collect();
            let state = self.0.iter().find(|(held, _)| *held == key).map(|(_, state)| state.clone());
            Some((key, remember(Timestamp::from_micros(to), &key, values, state)?))
        });
        self.0 = next.collect();
        Some(Vec::new())
    }

    fn entries(&self) -> Vec<(u8, Seen)> {
        self.0.clone()
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(30))]

    #[test]
    fn updates_are_those_of_a_plain_list(
        actions in actions(prop_oneof![10 => 1i64..9, 2 => Just(0), 1 => Just(POISON)]),
    ) {
        let mut trial = Trial::new(make, Naive::default());
        trial.run(&actions);
        trial.load_into(make);
        let mut trial = Trial::new(make_for_all, Naive::default());
        trial.run(&actions);
        trial.load_into(make_for_all);
    }
}

/// behaviour 1.56, 2.19, 10.5
#[test]
fn every_key_is_updated_in_every_batch_known_ones_first() {
    let mut trial = Trial::new(make, Naive::default());
    trial.run(&[Action::Step(10, vec![(7, 1), (5, 2), (7, 3)]), Action::Step(10, vec![(1, 4), (5, 5)])]);
    let expected = [(7, vec![7, 10, 1, 3, -1, -1]), (5, vec![5, 10, 2, -1, 5, -1]), (1, vec![1, 20, 4, -1])];
    assert_eq!(trial.shards.read(Version(20)).collect().unwrap(), expected);
    trial.run(&[Action::Step(10, vec![(7, 0)]), Action::Step(10, vec![(7, 8)])]);
    assert_eq!(trial.shards.read(Version(40)).collect().unwrap().last(), Some(&(7, vec![7, 40, 8, -1])));
}

/// behaviour 1.56: the function is called for the keys of a first state too
#[test]
fn a_first_state_is_updated_with_the_first_batch() {
    let context = Context::local(2).unwrap();
    let shards = shards(&context, make);
    shards.seed(&context.parallelize([(9, vec![9])], 1).partition_by_hash(1), Version(0)).unwrap();
    shards.step(&input(&context, &[(1, 1)]), Version(0), Version(10)).unwrap();
    assert_eq!(shards.read(Version(10)).collect().unwrap(), [(9, vec![9, -1]), (1, vec![1, 10, 1, -1])]);
    assert_eq!(shards.read(Version(0)).collect().unwrap(), [(9, vec![9])], "behaviour 10.6: it is as it was");
}
