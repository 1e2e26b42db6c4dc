//! A disk in memory that knows what is synced, counts what is done to it, and fails by script.
//!
//! What a file was given is durable after the file is synced; names that were made, renamed or removed are durable after
//! their folder is synced. Nothing else is: not the name of a synced file, not the order of two renames.

mod platter;
mod script;

use std::fmt;
use std::io;
use std::ops::RangeInclusive;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tidemill_core::ManualClock;

use super::Random;
use crate::checkpoint::storage::{Described, Entry, FileSystem, Held, LocalStorage, Lock, OpenFile, StorageError};
use platter::{Node, Platter};
pub use script::Fault;
use script::Script;

/// The owner of everything.
const USER: u32 = 1000;

/// A disk in memory, as a [`FileSystem`]. Clones are the same disk.
///
/// Operations that change something are counted from 1 on, and named in the [`history`](SimulatedDisk::history); reading is
/// not. [`crash`](SimulatedDisk::crash) begins anew at 1.
#[derive(Clone)]
pub struct SimulatedDisk {
    state: Arc<Mutex<State>>,
}

#[derive(Debug)]
struct State {
    platter: Platter,
    script: Script,
    /// What was opened before the last crash or kill is of no use any more.
    boot: u64,
    locks: Vec<PathBuf>,
    slow: Option<(ManualClock, Duration)>,
}

impl SimulatedDisk {
    /// The folder that [`open`](SimulatedDisk::open) opens; it exists, durably.
    pub const FOLDER: &str = "/disk";

    /// An empty disk.
    #[expect(
        clippy::new_without_default,
        reason = "a disk is made to be told what to do; no field holds one by default"
    )]
    pub fn new() -> SimulatedDisk {
        let (platter, script) = (Platter::new(&[Path::new("/"), Path::new(SimulatedDisk::FOLDER)]), Script::default());
        let state = State { platter, script, boot: 0, locks: Vec::new(), slow: None };
        SimulatedDisk { state: Arc::new(Mutex::new(state)) }
    }

    /// Opens the disk as a checkpoint's storage.
    pub fn open(&self) -> Result<LocalStorage, StorageError> {
        LocalStorage::open_on(Arc::new(self.clone()), SimulatedDisk::FOLDER)
    }

    /// The machine loses its power and starts again. What was synced is there; of what was not, a part that `seed` chooses:
    /// writes in part and torn at any byte, with zeros for sectors that were not written, names made, renamed and removed or
    /// not, in any order. The script is over; what was opened before fails.
    pub fn crash(&self, seed: u64) {
        let mut state = self.state();
        state.platter.crash(&mut Random::new(seed));
        state.restart();
    }

    /// The process is killed and the machine goes on: all that was written can be read, and what was not synced is still in
    /// danger. The script is over; what was opened before fails.
    pub fn kill(&self) {
        self.state().restart();
    }

    /// From its `operation`th operation on, everything fails as if the machine had crashed; a write of that number may be
    /// there in part. Then call [`crash`](SimulatedDisk::crash).
    pub fn crash_at(&self, operation: u64) {
        self.state().script.crash_at = Some(operation);
    }

    /// Lets these operations fail.
    pub fn fail(&self, operations: RangeInclusive<u64>, fault: Fault) {
        self.state().script.faults.push((operations, fault));
    }

    /// No operation fails any more, until the next call of `fail` or `crash_at`.
    pub fn heal(&self) {
        self.state().script.heal();
    }

    /// Each operation takes `time` by this clock from now on.
    pub fn slow_down(&self, clock: &ManualClock, time: Duration) {
        self.state().slow = Some((clock.clone(), time));
    }

    /// How many operations there were.
    pub fn operations(&self) -> u64 {
        self.state().script.operations()
    }

    /// The names of all operations in order, for instance `sync log/00000000000000000001.log`. The first one has number 1.
    pub fn history(&self) -> Vec<String> {
        self.state().script.history().to_vec()
    }

    /// Whether it has come to the operation that [`crash_at`](SimulatedDisk::crash_at) named.
    pub fn is_crashed(&self) -> bool {
        self.state().script.is_crashed()
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Counts an operation and lets it pass or fail. The clock goes on first, without the lock: it wakes those who wait.
    fn operate(&self, what: &str, path: &Path) -> Result<MutexGuard<'_, State>, Failed<'_>> {
        let slow = self.state().slow.clone();
        if let Some((clock, time)) = slow {
            clock.advance(time);
        }
        let path = path.strip_prefix(SimulatedDisk::FOLDER).unwrap_or(path).display().to_string();
        let path = if path.is_empty() { "." } else { &path };
        let mut state = self.state();
        match state.script.operate(format!("{what} {path}")) {
            Ok(()) => Ok(state),
            Err(error) => Err(Failed { state, error }),
        }
    }
}

/// An operation that fails, and the disk on which it may leave something nevertheless.
struct Failed<'a> {
    state: MutexGuard<'a, State>,
    error: io::Error,
}

impl From<Failed<'_>> for io::Error {
    fn from(failed: Failed<'_>) -> io::Error {
        failed.error
    }
}

impl State {
    fn restart(&mut self) {
        self.script = Script::default();
        self.boot += 1;
        self.locks.clear();
        self.slow = None;
    }

