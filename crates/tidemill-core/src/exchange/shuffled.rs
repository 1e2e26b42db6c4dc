//! The two sides of a shuffle: what map tasks run, and the node that reads what they wrote.

use std::sync::{Arc, Weak};

use serde::{Deserialize, Serialize};

use crate::environment::Environment;
use crate::exchange::chunk::ChunkWriter;
use crate::exchange::stored::StoredBlocks;
use crate::exchange::{Exchange, MapOutput};
use crate::lineage::{Dependency, Lineage, Meta, Node, Operator, Parent, operator_of};
use crate::runs::BoxRuns;
use crate::ship::{Bytes, Decoder, Encoder, NotShippable, ShipError};
use crate::task::blame::{Before, During};
use crate::task::{END_OF_STAGE, TaskContext};
use crate::{ShuffleId, Stop};

/// The map side of a shuffle, untyped: what schedulers launch.
pub trait MapSide: Send + Sync + 'static {
    /// The shuffle that it writes.
    fn shuffle(&self) -> ShuffleId;
    /// The operator that asked for the shuffle.
    fn operator(&self) -> &Operator;
    /// What the map tasks compute, a partition each.
    fn lineage(&self) -> Arc<dyn Lineage>;
    /// Runs one map task.
    fn run(&self, cx: &Arc<TaskContext>) -> Result<MapOutput, Stop>;
    /// The operator whose code ran last in a task of this side: one of its lineage, or at the stage's end the one that
    /// asked for the shuffle, whose code divides and merges what the lineage gives.
    fn operator_at_fault(&self, cx: &TaskContext) -> Option<Operator> {
        match cx.entered() {
            END_OF_STAGE => Some(self.operator().clone()),
            node => operator_of(self.lineage(), node),
        }
    }
    /// Writes this side and its lineage for another process, as the last entry of a table.
    fn encode(&self, out: &mut Encoder) -> Result<(), NotShippable>;
}

struct Side<X: Exchange> {
    shuffle: ShuffleId,
    operator: Operator,
    parent: Parent<X::In>,
    buckets: usize,
    exchange: Arc<X>,
    /// Where the end of this lineage is told; nowhere in an executor.
    environment: Weak<Environment>,
}

impl<X: Exchange> Drop for Side<X> {
    fn drop(&mut self) {
        if let Some(environment) = self.environment.upgrade() {
            environment.forget_shuffle(self.shuffle);
        }
    }
}

#[derive(Serialize, Deserialize)]
struct SideWire {
    shuffle: ShuffleId,
    operator: Operator,
    parent: u32,
    buckets: usize,
    exchange: Bytes,
}

impl<X: Exchange> MapSide for Side<X> {
    fn shuffle(&self) -> ShuffleId {
        self.shuffle
    }

    fn operator(&self) -> &Operator {
        &self.operator
    }

    fn lineage(&self) -> Arc<dyn Lineage> {
        Arc::clone(self.parent.node()) as Arc<dyn Lineage>
    }

    fn run(&self, cx: &Arc<TaskContext>) -> Result<MapOutput, Stop> {
        let runs = self.parent.compute(cx.partition(), cx, 0)?;
        cx.enter(END_OF_STAGE);
        let input = Box::new(Before { runs, cx: Arc::clone(cx), node: END_OF_STAGE });
        let mut chunks = ChunkWriter::new(&*self.exchange, self.shuffle, self.buckets, cx);
        self.exchange.write(input, &mut chunks, cx)?;
        Ok(chunks.finish())
    }

    fn encode(&self, out: &mut Encoder) -> Result<(), NotShippable> {
        let at = |e: NotShippable| e.at(&self.operator);
        let parent = out.lineage(self.lineage()).map_err(at)?;
        let exchange = Bytes(self.exchange.encode(out).map_err(at)?);
        let (shuffle, operator, buckets) = (self.shuffle, self.operator.clone(), self.buckets);
        let wire = SideWire { shuffle, operator, parent, buckets, exchange };
        out.entry::<Self>(decode_side::<X>, &wire).map_err(at)?;
        Ok(())
    }
}

fn decode_side<X: Exchange>(decoder: &mut Decoder) -> Result<crate::ship::Decoded, ShipError> {
    let wire: SideWire = decoder.value::<Side<X>, _>()?;
    let side: Arc<dyn MapSide> = Arc::new(Side::<X> {
        shuffle: wire.shuffle,
        operator: wire.operator,
        parent: Parent::new(decoder.parent(wire.parent)?),
        buckets: wire.buckets,
        exchange: Arc::new(X::decode(&wire.exchange.0, decoder)?),
        environment: Weak::new(),
    });
    Ok(Box::new(side))
}

/// The reduce side of a shuffle: a node whose partitions are the buckets.
pub struct Shuffled<X: Exchange> {
    meta: Meta,
    shuffle: ShuffleId,
    maps: usize,
    exchange: Arc<X>,
    /// The map side; in an executor it is elsewhere.
    side: Option<Arc<Side<X>>>,
}

impl<X: Exchange> Shuffled<X> {
    /// The node that reads `shuffle`, which `exchange` makes of `parent`; `meta.partitions` is the number of buckets.
    pub fn new(
        meta: Meta,
        shuffle: ShuffleId,
        parent: Arc<dyn Node<X::In>>,
        exchange: X,
        environment: &Arc<Environment>,
    ) -> Shuffled<X> {
        let (maps, buckets, exchange) = (parent.meta().partitions, meta.partitions, Arc::new(exchange));
        let side = Side {
            shuffle,
            operator: meta.operator.clone(),
            parent: Parent::new(parent),
            buckets,
            exchange: Arc::clone(&exchange),
            environment: Arc::downgrade(environment),
        };
        Shuffled { meta, shuffle, maps, exchange, side: Some(Arc::new(side)) }
    }
}

impl<X: Exchange> Lineage for Shuffled<X> {
    fn meta(&self) -> &Meta {
        &self.meta
    }

    fn dependencies(&self) -> Vec<Dependency> {
        self.side.iter().map(|side| Dependency::Shuffle(Arc::clone(side) as Arc<dyn MapSide>)).collect()
    }

    fn draws_once(&self) -> bool {
        true
    }

    fn encode(&self, out: &mut Encoder) -> Result<(), NotShippable> {
        let exchange = self.exchange.encode(out).map_err(|e| e.at(&self.meta.operator))?;
        out.node::<Self>(decode_shuffled::<X>, &self.meta, &[], &(self.shuffle, self.maps, exchange))
    }
}

fn decode_shuffled<X: Exchange>(decoder: &mut Decoder) -> Result<crate::ship::Decoded, ShipError> {
    let (meta, _, (shuffle, maps, exchange)): (Meta, Vec<u32>, (ShuffleId, usize, Vec<u8>)) =
        decoder.value::<Shuffled<X>, _>()?;
    let exchange = Arc::new(X::decode(&exchange, decoder)?);
    let node: Arc<dyn Node<X::Out>> = Arc::new(Shuffled { meta, shuffle, maps, exchange, side: None });
    Ok(Box::new(node))
}

impl<X: Exchange> Node<X::Out> for Shuffled<X> {
    fn compute(self: Arc<Self>, partition: usize, cx: &Arc<TaskContext>) -> Result<BoxRuns<X::Out>, Stop> {
        let blocks = StoredBlocks::new(cx, self.shuffle, self.maps, partition);
        cx.enter(self.meta.id);
        let runs = Arc::clone(&self.exchange).read(Box::new(blocks), cx)?;
        Ok(Box::new(During { runs, cx: Arc::clone(cx), node: self.meta.id }))
    }
}
