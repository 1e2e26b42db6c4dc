//! How every action runs: a job whose tasks make one value of each partition.

use std::marker::PhantomData;
use std::sync::Arc;
use std::time::Duration;

use crate::context::Context;
use crate::error::Error;
use crate::job::{Interrupt, JobHandle, Output, ResultSide};
use crate::lineage::{Lineage, Operator, Parent};
use crate::memory::Grant;
use crate::rdd::{Input, Rdd};
use crate::runs::BoxRuns;
use crate::ship::{Code, Decoded, Decoder, Encoder, NotShippable, ShipError, conjure};
use crate::task::{END_OF_STAGE, TaskContext};
use crate::weight::Weigher;
use crate::{Cause, Element, Stop, Timestamp, Wake, Woken};

/// Makes one value of a partition's elements, from the action's code. It captures nothing.
pub(crate) trait Fold<T, R, C>: Fn(Drawn<T>, &C) -> Result<R, Stop> + Copy + Send + Sync + 'static {}
impl<T, R, C, F: Fn(Drawn<T>, &C) -> Result<R, Stop> + Copy + Send + Sync + 'static> Fold<T, R, C> for F {}

/// What an action draws from.
pub(crate) struct Drawn<T> {
    runs: BoxRuns<T>,
    pub(crate) cx: Arc<TaskContext>,
}

impl<T> Drawn<T> {
    /// Gives every run to `take`, which empties it.
    pub(crate) fn for_each_run(&mut self, mut take: impl FnMut(&mut Vec<T>) -> Result<(), Stop>) -> Result<(), Stop> {
        let mut run = Vec::new();
        while self.next(&mut run)? {
            take(&mut run)?;
            run.clear();
        }
        Ok(())
    }

    /// How many elements there are.
    pub(crate) fn count(mut self) -> Result<u64, Stop> {
        let mut count = 0;
        self.for_each_run(|run| {
            count += run.len() as u64;
            Ok(())
        })?;
        Ok(count)
    }

    /// All elements, for the driver: they are accounted for until they are there.
    pub(crate) fn all(mut self) -> Result<Vec<T>, Stop>
    where
        T: Element,
    {
        let (cx, mut all, mut weigher) = (Arc::clone(&self.cx), Vec::new(), Weigher::new());
        self.for_each_run(|run| {
            cx.bring(size_of_val(run.as_slice()) as u64 + weigher.owned(run.len(), |index| run.get(index)))?;
            all.append(run);
            Ok(())
        })?;
        Ok(all)
    }

    /// All elements, merged one by one into what starts as `start`.
    pub(crate) fn fold<A>(mut self, start: A, mut f: impl FnMut(A, T) -> A) -> Result<A, Stop> {
        let (mut folded, mut run) = (start, Vec::new());
        while self.next(&mut run)? {
            folded = run.drain(..).fold(folded, &mut f);
        }
        Ok(folded)
    }

    /// All elements, merged into one; `None` where there are none.
    pub(crate) fn reduce(self, f: impl Fn(T, T) -> T) -> Result<Option<T>, Stop> {
        self.fold(None, |earlier, element| {
            Some(match earlier {
                Some(earlier) => f(earlier, element),
                None => element,
            })
        })
    }

    /// The elements as what functions over whole partitions draw from.
    pub(crate) fn into_input(self) -> Input<T> {
        let partition = self.cx.partition();
        Input::new(self.runs, &self.cx, partition, END_OF_STAGE)
    }

    /// The next run.
    pub(crate) fn next(&mut self, run: &mut Vec<T>) -> Result<bool, Stop> {
        let more = self.runs.next(run)?;
        self.cx.enter(END_OF_STAGE);
        Ok(more)
    }
}

/// What a task hands in: its value, and the account for it until the driver has unpacked it.
struct Brought<R> {
    value: R,
    _grant: Option<Grant>,
}

/// The result side of an action.
struct Folding<T: 'static, R, C, F> {
    operator: Operator,
    parent: Parent<T>,
    code: C,
    fold: F,
    result: PhantomData<fn() -> R>,
}

