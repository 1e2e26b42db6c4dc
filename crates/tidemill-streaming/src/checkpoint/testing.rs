//! For tests of what is durable: a disk in memory that crashes when it is told to, and storage without a disk.
//!
//! ```
//! use tidemill_streaming::checkpoint::storage::{LocalStorage, Storage};
//! use tidemill_streaming::checkpoint::testing::SimulatedDisk;
//!
//! let disk = SimulatedDisk::new();
//! let storage = disk.open()?;
//! storage.put("a", b"kept")?;
//! disk.crash_at(disk.operations() + 5); // Its fourth operation is the renaming, the fifth makes that durable.
//! assert!(storage.put("a", b"lost, perhaps").is_err());
//! assert_eq!(disk.history().last().unwrap(), "sync the folder .");
//! disk.crash(7);
//! assert!(matches!(&disk.open()?.read("a")?[..], b"kept" | b"lost, perhaps"));
//! # Ok::<(), tidemill_streaming::checkpoint::storage::StorageError>(())
//! ```

mod disk;
mod memory;
mod random;

pub use disk::{Fault, SimulatedDisk};
pub use memory::MemoryStorage;
pub use random::Random;
