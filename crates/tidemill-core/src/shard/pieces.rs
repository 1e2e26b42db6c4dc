//! Pieces: the state of a shard in bytes, as it is kept, made and read a piece at a time.
//!
//! A state may be many times what memory holds, so nobody has all of it in bytes at once: a snapshot is a sequence of pieces
//! that are made as they are drawn, and [`Kept`] is read as it is loaded.

use serde::Serialize;

use crate::shard::{Delta, Version, astray, encode};
use crate::{Cause, Stop};

/// A piece of a snapshot has about so many bytes, and one entry more at most: enough that each is worth a file, and few
/// enough that it does not matter beside what memory holds.
pub const PIECE_BYTES: usize = 1 << 20;

/// A piece of a state that is dealt anew has so many: there is one for each of the new partitions at once.
pub(super) const DEALT_BYTES: usize = 64 << 10;

/// The pieces of a snapshot, each made or read when it is drawn. After a failure there are no more.
pub type Pieces<'a, E = Stop> = Box<dyn Iterator<Item = Result<Vec<u8>, E>> + Send + 'a>;

/// What changed since a snapshot, each read when it is drawn.
pub type Deltas<'a> = Box<dyn Iterator<Item = Result<Delta, Stop>> + Send + 'a>;

/// What is kept of one shard. It is read when it is loaded, and may be read again.
pub trait Kept: Send + Sync {
    /// The pieces of its snapshot, in order; none stand for [`Version::START`](crate::Version::START).
    fn pieces(&self) -> Pieces<'_>;

    /// What changed since.
    fn deltas(&self) -> Deltas<'_>;
}

/// What is kept in memory: the pieces, and what changed since.
impl Kept for (Vec<Vec<u8>>, Vec<Delta>) {
    fn pieces(&self) -> Pieces<'_> {
        Box::new(self.0.iter().cloned().map(Ok))
    }

    fn deltas(&self) -> Deltas<'_> {
        Box::new(self.1.iter().cloned().map(Ok))
    }
}

/// Notes the version of a piece, which is that of all pieces of a snapshot.
///
/// # Errors
/// Those before are of another one.
pub fn of_one_version(loaded: &mut Option<Version>, piece: Version) -> Result<(), Stop> {
    let before = *loaded.get_or_insert(piece);
    if before == piece {
        return Ok(());
    }
    Err(Cause::Invalid(format!("one piece of the state is of version {before}, and the next of {piece}")).into())
}

/// Takes a piece of the snapshot of a partition. A partition's pieces come in order.
pub type TakePiece<'a> = dyn FnMut(usize, Vec<u8>) -> Result<(), Stop> + 'a;

/// Deals entries to partitions, and hands on a piece when it is full: what states that are dealt anew are made with.
pub(super) struct Dealer<'a, 'b> {
    /// What each piece begins with.
    head: Vec<u8>,
    open: Vec<Vec<u8>>,
    take: &'a mut TakePiece<'b>,
}

impl<'a, 'b> Dealer<'a, 'b> {
    /// Deals to so many partitions; each piece begins with `head`.
    pub(super) fn new(head: Vec<u8>, partitions: usize, take: &'a mut TakePiece<'b>) -> Dealer<'a, 'b> {
        let open = vec![head.clone(); partitions];
        Dealer { head, open, take }
    }

    /// Adds an entry to a partition.
    ///
    /// # Errors
    /// There is no such partition, or the entry cannot be encoded; those of handing on.
    pub(super) fn add<E: Serialize>(&mut self, partition: usize, entry: &E) -> Result<(), Stop> {
        let open = self.open.get_mut(partition).ok_or_else(astray)?;
        *open = encode(entry, std::mem::take(open))?;
        if open.len() >= DEALT_BYTES {
            let full = std::mem::replace(open, self.head.clone());
            (self.take)(partition, full)?;
        }
        Ok(())
    }

    /// Hands on what is left: of every partition one more piece.
    ///
    /// # Errors
    /// Those of handing on.
    pub(super) fn finish(self) -> Result<(), Stop> {
        let Dealer { open, take, .. } = self;
        open.into_iter().enumerate().try_for_each(|(partition, piece)| take(partition, piece))
    }
}
