//! Tests of splits: tables of cuts, and random text against a naive reader of lines.

use std::fs;
use std::io::Write;

use proptest::prelude::*;

use super::*;
use crate::files::compression::CompressingFile;

const NO_LIMIT: usize = usize::MAX;

fn input(path: &str, length: u64) -> InputFile {
    InputFile { path: path.into(), length, compression: Compression::of(Path::new(path)) }
}

fn ranges(splits: &[FileSplit]) -> Vec<(&str, u64, u64)> {
    splits.iter().map(|split| (split.path.to_str().unwrap(), split.start, split.end)).collect()
}

#[test]
fn splits_are_those_of_hadoop() {
    let table: [(&[InputFile], usize, u64, &[(&str, u64, u64)]); 9] = [
        (&[], 2, 100, &[]),
        (&[input("a", 0)], 2, 100, &[("a", 0, 0)]),
        (&[input("a", 10)], 2, 100, &[("a", 0, 5), ("a", 5, 10)]),
        (&[input("a", 10)], 0, 100, &[("a", 0, 10)]),
        // Three of goal length 3, and a rest of 1 that is more than a tenth of it.
        (&[input("a", 10)], 3, 100, &[("a", 0, 3), ("a", 3, 6), ("a", 6, 9), ("a", 9, 10)]),
        // The rest of 11 is not more than 1.1 times 10; a rest of 12 is.
        (&[input("a", 21)], 1, 10, &[("a", 0, 10), ("a", 10, 21)]),
        (&[input("a", 22)], 1, 10, &[("a", 0, 10), ("a", 10, 20), ("a", 20, 22)]),
        (&[input("a", 8), input("b.gz", 8)], 4, 100, &[("a", 0, 4), ("a", 4, 8), ("b.gz", 0, 8)]),
        (&[input("a", 2)], 9, 100, &[("a", 0, 1), ("a", 1, 2)]),
    ];
    for (files, min_partitions, split_bytes, expected) in table {
        assert_eq!(ranges(&plan(files, min_partitions, split_bytes)), expected, "{files:?} {min_partitions}");
    }
}

/// The lines of a text, found in the simplest way.
fn naive_lines(text: &[u8]) -> Vec<Vec<u8>> {
    let text = text.strip_prefix(BYTE_ORDER_MARK).unwrap_or(text);
    let (mut lines, mut line, mut at) = (Vec::new(), Vec::new(), 0);
    while at < text.len() {
        match text[at] {
            b'\r' | b'\n' => {
                at += usize::from(text[at..].starts_with(b"\r\n"));
                lines.push(std::mem::take(&mut line));
            }
            byte => line.push(byte),
        }
        at += 1;
    }
    if !line.is_empty() {
        lines.push(line);
    }
    lines
}

/// The lines of a split, read with small blocks.
fn lines_of(split: &FileSplit, limit: usize, block_bytes: u64) -> Result<Vec<Vec<u8>>, Cause> {
    let mut lines = Vec::new();
    for block in LineBlocks::open(split, limit, block_bytes)? {
        let mut block = block?;
        assert_eq!(block.pop(), Some(b'\n'), "a block ends with the end of a line");
        assert!(!block.contains(&b'\r'));
        lines.extend(block.split(|&byte| byte == b'\n').map(<[u8]>::to_vec));
    }
    Ok(lines)
}

fn write_input(folder: &Path, text: &[u8], compression: Compression) -> InputFile {
    let path = folder.join(format!("input{}", compression.suffix()));
    let mut file = CompressingFile::new(fs::File::create(&path).unwrap(), compression).unwrap();
    file.write_all(text).unwrap();
    let length = file.finish().unwrap().metadata().unwrap().len();
    InputFile { path, length, compression }
}

/// Every way of cutting `text` gives each line once, in order.
#[track_caller]
fn check_all_cuts(text: &[u8], block_bytes: u64) {
    let folder = tempfile::tempdir().unwrap();
    let file = write_input(folder.path(), text, Compression::Plain);
    let expected = naive_lines(text);
    for length in 1..=file.length.max(1) {
        let splits = cut(std::slice::from_ref(&file), length);
        let read: Vec<Vec<u8>> =
            splits.iter().flat_map(|split| lines_of(split, NO_LIMIT, block_bytes).unwrap()).collect();
        assert_eq!(
            read,
            expected,
            "{:?} in splits of {length}, blocks of {block_bytes}",
            text.escape_ascii().to_string()
        );
    }
}

