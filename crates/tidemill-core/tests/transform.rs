//! Operators that make one RDD of others, against what they should make of plain lists.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use proptest::prelude::*;
use tidemill_core::{Context, Error, Rdd, StorageLevel, TaskContext};

fn context() -> Context {
    Context::local(2).unwrap()
}

/// An RDD whose partitions are given.
fn rdd(context: &Context, parts: &[Vec<i64>]) -> Rdd<i64> {
    let all = context.parallelize(parts.to_vec(), parts.len());
    all.flat_map(|part| part)
}

fn parts_of(rdd: &Rdd<i64>) -> Vec<Vec<i64>> {
    rdd.glom().collect().unwrap()
}

fn sorted(mut values: Vec<i64>) -> Vec<i64> {
    values.sort_unstable();
    values
}

/// behaviour 3.1
#[test]
fn an_rdd_says_what_it_is() {
    let context = context();
    let numbers = context.range(0..6, 3);
    let pairs = numbers.map(|x| (x % 2, x)).reduce_by_key_into(|a, b| a + b, 2);
    assert_ne!(numbers.id(), pairs.id());
    assert_eq!((numbers.num_partitions(), pairs.num_partitions()), (3, 2));
    assert!(numbers.layout().is_none() && pairs.layout().is_some());
    assert_eq!(
        (numbers.storage_level(), pairs.cache().storage_level()),
        (StorageLevel::NONE, StorageLevel::MEMORY_ONLY)
    );
    let operator = pairs.operator();
    assert_eq!((&*operator.name, &*operator.file), ("reduce_by_key", file!()));
    let text = pairs.to_debug_string();
    assert!(
        text.starts_with("(2) reduce_by_key[") && text.contains("\n +-(3) map[") && text.contains("|  range["),
        "{text}"
    );
}

/// behaviour 3.21
#[test]
fn ranges_and_collections_are_cut_alike() {
    let context = context();
    let cases: [(std::ops::Range<i64>, usize, &[&[i64]]); 5] = [
        (0..10, 3, &[&[0, 1, 2], &[3, 4, 5], &[6, 7, 8, 9]]),
        (1..3, 4, &[&[], &[1], &[], &[2]]),
        (5..5, 2, &[&[], &[]]),
        (7..7, 1, &[&[]]),
        (i64::MAX - 2..i64::MAX, 0, &[&[i64::MAX - 2, i64::MAX - 1]]),
    ];
    for (range, partitions, want) in cases {
        assert_eq!(parts_of(&context.range(range.clone(), partitions)), want, "{range:?}");
        assert_eq!(parts_of(&context.parallelize(range.clone(), partitions)), want, "{range:?}");
    }
    assert!(matches!(context.range_by(0, 3, 0, 1), Err(Error::Driver { .. })));
    let whole = context.range_by(i64::MIN, i64::MAX, i64::MAX, 2).unwrap();
    assert_eq!(whole.collect().unwrap(), [i64::MIN, -1, i64::MAX - 1]);
    assert_eq!(context.range_by(i64::MAX, i64::MIN, i64::MIN, 1).unwrap().collect().unwrap(), [i64::MAX, -1]);
    assert_eq!(context.range(i64::MIN..i64::MAX, 3).num_partitions(), 3);
    assert_eq!(context.range(0..100_000, 3).map(|x| x + 1).collect().unwrap(), (1..=100_000).collect::<Vec<_>>());
}

/// behaviour 3.24
#[test]
fn unions_of_one_layout_stay_in_place() {
    let context = context();
    let pairs = |from: i64| context.range(from..from + 10, 3).map(|x| (x % 5, x)).reduce_by_key_into(|a, b| a + b, 4);
    let (one, other) = (pairs(0), pairs(100));
    let both = one.union(&other);
    assert_eq!((both.num_partitions(), both.layout()), (4, one.layout()));
    let want: Vec<Vec<(i64, i64)>> = one
        .glom()
        .collect()
        .unwrap()
        .into_iter()
        .zip(other.glom().collect().unwrap())
        .map(|(a, b)| [a, b].concat())
        .collect();
    assert_eq!(both.glom().collect().unwrap(), want);
    // Working by key needs no shuffle: the layout is the same one.
    let sums = both.reduce_by_key(|a, b| a + b);
    assert_eq!(sums.layout(), one.layout());
    let mut sums = sums.collect().unwrap();
    sums.sort_unstable();
    // Of each key k: k, k + 5, and both again with 100 more.
    assert_eq!(sums, [0, 1, 2, 3, 4].map(|k| (k, 4 * k + 210)));
    // Another number of partitions is another layout.
    let mixed = one.union(&context.range(0..10, 3).map(|x| (x % 5, x)).reduce_by_key_into(|a, b| a + b, 3));
    assert_eq!((mixed.num_partitions(), mixed.layout()), (7, None));
    assert_eq!(context.union::<i64>(&[]).num_partitions(), 0);
}

