//! Services: what runs beside the tasks for as long as a program needs it, as receivers do.

use std::io;
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;

use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::ship::{Decoded, Decoder, Encoder, NotShippable, ShipError};

/// Long-lived work that takes no task slot.
pub trait Service: Send + Sync + 'static {
    /// What its thread is called.
    fn name(&self) -> String;
    /// Does the work; returns soon after [`stop`](Service::stop) was called.
    fn run(&self);
    /// Asks `run` to return. Called from another thread, perhaps before `run` began, perhaps more than once.
    fn stop(&self);
    /// Writes it for another process, as the last entry of a table, which that process decodes as an `Arc<dyn Service>`.
    /// A service that says nothing else stays in its process.
    fn encode(&self, _: &mut Encoder) -> Result<(), NotShippable> {
        Err(NotShippable::because(format!(
            "the service {} runs in the driver only; where it has to run elsewhere, its `Service::encode` must say how",
            self.name()
        )))
    }
}

/// Writes a service that is plain data: what its [`Service::encode`] calls if it can run elsewhere.
pub fn encode_as_data<S>(service: &S, out: &mut Encoder) -> Result<(), NotShippable>
where
    S: Service + Serialize + DeserializeOwned,
{
    out.entry::<S>(decode_data::<S>, service).map(|_| ())
}

fn decode_data<S: Service + DeserializeOwned>(decoder: &mut Decoder) -> Result<Decoded, ShipError> {
    let service: Arc<dyn Service> = Arc::new(decoder.value::<S, S>()?);
    Ok(Box::new(service))
}

/// A service that was started. Dropping the handle lets it run on.
pub struct ServiceHandle {
    /// Taken by the first call of `stop`.
    running: Mutex<Option<Running>>,
}

enum Running {
    Here(Arc<dyn Service>, JoinHandle<()>),
    Elsewhere(Box<dyn FnOnce() + Send>),
}

impl ServiceHandle {
    /// Runs `service` on a thread of this process: what a backend without other homes does.
    pub fn on_thread(service: Arc<dyn Service>) -> io::Result<ServiceHandle> {
        let running = Arc::clone(&service);
        let thread = std::thread::Builder::new().name(service.name()).spawn(move || running.run())?;
        Ok(ServiceHandle { running: Mutex::new(Some(Running::Here(service, thread))) })
    }

    /// The handle of a service that runs in another process; `stop` asks it to end and waits until it has.
    pub fn elsewhere(stop: impl FnOnce() + Send + 'static) -> ServiceHandle {
        ServiceHandle { running: Mutex::new(Some(Running::Elsewhere(Box::new(stop)))) }
    }

    /// Asks the service to end and waits until it has. More calls do nothing.
    pub fn stop(&self) {
        let running = self.running.lock().unwrap_or_else(PoisonError::into_inner).take();
        match running {
            Some(Running::Here(service, thread)) => {
                service.stop();
                if thread.join().is_err() {
                    tracing::error!(service = service.name(), "A service ended by a panic.");
                }
            }
            Some(Running::Elsewhere(stop)) => stop(),
            None => {}
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
        assert!(handle.running.lock().unwrap().is_none());
        handle.stop();
    }
}
