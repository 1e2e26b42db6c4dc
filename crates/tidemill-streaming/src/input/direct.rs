//! `direct_stream`: a source that keeps its records, read by exact ranges of offsets.
//!
//! At its time a batch gets a range of each partition, from where the last batch ended to what there is now. The range is
//! all that a batch is: whenever it is run, it reads the same records.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Deref;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use tidemill_core::lineage::Operator;
use tidemill_core::{Cause, Timestamp};

use crate::context::StreamingContext;
use crate::dstream::{Compute, Computed, DStream};
use crate::error::Error;
use crate::event::{BatchInfo, InputInfo};
use crate::input::direct::limits::{Limits, shares};
use crate::input::direct::source::Ranges;
use crate::input::direct::wanted::WantedRate;
use crate::input::{Input, InputId};

mod limits;
mod source;
mod wanted;

pub use source::{DirectSource, OffsetRange, Offsets};

/// Where a direct stream begins.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Start<P> {
    /// With the first record that each partition still has.
    Earliest,
    /// With what comes after the start of the context. The source must be there then.
    Latest,
    /// At these offsets; a partition that is not among them begins with its first record.
    At(Offsets<P>),
}

/// How many records a batch of a direct stream may hold, besides what back-pressure wants.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DirectOptions {
    limits: Limits,
}

impl DirectOptions {
    /// All that there is.
    pub fn new() -> DirectOptions {
        DirectOptions { limits: Limits { rate_max: 0, records_min: 1 } }
    }

    /// No partition gives more records a second, on average over a batch: Spark's
    /// `spark.streaming.kafka.maxRatePerPartition`. 0 is no limit.
    #[must_use]
    pub fn max_rate_per_partition(self, records_a_second: u64) -> DirectOptions {
        DirectOptions { limits: Limits { rate_max: records_a_second, ..self.limits } }
    }

    /// Each partition may give this many records to a batch, however low the rate is: Spark's
    /// `spark.streaming.kafka.minRatePerPartition`. 1 where this is not called.
    #[must_use]
    pub fn min_records_per_partition(self, records: u64) -> DirectOptions {
        DirectOptions { limits: Limits { records_min: records, ..self.limits } }
    }
}

impl Default for DirectOptions {
    fn default() -> DirectOptions {
        DirectOptions::new()
    }
}

impl StreamingContext {
    /// The records of a source that keeps them, from `start` on: what Spark's `KafkaUtils.createDirectStream` is to Kafka.
    ///
    /// At its time each batch gets what the source has then and no batch had before. Each range is a partition of its RDD;
    /// partitions of the source without new records have none. Listeners are told the number of records and the ranges
    /// (behaviour 1.63). Where `spark.streaming.backpressure.enabled` is set, batches hold what earlier ones could deal with
    /// (behaviour 2.30), shared among the partitions by how much waits in each.
    ///
    /// | batch | the source has | out |
    /// | --- | --- | --- |
    /// | 1 | partition 0 up to offset 3 | records 0 to 2 |
    /// | 2 | it cannot be asked | the batch fails, no record is lost |
    /// | 3 | partition 0 up to offset 5 | records 3 and 4 |
    ///
    /// ```
    /// use std::convert::Infallible;
    /// use tidemill_streaming::input::{DirectSource, OffsetRange, Offsets, Start};
    /// use tidemill_streaming::testing::TestContext;
    ///
    /// /// One partition, called "squares", that has 5 records.
    /// #[derive(Clone, serde::Serialize, serde::Deserialize)]
    /// struct Squares;
    ///
    /// impl DirectSource for Squares {
    ///     type Partition = String;
    ///     type Item = u64;
    ///     type Error = Infallible;
    ///
    ///     fn latest(&self) -> Result<Offsets<String>, Infallible> {
    ///         Ok(Offsets::from([("squares".to_string(), 5)]))
    ///     }
    ///
    ///     fn read(
    ///         &self,
    ///         range: OffsetRange<String>,
    ///     ) -> Result<impl Iterator<Item = Result<u64, Infallible>> + 'static, Infallible> {
    ///         Ok((range.from..range.until).map(|offset| Ok(offset * offset)))
    ///     }
    /// }
    ///
    /// let test = TestContext::new();
    /// let squares = test.streaming().direct_stream(Squares, Start::At(Offsets::from([("squares".to_string(), 2)])));
    /// let seen = test.collect(&squares);
    /// test.tick()?;
    /// test.tick()?;
    /// assert_eq!(seen.values(), [vec![4, 9, 16], vec![]]);
    /// # Ok::<(), tidemill_streaming::Error>(())
    /// ```
    #[track_caller]
    pub fn direct_stream<S: DirectSource>(&self, source: S, start: Start<S::Partition>) -> DirectStream<S> {
        self.direct_stream_with(source, start, DirectOptions::new())
    }

