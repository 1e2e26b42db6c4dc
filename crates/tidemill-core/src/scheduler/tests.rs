//! Scenarios: one story each, told by events and compared with the actions that they bring about.

use super::*;
use crate::stage::MapStage;

mod commits;
mod taken;

/// A scheduler whose invariants are checked after each event, with actions in short words.
struct Told {
    scheduler: Scheduler,
    running: Vec<Task>,
    abandoned: Vec<Task>,
}

const LIMITS: Limits = Limits { task_failures_max: 2, stage_losses_max: 3 };

impl Told {
    fn new(slots: usize, mode: SchedulingMode) -> Told {
        Told { scheduler: Scheduler::new(slots, mode, LIMITS), running: Vec::new(), abandoned: Vec::new() }
    }

    /// Tells the event; returns what happens: `J1 S0 p2 a0` is a launch, a word in front tells other actions apart.
    fn on(&mut self, event: Event) -> Vec<String> {
        let mut actions = Vec::new();
        self.scheduler.on(event, &mut actions);
        self.scheduler.check_invariants().unwrap();
        let short = |task: Task| format!("J{} S{} p{} a{}", task.job.0, task.stage.0, task.partition, task.attempt);
        let mut words = Vec::new();
        for action in actions {
            words.push(match action {
                Action::Launch(task) => {
                    self.running.push(task);
                    short(task)
                }
                Action::Abandon(task) => {
                    self.abandoned.push(task);
                    format!("abandon {}", short(task))
                }
                Action::Finished { job, outcome } => {
                    let how = match outcome {
                        Outcome::Done => "done".to_string(),
                        Outcome::Cancelled => "cancelled".to_string(),
                        Outcome::Failed { failures, failure, .. } => format!("failed {failures}: {failure}"),
                    };
                    format!("J{} {how}", job.0)
                }
                Action::StageEnded { stage, end: StageEnd::Abandoned } => format!("S{} abandoned", stage.0),
                Action::StageEnded { end: StageEnd::Done | StageEnd::Failed, .. }
                | Action::Accept(_)
                | Action::StageStarted { .. }
                | Action::Planned { .. } => continue,
            });
        }
        words
    }

    fn submit(&mut self, job: u64, plan: Plan, results: u32) -> Vec<String> {
        self.submit_to("", job, plan, results)
    }

    fn submit_to(&mut self, pool: &str, job: u64, plan: Plan, results: u32) -> Vec<String> {
        self.on(Event::Submitted(Submission { job: JobId(job), plan, results, pool: pool.into() }))
    }

    fn barrier(&mut self, job: u64, results: u32) -> Vec<String> {
        self.submit(job, Plan { result_barrier: Some(results), ..Plan::default() }, results)
    }

    /// The running task of a stage's partition that was launched last.
    fn task(&self, stage: u64, partition: u32) -> Task {
        let of = |task: &&Task| (task.stage.0, task.partition) == (stage, partition);
        *self.running.iter().rev().find(of).expect("the task was launched")
    }

    fn takes(&mut self, stage: u64, partition: u32) -> Vec<ShuffleId> {
        self.scheduler.takes(self.task(stage, partition))
    }

    fn done(&mut self, stage: u64, partition: u32) -> Vec<String> {
        self.on(Event::Done(self.task(stage, partition)))
    }

    fn fail(&mut self, stage: u64, partition: u32) -> Vec<String> {
        let failure = Failure { cause: Cause::Invalid("boom".into()), operator: None };
        self.on(Event::Failed(self.task(stage, partition), failure))
    }

    fn lose(&mut self, stage: u64, partition: u32, block: BlockId) -> Vec<String> {
        self.on(Event::Lost(self.task(stage, partition), block))
    }
}

