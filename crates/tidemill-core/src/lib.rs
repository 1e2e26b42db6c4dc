//! The engine under Tidemill.
pub mod block;
pub mod clock;
pub mod element;
pub mod event;
pub mod failure;
pub mod log;
pub mod master;
pub mod runs;
pub mod settings;

pub use block::{BlockId, RddId, ShuffleId};
pub use clock::{Clock, ManualClock, SystemClock, Timestamp, Wake, Woken};
pub use element::{Element, Key, Local};
pub use event::{ConsoleProgress, Event, EventBus, Listener, ListenerHandle};
pub use failure::{Cause, Stop};
pub use log::{LogLevel, UnknownLevel, set_log_level};
pub use master::{Master, MasterError};
pub use runs::{BoxRuns, Runs, run_len};
pub use settings::{Config, SettingError, SettingKey, Settings};
