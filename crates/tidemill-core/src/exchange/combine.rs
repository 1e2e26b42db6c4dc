//! The exchange of `reduce_by_key` and its kin: combined on the map side, merged on the reduce side.

use std::marker::PhantomData;
use std::sync::Arc;

use crate::exchange::partition::put_by_route;
use crate::exchange::{Blocks, Buckets, Exchange, Taken};
use crate::hash::HashSeed;
use crate::layout::{Route, RouteWire};
use crate::memory::Pool;
use crate::runs::BoxRuns;
use crate::ship::{Code, Decoder, Encoder, NotShippable, ShipError};
use crate::table::SpillTable;
use crate::task::TaskContext;
use crate::weight::sampled;
use crate::{Element, Key, Runs, Stop};

/// How the values of a key become one combined value. The functions of `combine_by_key`.
pub(crate) trait Combiner<V>: Code {
    /// The combined value.
    type Combined: Element;
    /// Of a key's first value.
    fn create(&self, value: V) -> Self::Combined;
    /// Of a further value.
    fn merge_value(&self, combined: Self::Combined, value: V) -> Self::Combined;
    /// Of two combined values, the earlier one first.
    fn merge(&self, earlier: Self::Combined, later: Self::Combined) -> Self::Combined;
}

/// Combines values by key.
pub(crate) struct Combine<K: 'static, V, C> {
    pub(crate) seed: HashSeed,
    pub(crate) route: Route<K>,
    pub(crate) combiner: Arc<C>,
    pub(crate) values: PhantomData<fn(V)>,
}

impl<K: Key, V: Element, C: Combiner<V>> Combine<K, V, C> {
    fn table(cx: &Arc<TaskContext>) -> SpillTable<K, C::Combined> {
        let environment = cx.environment();
        SpillTable::new(environment.memory.grant(Pool::Shuffle), &environment.spill)
    }
}

impl<K: Key, V: Element, C: Combiner<V>> Exchange for Combine<K, V, C> {
    type In = (K, V);
    /// The hash is computed once and carried.
    type Block = Vec<(u64, K, C::Combined)>;
    type Out = (K, C::Combined);

    fn write(
        &self,
        mut input: BoxRuns<(K, V)>,
        out: &mut dyn Buckets<Self::Block>,
        cx: &Arc<TaskContext>,
    ) -> Result<(), Stop> {
        let mut table = Self::table(cx);
        let mut run = Vec::new();
        let combiner = &*self.combiner;
        while input.next(&mut run)? {
            table.merge_run(
                &mut run,
                |key| self.seed.hash(key),
                |value| combiner.create(value),
                |combined, value| combiner.merge_value(combined, value),
            )?;
        }
        let mut groups = table.finish_hashed(|earlier, later| combiner.merge(earlier, later))?;
        put_by_route(&mut *groups, out, cx, &self.route, |(hash, key, _)| {
            (self.route.partition_hashed(*hash, key), key)
        })
    }

    fn read(
        self: Arc<Self>,
        mut blocks: Box<dyn Blocks<Self::Block>>,
        cx: &Arc<TaskContext>,
    ) -> Result<BoxRuns<Self::Out>, Stop> {
        let mut table = Self::table(cx);
        let combiner = Arc::clone(&self.combiner);
        let merge = move |earlier, later| combiner.merge(earlier, later);
        while let Some(block) = blocks.next()? {
            cx.check()?;
            match block {
                Taken::Own(block) => table.merge_block(block, &merge)?,
                Taken::Shared(block) => table.merge_shared(&block, &merge)?,
            }
        }
        Ok(table.finish(merge)?)
    }

    fn weigh(&self, block: &Self::Block) -> u64 {
        sampled(block)
    }

    fn encode(&self, out: &mut Encoder) -> Result<Vec<u8>, NotShippable> {
        let wire = (self.seed.seed(), self.route.encode(out)?, self.combiner.pack()?);
        postcard::to_stdvec(&wire).map_err(|e| NotShippable::value(e.to_string()))
    }

    fn decode(parameters: &[u8], decoder: &Decoder) -> Result<Self, ShipError> {
        let (seed, route, combiner): (u64, RouteWire, Vec<u8>) =
            postcard::from_bytes(parameters).map_err(|e| ShipError::Value(e.to_string()))?;
        let (route, combiner) = (Route::decode(route, decoder)?, Arc::new(C::unpack(&combiner)?));
        Ok(Combine { seed: HashSeed::new(seed), route, combiner, values: PhantomData })
    }
}
