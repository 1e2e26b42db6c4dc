//! The RDD of a version of state.

use std::sync::Arc;

use tidemill_core::layout::Layout;
use tidemill_core::lineage::{Dependency, Lineage, Meta, Node, Operator};
use tidemill_core::ship::{Encoder, NotShippable};
use tidemill_core::{BoxRuns, Context, Rdd, RddId, Runs, Stop, TaskContext, Version};

use crate::batch::PyBatch;
use crate::not_shippable;
use crate::state::StatePart;
use crate::state::body::Reading;

/// The states of all keys at `version`, one partition for each of `parts`, laid out as they are. The version is kept as long
/// as the RDD: programs hold on to the RDD of a batch and read it later.
pub(crate) fn states(
    context: &Context,
    operator: &Operator,
    layout: Option<Layout>,
    parts: Vec<Arc<StatePart>>,
    version: Version,
) -> Rdd<PyBatch> {
    let meta = Meta { operator: operator.clone(), ..context.meta("updateStateByKey", parts.len(), layout) };
    let pin = Arc::new(());
    parts.iter().for_each(|part| part.pin(version, &pin));
    Rdd::new(context, Arc::new(States { meta, parts, version, _pin: pin }))
}

struct States {
    meta: Meta,
    parts: Vec<Arc<StatePart>>,
    version: Version,
    _pin: Arc<()>,
}

impl Lineage for States {
    fn meta(&self) -> &Meta {
        &self.meta
    }

    fn dependencies(&self) -> Vec<Dependency> {
        Vec::new()
    }

    fn encode(&self, _: &mut Encoder) -> Result<(), NotShippable> {
        Err(not_shippable(&self.meta))
    }
}

impl Node<PyBatch> for States {
    fn compute(self: Arc<Self>, partition: usize, cx: &Arc<TaskContext>) -> Result<BoxRuns<PyBatch>, Stop> {
        cx.enter(self.meta.id);
        let whole = self.parts.get(partition).ok_or(Stop::Cancelled)?.whole(self.version, Some(cx))?;
        Ok(Box::new(Checked { batches: whole.read()?, cx: Arc::clone(cx), node: self.meta.id }))
    }
}

/// Batches that are read for a task, one a run.
struct Checked {
    batches: Reading,
    cx: Arc<TaskContext>,
    node: RddId,
}

impl Runs<PyBatch> for Checked {
    fn next(&mut self, into: &mut Vec<PyBatch>) -> Result<bool, Stop> {
        self.cx.check()?;
        self.cx.enter(self.node);
        Runs::next(&mut self.batches, into)
    }
}
