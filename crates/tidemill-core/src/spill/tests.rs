//! Spill files that are whole, torn, changed and unwritable.

use std::fs;
use std::io::Write;

use proptest::prelude::*;

use super::*;
use crate::Local;
use crate::log::tests::Page;

fn read_all<T: DeserializeOwned>(spilled: &Spilled<T>) -> Result<Vec<T>, Stop> {
    let (mut reader, mut all, mut run) = (spilled.read()?, vec![], vec![]);
    while reader.next(&mut run)? {
        all.append(&mut run);
    }
    assert!(!reader.next(&mut run)? && run.is_empty(), "the end stays the end");
    Ok(all)
}

fn spill<T: Serialize>(dir: &SpillDir, records: &[T], frame_bytes: usize) -> Spilled<T> {
    let mut writer = SpillWriter::create(dir, frame_bytes).unwrap();
    records.iter().for_each(|record| writer.push(record).unwrap());
    writer.finish().unwrap()
}

fn records() -> Vec<(u64, String)> {
    (0..500).map(|n| (n, "x".repeat(n as usize % 37))).collect()
}

proptest! {
    #[test]
    fn what_is_written_is_read_back(records: Vec<(u64, String, Option<Vec<i32>>)>, frame in 1usize..2000) {
        let local = tempfile::tempdir().unwrap();
        let spilled = spill(&SpillDir::new(local.path()), &records, frame);
        prop_assert_eq!(spilled.records(), records.len() as u64);
        prop_assert_eq!(read_all(&spilled).unwrap(), records);
    }

    #[test]
    fn no_torn_or_changed_file_is_believed(cut in any::<prop::sample::Index>(), bit in 0u8..9) {
        let local = tempfile::tempdir().unwrap();
        let spilled = spill(&SpillDir::new(local.path()), &records(), 700);
        let mut bytes = fs::read(spilled.path()).unwrap();
        let at = cut.index(bytes.len());
        if bit < 8 { bytes[at] ^= 1 << bit } else { bytes.truncate(at) }
        fs::write(spilled.path(), &bytes).unwrap();
        let read = read_all(&spilled);
        prop_assert!(matches!(&read, Err(Stop::Failed(Cause::Damaged { .. }))), "{:?}", read);
    }
}

#[test]
fn frames_that_go_missing_or_come_twice_are_seen() {
    let local = tempfile::tempdir().unwrap();
    let spilled = spill(&SpillDir::new(local.path()), &records(), 700);
    let bytes = fs::read(spilled.path()).unwrap();
    let first = 12 + u32::from_le_bytes(bytes[16..20].try_into().unwrap()) as usize;
    let (header, frame, rest) = (&bytes[..16], &bytes[16..16 + first], &bytes[16 + first..]);
    for parts in [vec![header, rest], vec![header, frame, frame, rest], vec![&bytes[..], b"more"], vec![header]] {
        fs::write(spilled.path(), parts.concat()).unwrap();
        assert!(matches!(read_all(&spilled), Err(Stop::Failed(Cause::Damaged { .. }))));
    }
    let other = Spilled::<u64> { file: spilled.file.clone(), records: 0, frame_bytes: 0, marker: PhantomData };
    fs::write(spilled.path(), &bytes).unwrap();
    assert!(matches!(
        read_all(&other),
        Err(Stop::Failed(Cause::Damaged { why: "it holds values of another type", .. }))
    ));
    assert_eq!(read_all(&spilled).unwrap(), records());
}

#[test]
fn files_go_with_their_last_reader_and_the_directory_with_the_last_file() {
    let local = tempfile::tempdir().unwrap();
    let nested = local.path().join("made/when/needed");
    let dir = SpillDir::new(&nested);
    assert!(!nested.exists(), "nothing is made before it is needed");
    let spilled = spill(&dir, &records(), 4096);
    let path = spilled.path().to_path_buf();
    #[cfg(unix)]
    {
        let mode = fs::metadata(path.parent().unwrap()).unwrap().permissions();
        assert_eq!(std::os::unix::fs::PermissionsExt::mode(&mode) & 0o777, 0o700);
    }
    drop(SpillWriter::<u64>::create(&dir, 4096).unwrap());
    assert_eq!(fs::read_dir(path.parent().unwrap()).unwrap().count(), 1, "an unfinished file is removed");
    let mut reader = spilled.read().unwrap();
    drop((dir, spilled));
    assert_eq!(reader.next_record().unwrap(), Some((0, String::new())));
    assert!(path.exists());
    drop(reader);
    assert!(!path.exists() && fs::read_dir(&nested).unwrap().count() == 0);
}

/// A disk with room for so many bytes.
struct SmallDisk(usize);

