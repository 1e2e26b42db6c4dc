//! `try_filter`: `filter` for a function that may fail.

use std::error::Error as StdError;
use std::sync::Arc;

use crate::rdd::{Input, Keeps, Rdd};
use crate::runs::Runs;
use crate::ship::Function;
use crate::{Cause, Stop};

impl<T: 'static> Rdd<T> {
    /// Keeps the elements for which `f` is true; an error is a failure of the task, as in [`try_map`](Rdd::try_map).
    ///
    /// ```
    /// let context = tidemill_core::Context::local(2)?;
    /// let positive = |texts: [&str; 2]| {
    ///     context.parallelize(texts.map(String::from), 1).try_filter(|text| text.parse::<i32>().map(|number| number > 0))
    /// };
    /// assert_eq!(positive(["-1", "2"]).collect()?, ["2"]);
    /// let error = positive(["1", "two"]).collect().unwrap_err();
    /// assert!(error.to_string().ends_with("invalid digit found in string"));
    /// # Ok::<(), tidemill_core::Error>(())
    /// ```
    #[track_caller]
    pub fn try_filter<E, F>(&self, f: F) -> Rdd<T>
    where
        E: StdError + Send + Sync + 'static,
        F: Fn(&T) -> Result<bool, E> + Send + Sync + 'static,
    {
        self.narrow("try_filter", Keeps::Layout, Function { env: (), call: f }, |input, f| {
            Ok(Box::new(TryFilter { input, f, run: Vec::new() }))
        })
    }
}

struct TryFilter<T, F> {
    input: Input<T>,
    f: Arc<Function<(), F>>,
    run: Vec<T>,
}

impl<T, E: StdError + Send + Sync + 'static, F: Fn(&T) -> Result<bool, E>> Runs<T> for TryFilter<T, F> {
    fn next(&mut self, into: &mut Vec<T>) -> Result<bool, Stop> {
        while into.is_empty() {
            if !self.input.next(&mut self.run)? {
                return Ok(false);
            }
            for element in self.run.drain(..) {
                if (self.f.call)(&element).map_err(|error| Cause::User(Arc::new(error)))? {
                    into.push(element);
                }
            }
        }
        Ok(true)
    }
}
