//! `update_state_by_key`: a state for each key, which every batch updates.

use std::sync::Arc;
use std::time::Duration;

use tidemill_core::layout::Partitioner;
use tidemill_core::lineage::Operator;
use tidemill_core::shard::{KeptShards, Migrations};
use tidemill_core::{Element, Key, Rdd, Shard, StorageLevel, Timestamp};

use crate::context::StreamingContext;
use crate::dstream::placement::Placement;
use crate::dstream::stateful::Steps;
use crate::dstream::{Compute, Computed, DStream, Parent};
use crate::error::Error;
use crate::state::{AllKeys, EachKey, Update};

/// How `update_state_by_key` keeps its state.
pub struct UpdateOptions<K: 'static, S: 'static> {
    placement: Placement,
    initial_state: Option<Rdd<(K, S)>>,
    without_rdd: WithoutRdd,
    migrations: Migrations<K, S>,
}

/// What becomes of the state in a batch for which the parent has no RDD (behaviour 1.56, 2.19).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum WithoutRdd {
    /// The function is called for all keys, without values: as Spark's Scala API has it.
    #[default]
    Update,
    /// The state stays, and the function is not called: as PySpark has it.
    Keep,
}

impl<K: Key, S: Element> UpdateOptions<K, S> {
    /// As many partitions as `default_parallelism` says, no state to begin with, and every batch updates.
    pub fn new() -> UpdateOptions<K, S> {
        UpdateOptions {
            placement: Placement::Default,
            initial_state: None,
            without_rdd: WithoutRdd::default(),
            migrations: Migrations::new(),
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

    /// The state before the first batch: Spark's `initialRDD`. It is computed in the first batch, which updates it. Of
    /// entries with one key the last counts.
    pub fn initial_state(mut self, state: &Rdd<(K, S)>) -> Self {
        self.initial_state = Some(state.clone());
        self
    }

    /// Converts states that an older version of the program has kept in a checkpoint, of type `Old`: `convert(key, old)` is
    /// called for each when they are loaded, and `None` drops the key. Without it another type is an error. There may be
    /// several, each for another type.
    pub fn migrate<Old: Element>(mut self, convert: impl Fn(&K, Old) -> Option<S> + Send + Sync + 'static) -> Self {
        self.migrations.add(convert);
        self
    }

    /// What becomes of the state in a batch for which the parent has no RDD.
    pub fn without_rdd(mut self, without_rdd: WithoutRdd) -> Self {
        self.without_rdd = without_rdd;
        self
    }
}

impl<K: Key, S: Element> Default for UpdateOptions<K, S> {
    fn default() -> Self {
        UpdateOptions::new()
    }
}

impl<K: Key, V: Element> DStream<(K, V)> {
    /// Keeps a state for each key: Spark's `DStream.updateStateByKey` (behaviour 1.56, 2.19).
    ///
    /// In every batch `f` is called with the new values and the state of every key that has a state or new values, those with
    /// a state first; what it returns is the key's state from then on, and `None` drops the key. The stream's RDDs are the
    /// states of all keys. With `|values, sum| Some(sum.unwrap_or(0) + values.iter().sum::<i32>())`:
    ///
    /// ```text
    /// batch        1             2               3
    /// in           a 1, b 2      a 10
    /// out          a 1, b 2      a 11, b 2       a 11, b 2
    /// ```
    ///
    /// `f` gets copies: RDDs of earlier batches never change (behaviour 10.6). If it panics, the state is left as it was
    /// before the batch, outputs that need it fail for that batch, and the next batch goes on. Every batch costs as much as
    /// there are keys; [`map_with_state`](DStream::map_with_state) costs what the batch has.
    ///
    /// The context must have a checkpoint directory, or its start fails.
    ///
    /// ```
    /// use tidemill_streaming::testing::check;
    ///
    /// let pair = |key: &str, value| (key.to_string(), value);
    /// check(
    ///     [vec![pair("a", 1), pair("a", 2)], vec![pair("a", 10)], vec![]],
    ///     |pairs| pairs.update_state_by_key(|values, sum| Some(sum.unwrap_or(0) + values.iter().sum::<i32>())),
    ///     [vec![pair("a", 3)], vec![pair("a", 13)], vec![pair("a", 13)]],
    /// );
    /// ```
    #[track_caller]
    pub fn update_state_by_key<S: Element>(
        &self,
        f: impl Fn(Vec<V>, Option<S>) -> Option<S> + Clone + Send + Sync + 'static,
    ) -> DStream<(K, S)> {
        self.update_state_by_key_with(UpdateOptions::new(), move |_, _, values, state| f(values, state))
    }

    /// [`update_state_by_key`](DStream::update_state_by_key) with a function that is also given the time of the batch and the
    /// key, and with options: Spark's forms with a partitioner or an `initialRDD`.
    ///
    /// ```
    /// use tidemill_streaming::dstream::UpdateOptions;
    /// use tidemill_streaming::testing::TestContext;
    ///
    /// let test = TestContext::new();
    /// let (feed, pairs) = test.input();
    /// let before = test.context().parallelize([('a', 100)], 1);
    /// let options = UpdateOptions::new().initial_state(&before).partitions(1);
    /// let sums = pairs.update_state_by_key_with(options, |_time, key, values: Vec<i32>, sum| {
    ///     let sum = sum.unwrap_or(0) + values.iter().sum::<i32>();
    ///     if *key == 'x' { None } else { Some(sum) }
    /// });
    /// let seen = test.collect(&sums);
    /// feed.push([('a', 1), ('b', 2), ('x', 3)]);
    /// test.tick()?;
    /// assert_eq!(seen.values(), [[('a', 101), ('b', 2)]]);
    /// # Ok::<(), tidemill_streaming::Error>(())
    /// ```
    #[track_caller]
    pub fn update_state_by_key_with<S: Element>(
        &self,
        options: UpdateOptions<K, S>,
        f: impl Fn(Timestamp, &K, Vec<V>, Option<S>) -> Option<S> + Clone + Send + Sync + 'static,
    ) -> DStream<(K, S)> {
        let name = "update_state_by_key";
        let UpdateOptions { placement, initial_state, without_rdd, migrations } = options;
        let make =
            move |environment: &_| Update::new(environment, EachKey(f.clone())).with_migrations(migrations.clone());
        let steps = Steps::new(Operator::here(name), placement, initial_state, make);
        DStream::new(self.weak(), name, self.slide(), Updated { parent: self.clone(), steps, without_rdd })
    }

    /// [`update_state_by_key`](DStream::update_state_by_key) with a function that is shown all keys of a partition at once,
    /// each with its values and its state: Spark's forms with an iterator (behaviour 2.19). The keys that it returns have a
    /// state from then on, and no others; keys of its own must be such as belong into the partition.
    ///
    /// ```text
    /// batch                1             2
    /// in                   a 1, b 2      a 10
    /// f is shown           a [1], b [2]  a [10] 1, b [] 2
    /// out, if f adds       a 1, b 2      a 11, b 2
    /// ```
    ///
    /// ```
    /// use tidemill_streaming::dstream::UpdateOptions;
    /// use tidemill_streaming::testing::check;
    ///
    /// check(
    ///     [vec![('a', 1), ('b', 2)], vec![('a', 10), ('c', 3)]],
    ///     |pairs| {
    ///         // Only the two keys with the largest sums keep a state.
    ///         pairs.update_state_by_partition(UpdateOptions::new().partitions(1), |_time, keys| {
    ///             let sum = |(key, values, sum): (char, Vec<i32>, Option<i32>)| {
    ///                 (key, sum.unwrap_or(0) + values.iter().sum::<i32>())
    ///             };
    ///             let mut sums: Vec<(char, i32)> = keys.map(sum).collect();
    ///             sums.sort_by_key(|(_, sum)| -sum);
    ///             sums.truncate(2);
    ///             sums
    ///         })
    ///     },
    ///     [vec![('a', 1), ('b', 2)], vec![('a', 11), ('c', 3)]],
    /// );
    /// ```
    #[track_caller]
    pub fn update_state_by_partition<S: Element, I: IntoIterator<Item = (K, S)> + 'static>(
        &self,
        options: UpdateOptions<K, S>,
        f: impl Fn(Timestamp, std::vec::IntoIter<(K, Vec<V>, Option<S>)>) -> I + Clone + Send + Sync + 'static,
    ) -> DStream<(K, S)> {
        let name = "update_state_by_partition";
        let UpdateOptions { placement, initial_state, without_rdd, migrations } = options;
        let make =
            move |environment: &_| Update::new(environment, AllKeys(f.clone())).with_migrations(migrations.clone());
        let steps = Steps::new(Operator::here(name), placement, initial_state, make);
        DStream::new(self.weak(), name, self.slide(), Updated { parent: self.clone(), steps, without_rdd })
    }
}

struct Updated<K: 'static, V: 'static, M: Shard> {
    parent: DStream<(K, V)>,
    steps: Steps<M>,
    without_rdd: WithoutRdd,
}

impl<K: Key, V: Element, S: Element, M> Compute<(K, S)> for Updated<K, V, M>
where
    M: Shard<In = (K, V), Entry = (K, S)>,
{
    fn compute(&self, streaming: &StreamingContext, time: Timestamp) -> Computed<(K, S)> {
        match (self.parent.rdd(time)?, self.without_rdd) {
            (Some(input), _) => self.steps.step(streaming, time, &input)?,
            (None, _) if !self.steps.stay(time) => return Ok(None),
            (None, WithoutRdd::Update) => self.steps.step(streaming, time, &streaming.context().empty())?,
            (None, WithoutRdd::Keep) => {}
        }
        Ok(Some(self.steps.read(streaming, time)))
    }

    fn parents(&self) -> Vec<Parent> {
        vec![self.parent.as_parent(Duration::ZERO)]
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
