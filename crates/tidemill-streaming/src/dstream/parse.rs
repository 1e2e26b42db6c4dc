//! `parse`: records made of other records, where that may fail.

use std::fmt::Display;

use tidemill_core::Element;

use crate::dead_letter::{DeadLetter, OnError, Parsed};
use crate::dstream::DStream;

impl<T: 'static> DStream<T> {
    /// Parses each record. One that cannot be parsed is a [`DeadLetter`] with its bytes and the reason, and `on_error` says
    /// what becomes of it: it fails its batch, it is dropped, or it goes to [`dead_letters`](Parsed::dead_letters) and to a
    /// file of its batch. Where letters are kept, what was parsed is too, so that it is parsed once, whoever reads. Spark
    /// has no counterpart.
    ///
    /// | batch | in | out, with `OnError::DeadLetter` | `dead_letters()` |
    /// | --- | --- | --- | --- |
    /// | 1 | `"1"`, `"x"`, `"3"` | 1, 3 | `"x"` |
    /// | 2 | | | |
    ///
    /// ```
    /// use tidemill_streaming::OnError;
    /// use tidemill_streaming::testing::check;
    ///
    /// check(
    ///     [vec!["1".to_string(), "x".to_string(), "3".to_string()], vec![]],
    ///     |lines| lines.parse(OnError::Drop, |line| line.parse::<i64>()).records().clone(),
    ///     [vec![1, 3], vec![]],
    /// );
    /// ```
    #[track_caller]
    pub fn parse<U: Element, R: Display>(
        &self,
        on_error: OnError,
        f: impl Fn(&T) -> Result<U, R> + Clone + Send + Sync + 'static,
    ) -> Parsed<U>
    where
        T: AsRef<[u8]>,
    {
        let letter = move |record: T| f(&record).map_err(|reason| DeadLetter::new(reason, record.as_ref()));
        self.parsed("parse", on_error, letter)
    }

    /// [`parse`](DStream::parse) for any records: the function itself says which bytes stand in the letter.
    #[track_caller]
    pub fn parse_by<U: Element>(
        &self,
        on_error: OnError,
        f: impl Fn(T) -> Result<U, DeadLetter> + Clone + Send + Sync + 'static,
    ) -> Parsed<U> {
        self.parsed("parse_by", on_error, f)
    }

    #[track_caller]
    fn parsed<U: Element>(
        &self,
        name: &'static str,
        on_error: OnError,
        f: impl Fn(T) -> Result<U, DeadLetter> + Clone + Send + Sync + 'static,
    ) -> Parsed<U> {
        let number = self.context().map_or(0, |streaming| streaming.stream_count());
        let results = self.derived(name, move |rdd, _| rdd.map(f.clone()));
        Parsed::kept(&results, name, &format!("{name}-{number}"), on_error)
    }
}
