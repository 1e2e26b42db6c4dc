//! The threads of a streaming context: the batch clock, the block clock, and the one that runs batches.

use std::collections::{HashSet, VecDeque};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Mutex, PoisonError};

use tidemill_core::files::output::{REPLACE_PROPERTY, SYNC_PROPERTY};
use tidemill_core::settings::keys;
use tidemill_core::{Cause, Timestamp, Woken};

use crate::batch::Batch;
use crate::checkpoint::storage::StorageError;
use crate::context::StreamingContext;
use crate::context::life::inside;
use crate::dstream::Stream;
use crate::error::Error;
use crate::event::{BatchInfo, OutputInfo, StreamingEvent};
use crate::graph::{BatchJob, Output};
use crate::input::Input;
use crate::once::BATCH_TIME_PROPERTY;
use crate::scheduler::{Action, Event};
use crate::step::step;

/// The property under which the jobs of one streaming context are cancelled together.
const GROUP_PREFIX: &str = "tidemill.streaming";
/// The property by which jobs and tasks know the output that they belong to, under Spark's name.
const OUTPUT_PROPERTY: &str = "spark.streaming.internal.outputOpId";

impl StreamingContext {
    /// Ticks at every batch time until it is stopped.
    pub(super) fn run_clock(&self, first: Timestamp) {
        let mut next = first;
        while self.inner.clock.wait_until(next, &self.inner.tick) != Woken::Stopped {
            if self.inner.clock.now() < next {
                continue; // woken for another reason
            }
            self.tell(Event::Tick(next));
            next = next + self.interval();
        }
    }

    /// Closes blocks at every block interval, so that a batch has several partitions. Every tick of the batch clock
    /// closes them too.
    pub(super) fn run_block_clock(&self) {
        let interval = self.context().config().get(keys::BLOCK_INTERVAL);
        if interval >= self.interval() {
            return;
        }
        let inputs = self.live().graph.inputs.clone();
        let mut next = self.inner.clock.now() + interval;
        while self.inner.clock.wait_until(next, &self.inner.tick) != Woken::Stopped {
            inputs.iter().for_each(|input| input.cut_block());
            next = next + interval;
        }
    }

    /// Tells the scheduler and does what it wants done.
    pub(super) fn tell(&self, event: Event) {
        let mut events = VecDeque::from([event]);
        while let Some(event) = events.pop_front() {
            let mut live = self.live();
            let mut actions = Vec::new();
            live.scheduler.on(event, &mut actions);
            let mut to_allocate = None;
            for action in actions {
                match action {
                    Action::Allocate(batch) => to_allocate = Some(batch),
                    Action::Run(batch) => live.to_run = Some(batch),
                    Action::Finished => live.finished = true,
                }
            }
            drop(live);
            self.inner.changed.notify_all();
            if let Some(batch) = to_allocate {
                self.allocate(batch);
                events.extend(self.plan(batch));
            }
        }
    }

    /// Writes down what a batch holds, if anything is written; returns what that means for the batches that wait. Where it cannot
    /// be written the batch waits for the next one, with which it is tried again. A context that stops has no next one.
    fn plan(&self, batch: Batch) -> Vec<Event> {
        let Some(durable) = self.live().durable.clone() else { return vec![Event::Allocated(batch.time)] };
        let code = self.code().unwrap_or_else(|error| {
            self.report(error); // what was kept before stays
            None
        });
        // One at a time: what is written holds also the batches that could not be written before, and no others.
        let planning = durable.planning();
        let planned = durable.plan(batch.time, code);
        let mut live = self.live();
        live.unlogged.push(batch.time);
        let stopping = live.stopping;
        let unlogged = if planned.is_ok() || stopping { std::mem::take(&mut live.unlogged) } else { Vec::new() };
        drop((live, planning));
        let Err(cause) = planned else { return unlogged.into_iter().map(Event::Allocated).collect() };
        self.unlogged(batch.time, cause);
        unlogged.into_iter().map(Event::Dropped).collect()
    }

    /// Before a context that stops waits for its last batches: tries once more to write down those that could not be. They are
    /// left to the next run of the program otherwise.
    pub(super) fn plan_last(&self) {
        let Some(durable) = self.live().durable.clone() else { return };
        let planning = durable.planning();
        let unlogged = std::mem::take(&mut self.live().unlogged);
        let Some(time) = unlogged.first().copied() else { return };
        let planned = durable.batches.done(&[]);
        drop(planning);
        let told: fn(Timestamp) -> Event = if planned.is_ok() { Event::Allocated } else { Event::Dropped };
        if let Err(cause) = planned {
            self.unlogged(time, cause);
        }
        unlogged.into_iter().for_each(|time| self.tell(told(time)));
    }

    /// Reports that a batch could not be written down. A driver in whose place another runs must not go on.
    fn unlogged(&self, time: Timestamp, cause: StorageError) {
        let is_over = matches!(cause, StorageError::Fenced { .. });
        let error = Error::Unlogged { time, cause };
        if is_over { self.fall(error) } else { self.report(error) }
    }

