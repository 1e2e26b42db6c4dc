//! Random jobs over random shuffles, with tasks that end in any order and any way, against a simple model of the world.
//!
//! The world knows what really is in the store and which attempts run. It answers launches as workers would - who reads a
//! block that is gone says so, early or late - and checks each action against what it knows.

use std::collections::VecDeque;

use proptest::prelude::*;

use super::*;
use crate::stage::MapStage;
use crate::task::Permission;

mod taken;

/// So many losses of one block in a row fail a stage.
const LOSSES_MAX: u32 = 3;

/// A shuffle: how many map tasks write it, and which earlier ones it reads (by a bit each; the top one makes it a barrier).
type Shuffle = (u32, u16);

/// What happens next; the numbers choose among what there is to choose from.
#[derive(Clone, Copy, Debug)]
enum Step {
    Submit {
        reads: u16,
        results: u32,
        pool: u8,
        barrier: bool,
        /// The job alone holds all that it reads, if no other one does.
        alone: bool,
    },
    /// A running task reads its input; it ends by a later step.
    Read(u16),
    /// A running task asks whether it may commit.
    Ask(u16),
    End(u16),
    Fail(u16),
    GiveUp(u16),
    /// A running task gives its slot back; it ends by a later step.
    Return(u16),
    Cancel(u16),
    Lose(u16),
    Forget(u16),
}

fn step() -> impl Strategy<Value = Step> {
    let submit = (any::<u16>(), 0..5u32, 0..3u8, prop::bool::weighted(0.2), prop::bool::weighted(0.3));
    prop_oneof![
        3 => submit.prop_map(|(reads, results, pool, barrier, alone)| Step::Submit { reads, results, pool, barrier, alone }),
        6 => any::<u16>().prop_map(Step::Read),
        4 => any::<u16>().prop_map(Step::Ask),
        12 => any::<u16>().prop_map(Step::End),
        2 => any::<u16>().prop_map(Step::Fail),
        2 => any::<u16>().prop_map(Step::GiveUp),
        2 => any::<u16>().prop_map(Step::Return),
        1 => any::<u16>().prop_map(Step::Cancel),
        2 => any::<u16>().prop_map(Step::Lose),
        1 => any::<u16>().prop_map(Step::Forget),
    ]
}

/// A stage as the world knows it.
struct Known {
    writes: Option<ShuffleId>,
    reads: Vec<ShuffleId>,
    tasks: u32,
    barrier: bool,
}

/// A launched attempt: whether it was asked to end, what it takes, and what it saw of its input if it looked.
#[derive(Default)]
struct Attempt {
    abandoned: bool,
    takes: Vec<ShuffleId>,
    saw: Option<Result<(), BlockId>>,
}

struct ActiveJob {
    accepted: BTreeSet<u32>,
    results: u32,
    barrier: bool,
    /// All that it reads, directly or not.
    reaches: BTreeSet<ShuffleId>,
}

struct World {
    scheduler: Scheduler,
    shuffles: Vec<Shuffle>,
    forgotten: BTreeSet<ShuffleId>,
    /// The map outputs that are in the store.
    store: BTreeSet<(ShuffleId, u32)>,
    /// Buckets that were taken from there.
    taken: BTreeSet<(ShuffleId, u32, u32)>,
    /// What a job held alone: no other one can ask for it.
    given_up: BTreeSet<ShuffleId>,
    /// Whether anything got lost but by being taken.
    lost: bool,
    /// The attempt at a partition that may commit, and whether it ended well.
    committers: BTreeMap<(StageId, u32), (u32, bool)>,
    stages: BTreeMap<StageId, Known>,
    running: BTreeMap<Task, Attempt>,
    jobs: BTreeMap<JobId, ActiveJob>,
    next_job: u64,
}

