//! `MapWithState`.

use std::time::Duration;

use proptest::prelude::*;
use tidemill_core::{Context, Timestamp, Version};
use tidemill_streaming::state::{MapWithState, State};

use super::trial::{Action, Oracle, POISON, Record, Trial, actions, input, shards};

/// Time, key, value, and what the state was.
type Told = (u64, u8, Option<i64>, Option<i64>);
type Function = fn(Timestamp, &u8, Option<i64>, &mut State<i64>) -> Option<Told>;

const IDLE_MAX: u64 = 25;

/// Sums up; 0 removes, odd values do nothing with the state, and those beyond 5 tell nothing.
fn sum_up(time: Timestamp, key: &u8, value: Option<i64>, state: &mut State<i64>) -> Option<Told> {
    let told = (time.micros(), *key, value, state.get().copied());
    assert_eq!(state.is_timing_out(), value.is_none());
    match value {
        Some(POISON) => panic!("poison"),
        Some(0) => state.remove(),
        Some(value) if value % 2 == 0 => state.update(state.get().unwrap_or(&0) + value),
        _ => {}
    }
    (value.unwrap_or(0) <= 5).then_some(told)
}

fn make(context: &Context) -> MapWithState<u8, i64, i64, Told, Function> {
    MapWithState::new(context.environment(), Some(Duration::from_micros(IDLE_MAX)), sum_up)
}

fn make_without_time_out(context: &Context) -> MapWithState<u8, i64, i64, Told, Function> {
    MapWithState::new(context.environment(), None, sum_up)
}

/// Key, sum, and when it was touched last, in the order in which the keys came.
#[derive(Clone)]
struct Naive {
    entries: Vec<(u8, i64, u64)>,
    idle_max: u64,
}

impl Oracle for Naive {
    type Entry = (u8, i64);
    type Out = Told;

    fn step(&mut self, to: u64, records: &[Record]) -> Option<Vec<Told>> {
        if records.iter().any(|(_, value)| *value == POISON) {
            return None;
        }
        let before: Vec<u8> = self.entries.iter().map(|(key, ..)| *key).collect();
        let (mut told, mut sums) = (Vec::new(), Vec::<(u8, Option<i64>)>::new());
        for (key, value) in records {
            let old = self.entries.iter().find(|(held, ..)| held == key).map(|(_, sum, _)| *sum);
            if !sums.iter().any(|(held, _)| held == key) {
                sums.push((*key, old));
            }
            let sum = &mut sums.iter_mut().find(|(held, _)| held == key).unwrap().1;
            if *value <= 5 {
                told.push((to, *key, Some(*value), *sum));
            }
            match value {
                0 => *sum = None,
                value if value % 2 == 0 => *sum = Some(sum.unwrap_or(0) + value),
                _ => {}
            }
        }
        for (key, sum) in sums {
            match (before.contains(&key), sum) {
                (true, Some(sum)) => {
                    *self.entries.iter_mut().find(|(held, ..)| *held == key).unwrap() = (key, sum, to);
                }
                (false, Some(sum)) => self.entries.push((key, sum, to)),
                (_, None) => self.entries.retain(|(held, ..)| *held != key),
            }
        }
        let due = |touched: u64| touched < to.saturating_sub(self.idle_max);
        let mut timed_out: Vec<_> = self.entries.iter().filter(|(_, _, touched)| due(*touched)).copied().collect();
        timed_out.sort_by_key(|(_, _, touched)| *touched);
        told.extend(timed_out.into_iter().map(|(key, sum, _)| (to, key, None, Some(sum))));
        self.entries.retain(|(_, _, touched)| !due(*touched));
        Some(told)
    }

    fn entries(&self) -> Vec<(u8, i64)> {
        self.entries.iter().map(|(key, sum, _)| (*key, *sum)).collect()
    }
}

fn values() -> impl Strategy<Value = i64> + Clone {
    prop_oneof![10 => 1i64..9, 2 => Just(0), 1 => Just(POISON)]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(30))]

    #[test]
    fn mappings_are_those_of_a_plain_list(actions in actions(values()), has_time_out: bool) {
        let (make, idle_max) = if has_time_out { (make as fn(&_) -> _, IDLE_MAX) } else { (make_without_time_out as _, u64::MAX) };
        let mut trial = Trial::new(make, Naive { entries: Vec::new(), idle_max });
        trial.run(&actions);
        trial.load_into(make);
    }
}

