//! `map`: each record becomes another.
//!
//! The functions of streams are `Clone`, because every batch's RDD gets one: a closure that captures nothing always is,
//! and stays able to travel.

use tidemill_core::Element;

use crate::dstream::DStream;

impl<T: 'static> DStream<T> {
    /// Makes of each record another one: Spark's `DStream.map` (behaviour 1.25).
    ///
    /// ```text
    /// batch 1: ["to be", "or"]  ->  [5, 2]
    /// batch 2: []               ->  []
    /// ```
    ///
    /// ```
    /// use tidemill_streaming::testing::check;
    ///
    /// let lines = ["to be", "or"].map(String::from).to_vec();
    /// check([lines, vec![]], |lines| lines.map(|line| line.len()), [vec![5, 2], vec![]]);
    /// ```
    #[track_caller]
    pub fn map<U: 'static>(&self, f: impl Fn(T) -> U + Clone + Send + Sync + 'static) -> DStream<U> {
        self.derived("map", move |rdd, _| rdd.map(f.clone()))
    }

    /// [`map`](DStream::map) with a value that every task is given: what a closure would capture, in a form that travels.
    ///
    /// ```text
    /// batch 1: [1, 2]  ->  [10, 20]
    /// ```
    ///
    /// ```
    /// use tidemill_streaming::testing::check;
    ///
    /// check([vec![1, 2]], |numbers| numbers.map_with(10, |factor, x| factor * x), [vec![10, 20]]);
    /// ```
    #[track_caller]
    pub fn map_with<E: Element, U: 'static>(
        &self,
        env: E,
        f: impl Fn(&E, T) -> U + Clone + Send + Sync + 'static,
    ) -> DStream<U> {
        self.derived("map_with", move |rdd, _| rdd.map_with(env.clone(), f.clone()))
    }
}