impl<T: 'static, R: Element, C: Code, F: Fold<T, R, C>> ResultSide for Folding<T, R, C, F> {
    fn lineage(&self) -> Arc<dyn Lineage> {
        Arc::clone(self.parent.node()) as Arc<dyn Lineage>
    }

    fn run(&self, cx: &Arc<TaskContext>) -> Result<Output, Stop> {
        let runs = self.parent.compute(cx.partition(), cx, 0)?;
        cx.enter(END_OF_STAGE);
        let value = (self.fold)(Drawn { runs, cx: Arc::clone(cx) }, &self.code)?;
        Ok(Box::new(Brought { value, _grant: cx.take_brought() }))
    }

    fn encode(&self, out: &mut Encoder) -> Result<(), NotShippable> {
        let at = |e: NotShippable| e.at(&self.operator);
        let parent = out.lineage(self.lineage()).map_err(at)?;
        let code = self.code.pack().map_err(at)?;
        out.entry::<Self>(decode::<T, R, C, F>, &(self.operator.clone(), parent, code)).map_err(at)?;
        Ok(())
    }

    fn encode_output(&self, output: &Output) -> Result<Vec<u8>, Stop> {
        let brought = output.downcast_ref::<Brought<R>>().ok_or_else(foreign)?;
        Ok(postcard::to_stdvec(&brought.value).map_err(|e| Cause::codec::<R>("encode", e))?)
    }

    fn decode_output(&self, bytes: &[u8]) -> Result<Output, Stop> {
        let value = postcard::from_bytes::<R>(bytes).map_err(|e| Cause::codec::<R>("decode", e))?;
        Ok(Box::new(Brought { value, _grant: None }))
    }
}

fn foreign() -> Stop {
    Cause::Invalid("a task's result is of another type than its action".into()).into()
}

fn decode<T: 'static, R: Element, C: Code, F: Fold<T, R, C>>(decoder: &mut Decoder) -> Result<Decoded, ShipError> {
    let (operator, parent, code): (Operator, u32, Vec<u8>) = decoder.value::<Folding<T, R, C, F>, _>()?;
    let parent = Parent::new(decoder.parent::<T>(parent)?);
    let (code, fold) = (C::unpack(&code)?, conjure::<F>()?);
    let result = PhantomData;
    let side: Arc<dyn ResultSide> = Arc::new(Folding::<T, R, C, F> { operator, parent, code, fold, result });
    Ok(Box::new(side))
}

/// What the tasks of an action run.
fn side<T: 'static, R: Element, C: Code>(
    parent: Parent<T>,
    operator: &Operator,
    code: C,
    fold: impl Fold<T, R, C>,
) -> Arc<dyn ResultSide> {
    debug_assert!(size_of_val(&fold) == 0, "a fold is told apart by its type alone");
    Arc::new(Folding { operator: operator.clone(), parent, code, fold, result: PhantomData })
}

/// Runs a job over `partitions` of `rdd` and returns their values, in the order asked for.
pub(crate) fn run_job<T: 'static, R: Element, C: Code>(
    rdd: &Rdd<T>,
    operator: Operator,
    partitions: Vec<u32>,
    code: C,
    fold: impl Fold<T, R, C>,
) -> Result<Vec<R>, Error> {
    run_last_job(rdd.clone(), operator, partitions, code, fold)
}

/// [`run_job`] for an RDD that the caller gives up: if nobody else holds what it is made of, the job moves values out of
/// shuffles that others would have to clone.
pub(crate) fn run_last_job<T: 'static, R: Element, C: Code>(
    rdd: Rdd<T>,
    operator: Operator,
    partitions: Vec<u32>,
    code: C,
    fold: impl Fold<T, R, C>,
) -> Result<Vec<R>, Error> {
    submit_job(rdd, operator, partitions, code, fold)?.wait()
}

/// Starts [`run_last_job`].
pub(crate) fn submit_job<T: 'static, R: Element, C: Code>(
    rdd: Rdd<T>,
    operator: Operator,
    partitions: Vec<u32>,
    code: C,
    fold: impl Fold<T, R, C>,
) -> Result<Submitted<R>, Error> {
    let count = partitions.len();
    let (context, parent) = rdd.into_parts();
    let handle = context.submit(operator.clone(), side(parent, &operator, code, fold), partitions)?;
    Ok(Submitted { handle, context, operator, count, result: PhantomData })
}

