//! Services: what runs beside the tasks for as long as a program needs it, as receivers do.

use std::io;
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;

/// Long-lived work that takes no task slot.
pub trait Service: Send + Sync + 'static {
    /// What its thread is called.
    fn name(&self) -> String;
    /// Does the work; returns soon after [`stop`](Service::stop) was called.
    fn run(&self);
    /// Asks `run` to return. Called from another thread, perhaps before `run` began, perhaps more than once.
    fn stop(&self);
}

/// A service that was started. Dropping the handle lets it run on.
pub struct ServiceHandle {
    service: Arc<dyn Service>,
    thread: Mutex<Option<JoinHandle<()>>>,
}

impl ServiceHandle {
    /// Runs `service` on a thread of this process: what a backend without other homes does.
    pub fn on_thread(service: Arc<dyn Service>) -> io::Result<ServiceHandle> {
        let running = Arc::clone(&service);
        let thread = std::thread::Builder::new().name(service.name()).spawn(move || running.run())?;
        Ok(ServiceHandle { service, thread: Mutex::new(Some(thread)) })
    }

    /// Asks the service to end and waits until it has. More calls do nothing.
    pub fn stop(&self) {
        self.service.stop();
        let thread = self.thread.lock().unwrap_or_else(PoisonError::into_inner).take();
        if thread.is_some_and(|thread| thread.join().is_err()) {
            tracing::error!(service = self.service.name(), "A service ended by a panic.");
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc::{Receiver, SyncSender, sync_channel};

    use super::*;

    /// Says that it runs, then waits to be stopped.
    struct Waiting {
        runs: SyncSender<()>,
        stopped: (SyncSender<()>, Mutex<Receiver<()>>),
    }

    impl Service for Waiting {
        fn name(&self) -> String {
            "waiting".into()
        }

        fn run(&self) {
            self.runs.send(()).unwrap();
            self.stopped.1.lock().unwrap().recv().unwrap();
        }

        fn stop(&self) {
            let _ = self.stopped.0.try_send(()); // full: it was told already
        }
    }

    #[test]
    fn a_service_runs_until_it_is_stopped() {
        let (runs, running) = sync_channel(1);
        let (tell, told) = sync_channel(1);
        let handle = ServiceHandle::on_thread(Arc::new(Waiting { runs, stopped: (tell, Mutex::new(told)) })).unwrap();
        running.recv().unwrap();
        handle.stop();
        assert!(handle.thread.lock().unwrap().is_none());
        handle.stop();
    }
}
