//! Blocks with a log, across runs of a program: what comes out is what went in, each once and in order.

use std::path::Path;
use std::thread;

use tidemill_core::memory::{Memory, MemoryLimits, Pool};
use tidemill_core::settings::Settings;
use tidemill_core::spill::SpillDir;
use tidemill_core::{Clock, Element, HashSeed, Local, ManualClock};

use super::*;
use crate::checkpoint::storage::{FileSystem, Storage, StorageError};
use crate::checkpoint::testing::{Fault, MemoryStorage, SimulatedDisk};
use crate::receiver::log::ReceivedLog;

mod crashes;

/// A program with one input on a disk that outlives it.
struct Bench {
    folder: tempfile::TempDir,
    disk: SimulatedDisk,
    settings: Settings,
    reports: Arc<Mutex<Vec<String>>>,
    clock: ManualClock,
}

impl Bench {
    fn new(settings: &[(&str, &str)]) -> Bench {
        let settings = Settings::from_pairs(settings.iter().copied());
        let folder = tempfile::tempdir().unwrap();
        Bench { folder, disk: SimulatedDisk::new(), settings, reports: Arc::default(), clock: ManualClock::default() }
    }

    /// What a run begins with: after `restored` batches.
    fn run<T: Element>(&self, limit: u64, restored: &[(u64, Vec<u8>)]) -> Arc<Blocks> {
        self.try_run::<T>(limit, restored, &(Arc::new(self.disk.open().unwrap()) as Arc<dyn Storage>)).unwrap()
    }

    fn try_run<T: Element>(
        &self,
        limit: u64,
        restored: &[(u64, Vec<u8>)],
        storage: &Arc<dyn Storage>,
    ) -> Result<Arc<Blocks>, StorageError> {
        let blocks = self.blocks::<T>(limit);
        let config = Config::resolve(&self.settings).unwrap();
        let clock: Arc<dyn Clock> = Arc::new(self.clock.clone());
        blocks.set_log(ReceivedLog::open(Arc::clone(storage), "numbers", Form::values::<T>(), &config, &clock)?)?;
        for (time, entry) in restored {
            blocks.restore(at(*time), entry).unwrap();
        }
        let reports = Arc::clone(&self.reports);
        blocks.begin_to_write(move |report| reports.lock().unwrap().push(report)).unwrap();
        Ok(blocks)
    }

    fn blocks<T: Element>(&self, limit: u64) -> Arc<Blocks> {
        let memory = Memory::new(MemoryLimits { received: limit, ..MemoryLimits::default() });
        let environment = Environment::new(memory, SpillDir::new(self.folder.path()), HashSeed::new(0));
        let mut settings = self.settings.clone();
        settings.set(keys::DEAD_LETTERS_DIRECTORY, self.folder.path().join("letters").display());
        let policy = Policy::new(&Config::resolve(&settings).unwrap(), OnError::DeadLetter, Form::values::<T>());
        Arc::new(Blocks::new(InputId { stream: 0, blocks: 0 }, "Test-0".into(), &environment, policy))
    }

    /// The files of the log.
    fn segments(&self) -> usize {
        self.disk.list(&Path::new(SimulatedDisk::FOLDER).join("received/numbers")).unwrap().len()
    }
}

fn at(time: u64) -> Timestamp {
    Timestamp::from_millis(time)
}

/// Stores a block that weighs `weight`, without waiting for the log.
fn add(blocks: &Blocks, values: Vec<u64>, weight: u64) {
    let grant = blocks.acquire(weight, &|| false).unwrap();
    let count = values.len() as u64;
    blocks.add(Arc::new(Arc::new(values)), grant, count);
}

/// What the blocks of the batch hold.
fn values(blocks: &Blocks, time: u64) -> Vec<Vec<u64>> {
    let read = |id| {
        let (value, _grant) = blocks.environment().store.fetch(id).unwrap().expect("it is kept");
        value.downcast_ref::<Arc<Vec<u64>>>().unwrap().to_vec()
    };
    blocks.allocated(at(time)).blocks.into_iter().map(read).collect()
}

