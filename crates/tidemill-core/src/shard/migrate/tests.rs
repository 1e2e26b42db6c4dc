//! Tables that are dealt anew.

use std::collections::BTreeMap;

use super::*;
use crate::Context;
use crate::runs::VecRuns;
use crate::shard::pieces::DEALT_BYTES;

type Table = Arc<VersionedTable<u64, String>>;
type Entries = BTreeMap<u64, String>;

/// The entries of one of so many partitions.
fn entries(partition: u64, partitions: u64) -> Entries {
    let keys = (0..20_000).filter(|key| key % partitions == partition);
    keys.map(|key| (key, format!("{key} {}", "-".repeat(key as usize % 100)))).collect()
}

fn of_table(table: &Table) -> Entries {
    table.entries().unwrap().runs.flat_map(Result::unwrap).map(|(key, state, _)| (key, state)).collect()
}

#[test]
fn entries_are_dealt_in_pieces_to_where_their_keys_lie() {
    let context = Context::local(1).unwrap();
    let table = || -> Table { VersionedTable::new(context.environment()) };
    let kept: Vec<(Vec<Vec<u8>>, Vec<_>)> = (0..3)
        .map(|partition| {
            let table = table();
            let entries: Vec<(u64, String)> = entries(partition, 3).into_iter().collect();
            table.seed(Version(7), Box::new(VecRuns::new(entries))).unwrap();
            (table.snapshot(Version(7)).unwrap().map(Result::unwrap).collect(), Vec::new())
        })
        .collect();
    let kept: Vec<&dyn Kept> = kept.iter().map(|kept| kept as &dyn Kept).collect();
    for partitions in [1, 2, 5] {
        let layout = context.hash_layout::<u64>(partitions);
        let (shape, mut pieces) = (Shape::of::<(u64, String)>(), vec![Vec::new(); partitions]);
        let mut take = |partition: usize, piece: Vec<u8>| {
            pieces[partition].push(piece);
            Ok(())
        };
        Migrations::new().rewrite(&table(), &shape, &kept, Some(&layout), &mut take).unwrap();
        let (place, _) = placing::<u64>(Some(&layout)).unwrap();
        for (partition, pieces) in pieces.into_iter().enumerate() {
            let (last, full) = pieces.split_last().unwrap();
            assert!(full.len() >= 3 && last.len() < DEALT_BYTES);
            assert!(full.iter().all(|piece| (DEALT_BYTES..DEALT_BYTES + 120).contains(&piece.len())));
            let loaded = table();
            loaded.load(&(pieces, Vec::new())).unwrap();
            let mut expected = entries(0, 1);
            expected.retain(|key, _| place(key) == partition);
            assert_eq!((loaded.version(), of_table(&loaded)), (Version(7), expected));
        }
    }
}
