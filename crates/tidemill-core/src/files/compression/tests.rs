//! Tests of compressed files: round trips, several members, and damage of every kind.

use std::fs;

use proptest::prelude::*;

use super::*;

const ALL: [Compression; 4] = [Compression::Plain, Compression::Gzip, Compression::Bzip2, Compression::Zstd];
const COMPRESSED: [Compression; 3] = [Compression::Gzip, Compression::Bzip2, Compression::Zstd];

/// `content` as a file of `compression` would hold it.
fn compressed(content: &[u8], compression: Compression) -> Vec<u8> {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("made");
    let mut file = CompressingFile::new(File::create(&path).unwrap(), compression).unwrap();
    file.write_all(content).unwrap();
    file.finish().unwrap();
    fs::read(path).unwrap()
}

/// Reads a file of these `bytes`, a few at a time.
fn read_back(bytes: &[u8], compression: Compression) -> Result<Vec<u8>, Cause> {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join(format!("input{}", compression.suffix()));
    fs::write(&path, bytes).unwrap();
    let mut reader = FileReader::open(&path, compression, bytes.len() as u64)?;
    let mut content = Vec::new();
    while reader.fill(&mut content, 7)? > 0 {}
    Ok(content)
}

#[test]
fn the_name_tells_the_compression() {
    let table = [
        ("a.gz", Compression::Gzip),
        ("a.txt.bz2", Compression::Bzip2),
        ("/x.gz/a.zst", Compression::Zstd),
        ("a.GZ", Compression::Plain),
        ("gz", Compression::Plain),
        (".gz", Compression::Plain),
        ("a.gz.txt", Compression::Plain),
    ];
    for (name, expected) in table {
        assert_eq!(Compression::of(Path::new(name)), expected, "{name}");
    }
    for compression in COMPRESSED {
        assert_eq!(Compression::of(Path::new(&format!("a{}", compression.suffix()))), compression);
    }
}

#[test]
fn codecs_have_short_names_and_the_names_of_hadoop() {
    let table = [
        ("org.apache.hadoop.io.compress.GzipCodec", Compression::Gzip),
        ("org.apache.hadoop.io.compress.BZip2Codec", Compression::Bzip2),
        ("org.apache.hadoop.io.compress.ZStandardCodec", Compression::Zstd),
        ("gzip", Compression::Gzip),
        ("none", Compression::Plain),
    ];
    for (name, expected) in table {
        assert_eq!(Compression::named(name).unwrap(), expected, "{name}");
    }
    let error = Compression::named("org.apache.hadoop.io.compress.SnappyCodec").unwrap_err().to_string();
    assert!(error.contains("SnappyCodec") && error.contains("gzip"), "{error}");
}

#[test]
fn several_members_are_one_text() {
    for compression in COMPRESSED {
        let bytes: Vec<u8> =
            [&b"first\n"[..], b"", b"second\n"].iter().flat_map(|c| compressed(c, compression)).collect();
        assert_eq!(read_back(&bytes, compression).unwrap(), b"first\nsecond\n", "{compression:?}");
    }
}

#[test]
fn a_file_cut_anywhere_is_an_error_that_names_it() {
    let content: Vec<u8> = (0..60u32).flat_map(|i| format!("line {}\n", i * i).into_bytes()).collect();
    for compression in COMPRESSED {
        let whole = compressed(&content, compression);
        assert_eq!(read_back(&whole, compression).unwrap(), content);
        for length in 0..whole.len() {
            let error = read_back(&whole[..length], compression).unwrap_err();
            assert!(matches!(error, Cause::Damaged { .. }), "{compression:?} cut at {length}: {error}");
            assert!(error.to_string().contains(&format!("input{}", compression.suffix())), "{error}");
        }
    }
}

#[test]
fn a_second_member_cut_anywhere_is_an_error() {
    for compression in COMPRESSED {
        let first = compressed(b"first\n", compression);
        let whole = [first.clone(), compressed(b"second\n", compression)].concat();
        for length in first.len() + 1..whole.len() {
            let read = read_back(&whole[..length], compression);
            assert!(matches!(read, Err(Cause::Damaged { .. })), "{compression:?} cut at {length}: {read:?}");
        }
    }
}

#[test]
fn a_flipped_bit_never_changes_the_text_unnoticed() {
    let content = b"the tide comes in, the tide goes out, the mill wheel turns\n".repeat(4);
    for compression in COMPRESSED {
        let whole = compressed(&content, compression);
        for at in 0..whole.len() * 8 {
            let mut bytes = whole.clone();
            bytes[at / 8] ^= 1 << (at % 8);
            // A bit of a header that carries no data (gzip's time stamp) may change without harm.
            if let Ok(read) = read_back(&bytes, compression) {
                assert_eq!(read, content, "{compression:?}, bit {at}");
            }
        }
    }
}

#[test]
fn plain_text_under_a_compressed_name_is_damaged() {
    for compression in COMPRESSED {
        let error = read_back(b"just a line of text that nobody compressed\n", compression).unwrap_err();
        assert!(matches!(error, Cause::Damaged { .. }), "{compression:?}: {error}");
    }
}

#[test]
fn codecs_that_are_missing_are_refused_instead_of_read_as_text() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.snappy");
    fs::write(&path, "x").unwrap();
    let error = FileReader::open(&path, Compression::of(&path), 1).err().unwrap().to_string();
    assert!(error.contains("a.snappy") && error.contains("zstd"), "{error}");
}

#[test]
fn a_file_that_is_gone_or_shrank_says_what_to_do() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.txt");
    let error = FileReader::open(&path, Compression::Plain, 3).err().unwrap();
    assert!(matches!(&error, Cause::File { source, .. } if source.kind() == io::ErrorKind::NotFound), "{error}");
    assert!(error.to_string().contains("a.txt") && error.to_string().contains("keep input files"), "{error}");
    fs::write(&path, "abc").unwrap();
    assert!(FileReader::open_raw(&path, 0, 3).is_ok());
    let error = FileReader::open_raw(&path, 0, 4).err().unwrap().to_string();
    assert!(error.contains("a.txt") && error.contains("run the job again"), "{error}");
}

#[test]
fn a_compressed_file_that_lost_a_whole_member_since_it_was_listed_is_an_error() {
    let folder = tempfile::tempdir().unwrap();
    for compression in COMPRESSED {
        let path = folder.path().join(format!("input{}", compression.suffix()));
        let first = compressed(b"first\n", compression);
        fs::write(&path, &first).unwrap();
        let listed = 2 * first.len() as u64;
        assert!(matches!(FileReader::open(&path, compression, listed), Err(Cause::Damaged { .. })), "{compression:?}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]
    #[test]
    fn what_was_written_is_read(content in proptest::collection::vec(any::<u8>(), 0..3000)) {
        for compression in ALL {
            prop_assert_eq!(&read_back(&compressed(&content, compression), compression).unwrap(), &content);
        }
    }
}
