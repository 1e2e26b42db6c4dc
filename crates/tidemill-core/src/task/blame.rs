//! Runs that say whose code runs while they are drawn, or after, so that a failure names the right operator.

use std::sync::Arc;

use crate::runs::{BoxRuns, Runs};
use crate::task::TaskContext;
use crate::{RddId, Stop};

/// Runs whose drawing runs code of `node`, as that of a sort that compares what it reads from disk.
pub(crate) struct During<T> {
    pub(crate) runs: BoxRuns<T>,
    pub(crate) cx: Arc<TaskContext>,
    pub(crate) node: RddId,
}

impl<T> Runs<T> for During<T> {
    fn next(&mut self, into: &mut Vec<T>) -> Result<bool, Stop> {
        self.cx.enter(self.node);
        self.runs.next(into)
    }
}

/// Runs after each of which code of `node` runs: what it does with them is not the failure of who made them.
pub(crate) struct Before<T> {
    pub(crate) runs: BoxRuns<T>,
    pub(crate) cx: Arc<TaskContext>,
    pub(crate) node: RddId,
}

impl<T> Runs<T> for Before<T> {
    fn next(&mut self, into: &mut Vec<T>) -> Result<bool, Stop> {
        let more = self.runs.next(into)?;
        self.cx.enter(self.node);
        Ok(more)
    }
}
