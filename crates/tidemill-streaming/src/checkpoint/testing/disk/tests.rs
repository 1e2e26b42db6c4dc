//! What the disk forgets; and that storage and log keep their promises on it, while ones without a sync don't.

use std::collections::BTreeMap;

use super::*;
use crate::checkpoint::log::{Log, LogKind, LogOptions, scan};
use crate::checkpoint::storage::Storage;

/// How many random histories a promise is held against.
const HISTORIES: u64 = 200;
/// How often the machine crashes in each.
const CRASHES: u64 = 4;

/// A file system that leaves something out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Without {
    Nothing,
    FolderSyncs,
    /// Of one folder.
    FolderSyncsOf(&'static str),
    FileSyncs,
    /// Of files that another process left.
    Settling,
}

#[derive(Debug)]
struct Careless(SimulatedDisk, Without);

impl FileSystem for Careless {
    fn create_folder(&self, path: &Path) -> io::Result<()> {
        self.0.create_folder(path)
    }

    fn create_file(&self, path: &Path) -> io::Result<Box<dyn OpenFile>> {
        let file = self.0.create_file(path)?;
        Ok(if self.1 == Without::FileSyncs { Box::new(Unsynced(file)) } else { file })
    }

    fn sync_file(&self, path: &Path) -> io::Result<()> {
        if self.1 == Without::Settling { Ok(()) } else { self.0.sync_file(path) }
    }

    fn sync_folder(&self, path: &Path) -> io::Result<()> {
        let is_left_out = match self.1 {
            Without::FolderSyncs => true,
            Without::FolderSyncsOf(folder) => path == Path::new(SimulatedDisk::FOLDER).join(folder),
            _ => false,
        };
        if is_left_out { Ok(()) } else { self.0.sync_folder(path) }
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        self.0.rename(from, to)
    }

    fn remove(&self, path: &Path) -> io::Result<()> {
        self.0.remove(path)
    }

    fn read(&self, path: &Path, offset: u64, length: usize) -> io::Result<Vec<u8>> {
        self.0.read(path, offset, length)
    }

    fn list(&self, folder: &Path) -> io::Result<Vec<Entry>> {
        self.0.list(folder)
    }

    fn describe(&self, path: &Path) -> io::Result<Described> {
        self.0.describe(path)
    }

    fn lock(&self, path: &Path) -> io::Result<Lock> {
        self.0.lock(path)
    }

    fn user(&self) -> u32 {
        self.0.user()
    }
}

struct Unsynced(Box<dyn OpenFile>);

impl OpenFile for Unsynced {
    fn write(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.0.write(bytes)
    }

    fn sync(&mut self) -> io::Result<()> {
        Ok(())
    }

    fn has_name(&self) -> io::Result<bool> {
        self.0.has_name()
    }
}

/// What must be there after a crash: of each name one of several contents (none: no file), and of the log these records,
/// the last of which may be missing if they are not `acknowledged`.
#[derive(Default)]
struct Promises {
    files: BTreeMap<String, Vec<Option<Vec<u8>>>>,
    records: Vec<Vec<u8>>,
    acknowledged: usize,
}

impl Promises {
    /// What `name` held is settled: the call returned.
    fn settle(&mut self, name: &str, content: Option<Vec<u8>>) {
        self.files.insert(name.into(), vec![content]);
    }

    /// The call failed: the name may have its old content or the new one.
    fn unsettle(&mut self, name: &str, content: Option<Vec<u8>>) {
        self.files.entry(name.into()).or_insert_with(|| vec![None]).push(content);
    }

    fn check(&mut self, storage: &dyn Storage) -> Result<(), String> {
        for (name, allowed) in &mut self.files {
            let there = match storage.read(name) {
                Ok(bytes) => Some(bytes),
                Err(StorageError::Missing { .. }) => None,
                Err(error) => return Err(error.to_string()),
            };
            if !allowed.contains(&there) {
                return Err(format!("{name} holds {there:?}, and may hold {allowed:?}"));
            }
            *allowed = vec![there];
        }
        let mut found = Vec::new();
        let scanned = scan(storage, "log", &mut |_, record| {
            found.push(record.to_vec());
            Ok(())
        });
        let damage = scanned.map_err(|error| error.to_string())?.damage;
        let is_whole = found.len() >= self.acknowledged && self.records.starts_with(&found);
        if !damage.is_empty() || !is_whole {
            let (records, acknowledged) = (&self.records, self.acknowledged);
            return Err(format!("{damage:?}; found {found:?}, and {acknowledged} are due of {records:?}"));
        }
        self.acknowledged = found.len();
        self.records = found;
        Ok(())
    }
}

