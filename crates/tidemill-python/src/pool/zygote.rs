//! The process from which workers are forked, and the thread that hears from it.
//!
//! Messages are lists of texts, each behind its length, one list a packet. To the zygote: `init` with pairs of names and
//! values, `fork SLOT` with two descriptors (the worker's socket and a memory file for its last words), `kill SLOT`. From
//! it: `ready VERSION HASH`, `forked SLOT PID`, `refused SLOT WHY`, `exited SLOT STATUS`.

use std::collections::HashMap;
use std::io::{self, IoSlice};
use std::mem::MaybeUninit;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::{self, JoinHandle};

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::fs::{MemfdFlags, memfd_create};
use rustix::net::{
    AddressFamily, RecvFlags, SendAncillaryBuffer, SendAncillaryMessage, SendFlags, Shutdown, SocketFlags, SocketType,
    recv, sendmsg, shutdown, socketpair,
};
use rustix::process::{PidfdFlags, pidfd_open};

use super::fate::{Fate, in_words};
use super::frames::{push_text, texts};
use super::{Interpreter, PoolSettings, WorkerError};

/// The zygote of a cold machine imports for a second; past this it hangs.
const READY_WAIT: Timespec = Timespec { tv_sec: 60, tv_nsec: 0 };
/// A zygote that was told to end does so within milliseconds; past this it is killed.
const END_WAIT: Timespec = Timespec { tv_sec: 1, tv_nsec: 0 };
/// What a message takes at most.
const MESSAGE_BYTES: usize = 64 << 10;

/// What the interpreter runs: the rest is in the package, which need not be installed there. The current folder is not
/// searched before it.
const BOOTSTRAP: &str = "import sys; sys.path[:1] = [] if sys.path[:1] == [''] else sys.path[:1]; \
                         sys.path.append(sys.argv[1]); from tidemill.worker import zygote; zygote.main()";

/// A running zygote. Dropping it ends it and all its workers.
pub(super) struct Zygote {
    control: Arc<OwnedFd>,
    workers: Arc<Mutex<Workers>>,
    listener: Mutex<Option<JoinHandle<()>>>,
}

#[derive(Default)]
struct Workers {
    last_slot: u32,
    living: HashMap<u32, Arc<Fate>>,
    is_dead: bool,
}

/// A worker that was just asked for.
pub(super) struct Forked {
    pub(super) slot: u32,
    pub(super) socket: OwnedFd,
    pub(super) last_words: OwnedFd,
    pub(super) fate: Arc<Fate>,
}

impl Zygote {
    /// Starts the interpreter and waits until it is ready.
    ///
    /// # Errors
    /// It cannot be started, ends early, or is not what is expected.
    pub(super) fn start(settings: &PoolSettings) -> Result<Zygote, WorkerError> {
        let system = |error: rustix::io::Errno| WorkerError::system("connect to", error);
        let flags = SocketFlags::CLOEXEC;
        let (control, theirs) = socketpair(AddressFamily::UNIX, SocketType::SEQPACKET, flags, None).map_err(system)?;
        let mut command = Command::new(&settings.python);
        command.arg("-c").arg(BOOTSTRAP).arg(&settings.package).stdin(Stdio::from(theirs));
        // What a worker prints goes to the driver's standard error: see `zygote.py`.
        command.stdout(Stdio::null()).stderr(Stdio::inherit());
        command.envs(&settings.environment).env("PYTHONHASHSEED", "0");
        let failed = |source| WorkerError::Start { python: settings.python.clone(), source: Arc::new(source) };
        let mut child = command.spawn().map_err(failed)?;
        drop(command); // It holds the zygote's end of the socket.
        if let Err(error) = introduce(settings, control.as_fd()) {
            let _ = child.kill();
            let how = child.wait().map_or_else(|e| e.to_string(), |status| status.to_string());
            return Err(error.unwrap_or(WorkerError::NotReady { python: settings.python.clone(), how }));
        }
        let control = Arc::new(control);
        let workers = Arc::<Mutex<Workers>>::default();
        let listener = Listener { control: Arc::clone(&control), workers: Arc::clone(&workers), child };
        let thread = thread::Builder::new().name("tidemill-zygote".into()).spawn(move || listener.run());
        let thread = thread.map_err(|e| WorkerError::system("listen to", e))?;
        Ok(Zygote { control, workers, listener: Mutex::new(Some(thread)) })
    }

