"""How collections are cut into partitions, and which partition a key belongs to."""
from __future__ import annotations

import pytest

from tidemill.errors import EngineError


@pytest.mark.parametrize(
    ("values", "slices", "expected"),
    [
        (range(10), 3, [[0, 1, 2], [3, 4, 5], [6, 7, 8, 9]]),
        ([1, 2], 4, [[], [1], [], [2]]),
        ([], 3, [[], [], []]),
        ([7], 1, [[7]]),
        ("hello", 2, [["h", "e"], ["l", "l", "o"]]),
        ([None, None, 1], 2, [[None], [None, 1]]),
        (range(5, 0, -1), 2, [[5, 4], [3, 2, 1]]),
        (range(0, 20, 6), 3, [[0], [6], [12, 18]]),
        (iter([1, 2, 3]), 2, [[1], [2, 3]]),
        ({"a": 1, "b": 2}, 2, [["a"], ["b"]]),
        # A list goes in runs of equal size, a range by its numbers.
        (list(range(11)), 3, [[0, 1, 2], [3, 4, 5], [6, 7, 8, 9, 10]]),
        (range(11), 3, [[0, 1, 2], [3, 4, 5, 6], [7, 8, 9, 10]]),
    ],
)
def test_parallelize_cuts_at_floors(sc, values, slices, expected):  # behaviour 3.21
    assert sc.parallelize(values, slices).glom().collect() == expected


def test_parallelize_cuts_long_lists_in_runs_of_1024(sc):  # behaviour 3.21
    assert sc.parallelize(list(range(5000)), 3).glom().map(len).collect() == [1024, 2048, 1928]
    assert sc.parallelize(range(5000), 3).glom().map(len).collect() == [1666, 1667, 1667]


def test_parallelize_without_a_number_takes_the_default(sc):
    assert sc.parallelize(range(10)).getNumPartitions() == sc.defaultParallelism == 4
    assert sc.parallelize([]).getNumPartitions() == 4


def test_parallelize_refuses_fewer_partitions_than_none(sc):
    with pytest.raises(EngineError, match="Positive number of partitions required"):
        sc.parallelize([1, 2], -1).collect()
    with pytest.raises(ZeroDivisionError):
        sc.parallelize([1, 2], 0).collect()


def test_parallelize_copies_what_it_gets(sc):
    values = [1, 2, 3]
    numbers = sc.parallelize(values, 2)
    values.append(4)
    assert numbers.collect() == [1, 2, 3]


def test_range_counts_as_range_does(sc):  # behaviour 3.10
    assert sc.range(5).collect() == [0, 1, 2, 3, 4]
    assert sc.range(2, 4).collect() == [2, 3]
    assert sc.range(1, 7, 2, 2).glom().collect() == [[1], [3, 5]]
    assert sc.range(5, 0, -2).collect() == [5, 3, 1]
    assert sc.range(0).collect() == []


def test_an_empty_rdd_has_no_partitions(sc):
    empty = sc.emptyRDD()
    assert (empty.getNumPartitions(), empty.collect(), empty.isEmpty()) == (0, [], True)


def test_keyed_operators_of_an_empty_rdd_have_no_partitions_either(sc):
    empty = sc.emptyRDD()
    assert empty.distinct().glom().collect() == []
    assert empty.reduceByKey(lambda a, b: a + b).collect() == []
    assert empty.groupByKey().getNumPartitions() == 0
    assert empty.join(empty).collect() == empty.sortByKey().collect() == empty.subtract(empty).collect() == []
    assert empty.reduceByKey(lambda a, b: a + b, 3).glom().collect() == [[], [], []]
    assert empty.join(sc.parallelize([(1, 2)], 2)).getNumPartitions() == 2


def test_a_union_lines_up_partitions(sc):  # behaviour 3.24
    one, two = sc.parallelize([1, 2], 2), sc.parallelize([3], 1)
    assert one.union(two).glom().collect() == [[1], [2], [3]]
    assert (one + two).glom().collect() == [[1], [2], [3]]
    assert sc.union([two, one, two]).collect() == [3, 1, 2, 3]


def test_a_union_of_one_layout_stays_in_it(sc):  # behaviour 3.24
    one = sc.parallelize([(1, "a"), (2, "b")]).partitionBy(2)
    two = sc.parallelize([(2, "c"), (3, "d")]).partitionBy(2)
    assert one.union(two).glom().collect() == [[(2, "b"), (2, "c")], [(1, "a"), (3, "d")]]
    assert one.union(sc.parallelize([(2, "c")], 3)).getNumPartitions() == 5


