//! `flat_map`: each element becomes any number of others.

use std::sync::Arc;

use crate::rdd::{Entry, Input, Keeps, Rdd};
use crate::runs::{Runs, run_len};
use crate::ship::Function;
use crate::{Element, Stop};

impl<T: 'static> Rdd<T> {
    /// Makes of each element all that the iterator of `f` yields: Spark's `RDD.flatMap`.
    ///
    /// ```
    /// let context = tidemill_core::Context::local(2)?;
    /// let lines = context.parallelize(["tide and mill", "mill"].map(tidemill_core::Text::from), 2);
    /// let words = lines.flat_map(|line| line.split(' '));
    /// assert_eq!(words.collect()?, ["tide", "and", "mill", "mill"]);
    /// # Ok::<(), tidemill_core::Error>(())
    /// ```
    #[track_caller]
    pub fn flat_map<I: IntoIterator + 'static, F: Fn(T) -> I + Send + Sync + 'static>(&self, f: F) -> Rdd<I::Item> {
        self.narrow("flat_map", Keeps::Nothing, Function { env: (), call: f }, |input, f: Arc<Function<(), F>>| {
            Ok(Box::new(FlatMap::new(input, move |x| (f.call)(x))))
        })
    }

    /// [`flat_map`](Rdd::flat_map) with a value that every task is given.
    ///
    /// ```
    /// let context = tidemill_core::Context::local(2)?;
    /// let repeated = context.parallelize(1..=2, 2).flat_map_with(3, |times, x| vec![x; *times]);
    /// assert_eq!(repeated.collect()?, [1, 1, 1, 2, 2, 2]);
    /// # Ok::<(), tidemill_core::Error>(())
    /// ```
    #[track_caller]
    pub fn flat_map_with<E: Element, I: IntoIterator + 'static, F: Fn(&E, T) -> I + Send + Sync + 'static>(
        &self,
        env: E,
        f: F,
    ) -> Rdd<I::Item> {
        self.narrow("flat_map_with", Keeps::Nothing, Function { env, call: f }, |input, f: Arc<Function<E, F>>| {
            Ok(Box::new(FlatMap::new(input, move |x| (f.call)(&f.env, x))))
        })
    }

    /// [`flat_map`](Rdd::flat_map) for a function that emits: what it emits may be made of borrowed parts.
    ///
    /// ```
    /// let context = tidemill_core::Context::local(2)?;
    /// let lengths = context.parallelize(["tide and", "mill"].map(String::from), 2);
    /// let lengths = lengths.flat_map_into(|line, out| line.split(' ').for_each(|word| out.emit(word.len())));
    /// assert_eq!(lengths.collect()?, [4, 3, 4]);
    /// # Ok::<(), tidemill_core::Error>(())
    /// ```
    #[track_caller]
    pub fn flat_map_into<U: 'static, F: Fn(T, &mut Emit<'_, U>) + Send + Sync + 'static>(&self, f: F) -> Rdd<U> {
        self.narrow("flat_map_into", Keeps::Nothing, Function { env: (), call: f }, |input, f: Arc<Function<(), F>>| {
            Ok(Box::new(FlatMapInto { input, f, run: Vec::new() }))
        })
    }
}

/// Where the function of [`flat_map_into`](Rdd::flat_map_into) puts the elements it makes.
pub struct Emit<'a, U> {
    into: &'a mut Vec<U>,
}

impl<U> Emit<'_, U> {
    /// Adds an element.
    #[inline(always)]
    pub fn emit(&mut self, element: U) {
        self.into.push(element);
    }
}

/// Draws from `input`, and stops within what one element yields where that is more than a run.
pub(crate) struct FlatMap<R, T, I: IntoIterator, F> {
    input: R,
    operator: Option<Entry>,
    f: F,
    /// The elements at hand, in reverse.
    run: Vec<T>,
    /// What the last element still has to yield, if that may be more than a run.
    rest: Option<I::IntoIter>,
}

impl<T, I: IntoIterator, F: Fn(T) -> I> FlatMap<Input<T>, T, I, F> {
    /// With a function of the user's.
    pub(crate) fn new(input: Input<T>, f: F) -> Self {
        let operator = Some(input.operator());
        FlatMap { input, operator, f, run: Vec::new(), rest: None }
    }
}

impl<R: Runs<T>, T, I: IntoIterator, F: Fn(T) -> I> FlatMap<R, T, I, F> {
    /// With a function of the engine's own, over runs of any kind.
    pub(crate) fn over(input: R, f: F) -> Self {
        FlatMap { input, operator: None, f, run: Vec::new(), rest: None }
    }

    /// Says that what elements yield is the code of `operator`.
    pub(crate) fn entering(self, operator: Entry) -> Self {
        FlatMap { operator: Some(operator), ..self }
    }
}

impl<R: Runs<T>, T, I: IntoIterator, F: Fn(T) -> I> Runs<I::Item> for FlatMap<R, T, I, F> {
    fn next(&mut self, into: &mut Vec<I::Item>) -> Result<bool, Stop> {
        let full = run_len::<I::Item>();
        if let Some(operator) = &self.operator {
            operator.enter(); // what the last element still yields comes from the user's code, too
        }
        loop {
            if let Some(rest) = &mut self.rest {
                into.extend(rest.take(full.saturating_sub(into.len())));
                if into.len() >= full {
                    return Ok(true);
                }
                self.rest = None;
            }
            while let Some(element) = self.run.pop() {
                let parts = (self.f)(element).into_iter();
                if parts.size_hint().1.is_none_or(|most| most > full) {
                    self.rest = Some(parts);
                    break;
                }
                parts.for_each(|part| into.push(part)); // surely less than a run: by internal iteration
                if into.len() >= full {
                    return Ok(true);
                }
            }
            if self.rest.is_none() {
                if !self.input.next(&mut self.run)? {
                    return Ok(!into.is_empty());
                }
                self.run.reverse();
            }
        }
    }
}

struct FlatMapInto<T, F> {
    input: Input<T>,
    f: Arc<Function<(), F>>,
    run: Vec<T>,
}

impl<T, U, F: Fn(T, &mut Emit<'_, U>)> Runs<U> for FlatMapInto<T, F> {
    fn next(&mut self, into: &mut Vec<U>) -> Result<bool, Stop> {
        while into.is_empty() {
            if !self.input.next(&mut self.run)? {
                return Ok(false);
            }
            for element in self.run.drain(..) {
                (self.f.call)(element, &mut Emit { into });
            }
        }
        Ok(true)
    }
}
