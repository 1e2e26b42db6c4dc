//! A user's function that panics: it fails its batch alone, and the error names the operator and the line.

use serde::{Deserialize, Serialize};
use tidemill_core::layout::Partitioner;
use tidemill_core::lineage::Operator;
use tidemill_core::{Element, Rdd};
use tidemill_streaming::DStream;
use tidemill_streaming::dstream::Missing;
use tidemill_streaming::testing::TestContext;

/// The user's own bug: it does not like 13.
fn strict(x: i64) -> i64 {
    assert!(x != 13, "thirteen!");
    x
}

#[derive(Clone, Serialize, Deserialize)]
struct Strict;

impl Partitioner<i64> for Strict {
    fn partitions(&self) -> usize {
        2
    }

    fn partition(&self, key: &i64) -> usize {
        strict(*key) as usize % 2
    }
}

/// Reads a stream to its end in each batch, and says which operator made it.
fn watched<T: Element>(stream: DStream<T>) -> Operator {
    stream.foreach_rdd(|rdd, _| {
        rdd.collect()?;
        Ok(())
    });
    stream.operator().clone()
}

/// Adds an operator with a bug to a stream of numbers.
type Program = fn(&TestContext, &DStream<i64>) -> Operator;

/// The operators whose functions are called in tasks.
const IN_TASKS: [(&str, Program); 17] = [
    ("map", |_, s| watched(s.map(strict))),
    ("map_with", |_, s| watched(s.map_with(0, |_, x| strict(x)))),
    ("filter", |_, s| watched(s.filter(|x| strict(*x) > 0))),
    ("filter_with", |_, s| watched(s.filter_with(0, |_, x| strict(*x) > 0))),
    ("flat_map", |_, s| watched(s.flat_map(|x| [strict(x)]))),
    ("flat_map_with", |_, s| watched(s.flat_map_with(0, |_, x| [strict(x)]))),
    ("flat_map_into", |_, s| watched(s.flat_map_into(|x, out| out.emit(strict(x))))),
    ("map_partitions", |_, s| watched(s.map_partitions(|elements| elements.map(strict)))),
    ("map_partitions_with", |_, s| watched(s.map_partitions_with(0, |_, elements| elements.map(strict)))),
    ("map_partitions_with_index", |_, s| watched(s.map_partitions_with_index(|_, elements| elements.map(strict)))),
    ("reduce", |_, s| watched(s.reduce(|a, b| strict(a) + b))),
    ("map_values", |_, s| watched(s.map(|x| (x, x)).map_values(strict))),
    ("map_values_with", |_, s| watched(s.map(|x| (x, x)).map_values_with(0, |_, x| strict(x)))),
    ("flat_map_values", |_, s| watched(s.map(|x| (x, x)).flat_map_values(|x| [strict(x)]))),
    ("reduce_by_key", |_, s| watched(s.map(|x| (x, x)).reduce_by_key(|a, b| strict(a) + b))),
    ("combine_by_key", |_, s| watched(s.map(|x| (x, x)).combine_by_key(strict, |a, b| a + b, |a, b| a + b))),
    ("partition_by", |_, s| watched(s.map(|x| (x, x)).partition_by(Strict).unwrap())),
];

/// Panics if a batch holds 13.
fn strict_rdd(rdd: Rdd<i64>) -> Rdd<i64> {
    assert!(rdd.collect().unwrap().into_iter().all(|x| strict(x) < 100));
    rdd
}

/// The operators whose functions are called in the driver.
const IN_THE_DRIVER: [(&str, Program); 6] = [
    ("transform", |_, s| watched(s.transform(|rdd, _| strict_rdd(rdd)))),
    ("try_transform", |_, s| watched(s.try_transform(|rdd, _| Ok(Some(strict_rdd(rdd)))))),
    ("transform_with", |_, s| watched(s.transform_with(s, |one, _, _| strict_rdd(one)).unwrap())),
    ("try_transform_with", |_, s| {
        watched(s.try_transform_with(s, Missing::IsEmpty, |one, _, _| Ok(Some(strict_rdd(one)))).unwrap())
    }),
    ("transform", |test, s| {
        let both = [s.clone(), s.clone()];
        watched(test.streaming().transform(&both, |rdds, _| strict_rdd(rdds[0].clone())).unwrap())
    }),
    ("try_transform", |test, s| {
        let both = [s.clone(), s.clone()];
        watched(test.streaming().try_transform(&both, |rdds, _| Ok(strict_rdd(rdds[0].clone()))).unwrap())
    }),
];

#[test]
fn a_panic_fails_its_batch_alone_and_says_where() {
    // behaviour 1.7, 2.39, 2.40
    for (name, program) in IN_TASKS.into_iter().chain(IN_THE_DRIVER) {
        let test = TestContext::new();
        let (feed, numbers) = test.input();
        let operator = program(&test, &numbers);
        assert_eq!(operator.name, name);
        assert!(operator.file.ends_with("failures.rs"), "{operator}");
        for (batch, fails) in [(vec![1, 2], false), (vec![13, 13], true), (vec![3, 3], false)] {
            feed.push(batch);
            let ended = test.tick();
            assert_eq!(ended.is_err(), fails, "{name}: {:?}", ended.err().map(|error| error.to_string()));
            if let Err(error) = ended {
                let text = error.to_string();
                assert!(text.contains("batch 2000 ms"), "{text}");
                assert!(text.contains(&operator.to_string()), "it should name {operator}: {text}");
                assert!(text.contains("thirteen!"), "{text}");
            }
        }
    }
}

#[test]
fn other_outputs_of_the_batch_still_run() {
    // behaviour 2.39
    let test = TestContext::new();
    let (feed, numbers) = test.input();
    watched(numbers.map(strict));
    let seen = test.collect(&numbers);
    for (batch, fails) in [(13, true), (14, false)] {
        feed.push([batch]);
        assert_eq!(test.tick().is_err(), fails);
    }
    assert_eq!(seen.values(), [[13], [14]]);
}
