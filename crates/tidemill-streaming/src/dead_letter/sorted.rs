//! Sorting what was parsed: the records to one side, the letters to the other.

use std::sync::atomic::{AtomicU64, Ordering};

use tidemill_core::Element;
use tidemill_core::settings::keys;

use crate::dead_letter::{DeadLetter, OnError, Parsed, Rejected, write_letters};
use crate::dstream::DStream;

impl<T: Element> Parsed<T> {
    /// Sorts `results` as `on_error` says. Letters that name no source are from `source`, which no other stream of the
    /// context may have: it names the files of letters.
    ///
    /// Records and letters both draw on `results`, so what makes these should be kept: in received blocks, or by
    /// [`kept`](Parsed::kept).
    #[track_caller]
    pub(crate) fn sorted(
        results: &DStream<Result<T, DeadLetter>>,
        name: &'static str,
        source: &str,
        on_error: OnError,
    ) -> Parsed<T> {
        let from = source.to_owned();
        let records = match on_error {
            OnError::Fail => results.derived(name, move |rdd, _| {
                let refused = |source: &String, result: Result<T, DeadLetter>| {
                    result.map_err(|letter| Rejected(letter.from_source(source)))
                };
                rdd.map_with(from.clone(), refused).try_map(|result| result)
            }),
            OnError::Drop => results.derived(name, move |rdd, _| {
                rdd.map_partitions_with(from.clone(), |source, results| Kept::new(source.clone(), results))
            }),
            OnError::DeadLetter => results.derived(name, |rdd, _| rdd.flat_map(Result::ok)),
        };
        let from = source.to_owned();
        let letters = results.derived("dead_letters", move |rdd, _| match on_error {
            OnError::Fail | OnError::Drop => rdd.context().empty(),
            OnError::DeadLetter => {
                let letter = |source: &String, result: Result<T, DeadLetter>| {
                    result.err().map(|letter| letter.from_source(source))
                };
                rdd.flat_map_with(from.clone(), letter)
            }
        });
        if on_error == OnError::DeadLetter {
            write_each_batch(&letters, source);
        }
        Parsed::new(records, letters)
    }

    /// As [`sorted`](Parsed::sorted), for results that have to be made: they are kept, so that they are made once a batch.
    #[track_caller]
    pub(crate) fn kept(
        results: &DStream<Result<T, DeadLetter>>,
        name: &'static str,
        source: &str,
        on_error: OnError,
    ) -> Parsed<T> {
        if on_error == OnError::DeadLetter {
            results.node().persist_if_not(); // else the records alone are read, and streaming through costs no memory
        }
        Parsed::sorted(results, name, source, on_error)
    }
}

/// Writes the letters of each batch that has some. It is an output of the stream, before those that come later.
#[track_caller]
fn write_each_batch(letters: &DStream<DeadLetter>, source: &str) {
    let (source, total) = (source.to_owned(), AtomicU64::new(0));
    letters.output("dead_letters", move |rdd, time| {
        let directory = rdd.context().config().get(keys::DEAD_LETTERS_DIRECTORY);
        let letters = rdd.collect()?;
        if letters.is_empty() {
            return Ok(());
        }
        let file = write_letters(directory.as_ref(), &source, time, &letters)?;
        let total = total.fetch_add(letters.len() as u64, Ordering::Relaxed) + letters.len() as u64;
        tracing::warn!(
            source, batch = %time, letters = letters.len(), total, file = %file.display(),
            "Records could not be read and became dead letters."
        );
        Ok(())
    });
}

/// The records of a partition; it counts those that are dropped.
struct Kept<I> {
    source: String,
    results: I,
    dropped: u64,
}

impl<I> Kept<I> {
    fn new(source: String, results: I) -> Kept<I> {
        Kept { source, results, dropped: 0 }
    }
}

impl<T, I: Iterator<Item = Result<T, DeadLetter>>> Iterator for Kept<I> {
    type Item = T;

    fn next(&mut self) -> Option<T> {
        for result in self.results.by_ref() {
            match result {
                Ok(record) => return Some(record),
                Err(_) => self.dropped += 1,
            }
        }
        if self.dropped > 0 {
            let (source, dropped) = (&self.source, std::mem::take(&mut self.dropped));
            tracing::warn!(source, dropped, "Records of a partition could not be read and were dropped.");
        }
        None
    }
}