/// A plan of map stages `(shuffle, tasks, parents)`; the result stage reads the last of them.
fn plan(stages: &[(u64, u32, &[u64])]) -> Plan {
    let ids = |ids: &[u64]| ids.iter().copied().map(ShuffleId).collect();
    let map_stages = stages.iter().map(|(shuffle, tasks, parents)| MapStage {
        shuffle: ShuffleId(*shuffle),
        tasks: *tasks,
        parents: ids(parents),
        barrier: None,
        sole: false,
    });
    Plan {
        map_stages: map_stages.collect(),
        result_parents: stages.last().map(|s| ShuffleId(s.0)).into_iter().collect(),
        result_barrier: None,
    }
}

fn output(shuffle: u64, map: u32) -> BlockId {
    BlockId::MapOutput { shuffle: ShuffleId(shuffle), map }
}

const NOTHING: [&str; 0] = [];

#[test]
fn stages_run_after_their_parents_and_finished_shuffles_are_skipped() {
    let mut told = Told::new(4, SchedulingMode::Fifo);
    assert_eq!(told.submit(1, plan(&[(0, 2, &[]), (1, 1, &[0])]), 1), ["J1 S0 p0 a0", "J1 S0 p1 a0"]);
    assert_eq!(told.done(0, 1), NOTHING);
    assert_eq!(told.done(0, 0), ["J1 S1 p0 a0"]);
    assert_eq!(told.done(1, 0), ["J1 S2 p0 a0"]);
    assert!(told.scheduler.is_written(ShuffleId(0)) && told.scheduler.is_written(ShuffleId(1)));
    assert_eq!(told.done(2, 0), ["J1 done"]);
    // The next job's plan stops at the written shuffle.
    assert_eq!(told.submit(2, plan(&[(1, 1, &[])]), 1), ["J2 S3 p0 a0"]);
    assert_eq!(told.done(3, 0), ["J2 done"]);
}

#[test]
fn a_job_of_no_partitions_is_done_at_once() {
    let mut told = Told::new(4, SchedulingMode::Fifo);
    assert_eq!(told.submit(1, plan(&[(0, 2, &[])]), 0), ["J1 done"]);
    assert_eq!(told.submit(2, plan(&[(1, 0, &[])]), 1), ["J2 S3 p0 a0"], "a shuffle of nothing is written");
}

#[test]
fn a_lost_map_output_is_made_again_before_its_reader_runs() {
    let mut told = Told::new(4, SchedulingMode::Fifo);
    told.submit(1, plan(&[(0, 2, &[])]), 2);
    told.done(0, 0);
    told.done(0, 1);
    assert_eq!(told.lose(1, 0, output(0, 1)), ["J1 S0 p1 a1"]);
    assert_eq!(told.done(1, 1), NOTHING, "what had been read is good");
    assert_eq!(told.done(0, 1), ["J1 S1 p0 a1"]);
    assert_eq!(told.done(1, 0), ["J1 done"]);
}

/// behaviour 4.58: tasks that miss the same block at once, or later on because they started before it was made again, tell
/// of one loss; and other blocks have losses of their own.
#[test]
fn one_loss_counts_once_however_many_tasks_miss_the_block() {
    let mut told = Told::new(8, SchedulingMode::Fifo);
    told.submit(1, plan(&[(0, 6, &[])]), 6);
    (0..6).for_each(|map| drop(told.done(0, map)));
    for place in 0..5 {
        told.lose(1, place, output(0, 0));
    }
    told.done(0, 0);
    assert_eq!(told.lose(1, 5, output(0, 0)), ["J1 S1 p5 a1"], "read before the block was made again");
    for map in 1..6 {
        assert_eq!(told.lose(1, 0, output(0, map)).len(), 1, "each is lost once only");
        told.done(0, map);
    }
    for time in 1..=2 {
        let losses = told.lose(1, 0, output(0, 0));
        if time == 2 {
            assert!(
                losses.iter().any(|word| word.contains("J1 failed 3: block") && word.contains("3 times")),
                "{losses:?}"
            );
        } else {
            told.done(0, 0);
        }
    }
}