    /// Forks a worker. It may be talked to at once.
    pub(super) fn fork(&self) -> Result<Forked, WorkerError> {
        let system = |error: rustix::io::Errno| WorkerError::system("fork", error);
        let (socket, theirs) =
            socketpair(AddressFamily::UNIX, SocketType::STREAM, SocketFlags::CLOEXEC, None).map_err(system)?;
        let last_words = memfd_create("tidemill-last-words", MemfdFlags::CLOEXEC).map_err(system)?;
        let fate = Arc::<Fate>::default();
        let slot = {
            let mut workers = lock(&self.workers);
            workers.last_slot += 1;
            let slot = workers.last_slot;
            workers.living.insert(slot, Arc::clone(&fate));
            slot
        };
        let sent = send(&self.control, &[b"fork", slot.to_string().as_bytes()], &[theirs.as_fd(), last_words.as_fd()]);
        if let Err(error) = sent {
            lock(&self.workers).living.remove(&slot);
            return Err(WorkerError::system("fork", error));
        }
        Ok(Forked { slot, socket, last_words, fate })
    }

    /// Kills a worker.
    pub(super) fn kill(&self, slot: u32) {
        // An error means that the zygote is gone, and its workers with it.
        let _ = send(&self.control, &[b"kill", slot.to_string().as_bytes()], &[]);
    }

    pub(super) fn is_dead(&self) -> bool {
        lock(&self.workers).is_dead
    }

    /// Ends it and all its workers, and waits until they are gone.
    pub(super) fn end(&self) {
        let _ = shutdown(&*self.control, Shutdown::Both);
        let listener = self.listener.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(listener) = listener {
            let _ = listener.join();
        }
    }

    /// The processes of its workers.
    pub(super) fn pids(&self) -> Vec<u32> {
        let fates: Vec<_> = lock(&self.workers).living.values().cloned().collect();
        let mut pids: Vec<_> = fates.iter().filter_map(|fate| fate.pid()).collect();
        pids.sort_unstable();
        pids
    }
}

impl Drop for Zygote {
    fn drop(&mut self) {
        self.end();
    }
}

/// Tells the zygote what it needs to know and hears that it is ready; without an error's text where it just ended.
fn introduce(settings: &PoolSettings, control: BorrowedFd<'_>) -> Result<(), Option<WorkerError>> {
    let (memory, hard_memory) = (settings.memory.to_string(), settings.hard_memory.to_string());
    let driver = std::process::id().to_string();
    let path = |path: &std::path::Path| path.to_string_lossy().into_owned().into_bytes();
    let (cwd, broadcasts, files) = (path(&settings.cwd), path(&settings.broadcasts), path(&settings.files));
    let mut fields: Vec<&[u8]> = vec![b"init", b"driver", driver.as_bytes(), b"cwd", &cwd];
    fields.extend([b"broadcasts", &*broadcasts, b"files", &*files, b"memory", memory.as_bytes()]);
    fields.extend([b"hard_memory", hard_memory.as_bytes()]);
    fields.extend(settings.sys_path.iter().flat_map(|entry| [b"sys_path", entry.as_bytes()]));
    let scratch: Vec<_> = settings.scratch.iter().map(|folder| path(folder)).collect();
    fields.extend(scratch.iter().flat_map(|folder| [&b"scratch"[..], folder]));
    if settings.pyspark_alias {
        fields.extend([&b"pyspark_alias"[..], b"true"]);
    }
    send(&control, &fields, &[]).map_err(|_| None)?;
    let ready = poll(&mut [PollFd::new(&control, PollFlags::IN)], Some(&READY_WAIT));
    if ready.map_err(|error| WorkerError::system("wait for", error))? == 0 {
        let how = format!("it was not ready after {} s and was killed", READY_WAIT.tv_sec);
        return Err(Some(WorkerError::NotReady { python: settings.python.clone(), how }));
    }
    let message = receive(&control).map_err(|_| None)?;
    let [_, version, hash] = <[String; 3]>::try_from(message).map_err(|_| None)?;
    let numbers = version.split_once('.').and_then(|(major, minor)| Some((major.parse().ok()?, minor.parse().ok()?)));
    let theirs = numbers.zip(hash.parse().ok()).map(|(version, hash)| Interpreter { version, hash });
    match (settings.expected, theirs) {
        (Some(ours), theirs) if theirs != Some(ours) => Err(Some(misfit(settings, ours, theirs, &version))),
        _ => Ok(()),
    }
}

