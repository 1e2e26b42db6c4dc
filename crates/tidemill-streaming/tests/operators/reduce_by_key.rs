//! `reduce_by_key`: merges the values of each key within each batch.

use tidemill_core::Settings;
use tidemill_streaming::testing::{TestContext, check};

use crate::{pairs, sorted};

#[test]
fn values_are_merged_batch_by_batch() {
    // behaviour 1.29, 3.22
    check(
        [pairs("b1 a2 b3"), vec![], pairs("b5")],
        |s| s.reduce_by_key_into(|a, b| a + b, 1),
        [pairs("b4 a2"), vec![], pairs("b5")],
    );
    // Values of one key come in the order of their partitions.
    check(
        [pairs("a1 a2 a3 a4")],
        |s| s.map_values(|v| v.to_string()).reduce_by_key_into(|a, b| a + &b, 1),
        [vec![('a', "1234".to_string())]],
    );
}

#[test]
fn partitions_are_the_default_or_as_asked_for() {
    // behaviour 1.29, 4.54
    for (asked, expected) in [(None, 3), (Some(5), 5), (Some(1), 1), (Some(0), 1)] {
        let mut settings = Settings::new();
        settings.set("spark.default.parallelism", "3");
        let test = TestContext::with(&settings, std::time::Duration::from_secs(1));
        let (feed, numbers) = test.input();
        let sums = match asked {
            None => numbers.reduce_by_key(|a, b| a + b),
            Some(partitions) => numbers.reduce_by_key_into(|a, b| a + b, partitions),
        };
        let seen = test.collect(&sums.glom());
        feed.push(pairs("a1 b2 c3 d4 a5 e6"));
        test.tick().unwrap();
        let parts = seen.values().remove(0);
        assert_eq!(parts.len(), expected);
        assert_eq!(sorted(parts.concat()), pairs("a6 b2 c3 d4 e6"));
    }
}
