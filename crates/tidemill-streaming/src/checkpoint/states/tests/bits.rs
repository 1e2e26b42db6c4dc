//! Files that are not as they were written.

use proptest::prelude::*;

use super::*;

/// A state of several batches and snapshots; what it was, version by version.
fn written() -> (Memory, BTreeMap<u64, Sums>) {
    let memory = Memory::default();
    let storage: Arc<dyn Storage> = Arc::new(memory.clone());
    let (context, writer) = (Context::local(1).unwrap(), StateWriter::start().unwrap());
    let shards = sums(&context, 2);
    let log = open(&writer, &storage, &shards, 40);
    let mut truth = BTreeMap::new();
    for to in 1..=12u64 {
        let records: Vec<(u8, i64)> = (0..40).map(|key| (key, to as i64)).collect();
        step(&context, &shards, to, &records);
        log.await_durable(Version(to)).unwrap();
        log.book.await_snapshot();
        truth.insert(to, read_sums(&shards));
    }
    (memory, truth)
}

fn load(memory: &Memory, at_most: u64) -> Result<(Option<Version>, Sums), StateError> {
    let storage: Arc<dyn Storage> = Arc::new(memory.clone());
    let (context, writer) = (Context::local(1).unwrap(), StateWriter::start().unwrap());
    let shards = sums(&context, 2);
    let log = StateLog::open(&writer, storage, "sums", Arc::new(shards.clone()), options(40))?;
    let found = log.load(Version(at_most))?;
    Ok((found, read_sums(&shards)))
}

#[test]
fn the_snapshot_before_serves_where_the_newest_is_damaged() {
    let (memory, truth) = written();
    let storage: Arc<dyn Storage> = Arc::new(memory.clone());
    let names: Vec<String> = storage.list("").unwrap().into_iter().map(|listed| listed.name).collect();
    let snapshots: Vec<&String> = names.iter().filter(|name| name.contains("/snapshots/")).collect();
    assert!(snapshots.len() >= 6, "{names:?}");
    for name in &snapshots {
        let copy = Memory::copy(&storage);
        copy.change(name, |bytes| bytes[12] ^= 1);
        assert_eq!(load(&copy, 12).unwrap(), (Some(Version(12)), truth[&12].clone()), "{name}");
        copy.remove(name).unwrap();
        assert_eq!(load(&copy, 12).unwrap(), (Some(Version(12)), truth[&12].clone()), "{name}");
    }
    // Of no snapshot and no log there is no state, and no empty one either.
    for name in &names {
        if name.ends_with(".log") || name.ends_with("/manifest") {
            memory.change(name, |bytes| bytes.iter_mut().for_each(|byte| *byte ^= 1));
        }
    }
    let text = load(&memory, 12).unwrap_err().to_string();
    assert!(text.contains("damaged") || text.contains("cannot be read"), "{text}");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(150))]

    #[test]
    fn flipped_bits_give_the_right_state_or_an_error(file in any::<prop::sample::Index>(), at in any::<prop::sample::Index>(), bit in 0u8..8, cut in any::<bool>(), at_most in 1u64..14) {
        let (memory, truth) = written();
        let listed = memory.list("").unwrap();
        let name = &file.get(&listed).name;
        memory.change(name, |bytes| {
            let at = at.index(bytes.len());
            if cut { bytes.truncate(at) } else { bytes[at] ^= 1 << bit }
        });
        match load(&memory, at_most) {
            Ok((found, sums)) => {
                let found = found.map_or(0, |version| version.0);
                // The end of the last segment may be torn off unseen: that is what a crash does. A flipped bit in its last
                // record cannot be told from that.
                let is_torn = name.ends_with(".log") && (cut || found == 11);
                prop_assert!(found == at_most.min(12) || is_torn, "{found} of {at_most} after {name}");
                prop_assert_eq!(sums, truth.get(&found).cloned().unwrap_or_default());
            }
            Err(error) => prop_assert!(!error.to_string().is_empty()),
        }
    }
}
