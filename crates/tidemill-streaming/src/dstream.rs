//! `DStream<T>`: an RDD for each batch time.
//!
//! A stream has the shape of an RDD with time: `compute(time)` gives the RDD of a batch, from those of its parents. What it
//! gave is remembered by time, so that two outputs on one stream share it and windows find it again. Most streams have an
//! RDD for every batch; those with a longer `slide` have one every so many batches, counted from the start.

use std::panic::Location;
use std::sync::Arc;
use std::time::Duration;

use tidemill_core::lineage::Operator;
use tidemill_core::{Rdd, Timestamp};

use crate::context::{StreamingContext, WeakContext};
use crate::error::Error;

mod foreach_rdd;
mod node;
mod parse;
mod print;
mod reduce_by_key;
mod stateless;
mod transform;

pub use node::Parent;
pub(crate) use node::{Node, Stream};

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

    /// Batches up to `time` are over and remembered no longer: lets go of what was held for them.
    fn forget(&self, _time: Timestamp) {}

    /// Whether each RDD follows from the one before. Such a stream is computed in every batch, before the outputs, whether
    /// one asks for it or not; a failure costs only the outputs that need it.
    fn is_stateful(&self) -> bool {
        false
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
        let node = Arc::new(Node::new(Operator::here(name), Location::caller(), slide, compute));
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

    /// The context of the stream; `None` once all handles on it are gone.
    pub fn streaming(&self) -> Option<StreamingContext> {
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
