//! Jobs that are there at the same time: submitted without waiting, so that their order is certain.

use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::sync::{Mutex, PoisonError};

use super::*;
use crate::job::JobHandle;
use crate::scheduler::Outcome;
use crate::{Context, Settings};

fn context(mode: &str) -> Context {
    let mut settings = Settings::new();
    settings.set("spark.master", "local[2]").set("spark.scheduler.mode", mode);
    Context::new(&settings).unwrap()
}

/// Starts a count of `rdd` in a pool.
fn submit<T: 'static>(rdd: &Rdd<T>, pool: &str) -> JobHandle {
    let context = rdd.context();
    context.set_local_property("spark.scheduler.pool", Some(pool));
    let (operator, code) = (Operator::here("count"), crate::ship::Function { env: (), call: () });
    let side = side(rdd.parent(), &operator, code, |drawn, _| drawn.fold(0_u64, |count, _| count + 1));
    context.submit(operator, side, rdd.all_partitions()).unwrap()
}

fn count(handle: &JobHandle) -> u64 {
    let (outcome, results) = handle.wait();
    assert!(matches!(outcome, Outcome::Done), "{outcome:?}");
    results.into_iter().map(|(_, output)| unpacked::<u64>(output).unwrap()).sum()
}

/// A function that says its name and waits to be let go on.
fn stepped() -> (impl Fn(&'static str) + Clone + Send + Sync + 'static, Receiver<&'static str>, SyncSender<()>) {
    let (coming, came) = sync_channel(64);
    let (go, going) = sync_channel(64);
    let going = Arc::new(Mutex::new(going));
    let step = move |name| {
        coming.send(name).unwrap();
        going.lock().unwrap_or_else(PoisonError::into_inner).recv().unwrap();
    };
    (step, came, go)
}

#[test]
fn two_jobs_share_a_shuffle_that_is_not_finished() {
    let context = context("FIFO");
    let (step, came, go) = stepped();
    let pairs = context.parallelize(0..10, 2).map_partitions(move |elements| {
        step("map");
        elements.map(|x| (x % 5, x))
    });
    let sums = pairs.reduce_by_key_into(|a, b| a + b, 3);
    let first = submit(&sums, "");
    came.recv().unwrap();
    let second = submit(&sums.map(|pair| pair), "");
    came.recv().unwrap();
    [(), ()].into_iter().for_each(|()| go.send(()).unwrap());
    assert_eq!((count(&first), count(&second)), (5, 5));
    assert!(came.try_recv().is_err(), "each map task ran once");
}

#[test]
fn cancelling_one_of_two_jobs_leaves_the_shared_shuffle_to_the_other() {
    let context = context("FIFO");
    let (step, came, go) = stepped();
    let pairs = context.parallelize(0..10, 2).map_partitions(move |elements| {
        step("map");
        elements.map(|x| (x % 5, x))
    });
    let sums = pairs.reduce_by_key_into(|a, b| a + b, 3);
    let (first, second) = (submit(&sums, ""), submit(&sums, ""));
    assert_eq!([came.recv().unwrap(), came.recv().unwrap()], ["map", "map"]);
    first.cancel();
    assert!(matches!(first.wait().0, Outcome::Cancelled));
    [(), ()].into_iter().for_each(|()| go.send(()).unwrap());
    assert_eq!(count(&second), 5);
    assert!(came.try_recv().is_err(), "each map task ran once");
}

#[test]
fn a_free_slot_goes_to_the_first_job_or_to_the_pool_with_fewest_tasks() {
    // behaviour 4.62
    for (mode, third) in [("FIFO", "large"), ("FAIR", "small")] {
        let context = context(mode);
        let (step, came, go) = stepped();
        let small_step = step.clone();
        let large = context.parallelize(0..4, 4).map(move |_| step("large"));
        let small = context.parallelize(0..1, 1).map(move |_| small_step("small"));
        let large = submit(&large, "reports");
        assert_eq!([came.recv().unwrap(), came.recv().unwrap()], ["large", "large"]);
        let small = submit(&small, "alerts");
        go.send(()).unwrap();
        assert_eq!(came.recv().unwrap(), third, "{mode}");
        (0..5).for_each(|_| go.send(()).unwrap());
        assert_eq!((count(&large), count(&small)), (4, 1));
    }
}

/// Calls back into its context when it is dropped.
struct CallsBack(Context);

impl Drop for CallsBack {
    fn drop(&mut self) {
        self.0.cancel_all_jobs();
    }
}

#[test]
fn captured_values_may_call_back_when_their_lineage_ends() {
    let context = context("FIFO");
    let (step, came, go) = stepped();
    let held = CallsBack(context.clone());
    let numbers = context.parallelize(0..2, 1).map_partitions(move |elements| {
        step("waits");
        let _held = &held;
        elements
    });
    let (first, other) = (submit(&numbers, ""), context.parallelize(0..3, 3));
    came.recv().unwrap();
    drop(numbers); // now the job is the last to hold the function
    go.send(()).unwrap();
    assert_eq!(count(&first), 2);
    let outcome = submit(&other, "").wait().0; // may be what the call back cancels
    assert!(matches!(outcome, Outcome::Done | Outcome::Cancelled));
    assert_eq!(came.recv().ok(), None, "the function was dropped");
}
