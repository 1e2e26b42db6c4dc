//! What lies in a checkpoint of operators that the program does not have any more.

use std::path::Path;

use tidemill_streaming::Error;
use tidemill_streaming::testing::TestContext;

use super::received::{LOGGED, Source, source};
use super::{Seen, with};

const DROP: (&str, &str) = ("tidemill.checkpoint.drop", "orders");

/// The program with a receiver that is called `orders`.
fn receiving(directory: &Path, now: u64) -> (TestContext, Source, Seen<u64>) {
    let test = with(directory, now, &[LOGGED]).unwrap();
    let (source, receiver) = source();
    let seen = Seen::of(&test.streaming().receiver_stream(receiver).uid("orders").unwrap());
    test.streaming().start().unwrap();
    (test, source, seen)
}

/// The program without it.
fn without(directory: &Path, now: u64, settings: &[(&str, &str)]) -> Result<TestContext, Error> {
    let test = with(directory, now, settings).unwrap();
    let _seen = Seen::of(&test.input::<u64>().1);
    test.streaming().start().map(|()| test)
}

#[test]
fn blocks_in_no_batch_whose_receiver_is_gone_are_an_error_unless_they_may_be_lost() {
    // behaviour 6.5, 6.23
    let folder = tempfile::tempdir().unwrap();
    let (first, source, seen) = receiving(folder.path(), 0);
    source.send([1]).unwrap();
    first.tick().unwrap();
    assert_eq!(seen.take(), [(1, vec![1])]);
    source.send([2, 3]).unwrap();
    drop((source, first));

    let error = without(folder.path(), 1, &[]).err().unwrap().to_string();
    assert!(error.contains("has received blocks that no batch had of `orders` (receiver_stream at "), "{error}");
    assert!(error.contains("tidemill.checkpoint.drop"), "{error}");
    let (second, source, seen) = receiving(folder.path(), 1);
    second.tick().unwrap();
    assert_eq!(seen.take(), [(2, vec![2, 3])], "the error lost nothing");
    source.send([4]).unwrap();
    drop((source, second));

    let dropped = without(folder.path(), 2, &[DROP]).unwrap();
    dropped.tick().unwrap();
    drop(dropped);
    let (back, source, seen) = receiving(folder.path(), 3);
    back.tick().unwrap();
    assert_eq!(seen.take(), [(4, vec![])], "what was given up is gone for good");
    drop(source);
}

#[test]
fn a_receiver_that_comes_back_brings_nothing_twice() {
    let folder = tempfile::tempdir().unwrap();
    let (first, source, seen) = receiving(folder.path(), 0);
    source.send([1, 2]).unwrap();
    first.tick().unwrap();
    assert_eq!(seen.take(), [(1, vec![1, 2])]);
    drop((source, first));
    // All that it brought was processed, so it may go.
    let second = without(folder.path(), 1, &[]).unwrap();
    (0..3).for_each(|_| second.tick().unwrap());
    drop(second);
    let (third, source, seen) = receiving(folder.path(), 4);
    source.send([3]).unwrap();
    third.tick().unwrap();
    let all: Vec<u64> = seen.take().into_iter().flat_map(|(_, batch)| batch).collect();
    assert_eq!(all, [3]);
    drop(source);
}

#[test]
fn state_that_was_given_up_does_not_come_back() {
    let folder = tempfile::tempdir().unwrap();
    let counting = |now| {
        let test = with(folder.path(), now, &[]).unwrap();
        let (input, numbers) = test.input::<u64>();
        let ones = numbers.map(|number| (number, 1_u64));
        let counts = ones.update_state_by_key(|new, sum: Option<u64>| Some(sum.unwrap_or(0) + new.iter().sum::<u64>()));
        let seen = Seen::of(&counts.uid("orders").unwrap());
        test.streaming().start().unwrap();
        (test, input, seen)
    };
    let (first, input, seen) = counting(0);
    input.push([7, 7]);
    first.tick().unwrap();
    assert_eq!(seen.take(), [(1, vec![(7, 2)])]);
    drop((first, input));
    let error = without(folder.path(), 1, &[]).err().unwrap().to_string();
    assert!(error.contains("has the state of `orders`"), "{error}");
    drop(without(folder.path(), 1, &[DROP]).unwrap());
    let (third, input, seen) = counting(2);
    input.push([7]);
    third.tick().unwrap();
    assert_eq!(seen.take().last(), Some(&(3, vec![(7, 1)])));
}
