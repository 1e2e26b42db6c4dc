//! `Migrations`: how states that an older program kept become those of this one, and where their keys lie now.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use crate::layout::Layout;
use crate::shape::{OtherShape, Shape};
use crate::shard::{AllEntries, Dealer, Kept, TakePiece, Version, VersionedTable, encode};
use crate::{Cause, Element, Key, Stop};

/// Converts states of other types into `S`: what a program registers for state that its older versions kept.
pub struct Migrations<K: 'static, S: 'static>(Vec<Migration<K, S>>);

struct Migration<K: 'static, S: 'static> {
    /// Of the entries that it converts.
    shape: Shape,
    table: Arc<dyn Fn(&VersionedTable<K, S>, &dyn Kept) -> Result<AllEntries<K, S>, Stop> + Send + Sync>,
    entry: Arc<dyn Fn(&[u8]) -> Result<Vec<(K, S)>, Stop> + Send + Sync>,
}

impl<K: Key, S: Element> Migrations<K, S> {
    /// None.
    pub fn new() -> Migrations<K, S> {
        Migrations(Vec::new())
    }

    /// Adds one from states of type `Old`; `None` drops the key.
    pub fn add<Old: Element>(&mut self, convert: impl Fn(&K, Old) -> Option<S> + Send + Sync + 'static) {
        let convert = Arc::new(move |key: &K, old: Old| {
            let converted = catch_unwind(AssertUnwindSafe(|| convert(key, old)));
            converted.map_err(|panic| Stop::from(Cause::panic(&*panic)))
        });
        let of_table = Arc::clone(&convert);
        let table = move |table: &VersionedTable<K, S>, kept: &dyn Kept| {
            let AllEntries { version, runs } = loaded::<K, Old>(&table.empty(), kept)?;
            let of_table = Arc::clone(&of_table);
            let runs = runs.map(move |run| {
                let convert = |(key, old, changed): (K, Old, Version)| {
                    Ok(of_table(&key, old)?.map(|state| (key, state, changed)))
                };
                run?.into_iter().map(convert).filter_map(Result::transpose).collect()
            });
            Ok(AllEntries { version, runs: Box::new(runs) })
        };
        let entry = move |bytes: &[u8]| {
            let (old, _) = crate::shard::decode::<Vec<(K, Old)>>(bytes)?;
            let converted = old.into_iter().map(|(key, old)| Ok(convert(&key, old)?.map(|state| (key, state))));
            converted.filter_map(Result::transpose).collect()
        };
        self.0.push(Migration { shape: Shape::of::<(K, Old)>(), table: Arc::new(table), entry: Arc::new(entry) });
    }

    /// What was kept of all partitions of a table like `table`, with entries of `shape`, as pieces of snapshots of it by
    /// `layout`. The entries stand in the order of the old partitions, and in that which they had there.
    ///
    /// # Errors
    /// Those of reading what was kept; nothing converts entries of that shape; the layout is none of such keys; the bytes
    /// are no such table; those of `take`.
    pub fn rewrite(
        &self,
        table: &VersionedTable<K, S>,
        shape: &Shape,
        kept: &[&dyn Kept],
        layout: Option<&Layout>,
        take: &mut TakePiece<'_>,
    ) -> Result<(), Stop> {
        let old = kept.iter().map(|kept| self.entries_of(table, shape, *kept));
        deal(old, layout, take)
    }

    /// The entries that were kept of one partition of a table like `table`.
    ///
    /// # Errors
    /// As for [`rewrite`](Migrations::rewrite).
    pub fn entries_of(
        &self,
        table: &VersionedTable<K, S>,
        shape: &Shape,
        kept: &dyn Kept,
    ) -> Result<AllEntries<K, S>, Stop> {
        match self.of(shape)? {
            Some(migration) => (migration.table)(table, kept),
            None => loaded(&table.empty(), kept),
        }
    }

    /// The records in `bytes`, a sequence of keys with values of `shape`.
    ///
    /// # Errors
    /// As for [`rewrite`](Migrations::rewrite).
    pub fn records(&self, shape: &Shape, bytes: &[u8]) -> Result<Vec<(K, S)>, Stop> {
        match self.of(shape)? {
            Some(migration) => (migration.entry)(bytes),
            None => Ok(crate::shard::decode(bytes)?.0),
        }
    }

    /// What converts entries of `shape`; none if they need not be.
    fn of(&self, shape: &Shape) -> Result<Option<&Migration<K, S>>, Stop> {
        let Some(other) = OtherShape::of_entries(shape, &Shape::of::<(K, S)>()) else { return Ok(None) };
        let fits = |migration: &&Migration<K, S>| OtherShape::of_entries(shape, &migration.shape).is_none();
        let migration = self.0.iter().find(fits);
        migration.map(Some).ok_or_else(|| Cause::OtherShape(Arc::new(other)).into())
    }
}

impl<K: 'static, S: 'static> Default for Migrations<K, S> {
    fn default() -> Self {
        Migrations(Vec::new())
    }
}

impl<K: 'static, S: 'static> Clone for Migrations<K, S> {
    fn clone(&self) -> Self {
        let clone = |migration: &Migration<K, S>| Migration {
            shape: migration.shape.clone(),
            table: Arc::clone(&migration.table),
            entry: Arc::clone(&migration.entry),
        };
        Migrations(self.0.iter().map(clone).collect())
    }
}

/// The entries of an empty table into which what was kept is loaded.
fn loaded<K: Key, S: Element>(table: &Arc<VersionedTable<K, S>>, kept: &dyn Kept) -> Result<AllEntries<K, S>, Stop> {
    table.load(kept)?;
    table.entries()
}

/// Deals the entries of `tables`, which must be of one version, as pieces of snapshots of tables by `layout`.
///
/// # Errors
/// Those of the tables and of `take`; they are of different versions; the layout is none of such keys.
pub fn deal<K: Key, S: Element>(
    tables: impl Iterator<Item = Result<AllEntries<K, S>, Stop>>,
    layout: Option<&Layout>,
    take: &mut TakePiece<'_>,
) -> Result<(), Stop> {
    let (place, partitions) = placing::<K>(layout)?;
    let mut tables = tables.peekable();
    let at = match tables.peek() {
        Some(Ok(first)) => first.version,
        _ => Version::START,
    };
    let mut dealer = Dealer::new(encode(&at, Vec::new())?, partitions, take);
    for table in tables {
        let AllEntries { version, runs } = table?;
        if version != at {
            return Err(Cause::Invalid("the partitions of the loaded state end at different versions".into()).into());
        }
        for run in runs {
            for entry in run? {
                dealer.add(place(&entry.0), &entry)?;
            }
        }
    }
    dealer.finish()
}

/// The partition of each key by `layout`, and how many there are.
///
/// # Errors
/// It is none of such keys.
pub fn placing<K: Key>(layout: Option<&Layout>) -> Result<(impl Fn(&K) -> usize + use<K>, usize), Stop> {
    let placed = layout.and_then(|layout| Some((layout.place::<K>()?, layout.partitions())));
    placed.ok_or_else(|| {
        Cause::Invalid("where the keys of the state lie is not known, so they cannot be dealt".into()).into()
    })
}

/// The failure where a key's partition is none.
pub fn astray() -> Stop {
    Cause::Invalid(
        "a key of the state belongs into no partition: the partitioner must answer less than its `partitions`".into(),
    )
    .into()
}

#[cfg(test)]
mod tests;
