//! Storage levels: where persisted partitions are kept.

use std::fmt;

use serde::{Deserialize, Serialize};

/// Where persisted partitions are kept: Spark's `StorageLevel`.
///
/// On one machine two of Spark's choices mean nothing and are only remembered: values in memory are never serialised,
/// whatever `deserialized` says, and a partition is kept once, whatever `replication` says. Off-heap memory is memory.
///
/// ```
/// use tidemill_core::StorageLevel;
///
/// assert_eq!(StorageLevel::MEMORY_AND_DISK.to_string(), "Disk Memory Deserialized 1x Replicated");
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct StorageLevel {
    /// Partitions may be on disk.
    pub use_disk: bool,
    /// Partitions may be in memory.
    pub use_memory: bool,
    /// The memory is outside the JVM's heap; without meaning here.
    pub use_off_heap: bool,
    /// Values in memory are not serialised; without meaning here.
    pub deserialized: bool,
    /// On how many machines partitions are kept; without meaning here.
    pub replication: u8,
}

impl StorageLevel {
    /// Nowhere.
    pub const NONE: StorageLevel = StorageLevel::new(false, false, false, false, 1);
    /// On disk.
    pub const DISK_ONLY: StorageLevel = StorageLevel::new(true, false, false, false, 1);
    /// On disk, twice.
    pub const DISK_ONLY_2: StorageLevel = StorageLevel::new(true, false, false, false, 2);
    /// On disk, three times.
    pub const DISK_ONLY_3: StorageLevel = StorageLevel::new(true, false, false, false, 3);
    /// In memory; what does not fit is computed again. What `cache` means.
    pub const MEMORY_ONLY: StorageLevel = StorageLevel::new(false, true, false, true, 1);
    /// In memory, twice.
    pub const MEMORY_ONLY_2: StorageLevel = StorageLevel::new(false, true, false, true, 2);
    /// In memory, serialised.
    pub const MEMORY_ONLY_SER: StorageLevel = StorageLevel::new(false, true, false, false, 1);
    /// In memory, serialised, twice.
    pub const MEMORY_ONLY_SER_2: StorageLevel = StorageLevel::new(false, true, false, false, 2);
    /// In memory; what does not fit goes to disk.
    pub const MEMORY_AND_DISK: StorageLevel = StorageLevel::new(true, true, false, true, 1);
    /// In memory or on disk, twice.
    pub const MEMORY_AND_DISK_2: StorageLevel = StorageLevel::new(true, true, false, true, 2);
    /// In memory, serialised; what does not fit goes to disk.
    pub const MEMORY_AND_DISK_SER: StorageLevel = StorageLevel::new(true, true, false, false, 1);
    /// In memory or on disk, serialised, twice.
    pub const MEMORY_AND_DISK_SER_2: StorageLevel = StorageLevel::new(true, true, false, false, 2);
    /// In memory, not serialised; what does not fit goes to disk (PySpark's name).
    pub const MEMORY_AND_DISK_DESER: StorageLevel = StorageLevel::MEMORY_AND_DISK;
    /// In memory outside the JVM's heap; what does not fit goes to disk.
    pub const OFF_HEAP: StorageLevel = StorageLevel::new(true, true, true, false, 1);

    /// A level by its five properties, in Spark's order (behaviour 1.66).
    pub const fn new(
        use_disk: bool,
        use_memory: bool,
        use_off_heap: bool,
        deserialized: bool,
        replication: u8,
    ) -> StorageLevel {
        StorageLevel { use_disk, use_memory, use_off_heap, deserialized, replication }
    }

    /// Whether anything is kept at all.
    pub fn keeps(&self) -> bool {
        self.use_disk || self.use_memory
    }
}

/// As PySpark prints it.
impl fmt::Display for StorageLevel {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let places = [(self.use_disk, "Disk "), (self.use_memory, "Memory "), (self.use_off_heap, "OffHeap ")];
        places.iter().filter(|(used, _)| *used).try_for_each(|(_, name)| f.write_str(name))?;
        let form = if self.deserialized { "Deserialized" } else { "Serialized" };
        write!(f, "{form} {}x Replicated", self.replication)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn levels_print_as_in_spark() {
        // behaviour 1.66
        let cases = [
            (StorageLevel::NONE, "Serialized 1x Replicated"),
            (StorageLevel::DISK_ONLY_3, "Disk Serialized 3x Replicated"),
            (StorageLevel::MEMORY_ONLY_SER, "Memory Serialized 1x Replicated"),
            (StorageLevel::MEMORY_AND_DISK_SER_2, "Disk Memory Serialized 2x Replicated"),
            (StorageLevel::OFF_HEAP, "Disk Memory OffHeap Serialized 1x Replicated"),
        ];
        for (level, text) in cases {
            assert_eq!(level.to_string(), text);
            assert_eq!(level.keeps(), level != StorageLevel::NONE);
        }
    }
}