#[test]
fn lines_end_as_they_do_in_hadoop() {
    let table: [(&[u8], &[&str]); 14] = [
        (b"", &[]),
        (b"\n", &[""]),
        (b"\r", &[""]),
        (b"\r\n", &[""]),
        (b"\n\r", &["", ""]),
        (b"\r\r\n\n", &["", "", ""]),
        (b"a", &["a"]),
        (b"a\n", &["a"]),
        (b"a\rb\r", &["a", "b"]),
        (b"a\r\nb\r\n", &["a", "b"]),
        (b"a\n\nb", &["a", "", "b"]),
        (b"\xEF\xBB\xBFa\nb", &["a", "b"]),
        (b"\xEF\xBB\xBF", &[]),
        (b"\xEF\xBB\xBF\n", &[""]),
    ];
    for (text, expected) in table {
        assert_eq!(naive_lines(text), expected.iter().map(|line| line.as_bytes().to_vec()).collect::<Vec<_>>());
        for block_bytes in [1, 2, 3, 100] {
            check_all_cuts(text, block_bytes);
        }
    }
}

#[test]
fn short_lines_after_a_long_one_belong_to_the_split_they_start_in() {
    let text = [&b"x".repeat(40)[..], b"\na\nb\nc\n", &b"y".repeat(30), b"\n\xEF\xBB\xBFd\ne\nf\n", &b"z\n".repeat(20)]
        .concat();
    for block_bytes in [1, 5, 12, 30, 45] {
        check_all_cuts(&text, block_bytes);
    }
}

#[test]
fn a_whole_mebibyte_is_cut_into_blocks_of_whole_lines() {
    let folder = tempfile::tempdir().unwrap();
    let text: Vec<u8> = (0..300_000u32).flat_map(|i| format!("line number {i}\n").into_bytes()).collect();
    for compression in [Compression::Plain, Compression::Gzip] {
        let file = write_input(folder.path(), &text, compression);
        let mut read = Vec::new();
        for split in plan(&[file], 3, SPLIT_BYTES) {
            for block in super::read(&split, NO_LIMIT).unwrap() {
                let block = block.unwrap();
                assert!(block.len() as u64 <= BLOCK_BYTES + PAST_END_BYTES && block.ends_with(b"\n"));
                read.extend(block);
            }
        }
        assert!(read == text, "{compression:?}");
    }
}

#[test]
fn a_line_that_is_too_long_is_told_with_its_place() {
    let folder = tempfile::tempdir().unwrap();
    let text = b"short\nexactly 10\r\nthis one is too long\nshort\n";
    for compression in [Compression::Plain, Compression::Zstd] {
        let file = write_input(folder.path(), text, compression);
        for block_bytes in [1, 2, 7, 100] {
            for length in [9, 100] {
                let splits = cut(std::slice::from_ref(&file), length);
                let failures: Vec<String> = splits
                    .iter()
                    .filter_map(|split| lines_of(split, 10, block_bytes).err())
                    .map(|error| error.to_string())
                    .collect();
                assert_eq!(
                    failures.len(),
                    1,
                    "the split in which the line starts tells it, and no other: {failures:?}"
                );
                let expected = format!("{} that starts at byte 18 is longer than 10 bytes", file.path.display());
                assert!(failures[0].contains(&expected), "{failures:?}");
            }
        }
        assert!(cut(&[file], 9).iter().all(|split| lines_of(split, 20, 4).is_ok()));
    }
}

#[test]
fn after_an_error_there_is_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let file = write_input(folder.path(), b"too long\na\n", Compression::Plain);
    let mut blocks = LineBlocks::open(&cut(&[file], 100)[0], 3, 4).unwrap();
    assert!(blocks.next().unwrap().is_err());
    assert!(blocks.next().is_none());
}

#[test]
fn a_file_that_changes_under_the_reader_is_an_error() {
    let folder = tempfile::tempdir().unwrap();
    let file = write_input(folder.path(), &b"0123456789\n".repeat(10), Compression::Plain);
    let splits = cut(std::slice::from_ref(&file), 55);
    // Shorter before it is opened.
    fs::OpenOptions::new().write(true).open(&file.path).unwrap().set_len(80).unwrap();
    assert!(lines_of(&splits[0], NO_LIMIT, 100).is_ok(), "the first split is still whole");
    let error = lines_of(&splits[1], NO_LIMIT, 100).unwrap_err().to_string();
    assert!(error.contains("input is damaged: it is shorter"), "{error}");
    // Shorter while it is read.
    let whole = FileSplit { end: 80, ..splits[0].clone() };
    let mut blocks = LineBlocks::open(&whole, NO_LIMIT, 16).unwrap();
    assert!(blocks.next().unwrap().is_ok());
    fs::OpenOptions::new().write(true).open(&file.path).unwrap().set_len(40).unwrap();
    assert!(blocks.any(|block| matches!(block, Err(Cause::Damaged { .. }))));
    // Gone.
    fs::remove_file(&file.path).unwrap();
    assert!(matches!(lines_of(&splits[0], NO_LIMIT, 100), Err(Cause::File { .. })));
}