/// Random calls on storage and log until the machine crashes, a few times. An error says which promise was broken.
fn play(without: Without, seed: u64) -> Result<(), String> {
    let disk = SimulatedDisk::new();
    let mut random = Random::new(seed);
    let mut promises = Promises::default();
    for _ in 0..CRASHES {
        disk.crash_at(1 + random.below(80));
        let files: Arc<dyn FileSystem> = Arc::new(Careless(disk.clone(), without));
        // The crash may hit the opening too.
        let _: Result<(), StorageError> = LocalStorage::open_on(files.clone(), SimulatedDisk::FOLDER)
            .and_then(|storage| calls(&disk, Arc::new(storage), &mut random, &mut promises));
        if random.chance(30) {
            // First the process dies alone, and another begins on what it left in the machine's memory.
            disk.kill();
            let storage = LocalStorage::open_on(files.clone(), SimulatedDisk::FOLDER).map_err(|it| it.to_string())?;
            let storage: Arc<dyn Storage> = Arc::new(storage);
            Log::open(storage.clone(), "log", options()).map_err(|error| error.to_string())?;
            promises.check(&*storage).map_err(|broken| format!("after a kill: {broken}"))?;
        }
        disk.crash(random.number());
        let storage = LocalStorage::open_on(files, SimulatedDisk::FOLDER).map_err(|error| error.to_string())?;
        promises.check(&storage)?;
        drop(storage);
        disk.heal();
    }
    Ok(())
}

fn options() -> LogOptions {
    LogOptions {
        roll_bytes: 120,
        attempts: 2,
        clock: Arc::new(ManualClock::default()),
        ..LogOptions::new(LogKind::Batches)
    }
}

fn calls(
    disk: &SimulatedDisk,
    storage: Arc<dyn Storage>,
    random: &mut Random,
    promises: &mut Promises,
) -> Result<(), StorageError> {
    let log = Log::open(storage.clone(), "log", options())?;
    while !disk.is_crashed() {
        let name = ["a", "b", "states/a", "states/deep/b"][random.below(4) as usize];
        let bytes: Vec<u8> = (0..random.below(1500)).map(|_| random.number() as u8).collect();
        if random.chance(5) {
            let next = disk.operations() + 1 + random.below(4);
            disk.fail(next..=next, [Fault::Full, Fault::Broken, Fault::ReadOnly][random.below(3) as usize]);
        }
        let (called, after) = match random.below(5) {
            0 => (storage.remove(name), None),
            1 => (storage.put(name, &bytes), Some(bytes)),
            2 => match storage.create(name, &bytes) {
                Err(StorageError::Exists { .. }) => continue,
                created => (created, Some(bytes)),
            },
            _ => {
                let record = format!("record {}", random.below(1_000_000)).into_bytes();
                promises.records.truncate(promises.acknowledged);
                promises.records.push(record.clone());
                match log.append(&record) {
                    Ok(_) => promises.acknowledged = promises.records.len(),
                    // The next append that succeeds says that it counts for nothing.
                    Err(_) if !disk.is_crashed() => drop(log.append(b"settled").map(|_| {
                        promises.records.truncate(promises.acknowledged);
                        promises.records.push(b"settled".to_vec());
                        promises.acknowledged += 1;
                    })),
                    Err(_) => {}
                }
                continue;
            }
        };
        match called {
            Ok(()) => promises.settle(name, after),
            Err(_) => promises.unsettle(name, after),
        }
    }
    Ok(())
}

#[test]
fn storage_and_log_keep_what_they_promised() {
    for seed in 0..HISTORIES {
        let played = play(Without::Nothing, seed);
        assert_eq!(played, Ok(()), "seed {seed}");
    }
}

