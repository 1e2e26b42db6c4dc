//! `map_with_state`: maps each record with the state of its key.

use std::marker::PhantomData;
use std::ops::Deref;
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
use crate::state::{MapWithState, State};

/// What `map_with_state` does: a function, and how the state is kept. Spark's `StateSpec`.
pub struct StateSpec<K: 'static, V, S: 'static, T, F> {
    function: F,
    initial_state: Option<Rdd<(K, S)>>,
    placement: Placement,
    timeout: Option<Duration>,
    migrations: Migrations<K, S>,
    values: PhantomData<fn(V) -> T>,
}

/// A function of [`StateSpec`].
pub trait StateFunction<K, V, S, T>: Clone + Send + Sync + 'static {
    /// What becomes of a record, or, without a value, of a key that times out.
    fn call(&self, time: Timestamp, key: &K, value: Option<V>, state: &mut State<S>) -> Option<T>;
}

/// A function that makes a record of every call.
#[derive(Clone)]
pub struct Always<F>(F);

/// A function that is also given the time of the batch, and need not make a record.
#[derive(Clone)]
pub struct Timed<F>(F);

impl<K, V, S, T, F> StateFunction<K, V, S, T> for Always<F>
where
    F: Fn(&K, Option<V>, &mut State<S>) -> T + Clone + Send + Sync + 'static,
{
    fn call(&self, _: Timestamp, key: &K, value: Option<V>, state: &mut State<S>) -> Option<T> {
        Some((self.0)(key, value, state))
    }
}

impl<K, V, S, T, F> StateFunction<K, V, S, T> for Timed<F>
where
    F: Fn(Timestamp, &K, Option<V>, &mut State<S>) -> Option<T> + Clone + Send + Sync + 'static,
{
    fn call(&self, time: Timestamp, key: &K, value: Option<V>, state: &mut State<S>) -> Option<T> {
        (self.0)(time, key, value, state)
    }
}

impl<K, V, S, T, F> StateSpec<K, V, S, T, Always<F>>
where
    F: Fn(&K, Option<V>, &mut State<S>) -> T + Clone + Send + Sync + 'static,
{
    /// Makes of each record what `function(key, value, state)` returns: Spark's `StateSpec.function`. Without a value the key
    /// times out (behaviour 2.20).
    pub fn function(function: F) -> Self {
        StateSpec::of(Always(function))
    }
}

impl<K, V, S, T, F> StateSpec<K, V, S, T, Timed<F>>
where
    F: Fn(Timestamp, &K, Option<V>, &mut State<S>) -> Option<T> + Clone + Send + Sync + 'static,
{
    /// As [`function`](StateSpec::function), for a function that is also given the batch's time, and that need not make a
    /// record.
    pub fn timed_function(function: F) -> Self {
        StateSpec::of(Timed(function))
    }
}

impl<K, V, S, T, F> StateSpec<K, V, S, T, F> {
    fn of(function: F) -> Self {
        StateSpec {
            function,
            initial_state: None,
            placement: Placement::Default,
            timeout: None,
            migrations: Migrations::default(),
            values: PhantomData,
        }
    }

    /// The state before the first batch: Spark's `initialState`. It counts as used then, for the time-out. Of entries with
    /// one key the last counts.
    pub fn initial_state(mut self, state: &Rdd<(K, S)>) -> Self {
        self.initial_state = Some(state.clone());
        self
    }

    /// Into a number of partitions, 0 taken as 1; `default_parallelism` says how many where this does not: Spark's
    /// `numPartitions`.
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

    /// A key without a record for longer than `idle` times out: in the first batch after that the function is called for it
    /// without a value, and then its state goes. Spark's `timeout` (behaviour 2.21); Spark looks only every ten batches.
    pub fn timeout(mut self, idle: Duration) -> Self {
        self.timeout = Some(idle);
        self
    }

    /// Converts states that an older version of the program has kept in a checkpoint, of type `Old`: `convert(key, old)` is
    /// called for each when they are loaded, and `None` drops the key. Without it another type is an error. There may be
    /// several, each for another type.
    pub fn migrate<Old: Element>(mut self, convert: impl Fn(&K, Old) -> Option<S> + Send + Sync + 'static) -> Self
    where
        K: Key,
        S: Element,
    {
        self.migrations.add(convert);
        self
    }
}

/// The records that `map_with_state` makes, as a stream, and the states behind them: Spark's `MapWithStateDStream`.
pub struct MapWithStateDStream<K: 'static, S: 'static, T: 'static> {
    records: DStream<T>,
    snapshots: DStream<(K, S)>,
}

impl<K, S, T> MapWithStateDStream<K, S, T> {
    /// The records that the calls of the function made. Operators on it can be called on this stream itself.
    pub fn records(&self) -> DStream<T> {
        self.records.clone()
    }

    /// The states of all keys after each batch: Spark's `stateSnapshots` (behaviour 2.22).
    pub fn state_snapshots(&self) -> DStream<(K, S)> {
        self.snapshots.clone()
    }
}

