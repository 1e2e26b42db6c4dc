//! `key_by`: pairs each element with a key.

use std::sync::Arc;

use crate::rdd::transform::map::Map;
use crate::rdd::{Keeps, Rdd};
use crate::ship::Function;

impl<T: 'static> Rdd<T> {
    /// Pairs each element, as the value, with the key that `f` makes of it: Spark's `RDD.keyBy`.
    ///
    /// ```
    /// let context = tidemill_core::Context::local(2)?;
    /// let by_length = context.parallelize(["tide", "mill", "sea"].map(String::from), 2).key_by(|word| word.len());
    /// assert_eq!(by_length.map(|(length, _)| length).collect()?, [4, 4, 3]);
    /// # Ok::<(), tidemill_core::Error>(())
    /// ```
    #[track_caller]
    pub fn key_by<K: 'static, F: Fn(&T) -> K + Send + Sync + 'static>(&self, f: F) -> Rdd<(K, T)> {
        self.narrow("key_by", Keeps::Nothing, Function { env: (), call: f }, |input, f: Arc<Function<(), F>>| {
            Ok(Box::new(Map { input, run: Vec::new(), f: move |x| ((f.call)(&x), x) }))
        })
    }
}
