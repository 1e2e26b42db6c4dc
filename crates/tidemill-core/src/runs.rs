//! Runs: how the elements of a partition move from one operator to the next.
//!
//! A run is about 16 KiB of elements. The consumer pulls: it hands its own buffer to `next`, uses what it finds there and
//! hands the emptied buffer in again. So there is one virtual call a run, the user's functions are inlined into loops over
//! runs, and nothing is allocated a record.

use crate::Stop;

/// The elements of one partition, drawn run by run. Dropping it ends the work early.
pub trait Runs<T> {
    /// Appends the next run to `into`, which the caller hands in empty.
    ///
    /// `true`: at least one element was appended. `false`: there are no more, and `into` is as it was.
    fn next(&mut self, into: &mut Vec<T>) -> Result<bool, Stop>;
}

/// Runs of a type that only their maker knows.
pub type BoxRuns<T> = Box<dyn Runs<T>>;

impl<T> Runs<T> for BoxRuns<T> {
    fn next(&mut self, into: &mut Vec<T>) -> Result<bool, Stop> {
        (**self).next(into)
    }
}

/// How many elements make a run: 16 KiB of them, so that the buffers of a few operators stay in the first-level cache;
/// at least 64, at most 2,048.
pub const fn run_len<T>() -> usize {
    let size = if size_of::<T>() == 0 { 1 } else { size_of::<T>() };
    let n = (16 << 10) / size;
    if n < 64 {
        64
    } else if n > 2048 {
        2048
    } else {
        n
    }
}

/// The runs of values that are already there.
pub struct VecRuns<T>(std::vec::IntoIter<T>);

impl<T> VecRuns<T> {
    /// Runs over `values`, in their order.
    pub fn new(values: Vec<T>) -> VecRuns<T> {
        VecRuns(values.into_iter())
    }
}

impl<T> Runs<T> for VecRuns<T> {
    fn next(&mut self, into: &mut Vec<T>) -> Result<bool, Stop> {
        let before = into.len();
        into.extend(self.0.by_ref().take(run_len::<T>()));
        Ok(into.len() > before)
    }
}