/// behaviour 2.20, 2.21
#[test]
fn a_key_times_out_in_the_first_batch_after_it_is_due() {
    let mut trial = Trial::new(make, Naive { entries: Vec::new(), idle_max: IDLE_MAX });
    // The odd record at 20 keeps key 2 alive and does not update its state.
    trial.run(&[
        Action::Step(10, vec![(1, 2), (2, 4), (1, 2)]),
        Action::Step(10, vec![(2, 1)]),
        Action::Step(10, vec![]),
        Action::Step(5, vec![]),
    ]);
    assert_eq!(trial.shards.read(Version(35)).collect().unwrap(), [(1, 4), (2, 4)], "25 are not longer than 25");
    let emitted = |version| trial.shards.emitted(Version(version)).collect().unwrap();
    assert_eq!(emitted(10), [(10, 1, Some(2), None), (10, 2, Some(4), None), (10, 1, Some(2), Some(2))]);
    assert_eq!(emitted(20), [(20, 2, Some(1), Some(4))]);
    trial.run(&[Action::Step(1, vec![(3, 2)]), Action::Step(10, vec![])]);
    let emitted = |version| trial.shards.emitted(Version(version)).collect().unwrap();
    assert_eq!(emitted(36), [(36, 3, Some(2), None), (36, 1, None, Some(4))]);
    assert_eq!(
        (emitted(46), trial.shards.read(Version(46)).collect().unwrap()),
        (vec![(46, 2, None, Some(4))], vec![(3, 2)])
    );
}

/// A key with a record in the very batch in which it would time out does not.
#[test]
fn a_record_comes_before_the_time_out() {
    let mut trial = Trial::new(make, Naive { entries: Vec::new(), idle_max: IDLE_MAX });
    trial.run(&[Action::Step(10, vec![(1, 2)]), Action::Step(90, vec![(1, 1)]), Action::Step(20, vec![])]);
    assert_eq!(trial.shards.emitted(Version(100)).collect().unwrap(), [(100, 1, Some(1), Some(2))]);
    assert_eq!(trial.shards.read(Version(120)).collect().unwrap(), [(1, 2)]);
}

/// behaviour 2.20: what Spark answers with an exception
#[test]
fn a_state_that_is_gone_cannot_be_changed() {
    type Misuse = fn(&mut State<i64>);
    let cases: [(Misuse, Misuse, &str); 4] = [
        (
            |state| {
                state.remove();
                state.update(1);
            },
            |_| (),
            "Cannot update the state after it has been removed",
        ),
        (
            |state| {
                state.remove();
                state.remove();
            },
            |_| (),
            "Cannot remove the state that has already been removed",
        ),
        (|_| (), |state| state.update(1), "Cannot update the state that is timing out"),
        (|_| (), State::remove, "Cannot remove the state that is timing out"),
    ];
    for (with_data, at_time_out, message) in cases {
        let context = Context::local(2).unwrap();
        let shards = shards(&context, |context| {
            let idle_max = Some(Duration::from_micros(IDLE_MAX));
            MapWithState::new(
                context.environment(),
                idle_max,
                move |_, key: &u8, value: Option<i64>, state: &mut State<i64>| {
                    match value {
                        Some(1) => state.update(1),
                        Some(_) => with_data(state),
                        None => at_time_out(state),
                    }
                    assert!(*key == 4 && state.exists() == state.get().is_some());
                    Some(())
                },
            )
        });
        shards.step(&input(&context, &[(4, 1)]), Version(0), Version(10)).unwrap();
        let with_data = shards.step(&input(&context, &[(4, 2)]), Version(10), Version(20));
        let failed = with_data.and_then(|_| shards.step(&input(&context, &[]), Version(20), Version(100)));
        let error = failed.unwrap_err().to_string();
        assert!(error.contains(message) && error.contains("stateful at "), "{error}");
        assert_eq!(shards.read(shards.version()).collect().unwrap(), [(4, 1)]);
    }
}
