//! Bars as they are drawn, line by line.

use std::sync::mpsc::{SyncSender, sync_channel};

use super::*;
use crate::ManualClock;
use crate::event::{StageInfo, TaskId, TaskMetrics};

/// Sends each text that is drawn.
struct Terminal(SyncSender<String>);

impl Write for Terminal {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.send(String::from_utf8(bytes.to_vec()).unwrap()).unwrap();
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

fn stage(stage: u64, done: u32, running: u32, tasks: u32) -> StageProgress {
    StageProgress { stage, done, running, tasks }
}

fn submitted(job: u64, id: u64, tasks: u32) -> Event {
    Event::StageSubmitted { job, stage: StageInfo { id, name: String::new(), tasks }, attempt: 0, at_millis: 0 }
}

fn task(stage: u64) -> TaskId {
    TaskId { job: 0, stage, partition: 0, attempt: 0 }
}

fn started(stage: u64) -> Event {
    Event::TaskStarted { task: task(stage), at_millis: 0 }
}

fn ended(stage: u64, outcome: Outcome) -> Event {
    Event::TaskEnded { task: task(stage), outcome, metrics: TaskMetrics::default(), at_millis: 0 }
}

#[test]
fn bars_are_drawn_as_spark_draws_them() {
    // 5.31
    let cases: [(&[StageProgress], usize, &str); 10] = [
        (&[], 80, ""),
        (&[stage(3, 0, 2, 40)], 40, "[Stage 3:>                 (0 + 2) / 40]"),
        (&[stage(3, 12, 2, 40)], 40, "[Stage 3:=====>           (12 + 2) / 40]"),
        (&[stage(3, 39, 1, 40)], 40, "[Stage 3:================>(39 + 1) / 40]"),
        (&[stage(3, 40, 0, 40)], 40, "[Stage 3:=================(40 + 0) / 40]"),
        (&[stage(3, 12, 2, 40)], 10, "[Stage 3:(12 + 2) / 40]"),
        (&[stage(3, 0, 0, 0)], 30, "[Stage 3:>        (0 + 0) / 0]"),
        (&[stage(1, 1, 1, 2), stage(2, 0, 1, 2)], 60, "[Stage 1:====>    (1 + 1) / 2][Stage 2:>        (0 + 1) / 2]"),
        (
            &[stage(1, 0, 1, 2), stage(2, 0, 1, 2), stage(3, 1, 1, 2), stage(4, 0, 1, 2)],
            80,
            "[Stage 1:>    (0 + 1) / 2][Stage 2:>    (0 + 1) / 2][Stage 3:==>  (1 + 1) / 2]",
        ),
        (&[stage(1, 0, 1, 2), stage(2, 0, 1, 2)], 0, "[Stage 1:(0 + 1) / 2][Stage 2:(0 + 1) / 2]"),
    ];
    for (stages, width, expected) in cases {
        assert_eq!(draw(stages, width), expected);
    }
}

#[test]
fn a_stage_appears_when_it_takes_long_and_goes_with_its_job() {
    let clock = ManualClock::default();
    let (sender, drawn) = sync_channel(100);
    let step = Duration::from_millis(200);
    let mut progress = ConsoleProgress::start(Arc::new(clock.clone()), step, 30, Terminal(sender)).unwrap();
    let tick = |times: usize| {
        for _ in 0..times {
            assert!(clock.wait_for_waiters(1));
            clock.advance(step);
        }
        assert!(clock.wait_for_waiters(1));
    };

    progress.on_event(&submitted(0, 7, 2));
    progress.on_event(&started(7));
    tick(2);
    assert!(drawn.try_recv().is_err(), "nothing is drawn before half a second");
    tick(1);
    assert_eq!(drawn.recv().unwrap(), "\r[Stage 7:>        (0 + 1) / 2]\r");
    tick(2);
    assert!(drawn.try_recv().is_err(), "what has not changed is not drawn again");

    progress.on_event(&ended(7, Outcome::Failed("why".to_owned())));
    progress.on_event(&started(7));
    progress.on_event(&ended(7, Outcome::Succeeded));
    tick(1);
    assert_eq!(drawn.recv().unwrap(), "\r[Stage 7:====>    (1 + 0) / 2]\r");

    progress.on_event(&Event::JobEnded { job: 0, outcome: Outcome::Succeeded, at_millis: 0 });
    assert_eq!(drawn.recv().unwrap(), format!("\r{}\r", " ".repeat(30)));
    drop(progress);
    assert!(drawn.recv().is_err());
}

#[test]
fn what_is_drawn_is_cleared_when_the_listener_goes() {
    let clock = ManualClock::default();
    let (sender, drawn) = sync_channel(100);
    let step = Duration::from_millis(600);
    let mut progress = ConsoleProgress::start(Arc::new(clock.clone()), step, 20, Terminal(sender)).unwrap();
    progress.on_event(&submitted(0, 1, 4));
    assert!(clock.wait_for_waiters(1));
    clock.advance(step);
    assert!(drawn.recv().unwrap().contains("[Stage 1:"));
    drop(progress);
    assert!(drawn.recv().unwrap().trim().is_empty());
}