#[test]
fn a_block_that_nothing_can_make_again_fails_its_reader() {
    for block in [output(9, 0), output(0, 7)] {
        let mut told = Told::new(1, SchedulingMode::Fifo);
        told.submit(1, plan(&[(0, 1, &[])]), 1);
        told.done(0, 0);
        let words = told.lose(1, 0, block);
        assert!(words.iter().any(|word| word.contains("J1 failed 1") && word.contains("nothing")), "{words:?}");
    }
}

#[test]
fn losses_reach_back_through_shuffles_that_were_skipped() {
    let mut told = Told::new(1, SchedulingMode::Fifo);
    told.submit(1, plan(&[(0, 1, &[]), (1, 1, &[0])]), 1);
    for stage in 0..3 {
        told.done(stage, 0);
    }
    assert_eq!(told.submit(2, plan(&[(1, 1, &[])]), 1), ["J2 S3 p0 a0"]);
    assert_eq!(told.lose(3, 0, output(1, 0)), ["J2 S1 p0 a1"]);
    assert_eq!(told.lose(1, 0, output(0, 0)), ["J2 S0 p0 a1"]);
    assert_eq!(told.done(0, 0), ["J2 S1 p0 a2"]);
    assert_eq!(told.done(1, 0), ["J2 S3 p0 a1"]);
    assert_eq!(told.done(3, 0), ["J2 done"]);
}

#[test]
fn a_late_report_of_an_old_attempt_changes_nothing_but_the_slots() {
    let mut told = Told::new(2, SchedulingMode::Fifo);
    told.submit(1, plan(&[(0, 1, &[])]), 1);
    let old = told.task(0, 0);
    assert_eq!(told.on(Event::Cancelled(JobId(1))), ["abandon J1 S0 p0 a0", "S0 abandoned", "J1 cancelled"]);
    assert_eq!(told.submit(2, plan(&[(0, 1, &[])]), 1), ["J2 S0 p0 a1"], "wanted again while the old one runs");
    assert_eq!(told.on(Event::Done(old)), NOTHING);
    assert!(!told.scheduler.is_written(ShuffleId(0)));
    assert_eq!(told.on(Event::Done(old)), NOTHING, "nor does it free a slot twice");
    assert_eq!(told.done(0, 0), ["J2 S2 p0 a0"]);
}

#[test]
fn a_task_that_returned_holds_no_slot_but_its_stage_waits_for_it() {
    let mut told = Told::new(1, SchedulingMode::Fifo);
    told.submit(1, plan(&[(0, 1, &[])]), 1);
    let map = told.task(0, 0);
    assert_eq!(told.submit(2, Plan::default(), 1), NOTHING);
    assert_eq!(told.on(Event::Returned(map)), ["J2 S2 p0 a0"]);
    assert_eq!(told.on(Event::Returned(map)), NOTHING, "a slot is given back once");
    assert!(told.scheduler.awaits(map) && !told.scheduler.is_written(ShuffleId(0)));
    assert_eq!(told.on(Event::Done(map)), NOTHING, "nor is it by the end");
    assert_eq!(told.done(2, 0), ["J2 done", "J1 S1 p0 a0"]);
}

/// behaviour 4.57
#[test]
fn retries_end_with_the_failure_of_all_jobs_that_share_the_stage() {
    let mut told = Told::new(4, SchedulingMode::Fifo);
    told.submit(1, plan(&[(0, 2, &[])]), 1);
    assert_eq!(told.submit(2, plan(&[(0, 2, &[])]), 1), NOTHING, "it waits for the tasks that run");
    assert_eq!(told.fail(0, 0), ["J1 S0 p0 a1"]);
    let words = ["J1 failed 2: boom", "abandon J1 S0 p1 a0", "J2 failed 2: boom"];
    assert_eq!(told.fail(0, 0), words);
    // A further job has all tries again.
    told.submit(3, plan(&[(0, 2, &[])]), 1);
    assert_eq!(told.fail(0, 0), ["J3 S0 p0 a3"]);
}

