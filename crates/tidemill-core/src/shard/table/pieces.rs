//! All of a version of a table: as the pieces of a snapshot, and run by run.

use std::sync::Arc;

use super::{TableRuns, Version, VersionedTable};
use crate::shard::{PIECE_BYTES, encode};
use crate::{BoxRuns, Element, Key, Runs, Stop};

/// The pieces of a snapshot of a table, made as they are drawn.
pub struct TablePieces<K, S> {
    /// None when all was drawn.
    runs: Option<TableRuns<K, S>>,
    version: Version,
    piece_bytes: usize,
    /// What the last piece had: the next one has about as many.
    last_bytes: usize,
}

/// All entries of a version of a table, to be dealt anew.
pub struct AllEntries<K, S> {
    /// The version.
    pub version: Version,
    /// The entries in their order, about a run at once: the key, the state, and the version in which it was changed or
    /// touched last.
    pub runs: Box<dyn Iterator<Item = Result<Vec<(K, S, Version)>, Stop>>>,
}

impl<K: Key, S: Element> VersionedTable<K, S> {
    /// All of a version, in postcard: one or more pieces, each of them the version and then some of the entries, in order.
    ///
    /// # Errors
    /// The version is not kept. Of a piece: the version is not kept any more, or values cannot be encoded.
    pub fn snapshot(self: &Arc<Self>, version: Version) -> Result<TablePieces<K, S>, Stop> {
        self.snapshot_of(version, PIECE_BYTES)
    }

    /// The same in pieces of another size.
    pub(super) fn snapshot_of(
        self: &Arc<Self>,
        version: Version,
        piece_bytes: usize,
    ) -> Result<TablePieces<K, S>, Stop> {
        Ok(TablePieces { runs: Some(self.read(version)?), version, piece_bytes, last_bytes: 0 })
    }

    /// All entries of the newest version.
    ///
    /// # Errors
    /// The table moved on meanwhile.
    pub fn entries(self: &Arc<Self>) -> Result<AllEntries<K, S>, Stop> {
        let version = self.version();
        let mut runs = self.read(version)?;
        let draw = move || {
            let mut run = Vec::new();
            let drawn = runs.visit_run(|key, state, changed| run.push((key.into_owned(), state.into_owned(), changed)));
            drawn.map(|is_there| is_there.then_some(run)).transpose()
        };
        Ok(AllEntries { version, runs: Box::new(std::iter::from_fn(draw)) })
    }
}

impl<K: Element, S: Element> TablePieces<K, S> {
    /// The next piece; none where there is no entry left, but for a first piece.
    fn draw(&mut self) -> Result<Option<Vec<u8>>, Stop> {
        let Some(runs) = &mut self.runs else { return Ok(None) };
        let is_first = self.last_bytes == 0;
        let mut bytes = encode(&self.version, Vec::with_capacity(self.last_bytes))?;
        let (head_bytes, mut failure) = (bytes.len(), None);
        loop {
            let is_there = runs.visit_while(|key, state, changed| {
                match encode(&(&*key, &*state, changed), std::mem::take(&mut bytes)) {
                    Ok(longer) => bytes = longer,
                    Err(cause) => failure = Some(cause),
                }
                failure.is_none() && bytes.len() < self.piece_bytes
            })?;
            if let Some(cause) = failure {
                return Err(cause.into());
            }
            if !is_there {
                self.runs = None; // the version need not be held any longer
                break;
            }
            if bytes.len() >= self.piece_bytes {
                break;
            }
        }
        self.last_bytes = bytes.len();
        Ok((is_first || bytes.len() > head_bytes).then_some(bytes))
    }
}

impl<K: Element, S: Element> Iterator for TablePieces<K, S> {
    type Item = Result<Vec<u8>, Stop>;

    fn next(&mut self) -> Option<Result<Vec<u8>, Stop>> {
        let drawn = self.draw();
        if drawn.is_err() {
            self.runs = None;
        }
        drawn.transpose()
    }
}

impl<K: Element, S: Element> AllEntries<K, S> {
    /// The keys and the states alone, for [`VersionedTable::seed`].
    pub fn into_pairs(self) -> BoxRuns<(K, S)> {
        Box::new(Pairs(self))
    }
}

struct Pairs<K, S>(AllEntries<K, S>);

impl<K, S> Runs<(K, S)> for Pairs<K, S> {
    fn next(&mut self, into: &mut Vec<(K, S)>) -> Result<bool, Stop> {
        let before = into.len();
        // A run may be empty by now: entries were dropped where they were converted.
        while into.len() == before {
            let Some(run) = self.0.runs.next().transpose()? else { return Ok(false) };
            into.extend(run.into_iter().map(|(key, state, _)| (key, state)));
        }
        Ok(true)
    }
}
