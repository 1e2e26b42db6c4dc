//! The pieces of a snapshot of a window: first of the sums, then of what entered at each time that is in the window.

use std::sync::Arc;

use serde::Serialize;
use tidemill_core::shard::{Deltas, Kept, PIECE_BYTES, Pieces, TablePieces, decode, encode};
use tidemill_core::ship::Bytes;
use tidemill_core::{Cause, Element, Key, Stop, Version};

use super::partial::Partial;

/// A piece of the sums' table, and what entered when: records by time, oldest first. What entered at one time may go on in the
/// next piece.
type Parts = (Bytes, Vec<(Version, Bytes)>);

/// The time and the length before records take no more.
const TIME_BYTES: usize = 16;

/// The pieces of a window, made as they are drawn.
pub(super) struct WindowPieces<K, V> {
    sums: TablePieces<K, V>,
    partials: std::vec::IntoIter<Arc<Partial<K, V>>>,
    /// The partial that is being written, the number of its next run, and what is left of the one before.
    open: Option<(Arc<Partial<K, V>>, usize)>,
    run: std::vec::IntoIter<(K, V)>,
    is_failed: bool,
}

impl<K: Key, V: Element> WindowPieces<K, V> {
    /// Of these sums and partials.
    pub(super) fn new(sums: TablePieces<K, V>, partials: Vec<Arc<Partial<K, V>>>) -> WindowPieces<K, V> {
        let (partials, run) = (partials.into_iter(), Vec::new().into_iter());
        WindowPieces { sums, partials, open: None, run, is_failed: false }
    }

    fn draw(&mut self) -> Result<Option<Vec<u8>>, Stop> {
        // Only the last piece of the sums is not full.
        let sums = self.sums.next().transpose()?.unwrap_or_default();
        let (mut bytes, mut inside) = (sums.len(), Vec::new());
        while bytes < PIECE_BYTES {
            let Some((at, records)) = self.entered(PIECE_BYTES - bytes)? else { break };
            bytes += records.len() + TIME_BYTES;
            inside.push((at, Bytes(records)));
        }
        if bytes == 0 {
            return Ok(None);
        }
        Ok(Some(encode(&(Bytes(sums), inside), Vec::with_capacity(bytes + bytes / 16))?))
    }

    /// About so many bytes of what entered next, all at one time.
    fn entered(&mut self, most: usize) -> Result<Option<(Version, Vec<u8>)>, Cause> {
        let mut records = Records::default();
        loop {
            let Some((partial, number)) = &mut self.open else {
                self.open = self.partials.next().map(|partial| (partial, 0));
                if self.open.is_none() {
                    return Ok(None);
                }
                continue;
            };
            for record in self.run.by_ref() {
                records.push(&record)?;
                if records.bytes.len() >= most {
                    return Ok(Some((partial.at, records.finish()?)));
                }
            }
            match partial.run(*number)? {
                Some(run) => (self.run, *number) = (run.into_iter(), *number + 1),
                None => {
                    let at = partial.at;
                    self.open = None;
                    return Ok(Some((at, records.finish()?)));
                }
            }
        }
    }
}

impl<K: Key, V: Element> Iterator for WindowPieces<K, V> {
    type Item = Result<Vec<u8>, Stop>;

    fn next(&mut self) -> Option<Result<Vec<u8>, Stop>> {
        if self.is_failed {
            return None;
        }
        let drawn = self.draw();
        self.is_failed = drawn.is_err();
        drawn.transpose()
    }
}

/// Records that become a vector in postcard, one by one.
#[derive(Default)]
struct Records {
    count: usize,
    bytes: Vec<u8>,
}

impl Records {
    fn push<R: Serialize>(&mut self, record: &R) -> Result<(), Cause> {
        self.bytes = encode(record, std::mem::take(&mut self.bytes))?;
        self.count += 1;
        Ok(())
    }

    fn finish(self) -> Result<Vec<u8>, Cause> {
        let mut vector = encode(&self.count, Vec::with_capacity(self.bytes.len() + 5))?;
        vector.extend_from_slice(&self.bytes);
        Ok(vector)
    }
}

/// A piece of a window of these sums.
pub(super) fn of_sums(sums: Vec<u8>) -> Result<Vec<u8>, Cause> {
    let inside: Vec<(Version, Bytes)> = Vec::new();
    encode(&(Bytes(sums), inside), Vec::new())
}

/// A piece of a window of these records, which entered at one time.
pub(super) fn of_records<R: Serialize>(at: Version, records: &[R]) -> Result<Vec<u8>, Cause> {
    encode(&(Bytes::default(), vec![(at, Bytes(encode(&records, Vec::new())?))]), Vec::new())
}

/// The sums in a piece, and what entered.
pub(super) fn parts_of(piece: &[u8]) -> Result<(Vec<u8>, Vec<(Version, Bytes)>), Cause> {
    let (Bytes(sums), inside) = decode::<Parts>(piece)?.0;
    Ok((sums, inside))
}

/// Puts together what entered at one time, where that is in several pieces.
pub(super) struct Inside<R>(Option<(Version, Vec<R>)>);

impl<R> Inside<R> {
    pub(super) fn new() -> Inside<R> {
        Inside(None)
    }

    /// Adds what comes next; returns what is complete with it.
    ///
    /// # Errors
    /// It entered before what came last.
    pub(super) fn add(&mut self, at: Version, records: Vec<R>) -> Result<Option<(Version, Vec<R>)>, Cause> {
        match &mut self.0 {
            Some((held, before)) if *held == at => {
                before.extend(records);
                Ok(None)
            }
            Some((held, _)) if *held > at => {
                Err(Cause::Invalid(format!("what entered a window at {at} stands behind what entered at {held}")))
            }
            held => Ok(held.replace((at, records))),
        }
    }

    /// What came last.
    pub(super) fn finish(self) -> Option<(Version, Vec<R>)> {
        self.0
    }
}

/// The sums of what is kept of a window, without what changed since.
pub(super) struct SumsOf<'a>(pub(super) &'a dyn Kept);

impl Kept for SumsOf<'_> {
    fn pieces(&self) -> Pieces<'_> {
        Box::new(self.0.pieces().map(|piece| Ok(parts_of(&piece?)?.0)))
    }

    fn deltas(&self) -> Deltas<'_> {
        Box::new(std::iter::empty())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_entered_at_one_time_is_put_together_and_times_have_their_order() {
        let mut inside = Inside::new();
        let (three, five) = (Version(3), Version(5));
        assert_eq!(inside.add(three, vec![1]).unwrap(), None);
        assert_eq!(inside.add(three, vec![2]).unwrap(), None);
        assert_eq!(inside.add(five, vec![3]).unwrap(), Some((three, vec![1, 2])));
        let error = inside.add(three, vec![4]).unwrap_err().to_string();
        assert_eq!(error, "what entered a window at 3 stands behind what entered at 5");
        assert_eq!(inside.finish(), Some((five, vec![3])));
    }
}
