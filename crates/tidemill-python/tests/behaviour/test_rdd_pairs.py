"""Operators on pairs: what they give and in which order."""
from __future__ import annotations

from operator import add

import pytest

from harness import eventually


@pytest.fixture
def pairs(sc):
    return sc.parallelize([("a", 1), ("b", 1), ("a", 2)], 2)


def in_one(rdd):
    """The records with grouped values as plain lists."""
    return rdd.mapValues(lambda value: tuple(map(list, value)) if isinstance(value, tuple) else list(value)).collect()


def test_map_values_leaves_keys_and_layout(pairs):  # behaviour 1.34, 1.35
    assert pairs.mapValues(str).collect() == [("a", "1"), ("b", "1"), ("a", "2")]
    assert pairs.flatMapValues(lambda n: "xy"[:n]).collect() == [("a", "x"), ("b", "x"), ("a", "x"), ("a", "y")]


def test_reduce_by_key(pairs):  # behaviour 1.29, 3.5
    assert pairs.reduceByKey(add, 1).collect() == [("a", 3), ("b", 1)]
    assert pairs.reduceByKey(add).getNumPartitions() == 2
    assert pairs.reduceByKey(add, 5).getNumPartitions() == 5


def test_reduce_by_key_merges_in_order_of_arrival(sc):
    pairs = sc.parallelize([(1, word) for word in "abcdef"], 3)
    assert pairs.reduceByKey(lambda a, b: f"({a}{b})", 1).collect() == [(1, "(((ab)(cd))(ef))")]


def test_combine_by_key_makes_one_combiner_a_partition_and_key(sc):  # behaviour 1.30
    pairs = sc.parallelize([("x", 1), ("x", 2), ("x", 3), ("x", 4)], 2)
    combined = pairs.combineByKey(lambda v: [v], lambda c, v: c + [v], lambda a, b: [a, b], 1)
    assert combined.collect() == [("x", [[1, 2], [3, 4]])]


def test_group_by_key_gives_a_result_iterable(pairs):  # behaviour 1.40
    groups = dict(pairs.groupByKey(1).collect())
    assert list(groups) == ["a", "b"]
    values = groups["a"]
    assert (len(values), list(values), list(values), list(values.data)) == (2, [1, 2], [1, 2], [1, 2])


def test_aggregate_and_fold_by_key(pairs):
    sums = pairs.aggregateByKey((0, 0), lambda c, v: (c[0] + v, c[1] + 1), lambda a, b: (a[0] + b[0], a[1] + b[1]))
    assert sorted(sums.collect()) == [("a", (3, 2)), ("b", (1, 1))]
    assert sorted(pairs.foldByKey(0, add).collect()) == [("a", 3), ("b", 1)]


def test_the_zero_value_of_a_key_is_its_own(sc):
    pairs = sc.parallelize([("a", 1), ("b", 2), ("a", 3)], 1)
    lists = pairs.aggregateByKey([], lambda c, v: c.append(v) or c, lambda a, b: a + b, 1)
    assert lists.collect() == [("a", [1, 3]), ("b", [2])]


JOINS = [
    ("join", [("a", (1, 2)), ("a", (1, 3))]),
    ("leftOuterJoin", [("a", (1, 2)), ("a", (1, 3)), ("b", (4, None))]),
    ("rightOuterJoin", [("a", (1, 2)), ("a", (1, 3)), ("c", (None, 8))]),
    ("fullOuterJoin", [("a", (1, 2)), ("a", (1, 3)), ("b", (4, None)), ("c", (None, 8))]),
]


@pytest.mark.parametrize(("how", "expected"), JOINS)
def test_joins(sc, how, expected):  # behaviour 1.48
    left, right = sc.parallelize([("a", 1), ("b", 4)], 2), sc.parallelize([("a", 2), ("a", 3), ("c", 8)], 2)
    assert getattr(left, how)(right, 1).collect() == expected


def test_a_join_matches_none_with_none_and_keeps_arrival_order(sc):  # behaviour 1.48
    left = sc.parallelize([(None, 1), (None, 2)], 2)
    right = sc.parallelize([(None, "x"), (None, "y")], 2)
    assert left.join(right, 3).collect() == [
        (None, (1, "x")), (None, (1, "y")), (None, (2, "x")), (None, (2, "y")),
    ]


