//! Windows that follow from the one before: what left is taken out by an inverse function, what entered is merged in.

use std::sync::Arc;
use std::time::Duration;

use tidemill_core::layout::Partitioner;
use tidemill_core::lineage::Operator;
use tidemill_core::shard::{KeptShards, Migrations};
use tidemill_core::{Element, Key, Shard, StorageLevel, Timestamp};

use crate::context::StreamingContext;
use crate::dstream::placement::Placement;
use crate::dstream::stateful::Steps;
use crate::dstream::{Compute, Computed, DStream, Parent};
use crate::error::Error;
use crate::state::{Filter, InverseWindow};

/// From how many slides on [`Sliding::InverseIfLong`] takes a window for long: PySpark's measure (behaviour 10.4).
const LONG_SLIDES: u32 = 5;

/// How a window follows from the one before.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Sliding {
    /// What left is taken out by the inverse function, what entered is merged in: as Spark's Scala API has it. Keys whose
    /// values have all left stay, unless a filter drops them.
    #[default]
    Inverse,
    /// By the inverse function if the window is at least five slides long, else anew: as PySpark has it (behaviour 10.4).
    InverseIfLong,
    /// Each window is merged anew from what its batches were merged to.
    Recompute,
}

/// How windows of keyed streams are made.
pub struct WindowOptions<K: 'static, V: 'static> {
    placement: Placement,
    sliding: Sliding,
    filter: Option<Filter<K, V>>,
    migrations: Migrations<K, V>,
}

impl<K: 'static, V: 'static> WindowOptions<K, V> {
    /// As many partitions as `default_parallelism` says, by the inverse function, and keys are never dropped.
    pub fn new() -> WindowOptions<K, V> {
        WindowOptions {
            placement: Placement::Default,
            sliding: Sliding::default(),
            filter: None,
            migrations: Migrations::default(),
        }
    }

    /// Into a number of partitions; 0 is taken as 1.
    pub fn partitions(mut self, partitions: usize) -> Self {
        self.placement = Placement::Hash(partitions);
        self
    }

    /// Where `partitioner` says, instead of by hash.
    ///
    /// # Errors
    /// It has no partitions, or cannot be encoded.
    #[track_caller]
    pub fn partitioner(mut self, partitioner: impl Partitioner<K>) -> Result<Self, Error> {
        self.placement = Placement::by(partitioner)?;
        Ok(self)
    }

    /// How a window follows from the one before.
    pub fn sliding(mut self, sliding: Sliding) -> Self {
        self.sliding = sliding;
        self
    }

    /// Drops the keys for which `stays(key, merged value)` is false: Spark's `filterFunc`. It must hold for keys of which
    /// something is in the window still, and depend on nothing else: it is asked when a key's value changes.
    pub fn filter(mut self, stays: impl Fn(&K, &V) -> bool + Send + Sync + 'static) -> Self {
        self.filter = Some(Arc::new(stays));
        self
    }

