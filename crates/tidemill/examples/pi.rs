//! Estimates pi: throws darts at a square and counts those that hit the circle in it.
//!
//! Run with: `cargo run --release --example pi` or, with more darts, `cargo run --release --example pi -- 100000000`
//!
//! The darts are not data: each partition makes its own, from a generator that starts from the partition's number. So
//! nothing is sent around, and every run throws the same darts, on one thread or on eight.

use tidemill::prelude::*;

/// More partitions than threads, so that a thread that is done early finds more to do.
const PARTITIONS: usize = 8;

fn main() -> anyhow::Result<()> {
    let darts = std::env::args().nth(1).map_or(Ok(4_000_000_u64), |darts| darts.parse())?;

    // Without `spark.master` a context runs on all cores of the machine.
    let context = Context::new(&Settings::new())?;

    // One element for each partition: how many darts it throws.
    let share = darts / PARTITIONS as u64;
    let throws = context.parallelize([share; PARTITIONS], PARTITIONS);

    // `map_partitions_with_index` sees a partition as a whole, and its number: the place for a generator per partition.
    let hits = throws.map_partitions_with_index(|partition, shares| {
        let mut random = Random::from_seed(partition as u64);
        shares.map(move |darts| (0..darts).filter(|_| random.next().hypot(random.next()) <= 1.0).count() as u64)
    });

    // An action starts the work: tasks count, and their counts are summed here.
    let hits = hits.reduce(|a, b| a + b)?;
    let thrown = share * PARTITIONS as u64;
    println!("{hits} of {thrown} darts hit: pi is about {:.4}", 4.0 * hits as f64 / thrown as f64);
    Ok(())
}

/// SplitMix64: small, and good enough for darts.
struct Random(u64);

impl Random {
    /// A generator whose numbers have nothing to do with those of other seeds.
    fn from_seed(seed: u64) -> Random {
        Random(Random(seed).mixed())
    }

    /// The next number, from 0 to 1.
    fn next(&mut self) -> f64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        (self.mixed() >> 11) as f64 / (1_u64 << 53) as f64
    }

    fn mixed(&self) -> u64 {
        let bits = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let bits = (bits ^ (bits >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        bits ^ (bits >> 31)
    }
}
