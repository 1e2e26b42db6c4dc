//! What goes wrong in the middle of a stream: the batch says so, and the next one goes on.

use std::sync::Mutex;
use std::sync::mpsc::sync_channel;
use std::time::Duration;

use tidemill_core::TaskContext;
use tidemill_streaming::{Error, State, Stop};

use crate::{Bench, batch, news, next, pushed};

const INTERVAL: Duration = Duration::from_millis(100);

#[test]
fn a_function_that_never_returns_is_left_behind_by_a_stop_within_its_limit() {
    let bench = Bench::with(&[("tidemill.stop.timeout", "100ms")], INTERVAL);
    let (input, numbers) = pushed(&bench.streaming);
    let (sender, news) = news();
    let (open, gate) = sync_channel::<()>(1);
    let gate = std::sync::Arc::new(Mutex::new(gate));
    let stuck = numbers.map(move |x| {
        sender.send("stuck").unwrap();
        let _ = gate.lock().unwrap().recv(); // as long as the test holds the other end
        x
    });
    stuck.foreach_rdd(|rdd, _| rdd.count().map(drop).map_err(Into::into));
    bench.streaming.start().unwrap();
    input.push([1]);
    bench.tick();
    assert_eq!(next(&news), "stuck");
    bench.streaming.stop_with(Stop { graceful: false, context: true });
    assert_eq!(bench.streaming.state(), State::Stopped);
    drop(open);
}

#[test]
fn a_job_that_is_cancelled_fails_its_batch_and_its_stuck_thread_is_replaced() {
    let bench = Bench::with(&[("spark.master", "local[1]"), ("tidemill.task.stuck.timeout", "50ms")], INTERVAL);
    let (input, numbers) = pushed(&bench.streaming);
    let (sender, news) = news();
    let (open, gate) = sync_channel::<()>(1);
    let gate = std::sync::Arc::new(Mutex::new(gate));
    let (running, done) = (sender.clone(), sender);
    let context = bench.context.clone();
    numbers.foreach_rdd(move |rdd, time| {
        context.set_job_group("by the test", "may be cancelled");
        let (running, gate) = (running.clone(), std::sync::Arc::clone(&gate));
        let sum = rdd.map(move |x| {
            if x == 1 {
                running.send((time, None)).unwrap();
                let _ = gate.lock().unwrap().recv();
            }
            x
        });
        Ok(done.send((time, Some(sum.sum()?)))?)
    });
    bench.streaming.start().unwrap();
    input.push([1]);
    bench.tick();
    assert_eq!(next(&news), (batch(1), None));
    bench.context.cancel_job_group("by the test");
    let error = bench.streaming.await_termination().unwrap_err();
    assert!(matches!(error, Error::Batch { .. }), "{error}");
    assert!(error.to_string().contains("batch 1000100 ms, foreach_rdd at "), "{error}");
    for number in 2..=4 {
        input.push([number * 10]);
        bench.tick();
        assert_eq!(next(&news), (batch(number as u64), Some(number * 10)), "later batches have a thread to run on");
    }
    assert_eq!(bench.context.threads_replaced(), 1);
    drop(open);
    bench.streaming.stop(true);
}

#[test]
fn a_batch_that_cannot_spill_fails_and_the_next_one_goes_on() {
    let folder = tempfile::tempdir().unwrap();
    let gone = folder.path().join("spills");
    std::fs::create_dir(&gone).unwrap();
    let written = [("spark.local.dir", gone.to_str().unwrap()), ("tidemill.memory.shuffle.limit", "64k")];
    let bench = Bench::with(&written, INTERVAL);
    let (input, numbers) = pushed(&bench.streaming);
    let (sender, news) = news();
    let keyed = numbers.map(|x| (x, x)).group_by_key();
    keyed.foreach_rdd(move |rdd, time| Ok(sender.send((time, rdd.count()?))?));
    bench.streaming.start().unwrap();
    std::fs::remove_dir_all(&gone).unwrap();
    std::fs::write(&gone, "no folder any more").unwrap();
    input.push(0..100_000);
    bench.tick();
    let error = bench.streaming.await_termination().unwrap_err().to_string();
    assert!(error.contains("batch 1000100 ms") && error.contains("group_by_key"), "{error}");
    assert!(error.contains("spills"), "the folder is named: {error}");
    input.push([1, 2, 1]);
    bench.tick();
    assert_eq!(next(&news), (batch(2), 2));
    bench.streaming.stop(true);
}

#[test]
fn no_partitions_are_one() {
    let bench = Bench::new();
    let (input, numbers) = pushed(&bench.streaming);
    let (sender, news) = news();
    let summed = numbers.map(|x| (x % 2, x)).reduce_by_key_into(|a, b| a + b, 0);
    summed.foreach_rdd(move |rdd, _| Ok(sender.send((rdd.num_partitions(), rdd.collect()?))?));
    bench.streaming.start().unwrap();
    input.push([1, 2, 3]);
    bench.tick();
    assert_eq!(next(&news), (1, vec![(1, 4), (0, 2)]));
    bench.streaming.stop(true);
}

#[test]
fn errors_and_panics_of_tasks_name_operator_line_and_partition() {
    let bench = Bench::new();
    let (input, numbers) = pushed(&bench.streaming);
    let (sender, news) = news();
    let line = line!() + 1;
    numbers.map(|x| 10 / x).foreach_rdd(move |rdd, _| Ok(sender.send(rdd.collect()?)?));
    bench.streaming.start().unwrap();
    input.push([0]);
    bench.tick();
    let error = bench.streaming.await_termination().unwrap_err().to_string();
    for part in ["batch 1000100 ms", &format!("map at {}:{line}, partition 0", file!()), "divide by zero"] {
        assert!(error.contains(part), "{part:?} is not in {error}");
    }
    input.push([5]);
    bench.tick();
    assert_eq!(next(&news), [2]);
    bench.streaming.stop(true);
    assert!(TaskContext::current().is_none());
}
