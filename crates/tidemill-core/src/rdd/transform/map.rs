//! `map`: each element becomes another.

use std::sync::Arc;

use crate::rdd::{Input, Keeps, Rdd};
use crate::runs::Runs;
use crate::ship::Function;
use crate::{Element, Stop};

impl<T: 'static> Rdd<T> {
    /// Makes of each element another one: Spark's `RDD.map`.
    ///
    /// ```
    /// let context = tidemill_core::Context::local(2)?;
    /// let squares = context.parallelize(1..=4, 2).map(|x| x * x);
    /// assert_eq!(squares.collect()?, [1, 4, 9, 16]);
    /// # Ok::<(), tidemill_core::Error>(())
    /// ```
    #[track_caller]
    pub fn map<U: 'static, F: Fn(T) -> U + Send + Sync + 'static>(&self, f: F) -> Rdd<U> {
        self.narrow("map", Keeps::Nothing, Function { env: (), call: f }, |input, f: Arc<Function<(), F>>| {
            Ok(Box::new(Map { input, run: Vec::new(), f: move |x| (f.call)(x) }))
        })
    }

    /// [`map`](Rdd::map) with a value that every task is given: what a closure would capture, in a form that travels.
    ///
    /// ```
    /// let context = tidemill_core::Context::local(2)?;
    /// let factor = 10;
    /// let tens = context.parallelize(1..=3, 2).map_with(factor, |factor, x| factor * x);
    /// assert_eq!(tens.collect()?, [10, 20, 30]);
    /// # Ok::<(), tidemill_core::Error>(())
    /// ```
    #[track_caller]
    pub fn map_with<E: Element, U: 'static, F: Fn(&E, T) -> U + Send + Sync + 'static>(&self, env: E, f: F) -> Rdd<U> {
        self.narrow("map_with", Keeps::Nothing, Function { env, call: f }, |input, f: Arc<Function<E, F>>| {
            Ok(Box::new(Map { input, run: Vec::new(), f: move |x| (f.call)(&f.env, x) }))
        })
    }
}

pub(crate) struct Map<T, F> {
    pub(crate) input: Input<T>,
    pub(crate) run: Vec<T>,
    pub(crate) f: F,
}

impl<T, U, F: Fn(T) -> U> Runs<U> for Map<T, F> {
    fn next(&mut self, into: &mut Vec<U>) -> Result<bool, Stop> {
        let more = self.input.next(&mut self.run)?;
        into.extend(self.run.drain(..).map(&self.f));
        Ok(more)
    }
}
