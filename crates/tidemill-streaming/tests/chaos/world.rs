//! What is outside of a program and lives on when it dies: its sources, and the sink that its outputs go to.

use std::collections::{BTreeMap, BTreeSet};
use std::convert::Infallible;
use std::fs;
use std::sync::atomic::{AtomicU64, Ordering::SeqCst};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::{Duration, UNIX_EPOCH};

use tempfile::TempDir;
use tidemill_core::Timestamp;
use tidemill_streaming::checkpoint::testing::{Random, SimulatedDisk};
use tidemill_streaming::input::Offsets;
use tidemill_streaming::receiver::{self, ReceiverError, Supervisor};
use tidemill_streaming::testing::TestContext;
use tidemill_streaming::{DStream, DirectSource, OffsetRange, Start};

use crate::program::{Pair, Source};

/// The partitions of a direct source.
const PARTITIONS: u64 = 2;
/// How many blocks may be on their way to a receiver.
const BLOCKS_WAITING_MAX: usize = 1000;

/// Where the records of an input come from. Each record is a number that no other has.
pub(crate) enum Origin {
    Direct(Shelf, Start<u64>),
    Files { folder: TempDir, files: u64, written: BTreeSet<u64> },
    Received(Arc<Mutex<Sent>>),
}

/// What was given to a receiver.
#[derive(Default)]
pub(crate) struct Sent {
    next: u64,
    pub(crate) all: BTreeSet<u64>,
    /// What is stored, as it was told.
    pub(crate) acknowledged: BTreeSet<u64>,
}

impl Origin {
    /// The origin of the input with that number.
    pub(crate) fn new(source: Source, number: u64) -> Origin {
        match source {
            Source::Direct => Origin::Direct(Shelf::new(number), Start::Earliest),
            Source::DirectLatest => Origin::Direct(Shelf::new(number), Start::Latest),
            Source::Files => Origin::Files { folder: tempfile::tempdir().unwrap(), files: 0, written: BTreeSet::new() },
            Source::Received => Origin::Received(Arc::new(Mutex::new(Sent { next: number << 32, ..Sent::default() }))),
        }
    }

    /// Declares its stream, and gives the way by which a receiver is fed.
    pub(crate) fn declare(&self, test: &TestContext) -> (DStream<u64>, Option<Feeder>) {
        let streaming = test.streaming();
        match self {
            Origin::Direct(shelf, start) => ((*streaming.direct_stream(shelf.clone(), start.clone())).clone(), None),
            Origin::Files { folder, .. } => {
                let lines = streaming.text_file_stream(&folder.path().to_string_lossy());
                (lines.map(|line| line.to_string().parse().unwrap()), None)
            }
            Origin::Received(sent) => {
                let (feeder, fed) = feeder(sent);
                (streaming.receiver_stream(fed), Some(feeder))
            }
        }
    }

    /// More records come, stamped with that time.
    pub(crate) fn produce(&mut self, random: &mut Random, number: u64, now: Timestamp, feeder: Option<&Feeder>) {
        let count = [0, 0, 1, 2, 3, 5][random.below(6) as usize];
        match self {
            Origin::Direct(shelf, _) => {
                shelf.ends[random.below(PARTITIONS) as usize].fetch_add(count, SeqCst);
            }
            Origin::Files { folder, files, written } if count > 0 => {
                let ids: Vec<u64> = (0..count).map(|line| number << 32 | *files << 8 | line).collect();
                let text: String = ids.iter().map(|id| format!("{id}\n")).collect();
                let hidden = folder.path().join(".new");
                fs::write(&hidden, text).unwrap();
                let file = fs::File::options().write(true).open(&hidden).unwrap();
                file.set_modified(UNIX_EPOCH + Duration::from_micros(now.micros())).unwrap();
                fs::rename(hidden, folder.path().join(format!("{:06}", *files))).unwrap();
                *files += 1;
                written.extend(ids);
            }
            Origin::Files { .. } => {}
            Origin::Received(sent) => {
                let Some(feeder) = feeder.filter(|_| count > 0) else { return };
                let ids: Vec<u64> = {
                    let mut sent = sent.lock().unwrap();
                    let ids = sent.next..sent.next + count;
                    sent.next += count;
                    sent.all.extend(ids.clone());
                    ids.collect()
                };
                feeder.send(if random.chance(25) { Fed::Each(ids) } else { Fed::Block(ids) });
                if random.chance(50) {
                    feeder.await_all();
                }
            }
        }
    }

    /// The records that must have come out, and those that may have.
    pub(crate) fn came(&self) -> (BTreeSet<u64>, BTreeSet<u64>) {
        let (must, may) = match self {
            Origin::Direct(shelf, _) => (shelf.all(), None),
            Origin::Files { written, .. } => (written.clone(), None),
            Origin::Received(sent) => {
                let sent = sent.lock().unwrap();
                (sent.acknowledged.clone(), Some(sent.all.clone()))
            }
        };
        let may = may.unwrap_or_else(|| must.clone());
        (must, may)
    }
}

/// A source that keeps its records: each is its input, its partition and its offset in one number.
#[derive(Clone, serde::Serialize, serde::Deserialize)]
pub(crate) struct Shelf {
    number: u64,
    #[serde(skip)]
    ends: Arc<[AtomicU64; PARTITIONS as usize]>,
}

impl Shelf {
    fn new(number: u64) -> Shelf {
        Shelf { number, ends: Arc::default() }
    }

    fn all(&self) -> BTreeSet<u64> {
        let partition = |at: u64| (0..self.ends[at as usize].load(SeqCst)).map(move |offset| self.id(at, offset));
        (0..PARTITIONS).flat_map(partition).collect()
    }

    fn id(&self, partition: u64, offset: u64) -> u64 {
        self.number << 32 | partition << 24 | offset
    }
}

