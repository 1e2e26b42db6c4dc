//! Random programs of several operators, against a slow and obvious reading of the same programs over plain vectors.

use std::collections::BTreeMap;

use proptest::prelude::*;

use tidemill_streaming::DStream;
use tidemill_streaming::testing::TestContext;

/// Records are numbers below this, so that programs of many joins stay small.
const VALUES: i64 = 40;

/// An operator on a stream of numbers; pairs are made of them by a modulus and taken apart again. The order of records is
/// not looked at here: it is the other tests' affair.
#[derive(Clone, Debug)]
enum Op {
    Map(i64),
    Filter(i64),
    FlatMap(i64),
    SumPartitions,
    Count,
    Largest,
    CountByValue(usize),
    SumByKey(i64, usize),
    CountByKey(i64),
    Group(i64, usize),
    MapValues(i64),
    PartitionBy(i64, usize),
    Repartition(usize),
    Transform(i64),
    SkipSmall,
    UnionSelf,
    UnionOther,
    Cogroup(i64, usize),
    Join(i64, usize),
    LeftJoin(i64),
    RightJoin(i64),
    FullJoin(i64),
    SubtractOther,
}

fn ops() -> impl Strategy<Value = Op> {
    let (modulus, partitions) = (1..7_i64, 0..5_usize);
    prop_oneof![
        (0..VALUES).prop_map(Op::Map),
        modulus.clone().prop_map(Op::Filter),
        modulus.clone().prop_map(Op::FlatMap),
        Just(Op::SumPartitions),
        Just(Op::Count),
        Just(Op::Largest),
        partitions.clone().prop_map(Op::CountByValue),
        (modulus.clone(), partitions.clone()).prop_map(|(m, n)| Op::SumByKey(m, n)),
        modulus.clone().prop_map(Op::CountByKey),
        (modulus.clone(), partitions.clone()).prop_map(|(m, n)| Op::Group(m, n)),
        modulus.clone().prop_map(Op::MapValues),
        (modulus.clone(), partitions.clone()).prop_map(|(m, n)| Op::PartitionBy(m, n)),
        partitions.clone().prop_map(Op::Repartition),
        modulus.clone().prop_map(Op::Transform),
        Just(Op::SkipSmall),
        Just(Op::UnionSelf),
        Just(Op::UnionOther),
        (modulus.clone(), partitions.clone()).prop_map(|(m, n)| Op::Cogroup(m, n)),
        (modulus.clone(), partitions).prop_map(|(m, n)| Op::Join(m, n)),
        modulus.clone().prop_map(Op::LeftJoin),
        modulus.clone().prop_map(Op::RightJoin),
        modulus.prop_map(Op::FullJoin),
        Just(Op::SubtractOther),
    ]
}

fn small(x: i64) -> i64 {
    x.rem_euclid(VALUES)
}

fn group_code(key: i64, values: &[i64]) -> i64 {
    small(key * 7 + values.iter().map(|v| v * v).sum::<i64>() + values.len() as i64)
}

fn pair_code(key: i64, left: Option<i64>, right: Option<i64>) -> i64 {
    small(key + left.map_or(17, |v| v * 3) + right.map_or(23, |v| v * 5))
}

fn keyed(stream: &DStream<i64>, modulus: i64) -> DStream<(i64, i64)> {
    stream.map_with(modulus, |modulus, x| (x % modulus, x))
}

/// Each different number once: what joins make is squared otherwise, again and again.
fn distinct(stream: DStream<i64>) -> DStream<i64> {
    stream.map(|x| (x, ())).reduce_by_key(|(), ()| ()).map(|(x, ())| x)
}