#[test]
fn zips_of_unequal_rdds_fail() {
    let context = context();
    let four = context.range(0..4, 2);
    let error = four.zip(&context.range(0..4, 3)).err().unwrap().to_string();
    assert!(error.contains("same number of partitions") && error.contains("transform.rs"), "{error}");
    for other in [context.range(0..3, 2), context.range(0..5, 2), context.range(0..5_000, 2), context.range(0..0, 2)] {
        let error = four.zip(&other).unwrap().count().unwrap_err().to_string();
        assert!(error.contains("Can only zip RDDs with same number of elements in each partition"), "{error}");
        assert!(error.contains("zip at"), "{error}");
    }
}

/// behaviour 3.3: the count job is run only if there is more than one partition.
#[test]
fn zip_with_index_counts_all_partitions_but_the_last() {
    let context = context();
    for (partitions, counted) in [(1, 0), (4, 3)] {
        let tasks = context.accumulator(0, |sum, more| *sum += more);
        let adder = tasks.clone();
        let seen = context.range(0..10, partitions).map_partitions(move |elements| {
            adder.add(1);
            elements
        });
        let numbered = seen.zip_with_index().unwrap();
        assert_eq!(tasks.value(), counted);
        assert!(numbered.collect().unwrap().into_iter().all(|(x, i)| x as u64 == i));
    }
    assert_eq!(context.empty::<i64>().zip_with_index().unwrap().count().unwrap(), 0);
}

#[test]
fn samples_are_the_same_each_time_and_of_the_right_size() {
    let context = context();
    let n = 50_000_i64;
    let all = context.range(0..n, 3);
    for (with_replacement, fraction) in
        [(false, 0.0), (false, 0.3), (false, 1.0), (true, 0.0), (true, 0.3), (true, 2.5)]
    {
        let sample = all.sample(with_replacement, fraction, 17).unwrap();
        let taken = sample.collect().unwrap();
        assert_eq!(taken, sample.collect().unwrap());
        assert!(taken.is_sorted());
        // Six standard deviations: of the binomial and of the Poisson distribution.
        let mean = n as f64 * fraction;
        let deviation = (mean * if with_replacement { 1.0 } else { 1.0 - fraction }).sqrt();
        assert!((taken.len() as f64 - mean).abs() <= 6.0 * deviation, "{with_replacement} {fraction}: {}", taken.len());
        if fraction == 0.3 {
            assert_ne!(taken, all.sample(with_replacement, fraction, 18).unwrap().collect().unwrap());
        }
    }
    for (with_replacement, fraction) in
        [(false, -0.1), (false, 1.1), (true, -0.1), (true, f64::NAN), (true, f64::INFINITY)]
    {
        let error = all.sample(with_replacement, fraction, 1).err().unwrap().to_string();
        assert!(error.contains("fraction"), "{error}");
    }
    // More copies of one element than fit into a run.
    let many = context.range(0..3, 1).sample(true, 10_000.0, 5).unwrap().count().unwrap();
    assert!((28_900..31_100).contains(&many), "{many}");
}

#[test]
fn random_splits_share_out_every_element() {
    let context = context();
    let all = context.range(0..20_000, 3);
    for weights in [vec![1.0], vec![0.6, 0.4], vec![1.0, 0.0, 3.0], vec![0.1; 10], vec![0.0, 5.0, 0.0]] {
        let parts = all.random_split(&weights, 11).unwrap();
        let parts: Vec<Vec<i64>> = parts.iter().map(|part| part.collect().unwrap()).collect();
        let sum: f64 = weights.iter().sum();
        for (part, weight) in parts.iter().zip(&weights) {
            let share = weight / sum;
            let deviation = (20_000.0 * share * (1.0 - share)).sqrt();
            assert!((part.len() as f64 - 20_000.0 * share).abs() <= 6.0 * deviation, "{weights:?}: {}", part.len());
        }
        assert_eq!(sorted(parts.concat()), (0..20_000).collect::<Vec<_>>());
    }
    for weights in [&[][..], &[0.0], &[-1.0, 2.0], &[f64::NAN], &[f64::INFINITY]] {
        assert!(all.random_split(weights, 1).is_err(), "{weights:?}");
    }
}