def test_cogroup_and_group_with(sc):  # behaviour 1.47
    one, two = sc.parallelize([("a", 1), ("b", 4)], 2), sc.parallelize([("a", 2)], 1)
    assert in_one(one.cogroup(two, 1)) == [("a", ([1], [2])), ("b", ([4], []))]
    three = sc.parallelize([("b", 42)], 1)
    together = {key: tuple(map(list, values)) for key, values in one.groupWith(two, three).collect()}
    assert together == {"a": ([1], [2], []), "b": ([4], [], [42])}


def test_subtract_by_key(sc):
    left = sc.parallelize([("a", 1), ("b", 4), ("b", 5), ("a", 2)])
    assert sorted(left.subtractByKey(sc.parallelize([("a", 3), ("c", None)])).collect()) == [("b", 4), ("b", 5)]


def test_sort_by_key(sc):
    pairs = [("a", 1), ("b", 2), ("1", 3), ("d", 4), ("2", 5)]
    assert sc.parallelize(pairs).sortByKey().first() == ("1", 3)
    assert sc.parallelize(pairs).sortByKey(True, 1).collect() == sorted(pairs)
    assert sc.parallelize(pairs).sortByKey(False, 2).collect() == sorted(pairs, reverse=True)
    assert [key for key, _ in sc.parallelize([("B", 1), ("a", 2)]).sortByKey(keyfunc=str.lower).collect()] == ["a", "B"]


def test_repartition_and_sort_within_partitions(sc):
    pairs = sc.parallelize([(0, 5), (3, 8), (2, 6), (0, 8), (3, 8), (1, 3)], 2)
    parts = pairs.repartitionAndSortWithinPartitions(2, lambda key: key % 2, True).glom().collect()
    assert parts == [[(0, 5), (0, 8), (2, 6)], [(1, 3), (3, 8), (3, 8)]]


def test_sample_by_key_repeats_with_its_seed(sc):
    pairs = sc.parallelize([(key, n) for key in "ab" for n in range(500)], 4)
    sample = pairs.sampleByKey(False, {"a": 0.2, "b": 0.1}, 2).groupByKey().mapValues(len).collectAsMap()
    assert 50 < sample["a"] < 150 and 20 < sample["b"] < 90


def test_lookup_and_maps(pairs):
    assert pairs.lookup("a") == [1, 2]
    assert pairs.lookup("z") == []
    assert pairs.partitionBy(3).lookup("b") == [1]
    assert pairs.collectAsMap() == {"a": 2, "b": 1}
    assert pairs.countByKey() == {"a": 2, "b": 1}
    assert pairs.reduceByKeyLocally(add) == {"a": 3, "b": 1}


def test_keys_that_are_equal_are_one(sc):
    assert sc.parallelize([(1, "a"), (1.0, "b"), (True, "c")], 3).reduceByKey(add, 4).collect() == [(1, "abc")]


def test_keys_of_mixed_types(sc):
    pairs = [(None, 1), ("a", 1), ((1, "b"), 1), (2.5, 1), (b"c", 1), (frozenset([1]), 1)]
    counted = dict(sc.parallelize(pairs * 3, 4).reduceByKey(add, 3).collect())
    assert counted == {key: 3 for key, _ in pairs}


def test_a_key_that_cannot_be_hashed_fails_with_pythons_words(sc):
    with pytest.raises(Exception, match="unhashable type: 'list'"):
        sc.parallelize([([1], 1)], 1).reduceByKey(add).collect()


def test_co_partitioned_sides_join_without_another_shuffle(sc):  # behaviour 3.24
    def stages(job):
        tracker = sc.statusTracker()
        sc.setJobGroup(job, job)
        one = sc.parallelize([(1, "a"), (2, "b")], 2)
        two = sc.parallelize([(1, "c")], 2)
        if job == "laid out":
            one, two = one.partitionBy(3), two.partitionBy(3)
        one.join(two, 3).count()
        (done,) = eventually(lambda: tracker.getJobIdsForGroup(job), "news of the job")
        sc.setLocalProperty("spark.jobGroup.id", None)
        return len(tracker.getJobInfo(done).stageIds)

    assert stages("loose") == 2
    assert stages("laid out") == 3
