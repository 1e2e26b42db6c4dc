//! Crashes at any operation of the disk: what was acknowledged comes out, in one batch, in order, and no batch changes.

use std::collections::BTreeSet;

use super::*;
use crate::checkpoint::testing::Random;

const LIMIT: u64 = 1000;
/// How many programs are run, each through several crashes.
const PROGRAMS: u64 = 200;

/// What a driver would know, and what is true.
#[derive(Default)]
struct Model {
    /// The last value that was sent.
    sent: u64,
    /// What the source was told is stored.
    acknowledged: BTreeSet<u64>,
    /// What each batch had when it was planned, as far as that is durable.
    planned: BTreeMap<u64, Vec<u64>>,
    /// Of a batch whose planning may be durable.
    perhaps: Option<(u64, Vec<u64>)>,
    time: u64,
}

impl Model {
    /// What a driver finds in its log after a crash.
    fn recover(&mut self, storage: &dyn Storage) -> Result<Vec<(u64, Vec<u8>)>, StorageError> {
        let mut found = Vec::new();
        for listed in storage.list("planned")? {
            let time = listed.name.rsplit('/').next().unwrap().parse().unwrap();
            found.push((time, storage.read(&listed.name)?));
        }
        if let Some((time, values)) = self.perhaps.take()
            && found.iter().any(|(found, _)| *found == time)
        {
            self.planned.insert(time, values);
        }
        self.time = self.planned.keys().next_back().copied().unwrap_or_default();
        Ok(found)
    }

    fn step(&mut self, blocks: &Blocks, storage: &dyn Storage, random: &mut Random) {
        match random.below(10) {
            0..4 => {
                self.sent += 1;
                blocks.add(Arc::new(Arc::new(vec![self.sent])), room(blocks, random), 1);
            }
            4..7 => {
                self.sent += 1;
                let added = blocks.add_awaited(Arc::new(Arc::new(vec![self.sent])), room(blocks, random), 1).unwrap();
                if added.wait().is_ok() {
                    self.acknowledged.insert(self.sent);
                }
            }
            7..9 => self.plan(blocks, storage),
            _ => self.forget(blocks, storage, random),
        }
    }

    fn plan(&mut self, blocks: &Blocks, storage: &dyn Storage) {
        self.time += 1;
        blocks.allocate(at(self.time));
        let ids = blocks.allocated(at(self.time)).blocks;
        let read = |id| blocks.environment().store.fetch(id).ok().flatten();
        let blocks_read: Option<Vec<_>> = ids.into_iter().map(read).collect();
        let Some(read) = blocks_read else { return }; // the disk is gone, and the batch with it
        let values = read.iter().flat_map(|(value, _)| value.downcast_ref::<Arc<Vec<u64>>>().unwrap().to_vec());
        self.perhaps = Some((self.time, values.collect()));
        if storage.put(&format!("planned/{:05}", self.time), &blocks.entry(at(self.time))).is_ok() {
            self.planned.extend(self.perhaps.take());
        }
    }

    /// Some batches are done and not looked back at.
    fn forget(&self, blocks: &Blocks, storage: &dyn Storage, random: &mut Random) {
        let before = random.below(self.time + 1);
        for time in 1..before {
            if storage.remove(&format!("planned/{time:05}")).is_err() {
                return;
            }
        }
        if before > 0 {
            forget(blocks, before - 1);
            blocks.release(at(before));
        }
    }
}

/// Memory for a block. Where the disk is gone none comes back, and the test does not wait for it.
fn room(blocks: &Blocks, random: &mut Random) -> Grant {
    let (mut grant, weight) = (blocks.environment().memory.grant(Pool::Received), 1 + random.below(400));
    if !blocks.grow(&mut grant, weight) {
        grant.grow_past(weight);
    }
    grant
}

#[test]
fn what_was_acknowledged_comes_out_once_whenever_it_crashes() {
    // behaviour 6.5 and 6.20
    let (mut crashes, mut acknowledged) = (0, 0);
    for seed in 0..PROGRAMS {
        let mut random = Random::new(seed);
        let close = if random.chance(50) { "true" } else { "false" };
        let bench = Bench::new(&[
            ("spark.streaming.receiver.writeAheadLog.closeFileAfterWrite", close),
            ("spark.streaming.blockQueueSize", "1000"),
        ]);
        let mut model = Model::default();
        for crash in 0..4 {
            if crash < 3 {
                bench.disk.crash_at(1 + random.below(60));
            }
            let run = run_until_crash(&bench, &mut model, &mut random);
            assert!(run.is_ok() || bench.disk.is_crashed(), "program {seed}: {}", run.unwrap_err());
            crashes += u64::from(bench.disk.is_crashed());
            bench.disk.crash(random.number());
        }
        acknowledged += model.acknowledged.len();
        let out: Vec<u64> = model.planned.values().flatten().copied().collect();
        assert!(out.is_sorted_by(|a, b| a < b), "program {seed}: in order and each once: {out:?}");
        let out: BTreeSet<u64> = out.into_iter().collect();
        let lost: Vec<_> = model.acknowledged.difference(&out).collect();
        assert!(lost.is_empty(), "program {seed}: lost: {lost:?}");
    }
    assert!(
        crashes > PROGRAMS * 2 && acknowledged > 1000,
        "{crashes} crashes, {acknowledged} blocks: the test tests little"
    );
}

fn run_until_crash(bench: &Bench, model: &mut Model, random: &mut Random) -> Result<(), StorageError> {
    let storage = Arc::new(bench.disk.open()?) as Arc<dyn Storage>;
    let restored = model.recover(&*storage)?;
    let blocks = bench.try_run::<u64>(LIMIT, &restored, &storage)?;
    for (time, _) in &restored {
        let before = &model.planned[time];
        let is_crashed = || bench.disk.is_crashed();
        let read = || values(&blocks, *time).concat();
        assert!(is_crashed() || read() == *before, "batch {time} changed");
    }
    for _ in 0..40 {
        model.step(&blocks, &*storage, random);
        if bench.disk.is_crashed() {
            break;
        }
    }
    if !bench.disk.is_crashed() {
        model.plan(&blocks, &*storage); // what is left
    }
    blocks.clear();
    Ok(())
}
