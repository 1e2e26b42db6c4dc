//! Batches: when they come, what they hold, in which order they run, what an error costs.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use tidemill_core::Timestamp;
use tidemill_streaming::Error;

use crate::pushed::BLOCK_BYTES;
use crate::{Bench, batch, news, next, pushed};

#[test]
fn times_are_multiples_of_the_interval_and_outputs_run_in_order() {
    // behaviour 2.37, 2.38
    let bench = Bench::new();
    let (input, numbers) = pushed(&bench.streaming);
    let (sender, news) = news();
    for name in ["first", "second", "third"] {
        let sender = sender.clone();
        numbers.foreach_rdd(move |rdd, time| Ok(sender.send((time, name, rdd.collect()?))?));
    }
    bench.streaming.start().unwrap();
    for number in 1..=3 {
        input.push([number, number * 10]);
        bench.tick();
        for name in ["first", "second", "third"] {
            assert_eq!(next(&news), (batch(number as u64), name, vec![number, number * 10]));
        }
    }
    bench.streaming.stop(true);
    assert!(news.try_recv().is_err(), "no batch is made of nothing");
}

#[test]
fn late_batches_are_run_in_order_and_never_skipped() {
    // behaviour 2.37
    let bench = Bench::new();
    let (input, numbers) = pushed(&bench.streaming);
    let (sender, news) = news();
    let (open, gate) = std::sync::mpsc::sync_channel::<()>(10);
    let gate = std::sync::Mutex::new(gate);
    numbers.foreach_rdd(move |rdd, time| {
        sender.send((time, rdd.collect()?))?;
        Ok(gate.lock().unwrap().recv()?)
    });
    bench.streaming.start().unwrap();
    for number in 1..=4 {
        input.push([number]);
        bench.tick();
    }
    assert_eq!(next(&news), (batch(1), vec![1]));
    assert!(news.try_recv().is_err(), "one batch at a time");
    for number in 2..=4 {
        open.send(()).unwrap();
        assert_eq!(next(&news), (batch(number), vec![number as i64]));
    }
    open.send(()).unwrap();
    bench.streaming.stop(true);
}

#[test]
fn blocks_are_partitions_and_an_empty_batch_has_none() {
    // behaviour 2.31
    let bench = Bench::new();
    let (input, numbers) = pushed(&bench.streaming);
    let (sender, news) = news();
    numbers.foreach_rdd(move |rdd, _| Ok(sender.send(rdd.glom().collect()?)?));
    bench.streaming.start().unwrap();
    input.push([1, 2]);
    input.push([3]);
    bench.tick();
    bench.tick();
    assert_eq!(next(&news), [vec![1, 2], vec![3]]);
    assert!(next(&news).is_empty());
    bench.streaming.stop(false);
}

#[test]
fn two_outputs_share_the_rdd_of_a_stream() {
    let bench = Bench::new();
    let (input, numbers) = pushed(&bench.streaming);
    let calls = Arc::new(AtomicU64::new(0));
    let counted = Arc::clone(&calls);
    let doubled = numbers.transform(move |rdd, _| {
        counted.fetch_add(1, Ordering::SeqCst);
        rdd.map(|x| x * 2)
    });
    let (sender, news) = news();
    for stream in [doubled.clone(), doubled] {
        let sender = sender.clone();
        stream.foreach_rdd(move |rdd, _| Ok(sender.send((rdd.id(), rdd.collect()?))?));
    }
    bench.streaming.start().unwrap();
    for number in 1..=2 {
        input.push([number]);
        bench.tick();
        let (one, two) = (next(&news), next(&news));
        assert_eq!(one, two);
        assert_eq!(one.1, [number * 2]);
        assert_eq!(calls.load(Ordering::SeqCst), number as u64, "the function is called once a batch");
    }
    bench.streaming.stop(true);
}

#[test]
fn an_output_that_fails_stops_nothing_else() {
    // behaviour 1.7, 2.39
    let bench = Bench::new();
    let (_, numbers) = pushed(&bench.streaming);
    let (sender, news) = news();
    let at = |number: u64| move |time: Timestamp| time == batch(number);
    let (is_first, is_second) = (at(1), at(2));
    numbers.foreach_rdd(move |_, time| if is_first(time) { Err("the disk is full".into()) } else { Ok(()) });
    numbers.foreach_rdd(move |_, time| {
        assert!(!is_second(time), "the user's own bug");
        Ok(())
    });
    numbers.foreach_rdd(move |_, time| Ok(sender.send(time)?));
    bench.streaming.start().unwrap();

    bench.tick();
    assert_eq!(next(&news), batch(1));
    for _ in 0..2 {
        let error = bench.streaming.await_termination().unwrap_err();
        assert!(matches!(&error, Error::Output { time, .. } if *time == batch(1)), "{error}");
        assert!(error.to_string().contains("the disk is full"), "{error}");
        assert!(error.to_string().contains("batches.rs:"), "the user's own line is named: {error}");
    }
    bench.tick();
    assert_eq!(next(&news), batch(2));
    let error = bench.streaming.await_termination_or_timeout(crate::PATIENCE).unwrap_err();
    assert!(error.to_string().contains("the user's own bug"), "the latest error is told: {error}");
    bench.streaming.stop(true);
}

