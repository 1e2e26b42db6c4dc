//! What a batch of received blocks is restored from, as bytes in the log of the driver.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use tidemill_core::Cause;

use super::{Arrived, Block};
use crate::event::InputInfo;
use crate::receiver::form::Failure;
use crate::receiver::log::Logged;

/// The version that is written. Each release reads those of all releases before.
const VERSION: u8 = 1;

/// What a batch had.
#[derive(Debug, Default, PartialEq, Serialize, Deserialize)]
pub(super) struct Entry {
    /// Blocks with smaller numbers are in this batch or in one before.
    pub(super) reached: u64,
    pub(super) blocks: Vec<Logged>,
    pub(super) letters: Vec<Logged>,
    /// How many blocks were in no log.
    pub(super) unlogged: u64,
    pub(super) failure: Option<Failure>,
    /// How many records listeners were told of.
    pub(super) records: u64,
    pub(super) metadata: BTreeMap<String, String>,
}

/// The bytes of the batch that got `arrived`.
pub(super) fn write(reached: u64, arrived: &Arrived, failure: Option<&Failure>, info: &InputInfo) -> Vec<u8> {
    let logged = |blocks: &[Block]| -> Vec<Logged> { blocks.iter().filter_map(|block| block.logged).collect() };
    let (blocks, letters) = (logged(&arrived.blocks), logged(&arrived.letters));
    let unlogged = (arrived.blocks.len() + arrived.letters.len() - blocks.len() - letters.len()) as u64;
    let (failure, records, metadata) = (failure.cloned(), info.records, info.metadata.clone());
    Entry { reached, blocks, letters, unlogged, failure, records, metadata }.bytes()
}

/// The number of the first block that neither the batch with these bytes nor one before had; none if they are no such bytes.
pub(crate) fn reached(bytes: &[u8]) -> Option<u64> {
    Entry::read(bytes).ok().map(|entry| entry.reached)
}

impl Entry {
    fn bytes(&self) -> Vec<u8> {
        // It is numbers and texts: nothing in it refuses to be written.
        postcard::to_extend(self, vec![VERSION]).unwrap_or_default()
    }

    /// Reads an entry. No bytes are that of a batch that got nothing.
    pub(super) fn read(bytes: &[u8]) -> Result<Entry, Cause> {
        match bytes {
            [] => Ok(Entry::default()),
            [VERSION, entry @ ..] => match postcard::take_from_bytes(entry) {
                Ok((entry, [])) => Ok(entry),
                Ok(_) => Err(Cause::codec::<Entry>("decode", postcard::Error::DeserializeBadEncoding)),
                Err(error) => Err(Cause::codec::<Entry>("decode", error)),
            },
            [version, ..] => Err(Cause::Invalid(format!(
                "what a batch has received is in version {version}, and this release knows {VERSION}; use a newer one"
            ))),
        }
    }
}

/// What fuzzing needs of the format.
#[cfg(test)]
pub(crate) mod fuzzing {
    use super::*;
    use crate::checkpoint::log::Position;

    pub(crate) fn examples() -> Vec<Vec<u8>> {
        let position = Position { segment: 3, offset: 1 << 40, length: 77 };
        let logged = |number| Logged { number, position, weight: 1 << 33 };
        let metadata = BTreeMap::from([("deadLetters".into(), "3".into())]);
        let failure = Some(Failure::Other("the disk is gone".into()));
        let full = Entry {
            reached: 9,
            blocks: (0..9).map(logged).collect(),
            unlogged: 2,
            failure,
            records: 7,
            metadata,
            ..Entry::default()
        };
        vec![Entry::default().bytes(), full.bytes(), Vec::new()]
    }

    /// What is read can be written again, and reads as the same.
    pub(crate) fn read(bytes: &[u8]) {
        if let Ok(entry) = Entry::read(bytes) {
            assert_eq!(Entry::read(&entry.bytes()).unwrap(), entry);
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::checkpoint::log::Position;
    use crate::dead_letter::DeadLetter;

    #[test]
    fn entries_come_back() {
        let logged = |number| {
            let position = Position { segment: 3, offset: number * 100, length: 77 };
            Logged { number, position, weight: 1 << 33 }
        };
        for failure in [None, Some(Failure::Other("why".into())), Some(Failure::Rejected(DeadLetter::new("a", "b")))] {
            let entry = Entry {
                reached: 9,
                blocks: vec![logged(5), logged(8)],
                letters: vec![logged(7)],
                unlogged: 2,
                failure,
                records: 1000,
                metadata: BTreeMap::from([("deadLetters".into(), "3".into())]),
            };
            assert_eq!(Entry::read(&entry.bytes()).unwrap(), entry);
        }
        assert_eq!(Entry::read(b"").unwrap(), Entry::default());
    }

    /// The bytes of the first version, which every release must read.
    #[test]
    fn the_first_version_is_read_for_good() {
        let bytes = b"\x01\x09\x01\x05\x03\x64\x4d\x40\x00\x02\x01\x01\x01e\x07\x01\x01k\x01v";
        let entry = Entry::read(bytes).unwrap();
        let position = Position { segment: 3, offset: 100, length: 77 };
        assert_eq!((entry.reached, entry.unlogged, entry.records), (9, 2, 7));
        assert_eq!(entry.blocks, [Logged { number: 5, position, weight: 64 }]);
        assert_eq!((entry.failure, entry.metadata["k"].as_str()), (Some(Failure::Other("e".into())), "v"));
        let newer = Entry::read(b"\x02").unwrap_err().to_string();
        assert_eq!(newer, "what a batch has received is in version 2, and this release knows 1; use a newer one");
    }

    proptest! {
        #[test]
        fn any_bytes_are_an_entry_or_an_error(bytes in prop::collection::vec(any::<u8>(), 0..100)) {
            let headed: Vec<u8> = [VERSION].into_iter().chain(bytes.iter().copied()).collect();
            let _ = (Entry::read(&bytes), Entry::read(&headed));
        }
    }
}