fn batch(blocks: &Blocks, time: u64) -> Vec<Vec<u64>> {
    let info = blocks.allocate(at(time));
    let values = values(blocks, time);
    assert_eq!(info.records, values.iter().map(Vec::len).sum::<usize>() as u64);
    values
}

fn forget(blocks: &Blocks, time: u64) {
    [Kind::Records, Kind::Letters].into_iter().for_each(|kind| blocks.forget(kind, at(time)));
}

#[test]
fn blocks_in_no_batch_stay_in_the_log_though_earlier_batches_are_over_first() {
    let bench = Bench::new(&[]);
    let blocks = bench.run::<u64>(1 << 20, &[]);
    add(&blocks, vec![1], 100);
    assert_eq!(batch(&blocks, 1), [[1]]);
    let entry = blocks.entry(at(1));
    add(&blocks, vec![2], 100);
    blocks.flush();
    blocks.clear();

    let storage = Arc::new(bench.disk.open().unwrap()) as Arc<dyn Storage>;
    let blocks = bench.blocks::<u64>(1 << 20);
    let clock: Arc<dyn Clock> = Arc::new(bench.clock.clone());
    let config = Config::resolve(&bench.settings).unwrap();
    let log = ReceivedLog::open(storage, "numbers", Form::values::<u64>(), &config, &clock).unwrap();
    blocks.set_log(log).unwrap();
    blocks.restore(at(1), &entry).unwrap();
    blocks.release(at(2));
    forget(&blocks, 1); // it has run again before the receiver was started
    blocks.begin_to_write(|_| {}).unwrap();
    assert_eq!(batch(&blocks, 2), [[2]]);
}

#[test]
fn a_new_run_has_each_block_once_and_in_order() {
    // behaviour 2.32 and 6.20
    let bench = Bench::new(&[]);
    let blocks = bench.run::<u64>(1 << 20, &[]);
    (1..=3).for_each(|number| add(&blocks, vec![number, number * 10], 100));
    assert_eq!(batch(&blocks, 1), [[1, 10], [2, 20], [3, 30]]);
    add(&blocks, vec![4], 100);
    assert_eq!(batch(&blocks, 2), [[4]]);
    let entries = [(1, blocks.entry(at(1))), (2, blocks.entry(at(2)))];
    let planned_not_written = {
        add(&blocks, vec![5], 100);
        batch(&blocks, 3)
    };
    (6..=7).for_each(|number| add(&blocks, vec![number], 100));
    blocks.flush();
    assert_eq!(planned_not_written, [[5]]);
    blocks.clear();
    assert_eq!(blocks.environment().memory.used(Pool::Received), 0);

    // Batches 1 and 2 are in the driver's log, the third is not; then the run after that.
    let blocks = bench.run::<u64>(1 << 20, &entries);
    assert_eq!(blocks.environment().memory.used(Pool::Received), 0, "nothing is read before a task needs it");
    assert_eq!(values(&blocks, 1), [[1, 10], [2, 20], [3, 30]]);
    assert_eq!(batch(&blocks, 2), [[4]], "it was allocated, and stays as it was");
    assert!(blocks.has_backlog());
    add(&blocks, vec![8], 100);
    assert_eq!(batch(&blocks, 3), [[5], [6], [7], [8]]);
    let last = blocks.entry(at(3));
    add(&blocks, vec![9], 100);
    blocks.flush();
    blocks.clear();
    let blocks = bench.run::<u64>(1 << 20, &[(3, last)]);
    assert_eq!(values(&blocks, 3), [[5], [6], [7], [8]]);
    assert_eq!(batch(&blocks, 4), [[9]]);
    blocks.clear();
}

#[test]
fn a_block_that_is_stored_for_good_is_in_the_log() {
    // behaviour 2.26 and 6.5
    let bench = Bench::new(&[]);
    let blocks = bench.run::<u64>(1 << 20, &[]);
    let grant = || blocks.acquire(10, &|| false).unwrap();
    blocks.add_awaited(Arc::new(Arc::new(vec![1_u64])), grant(), 1).unwrap().wait().unwrap();
    bench.disk.crash(1); // no flush, no end
    let blocks = bench.run::<u64>(1 << 20, &[]);
    let grant = || blocks.acquire(10, &|| false).unwrap();
    bench.disk.fail(1..=u64::MAX, Fault::Full);
    let refused = blocks.add_awaited(Arc::new(Arc::new(vec![2_u64])), grant(), 1).unwrap().wait().unwrap_err();
    assert_eq!(
        refused.to_string(),
        "Test-0: received blocks cannot be written to the log: /disk/received/numbers/00000000000000000004.log: cannot begin: \
         no space is left there; free some, or move the checkpoint to a larger disk"
    );
    assert_eq!(batch(&blocks, 1), [[1]], "what was refused is in no batch");
    blocks.clear();
}

