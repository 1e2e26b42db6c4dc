//! The one thread on which requests run.

use std::io;
use std::sync::mpsc::sync_channel;
use std::thread::JoinHandle;

use tokio::runtime::{Builder, Handle};
use tokio::sync::oneshot;

/// Runs requests on a thread of its own until it is dropped.
pub(crate) struct Runtime {
    handle: Handle,
    stop: Option<oneshot::Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl Runtime {
    pub(crate) fn start() -> io::Result<Runtime> {
        let runtime = Builder::new_current_thread().enable_all().build()?;
        let handle = runtime.handle().clone();
        let (stop, stopped) = oneshot::channel();
        let run = move || drop(runtime.block_on(stopped));
        let thread = std::thread::Builder::new().name("tidemill-remote".into()).spawn(run)?;
        Ok(Runtime { handle, stop: Some(stop), thread: Some(thread) })
    }

    /// Where libraries start tasks of their own.
    #[cfg(feature = "hdfs")]
    pub(crate) fn handle(&self) -> Handle {
        self.handle.clone()
    }

    /// Waits for what a future gives. It may be called from any thread, also one that belongs to another runtime.
    pub(crate) fn run<T: Send + 'static>(&self, future: impl Future<Output = T> + Send + 'static) -> io::Result<T> {
        let (sender, receiver) = sync_channel(1);
        self.handle.spawn(async move {
            let _ = sender.send(future.await); // There is room, and the receiver waits.
        });
        receiver.recv().map_err(|_| io::Error::other("the thread of requests to other machines has ended"))
    }
}

impl Drop for Runtime {
    fn drop(&mut self) {
        drop(self.stop.take());
        if let Some(thread) = self.thread.take() {
            let _ = thread.join(); // A panic there was told when it happened.
        }
    }
}
