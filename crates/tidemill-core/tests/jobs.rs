//! Jobs: failures and retries, cancelling, stopping, shared shuffles, accumulators and broadcast values.
//!
//! Functions that must not return in time wait for a channel that the test closes at its end; nothing here looks at a clock.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::collections::HashSet;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::sync::{Arc, Mutex};
use std::thread;

use tidemill_core::{Context, Error, Rdd, Settings, TaskContext};

fn context(master: &str, more: &[(&str, &str)]) -> Context {
    let mut settings = Settings::new();
    settings.set("spark.master", master);
    for (name, value) in more {
        settings.set(*name, *value);
    }
    Context::new(&settings).unwrap()
}

/// Blocks whoever passes it until it is dropped, and tells when someone came.
struct Gate {
    came: Receiver<String>,
    _open: SyncSender<()>,
}

impl Gate {
    /// A gate, and what goes through it.
    fn new() -> (Gate, impl Fn() + Clone + Send + Sync + 'static) {
        let (coming, came) = sync_channel(64);
        let (open, closed) = sync_channel::<()>(0);
        let closed = Arc::new(Mutex::new(closed));
        let pass = move || {
            let name = thread::current().name().unwrap_or_default().to_string();
            coming.send(name).unwrap();
            let _ = closed.lock().unwrap_or_else(|e| e.into_inner()).recv(); // ends with an error once the gate is dropped
        };
        (Gate { came, _open: open }, pass)
    }

    /// The name of the next thread that waits.
    fn wait(&self) -> String {
        self.came.recv().unwrap()
    }
}

#[test]
fn a_panic_is_a_failure_with_message_operator_and_line() {
    let context = context("local[2]", &[]);
    let line = line!() + 1;
    let broken = context.parallelize(0..10, 2).map(|x| if x == 7 { panic!("no {x} here") } else { x });
    let error = broken.filter(|x| x % 2 == 0).count().unwrap_err();
    let text = error.to_string();
    for part in ["no 7 here", &format!("map at {}:{line}", file!()), "count at", "partition 1"] {
        assert!(text.contains(part), "{part} is not in: {text}");
    }
    let Error::Task(failure) = error else { panic!("{error}") };
    assert_eq!((failure.partition, failure.attempts, failure.operator.unwrap().line), (1, 1, line));
    let error = context.parallelize(0..2, 2).foreach(|_| panic!("in the action")).unwrap_err().to_string();
    assert!(error.contains("in the action") && error.contains("foreach at"), "{error}");
    assert_eq!(context.parallelize(0..3, 2).count().unwrap(), 3, "the threads live on");
}

#[test]
fn a_task_is_tried_as_often_as_it_may() {
    // behaviour 4.57
    for (master, tries, succeeds) in [("local[2,3]", 3, true), ("local[2,2]", 2, false), ("local[2]", 1, false)] {
        let context = context(master, &[]);
        let attempts = Arc::new(Mutex::new(Vec::new()));
        let seen = Arc::clone(&attempts);
        let flaky = context.parallelize([1], 1).map(move |x| {
            let attempt = TaskContext::current().unwrap().attempt();
            seen.lock().unwrap().push(attempt);
            assert!(attempt == 2, "not yet");
            x
        });
        let result = flaky.collect();
        assert_eq!(*attempts.lock().unwrap(), (0..tries).collect::<Vec<u32>>(), "{master}");
        match result {
            Ok(elements) => assert!(succeeds && elements == [1], "{master}"),
            Err(error) => assert!(!succeeds && error.to_string().contains("not yet"), "{master}: {error}"),
        }
    }
}

