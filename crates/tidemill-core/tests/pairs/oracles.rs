//! Joins, groups, layouts and sorting against naive oracles, over random pairs, kinds of keys and partitions.

use proptest::prelude::*;
use tidemill_core::Text;

use super::*;

/// Pairs of a small number of a key with a value, and into how many partitions they are put.
fn pairs() -> impl Strategy<Value = (Vec<(u8, u32)>, usize)> {
    (prop::collection::vec((0_u8..12, any::<u32>()), 0..60), 0_usize..5)
}

fn number(key: u8) -> i64 {
    i64::from(key) * 1_000_003 - 5
}

fn text(key: u8) -> Text {
    Text::from("key ".repeat(usize::from(key) / 2) + &key.to_string())
}

fn tuple(key: u8) -> (Text, i64) {
    (text(key / 3), number(key % 3))
}

fn keyed<K>(pairs: &[(u8, u32)], key: fn(u8) -> K) -> Vec<(K, u32)> {
    pairs.iter().map(|(k, v)| (key(*k), *v)).collect()
}

/// For each partition, the keys in first-seen order, with their values on both sides in order of arrival.
fn cogrouped<K: Key>(
    context: &Context,
    left: &[(K, u32)],
    right: &[(K, u32)],
    partitions: usize,
) -> Vec<Vec<(K, (Vec<u32>, Vec<u32>))>> {
    let mut all: Vec<Vec<(K, (Vec<u32>, Vec<u32>))>> = vec![Vec::new(); partitions];
    for (key, _) in left.iter().chain(right) {
        let part = &mut all[bucket(context, key, partitions)];
        if part.iter().all(|(seen, _)| seen != key) {
            let values = |side: &[(K, u32)]| side.iter().filter(|(k, _)| k == key).map(|(_, v)| *v).collect();
            part.push((key.clone(), (values(left), values(right))));
        }
    }
    all
}

/// The cross product of both sides; `outer` says for each side whether the other may be alone.
fn joined<K: Key>(
    groups: &[Vec<(K, (Vec<u32>, Vec<u32>))>],
    outer: (bool, bool),
) -> Vec<Vec<(K, (Option<u32>, Option<u32>))>> {
    let side = |values: &[u32], may_miss: bool| -> Vec<Option<u32>> {
        if values.is_empty() && may_miss { vec![None] } else { values.iter().copied().map(Some).collect() }
    };
    let group = |(key, (left, right)): &(K, (Vec<u32>, Vec<u32>))| -> Vec<_> {
        let (left, right) = (side(left, outer.1), side(right, outer.0));
        left.iter().flat_map(|v| right.iter().map(|w| (key.clone(), (*v, *w)))).collect()
    };
    groups.iter().map(|part| part.iter().flat_map(group).collect()).collect()
}

type Case<'a> = (&'a Context, &'a (Vec<(u8, u32)>, usize), &'a (Vec<(u8, u32)>, usize), usize);

/// Every operator over two inputs, against the oracles, for one kind of key.
fn check_joins<K: Key + std::fmt::Debug>((context, left, right, n): Case, key: fn(u8) -> K) {
    let (lefts, rights) = (keyed(&left.0, key), keyed(&right.0, key));
    let (a, b) = (context.parallelize(lefts.clone(), left.1), context.parallelize(rights.clone(), right.1));
    let groups = cogrouped(context, &lefts, &rights, n);
    assert_eq!(parts(&a.cogroup_into(&b, n)), groups);
    let inner = a.join_into(&b, n).map_values(|(v, w)| (Some(v), Some(w)));
    assert_eq!(parts(&inner), joined(&groups, (false, false)));
    let left_outer = a.left_outer_join_into(&b, n).map_values(|(v, w)| (Some(v), w));
    assert_eq!(parts(&left_outer), joined(&groups, (true, false)));
    let right_outer = a.right_outer_join_into(&b, n).map_values(|(v, w)| (v, Some(w)));
    assert_eq!(parts(&right_outer), joined(&groups, (false, true)));
    assert_eq!(parts(&a.full_outer_join_into(&b, n)), joined(&groups, (true, true)));
    let rest: Vec<Vec<(K, u32)>> = groups
        .iter()
        .map(|part| part.iter().filter(|(_, (_, right))| right.is_empty()))
        .map(|part| part.flat_map(|(k, (left, _))| left.iter().map(move |v| (k.clone(), *v))).collect())
        .collect();
    assert_eq!(parts(&a.subtract_by_key_into(&b, n)), rest);
    let laid = a.partition_by_hash(n).join(&b.partition_by_hash(n));
    assert_eq!(parts(&laid), parts(&a.join_into(&b, n)), "inputs that lie right already");
}

