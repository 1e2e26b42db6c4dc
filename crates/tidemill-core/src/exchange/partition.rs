//! The exchange of `partition_by`: each pair goes to the partition of its key, in order of arrival.

use std::marker::PhantomData;
use std::sync::Arc;

use crate::exchange::scatter::{BlockRuns, put_in_pieces};
use crate::exchange::{Blocks, Buckets, Exchange};
use crate::layout::{Route, RouteWire};
use crate::runs::BoxRuns;
use crate::ship::{Decoder, Encoder, NotShippable, ShipError};
use crate::task::TaskContext;
use crate::weight::sampled;
use crate::{Element, Key, Runs, Stop};

/// Brings pairs to the layout of a route.
pub(crate) struct Partition<K: 'static, V> {
    pub(crate) route: Route<K>,
    pub(crate) values: PhantomData<fn(V)>,
}

impl<K: Key, V: Element> Exchange for Partition<K, V> {
    type In = (K, V);
    type Block = Vec<(K, V)>;
    type Out = (K, V);

    fn write(
        &self,
        mut input: BoxRuns<(K, V)>,
        out: &mut dyn Buckets<Self::Block>,
        cx: &Arc<TaskContext>,
    ) -> Result<(), Stop> {
        put_by_route(&mut *input, out, cx, &self.route, |(key, _)| (self.route.partition(key), key))
    }

    fn read(
        self: Arc<Self>,
        blocks: Box<dyn Blocks<Self::Block>>,
        cx: &Arc<TaskContext>,
    ) -> Result<BoxRuns<(K, V)>, Stop> {
        Ok(Box::new(BlockRuns::new(blocks, cx)))
    }

    fn weigh(&self, block: &Self::Block) -> u64 {
        sampled(block)
    }

    fn encode(&self, out: &mut Encoder) -> Result<Vec<u8>, NotShippable> {
        postcard::to_stdvec(&self.route.encode(out)?).map_err(|e| NotShippable::value(e.to_string()))
    }

    fn decode(parameters: &[u8], decoder: &Decoder) -> Result<Self, ShipError> {
        let route: RouteWire = postcard::from_bytes(parameters).map_err(|e| ShipError::Value(e.to_string()))?;
        Ok(Partition { route: Route::decode(route, decoder)?, values: PhantomData })
    }
}

/// Puts each element that is drawn into a bucket; `place` gives it, with the key by which `route` chose it.
pub(super) fn put_by_route<K: Key, T: Element>(
    input: &mut dyn Runs<T>,
    out: &mut dyn Buckets<Vec<T>>,
    cx: &Arc<TaskContext>,
    route: &Route<K>,
    place: impl Fn(&T) -> (usize, &K),
) -> Result<(), Stop> {
    let mut run = Vec::new();
    put_in_pieces(out, cx, |blocks| {
        let more = input.next(&mut run)?;
        for element in run.drain(..) {
            let (bucket, key) = place(&element);
            let Some(block) = blocks.get_mut(bucket) else { return Err(route.out_of_range(key).into()) };
            block.push(element);
        }
        Ok(more)
    })
}