#[test]
fn accumulators_count_each_partition_once() {
    // behaviour 3.15: the third partition runs twice
    let context = context("local[2,3]", &[]);
    let sum = context.accumulator(0, |sum, more| *sum += more);
    let adder = sum.clone();
    let fails_first = |x: i32| assert!(x != 30 || TaskContext::current().unwrap().attempt() > 0, "the first try");
    let numbers = context.parallelize([10, 20, 30, 40], 4);
    numbers
        .foreach(move |x| {
            adder.add(x);
            fails_first(x);
        })
        .unwrap();
    assert_eq!(sum.value(), 100);
    sum.set(1);
    sum.add(2);
    assert_eq!(sum.value(), 3, "the driver adds too");
}

#[test]
fn accumulators_in_transformations_count_again_in_each_job() {
    // behaviour 3.15
    let context = context("local[2]", &[]);
    let seen = context.accumulator(0, |sum, more| *sum += more);
    let counter = seen.clone();
    let mapped = context.parallelize(0..4, 2).map(move |x| {
        counter.add(1);
        x
    });
    assert_eq!((mapped.count().unwrap(), mapped.count().unwrap(), seen.value()), (4, 4, 8));
    let shuffled = mapped.map(|x| (x % 2, x)).reduce_by_key(|a, b| a + b);
    assert_eq!((shuffled.count().unwrap(), shuffled.count().unwrap(), seen.value()), (2, 2, 12));
}

#[test]
fn a_failed_job_adds_only_what_its_finished_tasks_added() {
    let context = context("local[1]", &[]);
    let sum = context.accumulator(0, |sum, more| *sum += more);
    let adder = sum.clone();
    let failed = context.parallelize([1, 2, 4], 3).foreach(move |x| {
        adder.add(x);
        assert!(x != 2, "two");
    });
    assert!(failed.is_err());
    assert_eq!(sum.value(), 1);
}

#[test]
fn broadcast_values_are_shared_not_copied() {
    let context = context("local[2]", &[]);
    let words = context.broadcast(vec!["tide".to_string()]);
    let place = words.value().as_ptr() as usize;
    let seen = words.clone();
    let places = context.parallelize(0..4, 4).map(move |_| seen.value().as_ptr() as usize).collect().unwrap();
    assert_eq!(places, [place; 4]);
    let (first, second) = (context.broadcast(1), context.broadcast(2));
    assert_ne!(first.id(), second.id());
    assert!(!words.is_destroyed());
    words.destroy();
    assert!(words.clone().is_destroyed());
}

#[test]
fn cancelling_a_group_answers_at_once_though_a_function_waits() {
    let context = context("local[1]", &[("tidemill.task.stuck.timeout", "10ms")]);
    let (gate, pass) = Gate::new();
    let waiting = {
        let context = context.clone();
        thread::spawn(move || {
            context.set_job_group("nightly", "waits");
            context.parallelize(0..2, 2).foreach(move |_| pass())
        })
    };
    let stuck = gate.wait();
    context.cancel_job_group("another");
    context.cancel_job_group("nightly");
    let error = waiting.join().unwrap().unwrap_err();
    assert!(matches!(error, Error::Cancelled { .. }) && error.to_string().contains("foreach at"), "{error}");
    // The only thread still waits, so this is another one.
    let names = context.parallelize([0], 1).map(|_| thread::current().name().unwrap().to_string()).collect().unwrap();
    assert!(names[0].starts_with("tidemill-worker-") && names[0] != stuck, "{names:?}, {stuck}");
}

#[test]
fn a_cancelled_task_that_returns_in_time_keeps_its_thread() {
    let context = context("local[1]", &[("tidemill.task.stuck.timeout", "1h")]);
    let (gate, pass) = Gate::new();
    let waiting = {
        let context = context.clone();
        thread::spawn(move || context.parallelize(0..2, 2).foreach(move |_| pass()))
    };
    let thread = gate.wait();
    context.cancel_all_jobs();
    assert!(matches!(waiting.join().unwrap(), Err(Error::Cancelled { .. })));
    drop(gate);
    let names = context.parallelize([0], 1).map(|_| thread::current().name().unwrap().to_string()).collect().unwrap();
    assert_eq!(names, [thread]);
}

