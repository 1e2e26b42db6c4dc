//! `local_checkpoint`: partitions kept by the store, and an RDD that reads them and has no lineage.

use std::sync::Arc;

use crate::error::Error;
use crate::lineage::{Dependency, Lineage, Meta, Node, Operator};
use crate::rdd::persist::{Persisted, open};
use crate::rdd::{Rdd, Storage, run_job};
use crate::runs::BoxRuns;
use crate::ship::{Encoder, Function, NotShippable};
use crate::task::TaskContext;
use crate::{Element, Stop, StorageLevel};

impl<T: Element> Rdd<T> {
    /// Computes all partitions now, keeps them in memory and on disk, and returns an RDD that reads them and has no parents:
    /// Spark's `RDD.localCheckpoint`, but at once. Faster than [`checkpoint`](Rdd::checkpoint), and gone with the process;
    /// what cannot be read any more cannot be computed again.
    ///
    /// ```
    /// let context = tidemill_core::Context::local(2)?;
    /// let squares = context.parallelize(1..=3, 2).map(|x| x * x).local_checkpoint()?;
    /// assert_eq!(squares.collect()?, [1, 4, 9]);
    /// # Ok::<(), tidemill_core::Error>(())
    /// ```
    #[track_caller]
    pub fn local_checkpoint(&self) -> Result<Rdd<T>, Error> {
        let (operator, context) = (Operator::here("local_checkpoint"), self.context());
        let meta = context.meta("local_checkpoint", self.num_partitions(), self.layout().cloned());
        let storage = Arc::new(Storage::new(&meta, StorageLevel::MEMORY_AND_DISK, context.environment()));
        let filling = Meta { depth: self.meta().depth + 1, ..meta.clone() };
        let filling = Persisted::new(filling, self.parent(), Arc::clone(&storage));
        let filling = Rdd::new(context, Arc::new(filling));
        let code = Function { env: (), call: () };
        run_job(&filling, operator, filling.all_partitions(), code, |mut drawn, _| drawn.next(&mut Vec::new()))?;
        Ok(Rdd::new(context, Arc::new(LocalCheckpoint { meta, storage })))
    }

    /// Whether it reads what [`local_checkpoint`](Rdd::local_checkpoint) kept: Spark's `isLocallyCheckpointed`.
    ///
    /// ```
    /// let context = tidemill_core::Context::local(2)?;
    /// let numbers = context.parallelize(1..=3, 2);
    /// assert!(!numbers.is_locally_checkpointed());
    /// assert!(numbers.local_checkpoint()?.is_locally_checkpointed());
    /// # Ok::<(), tidemill_core::Error>(())
    /// ```
    pub fn is_locally_checkpointed(&self) -> bool {
        self.node().is_locally_checkpointed()
    }
}

/// Reads what is kept, and knows no other way to it.
struct LocalCheckpoint {
    meta: Meta,
    storage: Arc<Storage>,
}

impl Lineage for LocalCheckpoint {
    fn meta(&self) -> &Meta {
        &self.meta
    }

    fn dependencies(&self) -> Vec<Dependency> {
        Vec::new()
    }

    fn is_locally_checkpointed(&self) -> bool {
        true
    }

    fn encode(&self, _: &mut Encoder) -> Result<(), NotShippable> {
        let why = "a local checkpoint is read in the process that made it; use `checkpoint`";
        Err(NotShippable::value(why).at(&self.meta.operator))
    }
}

impl<T: Element> Node<T> for LocalCheckpoint {
    fn compute(self: Arc<Self>, partition: usize, cx: &Arc<TaskContext>) -> Result<BoxRuns<T>, Stop> {
        cx.enter(self.meta.id);
        let block = self.storage.block(partition);
        let place = cx.environment().store.get(block).ok_or(Stop::Lost(block))?;
        open(place, cx)
    }
}