/// The operator as a user would write it.
fn streamed(op: &Op, stream: &DStream<i64>, other: &DStream<i64>) -> DStream<i64> {
    match *op {
        Op::Map(by) => stream.map(move |x| small(x * 3 + by)),
        Op::Filter(modulus) => stream.filter(move |x| x % modulus != 0),
        Op::FlatMap(modulus) => stream.flat_map(move |x| vec![small(x + 1); (x % modulus).min(2) as usize]),
        Op::SumPartitions => {
            let parts = stream.glom().filter(|part| !part.is_empty());
            parts.map(|part| part.iter().sum::<i64>()).reduce(|a, b| a + b).map(small)
        }
        Op::Count => stream.count().map(|count| small(count as i64)),
        Op::Largest => stream.reduce(i64::max),
        Op::CountByValue(n) => stream.count_by_value_into(n).map(|(x, count)| small(x + 5 * count as i64)),
        Op::SumByKey(modulus, n) => {
            keyed(stream, modulus).reduce_by_key_into(|a, b| a + b, n).map(|(key, sum)| small(key + sum))
        }
        Op::CountByKey(modulus) => keyed(stream, modulus)
            .combine_by_key(|_| 1, |count, _| count + 1, |a, b| a + b)
            .map(|(key, count)| small(key + 11 * count)),
        Op::Group(modulus, n) => {
            keyed(stream, modulus).group_by_key_into(n).map(|(key, values)| group_code(key, &values))
        }
        Op::MapValues(modulus) => {
            keyed(stream, modulus).map_values(|v| v + 1).flat_map_values(|v| [v, v + 1]).map(|(key, v)| small(key * v))
        }
        Op::PartitionBy(modulus, n) => {
            keyed(stream, modulus).partition_by_hash(n).reduce_by_key(i64::min).map(|(_, v)| v)
        }
        Op::Repartition(n) => stream.repartition(n),
        Op::Transform(modulus) => stream.transform(move |rdd, time| {
            let by = time.millis() as i64 / 1000 * modulus;
            rdd.map(move |x| small(x + by))
        }),
        Op::SkipSmall => stream.try_transform(|rdd, _| {
            let context = rdd.context().clone();
            Ok(Some(if rdd.count()? < 3 { context.empty() } else { rdd }))
        }),
        Op::UnionSelf => stream.union(&stream.map(|x| small(x + 1))).unwrap(),
        Op::UnionOther => stream.union(other).unwrap(),
        ref joins => joined(joins, stream, other),
    }
}

fn joined(op: &Op, stream: &DStream<i64>, other: &DStream<i64>) -> DStream<i64> {
    let both = |modulus| (keyed(stream, modulus), keyed(other, modulus));
    match *op {
        Op::Cogroup(modulus, n) => {
            let (one, two) = both(modulus);
            let groups = one.cogroup_into(&two, n).unwrap();
            groups.map(|(key, (left, right))| small(group_code(key, &left) + 3 * group_code(key, &right)))
        }
        Op::Join(modulus, n) => {
            let (one, two) = both(modulus);
            distinct(one.join_into(&two, n).unwrap().map(|(key, (v, w))| pair_code(key, Some(v), Some(w))))
        }
        Op::LeftJoin(modulus) => {
            let (one, two) = both(modulus);
            distinct(one.left_outer_join(&two).unwrap().map(|(key, (v, w))| pair_code(key, Some(v), w)))
        }
        Op::RightJoin(modulus) => {
            let (one, two) = both(modulus);
            distinct(one.right_outer_join(&two).unwrap().map(|(key, (v, w))| pair_code(key, v, Some(w))))
        }
        Op::FullJoin(modulus) => {
            let (one, two) = both(modulus);
            distinct(one.full_outer_join(&two).unwrap().map(|(key, (v, w))| pair_code(key, v, w)))
        }
        _ => stream.transform_with(other, |one, two, _| one.subtract(&two)).unwrap(),
    }
}

fn groups(records: &[i64], modulus: i64) -> BTreeMap<i64, Vec<i64>> {
    let mut groups: BTreeMap<i64, Vec<i64>> = BTreeMap::new();
    records.iter().for_each(|x| groups.entry(x % modulus).or_default().push(*x));
    groups
}

