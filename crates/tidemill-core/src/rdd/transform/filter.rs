//! `filter`: keeps the elements that a function says yes to.

use std::sync::Arc;

use crate::rdd::{Input, Keeps, Rdd};
use crate::runs::Runs;
use crate::ship::Function;
use crate::{Element, Stop};

impl<T: 'static> Rdd<T> {
    /// Keeps the elements for which `f` is true, in their partitions: Spark's `RDD.filter`.
    ///
    /// ```
    /// let context = tidemill_core::Context::local(2)?;
    /// let even = context.parallelize(1..=6, 2).filter(|x| x % 2 == 0);
    /// assert_eq!(even.collect()?, [2, 4, 6]);
    /// # Ok::<(), tidemill_core::Error>(())
    /// ```
    #[track_caller]
    pub fn filter<F: Fn(&T) -> bool + Send + Sync + 'static>(&self, f: F) -> Rdd<T> {
        self.narrow("filter", Keeps::Layout, Function { env: (), call: f }, |input, f: Arc<Function<(), F>>| {
            Ok(Box::new(Filter { input, f: move |x: &T| (f.call)(x) }))
        })
    }

    /// [`filter`](Rdd::filter) with a value that every task is given.
    ///
    /// ```
    /// let context = tidemill_core::Context::local(2)?;
    /// let large = context.parallelize(1..=6, 2).filter_with(4, |limit, x| x > limit);
    /// assert_eq!(large.collect()?, [5, 6]);
    /// # Ok::<(), tidemill_core::Error>(())
    /// ```
    #[track_caller]
    pub fn filter_with<E: Element, F: Fn(&E, &T) -> bool + Send + Sync + 'static>(&self, env: E, f: F) -> Rdd<T> {
        self.narrow("filter_with", Keeps::Layout, Function { env, call: f }, |input, f: Arc<Function<E, F>>| {
            Ok(Box::new(Filter { input, f: move |x: &T| (f.call)(&f.env, x) }))
        })
    }
}

struct Filter<T, F> {
    input: Input<T>,
    f: F,
}

impl<T, F: Fn(&T) -> bool> Runs<T> for Filter<T, F> {
    fn next(&mut self, into: &mut Vec<T>) -> Result<bool, Stop> {
        while into.is_empty() {
            if !self.input.next(into)? {
                return Ok(false);
            }
            into.retain(&self.f);
        }
        Ok(true)
    }
}
