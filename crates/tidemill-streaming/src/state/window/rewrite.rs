//! Windows that are dealt anew, to other partitions or of other values.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex};

use tidemill_core::layout::Layout;
use tidemill_core::shape::Shape;
use tidemill_core::shard::{Kept, Migrations, TakePiece, astray, deal, next_change, placing};
use tidemill_core::ship::Bytes;
use tidemill_core::{Element, Key, Stop, run_len};

use super::InverseWindow;
use super::pieces::{Inside, SumsOf, of_records, of_sums, parts_of};

impl<K: Key, V: Element, R, I> InverseWindow<K, V, R, I>
where
    R: Fn(V, V) -> V + Send + Sync + 'static,
    I: Fn(V, V) -> V + Send + Sync + 'static,
{
    /// Deals what was kept of all partitions, with values of `shape`: see `Shard::rewrite`.
    pub(super) fn deal(
        &self,
        shape: &Shape,
        kept: &[&dyn Kept],
        layout: Option<&Layout>,
        take: &mut TakePiece<'_>,
    ) -> Result<(), Stop> {
        let (place, partitions) = placing::<K>(layout)?;
        // All of them, since what enters at one time enters all: past the limit they are on disk.
        let windows = kept.iter().map(|kept| self.loaded(shape, *kept)).collect::<Result<Vec<_>, Stop>>()?;
        let sums = windows.iter().map(|window| window.table.entries());
        deal(sums, layout, &mut |partition, sums| take(partition, of_sums(sums)?))?;
        let times = windows.iter().flat_map(|window| window.partials().iter().map(|it| it.at).collect::<Vec<_>>());
        for at in times.collect::<BTreeSet<_>>() {
            let mut dealt: Vec<Vec<(K, V)>> = vec![Vec::new(); partitions];
            for window in &windows {
                let entered = window.partials().iter().find(|partial| partial.at == at).cloned();
                let Some(entered) = entered else { continue };
                for run in entered.runs() {
                    for (key, value) in run? {
                        let partition = place(&key);
                        let records = dealt.get_mut(partition).ok_or_else(astray)?;
                        records.push((key, value));
                        if records.len() == run_len::<(K, V)>() {
                            take(partition, of_records(at, records)?)?;
                            records.clear();
                        }
                    }
                }
            }
            let mut rest = dealt.iter().enumerate();
            rest.try_for_each(|(partition, records)| take(partition, of_records(at, records)?))?;
        }
        Ok(())
    }

    /// What was kept of one partition, with values of `shape`, as a window like this one. Its snapshot is read twice.
    fn loaded(&self, shape: &Shape, kept: &dyn Kept) -> Result<Arc<Self>, Stop> {
        let window = InverseWindow {
            table: self.table.empty(),
            partials: Mutex::default(),
            blobs: self.blobs.beside(),
            memory: self.memory.clone(),
            window: self.window,
            reduce: Arc::clone(&self.reduce),
            inverse: Arc::clone(&self.inverse),
            migrations: Migrations::new(),
            filter: self.filter.clone(),
        };
        let sums = self.migrations.entries_of(&window.table, shape, &SumsOf(kept))?;
        window.table.seed(sums.version, sums.into_pairs())?;
        let mut inside = Inside::new();
        for piece in kept.pieces() {
            for (at, Bytes(records)) in parts_of(&piece?)?.1 {
                window.put_inside(inside.add(at, self.migrations.records(shape, &records)?)?);
            }
        }
        window.put_inside(inside.finish());
        for delta in kept.deltas() {
            let delta = delta?;
            let entering = self.migrations.records(shape, next_change(window.table.version(), &delta)?)?;
            window.replay(&delta, entering)?;
        }
        Ok(Arc::new(window))
    }
}
