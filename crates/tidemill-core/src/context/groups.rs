//! Job groups, local properties and cancelling.

use std::sync::Arc;

use super::{ActiveJob, Context, PROPERTIES};
use crate::task::Properties;

/// The property that holds a job's group, as in Spark.
pub(crate) const GROUP_PROPERTY: &str = "spark.jobGroup.id";
/// The property that holds a job's description, as in Spark.
pub(crate) const DESCRIPTION_PROPERTY: &str = "spark.job.description";

impl Context {
    /// Puts the jobs that this thread submits from now on into a group: Spark's `setJobGroup`.
    ///
    /// ```
    /// let context = tidemill_core::Context::local(1)?;
    /// context.set_job_group("nightly", "counts of the day");
    /// assert_eq!(context.local_property("spark.jobGroup.id").as_deref(), Some("nightly"));
    /// context.cancel_job_group("nightly");
    /// # Ok::<(), tidemill_core::Error>(())
    /// ```
    pub fn set_job_group(&self, group: &str, description: &str) {
        self.set_local_property(GROUP_PROPERTY, Some(group));
        self.set_local_property(DESCRIPTION_PROPERTY, Some(description));
    }

    /// Runs `work` with its jobs in a group, then sets this thread's local properties as they were before.
    ///
    /// ```
    /// let context = tidemill_core::Context::local(1)?;
    /// let count = context.with_job_group("nightly", "counts of the day", || context.parallelize(0..10, 2).count())?;
    /// assert_eq!((count, context.local_property("spark.jobGroup.id")), (10, None));
    /// # Ok::<(), tidemill_core::Error>(())
    /// ```
    pub fn with_job_group<R>(&self, group: &str, description: &str, work: impl FnOnce() -> R) -> R {
        struct Restore<'a>(&'a Context, Arc<Properties>);
        impl Drop for Restore<'_> {
            fn drop(&mut self) {
                self.0.set_local_properties(Arc::clone(&self.1));
            }
        }
        let _restore = Restore(self, self.local_properties());
        self.set_job_group(group, description);
        work()
    }

    /// Describes the jobs that this thread submits from now on: Spark's `setJobDescription`.
    pub fn set_job_description(&self, description: &str) {
        self.set_local_property(DESCRIPTION_PROPERTY, Some(description));
    }

    /// Sets or removes a property of the jobs that this thread submits from now on; tasks read it by
    /// `TaskContext::local_property`.
    pub fn set_local_property(&self, name: &str, value: Option<&str>) {
        let mut properties = Properties::clone(&self.local_properties());
        match value {
            Some(value) => properties.insert(name.to_string(), value.to_string()),
            None => properties.remove(name),
        };
        PROPERTIES.with_borrow_mut(|held| held.insert(self.id(), Arc::new(properties)));
    }

    /// A local property of this thread.
    pub fn local_property(&self, name: &str) -> Option<String> {
        self.local_properties().get(name).cloned()
    }

    /// All local properties of this thread.
    pub fn local_properties(&self) -> Arc<Properties> {
        PROPERTIES.with_borrow(|held| held.get(&self.id()).cloned()).unwrap_or_default()
    }

    /// Replaces all local properties of this thread; how a streaming context hands on those of the thread that started it.
    pub fn set_local_properties(&self, properties: Arc<Properties>) {
        PROPERTIES.with_borrow_mut(|held| held.insert(self.id(), properties));
    }

    /// The numbers of the jobs that are not over yet, in order of submission: Spark's `StatusTracker.getActiveJobsIds`. What
    /// jobs do, and did, is told by events: see [`Context::events`].
    ///
    /// ```
    /// let context = tidemill_core::Context::local(1)?;
    /// context.parallelize(0..10, 2).count()?;
    /// assert!(context.active_jobs().is_empty());
    /// # Ok::<(), tidemill_core::Error>(())
    /// ```
    pub fn active_jobs(&self) -> Vec<u64> {
        self.active_jobs_where(|_| true)
    }

    /// The numbers of the jobs of a group that are not over yet, in order of submission: of Spark's
    /// `StatusTracker.getJobIdsForGroup` those that still run.
    pub fn active_jobs_of_group(&self, group: &str) -> Vec<u64> {
        self.active_jobs_where(|properties| is_of_group(properties, group))
    }

    fn active_jobs_where(&self, which: impl Fn(&Properties) -> bool) -> Vec<u64> {
        let active = self.active();
        let runs = |job: &ActiveJob| job.handle.as_ref().is_none_or(|handle| handle.outcome().is_none());
        let chosen = active.iter().filter(|(_, job)| runs(job) && which(&job.properties));
        let mut ids: Vec<u64> = chosen.map(|(id, _)| id.0).collect();
        ids.sort_unstable();
        ids
    }

    /// Cancels the jobs of a group that are not over yet: Spark's `cancelJobGroup`. Their callers get an error at once.
    pub fn cancel_job_group(&self, group: &str) {
        self.cancel_jobs(|properties| is_of_group(properties, group));
    }

    /// Cancels all jobs that are not over yet: Spark's `cancelAllJobs`.
    pub fn cancel_all_jobs(&self) {
        self.cancel_jobs(|_| true);
    }

    pub(super) fn cancel_jobs(&self, which: impl Fn(&Properties) -> bool) {
        let chosen: Vec<_> = {
            let mut active = self.active();
            let jobs = active.values_mut().filter(|job| which(&job.properties));
            jobs.filter_map(|job| {
                job.cancelled = true;
                job.handle.clone()
            })
            .collect()
        };
        chosen.iter().for_each(|handle| handle.cancel());
    }
}

fn is_of_group(properties: &Properties, group: &str) -> bool {
    properties.get(GROUP_PROPERTY).is_some_and(|held| held == group)
}