impl DirectSource for Shelf {
    type Partition = u64;
    type Item = u64;
    type Error = Infallible;

    fn latest(&self) -> Result<Offsets<u64>, Infallible> {
        Ok((0..PARTITIONS).map(|at| (at, self.ends[at as usize].load(SeqCst))).collect())
    }

    fn read(
        &self,
        range: OffsetRange<u64>,
    ) -> Result<impl Iterator<Item = Result<u64, Infallible>> + 'static, Infallible> {
        let shelf = self.clone();
        Ok((range.from..range.until).map(move |offset| Ok(shelf.id(range.partition, offset))))
    }
}

/// What a receiver is fed with.
enum Fed {
    /// A block, which is acknowledged.
    Block(Vec<u64>),
    /// Records one by one, which nobody acknowledges.
    Each(Vec<u64>),
    /// Nothing more comes.
    End,
}

/// The sender's end of a receiver.
pub(crate) struct Feeder {
    blocks: SyncSender<Fed>,
    stored: Receiver<()>,
    waiting: Mutex<usize>,
}

/// A receiver that stores what it is fed with, and acknowledges what it was told is stored.
struct Fedder {
    sent: Arc<Mutex<Sent>>,
    feed: (SyncSender<Fed>, Mutex<Receiver<Fed>>),
    stored: SyncSender<()>,
}

fn feeder(sent: &Arc<Mutex<Sent>>) -> (Feeder, Fedder) {
    let (blocks, fed) = sync_channel(BLOCKS_WAITING_MAX);
    let (stored, acknowledged) = sync_channel(BLOCKS_WAITING_MAX);
    let fedder = Fedder { sent: Arc::clone(sent), feed: (blocks.clone(), Mutex::new(fed)), stored };
    (Feeder { blocks, stored: acknowledged, waiting: Mutex::new(0) }, fedder)
}

impl Feeder {
    fn send(&self, fed: Fed) {
        if self.blocks.try_send(fed).is_ok() {
            *self.waiting.lock().unwrap() += 1;
        }
    }

    /// Waits until all that was sent is stored, or refused.
    fn await_all(&self) {
        let mut waiting = self.waiting.lock().unwrap();
        while *waiting > 0 && self.stored.recv_timeout(crate::PATIENCE).is_ok() {
            *waiting -= 1;
        }
    }
}

impl receiver::Receiver for Fedder {
    type Item = u64;

    fn run(&self, to: &Supervisor<u64>) -> Result<(), ReceiverError> {
        let end = self.feed.0.clone();
        to.on_stop(move || drop(end.try_send(Fed::End)));
        let feed = self.feed.1.lock().unwrap();
        while !to.is_stopped() {
            match feed.recv()? {
                Fed::Block(ids) => {
                    if to.store_block(ids.clone()).is_ok() {
                        self.sent.lock().unwrap().acknowledged.extend(ids);
                    }
                }
                Fed::Each(ids) => drop(ids.into_iter().try_for_each(|id| to.store(id))),
                Fed::End => break,
            }
            let _ = self.stored.try_send(());
        }
        Ok(())
    }
}

/// Where outputs go. It takes nothing from a machine that has crashed.
pub(crate) struct Sink {
    disk: SimulatedDisk,
    state: Mutex<Delivered>,
}

/// What was delivered.
#[derive(Default)]
pub(crate) struct Delivered {
    /// By the number of the output and the second of the batch.
    pub(crate) batches: BTreeMap<(usize, u64), Vec<Pair>>,
    pub(crate) deliveries: u64,
    /// The first batch that came out twice, and not the same.
    pub(crate) differs: Option<String>,
    /// The run of the program that may deliver.
    run: u64,
    /// The output and batch that is to fail.
    pub(crate) fails: Option<(usize, u64)>,
    pub(crate) failed: u64,
    /// The deliveries since it was asked for last.
    story: Vec<String>,
}

impl Sink {
    pub(crate) fn new(disk: &SimulatedDisk) -> Arc<Sink> {
        Arc::new(Sink { disk: disk.clone(), state: Mutex::default() })
    }

    pub(crate) fn state(&self) -> MutexGuard<'_, Delivered> {
        self.state.lock().unwrap()
    }

    /// From now on only the next run may deliver.
    pub(crate) fn next_run(&self) {
        let mut state = self.state();
        state.run += 1;
        state.fails = None;
    }

    /// Delivers the batches of a stream as those of output `number`.
    pub(crate) fn take(self: &Arc<Self>, number: usize, stream: &DStream<Pair>) {
        let (sink, run) = (Arc::clone(self), self.state().run);
        stream.foreach_rdd(move |rdd, time| {
            let mut records = rdd.collect()?;
            records.sort_unstable();
            let second = time.millis() / 1000;
            let mut state = sink.state();
            if sink.disk.is_crashed() || state.run != run {
                return Err("the machine has crashed".into());
            }
            if state.fails.take_if(|fails| *fails == (number, second)).is_some() {
                state.failed += 1;
                return Err(crate::OUT_OF_ORDER.into());
            }
            state.deliver(number, second, records);
            Ok(())
        });
    }
}

impl Delivered {
    pub(crate) fn take_story(&mut self) -> Vec<String> {
        std::mem::take(&mut self.story)
    }

    fn deliver(&mut self, number: usize, second: u64, records: Vec<Pair>) {
        self.deliveries += 1;
        self.story.push(format!("output {number}, batch {second}: {records:?}"));
        let known = self.batches.entry((number, second)).or_insert_with(|| records.clone());
        if *known != records && self.differs.is_none() {
            self.differs =
                Some(format!("batch {second} of output {number} was {known:?} and came again as {records:?}"));
        }
    }
}