#[test]
fn stopping_does_not_wait_for_a_function_that_does_not_return() {
    let context = context("local[2]", &[("tidemill.stop.timeout", "20ms")]);
    let (gate, pass) = Gate::new();
    let waiting = {
        let context = context.clone();
        thread::spawn(move || context.parallelize(0..2, 2).foreach(move |_| pass()))
    };
    gate.wait();
    context.stop();
    context.stop();
    assert!(context.is_stopped());
    assert!(matches!(waiting.join().unwrap(), Err(Error::Stopped { .. })));
    let error = context.parallelize(0..2, 2).count().unwrap_err();
    assert!(matches!(error, Error::Stopped { .. }) && error.to_string().contains("count at"), "{error}");
}

/// 3.14
#[test]
fn a_destroyed_broadcast_fails_the_tasks_that_read_it() {
    let context = context("local[2]", &[]);
    let word = context.broadcast("tide".to_string());
    let seen = word.clone();
    let lengths = context.parallelize(0..2, 2).map(move |_| seen.len());
    word.unpersist();
    assert_eq!(lengths.collect().unwrap(), [4, 4]);
    word.destroy();
    let error = lengths.collect().unwrap_err().to_string();
    let wanted = format!("Attempted to use Broadcast({}) after it was destroyed", word.id());
    assert!(error.contains(&wanted) && error.contains("map at"), "{error}");
    assert_eq!(word.value(), "tide", "the driver has it still");
}

/// 3.12: each chooses the job of the thread that set it, and no other.
#[test]
fn jobs_are_listed_and_cancelled_by_group_and_by_tag() {
    type Cancel = fn(&Context);
    let cases: [(&str, Cancel, Cancel); 2] = [
        ("group", |context| context.cancel_job_group("day"), |context| context.cancel_job_group("nightly")),
        ("tag", |context| context.cancel_jobs_with_tag("count"), |context| context.cancel_jobs_with_tag("counts")),
    ];
    for (name, other, right) in cases {
        let context = context("local[1]", &[("tidemill.task.stuck.timeout", "10ms")]);
        let (gate, pass) = Gate::new();
        let waiting = {
            let context = context.clone();
            thread::spawn(move || {
                for tag in ["counts", "long"] {
                    context.add_job_tag(tag).unwrap();
                }
                context.with_job_group("nightly", "waits", || context.parallelize(0..2, 2).foreach(move |_| pass()))
            })
        };
        gate.wait();
        let listed =
            (context.active_jobs(), context.active_jobs_of_group("nightly"), context.active_jobs_of_group("day"));
        assert_eq!(listed, (vec![0], vec![0], vec![]), "{name}");
        other(&context);
        assert_eq!(context.active_jobs(), [0], "{name}");
        right(&context);
        assert!(matches!(waiting.join().unwrap(), Err(Error::Cancelled { .. })), "{name}");
        assert!(context.active_jobs().is_empty(), "{name}");
    }
}

/// 3.12
#[test]
fn tags_and_groups_are_set_and_taken_back() {
    let context = context("local[1]", &[]);
    for wrong in ["", "a,b"] {
        let error = context.add_job_tag(wrong).unwrap_err().to_string();
        assert!(error.contains("a job tag cannot") && error.contains("jobs.rs"), "{error}");
    }
    for tag in ["b", "a", "b"] {
        context.add_job_tag(tag).unwrap();
    }
    assert_eq!(context.local_property("spark.job.tags").as_deref(), Some("a,b"));
    context.remove_job_tag("c");
    context.remove_job_tag("a");
    assert!(context.job_tags().into_iter().eq(["b"]));
    context.clear_job_tags();
    assert_eq!((context.job_tags().len(), context.local_property("spark.job.tags")), (0, None));
    context.set_job_group("outer", "o");
    let inner = context.with_job_group("inner", "i", || context.local_property("spark.jobGroup.id"));
    assert_eq!(inner.as_deref(), Some("inner"));
    let unwound = std::panic::AssertUnwindSafe(|| context.with_job_group("inner", "i", || panic!("within")));
    assert!(std::panic::catch_unwind(unwound).is_err());
    assert_eq!(context.local_property("spark.jobGroup.id").as_deref(), Some("outer"));
    assert_eq!(context.local_property("spark.job.description").as_deref(), Some("o"));
}

