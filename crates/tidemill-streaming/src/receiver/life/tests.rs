//! Receivers that end in every way, under a clock that stands still, and what listeners are told.

use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::thread;

use tidemill_core::memory::MemoryLimits;
use tidemill_core::settings::Rate;
use tidemill_core::{ManualClock, Timestamp};

use super::*;

const PATIENCE: Duration = Duration::from_secs(60);

/// What the test lets a run do.
enum Step {
    Return,
    Fail(&'static str),
    Panic(&'static str),
    /// Waits until it is stopped.
    Wait,
    Call(fn(&Arc<Life>)),
}

struct Scripted(Mutex<Receiver<Step>>);

impl Work for Scripted {
    fn run(&self, life: &Arc<Life>) -> Result<(), ReceiverError> {
        loop {
            let step = self.0.lock().unwrap().recv_timeout(PATIENCE)?;
            match step {
                Step::Return => return Ok(()),
                Step::Fail(error) => return Err(error.into()),
                Step::Panic(message) => panic!("{message}"),
                Step::Call(call) => call(life),
                Step::Wait => {
                    let (sender, stopped) = sync_channel(1);
                    life.on_stop(move || sender.send(()).unwrap());
                    stopped.recv_timeout(PATIENCE)?;
                    return Ok(());
                }
            }
        }
    }
}

struct Bench {
    clock: ManualClock,
    running: Arc<Running>,
    steps: SyncSender<Step>,
    events: Receiver<StreamingEvent>,
    thread: thread::JoinHandle<()>,
}

impl Bench {
    fn new() -> Bench {
        let clock = ManualClock::at(Timestamp::from_millis(1000));
        let (sender, events) = sync_channel(100);
        let with = Surroundings {
            clock: Arc::new(clock.clone()),
            memory: Memory::new(MemoryLimits::default()),
            limiter: Arc::new(RateLimiter::new(Rate::Unlimited, Rate::Unlimited, Duration::ZERO)),
            restart_delay: Duration::from_millis(2000),
            post: Box::new(move |event| sender.send(event).unwrap()),
        };
        let (steps, script) = sync_channel(100);
        let life = Arc::new(Life::new(3, "Scripted-3".into(), with));
        let running = Arc::new(Running { life, work: Box::new(Scripted(Mutex::new(script))) });
        let service = Arc::clone(&running);
        let thread = thread::spawn(move || service.run());
        Bench { clock, running, steps, events, thread }
    }

    /// The next event: its kind, whether the receiver runs, and the last error with its time.
    fn event(&self) -> (&'static str, bool, Option<String>, Option<u64>) {
        let (kind, info) = match self.events.recv_timeout(PATIENCE).unwrap() {
            StreamingEvent::ReceiverStarted(info) => ("started", info),
            StreamingEvent::ReceiverError(info) => ("error", info),
            StreamingEvent::ReceiverStopped(info) => ("stopped", info),
            _ => panic!("an event of something else"),
        };
        assert_eq!((info.stream, info.name.as_str()), (3, "Scripted-3"));
        (kind, info.active, info.last_error, info.last_error_time.map(Timestamp::millis))
    }

    #[track_caller]
    fn expect(&self, kind: &'static str, active: bool, error: Option<&str>, at: Option<u64>) {
        assert_eq!(self.event(), (kind, active, error.map(String::from), at));
    }

    fn stop(self) {
        self.running.stop();
        assert!(self.running.await_over(PATIENCE));
        self.thread.join().unwrap();
        assert!(self.events.try_recv().is_err());
    }
}

#[test]
fn whatever_ends_a_run_the_next_begins_after_the_delay() {
    // behaviour 1.60, 2.24, 4.11
    let bench = Bench::new();
    bench.expect("started", true, None, None);
    let ends = [
        (Step::Fail("no route"), "no route"),
        (Step::Panic("a bug"), "the function panicked: a bug"),
        (Step::Return, "Trying to connect again"),
    ];
    let mut now = 1000;
    for (step, reason) in ends {
        bench.steps.send(step).unwrap();
        let text = format!("Restarting receiver with delay 2000ms: {reason}");
        bench.expect("stopped", false, Some(&text), Some(now));
        assert!(bench.clock.wait_for_waiters(1));
        bench.clock.advance(Duration::from_millis(1999));
        assert!(bench.clock.wait_for_waiters(1));
        assert!(bench.events.try_recv().is_err(), "too early");
        bench.clock.advance(Duration::from_millis(1));
        now += 2000;
        bench.expect("started", true, Some(&text), Some(now - 2000));
    }
    bench.steps.send(Step::Wait).unwrap();
    bench.running.stop();
    bench.expect("stopped", false, Some("Stopped by driver"), Some(now));
    bench.stop();
}

#[test]
fn a_receiver_restarts_reports_and_stops_itself() {
    // behaviour 1.60, 2.27
    let bench = Bench::new();
    bench.expect("started", true, None, None);
    bench.steps.send(Step::Call(|life| life.report_error("odd".into()))).unwrap();
    bench.expect("error", true, Some("odd"), Some(1000));
    bench.steps.send(Step::Call(|life| life.restart("new".into(), Some(Duration::from_millis(5))))).unwrap();
    bench.steps.send(Step::Wait).unwrap(); // ends at once: its end was asked for before it waits
    let text = "Restarting receiver with delay 5ms: new";
    bench.expect("stopped", false, Some(text), Some(1000));
    bench.running.life.restart("between two runs there is nothing to restart".into(), None);
    assert!(bench.clock.wait_for_waiters(1));
    bench.clock.advance(Duration::from_millis(5));
    bench.expect("started", true, Some(text), Some(1000));
    bench.steps.send(Step::Call(|life| assert!(!life.is_stopped()))).unwrap();
    bench.steps.send(Step::Call(|life| life.end("all done"))).unwrap();
    bench.steps.send(Step::Call(|life| assert!(life.is_stopped()))).unwrap();
    bench.steps.send(Step::Wait).unwrap();
    bench.expect("stopped", false, Some("all done"), Some(1005));
    bench.stop();
}

#[test]
fn a_stop_ends_waits_between_runs_and_within_them() {
    let bench = Bench::new();
    bench.expect("started", true, None, None);
    bench.steps.send(Step::Return).unwrap();
    assert_eq!(bench.event().0, "stopped");
    assert!(bench.clock.wait_for_waiters(1));
    bench.stop(); // although the delay is not over
    let bench = Bench::new();
    bench.expect("started", true, None, None);
    bench.steps.send(Step::Call(|life| life.on_stop(|| panic!("at the stop")))).unwrap();
    bench.steps.send(Step::Call(|life| life.wait(Duration::from_secs(1000)))).unwrap();
    bench.steps.send(Step::Return).unwrap();
    assert!(bench.clock.wait_for_waiters(1));
    bench.running.stop();
    bench.expect("stopped", false, Some("Stopped by driver"), Some(1000));
    bench.stop();
}
