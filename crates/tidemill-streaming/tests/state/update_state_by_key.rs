//! `update_state_by_key`.

use tidemill_streaming::dstream::{UpdateOptions, WithoutRdd};
use tidemill_streaming::testing::{TestContext, check};

use crate::{run, seconds, sum};

#[test]
fn every_known_or_new_key_is_updated_in_every_batch() {
    // behaviour 1.56, 2.19, 10.5
    let table = [
        (vec![('a', 1), ('b', 2), ('a', 3)], vec![('a', 4), ('b', 2)]),
        (vec![('a', -4), ('c', 5)], vec![('b', 2), ('c', 5)]), // no state as the answer drops the key
        (vec![], vec![('b', 2), ('c', 5)]),
        (vec![('a', 7)], vec![('a', 7), ('b', 2), ('c', 5)]),
    ];
    let seen = run(table.clone().map(|(batch, _)| Some(batch)), |pairs| pairs.update_state_by_key(sum));
    let states: Vec<_> = seen.into_iter().map(|(_, state)| state).collect();
    assert_eq!(states, table.map(|(_, state)| state));
}

#[test]
fn the_function_sees_all_values_in_order_and_its_own_last_answer() {
    // behaviour 1.56, 2.19
    let log =
        |values: Vec<String>, log: Option<String>| Some(format!("{}[{}]", log.unwrap_or_default(), values.join(" ")));
    check(
        [vec![(1, "a"), (1, "b"), (1, "c")], vec![], vec![(1, "d")]]
            .map(|batch| batch.into_iter().map(|(key, value)| (key, value.to_string())).collect()),
        |pairs| pairs.update_state_by_key(log),
        ["[a b c]", "[a b c][]", "[a b c][][d]"].map(|log| vec![(1, log.to_string())]),
    );
}

#[test]
fn known_keys_come_before_new_ones() {
    // behaviour 1.56
    check(
        [vec![('c', 1), ('a', 1)], vec![('b', 1), ('a', 1)], vec![('c', -1)], vec![('c', 1)]],
        |pairs| {
            pairs.update_state_by_key_with(UpdateOptions::new().partitions(1), |_, _, values, state| sum(values, state))
        },
        [
            vec![('c', 1), ('a', 1)],
            vec![('c', 1), ('a', 2), ('b', 1)],
            vec![('a', 2), ('b', 1)],
            vec![('a', 2), ('b', 1), ('c', 1)],
        ],
    );
}

#[test]
fn the_function_is_given_the_time_and_the_key() {
    // behaviour 2.19
    let seen = run([vec![('a', 1)], vec![]].map(Some), |pairs| {
        pairs.update_state_by_key_with(UpdateOptions::new(), |time, key, values: Vec<i64>, before: Option<String>| {
            Some(format!("{}{key}{} at {time}; ", before.unwrap_or_default(), values.len()))
        })
    });
    assert_eq!(seen[1].1, [('a', "a1 at 1000 ms; a0 at 2000 ms; ".to_string())]);
}

#[test]
fn the_state_to_begin_with_is_updated_in_the_first_batch() {
    // behaviour 1.56, 2.19, 10.5
    let test = TestContext::new();
    let (feed, pairs) = test.input();
    let before = test.context().parallelize([('a', 100), ('b', 200), ('z', 0)], 3);
    let options = UpdateOptions::new().initial_state(&before).partitions(4);
    let states = pairs.update_state_by_key_with(options, |_, _, values, state| sum(values, state));
    let seen = test.collect(&states);
    let partitions = test.collect(&states.transform(|rdd, _| rdd.context().parallelize([rdd.num_partitions()], 1)));
    feed.push([('a', 1), ('c', 3)]);
    test.tick().unwrap();
    test.tick().unwrap();
    let [mut first, mut second] = <[_; 2]>::try_from(seen.values()).unwrap();
    first.sort();
    second.sort();
    assert_eq!(first, [('a', 101), ('b', 200), ('c', 3)]);
    assert_eq!(second, first);
    assert_eq!(partitions.values()[0], [4]);
}