#[test]
fn elements_go_through_a_program_and_back() {
    let context = context();
    let numbers = context.range(0..100_000, 2);
    // Much more than the pipes and queues hold, in both directions at once.
    let same = numbers.pipe(&["cat"], &[]).map(|line| line.parse::<i64>().unwrap());
    assert_eq!(same.collect().unwrap(), (0..100_000).collect::<Vec<_>>());
    // A program that reads all before it prints, one that stops early, one that reads nothing.
    assert_eq!(numbers.pipe(&["wc", "-l"], &[]).map(|line| line.trim().to_string()).collect().unwrap(), ["50000"; 2]);
    assert_eq!(numbers.pipe(&["head", "-n", "1"], &[]).collect().unwrap(), ["0", "50000"]);
    assert_eq!(numbers.pipe(&["echo", "tide"], &[]).collect().unwrap(), ["tide"; 2]);
    let variable = numbers.pipe(&["sh", "-c", "printf \"$MILL\""], &[("MILL", "a\\nb")]);
    assert_eq!(variable.collect().unwrap(), ["a", "b", "a", "b"]);
    // A program that prints nothing, not even an end, and reads on.
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("read");
    let quiet = ["sh", "-c", "exec >&-; cat > \"$FILE\""];
    let quiet = numbers.coalesce(1).pipe(&quiet, &[("FILE", &file.to_string_lossy())]);
    assert_eq!(quiet.count().unwrap(), 0);
    assert_eq!(std::fs::read_to_string(file).unwrap().lines().count(), 100_000);
    // No partition at all starts no program.
    assert_eq!(context.empty::<i64>().pipe(&["false"], &[]).count().unwrap(), 0);
}

#[test]
fn a_program_that_fails_fails_its_task() {
    let numbers = context().range(0..10, 1);
    let cases: [(&[&str], &[&str]); 4] = [
        (&["sh", "-c", "cat; echo no tide today >&2; exit 3"], &["exit status: 3", "no tide today"]),
        (&["false"], &["exit status: 1", "it printed no error"]),
        (&["/no/such/program"], &["cannot start /no/such/program"]),
        (&[], &["its command is empty"]),
    ];
    for (command, wanted) in cases {
        let error = numbers.pipe(command, &[]).collect().unwrap_err().to_string();
        assert!(wanted.iter().all(|text| error.contains(text)) && error.contains("pipe at"), "{error}");
    }
}

/// A failure names the operator whose code it comes from, also where that code runs between two draws.
#[test]
fn failures_name_their_operator() {
    let one = context().range(0..1, 1);
    let endless = || (0..).map(|x: i64| if x == 10_000 { panic!("too far") } else { x });
    let cases = [
        ("flat_map at", one.flat_map(move |_| endless())),
        ("map_partitions at", one.map_partitions(move |_| endless())),
        ("map at", one.flat_map(|_| 0..20_000_i64).map(|x| if x == 10_000 { panic!("too far") } else { x })),
    ];
    for (operator, rdd) in cases {
        let error = rdd.filter(|_| true).count().unwrap_err().to_string();
        assert!(error.contains(operator) && error.contains("too far"), "{error}");
    }
}

#[test]
fn an_element_of_a_task_alone_can_be_piped() {
    let shared = context().range(0..3, 1).map(std::rc::Rc::new);
    assert_eq!(shared.pipe(&["cat"], &[]).collect().unwrap(), ["0", "1", "2"]);
}