/// A job that was started, for values `R`.
pub(crate) struct Submitted<R> {
    handle: JobHandle,
    context: Context,
    operator: Operator,
    count: usize,
    result: PhantomData<fn() -> R>,
}

impl<R: 'static> Submitted<R> {
    /// The job's number.
    pub(crate) fn id(&self) -> u64 {
        self.handle.id().0
    }

    /// Gives the job up.
    pub(crate) fn cancel(&self) {
        self.handle.cancel();
    }

    /// Waits for the values, in the order asked for.
    pub(crate) fn wait(self) -> Result<Vec<R>, Error> {
        let results = self.context.wait(&self.handle, &self.operator)?;
        let missing = || Error::driver(&self.operator, Cause::Invalid("a task's result is missing".into()));
        in_order(self.count, results).into_iter().map(|value| value.ok_or_else(missing)).collect()
    }

    /// Waits no longer than `timeout`; what is not done by then is cancelled. A wait that is
    /// [`interruptible`](crate::job::interruptible) ends the job early.
    pub(crate) fn wait_within(self, timeout: Duration) -> Result<Vec<Option<R>>, Error> {
        self.wait_until(self.context.clock().now() + timeout);
        let (outcome, results) = self.handle.so_far();
        match outcome {
            Some(outcome) => self.context.job_result(&self.handle, &self.operator, outcome)?,
            None => self.handle.cancel(),
        }
        Ok(in_order(self.count, results))
    }

    fn wait_until(&self, deadline: Timestamp) {
        let (clock, wake, interrupt) = (self.context.clock(), Wake::new(), Interrupt::current());
        self.handle.wake_at_end(&wake);
        loop {
            let look = interrupt.as_ref().map_or(deadline, |interrupt| deadline.min(clock.now() + interrupt.every));
            let woken = clock.wait_until(look, &wake);
            if woken != Woken::Reached || clock.now() >= deadline {
                return;
            }
            if interrupt.as_ref().is_some_and(|interrupt| (interrupt.interrupted)()) {
                self.handle.cancel();
            }
        }
    }
}

/// What a job that is given only so much time has come to.
pub(crate) struct Partial<R> {
    /// The values of the partitions that were done, in order.
    pub(crate) values: Vec<R>,
    /// How many partitions there are.
    pub(crate) partitions: usize,
}

/// Runs a job over all partitions of `rdd` for no longer than `timeout`; what is not done by then is cancelled.
pub(crate) fn run_job_within<T: 'static, R: Element, C: Code>(
    rdd: &Rdd<T>,
    operator: &Operator,
    timeout: Duration,
    code: C,
    fold: impl Fold<T, R, C>,
) -> Result<Partial<R>, Error> {
    let (partitions, all) = (rdd.num_partitions(), rdd.all_partitions());
    let values = submit_job(rdd.clone(), operator.clone(), all, code, fold)?.wait_within(timeout)?;
    Ok(Partial { values: values.into_iter().flatten().collect(), partitions })
}

/// The values of a job's results, each at its place.
fn in_order<R: 'static>(count: usize, results: impl IntoIterator<Item = (usize, Output)>) -> Vec<Option<R>> {
    let mut values: Vec<Option<R>> = (0..count).map(|_| None).collect();
    for (place, output) in results {
        if let Some(held) = values.get_mut(place) {
            *held = unpacked(output);
        }
    }
    values
}

/// What a task handed in; it is the driver's from here on, and accounted for no more.
fn unpacked<R: 'static>(output: Output) -> Option<R> {
    output.downcast::<Brought<R>>().ok().map(|brought| brought.value)
}

impl<T: 'static> Rdd<T> {
    /// All partitions, in order.
    pub(crate) fn all_partitions(&self) -> Vec<u32> {
        (0..self.num_partitions() as u32).collect()
    }
}

#[cfg(test)]
mod tests;