impl World {
    fn new(slots: usize, mode: SchedulingMode, failures_max: u32, shuffles: Vec<Shuffle>) -> World {
        let limits = Limits { task_failures_max: failures_max, stage_losses_max: LOSSES_MAX };
        World {
            scheduler: Scheduler::new(slots, mode, limits),
            shuffles,
            forgotten: BTreeSet::new(),
            store: BTreeSet::new(),
            taken: BTreeSet::new(),
            given_up: BTreeSet::new(),
            lost: false,
            committers: BTreeMap::new(),
            stages: BTreeMap::new(),
            running: BTreeMap::new(),
            jobs: BTreeMap::new(),
            next_job: 0,
        }
    }

    /// The shuffles before `limit` that `bits` choose.
    fn chosen(&self, bits: u16, limit: usize) -> Vec<ShuffleId> {
        (0..limit.min(self.shuffles.len()))
            .filter(|place| bits >> place & 1 == 1)
            .map(|it| ShuffleId(it as u64))
            .collect()
    }

    fn reads_of(&self, shuffle: ShuffleId) -> Vec<ShuffleId> {
        self.chosen(self.shuffles[shuffle.0 as usize].1, shuffle.0 as usize)
    }

    /// All shuffles that the plan needs, not looking behind those that are written: ids grow from parents to children.
    fn plan(&self, result_parents: Vec<ShuffleId>) -> Plan {
        let (mut needed, mut open) = (BTreeMap::new(), result_parents.clone());
        while let Some(shuffle) = open.pop() {
            if needed.contains_key(&shuffle) {
                continue;
            }
            let written = self.scheduler.is_written(shuffle);
            let parents = if written { Vec::new() } else { self.reads_of(shuffle) };
            open.extend(&parents);
            let tasks = self.shuffles[shuffle.0 as usize].0;
            let barrier = (!written && self.is_barrier(shuffle)).then_some(tasks);
            needed.insert(shuffle, MapStage { shuffle, tasks, parents, barrier, sole: false });
        }
        Plan { map_stages: needed.into_values().collect(), result_parents, result_barrier: None }
    }

    /// All that is read for `shuffles`, and how often each is read by all of them and the result.
    fn reached(&self, shuffles: &[ShuffleId]) -> BTreeMap<ShuffleId, u32> {
        let (mut reads, mut open) = (BTreeMap::new(), shuffles.to_vec());
        while let Some(shuffle) = open.pop() {
            let count: &mut u32 = reads.entry(shuffle).or_default();
            *count += 1;
            if *count == 1 {
                open.extend(self.reads_of(shuffle));
            }
        }
        reads
    }

    /// Marks what a job that gives up its handles holds alone: nobody else reads it, and each reader of it, up to the
    /// result, is the only one.
    fn mark_sole(&self, plan: &mut Plan, reached: &BTreeMap<ShuffleId, u32>) {
        let mut sole: BTreeSet<ShuffleId> = BTreeSet::new();
        for (shuffle, reads) in reached.iter().rev() {
            let mut readers = reached.keys().filter(|reader| self.reads_of(**reader).contains(shuffle));
            let by_result = plan.result_parents.contains(shuffle);
            if *reads == 1 && (by_result || readers.all(|reader| sole.contains(reader))) {
                sole.insert(*shuffle);
            }
        }
        plan.map_stages.iter_mut().for_each(|stage| stage.sole = sole.contains(&stage.shuffle));
    }

    fn is_barrier(&self, shuffle: ShuffleId) -> bool {
        self.shuffles[shuffle.0 as usize].1 >> 15 == 1
    }

