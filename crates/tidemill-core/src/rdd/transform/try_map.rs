//! `try_map`: `map` for a function that may fail.

use std::error::Error as StdError;
use std::sync::Arc;

use crate::rdd::{Input, Keeps, Rdd};
use crate::runs::Runs;
use crate::ship::Function;
use crate::{Cause, Stop};

impl<T: 'static> Rdd<T> {
    /// Makes of each element another one; an error is a failure of the task, and of the job once it was tried often
    /// enough. To keep what fails beside what does not, [`map`](Rdd::map) to a `Result`.
    ///
    /// ```
    /// let context = tidemill_core::Context::local(2)?;
    /// let numbers = |texts: [&str; 2]| context.parallelize(texts.map(String::from), 1).try_map(|text| text.parse::<i32>());
    /// assert_eq!(numbers(["1", "2"]).collect()?, [1, 2]);
    /// let error = numbers(["1", "two"]).collect().unwrap_err();
    /// assert!(error.to_string().ends_with("invalid digit found in string"));
    /// # Ok::<(), tidemill_core::Error>(())
    /// ```
    #[track_caller]
    pub fn try_map<U, E, F>(&self, f: F) -> Rdd<U>
    where
        U: 'static,
        E: StdError + Send + Sync + 'static,
        F: Fn(T) -> Result<U, E> + Send + Sync + 'static,
    {
        self.narrow("try_map", Keeps::Nothing, Function { env: (), call: f }, |input, f| {
            Ok(Box::new(TryMap::new(input, f)))
        })
    }
}

/// Makes one element of each, or fails.
pub(super) struct TryMap<T, F> {
    input: Input<T>,
    f: Arc<Function<(), F>>,
    run: Vec<T>,
}

impl<T, F> TryMap<T, F> {
    pub(super) fn new(input: Input<T>, f: Arc<Function<(), F>>) -> Self {
        TryMap { input, f, run: Vec::new() }
    }
}

impl<T, U, E: StdError + Send + Sync + 'static, F: Fn(T) -> Result<U, E>> Runs<U> for TryMap<T, F> {
    fn next(&mut self, into: &mut Vec<U>) -> Result<bool, Stop> {
        let more = self.input.next(&mut self.run)?;
        for element in self.run.drain(..) {
            into.push((self.f.call)(element).map_err(|error| Cause::User(Arc::new(error)))?);
        }
        Ok(more)
    }
}
