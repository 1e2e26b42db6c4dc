//! Where the keys of a stateful stream lie: by their hash or as a partitioner of the program's own says.

use std::sync::Arc;

use tidemill_core::layout::{Layout, Partitioner};
use tidemill_core::{Context, Element, Key, Rdd};

use crate::error::Error;

/// What a program asked for.
#[derive(Clone, Debug, Default)]
pub(crate) enum Placement {
    /// Nothing: by hash, in as many partitions as `default_parallelism` says.
    #[default]
    Default,
    /// By hash, in so many partitions; 0 is taken as 1.
    Hash(usize),
    /// As a partitioner says.
    By(Layout),
}

impl Placement {
    /// That of a partitioner.
    #[track_caller]
    pub(crate) fn by<K: 'static, P: Partitioner<K>>(partitioner: P) -> Result<Placement, Error> {
        Layout::by::<K, P>(partitioner).map(Placement::By).map_err(argument)
    }

    /// As a layout.
    pub(crate) fn layout<K: Key>(&self, context: &Context) -> Layout {
        let hash = |partitions: usize| Layout::hash::<K>(context.environment().seed, partitions.max(1));
        match self {
            Placement::Default => hash(context.default_parallelism()),
            Placement::Hash(partitions) => hash(*partitions),
            Placement::By(layout) => layout.clone(),
        }
    }

    /// The values of each key merged by `f`, where they are to lie.
    pub(crate) fn reduced<K: Key, V: Element>(
        &self,
        rdd: &Rdd<(K, V)>,
        f: impl Fn(V, V) -> V + Clone + Send + Sync + 'static,
    ) -> Result<Rdd<(K, V)>, Error> {
        rdd.reduce_by_key_at(f, &self.layout::<K>(rdd.context())).map_err(argument)
    }
}

fn argument(cause: tidemill_core::Error) -> Error {
    Error::Argument { cause: Arc::new(cause) }
}
