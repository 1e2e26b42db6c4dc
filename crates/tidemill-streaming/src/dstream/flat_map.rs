//! `flat_map`: each record becomes any number of others.

use tidemill_core::Element;
use tidemill_core::rdd::Emit;

use crate::dstream::DStream;

impl<T: 'static> DStream<T> {
    /// Makes of each record all that the iterator of `f` yields: Spark's `DStream.flatMap` (behaviour 1.24).
    ///
    /// ```text
    /// batch 1: ["to be", "or"]  ->  ["to", "be", "or"]
    /// batch 2: []               ->  []
    /// ```
    ///
    /// ```
    /// use tidemill_core::Text;
    /// use tidemill_streaming::testing::check;
    ///
    /// check(
    ///     [vec![Text::from("to be"), Text::from("or")], vec![]],
    ///     |lines| lines.flat_map(|line| line.split(' ')),
    ///     [vec![Text::from("to"), Text::from("be"), Text::from("or")], vec![]],
    /// );
    /// ```
    #[track_caller]
    pub fn flat_map<I: IntoIterator + 'static>(
        &self,
        f: impl Fn(T) -> I + Clone + Send + Sync + 'static,
    ) -> DStream<I::Item> {
        self.derived("flat_map", move |rdd, _| rdd.flat_map(f.clone()))
    }

    /// [`flat_map`](DStream::flat_map) with a value that every task is given.
    ///
    /// ```text
    /// batch 1: [1, 2]  ->  [1, 1, 2, 2]
    /// ```
    ///
    /// ```
    /// use tidemill_streaming::testing::check;
    ///
    /// check([vec![1, 2]], |numbers| numbers.flat_map_with(2, |times, x| vec![x; *times]), [vec![1, 1, 2, 2]]);
    /// ```
    #[track_caller]
    pub fn flat_map_with<E: Element, I: IntoIterator + 'static>(
        &self,
        env: E,
        f: impl Fn(&E, T) -> I + Clone + Send + Sync + 'static,
    ) -> DStream<I::Item> {
        self.derived("flat_map_with", move |rdd, _| rdd.flat_map_with(env.clone(), f.clone()))
    }

    /// [`flat_map`](DStream::flat_map) for a function that emits: what it emits may be made of borrowed parts.
    ///
    /// ```text
    /// batch 1: ["to be", "or"]  ->  [2, 2, 2]
    /// ```
    ///
    /// ```
    /// use tidemill_streaming::testing::check;
    ///
    /// check(
    ///     [vec!["to be".to_string(), "or".to_string()]],
    ///     |lines| lines.flat_map_into(|line, out| line.split(' ').for_each(|word| out.emit(word.len()))),
    ///     [vec![2, 2, 2]],
    /// );
    /// ```
    #[track_caller]
    pub fn flat_map_into<U: 'static>(
        &self,
        f: impl Fn(T, &mut Emit<'_, U>) + Clone + Send + Sync + 'static,
    ) -> DStream<U> {
        self.derived("flat_map_into", move |rdd, _| rdd.flat_map_into(f.clone()))
    }
}
