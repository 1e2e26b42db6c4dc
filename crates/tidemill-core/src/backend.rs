//! Backends: what runs jobs. `LocalBackend` is the embedded default.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use crate::ShuffleId;
use crate::job::{Cancel, Job, JobHandle};
use crate::service::{Service, ServiceHandle};
use crate::task::JobId;

mod local;
mod news;

pub use local::{LocalBackend, LocalSettings};
pub use news::News;

/// Runs jobs. Nothing else starts work on behalf of users.
pub trait Backend: Cancel + Send + Sync {
    /// Starts a job and returns at once.
    fn submit(&self, job: Job) -> JobHandle;

    /// Starts what is long-lived, outside the task slots, on the executor called `home` if there is one of that name.
    ///
    /// # Errors
    /// What keeps it from starting, like a thread that cannot be had; or, for a home elsewhere, that it cannot travel there.
    fn start_service(&self, service: Arc<dyn Service>, _home: Option<&str>) -> io::Result<ServiceHandle> {
        ServiceHandle::on_thread(service)
    }

    /// How many tasks it runs at a time.
    fn slots(&self) -> usize;

    /// Whether all that a shuffle's map tasks write is there.
    fn is_written(&self, shuffle: ShuffleId) -> bool;

    /// The jobs that are not over yet.
    fn active_jobs(&self) -> Vec<JobId>;

    /// How many threads were given up, and replaced, because user code on them did not return.
    fn threads_replaced(&self) -> u64 {
        0
    }

    /// Ends all jobs and threads. Tasks whose user code does not return within `limit` are left behind; their threads'
    /// names are returned.
    fn stop(&self, limit: Duration) -> Vec<String>;
}