#[test]
fn a_sync_that_is_left_out_is_found() {
    let table = [
        Without::FolderSyncs,
        Without::FileSyncs,
        Without::Settling,
        Without::FolderSyncsOf(""),
        Without::FolderSyncsOf("log"),
        Without::FolderSyncsOf("states"),
        Without::FolderSyncsOf("states/deep"),
    ];
    for without in table {
        let found = (0..HISTORIES).find(|seed| play(without, *seed).is_err());
        assert!(found.is_some(), "{without:?} was never noticed");
    }
}

#[test]
fn a_disk_keeps_what_is_synced_and_may_lose_the_rest() {
    type Steps = fn(&SimulatedDisk) -> io::Result<()>;
    let written: Steps = |disk| disk.create_file(Path::new("/disk/a"))?.write(b"abc");
    let synced: Steps = |disk| {
        let mut file = disk.create_file(Path::new("/disk/a"))?;
        file.write(b"abc")?;
        file.sync()
    };
    let named: Steps = |disk| disk.sync_folder(Path::new("/disk"));
    let renamed: Steps = |disk| disk.rename(Path::new("/disk/a"), Path::new("/disk/b"));
    let below: Steps = |disk| {
        disk.create_folder(Path::new("/disk/f"))?;
        disk.create_file(Path::new("/disk/f/a"))?;
        disk.sync_folder(Path::new("/disk/f"))
    };
    // Steps, a file, and whether it may be missing, and whether it may have less than it was given.
    let table: [(&[Steps], &str, bool, bool); 6] = [
        (&[written], "/disk/a", true, true),
        (&[written, named], "/disk/a", false, true),
        (&[synced], "/disk/a", true, false),
        (&[synced, named], "/disk/a", false, false),
        (&[synced, named, renamed], "/disk/b", true, false),
        (&[below], "/disk/f/a", true, false),
    ];
    for (steps, path, may_miss, may_cut) in table {
        let (mut missing, mut cut) = (false, false);
        for seed in 0..100 {
            let disk = SimulatedDisk::new();
            steps.iter().try_for_each(|step| step(&disk)).unwrap();
            disk.crash(seed);
            match disk.read(Path::new(path), 0, 10) {
                Ok(bytes) => cut |= !bytes.is_empty() && bytes != b"abc" || bytes.is_empty() && !path.contains("/f/"),
                Err(_) => missing = true,
            }
        }
        assert_eq!((missing, cut), (may_miss, may_cut), "{path} after {} steps", steps.len());
    }
}

#[test]
fn operations_fail_by_script_and_have_names() {
    let disk = SimulatedDisk::new();
    let clock = ManualClock::default();
    disk.slow_down(&clock, Duration::from_millis(5));
    let storage = disk.open().unwrap();
    storage.put("s/1", b"1").unwrap();
    assert_eq!(
        disk.history()[1..],
        [
            "make the folder s",
            "sync the folder .",
            "sync the folder .",
            "create s/.new-0",
            "write s/.new-0",
            "sync s/.new-0",
            "rename to s/1",
            "sync the folder s"
        ]
    );
    assert_eq!(tidemill_core::Clock::monotonic(&clock), Duration::from_millis(5) * disk.operations() as u32);
    let table: [(Fault, fn(&StorageError) -> bool); 3] = [
        (Fault::Full, |error| matches!(error, StorageError::Full { .. })),
        (Fault::ReadOnly, |error| matches!(error, StorageError::ReadOnly { .. })),
        (Fault::Broken, |error| matches!(error, StorageError::Io { .. })),
    ];
    for (fault, is_expected) in table {
        for operation in 1..=5 {
            let failing = disk.operations() + operation;
            disk.fail(failing..=failing, fault);
            let error = storage.put("s/1", b"2").unwrap_err();
            assert!(is_expected(&error), "{error}");
            assert_eq!(storage.read("s/1").unwrap(), if operation == 5 { b"2" } else { b"1" }, "{fault:?} {operation}");
            disk.heal();
            storage.put("s/1", b"1").unwrap();
        }
    }
    let locked = disk.open().unwrap_err();
    assert!(matches!(locked, StorageError::Locked { .. }));
    disk.kill();
    let again = disk.open().unwrap();
    assert!(storage.put("s/2", b"").is_err(), "the process is dead");
    assert_eq!(again.list("").unwrap().len(), 1);
}
