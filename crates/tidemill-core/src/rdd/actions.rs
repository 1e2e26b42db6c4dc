//! Actions: what runs jobs and brings results to the driver.

mod approximate;
mod collect;
mod count;
mod count_approx_distinct;
mod count_by_value;
mod fold;
mod foreach;
mod histogram;
mod into_vec;
mod local_iterator;
mod numbers;
mod ordered;
mod reduce;
mod run;
mod run_job;
mod save_as_object_file;
mod save_as_text_file;
mod start_collect;
mod take;
mod take_sample;
mod tree;

pub use approximate::BoundedFloat;
pub use local_iterator::LocalElements;
pub use numbers::Number;
pub(crate) use run::{Drawn, Partial, run_job, run_job_within, run_last_job};
pub use start_collect::Collecting;
