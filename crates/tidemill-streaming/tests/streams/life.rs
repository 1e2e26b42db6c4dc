//! The life of a streaming context: starting, stopping, and what goes wrong on the way.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::sync::mpsc::sync_channel;
use std::time::Duration;

use tidemill_core::{Clock, ManualClock, TaskContext, Timestamp};
use tidemill_streaming::{Error, RddQueue, State, Stop, StreamingContext};

use crate::pushed::BLOCK_BYTES;
use crate::{Bench, PATIENCE, batch, news, next, pushed};

#[test]
fn a_context_may_have_a_clock_of_its_own() {
    let (bench, clock) = (Bench::new(), ManualClock::at(Timestamp::from_millis(0)));
    let own = Arc::new(clock.clone()) as Arc<dyn Clock>;
    let streaming = StreamingContext::with_clock(&bench.context, Duration::from_millis(100), own).unwrap();
    let (sender, news) = news();
    let numbers: RddQueue<i32> = [bench.context.parallelize([1], 1)].into_iter().collect();
    streaming.queue_stream(&numbers).foreach_rdd(move |_, time| Ok(sender.send(time)?));
    streaming.leave_signals();
    streaming.start().unwrap();
    clock.advance(Duration::from_millis(100));
    assert_eq!(next(&news), Timestamp::from_millis(100));
    assert!(!streaming.is_inside(), "this thread waits for a stop");
    streaming.stop(false);
}

#[test]
fn a_context_without_outputs_does_not_start_and_is_over() {
    // behaviour 1.6, 2.4
    let bench = Bench::new();
    let _ = pushed(&bench.streaming);
    let error = bench.streaming.start().unwrap_err();
    assert!(matches!(error, Error::NoOutputs), "{error}");
    assert_eq!(bench.streaming.state(), State::Stopped);
    assert!(matches!(bench.streaming.start(), Err(Error::AlreadyStopped)));
    bench.streaming.await_termination().unwrap();
}

#[test]
fn a_context_goes_from_initialized_to_active_to_stopped() {
    // behaviour 1.6, 1.8, 2.4
    let bench = Bench::new();
    let (input, numbers) = pushed(&bench.streaming);
    let (sender, news) = news();
    numbers.foreach_rdd(move |_, time| Ok(sender.send(time)?));
    assert_eq!(bench.streaming.state(), State::Initialized);
    bench.streaming.start().unwrap();
    assert_eq!(bench.streaming.state(), State::Active);
    bench.streaming.start().unwrap(); // only warns
    assert_eq!(input.started.load(Ordering::SeqCst), 1);
    bench.tick();
    assert_eq!(next(&news), batch(1));
    assert!(!bench.streaming.await_termination_or_timeout(Duration::from_millis(1)).unwrap());
    for _ in 0..2 {
        bench.streaming.stop_with(Stop { graceful: true, context: false });
        assert_eq!(bench.streaming.state(), State::Stopped);
    }
    assert!(bench.streaming.await_termination_or_timeout(PATIENCE).unwrap());
    bench.streaming.await_termination().unwrap();
    assert!(matches!(bench.streaming.start(), Err(Error::AlreadyStopped)));
    assert!(news.try_recv().is_err(), "the second start made no second batch");
    assert_eq!(bench.context.parallelize([1, 2], 2).count().unwrap(), 2, "the context of the RDDs goes on");
    bench.streaming.stop_with(Stop { graceful: true, context: true });
    assert!(bench.context.is_stopped(), "a stop that comes later still stops it");
}

#[test]
fn a_stop_before_the_start_is_final() {
    // behaviour 1.9, 2.4
    let bench = Bench::new();
    let (_, numbers) = pushed(&bench.streaming);
    numbers.foreach_rdd(|_, _| Ok(()));
    bench.streaming.stop_with(Stop { graceful: true, context: false });
    bench.streaming.stop_with(Stop { graceful: false, context: false });
    assert_eq!(bench.streaming.state(), State::Stopped);
    assert!(!bench.streaming.context().is_stopped());
    assert!(matches!(bench.streaming.start(), Err(Error::AlreadyStopped)));
}

#[test]
fn an_output_that_comes_after_the_start_is_an_error() {
    let bench = Bench::new();
    let (_, numbers) = pushed(&bench.streaming);
    numbers.foreach_rdd(|_, _| Ok(()));
    bench.streaming.start().unwrap();
    numbers.foreach_rdd(|_, _| Ok(()));
    let error = bench.streaming.await_termination().unwrap_err();
    assert!(matches!(error, Error::AlreadyStarted { .. }), "{error}");
    bench.streaming.stop(false);
}