/// Failures of a partition whose output got lost long after do not add up.
#[test]
fn a_success_forgives_the_failures_before_it() {
    let mut told = Told::new(1, SchedulingMode::Fifo);
    told.submit(1, plan(&[(0, 1, &[])]), 1);
    told.fail(0, 0);
    told.done(0, 0);
    told.lose(1, 0, output(0, 0));
    assert_eq!(told.fail(0, 0), ["J1 S0 p0 a3"]);
}

#[test]
fn two_jobs_share_a_shuffle_that_is_not_finished() {
    let mut told = Told::new(4, SchedulingMode::Fifo);
    told.submit(1, plan(&[(0, 2, &[])]), 1);
    told.done(0, 0);
    assert_eq!(told.submit(2, plan(&[(0, 2, &[])]), 1), NOTHING);
    assert_eq!(told.done(0, 1), ["J1 S1 p0 a0", "J2 S2 p0 a0"]);
}

/// Its queued tasks go on for the other job, its running ones are not asked to end.
#[test]
fn a_stage_goes_on_for_the_second_job_when_the_first_is_cancelled() {
    let mut told = Told::new(1, SchedulingMode::Fifo);
    told.submit(1, plan(&[(0, 3, &[])]), 1);
    told.submit(2, plan(&[(0, 3, &[])]), 1);
    assert_eq!(told.on(Event::Cancelled(JobId(1))), ["J1 cancelled"]);
    // A backend that cannot start a queued task for a job that is over says so.
    assert_eq!(told.on(Event::Gone(told.task(0, 0))), ["J2 S0 p0 a1"]);
    assert_eq!(told.done(0, 0), ["J2 S0 p1 a0"]);
    told.done(0, 1);
    assert_eq!(told.done(0, 2), ["J2 S2 p0 a0"]);
    assert_eq!(told.on(Event::Cancelled(JobId(1))), NOTHING, "it is over");
    assert_eq!(told.done(2, 0), ["J2 done"]);
}

/// A job that only holds a shuffle is not hurt when the shuffle cannot be made again for another.
#[test]
fn a_job_that_has_read_a_shuffle_does_not_fail_with_it() {
    let mut told = Told::new(2, SchedulingMode::Fifo);
    told.submit(1, plan(&[(0, 1, &[]), (1, 1, &[0])]), 1);
    told.done(0, 0);
    told.done(1, 0); // the first job is past shuffle 0
    assert_eq!(told.submit(2, plan(&[(0, 1, &[])]), 1), ["J2 S3 p0 a0"]);
    assert_eq!(told.lose(3, 0, output(0, 0)), ["J2 S0 p0 a1"]);
    told.fail(0, 0);
    assert_eq!(told.fail(0, 0), ["S3 abandoned", "J2 failed 2: boom"]);
    assert_eq!(told.done(2, 0), ["J1 done"]);
}

#[test]
fn a_forgotten_shuffle_stays_while_a_job_waits_for_it() {
    let mut told = Told::new(1, SchedulingMode::Fifo);
    told.submit(1, plan(&[(0, 2, &[])]), 1);
    told.done(0, 0);
    assert_eq!(told.on(Event::Forgotten(ShuffleId(0))), NOTHING);
    assert_eq!(told.done(0, 1), ["J1 S1 p0 a0"]);
    assert_eq!(told.lose(1, 0, output(0, 0)), ["J1 S0 p0 a1"], "its blocks went with it, and are made again");
    told.done(0, 0);
    assert_eq!(told.done(1, 0), ["J1 done"]);
    assert!(!told.scheduler.is_written(ShuffleId(0)), "now it is gone");
    assert!(told.scheduler.stages.is_empty() && told.scheduler.shuffles.is_empty());
}

#[test]
fn a_forgotten_shuffle_that_nobody_waits_for_goes_at_once_and_its_running_tasks_with_it() {
    let mut told = Told::new(1, SchedulingMode::Fifo);
    told.submit(1, plan(&[(0, 2, &[])]), 1);
    let old = told.task(0, 0);
    told.on(Event::Cancelled(JobId(1)));
    told.on(Event::Forgotten(ShuffleId(0)));
    assert!(told.scheduler.stages.is_empty());
    assert_eq!(told.submit(2, Plan::default(), 1), NOTHING, "the old task still has the slot");
    assert_eq!(told.on(Event::Done(old)), ["J2 S2 p0 a0"]);
}

