//! What may go wrong around a task: destructors, late returns, ends while something waits.

use std::sync::atomic::{AtomicU32, Ordering::SeqCst};
use std::sync::mpsc::{Receiver, sync_channel};

use super::*;
use crate::clock::SystemClock;
use crate::event::EventBus;
use crate::hash::HashSeed;
use crate::job::Output;
use crate::lineage::Lineage;
use crate::memory::{Memory, MemoryLimits, Pool};
use crate::ship::{Encoder, NotShippable};
use crate::spill::SpillDir;
use crate::{Context, Stop};

/// Long enough for every machine; who waits so long waits for ever.
const FOR_EVER: Duration = Duration::from_secs(30);

fn backend(threads: usize, stuck_after: Duration) -> LocalBackend {
    let limits = MemoryLimits { shuffle: 10, ..MemoryLimits::default() };
    let environment = Environment::new(Memory::new(limits), SpillDir::new(std::env::temp_dir()), HashSeed::new(1));
    let limits = Limits { task_failures_max: 1, stage_losses_max: 4 };
    let settings = LocalSettings { threads, mode: SchedulingMode::Fifo, limits, stuck_after };
    LocalBackend::new(settings, environment, News::new(Arc::new(EventBus::new(10)), Arc::new(SystemClock::new())))
}

/// A result side that runs `run`, and `dropped` when nobody holds it any more.
struct Side<R: Fn(&Arc<TaskContext>), D: FnMut()> {
    lineage: Arc<dyn Lineage>,
    run: R,
    dropped: D,
}

impl<R, D> ResultSide for Side<R, D>
where
    R: Fn(&Arc<TaskContext>) + Send + Sync + 'static,
    D: FnMut() + Send + Sync + 'static,
{
    fn lineage(&self) -> Arc<dyn Lineage> {
        Arc::clone(&self.lineage)
    }

    fn run(&self, cx: &Arc<TaskContext>) -> Result<Output, Stop> {
        (self.run)(cx);
        cx.check()?;
        Ok(Box::new(()))
    }

    fn encode(&self, _: &mut Encoder) -> Result<(), NotShippable> {
        Ok(())
    }

    fn encode_output(&self, _: &Output) -> Result<Vec<u8>, Stop> {
        Ok(Vec::new())
    }

    fn decode_output(&self, _: &[u8]) -> Result<Output, Stop> {
        Ok(Box::new(()))
    }
}

impl<R: Fn(&Arc<TaskContext>), D: FnMut()> Drop for Side<R, D> {
    fn drop(&mut self) {
        (self.dropped)();
    }
}

fn job(
    id: u64,
    tasks: u32,
    run: impl Fn(&Arc<TaskContext>) + Send + Sync + 'static,
    dropped: impl FnMut() + Send + Sync + 'static,
) -> Job {
    let lineage = Arc::clone(Context::local(1).unwrap().parallelize(0..1, 1).parent().node()) as Arc<dyn Lineage>;
    let (operator, properties) = (Operator::here("test"), Arc::new(Properties::new()));
    let result = Arc::new(Side { lineage, run, dropped });
    Job { id: JobId(id), operator, result, partitions: (0..tasks).collect(), properties, epoch: 0 }
}

/// What `work` returns, unless it takes for ever.
fn in_time<R: Send + 'static>(work: impl FnOnce() -> R + Send + 'static) -> R {
    let (send, receive) = sync_channel(1);
    let thread = std::thread::spawn(move || send.send(work()));
    match receive.recv_timeout(FOR_EVER) {
        Ok(result) => result,
        Err(error) => panic!("{error}, {:?}", thread.is_finished().then(|| thread.join().is_err())),
    }
}

fn outcome_of(handle: JobHandle) -> Outcome {
    in_time(move || handle.wait().0)
}

/// The thread of the tasks is the last that holds the job, and its end needs the backend: as the end of a context does
/// whose last clone a closure holds.
#[test]
fn a_destructor_may_call_the_backend() {
    let backend = Arc::new(backend(1, FOR_EVER));
    let (asked, active) = (Arc::downgrade(&backend), Arc::new(AtomicU32::new(99)));
    let count = Arc::clone(&active);
    let dropped = move || {
        let backend = asked.upgrade().unwrap();
        count.store(backend.active_jobs().len() as u32, SeqCst);
    };
    let handle = backend.submit(job(1, 3, |_| (), dropped));
    assert!(matches!(outcome_of(handle), Outcome::Done));
    assert_eq!(active.load(SeqCst), 0, "when its waiter hears of the end, nothing of the job is held");
}

#[test]
fn a_destructor_that_panics_takes_no_thread_with_it() {
    let backend = backend(1, FOR_EVER);
    for id in 1..4 {
        let handle = backend.submit(job(id, 2, |_| (), || panic!("in a destructor")));
        assert!(matches!(outcome_of(handle), Outcome::Done));
    }
    assert_eq!(in_time(move || backend.stop(FOR_EVER)), Vec::<String>::new());
}