#[test]
fn a_full_disk_delays_blocks_and_loses_none() {
    // behaviour 4.16: each write is tried so often, and then again whenever somebody asks
    let bench = Bench::new(&[("spark.streaming.receiver.writeAheadLog.maxFailures", "2")]);
    let blocks = bench.run::<u64>(1 << 20, &[]);
    add(&blocks, vec![1], 10);
    blocks.flush();
    bench.disk.fail(1..=u64::MAX, Fault::Full);
    (2..=4).for_each(|number| add(&blocks, vec![number], 10));
    assert_eq!(batch(&blocks, 1), [[1]], "the batch does not wait for a disk that is full");
    assert!(blocks.has_backlog());
    assert!(batch(&blocks, 2).is_empty());
    bench.disk.heal();
    assert_eq!(batch(&blocks, 3), [[2], [3], [4]]);
    let entries: Vec<_> = (1..=3).map(|time| (time, blocks.entry(at(time)))).collect();
    assert_eq!(bench.reports.lock().unwrap().len(), 1, "one report for failures in a row");
    blocks.clear();
    let blocks = bench.run::<u64>(1 << 20, &entries);
    assert_eq!((values(&blocks, 1), values(&blocks, 3)), (vec![vec![1]], vec![vec![2], vec![3], vec![4]]));
    assert!(batch(&blocks, 4).is_empty(), "what was tried twice is there once");
    blocks.clear();
}

#[test]
fn segments_go_when_no_batch_needs_them() {
    // behaviour 4.17: a segment a block
    let bench = Bench::new(&[("spark.streaming.receiver.writeAheadLog.closeFileAfterWrite", "true")]);
    let blocks = bench.run::<u64>(1 << 20, &[]);
    for time in 1..=4 {
        add(&blocks, vec![time], 10);
        assert_eq!(batch(&blocks, time), [[time]]);
    }
    add(&blocks, vec![5], 10);
    blocks.flush();
    assert_eq!(bench.segments(), 5);
    for (forgotten, released, left) in [(1, 1, 5), (2, 1, 5), (2, 2, 4), (2, 4, 3), (3, 4, 2), (4, 4, 2), (4, 5, 1)] {
        forget(&blocks, forgotten);
        blocks.release(at(released));
        assert_eq!(bench.segments(), left, "forgotten up to {forgotten}, released before {released}");
    }
    assert_eq!(batch(&blocks, 5), [[5]]);
    blocks.clear();
}

#[test]
fn a_segment_is_as_old_as_the_setting_says() {
    // behaviour 4.15
    let bench = Bench::new(&[("spark.streaming.receiver.writeAheadLog.rollingIntervalSecs", "7")]);
    let blocks = bench.run::<u64>(1 << 20, &[]);
    for (seconds, segments) in [(0, 1), (6, 1), (1, 2), (6, 2), (7, 3)] {
        bench.clock.advance(Duration::from_secs(seconds));
        add(&blocks, vec![seconds], 10);
        blocks.flush();
        assert_eq!(bench.segments(), segments);
    }
    blocks.clear();
}

