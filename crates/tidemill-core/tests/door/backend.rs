//! A backend that runs every task in another process of this program: the least that shows that it can be done.
//!
//! Map outputs come back to the driver, which keeps them; the executor fetches of them what its tasks read.

use std::collections::HashSet;
use std::io;
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, Weak};
use std::time::Duration;

use tidemill_core::backend::Backend;
use tidemill_core::environment::Environment;
use tidemill_core::exchange::{MapOutput, MapSide};
use tidemill_core::job::{Cancel, Job, JobHandle, JobResults};
use tidemill_core::scheduler::{Failure, Outcome};
use tidemill_core::service::{Service, ServiceHandle};
use tidemill_core::ship::{self, Bytes, Encoder, NotShippable};
use tidemill_core::stage::{Sides, cut};
use tidemill_core::task::{JobId, StageId, Task};
use tidemill_core::{BlockId, Cause, ShuffleId};

use crate::blocks::{Asked, BlockService};
use crate::wire::{Answer, Order, receive, send};

/// The argument that makes an executor of this program.
pub(crate) const EXECUTOR: &str = "--executor";

/// The other process, seen from here. It ends when its input does.
pub(crate) struct Executor {
    child: Child,
    orders: Option<ChildStdin>,
    answers: ChildStdout,
}

impl Executor {
    pub(crate) fn start() -> io::Result<Executor> {
        let mut program = Command::new(std::env::current_exe()?);
        let mut child = program.arg(EXECUTOR).stdin(Stdio::piped()).stdout(Stdio::piped()).spawn()?;
        let (orders, answers) = (child.stdin.take(), child.stdout.take());
        Ok(Executor { child, orders, answers: answers.ok_or_else(|| io::Error::other("no pipe"))? })
    }

    /// Starts one and makes sure that it is of the same build.
    pub(crate) fn of_this_build(seed: u64) -> io::Result<(Executor, Answer)> {
        let mut executor = Executor::start()?;
        let welcome = executor.ask(&Order::Hello { build: ship::build_id()?, seed })?;
        Ok((executor, welcome))
    }

    pub(crate) fn tell(&mut self, order: &Order) -> io::Result<()> {
        send(self.orders.as_mut().ok_or_else(|| io::Error::other("it was stopped"))?, order)
    }

    pub(crate) fn ask(&mut self, order: &Order) -> io::Result<Answer> {
        self.tell(order)?;
        receive(&mut self.answers)?.ok_or_else(|| io::Error::other("the executor ended"))
    }

    /// Closes its input and says whether it ended well.
    pub(crate) fn end(&mut self) -> io::Result<bool> {
        self.orders = None;
        Ok(self.child.wait()?.success())
    }
}

impl Drop for Executor {
    fn drop(&mut self) {
        let _ = self.end();
    }
}

/// What the tests see of a backend, and do to it.
#[derive(Default)]
pub(crate) struct Seen {
    /// Each task that the executor was asked to run: a map task by its shuffle, or a result task, with its partition.
    pub(crate) tasks: Mutex<Vec<(Option<ShuffleId>, u32)>>,
    /// What the executor fetched.
    pub(crate) fetched: Asked,
    /// Makes the backend start another executor, which has nothing, for the next job.
    pub(crate) loses_executor: AtomicBool,
}

pub(crate) struct OtherProcess {
    environment: Arc<Environment>,
    executor: Arc<Mutex<Executor>>,
    blocks: BlockService,
    written: Mutex<HashSet<ShuffleId>>,
    seen: Arc<Seen>,
}

impl OtherProcess {
    pub(crate) fn new(environment: &Arc<Environment>, seen: Arc<Seen>) -> io::Result<OtherProcess> {
        let (executor, welcome) = Executor::of_this_build(environment.seed.seed())?;
        match welcome {
            Answer::Welcome { .. } => {}
            other => return Err(io::Error::other(format!("{other:?}"))),
        }
        let blocks = BlockService::start(environment, Arc::clone(&seen.fetched))?;
        let (environment, executor) = (Arc::clone(environment), Arc::new(Mutex::new(executor)));
        Ok(OtherProcess { environment, executor, blocks, written: Mutex::default(), seen })
    }

    /// Runs all stages in order, each task once more when a block of its input is lost.
    fn run(&self, job: &Job, results: &JobResults) -> Result<(), Failure> {
        let (plan, sides) = cut(job.result.lineage(), |shuffle| self.is_written(shuffle));
        for stage in plan.map_stages.iter().filter(|stage| !self.is_written(stage.shuffle)) {
            for partition in 0..stage.tasks {
                self.run_map(&sides, &*sides[&stage.shuffle], partition)?;
            }
            self.written.lock().unwrap().insert(stage.shuffle);
        }
        let mut out = Encoder::default();
        let stage = job.result.encode(&mut out).and_then(|()| out.finish()).map_err(|e| unshippable(&e))?;
        for (place, partition) in job.partitions.iter().copied().enumerate() {
            let order = Order::Result { stage: Bytes(stage.clone()), partition };
            let made = self.follow(&sides, None, partition, &order)?;
            results.push(place, job.result.decode_output(&made).map_err(|stop| failure(stop.to_string()))?);
        }
        Ok(())
    }

