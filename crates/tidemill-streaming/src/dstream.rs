//! `DStream<T>`: an RDD for each batch time.
//!
//! A stream has the shape of an RDD with time: `compute(time)` gives the RDD of a batch, from those of its parents. What it
//! gave is remembered by time until the batch is done with, so that two outputs on one stream share it.

use std::collections::BTreeMap;
use std::panic::Location;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tidemill_core::lineage::{Operator, called_at};
use tidemill_core::{Rdd, Timestamp};

use crate::context::{StreamingContext, WeakContext};
use crate::error::Error;
use crate::graph::Remember;

mod foreach_rdd;
mod print;
mod reduce_by_key;
mod stateless;
mod transform;

/// The RDD of a batch, if the stream has one for it.
pub type Computed<T> = Result<Option<Rdd<T>>, Error>;

/// How a stream makes the RDD of a batch. The same batch gives the same RDD.
pub trait Compute<T: 'static>: Send + Sync + 'static {
    /// The RDD of the batch of `time`.
    fn compute(&self, streaming: &StreamingContext, time: Timestamp) -> Computed<T>;
}

/// A stream of batches: Spark's `DStream`. Cloning it clones a pointer.
pub struct DStream<T: 'static> {
    streaming: WeakContext,
    node: Arc<Node<T>>,
}

struct Node<T: 'static> {
    operator: Operator,
    location: &'static Location<'static>,
    compute: Box<dyn Compute<T>>,
    generated: Mutex<BTreeMap<Timestamp, Option<Rdd<T>>>>,
}

impl<T: 'static> Clone for DStream<T> {
    fn clone(&self) -> Self {
        DStream { streaming: self.streaming.clone(), node: Arc::clone(&self.node) }
    }
}

impl<T: 'static> DStream<T> {
    #[track_caller]
    pub(crate) fn new(streaming: &WeakContext, name: &'static str, compute: impl Compute<T>) -> DStream<T> {
        let (operator, location) = (Operator::here(name), Location::caller());
        let generated = Mutex::default();
        let node = Arc::new(Node { operator, location, compute: Box::new(compute), generated });
        if let Some(streaming) = streaming.upgrade() {
            streaming.remember(Arc::downgrade(&node) as std::sync::Weak<dyn Remember>);
        }
        DStream { streaming: streaming.clone(), node }
    }

    /// The operator that made it, with the source line of the call.
    pub fn operator(&self) -> &Operator {
        &self.node.operator
    }

    /// The RDD of the batch of `time`: computed once, then remembered.
    pub fn rdd(&self, time: Timestamp) -> Computed<T> {
        if let Some(known) = self.node.generated().get(&time) {
            return Ok(known.clone());
        }
        let Some(streaming) = self.streaming.upgrade() else { return Ok(None) };
        let rdd = called_at(self.node.location, || self.node.compute.compute(&streaming, time))?;
        self.node.generated().insert(time, rdd.clone());
        Ok(rdd)
    }

    /// The context, while it exists.
    pub(crate) fn streaming(&self) -> &WeakContext {
        &self.streaming
    }
}

impl<T: 'static> Node<T> {
    fn generated(&self) -> MutexGuard<'_, BTreeMap<Timestamp, Option<Rdd<T>>>> {
        self.generated.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<T: 'static> Remember for Node<T> {
    fn forget(&self, time: Timestamp) {
        let mut generated = self.generated();
        let kept = generated.split_off(&(time + std::time::Duration::from_micros(1)));
        let forgotten = std::mem::replace(&mut *generated, kept);
        drop(generated);
        drop(forgotten); // after the lock: lineages end here
    }
}