    fn take(&mut self, step: Step) -> Result<(), String> {
        match step {
            Step::Submit { reads, results, pool, barrier, alone } => self.submit(reads, results, pool, barrier, alone),
            Step::Read(pick) => {
                if let Some(task) = self.pick_task(pick) {
                    self.look(task);
                }
                Ok(())
            }
            Step::Ask(pick) => self.pick_task(pick).map_or(Ok(()), |task| self.ask(task)),
            Step::End(pick) => self.pick_task(pick).map_or(Ok(()), |task| self.end(task)),
            Step::Fail(pick) => self.pick_task(pick).map_or(Ok(()), |task| {
                let failure = Failure { cause: Cause::Invalid("boom".into()), operator: None };
                self.finish(task, Event::Failed(task, failure))
            }),
            Step::GiveUp(pick) => self.pick_task(pick).map_or(Ok(()), |task| self.finish(task, Event::Gone(task))),
            Step::Return(pick) => self.pick_task(pick).map_or(Ok(()), |task| self.tell(Event::Returned(task), None)),
            Step::Cancel(pick) => match pick_of(self.jobs.keys(), pick) {
                Some(job) => self.tell(Event::Cancelled(job), Some(job)),
                None => Ok(()),
            },
            Step::Lose(pick) => {
                if let Some(output) = pick_of(self.store.iter(), pick) {
                    self.store.remove(&output);
                    self.lost = true;
                }
                Ok(())
            }
            Step::Forget(pick) => {
                let shuffle = ShuffleId(u64::from(pick) % self.shuffles.len() as u64);
                self.forgotten.insert(shuffle);
                self.lost = true;
                self.store.retain(|(written, _)| *written != shuffle);
                self.tell(Event::Forgotten(shuffle), None)
            }
        }
    }

    fn submit(&mut self, reads: u16, results: u32, pool: u8, barrier: bool, alone: bool) -> Result<(), String> {
        let job = JobId(self.next_job);
        self.next_job += 1;
        let mut reads = self.chosen(reads, usize::MAX);
        reads.retain(|shuffle| self.reached(&[*shuffle]).keys().all(|reached| !self.given_up.contains(reached)));
        let reached = self.reached(&reads);
        let result_barrier = barrier.then_some(results);
        let mut plan = Plan { result_barrier, ..self.plan(reads) };
        let reaches: BTreeSet<ShuffleId> = reached.keys().copied().collect();
        if alone && self.jobs.values().all(|other| other.reaches.is_disjoint(&reaches)) {
            self.mark_sole(&mut plan, &reached);
            self.given_up.extend(&reaches);
        }
        self.jobs.insert(job, ActiveJob { accepted: BTreeSet::new(), results, barrier, reaches });
        self.tell(Event::Submitted(Submission { job, plan, results, pool: pool.to_string() }), None)
    }

    fn pick_task(&self, pick: u16) -> Option<Task> {
        pick_of(self.running.keys(), pick)
    }

    /// The task reads its input now, and takes of it what it may.
    fn look(&mut self, task: Task) {
        let Some(attempt) = self.running.get_mut(&task).filter(|attempt| attempt.saw.is_none()) else { return };
        attempt.saw = Some(Ok(()));
        for shuffle in &self.stages[&task.stage].reads {
            for map in 0..self.shuffles[shuffle.0 as usize].0 {
                let bucket = (*shuffle, map, task.partition);
                if !self.store.contains(&(*shuffle, map)) || self.taken.contains(&bucket) {
                    attempt.saw = Some(Err(BlockId::MapOutput { shuffle: *shuffle, map }));
                    return;
                }
                if attempt.takes.contains(shuffle) {
                    self.taken.insert(bucket);
                }
            }
        }
    }

    fn ask(&mut self, task: Task) -> Result<(), String> {
        let answer = self.scheduler.may_commit(task);
        let key = (task.stage, task.partition);
        let expected = match self.committers.get(&key) {
            _ if self.running[&task].abandoned => Permission::Over,
            Some(&(attempt, true)) => Permission::Committed { attempt },
            Some(&(attempt, false)) if attempt != task.attempt => Permission::Held { attempt },
            _ => {
                self.committers.insert(key, (task.attempt, false));
                Permission::Granted
            }
        };
        if answer == expected { Ok(()) } else { Err(format!("{task:?} is told {answer:?} instead of {expected:?}")) }
    }

    fn end(&mut self, task: Task) -> Result<(), String> {
        self.look(task);
        let event = match self.running[&task].saw {
            Some(Err(block)) => Event::Lost(task, block),
            _ if self.running[&task].abandoned && task.partition.is_multiple_of(2) => Event::Gone(task),
            _ => Event::Done(task),
        };
        self.finish(task, event)
    }

