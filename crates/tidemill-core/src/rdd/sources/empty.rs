//! `empty`: nothing.

use std::sync::Arc;

use crate::context::Context;
use crate::lineage::{Arrangement, Concat};
use crate::rdd::Rdd;

impl Context {
    /// An RDD without partitions: Spark's `SparkContext.emptyRDD`. Jobs on it have no tasks.
    ///
    /// ```
    /// let context = tidemill_core::Context::local(2)?;
    /// assert_eq!(context.empty::<i64>().count()?, 0);
    /// # Ok::<(), tidemill_core::Error>(())
    /// ```
    #[track_caller]
    pub fn empty<T: 'static>(&self) -> Rdd<T> {
        Rdd::new(self, Arc::new(Concat::new(self.meta("empty", 0, None), Vec::new(), Arrangement::InTurn)))
    }
}
