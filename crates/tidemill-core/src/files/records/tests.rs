//! Tests of records of one length and of whole files.

use std::fs;
use std::io::Write;
use std::path::Path;

use proptest::prelude::*;

use super::*;
use crate::files::compression::CompressingFile;

fn write_input(folder: &Path, name: &str, bytes: &[u8]) -> InputFile {
    let path = folder.join(name);
    let compression = Compression::of(&path);
    let mut file = CompressingFile::new(fs::File::create(&path).unwrap(), compression).unwrap();
    file.write_all(bytes).unwrap();
    let length = file.finish().unwrap().metadata().unwrap().len();
    InputFile { path, length, compression }
}

fn sized(lengths: &[u64]) -> Vec<InputFile> {
    let file = |(i, length): (usize, &u64)| InputFile {
        path: format!("f{i}").into(),
        length: *length,
        compression: Compression::Plain,
    };
    lengths.iter().enumerate().map(file).collect()
}

proptest! {
    #[test]
    fn records_come_whole_and_in_order(count in 0usize..60, record_bytes in 1u64..9, split_bytes in 1u64..100) {
        let folder = tempfile::tempdir().unwrap();
        let bytes: Vec<u8> = (0..count * record_bytes as usize).map(|i| (i % 251) as u8).collect();
        let file = write_input(folder.path(), "a", &bytes);
        let splits = plan_records(&[file], record_bytes, split_bytes).unwrap();
        let mut read = Vec::new();
        for split in &splits {
            for block in read_records(split, record_bytes).unwrap() {
                let block = block.unwrap();
                prop_assert!(!block.is_empty() && (block.len() as u64).is_multiple_of(record_bytes));
                read.extend(block);
            }
        }
        prop_assert_eq!(read, bytes);
    }
}

#[test]
fn large_records_files_come_in_several_blocks() {
    let folder = tempfile::tempdir().unwrap();
    let bytes = b"abc".repeat(1 << 20);
    let splits = plan_records(&[write_input(folder.path(), "a", &bytes)], 3, splits::SPLIT_BYTES).unwrap();
    assert_eq!(splits.len(), 1);
    let blocks: Vec<Vec<u8>> = read_records(&splits[0], 3).unwrap().map(Result::unwrap).collect();
    assert!(blocks.len() == 4 && blocks.iter().all(|block| block.starts_with(b"abc")));
    assert!(blocks.concat() == bytes);
}

// 1.15: a partial record at the end fails the job.
#[test]
fn what_cannot_be_cut_into_records_is_told() {
    let folder = tempfile::tempdir().unwrap();
    let partial = write_input(folder.path(), "partial", b"1234567");
    let packed = write_input(folder.path(), "packed.gz", b"1234");
    for (file, record_bytes, words) in [
        (&partial, 2, ["partial holds 7 bytes", "record length 2"]),
        (&packed, 2, ["packed.gz", "decompress it first"]),
        (&partial, 0, ["record length", "at least 1 byte"]),
    ] {
        let error = plan_records(std::slice::from_ref(file), record_bytes, 100).unwrap_err().to_string();
        assert!(words.iter().all(|word| error.contains(word)), "{error}");
    }
}

#[test]
fn a_file_of_records_that_shrinks_is_an_error() {
    let folder = tempfile::tempdir().unwrap();
    let file = write_input(folder.path(), "a", &[7; 2 << 20]);
    let splits = plan_records(std::slice::from_ref(&file), 2, 4 << 20).unwrap();
    let mut blocks = read_records(&splits[0], 2).unwrap();
    assert!(blocks.next().unwrap().is_ok());
    fs::OpenOptions::new().write(true).open(&file.path).unwrap().set_len((1 << 20) + 10).unwrap();
    assert!(matches!(blocks.next(), Some(Err(Cause::Damaged { .. }))));
    assert!(blocks.next().is_none());
    assert!(matches!(read_records(&splits[0], 2), Err(Cause::Damaged { .. })));
}

#[test]
fn small_files_share_partitions() {
    let table: [(&[u64], u64, &[usize]); 6] = [
        (&[], 10, &[]),
        (&[4, 4, 4, 4], 8, &[2, 2]),
        (&[4, 4, 4], 5, &[2, 1]),
        (&[20, 1, 1], 8, &[1, 2]),
        (&[0, 0, 0], 0, &[3]),
        (&[0, 9, 0], 9, &[2, 1]),
    ];
    for (lengths, partition_bytes, expected) in table {
        let partitions = group(sized(lengths), partition_bytes);
        assert_eq!(partitions.iter().map(Vec::len).collect::<Vec<_>>(), expected, "{lengths:?} {partition_bytes}");
        assert_eq!(partitions.concat(), sized(lengths));
    }
}

#[test]
fn partitions_are_as_full_as_in_spark() {
    assert_eq!(text_partition_bytes(&sized(&[5, 6]), 2), 6);
    assert_eq!(text_partition_bytes(&sized(&[5, 6]), 0), 11);
    assert_eq!(text_partition_bytes(&[], 2), 0);
    assert_eq!(binary_partition_bytes(&sized(&[1, 1]), 8), OPEN_COST_BYTES);
    assert_eq!(binary_partition_bytes(&sized(&[100 << 20, 92 << 20]), 2), 100 << 20);
    assert_eq!(binary_partition_bytes(&sized(&[1 << 40]), 2), MAX_PARTITION_BYTES);
}

#[test]
fn whole_files_are_read_raw_or_as_text() {
    let folder = tempfile::tempdir().unwrap();
    let plain = write_input(folder.path(), "a.txt", b"one\r\ntwo");
    let packed = write_input(folder.path(), "a.gz", b"one\r\ntwo");
    assert_eq!(read_whole(&plain, Content::Text, 100).unwrap(), b"one\r\ntwo");
    assert_eq!(read_whole(&packed, Content::Text, 100).unwrap(), b"one\r\ntwo");
    assert_eq!(read_whole(&packed, Content::Raw, 100).unwrap(), fs::read(&packed.path).unwrap());
    let unknown = folder.path().join("a.snappy");
    fs::write(&unknown, "raw").unwrap();
    let unknown = InputFile { path: unknown, length: 3, compression: Compression::Plain };
    assert_eq!(read_whole(&unknown, Content::Raw, 100).unwrap(), b"raw");
    assert!(read_whole(&unknown, Content::Text, 100).is_err(), "no codec for it in this build");
}

#[test]
fn whole_files_have_a_limit_and_are_never_short() {
    let folder = tempfile::tempdir().unwrap();
    for name in ["a.txt", "a.zst"] {
        let file = write_input(folder.path(), name, &[b'x'; 1000]);
        assert_eq!(read_whole(&file, Content::Text, 1000).unwrap().len(), 1000);
        let error = read_whole(&file, Content::Text, 999).unwrap_err().to_string();
        assert!(error.contains(name) && error.contains("999 bytes"), "{error}");
        fs::OpenOptions::new().write(true).open(&file.path).unwrap().set_len(file.length - 1).unwrap();
        assert!(matches!(read_whole(&file, Content::Text, 1000), Err(Cause::Damaged { .. })), "{name}");
        fs::remove_file(&file.path).unwrap();
        assert!(matches!(read_whole(&file, Content::Text, 1000), Err(Cause::File { .. })), "{name}");
    }
}
