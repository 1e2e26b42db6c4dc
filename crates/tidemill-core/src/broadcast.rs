//! Broadcast values: given to every task, kept once a process.

use std::fmt;
use std::ops::Deref;
use std::sync::{Arc, Mutex, PoisonError};

use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::Element;

/// A value that every task may read: Spark's `Broadcast`. Cloning it clones a pointer.
///
/// On executors use it as the value of `map_with` and its kin, as every captured value.
///
/// ```
/// let context = tidemill_core::Context::local(2)?;
/// let stop_words = context.broadcast(vec!["the".to_string(), "a".to_string()]);
/// let words = context.parallelize(["the", "tide"].map(String::from), 2);
/// let kept = words.filter_with(stop_words, |stop, word| !stop.contains(word));
/// assert_eq!(kept.collect()?, ["tide"]);
/// # Ok::<(), tidemill_core::Error>(())
/// ```
pub struct Broadcast<T> {
    id: u64,
    value: Arc<T>,
    destroyed: Arc<Mutex<bool>>,
}

impl<T: Element> Broadcast<T> {
    pub(crate) fn new(id: u64, value: T) -> Broadcast<T> {
        Broadcast { id, value: Arc::new(value), destroyed: Arc::default() }
    }

    /// Counts the broadcasts of the context.
    pub fn id(&self) -> u64 {
        self.id
    }

    /// The value.
    pub fn value(&self) -> &T {
        &self.value
    }

    /// Says that no job will use it any more; one that would send it to another process fails from now on (behaviour
    /// 3.14). Here it stays until its last handle goes.
    pub fn destroy(&self) {
        *self.destroyed.lock().unwrap_or_else(PoisonError::into_inner) = true;
    }

    /// Whether it was destroyed.
    pub fn is_destroyed(&self) -> bool {
        *self.destroyed.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<T> Clone for Broadcast<T> {
    fn clone(&self) -> Self {
        Broadcast { id: self.id, value: Arc::clone(&self.value), destroyed: Arc::clone(&self.destroyed) }
    }
}

impl<T> Deref for Broadcast<T> {
    type Target = T;
    fn deref(&self) -> &T {
        &self.value
    }
}

impl<T> fmt::Debug for Broadcast<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Broadcast({})", self.id)
    }
}

impl<T: Element> Serialize for Broadcast<T> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        if self.is_destroyed() {
            return Err(serde::ser::Error::custom("the broadcast value was destroyed"));
        }
        (self.id, &*self.value).serialize(serializer)
    }
}

impl<'de, T: Element> Deserialize<'de> for Broadcast<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let (id, value) = <(u64, T)>::deserialize(deserializer)?;
        Ok(Broadcast::new(id, value))
    }
}