/// Pairs whose map side counts its tasks.
fn counted(context: &Context) -> (Rdd<(i32, i32)>, Arc<AtomicUsize>) {
    let tasks = Arc::new(AtomicUsize::new(0));
    let counter = Arc::clone(&tasks);
    let pairs = context.parallelize(0..40, 4).map_partitions(move |elements| {
        counter.fetch_add(1, Ordering::SeqCst);
        elements.map(|x| (x % 3, x))
    });
    (pairs, tasks)
}

#[test]
fn a_finished_shuffle_is_not_written_again() {
    let context = context("local[2]", &[]);
    let (pairs, tasks) = counted(&context);
    let sums = pairs.reduce_by_key_into(|a, b| a + b, 2);
    let mut expected = sums.collect().unwrap();
    assert_eq!(tasks.load(Ordering::SeqCst), 4);
    let mut again = sums.map(|pair| pair).collect().unwrap();
    expected.sort();
    again.sort();
    assert_eq!(again, expected);
    assert_eq!(sums.reduce_by_key_into(|a, b| a + b, 3).count().unwrap(), 3);
    assert_eq!(tasks.load(Ordering::SeqCst), 4);
}

#[test]
fn a_job_cancelled_in_its_map_side_leaves_the_shuffle_to_the_next() {
    let context = context("local[2]", &[("tidemill.task.stuck.timeout", "10ms")]);
    let (gate, pass) = Gate::new();
    let first = AtomicUsize::new(0);
    let pairs = context.parallelize(0..8, 4).map(move |x| {
        if x == 5 && first.fetch_add(1, Ordering::SeqCst) == 0 {
            pass();
        }
        (x % 2, x)
    });
    let sums = pairs.reduce_by_key_into(|a, b| a + b, 2);
    let waiting = {
        let sums = sums.clone();
        thread::spawn(move || sums.collect())
    };
    gate.wait();
    context.cancel_all_jobs();
    assert!(matches!(waiting.join().unwrap(), Err(Error::Cancelled { .. })));
    let mut sums = sums.collect().unwrap();
    sums.sort();
    assert_eq!(sums, [(0, 12), (1, 16)]);
}

#[test]
fn properties_belong_to_the_thread_that_set_them() {
    let context = context("local[2]", &[]);
    context.set_job_group("group", "what it does");
    context.set_local_property("colour", Some("blue"));
    let read = |context: &Context| {
        let colours = context.parallelize([0], 1).map(|_| {
            let cx = TaskContext::current().unwrap();
            (cx.local_property("colour").map(String::from), cx.local_property("spark.jobGroup.id").map(String::from))
        });
        colours.first().unwrap()
    };
    assert_eq!(read(&context), (Some("blue".into()), Some("group".into())));
    let elsewhere = context.clone();
    assert_eq!(thread::spawn(move || read(&elsewhere)).join().unwrap(), (None, None));
    context.set_local_property("colour", None);
    assert_eq!(context.local_property("colour"), None);
    assert_eq!(context.local_property("spark.job.description").as_deref(), Some("what it does"));
}

#[test]
fn tasks_run_on_as_many_threads_as_the_master_says() {
    let context = context("local[3]", &[]);
    let (gate, pass) = Gate::new();
    let job = {
        let context = context.clone();
        thread::spawn(move || context.parallelize(0..3, 3).foreach(move |_| pass()))
    };
    let threads: HashSet<String> = (0..3).map(|_| gate.wait()).collect();
    assert_eq!(threads.len(), 3);
    drop(gate);
    job.join().unwrap().unwrap();
}