#[test]
fn a_merge_that_panics_fails_its_job_and_takes_no_thread_with_it() {
    let context = Context::local(1).unwrap();
    let sum = context.accumulator(0, |_: &mut i32, _| panic!("no sum"));
    let rdd = context.parallelize(0..4, 4);
    let counted = rdd.map(move |x| {
        sum.add(1);
        x
    });
    let error = in_time(move || counted.count().unwrap_err().to_string());
    assert!(error.contains("no sum"), "{error}");
    assert_eq!(in_time(move || rdd.count().unwrap()), 4);
}

/// What the merging functions below work on: functions without captures can have it no other way.
static MERGING: Mutex<Option<Context>> = Mutex::new(None);

/// Counts how often it ran in the driver.
static MERGES: AtomicU32 = AtomicU32::new(0);

/// Adds up; in the driver by a job of two stages that itself counts its tasks.
fn add_by_a_job(sum: &mut i64, more: i64) {
    if TaskContext::current().is_some() {
        *sum += more;
        return;
    }
    MERGES.fetch_add(1, SeqCst);
    let context = MERGING.lock().unwrap().clone().unwrap();
    let parts = context.counter::<u64>();
    let counted = parts.clone();
    let both = context.parallelize([*sum, more], 2).map(move |x| {
        counted.add(1);
        (0, x)
    });
    *sum = both.reduce_by_key(|a, b| a + b).values().reduce(|a, b| a + b).unwrap();
    assert_eq!(parts.value(), 2, "an action of a merge finds its own accumulators complete");
}

#[test]
fn a_merge_may_run_a_job() {
    for threads in [1, 2] {
        let context = Context::local(threads).unwrap();
        *MERGING.lock().unwrap() = Some(context.clone());
        MERGES.store(0, SeqCst);
        let (found, merges) = in_time(move || {
            let (sum, count) = (context.accumulator(0, add_by_a_job), context.counter::<u64>());
            let (sums, counts) = (sum.clone(), count.clone());
            let add = move |x: i64| {
                sums.add(x);
                counts.add(1);
            };
            context.range(0..100, 10).foreach(add.clone()).unwrap();
            let found = vec![(sum.value(), count.value())];
            // In a map stage, which two actions may wait for.
            let pairs = context.range(0..10, 4).map(move |x| {
                add(x);
                (x % 3, x)
            });
            let sums = pairs.reduce_by_key(|a, b| a + b);
            assert_eq!((sums.count().unwrap(), sums.count().unwrap()), (3, 3));
            ([found, vec![(sum.value(), count.value())]].concat(), MERGES.load(SeqCst))
        });
        assert_eq!(found, [(4950, 100), (4995, 110)], "each task counts once, and all before its action returns");
        assert_eq!(merges, 14);
        *MERGING.lock().unwrap() = None;
    }
}

/// Merges of one accumulator never run beside each other, and those of another go on meanwhile.
#[test]
fn merges_of_one_accumulator_come_one_at_a_time() {
    static BUSY: AtomicU32 = AtomicU32::new(0);
    let context = Context::local(4).unwrap();
    let sum = context.accumulator(0, |sum: &mut i64, more| {
        if TaskContext::current().is_none() {
            assert_eq!(BUSY.fetch_add(1, SeqCst), 0, "alone");
            std::thread::yield_now();
            BUSY.fetch_sub(1, SeqCst);
        }
        *sum += more;
    });
    let other = context.counter::<i64>();
    let (sums, others) = (sum.clone(), other.clone());
    let job = context.range(0..200, 200).map(move |x| {
        if x % 2 == 0 {
            sums.add(x)
        } else {
            others.add(x)
        }
        x
    });
    assert_eq!(in_time(move || job.count().unwrap()), 200);
    assert_eq!((sum.value(), other.value()), (9900, 10_000));
}

/// A merge that does not return is answered as any other function of users: its job can be cancelled, its thread is given
/// up, and what waited to be merged into the same accumulator is refused with the job.
#[test]
fn a_merge_that_does_not_return_is_given_up() {
    static GATE: Mutex<Option<Receiver<()>>> = Mutex::new(None);
    static AT_GATE: AtomicU32 = AtomicU32::new(0);
    let (open, gate) = sync_channel::<()>(0);
    *GATE.lock().unwrap() = Some(gate);
    let mut settings = crate::Settings::new();
    settings.set("spark.master", "local[2]").set("tidemill.task.stuck.timeout", "1ms");
    let context = Context::new(&settings).unwrap();
    let sum = context.accumulator(0, |sum: &mut i64, more| {
        if TaskContext::current().is_none() {
            let gate = GATE.lock().unwrap().take();
            AT_GATE.fetch_add(1, SeqCst);
            let _ = gate.map(|gate| gate.recv());
        }
        *sum += more;
    });
    let adding = sum.clone();
    let (waiting, driver) = (context.clone(), context.clone());
    let job = std::thread::spawn(move || waiting.range(1..5, 4).foreach(move |x| adding.add(x)));
    in_time(move || {
        while AT_GATE.load(SeqCst) == 0 {
            std::thread::yield_now();
        }
        driver.cancel_all_jobs();
        let ended = job.join().unwrap();
        assert!(matches!(ended, Err(crate::Error::Cancelled { .. })), "{ended:?}");
        while driver.threads_replaced() == 0 {
            std::thread::yield_now();
        }
        assert_eq!(driver.range(0..10, 5).count().unwrap(), 10);
        drop(open);
    });
    // The late merge goes through; what had waited for it was refused with its job.
    in_time(move || {
        while sum.value() == 0 {
            std::thread::yield_now();
        }
        context.stop();
    });
    assert_eq!(AT_GATE.load(SeqCst), 1);
}

