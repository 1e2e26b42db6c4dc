//! `try_flat_map`: `flat_map` for a function that may fail.

use std::error::Error as StdError;
use std::sync::Arc;

use super::try_map::TryMap;
use crate::rdd::{FlatMap, Input, Keeps, Rdd};
use crate::ship::Function;

impl<T: 'static> Rdd<T> {
    /// Makes of each element all that the iterator of `f` yields; an error is a failure of the task, as in
    /// [`try_map`](Rdd::try_map).
    ///
    /// ```
    /// let context = tidemill_core::Context::local(2)?;
    /// let counted = |texts: [&str; 2]| {
    ///     context.parallelize(texts.map(String::from), 1).try_flat_map(|text| text.parse().map(|end: i32| 0..end))
    /// };
    /// assert_eq!(counted(["1", "2"]).collect()?, [0, 0, 1]);
    /// let error = counted(["1", "two"]).collect().unwrap_err();
    /// assert!(error.to_string().ends_with("invalid digit found in string"));
    /// # Ok::<(), tidemill_core::Error>(())
    /// ```
    #[track_caller]
    pub fn try_flat_map<I, E, F>(&self, f: F) -> Rdd<I::Item>
    where
        I: IntoIterator + 'static,
        E: StdError + Send + Sync + 'static,
        F: Fn(T) -> Result<I, E> + Send + Sync + 'static,
    {
        let code = Function { env: (), call: f };
        self.narrow("try_flat_map", Keeps::Nothing, code, |input: Input<T>, f: Arc<Function<(), F>>| {
            let operator = input.operator();
            Ok(Box::new(FlatMap::over(TryMap::new(input, f), |parts: I| parts).entering(operator)))
        })
    }
}
