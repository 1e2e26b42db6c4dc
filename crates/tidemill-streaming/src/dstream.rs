//! `DStream<T>`: an RDD for each batch time.
//!
//! A stream has the shape of an RDD with time: `compute(time)` gives the RDD of a batch, from those of its parents. What it
//! gave is remembered by time, so that two outputs on one stream share it and windows find it again. Most streams have an
//! RDD for every batch; those with a longer `slide` have one every so many batches, counted from the start.

use std::sync::Arc;
use std::time::Duration;

use tidemill_core::lineage::{CallSite, Operator};
use tidemill_core::shard::KeptShards;
use tidemill_core::{Rdd, StorageLevel, Timestamp};

use crate::context::{StreamingContext, WeakContext};
use crate::error::Error;

mod checkpoint;
mod cogroup;
mod combine_by_key;
mod count;
mod count_by_value;
mod count_by_value_and_window;
mod count_by_window;
mod filter;
mod flat_map;
mod folder_names;
mod foreach_rdd;
mod glom;
mod group_by_key;
mod group_by_key_and_window;
mod join;
mod map;
mod map_partitions;
mod map_values;
mod map_with_state;
mod node;
mod outer_join;
mod partition_by;
mod persist;
mod placement;
mod parse;
mod print;
mod reduce;
mod reduce_by_key;
mod reduce_by_key_and_window;
mod reduce_by_window;
mod repartition;
mod save_as_object_files;
mod save_as_text_files;
mod slice;
mod sliding;
mod stateful;
mod together;
mod transform;
mod transform_all;
mod transform_with;
mod uid;
mod union;
mod update_state_by_key;
mod window;

pub use count::NoPartitions;
pub use folder_names::FolderNames;
pub use map_with_state::{Always, MapWithStateDStream, StateFunction, StateSpec, Timed};
pub use node::Parent;
pub(crate) use node::{Node, Stream};
pub use print::page;
pub use sliding::{Sliding, WindowOptions};
pub use transform_with::Missing;
pub use update_state_by_key::{UpdateOptions, WithoutRdd};

/// The RDD of a batch, if the stream has one for it.
pub type Computed<T> = Result<Option<Rdd<T>>, Error>;

/// How a stream makes the RDD of a batch. The same batch gives the same RDD.
pub trait Compute<T: 'static>: Send + Sync + 'static {
    /// The RDD of the batch of `time`; asked once a batch, for times on the stream's own grid only.
    ///
    /// # Errors
    /// The batch is lost: none of its outputs runs (behaviour 2.40).
    fn compute(&self, streaming: &StreamingContext, time: Timestamp) -> Computed<T>;

    /// The streams whose RDDs it asks for: see [`DStream::as_parent`].
    fn parents(&self) -> Vec<Parent> {
        Vec::new()
    }

    /// The input whose records it gives, by the input's number: so the input is known by the id of its stream.
    fn input(&self) -> Option<u32> {
        None
    }

    /// Batches up to `time` are over and remembered no longer: lets go of what was held for them.
    fn forget(&self, _time: Timestamp) {}

    /// Where the RDDs are unions of its parents' and the like: keeps those at `level` in place of its own. `None` keeps them
    /// unless they are kept already. `false` says that its own RDDs are to be kept.
    fn persist_parents(&self, _level: Option<StorageLevel>) -> bool {
        false
    }

    /// Whether each RDD follows from the one before. Such a stream is computed in every batch, before the outputs, whether
    /// one asks for it or not; a failure costs only the outputs that need it.
    fn is_stateful(&self) -> bool {
        false
    }

    /// Its state, which checkpoints keep; made now if it was not yet. A stateful stream of which another has the state gives
    /// none.
    ///
    /// # Errors
    /// It cannot be made.
    fn shards(&self, _streaming: &StreamingContext) -> Result<Option<Arc<dyn KeptShards>>, Error> {
        Ok(None)
    }
}

/// A stream of batches: Spark's `DStream`. Cloning it clones a pointer.
pub struct DStream<T: 'static> {
    streaming: WeakContext,
    node: Arc<Node<T>>,
}

impl<T: 'static> Clone for DStream<T> {
    fn clone(&self) -> Self {
        DStream { streaming: self.streaming.clone(), node: Arc::clone(&self.node) }
    }
}

impl<T: 'static> DStream<T> {
    #[track_caller]
    pub(crate) fn new(
        streaming: &WeakContext,
        name: &'static str,
        slide: Duration,
        compute: impl Compute<T>,
    ) -> DStream<T> {
        let node = Arc::new(Node::new(Operator::here(name), CallSite::here(), slide, compute));
        if let Some(streaming) = streaming.upgrade() {
            streaming.add_stream(Arc::downgrade(&node) as std::sync::Weak<dyn Stream>, node.operator());
        }
        DStream { streaming: streaming.clone(), node }
    }

    /// The operator that made it, with the source line of the call.
    pub fn operator(&self) -> &Operator {
        self.node.operator()
    }

    /// The time from one RDD of it to the next: Spark's `slideDuration`. The batch interval, but for windows.
    pub fn slide(&self) -> Duration {
        self.node.slide()
    }

    /// The streaming context of the stream: Spark's `DStream.context`. `None` once all handles on it are gone.
    pub fn context(&self) -> Option<StreamingContext> {
        self.streaming.upgrade()
    }

    /// The RDD of the batch of `time`: computed once, then remembered. `None` before the start, at a time that is not on
    /// the stream's grid (behaviour 2.13), and where the stream has none.
    pub fn rdd(&self, time: Timestamp) -> Computed<T> {
        let Some(streaming) = self.streaming.upgrade() else { return Ok(None) };
        self.node.rdd(&streaming, time)
    }

    /// This stream as the parent of another, which reads RDDs of it that are up to `back` older than its own batch.
    pub fn as_parent(&self, back: Duration) -> Parent {
        Parent::new(Arc::clone(&self.node) as Arc<dyn Stream>, back)
    }

    /// The context, while it exists.
    pub(crate) fn weak(&self) -> &WeakContext {
        &self.streaming
    }

    pub(crate) fn node(&self) -> &Arc<Node<T>> {
        &self.node
    }
}
