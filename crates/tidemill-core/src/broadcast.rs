//! Broadcast values: given to every task, kept once a process.

use std::fmt;
use std::ops::Deref;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::{Element, TaskContext};

/// A value that every task may read: Spark's `Broadcast`. Cloning it clones a pointer.
///
/// After [`destroy`](Broadcast::destroy) a task that reads it fails, and so its job, by a panic that says so (behaviour
/// 3.14). The driver still can: there the value is at hand.
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
    destroyed: Arc<AtomicBool>,
}

impl<T: Element> Broadcast<T> {
    pub(crate) fn new(id: u64, value: T) -> Broadcast<T> {
        Broadcast { id, value: Arc::new(value), destroyed: Arc::default() }
    }

    /// Counts the broadcasts of the context.
    pub fn id(&self) -> u64 {
        self.id
    }

    /// The value. In a task it panics once the broadcast is destroyed.
    #[inline]
    pub fn value(&self) -> &T {
        self.assert_readable();
        &self.value
    }

    /// Drops the copies of other processes, which fetch it again when they need it: Spark's `unpersist`. Within one process
    /// there are no copies, and nothing changes.
    pub fn unpersist(&self) {}

    /// Says that no job will use it any more; from now on a task that reads it fails, and so does a job that encodes it
    /// (behaviour 3.14): Spark's `destroy`. The memory is free when the last clone is dropped.
    ///
    /// ```
    /// let context = tidemill_core::Context::local(2)?;
    /// let factor = context.broadcast(10);
    /// let seen = factor.clone();
    /// let scaled = context.parallelize(1..=2, 2).map(move |x| x * *seen);
    /// assert_eq!(scaled.collect()?, [10, 20]);
    /// factor.destroy();
    /// let error = scaled.collect().unwrap_err().to_string();
    /// assert!(error.contains("Attempted to use Broadcast(0) after it was destroyed"));
    /// # Ok::<(), tidemill_core::Error>(())
    /// ```
    pub fn destroy(&self) {
        self.destroyed.store(true, Ordering::SeqCst);
    }

    /// Whether it was destroyed.
    pub fn is_destroyed(&self) -> bool {
        self.destroyed.load(Ordering::SeqCst)
    }
}

impl<T> Broadcast<T> {
    #[inline]
    fn assert_readable(&self) {
        if self.destroyed.load(Ordering::Relaxed) {
            fail_in_task(self.id);
        }
    }
}

#[cold]
#[expect(clippy::panic, reason = "reading gives a reference, and a task's panic is a failure that its job reports")]
fn fail_in_task(id: u64) {
    if TaskContext::current().is_some() {
        panic!("Attempted to use Broadcast({id}) after it was destroyed");
    }
}

impl<T> Clone for Broadcast<T> {
    fn clone(&self) -> Self {
        Broadcast { id: self.id, value: Arc::clone(&self.value), destroyed: Arc::clone(&self.destroyed) }
    }
}

impl<T> Deref for Broadcast<T> {
    type Target = T;
    #[inline]
    fn deref(&self) -> &T {
        self.assert_readable();
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
