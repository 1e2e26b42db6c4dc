//! `DirectSource`: a source that keeps its records, in partitions, each with its offset.

use std::collections::BTreeMap;
use std::error::Error as StdError;
use std::fmt;

use serde::{Deserialize, Serialize};
use tidemill_core::Element;
use tidemill_core::rdd::PartSource;

/// For each partition an offset.
pub type Offsets<P> = BTreeMap<P, u64>;

/// Records of one partition that follow each other: Spark's `OffsetRange`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct OffsetRange<P> {
    /// The partition of the source.
    pub partition: P,
    /// The offset of the first record.
    pub from: u64,
    /// The offset behind the last record.
    pub until: u64,
}

impl<P> OffsetRange<P> {
    /// How many records it holds, if every offset has one.
    pub fn len(&self) -> u64 {
        self.until.saturating_sub(self.from)
    }

    /// Whether it holds none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

/// As Spark describes it: `topic: words  partition: 0  offsets: 5 to 9`, with tabs between.
impl<P: fmt::Display> fmt::Display for OffsetRange<P> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}\toffsets: {} to {}", self.partition, self.from, self.until)
    }
}

/// A source that keeps its records, so that a batch is a range of offsets in each partition, and can be read again: a topic
/// of Kafka, the files of a log, a table with a growing key.
///
/// The driver asks it for the latest offsets, and tasks read exact ranges. The source itself is data, like the addresses
/// of servers: it travels to the tasks, and each connects for itself.
pub trait DirectSource: Element {
    /// Names a partition: prints as what it is, `topic: words  partition: 0`.
    type Partition: Element + Ord + fmt::Display;
    /// The records.
    type Item: 'static;
    /// Why it cannot be asked or read, in words that name it.
    type Error: StdError + Send + Sync + 'static;

    /// For each partition the offset that its next record will have. It is asked at every batch time, by the thread that
    /// closes batches, so it should not wait long. A partition that it leaves out is left out of the batch.
    ///
    /// # Errors
    /// The batch fails, with this error; the next one asks again and goes on from where the last batch ended, so that no
    /// record is skipped. With a checkpoint a restart runs the batch again: with what it can be told then, if no later batch
    /// has it.
    fn latest(&self) -> Result<Offsets<Self::Partition>, Self::Error>;

    /// The offset of the first record that a partition still has: where a partition begins that is new, or for which the
    /// stream was given no start. 0 unless the source says otherwise.
    ///
    /// # Errors
    /// As of [`latest`](DirectSource::latest).
    fn earliest(&self, _partition: &Self::Partition) -> Result<u64, Self::Error> {
        Ok(0)
    }

    /// The records of a range, in order, read as they are drawn. Runs in a task; the same range gives the same records.
    ///
    /// # Errors
    /// The task fails, and is tried again as any other; so it does when the iterator yields an error.
    fn read(
        &self,
        range: OffsetRange<Self::Partition>,
    ) -> Result<impl Iterator<Item = Result<Self::Item, Self::Error>> + 'static, Self::Error>;
}

/// A direct source as one that reads parts.
#[derive(Clone, Serialize, Deserialize)]
pub(super) struct Ranges<S>(pub(super) S);

impl<S: DirectSource> PartSource for Ranges<S> {
    type Part = OffsetRange<S::Partition>;
    type Item = S::Item;
    type Error = S::Error;

    fn read(
        &self,
        range: OffsetRange<S::Partition>,
    ) -> Result<impl Iterator<Item = Result<S::Item, S::Error>> + 'static, S::Error> {
        self.0.read(range)
    }
}
