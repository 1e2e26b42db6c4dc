//! Random histories of a direct source: whatever fails in between, each record comes exactly once and in order.

use std::collections::BTreeMap;

use proptest::prelude::*;
use tidemill_streaming::input::{DirectOptions, Start};
use tidemill_streaming::testing::TestContext;

use super::direct::Log;

/// What happens before a batch: records that are added, and whether the source answers.
#[derive(Clone, Debug)]
struct Step {
    added: Vec<(char, u8)>,
    is_silent: bool,
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let added = proptest::collection::vec((prop_oneof![Just('a'), Just('b'), Just('c')], 0u8..6), 0..3);
    let step = (added, proptest::bool::weighted(0.3)).prop_map(|(added, is_silent)| Step { added, is_silent });
    proptest::collection::vec(step, 1..10)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    #[test]
    fn each_record_comes_once(steps in steps(), rate_max in 0u64..4) {
        let (test, log) = (TestContext::new(), Log::new());
        let options = DirectOptions::new().max_rate_per_partition(rate_max);
        let stream = test.streaming().direct_stream_with(log.clone(), Start::Earliest, options);
        let seen = test.collect(&stream);
        let mut expected: BTreeMap<char, Vec<u64>> = BTreeMap::new();
        for step in steps {
            for (partition, count) in step.added {
                let records = expected.entry(partition).or_default();
                let next = records.len() as u64;
                records.extend(next..next + u64::from(count));
                log.push(partition, next..next + u64::from(count));
            }
            log.state().silent = u32::from(step.is_silent);
            prop_assert_eq!(test.tick().is_err(), step.is_silent);
        }
        // What waits because of the limit comes in further batches.
        while stream.next_offsets().values().sum::<u64>() < expected.values().map(|it| it.len() as u64).sum() {
            test.tick().unwrap();
        }
        let mut got: BTreeMap<char, Vec<u64>> = BTreeMap::new();
        seen.values().concat().into_iter().for_each(|(partition, record)| got.entry(partition).or_default().push(record));
        expected.retain(|_, records| !records.is_empty());
        prop_assert_eq!(got, expected);
    }
}
