//! `map_partitions`: a function over the whole of each partition.

use std::cell::RefCell;
use std::rc::Rc;
use std::sync::Arc;

use crate::rdd::{Entry, Input, Keeps, Rdd};
use crate::runs::{BoxRuns, Runs, run_len};
use crate::ship::Function;
use crate::{Element, Stop};

impl<T: 'static> Rdd<T> {
    /// Makes of all elements of a partition all that the iterator of `f` yields: Spark's `RDD.mapPartitions`.
    ///
    /// ```
    /// let context = tidemill_core::Context::local(2)?;
    /// let sums = context.parallelize(1..=4, 2).map_partitions(|elements| [elements.sum::<i32>()]);
    /// assert_eq!(sums.collect()?, [3, 7]);
    /// # Ok::<(), tidemill_core::Error>(())
    /// ```
    #[track_caller]
    pub fn map_partitions<I: IntoIterator + 'static, F: Fn(Elements<T>) -> I + Send + Sync + 'static>(
        &self,
        f: F,
    ) -> Rdd<I::Item> {
        self.narrow(
            "map_partitions",
            Keeps::Nothing,
            Function { env: (), call: f },
            |input, f: Arc<Function<(), F>>| Ok(over_elements(input, |elements| (f.call)(elements))),
        )
    }

    /// [`map_partitions`](Rdd::map_partitions) with a value that every task is given.
    ///
    /// ```
    /// let context = tidemill_core::Context::local(2)?;
    /// let firsts = context.parallelize(1..=6, 2).map_partitions_with(2, |n, elements| elements.take(*n).collect::<Vec<_>>());
    /// assert_eq!(firsts.collect()?, [1, 2, 4, 5]);
    /// # Ok::<(), tidemill_core::Error>(())
    /// ```
    #[track_caller]
    pub fn map_partitions_with<E, I, F>(&self, env: E, f: F) -> Rdd<I::Item>
    where
        E: Element,
        I: IntoIterator + 'static,
        F: Fn(&E, Elements<T>) -> I + Send + Sync + 'static,
    {
        self.narrow(
            "map_partitions_with",
            Keeps::Nothing,
            Function { env, call: f },
            |input, f: Arc<Function<E, F>>| Ok(over_elements(input, |elements| (f.call)(&f.env, elements))),
        )
    }

    /// [`map_partitions`](Rdd::map_partitions) for a function that is told the partition's number: Spark's
    /// `RDD.mapPartitionsWithIndex`.
    ///
    /// ```
    /// let context = tidemill_core::Context::local(2)?;
    /// let counts = context.parallelize(1..=3, 2).map_partitions_with_index(|p, elements| [(p, elements.count())]);
    /// assert_eq!(counts.collect()?, [(0, 1), (1, 2)]);
    /// # Ok::<(), tidemill_core::Error>(())
    /// ```
    #[track_caller]
    pub fn map_partitions_with_index<
        I: IntoIterator + 'static,
        F: Fn(usize, Elements<T>) -> I + Send + Sync + 'static,
    >(
        &self,
        f: F,
    ) -> Rdd<I::Item> {
        let code = Function { env: (), call: f };
        self.narrow("map_partitions_with_index", Keeps::Nothing, code, |input, f: Arc<Function<(), F>>| {
            let partition = input.partition;
            Ok(over_elements(input, |elements| (f.call)(partition, elements)))
        })
    }
}

/// The elements of a partition, one by one.
///
/// Where the task has to stop - it was cancelled, or a block is lost - the iterator ends, and the task with it: what the
/// function makes of the elements so far is never seen by anyone.
pub struct Elements<T> {
    input: Input<T>,
    /// The elements at hand, in reverse.
    run: Vec<T>,
    stopped: Rc<RefCell<Option<Stop>>>,
}

impl<T> Iterator for Elements<T> {
    type Item = T;

    #[inline]
    fn next(&mut self) -> Option<T> {
        if self.run.is_empty() {
            self.refill();
        }
        self.run.pop()
    }
}

impl<T> Elements<T> {
    #[cold]
    fn refill(&mut self) {
        match self.input.next(&mut self.run) {
            Ok(_) => self.run.reverse(),
            Err(stop) => *self.stopped.borrow_mut() = Some(stop),
        }
    }
}

pub(crate) fn over_elements<T, I>(input: Input<T>, f: impl FnOnce(Elements<T>) -> I) -> BoxRuns<I::Item>
where
    T: 'static,
    I: IntoIterator + 'static,
{
    input.enter();
    let stopped = Rc::default();
    let operator = input.operator();
    let elements = Elements { input, run: Vec::new(), stopped: Rc::clone(&stopped) };
    Box::new(IteratorRuns { iterator: f(elements).into_iter(), stopped, operator })
}

/// Calls `f` with the elements of `input`, for what it returns.
pub(crate) fn of_elements<T, R>(input: Input<T>, f: impl FnOnce(Elements<T>) -> R) -> Result<R, Stop> {
    input.enter();
    let stopped = Rc::default();
    let elements = Elements { input, run: Vec::new(), stopped: Rc::clone(&stopped) };
    let made = f(elements);
    match stopped.take() {
        Some(stop) => Err(stop),
        None => Ok(made),
    }
}

struct IteratorRuns<I> {
    iterator: I,
    stopped: Rc<RefCell<Option<Stop>>>,
    operator: Entry,
}

impl<I: Iterator> Runs<I::Item> for IteratorRuns<I> {
    fn next(&mut self, into: &mut Vec<I::Item>) -> Result<bool, Stop> {
        self.operator.enter(); // the iterator may yield without drawing
        let before = into.len();
        into.extend(self.iterator.by_ref().take(run_len::<I::Item>()));
        match self.stopped.borrow_mut().take() {
            Some(stop) => Err(stop),
            None => Ok(into.len() > before),
        }
    }
}