    /// The task ends, and its attempt is over whatever the scheduler makes of it.
    fn finish(&mut self, task: Task, event: Event) -> Result<(), String> {
        let attempt = self.running.remove(&task).ok_or("a task that does not run ended")?;
        let is_done = matches!(event, Event::Done(_));
        let key = (task.stage, task.partition);
        if self.committers.get(&key) == Some(&(task.attempt, false)) {
            self.committers.remove(&key);
            if is_done {
                self.committers.insert(key, (task.attempt, true));
            }
        }
        let (awaited, mut actions) = (self.scheduler.awaits(task), Vec::new());
        self.scheduler.on(event, &mut actions);
        let accepted = matches!(actions.first(), Some(Action::Accept(accepted)) if *accepted == task);
        if awaited == attempt.abandoned || accepted != (is_done && awaited) {
            return Err(format!("{task:?} was accepted: {accepted}"));
        }
        self.check(actions, None)
    }

    fn tell(&mut self, event: Event, cancelled: Option<JobId>) -> Result<(), String> {
        let mut actions = Vec::new();
        self.scheduler.on(event, &mut actions);
        self.check(actions, cancelled)
    }

    fn check(&mut self, actions: Vec<Action>, cancelled: Option<JobId>) -> Result<(), String> {
        self.scheduler.check_invariants()?;
        let mut barriers: BTreeMap<StageId, u32> = BTreeMap::new();
        for action in actions {
            match action {
                Action::Planned { job, stages } => self.planned(job, &stages),
                Action::Launch(task) => {
                    self.launched(task)?;
                    *barriers.entry(task.stage).or_default() += 1;
                }
                Action::Abandon(task) => {
                    let attempt = self.running.get_mut(&task).ok_or_else(|| format!("{task:?} does not run"))?;
                    if std::mem::replace(&mut attempt.abandoned, true) {
                        return Err(format!("{task:?} is abandoned twice"));
                    }
                }
                Action::Accept(task) => self.accepted(task)?,
                Action::Finished { job, outcome } => self.finished(job, &outcome, cancelled)?,
                Action::StageStarted { .. } | Action::StageEnded { .. } => {}
            }
        }
        let torn = barriers.iter().find(|(id, tasks)| self.stages[id].barrier && self.stages[id].tasks != **tasks);
        torn.map_or(Ok(()), |(id, tasks)| Err(format!("{tasks} tasks of the barrier {id:?} start alone")))
    }

    fn planned(&mut self, job: JobId, stages: &[PlannedStage]) {
        for planned in stages {
            let Some(held) = self.scheduler.stages.get(&planned.stage) else { continue }; // over already
            let reads = held.parents.iter().filter_map(|parent| self.scheduler.stages[parent].writes).collect();
            let barrier = match planned.shuffle {
                Some(shuffle) => self.is_barrier(shuffle),
                None => self.jobs.get(&job).is_some_and(|job| job.barrier),
            };
            let known = Known { writes: planned.shuffle, reads, tasks: planned.tasks, barrier };
            self.stages.entry(planned.stage).or_insert(known);
        }
    }

    fn launched(&mut self, task: Task) -> Result<(), String> {
        let twin = |(other, attempt): (&Task, &Attempt)| {
            !attempt.abandoned && (other.stage, other.partition) == (task.stage, task.partition)
        };
        let takes = self.scheduler.takes(task);
        let others = self.jobs.iter().filter(|(id, _)| **id != task.job);
        if !takes.is_empty() && others.into_iter().any(|(_, job)| takes.iter().any(|it| job.reaches.contains(it))) {
            return Err(format!("{task:?} takes what another job reads"));
        }
        let attempt = Attempt { takes, ..Attempt::default() };
        if self.running.iter().any(twin) || self.running.insert(task, attempt).is_some() {
            return Err(format!("{task:?} runs already"));
        }
        let lacks = self.stages[&task.stage].reads.iter();
        let unwritten = lacks.into_iter().find(|it| !self.forgotten.contains(it) && !self.scheduler.is_written(**it));
        unwritten.map_or(Ok(()), |shuffle| Err(format!("{task:?} starts before {shuffle:?} is written")))
    }

