//! The engine under Tidemill.
pub mod block;
pub mod element;
pub mod failure;
pub mod files;
pub mod runs;

pub use block::{BlockId, RddId, ShuffleId};
pub use element::{Element, Key, Local};
pub use failure::{Cause, Stop};
pub use runs::{BoxRuns, Runs, run_len};
