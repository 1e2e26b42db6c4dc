//! Map outputs that other processes keep: where they are, and how a reader gets a bucket of one.
//!
//! Whoever runs tasks elsewhere notes here where map outputs are, and sets a client of the service that answers there by
//! [`Store::encoded_bucket`](crate::store::Store::encoded_bucket). How bytes get from one to the other is theirs.

use std::collections::HashMap;
use std::io;
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};

use serde::{Deserialize, Serialize};

use crate::exchange::chunk::{Chunk, decode_bucket};
use crate::{BlockId, ShuffleId};

/// What one reader reads of one map output.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct BucketId {
    /// The shuffle.
    pub shuffle: ShuffleId,
    /// The map partition.
    pub map: u32,
    /// The partition of the reader.
    pub bucket: u32,
}

/// Brings buckets from other processes: a client of their block services.
pub trait Fetch: Send + Sync {
    /// The bucket's chunks as they are encoded at `home`, an executor by its name; `None` where they are not there.
    ///
    /// # Errors
    /// Those of the way there. The output then counts as lost, so whoever tries more than once does it here.
    fn fetch(&self, home: &str, bucket: BucketId) -> io::Result<Option<Vec<u8>>>;
}

/// Which map outputs are elsewhere, and the client that brings them.
#[derive(Default)]
pub struct Elsewhere {
    homes: Mutex<HashMap<ShuffleId, HashMap<u32, Arc<str>>>>,
    client: OnceLock<Arc<dyn Fetch>>,
}

impl Elsewhere {
    /// Says how buckets are brought here. The first client stays.
    pub fn set_client(&self, client: Arc<dyn Fetch>) {
        let _ = self.client.set(client);
    }

    /// Notes that `home` keeps a map output, in the place of whoever kept it before.
    pub fn set_home(&self, shuffle: ShuffleId, map: u32, home: &str) {
        self.homes().entry(shuffle).or_default().insert(map, home.into());
    }

    /// Who keeps a map output.
    pub fn home(&self, shuffle: ShuffleId, map: u32) -> Option<Arc<str>> {
        self.homes().get(&shuffle)?.get(&map).cloned()
    }

    /// Forgets who keeps the outputs of a shuffle.
    pub fn forget(&self, shuffle: ShuffleId) {
        self.homes().remove(&shuffle);
    }

    /// The chunks of a bucket, if its home is known and answers with what can be read.
    pub(super) fn fetch(&self, bucket: BucketId) -> Option<Vec<Chunk>> {
        let (client, home) = (self.client.get()?, self.home(bucket.shuffle, bucket.map)?);
        let BucketId { shuffle, map, .. } = bucket;
        let block = BlockId::MapOutput { shuffle, map };
        let bytes = match client.fetch(&home, bucket) {
            Ok(bytes) => bytes?,
            Err(error) => {
                tracing::warn!(%block, %home, %error, "A map output cannot be fetched; it counts as lost.");
                return None;
            }
        };
        let chunks = decode_bucket(&bytes);
        let unreadable = |error| tracing::warn!(%block, %home, %error, "A map output is damaged; it counts as lost.");
        chunks.map_err(unreadable).ok()
    }

    fn homes(&self) -> MutexGuard<'_, HashMap<ShuffleId, HashMap<u32, Arc<str>>>> {
        self.homes.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