impl Write for SmallDisk {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if self.0 == 0 {
            return Err(io::ErrorKind::StorageFull.into());
        }
        let written = bytes.len().min(self.0);
        self.0 -= written;
        Ok(written)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[test]
fn a_full_disk_is_an_error_wherever_it_happens() {
    let write = |room: usize| {
        let mut frames = FrameWriter::new(SmallDisk(room), 1, 500);
        records().iter().try_for_each(|record| frames.push(record))?;
        frames.finish().map_err(Flaw::File)
    };
    let whole = (0..100_000).step_by(61).find(|&room| write(room).is_ok()).unwrap();
    assert!(whole > 9_000);
    for room in (0..whole).step_by(61) {
        assert!(matches!(write(room), Err(Flaw::File(error)) if error.kind() == io::ErrorKind::StorageFull));
    }
}

#[test]
fn errors_name_the_place_and_the_type() {
    let local = tempfile::tempdir().unwrap();
    let occupied = local.path().join("a file");
    fs::write(&occupied, "").unwrap();
    let error = SpillWriter::<u64>::create(&SpillDir::new(&occupied), 4096).unwrap_err().to_string();
    assert!(error.starts_with("cannot spill to ") && error.contains("a file"), "{error}");
    let mut writer = SpillWriter::create(&SpillDir::new(local.path()), 4096).unwrap();
    let error = over_limit::<Local<u8>>(writer.push(&Local(1u8)).unwrap_err(), Pool::Shuffle).to_string();
    assert!(error.contains("Local<u8>") && error.contains("tidemill.memory.shuffle.limit"), "{error}");
    assert!(
        writer.push_as(&3u8).is_ok() && writer.finish().unwrap().records() == 1,
        "half a record is not left behind"
    );
}

/// The folder of each of so many new files, by its place among `locals`.
fn places(dir: &SpillDir, locals: &[PathBuf], files: usize) -> Vec<usize> {
    let spilled: Vec<_> = (0..files).map(|_| spill(dir, &records(), 4096)).collect();
    spilled.iter().for_each(|file| assert_eq!(read_all(file).unwrap(), records()));
    let of = |file: &Spilled<_>| locals.iter().position(|local| file.path().starts_with(local)).unwrap();
    spilled.iter().map(of).collect()
}

// behaviour 4.68
#[test]
fn files_go_to_each_folder_in_turn() {
    let root = tempfile::tempdir().unwrap();
    let locals = ["a", "b", "c"].map(|name| root.path().join(name));
    let dir = SpillDir::across(&locals);
    assert_eq!(places(&dir, &locals, 7), [0, 1, 2, 0, 1, 2, 0]);
    drop(dir);
    assert!(locals.iter().all(|local| fs::read_dir(local).unwrap().count() == 0), "every directory goes");
}

#[test]
fn a_folder_that_cannot_be_written_is_left_out_while_another_can() {
    let root = tempfile::tempdir().unwrap();
    let locals = ["a", "b", "c"].map(|name| root.path().join(name));
    fs::write(&locals[1], "a file, no folder").unwrap();
    let page = Page::default();
    let writer = page.clone();
    let subscriber = tracing_subscriber::fmt().with_ansi(false).with_writer(move || writer.clone()).finish();
    let dir = SpillDir::across(&locals);
    tracing::subscriber::with_default(subscriber, || {
        let found = places(&dir, &locals, 9);
        assert!(!found.contains(&1) && found[3..].windows(2).all(|pair| pair[0] != pair[1]), "{found:?}");
    });
    let warnings = page.text();
    assert_eq!(warnings.matches("is left out").count(), 1, "once is enough: {warnings}");
    assert!(warnings.contains("WARN") && warnings.contains(locals[1].to_str().unwrap()), "{warnings}");
    // Nothing can be written any more: the error names a folder. Once one can again, it is used.
    let dir = SpillDir::across(&locals[1..2]);
    let error = SpillWriter::<u64>::create(&dir, 4096).unwrap_err().to_string();
    assert!(error.contains(locals[1].to_str().unwrap()) && error.contains("spark.local.dir"), "{error}");
    fs::remove_file(&locals[1]).unwrap();
    assert_eq!(places(&dir, &locals, 2), [1, 1]);
}

/// A disk that is full where a file was begun: what is written goes on elsewhere, with what was written before.
#[test]
#[cfg(target_os = "linux")]
fn a_file_goes_on_in_another_folder_where_its_own_is_full() {
    let root = tempfile::tempdir().unwrap();
    let locals = ["a", "b"].map(|name| root.path().join(name));
    let full = || fs::File::options().write(true).open("/dev/full").unwrap();
    for begun in [0, 1, 250, 500] {
        let dir = SpillDir::across(&locals);
        let mut writer = SpillWriter::create(&dir, 700).unwrap();
        let (before, after) = (&records()[..begun], &records()[begun..]);
        before.iter().for_each(|record| writer.push(record).unwrap());
        let begun_at = writer.frames.out().path.to_path_buf();
        assert!(begun_at.starts_with(&locals[0]));
        writer.frames.out_mut().file = full();
        after.iter().for_each(|record| writer.push(record).unwrap());
        let spilled = writer.finish().unwrap();
        assert!(spilled.path().starts_with(&locals[1]) && !begun_at.exists());
        assert_eq!(read_all(&spilled).unwrap(), records());
        // The next ones do not even try.
        assert_eq!(places(&dir, &locals, 3), [1, 1, 1]);
    }
    let dir = SpillDir::new(&locals[0]);
    let mut writer = SpillWriter::create(&dir, 700).unwrap();
    writer.frames.out_mut().file = full();
    let error = records().iter().try_for_each(|record| writer.push(record)).unwrap_err().to_string();
    assert!(error.contains("No space left on device") && error.contains(locals[0].to_str().unwrap()), "{error}");
}

#[test]
fn that_state_goes_to_disk_is_told_once_for_all_who_share_the_folders() {
    let page = Page::default();
    let dir = SpillDir::new("unused");
    let writer = page.clone();
    let subscriber = tracing_subscriber::fmt().with_writer(move || writer.clone()).finish();
    tracing::subscriber::with_default(subscriber, || {
        dir.tell_of_state(1000);
        dir.clone().tell_of_state(1000);
    });
    let told = page.text();
    assert_eq!(told.matches("State takes more memory than tidemill.memory.state.limit allows").count(), 1, "{told}");
}
