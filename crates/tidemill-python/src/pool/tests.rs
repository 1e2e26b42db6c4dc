//! Tests of the pool, on real processes.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use tempfile::TempDir;
use tidemill_core::task::{JobId, Properties, StageId, Task, TaskContext};
use tidemill_core::{Cause, Clock, Context, Stop, SystemClock};

use super::*;

mod deaths;
mod drivers;
mod lanes;
mod tasks;

/// A pool and the folder that it lives in.
struct Kit {
    pool: Pool,
    folder: TempDir,
}

impl Kit {
    fn new() -> Kit {
        Kit::with(|_| {})
    }

    fn with(change: impl FnOnce(&mut PoolSettings)) -> Kit {
        let folder = TempDir::new().unwrap();
        let mut settings = settings(folder.path());
        change(&mut settings);
        Kit { pool: Pool::new(settings), folder }
    }

    /// Runs a chain of these operators, in Python's words, over rows of text.
    fn run(&self, ops: &str, input: &[&str]) -> Result<Vec<String>, Stop> {
        self.run_work(&work(ops, false), input)
    }

    fn run_work(&self, work: &Arc<Work>, input: &[&str]) -> Result<Vec<String>, Stop> {
        let mut running = self.pool.start(work, TaskHead::default()).map_err(Stop::from)?;
        let (mut feed, cx) = (Texts::of(input), context());
        let mut lines = Vec::new();
        while let Some(frame) = running.next(&mut feed, &cx)? {
            lines.extend(lines_of(&frame));
        }
        Ok(lines)
    }

    /// The only worker.
    fn pid(&self) -> u32 {
        let pids = self.pool.pids();
        assert_eq!(pids.len(), 1, "{pids:?}");
        pids[0]
    }
}

/// Gives each text as a block.
struct Texts {
    texts: Vec<String>,
    drawn: usize,
}

impl Texts {
    fn of(texts: &[&str]) -> Texts {
        Texts { texts: texts.iter().map(|text| (*text).to_string()).collect(), drawn: 0 }
    }
}

impl Feed for Texts {
    fn next(&mut self) -> Result<Option<Frame>, Stop> {
        let text = self.texts.get(self.drawn);
        self.drawn += 1;
        let frame = |text: &String| Frame { format: 0, bucket: 0, count: 0, payload: text.clone().into_bytes().into() };
        Ok(text.map(frame))
    }
}

impl From<Vec<u8>> for Payload {
    fn from(bytes: Vec<u8>) -> Payload {
        Payload::Owned(bytes)
    }
}

fn settings(folder: &Path) -> PoolSettings {
    // A stand-in for where the real one is missing: descriptions here need nothing of it.
    fs::write(folder.join("cloudpickle.py"), "from pickle import *").unwrap();
    PoolSettings {
        python: std::env::var_os("TIDEMILL_TEST_PYTHON").map_or_else(|| "python3".into(), PathBuf::from),
        package: Path::new(env!("CARGO_MANIFEST_DIR")).join("python"),
        sys_path: Vec::new(),
        cwd: folder.to_path_buf(),
        environment: BTreeMap::from([("PYTHONPATH".into(), folder.to_string_lossy().into_owned())]),
        broadcasts: folder.join("broadcasts"),
        files: folder.join("files"),
        scratch: vec![folder.to_path_buf()],
        pyspark_alias: false,
        memory: 512 << 20,
        hard_memory: 0,
        warm: 2,
        expected: None,
    }
}

/// A chain that writes its records as lines. Its pickle is the Python text itself, to be evaluated.
fn work(ops: &str, frozen: bool) -> Arc<Work> {
    described(&format!("{{'ops': ({ops},), 'sink': ('text',), 'paths': (), 'batch': 0}}"), frozen)
}

fn described(python: &str, frozen: bool) -> Arc<Work> {
    let length = u32::try_from(python.len()).unwrap().to_le_bytes();
    Work::new([b"cbuiltins\neval\n(X", &length[..], python.as_bytes(), b"tR."].concat(), frozen)
}

fn lines_of(frame: &Frame) -> Vec<String> {
    assert_eq!(frame.format, 0);
    String::from_utf8_lossy(frame.payload.as_ref()).lines().map(String::from).collect()
}

fn context() -> TaskContext {
    let engine = Context::local(1).unwrap();
    let task = Task { job: JobId(1), stage: StageId(2), partition: 0, attempt: 0 };
    TaskContext::new(task, 0, Arc::clone(engine.environment()), Arc::new(Properties::new()))
}

fn error(ended: Result<Vec<String>, Stop>) -> WorkerError {
    match ended {
        Err(Stop::Failed(Cause::User(error))) => error.downcast_ref::<WorkerError>().unwrap().clone(),
        other => panic!("{other:?}"),
    }
}

fn raised(ended: Result<Vec<String>, Stop>) -> WorkerFailure {
    match error(ended) {
        WorkerError::Raised(failure) => failure,
        other => panic!("{other}"),
    }
}

/// Waits until `is_so`, for a few seconds at most.
fn eventually(is_so: impl Fn() -> bool) -> bool {
    let clock = SystemClock::new();
    let wake = tidemill_core::Wake::default();
    let tries = 2000;
    (0..tries).any(|_| {
        is_so() || {
            clock.wait_until(clock.now() + std::time::Duration::from_millis(2), &wake);
            false
        }
    })
}

/// Whether the process is there and no corpse that nobody has asked for.
fn lives(pid: u32) -> bool {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    stat.rsplit_once(')').is_some_and(|(_, rest)| !rest.trim_start().starts_with('Z'))
}