    /// [`direct_stream`](StreamingContext::direct_stream) whose batches hold no more than `options` allow.
    #[track_caller]
    pub fn direct_stream_with<S: DirectSource>(
        &self,
        source: S,
        start: Start<S::Partition>,
        options: DirectOptions,
    ) -> DirectStream<S> {
        let operator = Operator::here("direct_stream");
        let interval = self.interval();
        let next = if let Start::At(offsets) = &start { offsets.clone() } else { Offsets::new() };
        let state = Mutex::new(State { next, batches: BTreeMap::new(), unknown: BTreeSet::new() });
        let input = self.add_input(|id| {
            let begins_latest = start == Start::Latest;
            let wanted = WantedRate::new(id.stream, self.context().config(), interval);
            Arc::new(DirectInput {
                id,
                operator,
                source: Ranges(source),
                begins_latest,
                options,
                wanted,
                interval,
                state,
            })
        });
        let stream = self.stream("direct_stream", Direct(Arc::clone(&input)));
        DirectStream { stream, input }
    }
}

/// A stream of a source that keeps its records. It is used like the stream of the records, and knows the ranges of each
/// batch, as Spark's `HasOffsetRanges` does: an output that stores them together with its results, in one transaction, has
/// each record exactly once.
pub struct DirectStream<S: DirectSource> {
    stream: DStream<S::Item>,
    input: Arc<DirectInput<S>>,
}

impl<S: DirectSource> Clone for DirectStream<S> {
    fn clone(&self) -> Self {
        DirectStream { stream: self.stream.clone(), input: Arc::clone(&self.input) }
    }
}

impl<S: DirectSource> Deref for DirectStream<S> {
    type Target = DStream<S::Item>;

    fn deref(&self) -> &DStream<S::Item> {
        &self.stream
    }
}

impl<S: DirectSource> DirectStream<S> {
    /// The ranges of a batch, one a partition of its RDD, in the same order. `None` before its time, after it was
    /// forgotten, and if it was lost.
    pub fn ranges(&self, time: Timestamp) -> Option<Vec<OffsetRange<S::Partition>>> {
        self.input.state().batches.get(&time)?.as_ref().ok().cloned()
    }

    /// Where the next batch begins, as far as batches had records of the partitions.
    pub fn next_offsets(&self) -> Offsets<S::Partition> {
        self.input.state().next.clone()
    }
}

struct DirectInput<S: DirectSource> {
    id: InputId,
    operator: Operator,
    source: Ranges<S>,
    begins_latest: bool,
    options: DirectOptions,
    wanted: WantedRate,
    interval: Duration,
    state: Mutex<State<S::Partition>>,
}

struct State<P> {
    /// Where the next batch begins.
    next: Offsets<P>,
    /// The ranges of each batch that is not forgotten, or why they are not known.
    batches: BTreeMap<Timestamp, Result<Vec<OffsetRange<P>>, Cause>>,
    /// Batches of an earlier run that have no ranges, as the source could not be asked for them. They lie behind all others.
    unknown: BTreeSet<Timestamp>,
}

impl<P> State<P> {
    /// Lets the batches up to `time` that have no ranges hold nothing: a later one has what would have been theirs.
    fn settle(&mut self, time: Timestamp) {
        let later = self.unknown.split_off(&(time + Duration::from_micros(1)));
        let settled = std::mem::replace(&mut self.unknown, later);
        self.batches.extend(settled.into_iter().map(|time| (time, Ok(Vec::new()))));
    }
}

/// What a checkpoint knows of a batch. Further kinds are added behind the last.
#[derive(Serialize, Deserialize)]
#[serde(bound = "P: Ord + Serialize + DeserializeOwned")]
enum Entry<P> {
    /// Where the next batch begins, and the ranges of this one. Earlier releases wrote here too why they were not known.
    Ranges(Offsets<P>, Result<Vec<OffsetRange<P>>, String>),
    /// Where the next batch begins; the source could not be asked for this one.
    Unknown(Offsets<P>),
}