/// Starts a job of one task that waits until the sender that comes with it is dropped.
fn blocked(backend: &LocalBackend, id: u64) -> (JobHandle, std::sync::mpsc::SyncSender<()>) {
    let (release, wait) = sync_channel::<()>(0);
    let (started, has_started) = sync_channel::<()>(1);
    let wait: Mutex<Receiver<()>> = Mutex::new(wait);
    let run = move |_: &Arc<TaskContext>| {
        started.send(()).unwrap();
        let _ = wait.lock().unwrap().recv();
    };
    let handle = backend.submit(job(id, 1, run, || ()));
    has_started.recv_timeout(FOR_EVER).unwrap();
    (handle, release)
}

#[test]
fn a_thread_that_was_given_up_may_return_late() {
    let backend = backend(1, Duration::from_millis(1));
    let (handle, release) = blocked(&backend, 1);
    handle.cancel();
    assert!(matches!(outcome_of(handle), Outcome::Cancelled));
    // Another thread took its place.
    assert!(matches!(outcome_of(backend.submit(job(2, 1, |_| (), || ()))), Outcome::Done));
    assert_eq!(backend.shared.lock().given_up.len(), 1);
    drop(release);
    let shared = Arc::clone(&backend.shared);
    in_time(move || {
        while !shared.lock().given_up.is_empty() {
            std::thread::yield_now()
        }
    });
    let state = backend.shared.lock();
    assert_eq!((state.alive, state.running.len()), (1, 0));
    drop(state);
    assert!(matches!(outcome_of(backend.submit(job(3, 5, |_| (), || ()))), Outcome::Done));
    assert_eq!(backend.stop(FOR_EVER), Vec::<String>::new());
}

#[test]
fn stop_names_the_threads_left_behind_whether_they_were_given_up_before_or_not() {
    let backend = backend(2, Duration::from_millis(1));
    let (first, release_first) = blocked(&backend, 1);
    first.cancel();
    let shared = Arc::clone(&backend.shared);
    in_time(move || {
        while shared.lock().given_up.is_empty() {
            std::thread::yield_now()
        }
    });
    let (second, release_second) = blocked(&backend, 2);
    let mut left = backend.stop(Duration::from_millis(1));
    left.sort();
    assert_eq!(left.len(), 2, "{left:?}");
    assert!(matches!(outcome_of(second), Outcome::Cancelled));
    drop((release_first, release_second));
    // The one that was not given up ends as all do.
    let shared = Arc::clone(&backend.shared);
    in_time(move || {
        while shared.lock().alive > 0 {
            std::thread::yield_now()
        }
    });
    assert!(matches!(outcome_of(backend.submit(job(3, 1, |_| (), || ()))), Outcome::Cancelled), "it is stopped");
}

#[test]
fn a_cancelled_task_that_waits_for_memory_is_woken() {
    let backend = backend(1, FOR_EVER);
    let memory = backend.shared.environment.memory.clone();
    let held = memory.try_acquire(Pool::Shuffle, 10).unwrap();
    let (asked, has_asked) = sync_channel::<()>(1);
    let run = move |cx: &Arc<TaskContext>| {
        let is_cancelled = || {
            let _ = asked.try_send(());
            cx.is_cancelled()
        };
        assert!(cx.environment().memory.acquire_or_wait(Pool::Shuffle, 1, &is_cancelled).is_none());
    };
    let handle = backend.submit(job(1, 1, run, || ()));
    has_asked.recv_timeout(FOR_EVER).unwrap();
    handle.cancel();
    assert!(matches!(outcome_of(backend.submit(job(2, 1, |_| (), || ()))), Outcome::Done), "its thread is free");
    drop(held);
}

/// Tasks of a job that is over leave the queue with it; what is known of stages goes with them.
#[test]
fn nothing_is_kept_of_jobs_that_are_over() {
    let backend = backend(2, FOR_EVER);
    for id in 1..50 {
        let handle = backend.submit(job(id, 4, |_| (), || ()));
        if id % 3 == 0 {
            handle.cancel();
        }
        outcome_of(handle);
    }
    let shared = Arc::clone(&backend.shared);
    in_time(move || {
        while !shared.lock().running.is_empty() {
            std::thread::yield_now()
        }
    });
    let state = backend.shared.lock();
    let kept = (state.queue.len(), state.jobs.len(), state.stages.len(), state.sides.len(), state.aftermath.is_empty());
    assert_eq!(kept, (0, 0, 0, 0, true));
}