#[test]
fn a_backlog_of_many_times_the_memory_stays_under_its_limit() {
    // behaviour 6.20: what is behind is in the log; memory holds no more than its limit
    const LIMIT: u64 = 1 << 20;
    const WEIGHT: u64 = 64 << 10;
    const COUNT: u64 = 256;
    let bench = Bench::new(&[]);
    let of = |number: u64| -> Vec<u64> { (0..WEIGHT / 8).map(|at| number << 32 | at).collect() };
    let blocks = bench.run::<u64>(LIMIT, &[]);
    (0..COUNT).for_each(|number| add(&blocks, of(number), WEIGHT));
    let memory = blocks.environment().memory.clone();
    assert!(memory.peak(Pool::Received) <= LIMIT, "{}", memory.peak(Pool::Received));
    blocks.allocate(at(1));
    let check = |blocks: &Blocks, count: u64| {
        let allocated = blocks.allocated(at(1)).blocks;
        assert_eq!(allocated.len() as u64, count);
        for (number, id) in (0..).zip(allocated) {
            let (value, grant) = blocks.environment().store.fetch(id).unwrap().unwrap();
            assert!(value.downcast_ref::<Arc<Vec<u64>>>().unwrap().iter().eq(&of(number)), "block {number}");
            drop(grant);
        }
    };
    check(&blocks, COUNT);
    assert!(memory.peak(Pool::Received) <= LIMIT, "{}", memory.peak(Pool::Received));
    let entry = blocks.entry(at(1));
    blocks.clear();
    let blocks = bench.run::<u64>(LIMIT, &[(1, entry)]);
    check(&blocks, COUNT);
    let memory = &blocks.environment().memory;
    assert!(memory.peak(Pool::Received) <= WEIGHT, "one block at a time: {}", memory.peak(Pool::Received));
    blocks.clear();
}

#[test]
fn several_threads_meet_at_the_limit_of_memory() {
    let bench = Bench::new(&[("spark.streaming.blockQueueSize", "2")]);
    let blocks = bench.run::<u64>(1000, &[]);
    thread::scope(|scope| {
        for thread in 0..4 {
            let blocks = &blocks;
            scope.spawn(move || (0..50).for_each(|number| add(blocks, vec![thread * 100 + number], 300)));
        }
    });
    let mut seen = batch(&blocks, 1).concat();
    seen.sort_unstable();
    let expected: Vec<u64> = (0..4).flat_map(|thread| (0..50).map(move |number| thread * 100 + number)).collect();
    assert_eq!(seen, expected);
    blocks.clear();
}

/// Why a run with records of type `T` cannot go on, on storage that outlives it, from `restored` and the batches from `from` on.
fn misfit<T: Element>(
    bench: &Bench,
    storage: &Arc<dyn Storage>,
    restored: &[(u64, Vec<u8>)],
    from: u64,
) -> Option<String> {
    let blocks = bench.blocks::<T>(1 << 20);
    let (config, clock) = (Config::resolve(&bench.settings).unwrap(), Arc::new(bench.clock.clone()) as Arc<dyn Clock>);
    let log = ReceivedLog::open(Arc::clone(storage), "numbers", Form::values::<T>(), &config, &clock).unwrap();
    blocks.set_log(log).unwrap();
    for (time, entry) in restored {
        blocks.restore(at(*time), entry).unwrap();
    }
    let checked = blocks.check(at(from));
    blocks.clear();
    checked.err().map(|cause| cause.to_string())
}

#[test]
fn records_of_another_type_are_told_of_where_they_are_needed() {
    let (objects, disk) = (MemoryStorage::objects(), MemoryStorage::files());
    for storage in [Arc::new(objects) as Arc<dyn Storage>, Arc::new(disk)] {
        // A segment begins with the shape every second; on object stores each block is a segment.
        let bench = Bench::new(&[("spark.streaming.receiver.writeAheadLog.rollingIntervalSecs", "1")]);
        let blocks = bench.try_run::<u64>(1 << 20, &[], &storage).unwrap();
        let mut entries = Vec::new();
        for time in 1..=20 {
            bench.clock.advance(Duration::from_millis(300));
            add(&blocks, vec![time], 10);
            blocks.allocate(at(time));
            entries = vec![(time, blocks.entry(at(time)))];
            forget(&blocks, time - 1);
            blocks.release(at(time)); // of all blocks only the newest is needed
        }
        assert!(storage.list("received").unwrap().len() <= 5, "what says of which type the rest is stays, and no more");
        blocks.clear();
        assert_eq!(misfit::<u64>(&bench, &storage, &entries, 20), None);
        let told = misfit::<(u64, String)>(&bench, &storage, &entries, 20).expect("the batch is run again");
        assert!(
            told.starts_with(
                "what it has received and not processed does not fit the program: a record is u64 in the checkpoint and \
                 (u64, text) in the program. Received is u64, declared is (u64, text). Declare it as it was, and convert"
            ),
            "{told}"
        );
        assert_eq!(misfit::<(u64, String)>(&bench, &storage, &entries, 21), None, "the batch is done");
        assert!(misfit::<String>(&bench, &storage, &[], 21).is_some(), "it is in no batch");
    }
}

