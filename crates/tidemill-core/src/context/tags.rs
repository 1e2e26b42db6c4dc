//! Job tags: marks by which jobs can be cancelled, any number of them on one job.

use std::collections::BTreeSet;

use super::Context;
use crate::Cause;
use crate::error::Error;
use crate::lineage::Operator;
use crate::task::Properties;

/// The property that holds a job's tags, as in Spark.
const TAGS_PROPERTY: &str = "spark.job.tags";
/// What stands between two tags of the property.
const SEPARATOR: char = ',';

impl Context {
    /// Adds a tag to the jobs that this thread submits from now on: Spark's `addJobTag`. An empty tag, and one with a comma,
    /// is an error.
    ///
    /// ```
    /// let context = tidemill_core::Context::local(1)?;
    /// context.add_job_tag("nightly")?;
    /// context.add_job_tag("counts")?;
    /// assert!(context.job_tags().into_iter().eq(["counts", "nightly"]));
    /// context.remove_job_tag("nightly");
    /// assert!(context.job_tags().into_iter().eq(["counts"]));
    /// context.cancel_jobs_with_tag("counts");
    /// # Ok::<(), tidemill_core::Error>(())
    /// ```
    #[track_caller]
    pub fn add_job_tag(&self, tag: &str) -> Result<(), Error> {
        let operator = Operator::here("add_job_tag"); // not in the closure: it would be the caller
        let refused = |why: &str| Err(Error::driver(&operator, Cause::Invalid(why.into())));
        if tag.is_empty() {
            return refused("a job tag cannot be empty; use `clear_job_tags` to remove all tags");
        }
        if tag.contains(SEPARATOR) {
            return refused("a job tag cannot contain a comma; add two tags one by one");
        }
        let mut tags = self.job_tags();
        tags.insert(tag.to_string());
        self.set_job_tags(&tags);
        Ok(())
    }

    /// Takes a tag from the jobs that this thread submits from now on: Spark's `removeJobTag`. One that was not added
    /// changes nothing.
    pub fn remove_job_tag(&self, tag: &str) {
        let mut tags = self.job_tags();
        tags.remove(tag);
        self.set_job_tags(&tags);
    }

    /// The tags of the jobs that this thread submits: Spark's `getJobTags`.
    pub fn job_tags(&self) -> BTreeSet<String> {
        tags_of(&self.local_properties()).map(String::from).collect()
    }

    /// Takes all tags from the jobs that this thread submits from now on: Spark's `clearJobTags`.
    pub fn clear_job_tags(&self) {
        self.set_local_property(TAGS_PROPERTY, None);
    }

    /// Cancels the jobs with a tag that are not over yet: Spark's `cancelJobsWithTag`. Their callers get an error at once.
    pub fn cancel_jobs_with_tag(&self, tag: &str) {
        self.cancel_jobs(|properties| tags_of(properties).any(|held| held == tag));
    }

    fn set_job_tags(&self, tags: &BTreeSet<String>) {
        let tags: Vec<&str> = tags.iter().map(String::as_str).collect();
        let joined = tags.join(&SEPARATOR.to_string());
        self.set_local_property(TAGS_PROPERTY, Some(joined.as_str()).filter(|joined| !joined.is_empty()));
    }
}

fn tags_of(properties: &Properties) -> impl Iterator<Item = &str> {
    let tags = properties.get(TAGS_PROPERTY).map_or("", String::as_str);
    tags.split(SEPARATOR).filter(|tag| !tag.is_empty())
}