/// The source did not answer.
#[derive(Debug, thiserror::Error)]
#[error("the source cannot say what it has: {0}; nothing is skipped, the next batch asks again")]
struct NoAnswer<E>(#[source] E);

impl<S: DirectSource> DirectInput<S> {
    fn state(&self) -> MutexGuard<'_, State<S::Partition>> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What is new in each partition, empty ranges included. It asks the source, without the lock.
    fn find(&self, next: &Offsets<S::Partition>) -> Result<Vec<OffsetRange<S::Partition>>, Cause> {
        let no_answer = |error| Cause::User(Arc::new(NoAnswer(error)));
        let mut ranges = Vec::new();
        for (partition, until) in self.source.0.latest().map_err(no_answer)? {
            let from = match next.get(&partition) {
                Some(&from) => from,
                None => self.source.0.earliest(&partition).map_err(no_answer)?,
            };
            if until < from {
                return Err(Cause::Invalid(format!(
                    "{partition} ends at offset {until}, and it is to be read from {from}: it was emptied or made anew, so \
                     what a batch should hold is not known; start the program again and give the offsets to begin at"
                )));
            }
            ranges.push(OffsetRange { partition, from, until });
        }
        let waiting: Vec<u64> = ranges.iter().map(OffsetRange::len).collect();
        let given = shares(&waiting, self.options.limits, self.wanted.rate(), self.interval);
        ranges.iter_mut().zip(given).for_each(|(range, given)| range.until = range.from + given);
        Ok(ranges)
    }
}

impl<S: DirectSource> Input for DirectInput<S> {
    fn id(&self) -> InputId {
        self.id
    }

    fn name(&self) -> String {
        format!("Direct stream [{}]", self.id.stream)
    }

    fn begin(&self) -> Result<(), Error> {
        if self.begins_latest {
            let failed =
                |error| Error::InputStart { input: self.operator.clone(), cause: Cause::User(Arc::new(error)) };
            self.state().next = self.source.0.latest().map_err(failed)?;
        }
        Ok(())
    }

    fn allocate(&self, time: Timestamp) -> Option<InputInfo> {
        let mut state = self.state();
        state.settle(time);
        let (known, next) = (state.batches.contains_key(&time), state.next.clone());
        drop(state);
        if !known {
            // The source is the user's.
            let found = catch_unwind(AssertUnwindSafe(|| self.find(&next)));
            let found = found.unwrap_or_else(|panic| Err(Cause::panic(&*panic)));
            let mut state = self.state();
            state.next.extend(found.iter().flatten().map(|range| (range.partition.clone(), range.until)));
            let ranges = found.map(|ranges| ranges.into_iter().filter(|range| !range.is_empty()).collect());
            state.batches.insert(time, ranges);
        }
        let state = self.state();
        let ranges = state.batches.get(&time).and_then(|ranges| ranges.as_ref().ok()).map_or(&[][..], Vec::as_slice);
        let lines: Vec<String> = ranges.iter().map(ToString::to_string).collect();
        let description = lines.join("\n");
        let metadata = BTreeMap::from([("offsets".to_owned(), description.clone())]);
        let records = ranges.iter().map(OffsetRange::len).sum();
        Some(InputInfo { records, metadata, description: Some(description) })
    }

    fn entry(&self, time: Timestamp) -> Vec<u8> {
        let state = self.state();
        let entry = match state.batches.get(&time) {
            Some(Err(_)) => Entry::Unknown(state.next.clone()),
            Some(Ok(ranges)) => Entry::Ranges(state.next.clone(), Ok(ranges.clone())),
            None => Entry::Ranges(state.next.clone(), Ok(Vec::new())),
        };
        postcard::to_stdvec(&entry).unwrap_or_default()
    }

    fn restore(&self, time: Timestamp, entry: &[u8]) -> Result<(), Error> {
        let wrong =
            |error| Error::Input { time, input: self.operator.clone(), cause: Cause::codec::<S>("decode", error) };
        let entry = postcard::from_bytes(entry).map_err(wrong)?;
        let mut state = self.state();
        match entry {
            Entry::Ranges(next, Ok(ranges)) => {
                state.settle(time);
                state.next = next;
                state.batches.insert(time, Ok(ranges));
            }
            Entry::Ranges(next, Err(_)) | Entry::Unknown(next) => {
                state.next = next;
                state.unknown.insert(time);
            }
        }
        Ok(())
    }

    fn ask_again(&self, time: Timestamp) -> Option<Vec<u8>> {
        if !self.state().unknown.remove(&time) {
            return None;
        }
        self.allocate(time);
        Some(self.entry(time))
    }

    fn completed(&self, batch: &BatchInfo) {
        self.wanted.completed(batch);
    }
}

/// The stream of a source's records.
struct Direct<S: DirectSource>(Arc<DirectInput<S>>);

impl<S: DirectSource> Compute<S::Item> for Direct<S> {
    fn compute(&self, streaming: &StreamingContext, time: Timestamp) -> Computed<S::Item> {
        let ranges = self.0.state().batches.get(&time).cloned().unwrap_or_else(|| Ok(Vec::new()));
        let failed = |cause| Error::Input { time, input: self.0.operator.clone(), cause };
        Ok(Some(streaming.context().read_parts("direct_stream", &self.0.source, ranges.map_err(failed)?)))
    }

    fn input(&self) -> Option<u32> {
        Some(self.0.id.stream)
    }

    fn forget(&self, time: Timestamp) {
        let batches = &mut self.0.state().batches;
        *batches = batches.split_off(&Timestamp::from_micros(time.micros().saturating_add(1)));
    }
}