    fn accepted(&mut self, task: Task) -> Result<(), String> {
        match self.stages[&task.stage].writes {
            Some(shuffle) => {
                self.store.insert((shuffle, task.partition));
                self.taken.retain(|(of, map, _)| (*of, *map) != (shuffle, task.partition));
            }
            None => {
                let job = self.jobs.get_mut(&task.job).ok_or("a result for a job that is over")?;
                if !job.accepted.insert(task.partition) && !job.barrier {
                    return Err(format!("{task:?} brings a second result"));
                }
            }
        }
        Ok(())
    }

    fn finished(&mut self, id: JobId, outcome: &Outcome, cancelled: Option<JobId>) -> Result<(), String> {
        let job = self.jobs.remove(&id).ok_or_else(|| format!("{id:?} ends twice"))?;
        let widest = self.shuffles.iter().map(|shuffle| shuffle.0 as usize).max().unwrap_or(0);
        let right = match outcome {
            Outcome::Done => job.accepted.len() == job.results as usize,
            Outcome::Cancelled => cancelled == Some(id),
            Outcome::Failed { failures, failure, .. } => {
                let text = failure.to_string();
                (*failures == self.scheduler.limits.task_failures_max && text == "boom")
                    || (*failures == LOSSES_MAX && text.contains("times in a row") && self.lost)
                    || (text.contains("nothing can make it again") && !self.forgotten.is_empty())
                    || (text.contains("must start together")
                        && (job.results as usize).max(widest) > self.scheduler.slots())
            }
        };
        if right { Ok(()) } else { Err(format!("{id:?} ends by {outcome:?}, with {:?}", job.accepted)) }
    }

    /// From now on nothing fails and nothing gets lost, so every job ends.
    fn run_to_the_end(&mut self) -> Result<(), String> {
        let mut rounds = 0;
        while let Some(task) = self.running.keys().next().copied() {
            self.end(task)?;
            rounds += 1;
            if rounds > 10_000 {
                return Err("the jobs go on for ever".to_string());
            }
        }
        let idle = self.jobs.is_empty() && self.scheduler.jobs.is_empty() && self.scheduler.running.is_empty();
        if idle { Ok(()) } else { Err(format!("the jobs {:?} never end", self.jobs.keys())) }
    }
}

fn pick_of<'a, T: Copy + 'a>(all: impl ExactSizeIterator<Item = &'a T>, pick: u16) -> Option<T> {
    let all: VecDeque<&T> = all.collect();
    (!all.is_empty()).then(|| *all[pick as usize % all.len()])
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 600, ..ProptestConfig::default() })]

    #[test]
    fn whatever_happens_the_state_is_sound_and_every_job_ends(
        slots in 1..5usize,
        fair in any::<bool>(),
        failures_max in 1..4u32,
        shuffles in prop::collection::vec((0..4u32, any::<u16>()), 1..7),
        steps in prop::collection::vec(step(), 1..120),
    ) {
        let mode = if fair { SchedulingMode::Fair } else { SchedulingMode::Fifo };
        let mut world = World::new(slots, mode, failures_max, shuffles);
        for (place, step) in steps.into_iter().enumerate() {
            world.take(step).map_err(|error| TestCaseError::fail(format!("step {place}, {step:?}: {error}")))?;
        }
        world.run_to_the_end().map_err(TestCaseError::fail)?;
        // What nobody waits for goes once it is forgotten: nothing is left behind.
        for shuffle in 0..world.shuffles.len() as u64 {
            world.tell(Event::Forgotten(ShuffleId(shuffle)), None).map_err(TestCaseError::fail)?;
        }
        prop_assert!(world.scheduler.stages.is_empty() && world.scheduler.shuffles.is_empty());
    }
}