/// Every operator over one input.
fn check_groups<K: Key + Ord + std::fmt::Debug>((context, left, right, n): Case, key: fn(u8) -> K) {
    let (lefts, rights) = (keyed(&left.0, key), keyed(&right.0, key));
    let (a, b) = (context.parallelize(lefts.clone(), left.1), context.parallelize(rights.clone(), right.1));
    let groups: Vec<Vec<(K, Vec<u32>)>> = cogrouped(context, &lefts, &[], n)
        .into_iter()
        .map(|part| part.into_iter().map(|(k, (values, _))| (k, values)).collect())
        .collect();
    assert_eq!(parts(&a.group_by_key_into(n)), groups);
    let folded = a.fold_by_key_into(0, u32::wrapping_add, n).collect_as_map().unwrap();
    let sum = |values: &[u32]| values.iter().fold(0, |sum: u32, v| sum.wrapping_add(*v));
    assert_eq!(folded, groups.iter().flatten().map(|(k, values)| (k.clone(), sum(values))).collect());
    assert_eq!(a.reduce_by_key_locally(u32::wrapping_add).unwrap(), folded);
    let counts = groups.iter().flatten().map(|(k, values)| (k.clone(), values.len() as u64)).collect();
    assert_eq!(a.count_by_key().unwrap(), counts);
    let in_part = |at: usize| lefts.iter().filter(move |(k, _)| bucket(context, k, n) == at).cloned().collect();
    assert_eq!(parts(&a.partition_by_hash(n)), (0..n).map(in_part).collect::<Vec<Vec<_>>>());
    let keys = |part: &Vec<(K, Vec<u32>)>| part.iter().map(|(k, _)| k.clone()).collect::<Vec<_>>();
    assert_eq!(parts(&a.keys().distinct_into(n)), groups.iter().map(keys).collect::<Vec<_>>());
    let common: Vec<K> = groups.iter().flat_map(keys).filter(|k| rights.iter().any(|(r, _)| r == k)).collect();
    assert_eq!(a.keys().intersection_into(&b.keys(), n).collect().unwrap(), common);
    let lone = |(k, values): &(K, Vec<u32>)| match rights.iter().any(|(r, _)| r == k) {
        true => vec![],
        false => vec![k.clone(); values.len()],
    };
    let lone: Vec<K> = groups.iter().flatten().flat_map(lone).collect();
    assert_eq!(a.keys().subtract_into(&b.keys(), n).collect().unwrap(), lone);
    for key in groups.iter().flatten().take(2) {
        assert_eq!(a.lookup(&key.0).unwrap(), key.1);
    }
}

fn check_sorting<K: Key + Ord + std::fmt::Debug>((context, left, _, n): Case, key: fn(u8) -> K) {
    let mut sorted = keyed(&left.0, key);
    let pairs = context.parallelize(sorted.clone(), left.1);
    sorted.sort_by(|a, b| a.0.cmp(&b.0));
    let rising = pairs.sort_by_key_into(true, n).unwrap();
    assert_eq!(rising.collect().unwrap(), sorted);
    let ends: Vec<(K, K)> =
        parts(&rising.keys()).iter().filter_map(|part| Some((part.first()?.clone(), part.last()?.clone()))).collect();
    assert!(ends.windows(2).all(|pair| pair[0].1 < pair[1].0), "a key is in one partition alone: {ends:?}");
    sorted.sort_by(|a, b| b.0.cmp(&a.0));
    assert_eq!(pairs.sort_by_key_into(false, n).unwrap().collect().unwrap(), sorted);
    assert_eq!(pairs.sort_by(|(key, _)| key.clone(), false, n).unwrap().collect().unwrap(), sorted);
}

/// Runs `check` on random inputs.
fn on_random_pairs(cases: u32, check: impl Fn(Case)) {
    let context = context(&[]);
    proptest!(ProptestConfig::with_cases(cases), |(left in pairs(), right in pairs(), n in 1_usize..6)| {
        check((&context, &left, &right, n));
    });
}

#[test]
fn joins_match_the_oracle() {
    on_random_pairs(60, |case| {
        check_joins(case, number);
        check_joins(case, text);
        check_joins(case, tuple);
    });
}

#[test]
fn groups_match_the_oracle() {
    on_random_pairs(60, |case| {
        check_groups(case, number);
        check_groups(case, text);
        check_groups(case, tuple);
    });
}

#[test]
fn sorting_matches_the_oracle() {
    on_random_pairs(60, |case| {
        check_sorting(case, number);
        check_sorting(case, text);
        check_sorting(case, tuple);
    });
}
