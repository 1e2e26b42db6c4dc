//! Actions: what runs jobs and brings results to the driver.

mod collect;
mod count;
mod foreach;
mod run;
mod save_as_text_file;

pub(crate) use run::run_job;
