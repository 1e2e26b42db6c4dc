//! Files of snapshots, of this format and of the first.

use super::*;
use crate::checkpoint::testing::MemoryStorage;

const FOLDER: &str = "state/a/snapshots";

fn manifest() -> Manifest {
    let (line, shape) = (Line::NONE.next_fresh(Version(3)), Shape::of::<(u32, String)>());
    Manifest { operator: "a".into(), line, version: Version(3), shape, partitions: Vec::new() }
}

fn names(storage: &MemoryStorage) -> Vec<String> {
    let names = storage.list("").unwrap().into_iter();
    names.map(|file| file.name.strip_prefix(&manifest().folder(FOLDER)).unwrap().to_owned()).collect()
}

#[test]
fn each_piece_is_a_file_that_the_manifest_knows() {
    let (storage, mut written) = (MemoryStorage::files(), manifest());
    for pieces in [3, 1, 12] {
        written.partitions.push(Vec::new());
        (0..pieces).for_each(|piece| written.add(&storage, FOLDER, format!("{piece}").as_bytes()).unwrap());
    }
    assert_eq!(find(&storage, FOLDER, "a").unwrap().loose.len(), 16, "it is not finished");
    written.finish(&storage, FOLDER).unwrap();
    // What another snapshot left there that was not finished.
    storage.put(&format!("{}/1.1", written.folder(FOLDER)), b"left over").unwrap();
    let Found { manifests, damaged, loose } = find(&storage, FOLDER, "a").unwrap();
    assert_eq!((&manifests, damaged.len()), (&vec![written.clone()], 0));
    assert_eq!(loose, [format!("{}/1.1", written.folder(FOLDER))]);
    assert_eq!(written.bytes() + 9, storage.list("").unwrap().iter().rev().skip(1).map(|file| file.bytes).sum::<u64>());
    for (partition, pieces) in [3, 1, 12].into_iter().enumerate() {
        assert_eq!(written.pieces(partition), 0..pieces);
        for piece in 0..pieces {
            assert_eq!(written.read(&storage, FOLDER, partition, piece).unwrap(), format!("{piece}").as_bytes());
        }
        assert!(written.read(&storage, FOLDER, partition, pieces).is_err());
    }
    // A piece in the place of another.
    let [one, other] = [1, 2].map(|piece| written.name(FOLDER, 0, piece));
    storage.put(&one, &storage.read(&other).unwrap()).unwrap();
    let text = written.read(&storage, FOLDER, 0, 1).unwrap_err().to_string();
    assert!(text.contains("it is the file of another snapshot"), "{text}");
    written.remove(&storage, FOLDER).unwrap();
    assert_eq!(names(&storage), ["/1.1"]);
}

/// The bytes as release 0.1.0 wrote them.
#[test]
fn the_first_format_has_one_piece_of_each_partition() {
    let (storage, manifest) = (MemoryStorage::files(), manifest());
    let files = files_of_one(&manifest, b"what is kept");
    // The operator's id, the line, the version and the partition come first in the header.
    assert!(files[0].starts_with(b"TMSP\x01\x00") && files[0][FIXED_BYTES..].starts_with(b"\x01a\x01\x03\x01\x03\x00"));
    assert!(files[1].starts_with(b"TMSM\x01\x00") && files[1][FIXED_BYTES..].starts_with(b"\x01a\x01\x03\x01\x03"));
    let [name, manifest_name] = ["0", MANIFEST].map(|name| format!("{}/{name}", manifest.folder(FOLDER)));
    storage.put(&name, &files[0]).unwrap();
    storage.put(&manifest_name, &files[1]).unwrap();
    let Found { manifests, damaged, loose } = find(&storage, FOLDER, "a").unwrap();
    assert_eq!((manifests.len(), damaged.len(), loose.len()), (1, 0, 0));
    let found = &manifests[0];
    assert_eq!((found.pieces(0), found.pieces(1), found.bytes()), (0..1, 0..0, files[0].len() as u64));
    assert_eq!(found.read(&storage, FOLDER, 0, 0).unwrap(), b"what is kept");
    found.remove(&storage, FOLDER).unwrap();
    assert_eq!(names(&storage), [""; 0]);
    // And of a format that is not known yet.
    let mut newer = files[1].clone();
    newer[4] = 3;
    let end = newer.len() - CHECKSUM_BYTES;
    let checksum = crc32fast::hash(&newer[..end]).to_le_bytes();
    newer[end..].copy_from_slice(&checksum);
    storage.put(&manifest_name, &newer).unwrap();
    let text = find(&storage, FOLDER, "a").unwrap().damaged[0].to_string();
    assert!(text.contains("a newer release wrote it: use that"), "{text}");
}