/// The same operator on the records of one batch.
fn plain(op: &Op, batch: i64, records: &[i64], other: &[i64]) -> Vec<i64> {
    let all = records.iter().copied();
    let by_key = |modulus| groups(records, modulus).into_iter();
    match *op {
        Op::Map(by) => all.map(|x| small(x * 3 + by)).collect(),
        Op::Filter(modulus) => all.filter(|x| x % modulus != 0).collect(),
        Op::FlatMap(modulus) => all.flat_map(|x| vec![small(x + 1); (x % modulus).min(2) as usize]).collect(),
        Op::SumPartitions => {
            if records.is_empty() {
                Vec::new()
            } else {
                vec![small(all.sum())]
            }
        }
        Op::Count => vec![small(records.len() as i64)],
        Op::Largest => all.max().into_iter().collect(),
        Op::CountByValue(_) => by_key(VALUES).map(|(x, list)| small(x + 5 * list.len() as i64)).collect(),
        Op::SumByKey(modulus, _) => by_key(modulus).map(|(key, list)| small(key + list.iter().sum::<i64>())).collect(),
        Op::CountByKey(modulus) => by_key(modulus).map(|(key, list)| small(key + 11 * list.len() as i64)).collect(),
        Op::Group(modulus, _) => by_key(modulus).map(|(key, list)| group_code(key, &list)).collect(),
        Op::MapValues(modulus) => all.flat_map(|x| [x + 1, x + 2].map(|v| small(x % modulus * v))).collect(),
        Op::PartitionBy(modulus, _) => by_key(modulus).filter_map(|(_, list)| list.into_iter().min()).collect(),
        Op::Repartition(_) => all.collect(),
        Op::Transform(modulus) => all.map(|x| small(x + batch * modulus)).collect(),
        Op::SkipSmall => {
            if records.len() < 3 {
                Vec::new()
            } else {
                all.collect()
            }
        }
        Op::UnionSelf => all.clone().chain(all.map(|x| small(x + 1))).collect(),
        Op::UnionOther => all.chain(other.iter().copied()).collect(),
        Op::SubtractOther => all.filter(|x| !other.contains(x)).collect(),
        Op::Cogroup(modulus, _) => {
            let (one, two) = (groups(records, modulus), groups(other, modulus));
            let list = |groups: &BTreeMap<i64, Vec<i64>>, key| groups.get(&key).cloned().unwrap_or_default();
            let coded = |key| small(group_code(key, &list(&one, key)) + 3 * group_code(key, &list(&two, key)));
            (0..modulus).filter(|key| one.contains_key(key) || two.contains_key(key)).map(coded).collect()
        }
        Op::Join(modulus, _) => crossed(modulus, records, other, (false, false)),
        Op::LeftJoin(modulus) => crossed(modulus, records, other, (true, false)),
        Op::RightJoin(modulus) => crossed(modulus, records, other, (false, true)),
        Op::FullJoin(modulus) => crossed(modulus, records, other, (true, true)),
    }
}

/// A join, by looking at every pair; `keep` says which sides are kept without a partner.
fn crossed(modulus: i64, left: &[i64], right: &[i64], keep: (bool, bool)) -> Vec<i64> {
    let mut codes = Vec::new();
    for v in left {
        let partners: Vec<_> = right.iter().filter(|w| *w % modulus == v % modulus).collect();
        codes.extend(partners.iter().map(|w| pair_code(v % modulus, Some(*v), Some(**w))));
        if partners.is_empty() && keep.0 {
            codes.push(pair_code(v % modulus, Some(*v), None));
        }
    }
    for w in right {
        if keep.1 && left.iter().all(|v| v % modulus != w % modulus) {
            codes.push(pair_code(w % modulus, None, Some(*w)));
        }
    }
    codes.sort();
    codes.dedup();
    codes
}

type Batches = Vec<(Vec<i64>, Vec<i64>)>;

fn batches() -> impl Strategy<Value = Batches> {
    let records = || proptest::collection::vec(0..VALUES, 0..12);
    proptest::collection::vec((records(), records()), 1..4)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 96, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn programs_give_what_plain_vectors_give(
        program in proptest::collection::vec(ops(), 1..7),
        batches in batches(),
        partitions in 1..4_usize,
    ) {
        // behaviour 1.22 to 1.48, all that is stateless
        let test = TestContext::new();
        let ((one, ones), (two, twos)) = (test.input_in(partitions), test.input());
        let stream = program.iter().fold(ones, |stream, op| streamed(op, &stream, &twos));
        let seen = test.collect(&stream);
        for (number, (left, right)) in batches.into_iter().enumerate() {
            one.push(left.clone());
            two.push(right.clone());
            let ended = test.tick();
            prop_assert!(ended.is_ok(), "{}", ended.err().map(|error| error.to_string()).unwrap_or_default());
            let plainly = |records: Vec<i64>, op| plain(op, number as i64 + 1, &records, &right);
            let expected = crate::sorted(program.iter().fold(left, plainly));
            prop_assert_eq!(crate::sorted(seen.values().concat()), expected, "batch {}", number + 1);
        }
    }
}
