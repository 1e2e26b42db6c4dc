//! The operators on pairs, held against tables and naive oracles.

#![expect(clippy::unwrap_used, reason = "a test fails where it cannot go on")]

use std::sync::Arc;

use tidemill_core::layout::Partitioner;
use tidemill_core::lineage::Lineage;
use tidemill_core::{Context, Element, Key, Rdd, Settings};

#[path = "pairs/actions.rs"]
mod actions;
#[path = "pairs/oracles.rs"]
mod oracles;
#[path = "pairs/shipped.rs"]
mod shipped;
#[path = "pairs/sorting.rs"]
mod sorting;
#[path = "pairs/spilled.rs"]
mod spilled;
#[path = "pairs/stages.rs"]
mod stages;
#[path = "pairs/tables.rs"]
mod tables;

/// A context of two threads with further settings.
fn context(settings: &[(&str, &str)]) -> Context {
    let mut all = Settings::new();
    all.set("spark.master", "local[2]");
    for (key, value) in settings {
        all.set(*key, *value);
    }
    Context::new(&all).unwrap()
}

/// How many stages a job over `rdd` has.
fn stages<T: 'static>(rdd: &Rdd<T>) -> usize {
    let lineage: Arc<dyn Lineage> = Arc::clone(rdd.node()) as Arc<dyn Lineage>;
    tidemill_core::stage::cut(lineage, |_| false).0.map_stages.len() + 1
}

/// The partition of a key among `partitions` by hash.
fn bucket<K: Key>(context: &Context, key: &K, partitions: usize) -> usize {
    tidemill_core::hash::bucket(context.environment().seed.hash(key), partitions)
}

/// The elements, partition by partition.
fn parts<T: Element>(rdd: &Rdd<T>) -> Vec<Vec<T>> {
    rdd.glom().collect().unwrap()
}

/// Keys by their rest of a division.
#[derive(Clone, serde::Serialize, serde::Deserialize)]
struct Rest(u64);

impl Partitioner<i64> for Rest {
    fn partitions(&self) -> usize {
        self.0 as usize
    }

    fn partition(&self, key: &i64) -> usize {
        key.rem_euclid(self.0 as i64) as usize
    }
}
