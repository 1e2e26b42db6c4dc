//! The engine under Tidemill.
pub mod block;
pub mod element;
pub mod failure;
pub mod groups;
pub mod memory;
pub mod runs;
pub mod sorter;
pub mod spill;
pub mod table;
pub mod weight;

pub use block::{BlockId, RddId, ShuffleId};
pub use element::{Element, Key, Local};
pub use failure::{Cause, Stop};
pub use runs::{BoxRuns, Runs, run_len};