#[test]
fn operators_on_operators_read_the_right_partitions() {
    let context = context();
    let partition = |_: i64| TaskContext::current().unwrap().partition() as i64;
    let twelve = context.range(0..12, 6);
    let thirds = twelve.coalesce(3);
    assert_eq!(
        parts_of(&thirds.union(&twelve).coalesce(2)),
        [vec![0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 0, 1], (2..12).collect()]
    );
    assert_eq!(thirds.map(partition).collect().unwrap(), [0, 0, 0, 0, 1, 1, 1, 1, 2, 2, 2, 2]);
    let pairs = thirds.cartesian(&context.range(0..2, 2));
    assert_eq!(pairs.num_partitions(), 6);
    assert_eq!(pairs.glom().collect().unwrap()[3], [(4, 1), (5, 1), (6, 1), (7, 1)]);
    let zipped = thirds.union(&thirds).zip(&thirds.union(&thirds).map(|x| x)).unwrap();
    assert!(zipped.collect().unwrap().into_iter().all(|(a, b)| a == b));
}

/// Where memory does not suffice for the right side, it is computed again for each element of the left.
#[test]
fn cartesian_does_with_little_memory() {
    let mut settings = tidemill_core::Settings::new();
    settings.set("spark.master", "local[1]").set("tidemill.memory.limit", "4m");
    settings.set("tidemill.receiver.block.size", "256k"); // its default is more than that memory
    let context = Context::new(&settings).unwrap();
    for (length, passes) in [(100, 1), (1_000_000, 1 + 3)] {
        let computed = context.accumulator(0, |sum, more| *sum += more);
        let adder = computed.clone();
        let right = context.range(0..length, 1).map_partitions(move |elements| {
            adder.add(1);
            elements
        });
        let pairs = context.range(0..3, 1).cartesian(&right);
        let (count, wrong) = (pairs.count().unwrap(), pairs.zip_with_index().unwrap());
        let wrong = wrong.map(move |((x, y), i)| x * length + y != i as i64).filter(|wrong| *wrong).count().unwrap();
        assert_eq!((count, wrong, computed.value()), (3 * length as u64, 0, 2 * passes));
    }
}

/// 3.1
#[test]
fn a_name_is_of_one_rdd_and_changes_nothing_else() {
    let context = context();
    let kept = context.range(0..4, 2).cache();
    let named = kept.named("tides");
    assert_eq!((kept.name(), named.name(), named.map(|x| x).name()), (None, Some("tides"), None));
    assert_eq!((named.collect().unwrap(), named.storage_level()), (vec![0, 1, 2, 3], kept.storage_level()));
    let text = named.map(|x| x).to_debug_string();
    assert!(text.contains("\n |  tides named[2] at ") && text.matches("[Memory").count() == 1, "{text}");
    named.unpersist();
    assert_eq!(kept.storage_level(), tidemill_core::StorageLevel::NONE);
    let summed = context.range(0..4, 2).map(|x| (x, x)).reduce_by_key(|a, b| a + b);
    assert_eq!(summed.named("sums").layout(), summed.layout());
    let local = context.range(0..4, 2).local_checkpoint().unwrap().named("local");
    assert!(local.is_locally_checkpointed() && !local.is_checkpointed());
}

/// Elements before the one that fails, and runs of several: the operator and the error are named.
#[test]
fn functions_that_fail_fail_their_task() {
    let numbers = context().range(0..10_000, 2);
    let check = |x: i64| if x == 9_000 { Err(std::fmt::Error) } else { Ok(x) };
    let none = |_: i64| Ok::<_, std::fmt::Error>(0..3);
    assert_eq!(numbers.try_filter(|x| Ok::<_, std::fmt::Error>(x % 2 == 0)).count().unwrap(), 5_000);
    assert_eq!(numbers.try_flat_map(none).count().unwrap(), 30_000);
    let endless = numbers.try_flat_map(|_| Ok::<_, std::fmt::Error>(0..)).take(3).unwrap();
    assert_eq!(endless, [0, 1, 2]);
    for (operator, broken) in [
        ("try_map at", numbers.try_map(check)),
        ("try_filter at", numbers.try_filter(move |x| check(*x).map(|_| false))),
        ("try_flat_map at", numbers.try_flat_map(move |x| check(x).map(|x| [x; 2]))),
    ] {
        let error = broken.map(|x| x).count().unwrap_err().to_string();
        assert!(error.contains(operator) && error.contains("an error occurred when formatting"), "{error}");
    }
    let layout = numbers.map(|x| (x % 5, x)).reduce_by_key(|a, b| a + b);
    assert_eq!(layout.try_filter(|_| Ok::<_, std::fmt::Error>(true)).layout(), layout.layout());
}

