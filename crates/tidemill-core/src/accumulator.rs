//! Accumulators: values that tasks add to and the driver reads.

use std::any::Any;
use std::collections::HashMap;
use std::fmt;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};

use crate::lineage::Operator;
use crate::scheduler::Failure;
use crate::task::{TaskContext, Update};
use crate::{Cause, Element};

/// A value that tasks add to and the driver reads: Spark's `Accumulator`.
///
/// What a task adds counts once, when its report is accepted, also where the task ran twice. Additions within
/// transformations happen again whenever the transformation is computed again, as in Spark (behaviour 3.15).
///
/// The merging function adds up what a task adds within the task, and what tasks report in the driver. There it may run
/// jobs, but none that adds to the same accumulator: that would wait for itself.
///
/// ```
/// let context = tidemill_core::Context::local(2)?;
/// let long_words = context.accumulator(0_u64, |sum, more| *sum += more);
/// let counter = long_words.clone();
/// context.parallelize(vec!["tide", "mill", "millstone"].into_iter().map(String::from), 2).foreach(move |word| {
///     if word.len() > 4 {
///         counter.add(1);
///     }
/// })?;
/// assert_eq!(long_words.value(), 1);
/// # Ok::<(), tidemill_core::Error>(())
/// ```
pub struct Accumulator<V> {
    id: u64,
    inner: Arc<Inner<V>>,
}

struct Inner<V> {
    /// Where it was made.
    operator: Operator,
    zero: V,
    merge: fn(&mut V, V),
    value: Mutex<V>,
}

impl<V> Clone for Accumulator<V> {
    fn clone(&self) -> Self {
        Accumulator { id: self.id, inner: Arc::clone(&self.inner) }
    }
}

impl<V: Element> Accumulator<V> {
    pub(crate) fn new(
        id: u64,
        operator: Operator,
        zero: V,
        merge: fn(&mut V, V),
        registry: &Accumulators,
    ) -> Accumulator<V> {
        let inner = Arc::new(Inner { operator, value: Mutex::new(zero.clone()), zero, merge });
        registry.lock().insert(id, Arc::downgrade(&inner) as Weak<dyn Merge>);
        Accumulator { id, inner }
    }

    /// Adds to the value: within a task to what the task will report, in the driver at once.
    pub fn add(&self, more: V) {
        let merge = self.inner.merge;
        match TaskContext::current() {
            Some(cx) => cx.update(self.id, || self.inner.zero.clone(), |sum| merge(sum, more)),
            None => merge(&mut self.inner.lock(), more),
        }
    }

    /// The value, as the driver knows it.
    pub fn value(&self) -> V {
        self.inner.lock().clone()
    }

    /// The value, as the driver knows it, which starts anew from the accumulator's zero.
    pub fn take(&self) -> V {
        std::mem::replace(&mut self.inner.lock(), self.inner.zero.clone())
    }

    /// Starts anew from `value`.
    pub fn set(&self, value: V) {
        *self.inner.lock() = value;
    }
}

impl<V: fmt::Debug> fmt::Debug for Accumulator<V> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Accumulator({}, {:?})", self.id, self.inner.lock())
    }
}

impl<V> Inner<V> {
    fn lock(&self) -> MutexGuard<'_, V> {
        self.value.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The driver's side of a value of unknown type.
trait Merge: Send + Sync {
    fn merge(&self, update: Update);
    /// Where the accumulator was made.
    fn operator(&self) -> &Operator;
}

impl<V: Send + Sync + 'static> Merge for Inner<V> {
    fn merge(&self, update: Box<dyn Any + Send>) {
        if let Ok(update) = update.downcast::<V>() {
            (self.merge)(&mut self.lock(), *update);
        }
    }

    fn operator(&self) -> &Operator {
        &self.operator
    }
}

/// The accumulators of a context.
#[derive(Default)]
pub(crate) struct Accumulators(Mutex<HashMap<u64, Weak<dyn Merge>>>);

impl Accumulators {
    fn lock(&self) -> MutexGuard<'_, HashMap<u64, Weak<dyn Merge>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes in what an accepted task added. A merge that panics ends it; that accumulator may then hold half of it.
    pub(crate) fn merge(&self, updates: Vec<(u64, Update)>) -> Result<(), Failure> {
        for (id, update) in updates {
            let held = self.lock().get(&id).and_then(Weak::upgrade);
            let Some(value) = held else {
                self.lock().remove(&id);
                continue;
            };
            if let Err(panic) = catch_unwind(AssertUnwindSafe(|| value.merge(update))) {
                let panic = Cause::panic(&*panic);
                let text =
                    format!("while the driver added up what a task reports, {panic}; the value is not to be relied on");
                return Err(Failure { cause: Cause::Invalid(text), operator: Some(value.operator().clone()) });
            }
        }
        Ok(())
    }
}