impl<K, S, T> Deref for MapWithStateDStream<K, S, T> {
    type Target = DStream<T>;

    fn deref(&self) -> &DStream<T> {
        &self.records
    }
}

impl<K, S, T> Clone for MapWithStateDStream<K, S, T> {
    fn clone(&self) -> Self {
        MapWithStateDStream { records: self.records.clone(), snapshots: self.snapshots.clone() }
    }
}

impl<K: Key, V: Element> DStream<(K, V)> {
    /// Maps each record with the state of its key: Spark's `DStream.mapWithState` (behaviour 2.20).
    ///
    /// The function is called once a record, in order of arrival, and for keys that time out; it may read, update and remove
    /// the key's [`State`]. A batch costs what the keys in it cost, however many others have a state. With a function that
    /// adds each value to the state and returns the sum:
    ///
    /// ```text
    /// batch              1               2             3
    /// in                 a 1, a 2        a 10, b 5
    /// out                1, 3            13, 5
    /// state_snapshots    a 3             a 13, b 5     a 13, b 5
    /// ```
    ///
    /// To update or remove a state that was removed or is timing out is an error of the batch. So is a panic: the state is
    /// left as it was before the batch, outputs that need it fail for that batch, and the next batch goes on.
    ///
    /// The context must have a checkpoint directory, or its start fails.
    ///
    /// ```
    /// use tidemill_streaming::dstream::StateSpec;
    /// use tidemill_streaming::state::State;
    /// use tidemill_streaming::testing::check;
    ///
    /// check(
    ///     [vec![('a', 1), ('a', 2)], vec![('a', 10)], vec![]],
    ///     |pairs| {
    ///         let running_sums = StateSpec::function(|_key, value: Option<i32>, state: &mut State<i32>| {
    ///             let sum = state.get().unwrap_or(&0) + value.unwrap_or(0);
    ///             state.update(sum);
    ///             sum
    ///         });
    ///         pairs.map_with_state(running_sums).records()
    ///     },
    ///     [vec![1, 3], vec![13], vec![]],
    /// );
    /// ```
    #[track_caller]
    pub fn map_with_state<S: Element, T: Element, F: StateFunction<K, V, S, T>>(
        &self,
        spec: StateSpec<K, V, S, T, F>,
    ) -> MapWithStateDStream<K, S, T> {
        let name = "map_with_state";
        let StateSpec { function, initial_state, placement, timeout, migrations, .. } = spec;
        let make = move |environment: &_| {
            let function = function.clone();
            let call =
                move |time: Timestamp, key: &K, value, state: &mut State<S>| function.call(time, key, value, state);
            MapWithState::new(environment, timeout, call).with_migrations(migrations.clone())
        };
        let steps = Arc::new(Steps::new(Operator::here(name), placement, initial_state, make));
        let compute = Records { parent: self.clone(), steps: Arc::clone(&steps) };
        let records = DStream::new(self.weak(), name, self.slide(), compute);
        let compute = Snapshots { records: records.clone(), steps };
        let snapshots = DStream::new(self.weak(), "state_snapshots", self.slide(), compute);
        MapWithStateDStream { records, snapshots }
    }
}

struct Records<K: 'static, V: 'static, M: Shard> {
    parent: DStream<(K, V)>,
    steps: Arc<Steps<M>>,
}

impl<K: Key, V: Element, S: Element, M> Compute<M::Out> for Records<K, V, M>
where
    M: Shard<In = (K, V), Entry = (K, S)>,
{
    fn compute(&self, streaming: &StreamingContext, time: Timestamp) -> Computed<M::Out> {
        let input = self.parent.rdd(time)?.unwrap_or_else(|| streaming.context().empty());
        self.steps.step(streaming, time, &input)?;
        Ok(Some(self.steps.emitted(streaming, time)))
    }

    fn parents(&self) -> Vec<Parent> {
        vec![self.parent.as_parent(Duration::ZERO)]
    }

    fn persist_parents(&self, level: Option<StorageLevel>) -> bool {
        level.is_none() // emitted records are kept as they are
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

struct Snapshots<M: Shard> {
    records: DStream<M::Out>,
    steps: Arc<Steps<M>>,
}

impl<K: Key, V: Element, S: Element, M> Compute<(K, S)> for Snapshots<M>
where
    M: Shard<In = (K, V), Entry = (K, S)>,
{
    fn compute(&self, streaming: &StreamingContext, time: Timestamp) -> Computed<(K, S)> {
        self.records.rdd(time)?; // so that the step is made
        Ok(Some(self.steps.read(streaming, time)))
    }

    fn parents(&self) -> Vec<Parent> {
        vec![self.records.as_parent(Duration::ZERO)]
    }

    fn persist_parents(&self, level: Option<StorageLevel>) -> bool {
        level.is_none() // state is kept as it is
    }
}