fn partitions() -> impl Strategy<Value = Vec<Vec<i64>>> {
    // Now and then a partition of several runs.
    let length = prop_oneof![6 => 0..6usize, 1 => 2_040..4_200usize];
    prop::collection::vec(length, 1..6).prop_map(|lengths| {
        let mut next = 0;
        let mut count = |length| {
            (0..length)
                .map(|_| {
                    next += 1;
                    next
                })
                .collect()
        };
        lengths.into_iter().map(&mut count).collect()
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(40))]

    #[test]
    fn unions_put_partitions_in_a_row(lists in prop::collection::vec(partitions(), 0..5), nested: bool) {
        let context = context();
        let rdds: Vec<Rdd<i64>> = lists.iter().map(|parts| rdd(&context, parts)).collect();
        let union = if nested {
            rdds.iter().fold(context.empty(), |all, more| all.union(more))
        } else {
            context.union(&rdds)
        };
        prop_assert_eq!(parts_of(&union), lists.concat());
    }

    #[test]
    fn coalesced_partitions_are_groups_of_neighbours(parts in partitions(), n in 0..8usize) {
        let coalesced = rdd(&context(), &parts).coalesce(n);
        let (have, want) = (parts.len(), n.clamp(1, parts.len()));
        let groups: Vec<Vec<i64>> = (0..want).map(|i| parts[i * have / want..(i + 1) * have / want].concat()).collect();
        prop_assert_eq!(parts_of(&coalesced), groups);
    }

    #[test]
    fn repartitioning_keeps_all_and_evens_out(parts in partitions(), n in 0..8usize) {
        let dealt = parts_of(&rdd(&context(), &parts).repartition(n));
        prop_assert_eq!(dealt.len(), n.max(1));
        prop_assert_eq!(sorted(dealt.concat()), sorted(parts.concat()));
        // Each map partition deals out evenly.
        let (least, most) = (dealt.iter().map(Vec::len).min().unwrap(), dealt.iter().map(Vec::len).max().unwrap());
        prop_assert!(most - least <= parts.len(), "{} to {}", least, most);
    }

    #[test]
    fn zips_pair_by_place(parts in partitions()) {
        let numbers = rdd(&context(), &parts);
        // The other side has runs of other lengths.
        let other = numbers.map_partitions(|elements| elements.map(|x| -x)).flat_map(|x| vec![x; 1]).filter(|_| true);
        let zipped = numbers.zip(&other).unwrap().glom().collect().unwrap();
        let want: Vec<Vec<(i64, i64)>> = parts.iter().map(|part| part.iter().map(|x| (*x, -x)).collect()).collect();
        prop_assert_eq!(zipped, want);
        let indexed = numbers.zip_with_index().unwrap().collect().unwrap();
        prop_assert_eq!(indexed, parts.concat().into_iter().zip(0..).collect::<Vec<_>>());
        let n = parts.len() as u64;
        let unique = numbers.zip_with_unique_id().glom().collect().unwrap();
        let want: Vec<Vec<(i64, u64)>> =
            parts.iter().zip(0..).map(|(part, p)| part.iter().zip(0..).map(|(x, i): (_, u64)| (*x, i * n + p)).collect()).collect();
        prop_assert_eq!(unique, want);
        let keyed = numbers.key_by(|x| x % 3).collect().unwrap();
        prop_assert_eq!(keyed, parts.concat().into_iter().map(|x| (x % 3, x)).collect::<Vec<_>>());
    }

    #[test]
    fn cartesian_pairs_come_in_sparks_order(left in partitions(), right in prop::collection::vec(prop::collection::vec(0..9i64, 0..4), 1..4)) {
        let context = context();
        let left: Vec<Vec<i64>> = left.into_iter().map(|part| part.into_iter().take(50).collect()).collect();
        let pairs = rdd(&context, &left).cartesian(&rdd(&context, &right)).glom().collect().unwrap();
        let mut want = vec![];
        for part in &left {
            for other in &right {
                want.push(part.iter().flat_map(|x| other.iter().map(|y| (*x, *y))).collect::<Vec<_>>());
            }
        }
        prop_assert_eq!(pairs, want);
    }
}