#[test]
fn a_stop_stops_the_context_of_the_rdds_unless_a_setting_says_otherwise() {
    // behaviour 2.5, 4.26
    for (setting, stops) in [("true", true), ("false", false)] {
        let written = [("spark.streaming.stopSparkContextByDefault", setting)];
        let bench = Bench::with(&written, Duration::from_millis(100));
        let (_, numbers) = pushed(&bench.streaming);
        numbers.foreach_rdd(|_, _| Ok(()));
        bench.streaming.start().unwrap();
        bench.streaming.stop(true);
        assert_eq!(bench.context.is_stopped(), stops);
    }
}

#[test]
fn intervals_are_whole_milliseconds() {
    let bench = Bench::new();
    for wrong in [Duration::ZERO, Duration::from_micros(1500)] {
        assert!(matches!(StreamingContext::new(&bench.context, wrong), Err(Error::Interval(_))), "{wrong:?}");
    }
}

#[test]
fn a_graceful_stop_runs_all_that_was_received() {
    // behaviour 2.33
    let bench = Bench::new();
    let (input, numbers) = pushed(&bench.streaming);
    let (sender, news) = news();
    let (open, gate) = sync_channel::<()>(10);
    let gate = std::sync::Mutex::new(gate);
    numbers.foreach_rdd(move |rdd, time| {
        sender.send((time, rdd.collect()?))?;
        Ok(gate.lock().unwrap().recv()?)
    });
    bench.streaming.start().unwrap();
    input.push([1]);
    bench.tick();
    assert_eq!(next(&news), (batch(1), vec![1])); // runs, and goes on running
    input.push([2]);
    bench.tick(); // waits
    input.push([3]); // is in no batch yet
    (0..3).for_each(|_| open.send(()).unwrap());
    bench.streaming.stop(true);
    assert_eq!(news.try_iter().collect::<Vec<_>>(), [(batch(2), vec![2]), (batch(3), vec![3])]);
    assert_eq!(bench.received_bytes(), 0);
}

#[test]
fn a_plain_stop_cancels_what_runs_and_drops_what_waits() {
    let bench = Bench::new();
    let (input, numbers) = pushed(&bench.streaming);
    let (sender, news) = news();
    let (running, after) = (sender.clone(), sender);
    numbers.foreach_rdd(move |rdd, _| {
        let running = running.clone();
        rdd.foreach(move |_| {
            running.send("running").unwrap();
            let task = TaskContext::current().unwrap();
            while !task.is_cancelled() {
                std::thread::yield_now();
            }
        })?;
        Ok(())
    });
    numbers.foreach_rdd(move |_, _| Ok(after.send("after")?));
    bench.streaming.start().unwrap();
    input.push([1]);
    bench.tick();
    assert_eq!(next(&news), "running");
    input.push([2]);
    bench.tick();
    input.push([3]);
    assert_eq!(bench.received_bytes(), 3 * BLOCK_BYTES);
    bench.streaming.stop(false);
    assert!(news.try_recv().is_err(), "nothing begins after the stop");
    bench.streaming.await_termination().expect("what was cancelled on purpose is no error");
    assert_eq!(bench.streaming.state(), State::Stopped);
    assert!(!bench.context.environment().store.contains(first_block(&input)));
}

fn first_block(input: &crate::Pushed) -> tidemill_core::BlockId {
    use tidemill_streaming::input::Input;
    tidemill_core::BlockId::Received { stream: input.id().blocks, number: 0 }
}

#[test]
fn code_that_does_not_return_does_not_hold_up_a_plain_stop() {
    let bench = Bench::with(&[("tidemill.stop.timeout", "100ms")], Duration::from_millis(100));
    let (_, numbers) = pushed(&bench.streaming);
    let (sender, news) = news();
    let (open, gate) = sync_channel::<()>(1);
    let gate = std::sync::Mutex::new(gate);
    numbers.foreach_rdd(move |_, time| {
        sender.send(time)?;
        Ok(gate.lock().unwrap().recv()?)
    });
    bench.streaming.start().unwrap();
    bench.tick();
    assert_eq!(next(&news), batch(1));
    bench.streaming.stop(false);
    assert_eq!(bench.streaming.state(), State::Stopped);
    drop(open);
}

