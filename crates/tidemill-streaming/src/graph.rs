//! The graph of a streaming context: its inputs, its streams and its outputs.

use std::collections::HashSet;
use std::sync::{Arc, Weak};
use std::time::Duration;

use tidemill_core::Timestamp;
use tidemill_core::lineage::{CallSite, Operator};

use crate::dstream::Stream;
use crate::error::Error;
use crate::input::Input;

pub(crate) mod ids;

/// What streaming contexts run, batch after batch.
#[derive(Clone, Default)]
pub(crate) struct Graph {
    pub(crate) inputs: Vec<Arc<dyn Input>>,
    pub(crate) outputs: Vec<Arc<Output>>,
    /// All streams in order of creation: parents come before their children.
    pub(crate) streams: Vec<Weak<dyn Stream>>,
    /// The streams that some output needs and that are computed in every batch.
    pub(crate) stateful: Vec<Arc<dyn Stream>>,
}

/// An output operation: what is done with a stream's RDD of each batch, in order of registration (behaviour 2.38).
pub(crate) struct Output {
    pub(crate) operator: Operator,
    pub(crate) site: CallSite,
    pub(crate) stream: Arc<dyn Stream>,
    /// Makes the job of a batch: `None` where the stream has no RDD for it.
    pub(crate) job: Box<dyn Fn(Timestamp) -> Result<Option<BatchJob>, Error> + Send + Sync>,
}

/// What an output does with one batch.
pub(crate) type BatchJob = Box<dyn FnOnce() -> Result<(), Error> + Send>;

impl Graph {
    /// The streams that still exist, in order of creation.
    pub(crate) fn streams(&self) -> Vec<Arc<dyn Stream>> {
        self.streams.iter().filter_map(Weak::upgrade).collect()
    }

    /// Settles how long each stream remembers its RDDs: as long as those that read it need (behaviour 2.14), and at least
    /// `remember`. Then finds the stateful streams that outputs need.
    pub(crate) fn settle(&mut self, remember: Duration) {
        let streams = self.streams();
        for stream in streams.iter().rev() {
            stream.remember_at_least(remember);
            for parent in stream.parents() {
                parent.stream.remember_at_least(stream.remembers() + parent.back);
            }
        }
        self.stateful = self.needed().into_iter().filter(|stream| stream.is_stateful()).collect();
    }

    /// The streams that outputs need, in order of creation.
    pub(crate) fn needed(&self) -> Vec<Arc<dyn Stream>> {
        let mut streams = self.streams();
        let mut needed: HashSet<*const ()> = self.outputs.iter().map(|output| address(&output.stream)).collect();
        for stream in streams.iter().rev() {
            if needed.contains(&address(stream)) {
                needed.extend(stream.parents().iter().map(|parent| address(&parent.stream)));
            }
        }
        streams.retain(|stream| needed.contains(&address(stream)));
        streams
    }
}

fn address(stream: &Arc<dyn Stream>) -> *const () {
    Arc::as_ptr(stream).cast()
}
