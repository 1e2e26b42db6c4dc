//! Blobs that are whole, changed and cut off, and what becomes of their files.

use std::fs;

use proptest::prelude::*;

use super::*;

fn blobs() -> (tempfile::TempDir, Blobs) {
    let local = tempfile::tempdir().unwrap();
    let blobs = Blobs::new(&SpillDir::new(local.path()));
    (local, blobs)
}

/// The pieces that a writer takes, flushed at every so many.
fn write(blobs: &Blobs, pieces: &[Vec<u8>], between: usize) -> Vec<Blob> {
    let (mut writer, mut written) = (blobs.writer(), Vec::new());
    for (number, piece) in pieces.iter().enumerate() {
        writer
            .push(|mut bytes| {
                bytes.extend(piece);
                Ok(bytes)
            })
            .unwrap();
        if number % between == 0 {
            written.extend(writer.flush().unwrap());
        }
    }
    written.extend(writer.flush().unwrap());
    written
}

fn pieces(count: usize) -> Vec<Vec<u8>> {
    (0..count).map(|number| vec![number as u8; number % 701]).collect()
}

proptest! {
    #[test]
    fn pieces_are_read_back_in_any_order(
        pieces in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..9000), 1..60),
        between in 1usize..20,
        file_bytes in 1u64..50_000,
        order in prop::collection::vec(any::<prop::sample::Index>(), 0..100),
    ) {
        let (_local, blobs) = blobs();
        let blobs = blobs.with_file_bytes(file_bytes);
        let written = write(&blobs, &pieces, between);
        prop_assert_eq!(written.len(), pieces.len());
        let mut reader = BlobReader::new();
        for at in (0..pieces.len()).chain(order.iter().map(|index| index.index(pieces.len()))) {
            prop_assert!(reader.read(&written[at]).unwrap() == pieces[at], "piece {at}");
        }
        let last = blobs.put(b"one more").unwrap();
        prop_assert_eq!(reader.read(&last).unwrap(), b"one more");
        prop_assert!(written[0].read().unwrap() == pieces[0]);
    }

    #[test]
    fn no_torn_or_changed_piece_is_believed(cut in any::<prop::sample::Index>(), bit in 0u8..9) {
        let (_local, blobs) = blobs();
        let (pieces, mut reader) = (pieces(100), BlobReader::new());
        let written = write(&blobs, &pieces, 7);
        let file = &written[0].file;
        let length = file.length.load(Relaxed);
        let at = cut.index(length as usize) as u64;
        if bit < 8 {
            let mut byte = [0];
            file.file().read_exact_at(&mut byte, at).unwrap();
            file.file().write_all_at(&[byte[0] ^ 1 << bit], at).unwrap();
        } else {
            file.file().set_len(at).unwrap();
        }
        let mut failed = 0;
        for (blob, piece) in written.iter().zip(&pieces) {
            match reader.read(blob) {
                Ok(read) => prop_assert!(read == piece),
                Err(Cause::Damaged { path, .. }) if path == blob.path() => failed += 1,
                Err(other) => prop_assert!(false, "{}", other),
            }
        }
        prop_assert!(failed > 0);
    }
}

#[test]
fn files_have_no_names_and_go_with_their_blobs() {
    let (local, blobs) = blobs();
    let blobs = blobs.with_file_bytes(10_000);
    let names =
        || fs::read_dir(local.path()).unwrap().flat_map(|own| fs::read_dir(own.unwrap().path()).unwrap()).count();
    let mut written = write(&blobs, &pieces(200), 10);
    assert_eq!(names(), 0);
    let files: Vec<Weak<BlobFile>> = written.iter().map(|blob| Arc::downgrade(&blob.file)).collect();
    let (first, last) = (files.first().unwrap(), files.last().unwrap());
    assert!(!blobs.has_waste() && first.upgrade().unwrap().is_closed.load(Relaxed));
    // Some blobs of the first file are left, then none.
    let of_first = written.iter().take_while(|blob| Arc::as_ptr(&blob.file) == first.as_ptr()).count();
    written.drain(1..of_first);
    assert!(blobs.has_waste() && first.upgrade().unwrap().is_mostly_dead());
    assert_eq!(written[0].read().unwrap(), pieces(1)[0]);
    written.clear();
    assert!(first.upgrade().is_none() && last.upgrade().is_some(), "more is written to the last one");
    assert!(!blobs.has_waste());
    drop(blobs);
    assert!(last.upgrade().is_none() && fs::read_dir(local.path()).unwrap().count() == 0);
}

#[test]
fn what_cannot_be_written_is_told_with_the_place() {
    let local = tempfile::tempdir().unwrap();
    let occupied = local.path().join("a file");
    fs::write(&occupied, "").unwrap();
    let blobs = Blobs::new(&SpillDir::new(&occupied));
    let error = blobs.put(b"bytes").unwrap_err().to_string();
    assert!(error.contains("a file") && error.contains("spark.local.dir"), "{error}");
    fs::remove_file(&occupied).unwrap();
    assert_eq!(blobs.put(b"bytes").unwrap().read().unwrap(), b"bytes");
}

/// A disk that fills up: what was written stays, and the next blobs go to another folder.
#[test]
fn blobs_go_on_in_another_folder_where_their_own_is_full() {
    let root = tempfile::tempdir().unwrap();
    let blobs = Blobs::new(&SpillDir::across(["a", "b"].map(|name| root.path().join(name))));
    let first = blobs.put(b"first").unwrap();
    let full = BlobFile {
        file: File::options().write(true).open("/dev/full").unwrap(),
        path: "/dev/full".into(),
        length: AtomicU64::new(0),
        count: AtomicU64::new(0),
        is_closed: AtomicBool::new(false),
    };
    blobs.files.lock().unwrap().current = Some(Arc::new(full));
    let second = blobs.put(b"second").unwrap();
    assert_eq!((first.read().unwrap(), second.read().unwrap()), (b"first".to_vec(), b"second".to_vec()));
    assert_ne!(first.path().parent(), second.path().parent());
}