    /// Converts values that an older version of the program has kept in a checkpoint, of type `Old`: `convert(key, old)` is
    /// called for each when they are loaded, and `None` drops the key. Values that were merged must give what merging the
    /// converted ones gives. Without it another type is an error. There may be several, each for another type.
    pub fn migrate<Old: Element>(mut self, convert: impl Fn(&K, Old) -> Option<V> + Send + Sync + 'static) -> Self
    where
        K: Key,
        V: Element,
    {
        self.migrations.add(convert);
        self
    }

    pub(crate) fn filter_if_none(self, stays: impl Fn(&K, &V) -> bool + Send + Sync + 'static) -> Self {
        if self.filter.is_some() { self } else { self.filter(stays) }
    }
}

impl<K: 'static, V: 'static> Default for WindowOptions<K, V> {
    fn default() -> Self {
        WindowOptions::new()
    }
}

impl<K: Key, V: Element> DStream<(K, V)> {
    /// The windows of a keyed stream, merged as `options` say, under the name of the operator that needs them.
    #[track_caller]
    pub(crate) fn slid(
        &self,
        name: &'static str,
        f: impl Fn(V, V) -> V + Clone + Send + Sync + 'static,
        inverse: impl Fn(V, V) -> V + Clone + Send + Sync + 'static,
        window: Duration,
        slide: Duration,
        options: WindowOptions<K, V>,
    ) -> Result<DStream<(K, V)>, Error> {
        self.check_window(name, window, slide)?;
        let WindowOptions { placement, sliding, filter, migrations } = options;
        let recompute = match sliding {
            Sliding::Inverse => false,
            Sliding::InverseIfLong => window < slide * LONG_SLIDES,
            Sliding::Recompute => true,
        };
        if recompute {
            let reduced = self.reduced_windows(name, f, window, slide, placement)?;
            let Some(stays) = filter else { return Ok(reduced) };
            let filtered = move |rdd: tidemill_core::Rdd<(K, V)>, _| {
                let stays = Arc::clone(&stays);
                rdd.filter(move |(key, value)| stays(key, value))
            };
            return Ok(reduced.derived(name, filtered));
        }
        let step = common_step(window, slide);
        let reduce = f.clone();
        let make = move |environment: &_| {
            let window = InverseWindow::new(environment, window, reduce.clone(), inverse.clone(), filter.clone());
            window.with_migrations(migrations.clone())
        };
        let steps = Steps::new(Operator::here(name), placement.clone(), None, make);
        let compute = Slid { parent: self.clone(), f, placement, step, steps };
        let windows = DStream::new(self.weak(), name, step, compute);
        if step == slide { Ok(windows) } else { windows.windowed(name, step, slide) }
    }
}

/// The longest step in which both a window and its slide can be counted: no batch enters or leaves within one.
fn common_step(window: Duration, slide: Duration) -> Duration {
    let (mut larger, mut smaller) = (window.as_nanos(), slide.as_nanos());
    while smaller > 0 {
        (larger, smaller) = (smaller, larger % smaller);
    }
    Duration::from_nanos_u128(larger)
}

/// A window that moves on by `step`: `f` merges what enters, the shards do the rest.
struct Slid<K: 'static, V: 'static, F, M: Shard> {
    parent: DStream<(K, V)>,
    f: F,
    placement: Placement,
    step: Duration,
    steps: Steps<M>,
}

impl<K: Key, V: Element, F, M> Compute<(K, V)> for Slid<K, V, F, M>
where
    F: Fn(V, V) -> V + Clone + Send + Sync + 'static,
    M: Shard<In = (K, V), Entry = (K, V)>,
{
    fn compute(&self, streaming: &StreamingContext, time: Timestamp) -> Computed<(K, V)> {
        let entering = streaming.context().union(&self.parent.recent(streaming, time, self.step)?);
        let entering = self.placement.reduced(&entering, self.f.clone())?;
        self.steps.step(streaming, time, &entering)?;
        Ok(Some(self.steps.read(streaming, time)))
    }

    fn parents(&self) -> Vec<Parent> {
        vec![self.parent.as_window_parent(self.step)]
    }

    fn persist_parents(&self, level: Option<StorageLevel>) -> bool {
        level.is_none() // state is kept as it is
    }

    fn forget(&self, time: Timestamp) {
        self.steps.forget(time);
    }

    fn is_stateful(&self) -> bool {
        true
    }

    fn shards(&self, streaming: &StreamingContext) -> Result<Option<Arc<dyn KeptShards>>, Error> {
        Ok(Some(self.steps.kept(streaming)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn steps_divide_both_durations() {
        for (window, slide, step) in [(4, 2, 2), (3, 2, 1), (2, 4, 2), (5, 5, 5), (10, 4, 2), (9, 6, 3)] {
            let seconds = Duration::from_secs;
            assert_eq!(common_step(seconds(window), seconds(slide)), seconds(step));
        }
    }
}