    /// Gives a batch its input. Without the lock: inputs may have to ask disks and servers.
    fn allocate(&self, batch: Batch) {
        let inputs = self.live().graph.inputs.clone();
        let info = allocated(&inputs, batch.time, self.inner.clock.now());
        let mut live = self.live();
        let due = live.zero.is_some_and(|zero| live.graph.outputs.iter().any(|it| it.stream.is_due(zero, batch.time)));
        live.submitted.insert(batch.time, info.clone());
        live.allocated = Some(batch.time);
        drop(live);
        self.record().allocated(&info);
        if due {
            self.post(StreamingEvent::BatchSubmitted(Arc::new(info)));
        }
    }

    /// Runs batches as the scheduler hands them out, until there will be no more.
    pub(super) fn run_batches(&self) {
        loop {
            let idle = |live: &mut super::Live| live.to_run.is_none() && !live.finished;
            let live = self.live();
            let mut live = self.inner.changed.wait_while(live, idle).unwrap_or_else(PoisonError::into_inner);
            let Some(batch) = live.to_run.take() else {
                drop(live);
                return self.end();
            };
            let Some(info) = live.submitted.remove(&batch.time) else { continue };
            let (states_only, durable) = (live.states_only.remove(&batch.time), live.durable.clone());
            drop(live);
            let is_done = if states_only { self.remake_states(batch.time) } else { self.run_batch(info) };
            self.forget(batch.time);
            self.live().done = Some(batch.time);
            if !states_only {
                self.caught_up(batch.time);
            }
            if let Some(durable) = durable {
                durable.over(batch.time, is_done);
            }
            self.tell(Event::Done(batch.time));
        }
    }

    /// Makes the states of a batch that was done in an earlier run, for later batches.
    fn remake_states(&self, time: Timestamp) -> bool {
        let _step = step!("batch", time);
        let stateful = self.live().graph.stateful.clone();
        self.describe(&format!("Streaming state, batch time {time}"));
        self.drive(&stateful, time)
    }

    /// Steps stateful streams, makes the jobs of all outputs that are due, then runs them in order. An error in making
    /// them loses the batch (behaviour 2.40), one in a stateful stream the outputs that need it, an error in one output
    /// only that output (behaviour 2.39). Returns whether all went well: else a program that goes on from its checkpoint runs
    /// the batch again.
    fn run_batch(&self, mut info: BatchInfo) -> bool {
        let _step = step!("batch", info.time);
        let live = self.live();
        let Some(zero) = live.zero else { return false };
        let (stateful, inputs) = (live.graph.stateful.clone(), live.graph.inputs.clone());
        let outputs: Vec<_> = live.graph.outputs.iter().cloned().enumerate().collect();
        drop(live);
        let due: Vec<_> = outputs.into_iter().filter(|(_, output)| output.stream.is_due(zero, info.time)).collect();
        info.started = Some(self.inner.clock.now());
        if !due.is_empty() {
            self.post(StreamingEvent::BatchStarted(Arc::new(info.clone())));
        }
        self.describe(&format!("Streaming state, batch time {}", info.time));
        let stepped = self.drive(&stateful, info.time);
        let generated = self.run_outputs(&due, &mut info);
        info.completed = Some(self.inner.clock.now());
        inputs.iter().for_each(|input| input.completed(&info));
        if !due.is_empty() {
            log_delay(&info);
            self.post(StreamingEvent::BatchCompleted(Arc::new(info.clone())));
        }
        stepped && generated && info.outputs.iter().all(|output| output.failure.is_none()) && !self.live().cancelled
    }

    /// Steps the stateful streams. One that fails is told of here, once, since perhaps no output asks for it now. Returns whether
    /// none failed.
    fn drive(&self, stateful: &[Arc<dyn Stream>], time: Timestamp) -> bool {
        let _step = step!("state", time);
        let mut told = HashSet::new();
        for error in stateful.iter().filter_map(|stream| stream.drive(self, time).err()) {
            if told.insert(error.to_string()) {
                self.report(error);
            }
        }
        told.is_empty()
    }

    /// Runs the outputs; `false` where their jobs could not be made.
    fn run_outputs(&self, due: &[(usize, Arc<Output>)], info: &mut BatchInfo) -> bool {
        let jobs: Result<Vec<_>, Error> =
            due.iter().map(|(id, output)| Ok((*id, output, generate(output, info.time)?))).collect();
        let jobs = match jobs {
            Ok(jobs) => jobs,
            Err(error) => {
                self.report(error);
                return false;
            }
        };
        let jobs: Vec<_> = jobs.into_iter().filter_map(|(id, output, job)| Some((id, output, job?))).collect();
        let at_once = self.context().config().get(keys::CONCURRENT_JOBS).min(jobs.len());
        let (queue, done) = (Mutex::new(jobs.into_iter()), Mutex::new(Vec::new()));
        let work = || {
            while !self.live().cancelled {
                let next = queue.lock().unwrap_or_else(PoisonError::into_inner).next();
                let Some((id, output, job)) = next else { break };
                let ended = self.run_output(id, output, info.time, job);
                done.lock().unwrap_or_else(PoisonError::into_inner).push(ended);
            }
        };
        std::thread::scope(|scope| {
            for _ in 1..at_once {
                let thread = std::thread::Builder::new().name("tidemill-output".into());
                // Without another thread the outputs run one after the other.
                let _ = thread.spawn_scoped(scope, || inside(work));
            }
            work();
        });
        info.outputs = done.into_inner().unwrap_or_else(PoisonError::into_inner);
        info.outputs.sort_by_key(|output| output.id);
        true
    }

