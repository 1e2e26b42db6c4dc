//! Shuffles whose map outputs are in another store: found there, or lost.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use std::io;
use std::sync::Arc;

use tidemill_core::environment::Environment;
use tidemill_core::exchange::{BucketId, ChunkHeader, Fetch};
use tidemill_core::lineage::{Lineage, Node};
use tidemill_core::memory::{Memory, MemoryLimits};
use tidemill_core::ship::{Bytes, Decoder, Encoder};
use tidemill_core::spill::SpillDir;
use tidemill_core::task::{JobId, StageId, Task};
use tidemill_core::{BlockId, Context, Rdd, Settings, ShuffleId, Stop, TaskContext};

const HOME: &str = "there";
const MAPS: u32 = 3;

type Pairs = Vec<(i64, Vec<i64>)>;
type Wire = Vec<(ChunkHeader, Bytes)>;

/// Brings buckets from the store of another environment, changed on the way.
struct Changing<F>(Arc<Environment>, F);

impl<F> Fetch for Changing<F>
where
    F: Fn(BucketId, Vec<u8>) -> io::Result<Option<Vec<u8>>> + Send + Sync,
{
    fn fetch(&self, home: &str, bucket: BucketId) -> io::Result<Option<Vec<u8>>> {
        assert_eq!(home, HOME);
        let bytes = self.0.store.encoded_bucket(bucket).map_err(|stop| io::Error::other(stop.to_string()))?;
        bytes.map_or(Ok(None), |bytes| (self.1)(bucket, bytes))
    }
}

fn context(shuffle_bytes: &str) -> Context {
    let mut settings = Settings::new();
    settings.set("spark.master", "local[2]").set("tidemill.memory.shuffle.limit", shuffle_bytes);
    Context::new(&settings).unwrap()
}

/// What a shuffle gives whose map outputs were written by `context`.
fn grouped(context: &Context) -> Rdd<(i64, Vec<i64>)> {
    context.range(0..50, MAPS as usize).map(|x| (x % 5, x)).group_by_key_into(2)
}

/// What a process computes of `rdd` that fetches what it reads; `change` changes buckets on the way.
fn fetched(
    rdd: &Rdd<(i64, Vec<i64>)>,
    homes: u32,
    change: impl Fn(BucketId, Vec<u8>) -> io::Result<Option<Vec<u8>>> + Send + Sync + 'static,
) -> Result<Pairs, Stop> {
    let mut encoder = Encoder::default();
    encoder.lineage(Arc::clone(rdd.node()) as Arc<dyn Lineage>).unwrap();
    let node: Arc<dyn Node<(i64, Vec<i64>)>> = Decoder::decode(&encoder.finish().unwrap()).unwrap();
    let there = rdd.context().environment();
    let (memory, spill) = (Memory::new(MemoryLimits::default()), SpillDir::new(std::env::temp_dir()));
    let here = Environment::new(memory, spill, there.seed);
    here.elsewhere.set_client(Arc::new(Changing(Arc::clone(there), change)));
    (0..homes).for_each(|map| here.elsewhere.set_home(ShuffleId(0), map, HOME));
    let mut all = Vec::new();
    for partition in 0..rdd.num_partitions() {
        let task = Task { job: JobId(0), stage: StageId(0), partition: partition as u32, attempt: 0 };
        let cx = Arc::new(TaskContext::new(task, partition, Arc::clone(&here), Arc::default()));
        let (mut runs, mut run) = (Arc::clone(&node).compute(partition, &cx)?, Vec::new());
        while runs.next(&mut run)? {
            all.append(&mut run);
        }
    }
    Ok(all)
}

#[test]
fn what_is_elsewhere_is_fetched_from_memory_and_from_disk() {
    for (limit, on_disk) in [("64m", false), ("1", true)] {
        let context = context(limit);
        let rdd = grouped(&context);
        let expected = rdd.collect().unwrap();
        let output = context.environment().store.map_output(ShuffleId(0), 0).unwrap();
        assert_eq!(output.chunks_on_disk() > 0, on_disk);
        assert_eq!(fetched(&rdd, MAPS, |_, bytes| Ok(Some(bytes))).unwrap(), expected);
    }
}

/// Does to the chunks of the second map output what `change` says.
fn changed(change: fn(&mut Wire)) -> impl Fn(BucketId, Vec<u8>) -> io::Result<Option<Vec<u8>>> {
    move |bucket, bytes| {
        let mut wire: Wire = postcard::from_bytes(&bytes).unwrap();
        if bucket.map == 1 {
            change(&mut wire);
        }
        Ok(Some(postcard::to_stdvec(&wire).unwrap()))
    }
}

#[test]
fn what_is_not_there_exactly_once_is_lost() {
    let context = context("64m");
    let rdd = grouped(&context);
    let expected = rdd.collect().unwrap();
    let lost = |map| Err(Stop::Lost(BlockId::MapOutput { shuffle: ShuffleId(0), map }).to_string());
    let found = |result: Result<Pairs, Stop>| result.map_err(|stop| stop.to_string());
    assert_eq!(found(fetched(&rdd, MAPS, changed(|_| ()))), Ok(expected.clone()), "the table below can pass");
    let changes: [(&str, fn(&mut Wire)); 6] = [
        ("one is there twice", |wire| wire.push(wire[0].clone())),
        ("the last one is missing", |wire| wire[0].0.last = false),
        ("the first one is missing", |wire| wire[0].0.number = 1),
        ("of another map task", |wire| wire[0].0.map = 2),
        ("of another shuffle", |wire| wire[0].0.shuffle = ShuffleId(7)),
        ("of two attempts", |wire| {
            let mut second = wire[0].clone();
            wire[0].0.last = false;
            (second.0.number, second.0.attempt) = (1, 1);
            wire.push(second);
        }),
    ];
    for (name, change) in changes {
        assert_eq!(found(fetched(&rdd, MAPS, changed(change))), lost(1), "{name}");
    }
    assert_eq!(found(fetched(&rdd, 2, |_, bytes| Ok(Some(bytes)))), lost(2), "nobody knows where it is");
    let gone = |bucket: BucketId, bytes| Ok((bucket.map != 1).then_some(bytes));
    assert_eq!(found(fetched(&rdd, MAPS, gone)), lost(1), "it is not there any more");
    assert_eq!(found(fetched(&rdd, MAPS, |_, _| Err(io::Error::other("refused")))), lost(0), "there is no way there");
    assert_eq!(found(fetched(&rdd, MAPS, |_, _| Ok(Some(vec![0xff; 9])))), lost(0), "noise");
}