#[test]
fn a_task_that_fails_is_an_error_of_its_batch() {
    // behaviour 2.39
    let bench = Bench::new();
    let (input, numbers) = pushed(&bench.streaming);
    let (sender, news) = news();
    numbers.map(|x| 10 / x).foreach_rdd(move |rdd, time| {
        sender.send(time)?;
        Ok(sender.send(Timestamp::from_millis(rdd.collect()?.len() as u64))?)
    });
    bench.streaming.start().unwrap();
    input.push([0]);
    bench.tick();
    assert_eq!(next(&news), batch(1));
    input.push([1, 2]);
    bench.tick();
    assert_eq!(next(&news), batch(2));
    assert_eq!(next(&news).millis(), 2);
    let error = bench.streaming.await_termination().unwrap_err();
    assert!(matches!(&error, Error::Batch { time, .. } if *time == batch(1)), "{error}");
    assert!(error.to_string().contains("divide by zero"), "{error}");
    bench.streaming.stop(true);
}

#[test]
fn a_batch_whose_rdds_cannot_be_made_is_lost_and_no_other() {
    // behaviour 2.40
    let bench = Bench::new();
    let (input, numbers) = pushed(&bench.streaming);
    let (sender, news) = news();
    let (earlier, later) = (sender.clone(), sender);
    numbers.foreach_rdd(move |_, time| Ok(earlier.send(("earlier", time))?));
    let broken = numbers.transform(|rdd, time| {
        assert_ne!(time, batch(1), "no RDD today");
        rdd
    });
    broken.foreach_rdd(move |_, time| Ok(later.send(("later", time))?));
    bench.streaming.start().unwrap();
    input.push([1]);
    bench.tick();
    bench.tick();
    assert_eq!(next(&news), ("earlier", batch(2)), "none of the outputs of the lost batch ran");
    assert_eq!(next(&news), ("later", batch(2)));
    let error = bench.streaming.await_termination().unwrap_err();
    assert!(matches!(&error, Error::Generate { time, .. } if *time == batch(1)), "{error}");
    assert!(error.to_string().contains("no RDD today"), "{error}");
    bench.tick(); // a batch is remembered for one interval (behaviour 2.14), and forgotten before the next one runs
    assert_eq!(next(&news), ("earlier", batch(3)));
    assert_eq!(bench.received_bytes(), 0, "the lost batch holds no memory");
    bench.streaming.stop(true);
}

#[test]
fn a_batch_that_is_done_with_holds_nothing() {
    let bench = Bench::new();
    let (input, numbers) = pushed(&bench.streaming);
    let (sender, news) = news();
    numbers.map(|x| (x % 2, x)).reduce_by_key(|a, b| a + b).foreach_rdd(move |rdd, _| {
        let sum: i64 = rdd.collect()?.into_iter().map(|(_, sum)| sum).sum();
        Ok(sender.send((sum, Arc::downgrade(rdd.node())))?)
    });
    bench.streaming.start().unwrap();
    (1..=3).for_each(|number| input.push([number]));
    assert_eq!(bench.received_bytes(), 3 * BLOCK_BYTES);
    bench.tick();
    let (sum, lineage) = next(&news);
    assert_eq!(sum, 6);
    for _ in 0..2 {
        bench.tick(); // a batch is remembered for one interval (behaviour 2.14), and forgotten before the next one runs
        assert_eq!(next(&news).0, 0);
    }
    assert_eq!(bench.received_bytes(), 0);
    assert!(lineage.upgrade().is_none(), "the RDD of a batch that is done with is still there");
    bench.streaming.stop(true);
}

#[test]
fn jobs_carry_the_properties_of_the_thread_that_started() {
    // behaviour 2.41
    let bench = Bench::new();
    let (_, numbers) = pushed(&bench.streaming);
    let (sender, news) = news();
    for output in ["0", "1"] {
        let (sender, context) = (sender.clone(), bench.context.clone());
        numbers.foreach_rdd(move |_, time| {
            let property = |name| context.local_property(name).unwrap_or_default();
            assert_eq!(property("spark.streaming.internal.outputOpId"), output);
            let description = format!("Streaming job from [output operation {output}, batch time {time}]");
            assert_eq!(property("spark.job.description"), description);
            let seen = (property("user"), property("spark.streaming.internal.batchTime"));
            context.set_local_property("user", Some("in an output"));
            context.set_job_group("in an output", "what an output sets is its own");
            Ok(sender.send(seen)?)
        });
    }
    bench.context.set_local_property("user", Some("at the start"));
    bench.streaming.start().unwrap();
    bench.context.set_local_property("user", Some("later"));
    for number in 1..=2 {
        bench.tick();
        for _ in 0..2 {
            assert_eq!(next(&news), ("at the start".to_string(), batch(number).millis().to_string()));
        }
    }
    bench.streaming.stop(true);
    bench.streaming.await_termination().unwrap();
}

#[test]
fn outputs_of_a_batch_may_run_at_once() {
    // behaviour 4.28: each waits for the other, so one after the other they would wait for ever
    let written = [("spark.streaming.concurrentJobs", "2")];
    let bench = Bench::with(&written, std::time::Duration::from_millis(100));
    let (input, numbers) = pushed(&bench.streaming);
    let meeting = Arc::new(std::sync::Barrier::new(2));
    let (sender, news) = news();
    for output in 0..4 {
        let (meeting, sender) = (Arc::clone(&meeting), sender.clone());
        numbers.foreach_rdd(move |rdd, time| {
            meeting.wait();
            Ok(sender.send((time, output, rdd.count()?))?)
        });
    }
    bench.streaming.start().unwrap();
    for number in 1..=3 {
        input.push([number as i64]);
        bench.tick();
        let mut seen: Vec<_> = (0..4).map(|_| next(&news)).collect();
        seen.sort();
        assert_eq!(seen, [0, 1, 2, 3].map(|output| (batch(number), output, 1)), "batches keep their order");
    }
    bench.streaming.stop(true);
}