    fn run_output(&self, id: usize, output: &Output, time: Timestamp, job: BatchJob) -> OutputInfo {
        let _step = step!("output", time);
        let (started, operator) = (Some(self.inner.clock.now()), output.operator.clone());
        let mut info = OutputInfo { time, id: id as u32, operator, started, completed: None, failure: None };
        self.post(StreamingEvent::OutputStarted(info.clone()));
        self.describe(&format!("Streaming job from [output operation {id}, batch time {time}]"));
        self.context().set_local_property(BATCH_TIME_PROPERTY, Some(&time.millis().to_string()));
        self.context().set_local_property(OUTPUT_PROPERTY, Some(&id.to_string()));
        // A batch may be run again, and finds there what it wrote before.
        self.context().set_local_property(REPLACE_PROPERTY, Some("true"));
        // What is written down as done must be there after a power failure, as the checkpoint is.
        let sync = self.live().durable.is_some();
        self.context().set_local_property(SYNC_PROPERTY, sync.then_some("true"));
        if let Err(error) = job() {
            info.failure = Some(error.to_string());
            if !matches!(error, Error::State { time: failed, .. } if failed == time) {
                self.report(error); // that of a state was told of when it failed
            }
        }
        info.completed = Some(self.inner.clock.now());
        self.post(StreamingEvent::OutputCompleted(info.clone()));
        info
    }

    /// Gives the jobs that this thread submits next the properties of the thread that started the context, whatever an
    /// output has set meanwhile, and a description of their own (behaviour 2.41).
    fn describe(&self, description: &str) {
        let properties = Arc::clone(&self.live().properties);
        self.context().set_local_properties(properties);
        self.context().set_job_group(&self.group(), description);
    }

    /// Keeps an error for `await_termination`, unless the batch failed because it was cancelled.
    pub(super) fn report(&self, error: Error) {
        let mut live = self.live();
        if live.cancelled {
            return tracing::debug!(%error, "A batch was cancelled.");
        }
        tracing::error!(%error, "A batch failed; later batches go on.");
        live.error = Some(error);
        drop(live);
        self.inner.changed.notify_all();
    }

    /// Drops what streams need not remember once the batch of `time` is over.
    fn forget(&self, time: Timestamp) {
        let mut live = self.live();
        live.graph.streams.retain(|stream| stream.strong_count() > 0);
        let streams = live.graph.streams();
        drop(live);
        streams.iter().for_each(|stream| stream.forget(time));
    }

    /// Ends the jobs of the running batch.
    pub(super) fn cancel_running(&self) {
        self.context().cancel_job_group(&self.group());
    }

    fn group(&self) -> String {
        format!("{GROUP_PREFIX}.{:p}", Arc::as_ptr(&self.inner))
    }
}

/// Gives the batch of `time` its input, unless it has it.
pub(super) fn allocated(inputs: &[Arc<dyn Input>], time: Timestamp, now: Timestamp) -> BatchInfo {
    let told = inputs.iter().filter_map(|input| Some((input.id().stream, input.allocate(time)?)));
    let (inputs, outputs) = (told.collect(), Vec::new());
    BatchInfo { time, inputs, submitted: now, started: None, completed: None, outputs }
}

/// One line a batch, as Spark's driver logs it: there "total" is counted from the batch time.
fn log_delay(batch: &BatchInfo) {
    let seconds = |delay: Option<std::time::Duration>| delay.unwrap_or_default().as_secs_f64();
    let total = seconds(batch.completed.map(|completed| completed.since(batch.time)));
    let execution = seconds(batch.processing_delay());
    tracing::info!("Total delay: {total:.3} s for time {} (execution: {execution:.3} s)", batch.time);
}

/// Makes the job of an output. Functions of the user run here, those of `transform`: what they panic with is an error.
fn generate(output: &Output, time: Timestamp) -> Result<Option<BatchJob>, Error> {
    let make = || output.site.on_behalf(|| (output.job)(time));
    let made = catch_unwind(AssertUnwindSafe(make)).unwrap_or_else(|panic| {
        Err(Error::Generate { time, output: output.operator.clone(), cause: Cause::panic(&*panic) })
    });
    match made {
        Err(error @ Error::State { .. }) => Ok(Some(Box::new(move || Err(error)))),
        made => made,
    }
}
