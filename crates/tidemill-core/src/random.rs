//! Pseudo-random numbers that are the same in every run: SplitMix64.
//!
//! Samples must come out alike when a lost task is run again, on any machine and with any version; so the generator is a
//! part of the engine, and its numbers are held by a test. It is not for secrets.

/// What the state grows by from number to number: 2^64 divided by the golden ratio.
const GAMMA: u64 = 0x9e37_79b9_7f4a_7c15;

/// Steele, Lea and Flood's SplitMix64.
#[derive(Clone, Debug)]
pub(crate) struct Random {
    state: u64,
}

impl Random {
    /// The generator that starts from `seed` itself: for the driver, which has no partitions.
    pub(crate) fn seeded(seed: u64) -> Random {
        Random { state: seed }
    }

    /// The generator of one partition; those of different partitions are far from each other.
    pub(crate) fn new(seed: u64, partition: usize) -> Random {
        Random { state: mix(seed).wrapping_add(mix((partition as u64).wrapping_mul(GAMMA) ^ !seed)) }
    }

    /// Any number, each as likely.
    #[inline]
    pub(crate) fn number(&mut self) -> u64 {
        self.state = self.state.wrapping_add(GAMMA);
        mix(self.state)
    }

    /// At least 0 and less than 1, in steps of 2^-53.
    #[inline]
    pub(crate) fn fraction(&mut self) -> f64 {
        (self.number() >> 11) as f64 * (1.0 / (1_u64 << 53) as f64)
    }

    /// A number below `end`, which is not 0.
    #[inline]
    pub(crate) fn below(&mut self, end: u64) -> u64 {
        ((u128::from(self.number()) * u128::from(end)) >> 64) as u64
    }

    /// How often something happens that happens `mean` times on average: Poisson's distribution, by Knuth's product of
    /// fractions. A large mean is the sum of small ones, for which `exp` does not come near zero.
    pub(crate) fn occurrences(&mut self, mean: f64) -> u64 {
        const MEAN_MAX: f64 = 16.0;
        let (mut count, mut left) = (0, mean);
        while left > 0.0 {
            let limit = (-left.min(MEAN_MAX)).exp();
            left -= MEAN_MAX;
            let mut product = self.fraction();
            while product > limit {
                count += 1;
                product *= self.fraction();
            }
        }
        count
    }
}

#[inline]
fn mix(z: u64) -> u64 {
    let z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The first numbers of the reference implementation, seeded with 0.
    #[test]
    fn the_numbers_are_those_of_splitmix64() {
        let mut random = Random::seeded(0);
        let want = [0xe220_a839_7b1d_cdaf, 0x6e78_9e6a_a1b9_65f4, 0x06c4_5d18_8009_454f];
        assert_eq!([random.number(), random.number(), random.number()], want);
    }

    #[test]
    fn occurrences_have_their_mean_and_variance() {
        for mean in [0.0, 0.1, 1.0, 7.5, 16.0, 50.0] {
            let mut random = Random::new(7, 3);
            let n = 20_000;
            let counts: Vec<f64> = (0..n).map(|_| random.occurrences(mean) as f64).collect();
            let found = counts.iter().sum::<f64>() / f64::from(n);
            let variance = counts.iter().map(|c| (c - found).powi(2)).sum::<f64>() / f64::from(n);
            // Six standard errors.
            assert!((found - mean).abs() <= 6.0 * (mean / f64::from(n)).sqrt(), "{mean}: {found}");
            assert!((variance - mean).abs() <= 0.1 * mean, "{mean}: {variance}");
        }
    }

    #[test]
    fn partitions_have_numbers_of_their_own() {
        let mut all: Vec<u64> = (0..100)
            .flat_map(|p| {
                let mut r = Random::new(1, p);
                [r.number(), r.number()]
            })
            .collect();
        all.sort_unstable();
        all.dedup();
        assert_eq!(all.len(), 200);
    }
}
