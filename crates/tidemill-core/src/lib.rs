//! The engine under Tidemill.
pub mod block;
pub mod clock;
pub mod element;
pub mod failure;
<<<<<<< HEAD
pub mod hash;
=======
pub mod groups;
>>>>>>> h-memory
pub mod runs;
pub mod text;
pub mod log;
pub mod master;
pub mod runs;
pub mod settings;
pub mod memory;
pub mod runs;
pub mod spill;
pub mod weight;

pub use block::{BlockId, RddId, ShuffleId};
pub use clock::{Clock, ManualClock, SystemClock, Timestamp, Wake, Woken};
pub use element::{Element, Key, Local};
pub use failure::{Cause, Stop};
pub use hash::HashSeed;
pub use runs::{BoxRuns, Runs, run_len};
pub use text::{Text, TextBlock};
pub use log::{LogLevel, UnknownLevel, set_log_level};
pub use master::{Master, MasterError};
pub use runs::{BoxRuns, Runs, run_len};
pub use settings::{Config, SettingError, SettingKey, Settings};