    fn check_running(&self) -> io::Result<()> {
        if self.script.is_crashed() { Err(script::crashed()) } else { Ok(()) }
    }

    fn check_boot(&self, boot: u64) -> io::Result<()> {
        if self.boot == boot { Ok(()) } else { Err(script::crashed()) }
    }
}

impl FileSystem for SimulatedDisk {
    fn create_folder(&self, path: &Path) -> io::Result<()> {
        self.operate("make the folder", path)?.platter.add(path, Node::Folder)
    }

    fn create_file(&self, path: &Path) -> io::Result<Box<dyn OpenFile>> {
        let mut state = self.operate("create", path)?;
        let file = state.platter.create(path)?;
        Ok(Box::new(SimulatedFile { disk: self.clone(), file, path: path.into(), boot: state.boot }))
    }

    fn sync_file(&self, path: &Path) -> io::Result<()> {
        let file = self.state().platter.file(path)?;
        sync(self, path, file)
    }

    fn sync_folder(&self, path: &Path) -> io::Result<()> {
        self.operate("sync the folder", path)?.platter.sync_folder(path)
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        self.operate("rename to", to)?.platter.rename(from, to)
    }

    fn remove(&self, path: &Path) -> io::Result<()> {
        self.operate("remove", path)?.platter.remove(path)
    }

    fn read(&self, path: &Path, offset: u64, length: usize) -> io::Result<Vec<u8>> {
        let state = self.state();
        state.check_running()?;
        state.platter.read(path, offset, length)
    }

    fn list(&self, folder: &Path) -> io::Result<Vec<Entry>> {
        let state = self.state();
        state.check_running()?;
        state.platter.list(folder)
    }

    fn describe(&self, path: &Path) -> io::Result<Described> {
        let state = self.state();
        state.check_running()?;
        let (is_folder, bytes) = match state.platter.node(path)? {
            Node::Folder => (true, 0),
            Node::File(file) => (false, state.platter.bytes(file)),
        };
        Ok(Described { owner: USER, mode: 0o700, is_folder, bytes })
    }

    fn lock(&self, path: &Path) -> io::Result<Lock> {
        let mut state = self.state();
        state.check_running()?;
        if state.locks.iter().any(|locked| locked == path) {
            return Ok(Lock::Theirs(Some(std::process::id())));
        }
        // Not counted: it is no matter whether a crash leaves the file, so this is no point to crash at.
        let file = state.platter.file(path).or_else(|_| state.platter.create(path))?;
        state.locks.push(path.into());
        Ok(Lock::Ours(Box::new(SimulatedLock { disk: self.clone(), file, path: path.into(), boot: state.boot })))
    }

    fn user(&self) -> u32 {
        USER
    }
}

impl fmt::Debug for SimulatedDisk {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SimulatedDisk(after {} operations)", self.operations())
    }
}

/// A file that is being written.
struct SimulatedFile {
    disk: SimulatedDisk,
    file: u64,
    path: PathBuf,
    boot: u64,
}

impl OpenFile for SimulatedFile {
    fn write(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.disk.state().check_boot(self.boot)?;
        match self.disk.operate("write", &self.path) {
            Ok(mut state) => state.platter.write(self.file, bytes),
            Err(mut failed) => {
                // A write that fails leaves a part: which of it stays is seen after the crash.
                let part = if failed.state.script.is_crashed() { bytes } else { &bytes[..bytes.len() / 2] };
                failed.state.platter.write(self.file, part);
                return Err(failed.error);
            }
        }
        Ok(())
    }

    fn sync(&mut self) -> io::Result<()> {
        self.disk.state().check_boot(self.boot)?;
        sync(&self.disk, &self.path, self.file)
    }

    fn has_name(&self) -> io::Result<bool> {
        let state = self.disk.state();
        state.check_running()?;
        state.check_boot(self.boot)?;
        Ok(state.platter.has_name(self.file))
    }
}

fn sync(disk: &SimulatedDisk, path: &Path, file: u64) -> io::Result<()> {
    match disk.operate("sync", path) {
        Ok(mut state) => state.platter.sync(file),
        Err(mut failed) => {
            // As on real systems: what a failed sync did not write is never written, and the next sync doesn't say so.
            if !failed.state.script.is_crashed() {
                failed.state.platter.spoil(file);
            }
            return Err(failed.error);
        }
    }
    Ok(())
}

struct SimulatedLock {
    disk: SimulatedDisk,
    file: u64,
    path: PathBuf,
    boot: u64,
}

impl Held for SimulatedLock {
    fn is_in_place(&self) -> bool {
        let state = self.disk.state();
        // While the machine is down nobody can say that it lost a folder: the operation itself fails. A process that was
        // killed has lost its lock.
        let is_same = || state.platter.file(&self.path).is_ok_and(|file| file == self.file);
        state.script.is_crashed() || (state.boot == self.boot && is_same())
    }
}

impl Drop for SimulatedLock {
    fn drop(&mut self) {
        let mut state = self.disk.state();
        if state.boot == self.boot {
            state.locks.retain(|locked| *locked != self.path);
        }
    }
}

#[cfg(test)]
mod tests;