#[test]
fn a_forgotten_shuffle_that_a_new_job_brings_along_stays() {
    let mut told = Told::new(1, SchedulingMode::Fifo);
    told.submit(1, plan(&[(0, 1, &[])]), 1);
    told.on(Event::Forgotten(ShuffleId(0)));
    told.submit(2, plan(&[(0, 1, &[])]), 1);
    told.on(Event::Cancelled(JobId(1)));
    told.done(0, 0);
    told.done(2, 0);
    assert!(told.scheduler.is_written(ShuffleId(0)));
}

#[test]
fn a_barrier_waits_for_all_its_slots_and_nobody_overtakes_it() {
    let mut told = Told::new(3, SchedulingMode::Fifo);
    assert_eq!(told.submit(1, Plan::default(), 2).len(), 2);
    assert_eq!(told.barrier(2, 3), NOTHING);
    assert_eq!(told.submit(3, Plan::default(), 1), NOTHING, "a slot is free, but the barrier has its turn");
    assert_eq!(told.done(0, 0), NOTHING);
    let all = ["J2 S1 p0 a0", "J2 S1 p1 a0", "J2 S1 p2 a0"];
    assert_eq!(told.done(0, 1), ["J1 done"].into_iter().chain(all).collect::<Vec<_>>());
    assert_eq!(told.done(1, 0), ["J3 S2 p0 a0"]);
}

#[test]
fn a_barrier_starts_anew_as_a_whole() {
    let mut told = Told::new(3, SchedulingMode::Fifo);
    told.barrier(1, 3);
    told.done(0, 0);
    assert_eq!(told.fail(0, 1), ["abandon J1 S0 p2 a0"], "its slot is still taken");
    let again = ["J1 S0 p0 a1", "J1 S0 p1 a1", "J1 S0 p2 a1"];
    assert_eq!(told.on(Event::Gone(told.task(0, 2))), again);
    assert_eq!((told.done(0, 0), told.done(0, 1)), (vec![], vec![]));
    assert_eq!(told.done(0, 2), ["J1 done"]);
}

#[test]
fn a_barrier_of_more_tasks_than_slots_fails_at_once() {
    let mut told = Told::new(3, SchedulingMode::Fifo);
    let words = told.barrier(1, 4);
    assert!(words.len() == 1 && words[0].contains("J1 failed 1: 4 tasks") && words[0].contains("only 3"), "{words:?}");
}

#[test]
fn a_barrier_that_writes_a_shuffle_is_run_and_made_again_as_a_whole() {
    let mut told = Told::new(2, SchedulingMode::Fifo);
    let mut barrier = plan(&[(0, 2, &[])]);
    barrier.map_stages[0].barrier = Some(2);
    assert_eq!(told.submit(1, barrier.clone(), 1), ["J1 S0 p0 a0", "J1 S0 p1 a0"]);
    told.done(0, 0);
    assert_eq!(told.fail(0, 1), ["J1 S0 p0 a1", "J1 S0 p1 a1"]);
    told.done(0, 0);
    assert_eq!(told.done(0, 1), ["J1 S1 p0 a0"]);
    let block = BlockId::MapOutput { shuffle: ShuffleId(0), map: 1 };
    let mut again = told.lose(1, 0, block);
    again.sort();
    assert_eq!(again, ["J1 S0 p0 a2", "J1 S0 p1 a2"]);
    // Given up half way, it starts as a whole for the next job.
    told.done(0, 0);
    told.on(Event::Cancelled(JobId(1)));
    told.on(Event::Gone(told.task(0, 1)));
    assert_eq!(told.submit(2, barrier, 1), ["J2 S0 p0 a3", "J2 S0 p1 a3"]);
}

