//! `read_parts`: what a source of your own reads, one partition a part of it.

use std::error::Error as StdError;
use std::sync::Arc;

use crate::context::Context;
use crate::rdd::Rdd;
use crate::rdd::sources::parts::Part;
use crate::runs::{Runs, run_len};
use crate::{Cause, Element, Stop};

/// A source that reads parts of what it stands for: ranges of a log, pages of a table, files of a store.
///
/// The source itself is data, like the address of a server: it travels to the tasks, and each connects for itself. It is
/// cloned once a part, so what is large in it belongs into an `Arc`. What must not leave the process goes into a
/// [`Local`](crate::Local).
pub trait PartSource: Element {
    /// What describes a part, as a range of positions. A partition is computed again from this alone, so the same part
    /// always reads the same records.
    type Part: Element;
    /// The records.
    type Item: 'static;
    /// Why a part cannot be read, in words that name it.
    type Error: StdError + Send + Sync + 'static;

    /// The records of a part, in order, read as they are drawn. Runs in a task.
    ///
    /// # Errors
    /// The task fails, and is tried again as any other; so it does when the iterator yields an error.
    fn read(
        &self,
        part: Self::Part,
    ) -> Result<impl Iterator<Item = Result<Self::Item, Self::Error>> + 'static, Self::Error>;
}

impl Context {
    /// An RDD with a partition for each of `parts`, which `source` reads; `name` is what failures call it.
    ///
    /// ```
    /// use std::convert::Infallible;
    /// use tidemill_core::rdd::PartSource;
    ///
    /// /// The squares of ranges of numbers.
    /// #[derive(Clone, serde::Serialize, serde::Deserialize)]
    /// struct Squares;
    ///
    /// impl PartSource for Squares {
    ///     type Part = (u64, u64);
    ///     type Item = u64;
    ///     type Error = Infallible;
    ///
    ///     fn read(
    ///         &self,
    ///         (from, until): (u64, u64),
    ///     ) -> Result<impl Iterator<Item = Result<u64, Infallible>> + 'static, Infallible> {
    ///         Ok((from..until).map(|number| Ok(number * number)))
    ///     }
    /// }
    ///
    /// let context = tidemill_core::Context::local(2)?;
    /// let squares = context.read_parts("squares", &Squares, vec![(0, 3), (5, 7)]);
    /// assert_eq!(squares.glom().collect()?, [vec![0, 1, 4], vec![25, 36]]);
    /// # Ok::<(), tidemill_core::Error>(())
    /// ```
    #[track_caller]
    pub fn read_parts<S: PartSource>(&self, name: &'static str, source: &S, parts: Vec<S::Part>) -> Rdd<S::Item> {
        let parts = parts.into_iter().map(|part| (source.clone(), part)).collect();
        self.parts(name, parts, |part: Part<(S, S::Part)>| {
            let (source, range) = part.part.clone();
            let records = source.read(range).map_err(user)?;
            Ok(Box::new(Records { part, records }))
        })
    }
}

struct Records<P, I> {
    part: Part<P>,
    records: I,
}

impl<P, T, E: StdError + Send + Sync + 'static, I: Iterator<Item = Result<T, E>>> Runs<T> for Records<P, I> {
    fn next(&mut self, into: &mut Vec<T>) -> Result<bool, Stop> {
        self.part.enter()?;
        for record in self.records.by_ref().take(run_len::<T>()) {
            into.push(record.map_err(user)?);
        }
        Ok(!into.is_empty())
    }
}

fn user(error: impl StdError + Send + Sync + 'static) -> Stop {
    Cause::User(Arc::new(error)).into()
}
