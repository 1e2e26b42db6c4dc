//! Actions: what runs jobs and brings results to the driver.

mod collect;
mod count;
mod foreach;
mod run;

pub(crate) use run::run_job;
