//! `group_by`: the elements that a function gives one key, as a list.

use std::sync::Arc;

use crate::rdd::{Keeps, Map, Rdd};
use crate::ship::Function;
use crate::{Element, Key};

impl<T: 'static> Rdd<T> {
    /// The elements of each key that `f` gives, as a list in order of arrival: Spark's `RDD.groupBy` (behaviour 3.4).
    ///
    /// ```
    /// let context = tidemill_core::Context::local(1)?;
    /// let groups = context.parallelize(1..=5, 2).group_by(|x| x % 2);
    /// assert_eq!(groups.collect()?, [(1, vec![1, 3, 5]), (0, vec![2, 4])]);
    /// # Ok::<(), tidemill_core::Error>(())
    /// ```
    #[track_caller]
    pub fn group_by<K: Key, F: Fn(&T) -> K + Send + Sync + 'static>(&self, f: F) -> Rdd<(K, Vec<T>)>
    where
        T: Element,
    {
        let keyed = self.keyed("group_by", f);
        keyed.grouped("group_by", &keyed.default_layout())
    }

    /// [`group_by`](Rdd::group_by) into a number of partitions; 0 is taken as 1.
    #[track_caller]
    pub fn group_by_into<K: Key, F: Fn(&T) -> K + Send + Sync + 'static>(
        &self,
        f: F,
        partitions: usize,
    ) -> Rdd<(K, Vec<T>)>
    where
        T: Element,
    {
        self.keyed("group_by", f).grouped("group_by", &self.context().hash_layout::<K>(partitions))
    }

    /// Each element beside the key that `f` gives it, as the first step of the operator called `name`.
    #[track_caller]
    pub(crate) fn keyed<K: 'static, F: Fn(&T) -> K + Send + Sync + 'static>(
        &self,
        name: &'static str,
        f: F,
    ) -> Rdd<(K, T)> {
        self.narrow(name, Keeps::Nothing, Function { env: (), call: f }, |input, f: Arc<Function<(), F>>| {
            Ok(Box::new(Map { input, run: Vec::new(), f: move |element| ((f.call)(&element), element) }))
        })
    }
}