    fn run_map(&self, sides: &Sides, side: &dyn MapSide, partition: u32) -> Result<(), Failure> {
        let mut out = Encoder::default();
        let stage = side.encode(&mut out).and_then(|()| out.finish()).map_err(|e| unshippable(&e))?;
        let order = Order::Map { stage: Bytes(stage), partition };
        let made = self.follow(sides, Some(side.shuffle()), partition, &order)?;
        let output = MapOutput::decode(&made).map_err(|stop| failure(stop.to_string()))?;
        self.environment.store.put_map_output(output);
        self.say_where(side.shuffle(), partition)
    }

    /// Has a task run. Of a block that it misses it is told where it is, once it is made again if the driver has it not.
    fn follow(
        &self,
        sides: &Sides,
        writes: Option<ShuffleId>,
        partition: u32,
        order: &Order,
    ) -> Result<Vec<u8>, Failure> {
        loop {
            self.seen.tasks.lock().unwrap().push((writes, partition));
            let answer = self.executor.lock().unwrap().ask(order).map_err(|e| failure(e.to_string()))?;
            match answer {
                Answer::Made(Bytes(made)) => return Ok(made),
                Answer::Lost(BlockId::MapOutput { shuffle, map }) => {
                    match self.environment.store.map_output(shuffle, map) {
                        None => self.run_map(sides, &*sides[&shuffle], map)?,
                        Some(_) => self.say_where(shuffle, map)?,
                    }
                }
                Answer::Failed { why, operator } => return Err(Failure { cause: Cause::Invalid(why), operator }),
                other => return Err(failure(format!("{other:?}"))),
            }
        }
    }

    fn say_where(&self, shuffle: ShuffleId, map: u32) -> Result<(), Failure> {
        let order = Order::At { shuffle, map, home: self.blocks.home() };
        self.executor.lock().unwrap().tell(&order).map_err(|e| failure(e.to_string()))
    }
}

fn failure(why: String) -> Failure {
    Failure { cause: Cause::Invalid(why), operator: None }
}

fn unshippable(error: &NotShippable) -> Failure {
    failure(error.to_string())
}

impl Cancel for OtherProcess {
    fn cancel(&self, _: JobId) {}
}

impl Backend for OtherProcess {
    fn submit(&self, job: Job) -> JobHandle {
        let nobody: Weak<OtherProcess> = Weak::new();
        let (handle, results) = JobHandle::new(job.id, nobody);
        for shuffle in self.environment.take_forgotten() {
            self.written.lock().unwrap().remove(&shuffle);
            let _ = self.executor.lock().unwrap().tell(&Order::Drop(shuffle));
        }
        if self.seen.loses_executor.swap(false, Ordering::SeqCst) {
            let (other, _) = Executor::of_this_build(self.environment.seed.seed()).unwrap();
            *self.executor.lock().unwrap() = other;
        }
        let task = Task { job: job.id, stage: StageId(0), partition: 0, attempt: 0 };
        results.finish(match self.run(&job, &results) {
            Ok(()) => Outcome::Done,
            Err(failure) => Outcome::Failed { task, failures: 1, failure },
        });
        handle
    }

    fn start_service(&self, service: Arc<dyn Service>, home: Option<&str>) -> io::Result<ServiceHandle> {
        if home.is_none() {
            return ServiceHandle::on_thread(service);
        }
        let mut out = Encoder::default();
        let encoded = service.encode(&mut out).and_then(|()| out.finish()).map_err(io::Error::other)?;
        let executor = Arc::clone(&self.executor);
        match executor.lock().unwrap().ask(&Order::Start(Bytes(encoded)))? {
            Answer::Service => {}
            other => return Err(io::Error::other(format!("{other:?}"))),
        }
        Ok(ServiceHandle::elsewhere(move || {
            let _ = executor.lock().unwrap().ask(&Order::Stop);
        }))
    }

    fn slots(&self) -> usize {
        1
    }

    fn is_written(&self, shuffle: ShuffleId) -> bool {
        self.written.lock().unwrap().contains(&shuffle)
    }

    fn active_jobs(&self) -> Vec<JobId> {
        Vec::new()
    }

    fn stop(&self, _: Duration) -> Vec<String> {
        let _ = self.executor.lock().unwrap().end();
        Vec::new()
    }
}
