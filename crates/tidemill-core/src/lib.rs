//! The engine under Tidemill.
pub mod block;
pub mod element;
pub mod failure;
<<<<<<< HEAD
pub mod hash;
=======
pub mod groups;
>>>>>>> h-memory
pub mod runs;
pub mod text;

pub use block::{BlockId, RddId, ShuffleId};
pub use element::{Element, Key, Local};
pub use failure::{Cause, Stop};
pub use hash::HashSeed;
pub use runs::{BoxRuns, Runs, run_len};
pub use text::{Text, TextBlock};