#[test]
fn a_barrier_of_another_number_of_tasks_than_its_stage_fails_at_once() {
    for (tasks, results, on_map_side) in [(3, 1, false), (3, 2, false), (2, 1, true)] {
        let mut told = Told::new(4, SchedulingMode::Fifo);
        let mut torn = plan(&[(0, tasks, &[])]);
        let wanted = if on_map_side { &mut torn.map_stages[0].barrier } else { &mut torn.result_barrier };
        *wanted = Some(3);
        let words = told.submit(1, torn, results);
        assert!(words.len() == 1 && words[0].contains("wants all its 3 partitions computed together"), "{words:?}");
    }
}

/// behaviour 4.62
#[test]
fn the_earliest_job_goes_first_or_all_take_turns() {
    let fifo = ["J1 S0 p2 a0", "J2 S1 p0 a0", "J2 S1 p1 a0", "J3 S2 p0 a0", "J3 S2 p1 a0"];
    // Job 1 holds one of the two slots all the time, so the others have fewer running; within a pool too.
    let fair = ["J2 S1 p0 a0", "J2 S1 p1 a0", "J3 S2 p0 a0", "J3 S2 p1 a0", "J1 S0 p2 a0"];
    for (mode, order) in [(SchedulingMode::Fifo, fifo), (SchedulingMode::Fair, fair)] {
        for pools in [["a", "b", "b"], ["a", "a", "a"]] {
            let mut told = Told::new(2, mode);
            for (job, pool, tasks) in [(1, pools[0], 3), (2, pools[1], 2), (3, pools[2], 2)] {
                told.submit_to(pool, job, Plan::default(), tasks);
            }
            let mut launched = Vec::new();
            while launched.len() < order.len() {
                let last = *told.running.last().expect("one was launched");
                launched.extend(told.on(Event::Done(last)).into_iter().filter(|word| word.ends_with(" a0")));
            }
            assert_eq!(launched, order, "{mode:?} {pools:?}");
        }
    }
}

#[test]
fn pools_share_the_slots_whatever_number_of_jobs_they_have() {
    let mut told = Told::new(4, SchedulingMode::Fair);
    told.submit_to("many", 1, Plan::default(), 4); // takes all
    told.submit_to("many", 2, Plan::default(), 4);
    told.submit_to("many", 3, Plan::default(), 4);
    told.submit_to("one", 4, Plan::default(), 4);
    let order: Vec<_> = (0..4).flat_map(|place| told.done(0, place)).filter(|word| word.contains(" a0")).collect();
    assert_eq!(order, ["J4 S3 p0 a0", "J4 S3 p1 a0", "J2 S1 p0 a0", "J3 S2 p0 a0"]);
}

/// Each stage is started once, by as many actions as a short lineage's: and in all, no more work is done for each stage
/// than a glance at its neighbours, or this test would take minutes.
#[test]
fn a_lineage_of_ten_thousand_stages_costs_its_length() {
    const STAGES: u64 = 10_000;
    let parents: Vec<Vec<u64>> = (0..STAGES).map(|id| id.checked_sub(1).into_iter().collect()).collect();
    let stages: Vec<(u64, u32, &[u64])> = (0..STAGES).map(|id| (id, 1, &parents[id as usize][..])).collect();
    let mut scheduler = Scheduler::new(4, SchedulingMode::Fifo, LIMITS);
    let submission = Submission { job: JobId(1), plan: plan(&stages), results: 1, pool: String::new() };
    let (mut actions, mut count) = (Vec::new(), 0);
    scheduler.on(Event::Submitted(submission), &mut actions);
    loop {
        count += actions.len() as u64;
        let launched = actions.drain(..).filter_map(|action| match action {
            Action::Launch(task) => Some(task),
            _ => None,
        });
        let [task] = launched.collect::<Vec<_>>()[..] else { break };
        scheduler.on(Event::Done(task), &mut actions);
    }
    // Started, launched, accepted, ended; the job planned and finished.
    assert_eq!(count, 4 * (STAGES + 1) + 2);
    scheduler.check_invariants().unwrap();
}