#[test]
fn a_batch_without_an_rdd_updates_in_scala_and_keeps_in_pyspark() {
    // behaviour 1.56, 2.19, 10.5
    let batches = || [None, Some(vec![('a', 1)]), None, Some(vec![]), None, None, Some(vec![('a', 1)])];
    let calls = |options: UpdateOptions<char, usize>| {
        run(batches(), |pairs| {
            pairs.update_state_by_key_with(options, |_, _, _: Vec<i64>, calls| Some(calls.unwrap_or(0) + 1))
        })
    };
    let as_table = |calls: [usize; 6]| (2..).zip(calls.map(|calls| vec![('a', calls)])).collect::<Vec<_>>();
    assert_eq!(calls(UpdateOptions::new()), as_table([1, 2, 3, 4, 5, 6]));
    let keeps = UpdateOptions::new().without_rdd(WithoutRdd::Keep);
    assert_eq!(calls(keeps), as_table([1, 1, 2, 2, 2, 3]));
}

#[test]
fn a_state_that_is_kept_over_batches_can_be_read_for_each_of_them() {
    // behaviour 1.56, 1.50
    let batches = [Some(vec![('a', 1)]), None, None, Some(vec![('a', 1)]), None, None, None];
    let seen = run(batches, |pairs| {
        let options = UpdateOptions::new().without_rdd(WithoutRdd::Keep);
        let sums = pairs.update_state_by_key_with(options, |_, _, values, state| sum(values, state));
        sums.window(seconds(3)).unwrap().map(|(_, sum)| sum)
    });
    let sums: Vec<_> = seen.into_iter().map(|(_, sums)| sums).collect();
    let expected: [&[i64]; 7] = [&[1], &[1, 1], &[1, 1, 1], &[1, 1, 2], &[1, 2, 2], &[2, 2, 2], &[2, 2, 2]];
    assert_eq!(sums, expected);
}

#[test]
fn earlier_states_do_not_change() {
    // behaviour 10.6
    let test = TestContext::new();
    test.streaming().remember(seconds(10)).unwrap();
    let (feed, pairs) = test.input();
    let states = pairs.update_state_by_key(|mut values: Vec<i64>, before: Option<Vec<i64>>| {
        let mut all = before.unwrap_or_default();
        all.append(&mut values);
        Some(all)
    });
    test.collect(&states);
    for value in 1..=3 {
        feed.push([('a', value)]);
        test.tick().unwrap();
    }
    for (number, expected) in [(1, vec![1]), (2, vec![1, 2]), (3, vec![1, 2, 3])] {
        let state = states.rdd(test.time(number)).unwrap().unwrap();
        assert_eq!(state.collect().unwrap(), [('a', expected)]);
    }
}

#[test]
fn a_function_may_be_shown_all_keys_of_a_partition() {
    // behaviour 2.19: the forms with an iterator
    let test = TestContext::new();
    let (feed, pairs) = test.input();
    let states = pairs.update_state_by_partition(UpdateOptions::new().partitions(1), |time, keys| {
        let batch = (time.millis() / 1000) as i64;
        let sums = keys.map(|(key, values, sum): (char, Vec<i64>, Option<i64>)| {
            (key, sum.unwrap_or(0) + values.iter().sum::<i64>())
        });
        let mut sums: Vec<_> = sums.filter(|(key, _)| *key != 'x').collect();
        sums.push(('#', batch)); // a key of its own
        sums
    });
    let seen = test.collect(&states);
    for batch in [vec![('a', 1), ('x', 1), ('b', 2)], vec![('a', 10), ('c', 5)], vec![]] {
        feed.push(batch);
        test.tick().unwrap();
    }
    let expected = [
        vec![('a', 1), ('b', 2), ('#', 1)],
        vec![('a', 11), ('b', 2), ('#', 2), ('c', 5)],
        vec![('a', 11), ('b', 2), ('#', 3), ('c', 5)],
    ];
    assert_eq!(seen.values(), expected);
}