HASHES = [
    (None, 0),
    (0, 0),
    (1, 1),
    (-1, -2),
    (2**31, 2**31),
    (True, 1),
    (1.0, 1),
    (0.5, 1152921504606846976),
    (2**70, 512),
    ((), 3430008),
    ((1, 2), 3430029580082870073),
    ((None, 1), 3430028580079870073),
    ((-1.5, (2,)), 8070447335752339372),
]


@pytest.mark.parametrize(("key", "expected"), HASHES)
def test_portable_hash_of_numbers_and_tuples(sc, key, expected):  # behaviour 3.23
    from tidemill.rdd import portable_hash

    assert portable_hash(key) == expected
    assert sc.parallelize([key], 1).map(portable_hash).collect() == [expected]


TEXTS = ["", "a", "tidemill", "naïve", "日本語", "🦀", b"", b"bytes", ("a", 1), ("a", None, (b"x",))]


@pytest.mark.parametrize("key", TEXTS)
def test_portable_hash_is_the_same_in_driver_and_tasks(sc, key):  # behaviour 3.23
    from tidemill.rdd import portable_hash

    assert sc.parallelize([key], 1).map(portable_hash).collect() == [portable_hash(key)]


KEYS = [
    None, 0, 1, -1, -7, 2**40, 2**70, True, 1.5, -0.0, float("inf"), "", "a", "naïve", "日本語", b"x",
    (1, "a"), ((), None),
]


@pytest.mark.parametrize("key", KEYS, ids=repr)
@pytest.mark.parametrize("alike", [True, False])
def test_a_key_lies_where_its_hash_says(sc, key, alike):  # behaviour 3.23, 1.31
    from tidemill.rdd import portable_hash

    # Keys of one type travel as a typed column, mixed ones as pickled objects: both lie alike.
    pairs = [(key, 1)] * 3 if alike else [(key, 1), ("other", 2), (99, 3)]
    parts = sc.parallelize(pairs, 2).partitionBy(7)
    misplaced = parts.mapPartitionsWithIndex(
        lambda index, part: [(key, index) for key, _ in part if portable_hash(key) % 7 != index]
    )
    assert misplaced.collect() == []
    assert parts.count() == 3


def test_partition_by_a_function_of_the_programs_own(sc):  # behaviour 1.31
    numbers = sc.parallelize([(n, str(n)) for n in range(6)], 3)
    assert numbers.partitionBy(3, lambda n: -n).glom().collect() == [
        [(0, "0"), (3, "3")],
        [(2, "2"), (5, "5")],
        [(1, "1"), (4, "4")],
    ]


def test_partition_by_the_layout_that_is_there_changes_nothing(sc):
    parts = sc.parallelize([(1, 1), (2, 2)]).partitionBy(3)
    assert parts.partitionBy(3) is parts
    assert parts.partitioner.numPartitions == 3
    assert parts.mapValues(str).partitioner == parts.partitioner
    assert parts.map(lambda pair: pair).partitioner is None
    assert parts.map(lambda pair: pair, preservesPartitioning=True).partitioner == parts.partitioner


def test_keys_come_in_first_seen_order(sc):  # behaviour 3.22
    words = ["the", "quick", "fox", "the", "lazy", "dog", "the", "fox"]
    pairs = sc.parallelize(words, 3).map(lambda word: (word, 1))
    assert pairs.reduceByKey(lambda a, b: a + b, 1).collect() == [
        ("the", 3), ("quick", 1), ("fox", 2), ("lazy", 1), ("dog", 1),
    ]
    assert pairs.map(lambda pair: (len(pair[0]), 1)).reduceByKey(lambda a, b: a + b, 2).glom().collect() == [
        [(4, 1)], [(3, 6), (5, 1)],
    ]


def test_coalesce_and_repartition(sc):  # behaviour 3.4
    numbers = sc.parallelize(range(6), 6)
    assert numbers.coalesce(3).glom().collect() == [[0, 1], [2, 3], [4, 5]]
    assert numbers.coalesce(9).getNumPartitions() == 6
    assert numbers.coalesce(9, True).getNumPartitions() == 9
    assert sorted(numbers.repartition(2).collect()) == list(range(6))
    assert numbers.repartition(8).getNumPartitions() == 8


def test_an_rdd_is_true_and_has_no_length(sc):  # behaviour 3.29
    assert bool(sc.emptyRDD())
    with pytest.raises(TypeError):
        len(sc.emptyRDD())