#[test]
fn letters_and_failures_come_back_too() {
    let bench = Bench::new(&[]);
    let blocks = bench.run::<u64>(1 << 20, &[]);
    let grant = || blocks.environment().memory.grant(Pool::Received);
    blocks.add_letters(vec![DeadLetter::new("no number", *b"x")], grant());
    blocks.fail(DeadLetter::new("nothing at all", *b"y"));
    blocks.count("droppedLines", 3);
    let info = blocks.allocate(at(1));
    let counts: Vec<_> = info.metadata.iter().map(|(what, count)| (what.as_str(), count.as_str())).collect();
    assert_eq!(counts, [("deadLetters", "2"), ("droppedLines", "3")]);
    let failure = blocks.allocated(at(1)).failure.unwrap().to_string();
    let entry = blocks.entry(at(1));
    blocks.add_letters(vec![DeadLetter::new("late", *b"z")], grant());
    blocks.fail(DeadLetter::new("late", *b"w"));
    blocks.flush();
    blocks.clear();

    let blocks = bench.run::<u64>(1 << 20, &[(1, entry)]);
    assert_eq!(blocks.allocate(at(1)), info);
    assert_eq!(blocks.allocated(at(1)).failure.unwrap().to_string(), failure);
    let letters = |time| {
        let read = |id| blocks.environment().store.fetch(id).unwrap().unwrap().0;
        let blocks: Vec<AnyValue> = blocks.letters(at(time)).into_iter().map(read).collect();
        let all = blocks.iter().flat_map(|block| block.downcast_ref::<Vec<DeadLetter>>().unwrap().clone());
        all.map(|letter| letter.to_string()).collect::<Vec<_>>()
    };
    assert_eq!(letters(1), ["Test-0: no number: \"x\""]);
    blocks.allocate(at(2));
    assert_eq!(letters(2), ["Test-0: late: \"z\""]);
    assert!(blocks.allocated(at(2)).failure.unwrap().to_string().contains("late: \"w\""));
    blocks.clear();
}

#[test]
fn records_that_cannot_be_bytes_fail_their_batch() {
    let bench = Bench::new(&[]);
    let blocks = bench.run::<Local<u64>>(1 << 20, &[]);
    let grant = || blocks.acquire(10, &|| false).unwrap();
    let value = || Arc::new(Arc::new(vec![Local(1_u64)]));
    let refused = blocks.add_awaited(value(), grant(), 1).unwrap().wait().unwrap_err();
    assert!(matches!(refused, StoreError::Encode { .. }), "{refused}");
    blocks.add(value(), grant(), 1);
    blocks.allocate(at(1));
    let failure = blocks.allocated(at(1)).failure.unwrap().to_string();
    assert!(failure.contains("received records cannot be logged") && failure.contains("cannot leave its process"));
    assert_eq!(blocks.environment().memory.used(Pool::Received), 0);
    blocks.clear();
}

#[test]
fn without_a_log_a_batch_runs_on_what_is_left() {
    // behaviour 6.21
    let bench = Bench::new(&[]);
    let blocks = bench.blocks::<u64>(1 << 20);
    add(&blocks, vec![1], 10);
    let info = blocks.allocate(at(1));
    let entry = blocks.entry(at(1));
    let blocks = bench.run::<u64>(1 << 20, &[(1, entry)]);
    assert_eq!(blocks.allocate(at(1)), info);
    assert!(values(&blocks, 1).is_empty());
    blocks.clear();
    // Nor does an entry that cannot be read pass for one of nothing.
    let blocks = bench.blocks::<u64>(1 << 20);
    assert!(blocks.restore(at(1), b"\x09").is_err());
}
