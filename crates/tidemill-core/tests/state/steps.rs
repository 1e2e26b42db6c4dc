//! Steps, what they emit, and old versions.

use tidemill_core::{Context, Version};

use super::sums::{at, input, pairs, sums};

#[test]
fn steps_make_versions_that_can_be_read_until_they_are_forgotten() {
    let context = Context::local(2).unwrap();
    let shards = sums(&context, |_| ());
    assert_eq!(shards.version(), Version::START);
    let deltas = shards.step(&input(&context, &[("a", 1), ("b", 2), ("a", 3)]), Version(0), Version(10)).unwrap();
    assert_eq!(deltas.iter().map(|delta| delta.changed).sum::<u64>(), 2);
    shards.step(&input(&context, &[("b", -2), ("c", 5)]), Version(10), Version(20)).unwrap();
    assert_eq!((shards.version(), at(&shards, 0)), (Version(20), vec![]));
    assert_eq!(at(&shards, 10), pairs(&[("a", 4), ("b", 2)]));
    assert_eq!(at(&shards, 20), pairs(&[("a", 4), ("c", 5)]));
    let mut emitted = shards.emitted(Version(10)).collect().unwrap();
    emitted.sort();
    assert_eq!(emitted, pairs(&[("a", 1), ("a", 4), ("b", 2)]));
    let old = (shards.read(Version(10)), shards.emitted(Version(10)));
    shards.forget(Version(20));
    let error = old.0.collect().unwrap_err().to_string();
    assert!(error.contains("sum_up at ") && error.contains("version 10 of the state is not there"), "{error}");
    let error = old.1.collect().unwrap_err().to_string();
    assert!(error.contains("sum_up at ") && error.contains("emitted for version 10 is not there"), "{error}");
    assert_eq!(at(&shards, 20), pairs(&[("a", 4), ("c", 5)]));
}
