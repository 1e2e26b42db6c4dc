//! `Random`: numbers that look random and are the same for the same seed, for samples.

/// A stream of pseudo-random numbers: SplitMix64. Not for secrets.
#[derive(Clone, Debug)]
pub(crate) struct Random {
    state: u64,
}

/// The step of SplitMix64: 2^64 divided by the golden ratio, odd.
const STEP: u64 = 0x9E37_79B9_7F4A_7C15;

impl Random {
    /// The stream number `stream` of `seed`: every partition draws from its own.
    pub(crate) fn new(seed: u64, stream: u64) -> Random {
        Random { state: mixed(seed) ^ mixed(stream.wrapping_add(STEP)) }
    }

    /// Any number.
    pub(crate) fn number(&mut self) -> u64 {
        self.state = self.state.wrapping_add(STEP);
        mixed(self.state)
    }

    /// A number from 0 up to, but not including, 1.
    pub(crate) fn unit(&mut self) -> f64 {
        (self.number() >> 11) as f64 / (1_u64 << 53) as f64
    }

    /// A number below `end`, which is not 0.
    pub(crate) fn below(&mut self, end: u64) -> u64 {
        ((u128::from(self.number()) * u128::from(end)) >> 64) as u64
    }

    /// How often something happens that happens `mean` times on average: Poisson's distribution.
    pub(crate) fn poisson(&mut self, mean: f64) -> u64 {
        let (mut count, mut rest) = (0, mean);
        while rest > 0.0 {
            let part = rest.min(POISSON_PART);
            let (limit, mut product) = ((-part).exp(), self.unit());
            while product > limit {
                count += 1;
                product *= self.unit();
            }
            rest -= part;
        }
        count
    }
}

/// The mean of which `exp` is far from underflow; larger means are drawn as sums.
const POISSON_PART: f64 = 32.0;

/// The finaliser of SplitMix64.
fn mixed(number: u64) -> u64 {
    let number = (number ^ (number >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    let number = (number ^ (number >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    number ^ (number >> 31)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn streams_differ_and_come_back() {
        let first = |seed, stream| Random::new(seed, stream).number();
        assert_eq!(first(1, 2), first(1, 2));
        let all: std::collections::HashSet<u64> = (0..30).flat_map(|s| (0..30).map(move |p| first(s, p))).collect();
        assert_eq!(all.len(), 900);
    }

    #[test]
    fn means_are_as_asked() {
        let mut random = Random::new(7, 0);
        let mut mean =
            |draw: &mut dyn FnMut(&mut Random) -> f64| (0..20_000).map(|_| draw(&mut random)).sum::<f64>() / 20_000.0;
        assert!((mean(&mut |r| r.unit()) - 0.5).abs() < 0.01);
        assert!((mean(&mut |r| r.below(11) as f64) - 5.0).abs() < 0.1);
        for expected in [0.3, 4.0, 100.0] {
            let found = mean(&mut |r| r.poisson(expected) as f64);
            assert!((found - expected).abs() < 0.05 * expected, "{found} for {expected}");
        }
        assert_eq!(Random::new(1, 1).poisson(0.0), 0);
    }
}