fn misfit(settings: &PoolSettings, ours: Interpreter, theirs: Option<Interpreter>, version: &str) -> WorkerError {
    let same_version = theirs.is_some_and(|theirs| theirs.version == ours.version);
    let theirs = if same_version { format!("{version}, which hashes text differently,") } else { version.to_string() };
    let ours = format!("{}.{}", ours.version.0, ours.version.1);
    WorkerError::Version { python: settings.python.clone(), theirs, ours }
}

/// Hears from a zygote until it ends.
struct Listener {
    control: Arc<OwnedFd>,
    workers: Arc<Mutex<Workers>>,
    child: Child,
}

impl Listener {
    fn run(mut self) {
        while let Ok(message) = receive(&*self.control)
            && !message.is_empty()
        {
            self.hear(&message);
        }
        let how = self.end();
        let mut workers = lock(&self.workers);
        workers.is_dead = true;
        for (_, fate) in workers.living.drain() {
            fate.ended(format!("the process that it was forked from ended with {how}"));
        }
    }

    fn hear(&self, message: &[String]) {
        let [kind, slot, rest] = message else { return };
        let Ok(slot) = slot.parse::<u32>() else { return };
        let mut workers = lock(&self.workers);
        match kind.as_str() {
            "forked" => {
                if let (Some(fate), Ok(pid)) = (workers.living.get(&slot), rest.parse()) {
                    fate.born(pid);
                }
            }
            "exited" => {
                let how = rest.parse().map_or_else(|_| rest.clone(), in_words);
                workers.living.remove(&slot).inspect(|fate| fate.ended(how));
            }
            "refused" => {
                workers.living.remove(&slot).inspect(|fate| fate.ended(format!("it could not be forked: {rest}")));
            }
            _ => {}
        }
    }

    /// Waits for the end of the zygote, and makes it end if it does not.
    fn end(&mut self) -> String {
        let pid = rustix::process::Pid::from_child(&self.child);
        if let Ok(process) = pidfd_open(pid, PidfdFlags::empty())
            && poll(&mut [PollFd::new(&process, PollFlags::IN)], Some(&END_WAIT)).is_ok_and(|ready| ready == 0)
        {
            let _ = self.child.kill();
        }
        self.child.wait().map_or_else(|error| error.to_string(), |status| status.to_string())
    }
}

fn lock(workers: &Mutex<Workers>) -> MutexGuard<'_, Workers> {
    workers.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Sends a message, with descriptors beside it.
fn send(control: &impl AsFd, fields: &[&[u8]], descriptors: &[BorrowedFd<'_>]) -> io::Result<()> {
    let mut message = Vec::new();
    fields.iter().for_each(|field| push_text(&mut message, field));
    let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(2))];
    let mut ancillary = SendAncillaryBuffer::new(&mut space);
    if !descriptors.is_empty() {
        ancillary.push(SendAncillaryMessage::ScmRights(descriptors));
    }
    sendmsg(control, &[IoSlice::new(&message)], &mut ancillary, SendFlags::NOSIGNAL)?;
    Ok(())
}

/// The next message; an empty one at the end.
fn receive(control: &impl AsFd) -> io::Result<Vec<String>> {
    let mut message = vec![0; MESSAGE_BYTES];
    loop {
        match recv(control, message.as_mut_slice(), RecvFlags::empty()) {
            Ok((count, _)) => return texts(&message[..count]).ok_or_else(|| io::ErrorKind::InvalidData.into()),
            Err(rustix::io::Errno::INTR) => {}
            Err(error) => return Err(error.into()),
        }
    }
}
