//! Layouts of Python RDDs: partitioners that the engine tells apart and never asks.

use serde::{Deserialize, Serialize};
use tidemill_core::layout::{Layout, Partitioner};
use tidemill_core::{Error, Rdd};

/// A partitioner of Python's: its name there, and how many partitions it has. Workers ask the partitioner itself.
#[derive(Clone, Serialize, Deserialize)]
struct Opaque {
    name: Vec<u8>,
    partitions: usize,
}

impl Partitioner<()> for Opaque {
    fn partitions(&self) -> usize {
        self.partitions
    }

    /// A number that no partition has, which fails whoever asks.
    fn partition(&self, (): &()) -> usize {
        usize::MAX
    }
}

/// The layout of that name: equal names and numbers of partitions make equal layouts.
///
/// # Errors
/// There are no partitions.
#[track_caller]
pub fn opaque_layout(name: Vec<u8>, partitions: usize) -> Result<Layout, Error> {
    Layout::by::<(), Opaque>(Opaque { name, partitions })
}

/// The name of an RDD's layout.
pub fn layout_of<T>(rdd: &Rdd<T>) -> Option<Vec<u8>> {
    rdd.layout()?.partitioner::<Opaque>().map(|opaque| opaque.name)
}
