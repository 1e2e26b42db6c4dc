//! Where the keys of a stateful stream lie: by their hash or as a partitioner of the program's own says.

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
        let failed = |cause| Error::Argument { cause: std::sync::Arc::new(cause) };
        Layout::by::<K, P>(partitioner).map(Placement::By).map_err(failed)
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

    /// The pairs where they are to lie.
    pub(crate) fn placed<K: Key, V: Element>(&self, rdd: &Rdd<(K, V)>) -> Rdd<(K, V)> {
        // The layout is one of `K`, so this cannot fail; if it did, the step would refuse what lies elsewhere.
        rdd.partition_by_layout(&self.layout::<K>(rdd.context())).unwrap_or_else(|_| rdd.clone())
    }

    /// The values of each key merged by `f`, where they are to lie. For a partitioner of the program's own nothing is merged
    /// before the shuffle.
    pub(crate) fn reduced<K: Key, V: Element>(
        &self,
        rdd: &Rdd<(K, V)>,
        f: impl Fn(V, V) -> V + Clone + Send + Sync + 'static,
    ) -> Rdd<(K, V)> {
        match self {
            Placement::By(_) => self.placed(rdd).reduce_by_key(f),
            _ => rdd.reduce_by_key_into(f, self.layout::<K>(rdd.context()).partitions()),
        }
    }
}
