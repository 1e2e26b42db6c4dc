//! The executor: runs tasks of encoded stages, one after the other, until its input ends.

use std::collections::VecDeque;
use std::io::{self, Read, Write};
use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::AtomicU8;

use tidemill_core::environment::Environment;
use tidemill_core::exchange::MapSide;
use tidemill_core::job::ResultSide;
use tidemill_core::lineage::Operator;
use tidemill_core::memory::{Memory, MemoryLimits};
use tidemill_core::service::{Service, ServiceHandle};
use tidemill_core::ship::{self, Bytes, Decoder};
use tidemill_core::spill::SpillDir;
use tidemill_core::task::{JobId, StageId, Task};
use tidemill_core::{HashSeed, Stop, TaskContext};

use crate::blocks::BlockClient;
use crate::wire::{Answer, Order, receive, send};

static LANDMARK: AtomicU8 = AtomicU8::new(1);

/// Where a static of this program lies in this process.
pub(crate) fn landmark() -> u64 {
    (&raw const LANDMARK) as u64
}

/// As small as the stacks of threads usually are: long lineages must do with it.
const STACK_BYTES: usize = 2 << 20;

pub(crate) fn run_on_a_small_stack() -> ExitCode {
    let serving = || serve(&mut io::stdin().lock(), &mut io::stdout().lock());
    let thread = std::thread::Builder::new().stack_size(STACK_BYTES).spawn(serving);
    match thread.map(std::thread::JoinHandle::join) {
        Ok(Ok(Ok(()))) => ExitCode::SUCCESS,
        Ok(Ok(Err(error))) | Err(error) => {
            eprintln!("the executor ends: {error}");
            ExitCode::FAILURE
        }
        Ok(Err(_)) => ExitCode::FAILURE,
    }
}

fn serve(orders: &mut impl Read, answers: &mut impl Write) -> io::Result<()> {
    let Some(Order::Hello { build, seed }) = receive(orders)? else {
        return send(answers, &Answer::Refused("the first word must be a hello".into()));
    };
    if let Err(refused) = ship::check_build(build) {
        return send(answers, &Answer::Refused(refused.to_string()));
    }
    send(answers, &Answer::Welcome { process: std::process::id(), address: landmark() })?;
    let memory = Memory::new(MemoryLimits::default());
    let environment = Environment::new(memory, SpillDir::new(std::env::temp_dir()), HashSeed::new(seed));
    environment.elsewhere.set_client(Arc::new(BlockClient::default()));
    let mut services = VecDeque::new();
    while let Some(order) = receive(orders)? {
        let answer = match order {
            Order::Hello { .. } => Answer::Refused("a second hello".into()),
            Order::At { shuffle, map, home } => {
                environment.elsewhere.set_home(shuffle, map, &home);
                continue;
            }
            Order::Drop(shuffle) => {
                environment.elsewhere.forget(shuffle);
                continue;
            }
            Order::Start(service) => match Decoder::decode::<Arc<dyn Service>>(&service.0) {
                Ok(service) => {
                    services.push_back(ServiceHandle::on_thread(service)?);
                    Answer::Service
                }
                Err(error) => Answer::Refused(error.to_string()),
            },
            Order::Stop => {
                services.pop_front().iter().for_each(ServiceHandle::stop);
                Answer::Service
            }
            Order::Map { stage, partition } => match Decoder::decode::<Arc<dyn MapSide>>(&stage.0) {
                Ok(side) => {
                    let work = |cx: &Arc<TaskContext>| side.run(cx)?.encode();
                    task(&environment, partition, work, |cx| side.operator_at_fault(cx))
                }
                Err(error) => Answer::Refused(error.to_string()),
            },
            Order::Result { stage, partition } => match Decoder::decode::<Arc<dyn ResultSide>>(&stage.0) {
                Ok(side) => {
                    let work = |cx: &Arc<TaskContext>| side.encode_output(&side.run(cx)?);
                    task(&environment, partition, work, |cx| side.operator_at_fault(cx))
                }
                Err(error) => Answer::Refused(error.to_string()),
            },
        };
        send(answers, &answer)?;
    }
    Ok(())
}

fn task(
    environment: &Arc<Environment>,
    partition: u32,
    work: impl FnOnce(&Arc<TaskContext>) -> Result<Vec<u8>, Stop>,
    operator_at_fault: impl FnOnce(&TaskContext) -> Option<Operator>,
) -> Answer {
    let task = Task { job: JobId(0), stage: StageId(0), partition, attempt: 0 };
    let cx = Arc::new(TaskContext::new(task, partition as usize, Arc::clone(environment), Arc::default()));
    match cx.run_caught(|| work(&cx)) {
        Ok(made) => Answer::Made(Bytes(made)),
        Err(Stop::Lost(block)) => Answer::Lost(block),
        Err(stop) => Answer::Failed { why: stop.to_string(), operator: operator_at_fault(&cx) },
    }
}