#[test]
fn an_output_may_stop_its_context_and_so_may_a_task() {
    for (graceful, in_task) in [(true, false), (false, false), (true, true), (false, true)] {
        let bench = Bench::new();
        let (input, numbers) = pushed(&bench.streaming);
        let (sender, news) = news();
        let streaming = bench.streaming.clone();
        numbers.foreach_rdd(move |rdd, time| {
            let streaming = streaming.clone();
            if in_task {
                let _ = rdd.foreach(move |_| streaming.stop(graceful)); // a stop that is not graceful cancels it
            } else {
                streaming.stop(graceful);
            }
            Ok(sender.send(time)?)
        });
        bench.streaming.start().unwrap();
        input.push([1]);
        bench.pass(1, Duration::from_millis(100));
        bench.streaming.await_termination().unwrap();
        assert_eq!(news.try_iter().collect::<Vec<_>>(), [batch(1)], "graceful: {graceful}, in a task: {in_task}");
    }
}

#[test]
fn two_stops_at_once_lose_nothing() {
    for _ in 0..20 {
        let bench = Bench::new();
        let (input, numbers) = pushed(&bench.streaming);
        let (sender, news) = news();
        numbers.foreach_rdd(move |rdd, _| Ok(sender.send(rdd.collect()?)?));
        bench.streaming.start().unwrap();
        input.push([1]);
        std::thread::scope(|scope| {
            for _ in 0..3 {
                scope.spawn(|| {
                    bench.streaming.stop(true);
                    assert_eq!(bench.streaming.state(), State::Stopped);
                });
            }
        });
        assert_eq!(news.try_iter().collect::<Vec<_>>(), [[1]]);
    }
}

#[test]
fn a_context_that_is_over_lets_go_of_its_functions() {
    let bench = Bench::new();
    let (_, numbers) = pushed(&bench.streaming);
    let held = Arc::new(());
    let (streaming, of_output) = (bench.streaming.clone(), Arc::clone(&held));
    numbers.foreach_rdd(move |_, _| {
        let _ = (&streaming, &of_output); // an output that holds its own context
        Ok(())
    });
    bench.streaming.start().unwrap();
    bench.streaming.stop(true);
    assert_eq!(Arc::strong_count(&held), 1);
}

#[test]
fn a_start_that_fails_half_way_stops_what_it_started() {
    let bench = Bench::new();
    let (first, numbers) = pushed(&bench.streaming);
    let (second, _) = pushed(&bench.streaming);
    second.fails_at_start.store(true, Ordering::SeqCst);
    numbers.foreach_rdd(|_, _| Ok(()));
    let error = bench.streaming.start().unwrap_err();
    assert!(matches!(error, Error::Thread(_)), "{error}");
    assert_eq!(bench.streaming.state(), State::Stopped);
    assert_eq!(first.started.load(Ordering::SeqCst), 1);
    assert!(first.stopped.load(Ordering::SeqCst) > 0);
}

#[test]
fn a_thread_that_panics_ends_the_context_and_says_so() {
    let bench = Bench::new();
    let (input, numbers) = pushed(&bench.streaming);
    numbers.foreach_rdd(|_, _| Ok(()));
    input.panics_at_tick.store(true, Ordering::SeqCst);
    bench.streaming.start().unwrap();
    bench.pass(1, Duration::from_millis(100));
    let error = bench.streaming.await_termination().unwrap_err();
    assert!(matches!(error, Error::ThreadPanicked { .. }), "{error}");
    assert!(error.to_string().contains("a connector's bug"), "{error}");
    bench.streaming.stop(true); // waits for nobody
    assert_eq!(bench.streaming.state(), State::Stopped);
}

#[test]
fn two_streaming_contexts_share_a_context() {
    let bench = Bench::new();
    let other = StreamingContext::new(&bench.context, Duration::from_millis(100)).unwrap();
    let (sender, news) = news();
    let mut inputs = Vec::new();
    for (name, streaming) in [("one", &bench.streaming), ("other", &other)] {
        let (input, numbers) = pushed(streaming);
        let sender = sender.clone();
        numbers.foreach_rdd(move |rdd, _| Ok(sender.send((name, rdd.collect()?))?));
        streaming.start().unwrap();
        inputs.push(input);
    }
    inputs[0].push([1]);
    inputs[1].push([2]);
    bench.pass(2, Duration::from_millis(100));
    let mut both = [next(&news), next(&news)];
    both.sort();
    assert_eq!(both, [("one", vec![1]), ("other", vec![2])]);
    bench.streaming.stop_with(Stop { graceful: true, context: false });
    bench.pass(1, Duration::from_millis(100));
    assert_eq!(next(&news), ("other", vec![]));
    other.stop(true);
}
