//! An input without records that watches what a batch is given, and may act between its input and its run.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use tidemill_core::Timestamp;
use tidemill_streaming::StreamingContext;
use tidemill_streaming::event::{BatchInfo, InputInfo};
use tidemill_streaming::input::{Input, InputId};

/// What the inputs of each batch told, and an action between the input of a batch and its run.
pub(crate) struct Watch {
    id: InputId,
    told: Mutex<Vec<BTreeMap<u32, InputInfo>>>,
    then: Box<dyn Fn() + Send + Sync>,
}

/// Watches the batches of a context; `then` runs when the inputs that were added before have theirs.
pub(crate) fn watch(streaming: &StreamingContext, then: impl Fn() + Send + Sync + 'static) -> Arc<Watch> {
    streaming.add_input(|id| Arc::new(Watch { id, told: Mutex::default(), then: Box::new(then) }))
}

impl Watch {
    /// What the inputs of the batches since the last call told.
    pub(crate) fn take(&self) -> Vec<BTreeMap<u32, InputInfo>> {
        std::mem::take(&mut *self.told.lock().unwrap())
    }
}

impl Input for Watch {
    fn id(&self) -> InputId {
        self.id
    }

    fn name(&self) -> String {
        "watch".into()
    }

    fn allocate(&self, _: Timestamp) -> Option<InputInfo> {
        (self.then)();
        None
    }

    fn completed(&self, batch: &BatchInfo) {
        self.told.lock().unwrap().push(batch.inputs.clone());
    }
}
