//! Queues: live and copied, one RDD a batch or all that wait, and what a batch has where none waits.

use tidemill_core::Rdd;
use tidemill_streaming::testing::TestContext;
use tidemill_streaming::{QueueOptions, RddQueue, Stop};

use super::partitions;
use super::watch::watch;

/// One batch by its partitions.
type Batch = Vec<Vec<i32>>;

/// What comes out of four batches; two RDDs wait at the start, and a third is pushed after the first batch.
fn batches(options: impl FnOnce(&TestContext) -> QueueOptions<i32>) -> Vec<Batch> {
    let test = TestContext::new();
    let rdd = |numbers: &[i32], partitions| test.context().parallelize(numbers.to_vec(), partitions);
    let queue: RddQueue<i32> = [rdd(&[1, 2], 2), rdd(&[3], 1)].into_iter().collect();
    let seen = partitions(&test, &test.streaming().queue_stream_with(&queue, options(&test)));
    test.tick().unwrap();
    queue.push(rdd(&[4], 1));
    (0..3).for_each(|_| test.tick().unwrap());
    seen.values()
}

#[test]
fn a_live_queue_gives_one_rdd_a_batch_and_then_its_default() {
    // behaviour 2.9, behaviour 10.9
    let out = batches(|_| QueueOptions::new());
    assert_eq!(out, [vec![vec![1], vec![2]], vec![vec![3]], vec![vec![4]], vec![]]);
    let out = batches(|test| QueueOptions::new().default_rdd(test.context().parallelize([9], 1)));
    assert_eq!(out, [vec![vec![1], vec![2]], vec![vec![3]], vec![vec![4]], vec![vec![9]]]);
}

#[test]
fn all_that_waits_is_one_union() {
    // behaviour 1.16, behaviour 2.9
    let out = batches(|_| QueueOptions::new().all_at_once());
    assert_eq!(out, [vec![vec![1], vec![2], vec![3]], vec![vec![4]], vec![], vec![]]);
}

#[test]
fn python_copies_the_queue_and_goes_on_with_an_empty_partition() {
    // behaviour 1.16, behaviour 10.9: the same program as of behaviour 2.9 above, in the other form
    let empty: Batch = vec![vec![]];
    let out = batches(|test| QueueOptions::as_in_python(test.context()));
    assert_eq!(out, [vec![vec![1], vec![2]], vec![vec![3]], empty.clone(), empty.clone()]);
    let out = batches(|test| QueueOptions::as_in_python(test.context()).all_at_once());
    assert_eq!(out, [vec![vec![1], vec![2], vec![3]], empty.clone(), empty.clone(), empty]);
}

#[test]
fn it_starts_with_a_checkpoint_directory_and_tells_nothing_of_its_records() {
    // behaviour 1.16, behaviour 1.63
    let test = TestContext::new();
    assert!(test.streaming().checkpoint_directory().is_some());
    let queue = RddQueue::new();
    let seen = test.collect(&test.streaming().queue_stream(&queue));
    let watch = watch(test.streaming(), || {});
    queue.push(test.context().parallelize([1], 1));
    assert_eq!((queue.len(), queue.is_empty()), (1, false));
    test.tick().unwrap();
    assert_eq!((queue.len(), queue.is_empty()), (0, true));
    assert_eq!(seen.values(), [[1]]);
    assert!(watch.take()[0].is_empty());
}

#[test]
fn a_batch_is_the_same_rdd_however_often_it_is_asked_for() {
    let test = TestContext::new();
    let rdds: Vec<Rdd<i32>> = (0..3).map(|number| test.context().parallelize([number], 1)).collect();
    let stream = test.streaming().queue_stream(&rdds.into_iter().collect());
    let (one, other) = (test.collect(&stream), test.collect(&stream.map(|number| -number)));
    (0..3).for_each(|_| test.tick().unwrap());
    assert_eq!(one.values(), [[0], [1], [2]]);
    assert_eq!(other.values(), [[0], [-1], [-2]]);
}

#[test]
fn a_graceful_stop_runs_one_more_batch_of_what_waits() {
    // behaviour 2.33
    let test = TestContext::new();
    let queue: RddQueue<i32> = [1, 2, 3].map(|number| test.context().parallelize([number], 1)).into_iter().collect();
    let seen = test.collect(&test.streaming().queue_stream(&queue));
    test.tick().unwrap();
    test.streaming().stop_with(Stop { graceful: true, context: false });
    assert_eq!(seen.values(), [[1], [2]]);
    assert_eq!(queue.len(), 1);
}