#[test]
fn a_file_that_grew_is_read_up_to_the_line_that_had_begun() {
    let folder = tempfile::tempdir().unwrap();
    let file = write_input(folder.path(), b"one\ntwo", Compression::Plain);
    fs::OpenOptions::new().append(true).open(&file.path).unwrap().write_all(b" and a half\nthree\n").unwrap();
    let lines = lines_of(&cut(&[file], 100)[0], NO_LIMIT, 100).unwrap();
    assert_eq!(lines, [b"one".to_vec(), b"two and a half".to_vec()]);
}

#[test]
fn an_empty_file_is_an_empty_split_without_lines() {
    let folder = tempfile::tempdir().unwrap();
    // Also one that has the name of a compressed file: Spark 3.5 makes no partition of it.
    for name in ["a", "a.gz"] {
        let path = folder.path().join(name);
        fs::write(&path, "").unwrap();
        let splits = plan(&[InputFile { compression: Compression::of(&path), path, length: 0 }], 2, SPLIT_BYTES);
        assert!(splits.len() == 1 && splits[0].is_empty());
        assert_eq!(super::read(&splits[0], NO_LIMIT).unwrap().count(), 0);
    }
}

/// Text in which line ends are frequent and of all kinds.
fn any_text() -> impl Strategy<Value = Vec<u8>> {
    let piece = prop_oneof![
        Just(b"\n".to_vec()),
        Just(b"\r".to_vec()),
        Just(b"\r\n".to_vec()),
        Just("é".as_bytes().to_vec()),
        Just(BYTE_ORDER_MARK.to_vec()),
        "[a-c]{0,5}".prop_map(String::into_bytes),
        // Longer than a few blocks.
        "[d-f]{20,30}".prop_map(String::into_bytes),
    ];
    (any::<bool>(), proptest::collection::vec(piece, 0..14)).prop_map(|(mark, pieces)| {
        let mark = if mark { BYTE_ORDER_MARK } else { b"" };
        [mark.to_vec(), pieces.concat()].concat()
    })
}

proptest! {
    // Each case opens a file some thousand times.
    #![proptest_config(ProptestConfig::with_cases(100))]

    #[test]
    fn every_cut_of_every_text_gives_its_lines(text in any_text(), block_bytes in 1u64..12) {
        check_all_cuts(&text, block_bytes);
    }

    #[test]
    fn compressed_text_gives_its_lines(text in any_text(), block_bytes in 1u64..12) {
        let folder = tempfile::tempdir().unwrap();
        for compression in [Compression::Gzip, Compression::Bzip2, Compression::Zstd] {
            let file = write_input(folder.path(), &text, compression);
            let splits = plan(&[file], 4, 3);
            prop_assert_eq!(splits.len(), 1);
            prop_assert_eq!(lines_of(&splits[0], NO_LIMIT, block_bytes).unwrap(), naive_lines(&text));
        }
    }

    #[test]
    fn splits_cover_each_file_without_gaps(
        lengths in proptest::collection::vec(0u64..5000, 1..5),
        min_partitions in 0usize..20,
        split_bytes in 1u64..4000,
    ) {
        let files: Vec<InputFile> = lengths.iter().enumerate().map(|(i, n)| input(&format!("f{i}"), *n)).collect();
        let splits = plan(&files, min_partitions, split_bytes);
        for file in &files {
            let own: Vec<&FileSplit> = splits.iter().filter(|split| split.path == file.path).collect();
            prop_assert_eq!(own[0].start, 0);
            prop_assert_eq!(own[own.len() - 1].end, file.length);
            prop_assert!(own.windows(2).all(|pair| pair[0].end == pair[1].start));
            prop_assert!(own.iter().all(|split| split.end - split.start <= split_bytes * 11 / 10));
        }
        let total: u64 = lengths.iter().sum();
        prop_assert!(splits.len() as u64 >= (min_partitions as u64).min(total / split_bytes.max(1)));
    }
}
