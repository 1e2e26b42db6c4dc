"""Stream operators on each batch by itself."""
from __future__ import annotations

from operator import add

import pytest

from harness import INTERVAL

BATCHES = [[1, 2, 3, 4], [5, 6], []]


def lists(stream):
    """Grouped values as plain lists, so that they can be compared."""
    return stream.mapValues(lambda value: tuple(map(list, value)) if isinstance(value, tuple) else list(value))


@pytest.mark.parametrize(
    ("build", "expected"),
    [
        (lambda s: s.map(lambda n: None if n == 2 else n * 10), [[10, None, 30, 40], [50, 60], []]),  # behaviour 1.25
        (lambda s: s.filter(lambda n: n % 2), [[1, 3], [5], []]),  # behaviour 1.23
        (lambda s: s.flatMap(lambda n: (n, -n) if n < 3 else ()), [[1, -1, 2, -2], [], []]),  # behaviour 1.24
        (lambda s: s.mapPartitions(lambda part: [sum(part)]), [[3, 7], [5, 6], [0, 0]]),  # behaviour 1.26
        (lambda s: s.mapPartitionsWithIndex(lambda i, part: [(i, n) for n in part]),  # behaviour 1.27
         [[(0, 1), (0, 2), (1, 3), (1, 4)], [(0, 5), (1, 6)], []]),
        (lambda s: s.glom(), [[[1, 2], [3, 4]], [[5], [6]], [[], []]]),  # behaviour 1.36
        (lambda s: s.count(), [[4], [2], [0]]),  # behaviour 1.22
        (lambda s: s.reduce(add), [[10], [11], []]),  # behaviour 1.28
        (lambda s: s.repartition(1).map(lambda n: n), None),  # behaviour 1.45
    ],
    ids=["map", "filter", "flatMap", "mapPartitions", "withIndex", "glom", "count", "reduce", "repartition"],
)
def test_each_batch(run_stream, build, expected):
    results = run_stream(build, BATCHES, slices=2)
    if expected is None:
        results, expected = [sorted(batch) for batch in results], BATCHES
    assert results == expected


PAIRS = [[("a", 1), ("b", 1), ("a", 2)], [("b", 3)], []]


@pytest.mark.parametrize(
    ("build", "expected"),
    [
        (lambda s: s.mapValues(lambda v: v + 10),  # behaviour 1.34
         [[("a", 11), ("b", 11), ("a", 12)], [("b", 13)], []]),
        (lambda s: s.flatMapValues(range),  # behaviour 1.35
         [[("a", 0), ("b", 0), ("a", 0), ("a", 1)], [("b", 0), ("b", 1), ("b", 2)], []]),
        (lambda s: s.reduceByKey(add, 1), [[("a", 3), ("b", 1)], [("b", 3)], []]),  # behaviour 1.29
        (lambda s: lists(s.groupByKey(1)), [[("a", [1, 2]), ("b", [1])], [("b", [3])], []]),  # behaviour 1.40
        (lambda s: s.combineByKey(str, lambda c, v: f"{c}+{v}", lambda a, b: f"{a}&{b}", 1),  # behaviour 1.30
         [[("a", "1&2"), ("b", "1")], [("b", "3")], []]),
    ],
    ids=["mapValues", "flatMapValues", "reduceByKey", "groupByKey", "combineByKey"],
)
def test_each_batch_of_pairs(run_stream, build, expected):
    assert run_stream(build, PAIRS, slices=2) == expected


def test_count_by_value(run_stream):  # behaviour 1.41
    batches = [["a", None, "a", (1, 2)], [None], []]
    results = run_stream(lambda s: s.countByValue(), batches, slices=2)
    assert [dict(batch) for batch in results] == [{"a": 2, None: 1, (1, 2): 1}, {None: 1}, {}]


def test_keys_take_the_default_number_of_partitions(run_stream):  # behaviour 1.29
    def partitions(rdd):
        return rdd.getNumPartitions()

    assert run_stream(lambda s: s.reduceByKey(add), PAIRS, slices=2, collect=partitions) == [4] * 3
    assert run_stream(lambda s: s.groupByKey(7), PAIRS, slices=2, collect=partitions) == [7] * 3


def test_partition_by(run_stream):  # behaviour 1.31
    build = lambda s: s.map(lambda n: (n, n)).partitionBy(3, lambda key: -key)
    glom = lambda rdd: [[key for key, _ in part] for part in rdd.glom().collect()]
    assert run_stream(build, BATCHES, slices=2, collect=glom) == [[[3], [2], [1, 4]], [[6], [5], []], [[], [], []]]


JOINS = [
    ("join", [[("a", (1, "x")), ("a", (2, "x"))], []]),
    ("leftOuterJoin", [[("a", (1, "x")), ("a", (2, "x")), ("b", (1, None))], [("b", (3, None))]]),
    ("rightOuterJoin", [[("a", (1, "x")), ("a", (2, "x")), ("c", (None, "y"))], [(None, (None, "z"))]]),
    ("fullOuterJoin", [[("a", (1, "x")), ("a", (2, "x")), ("b", (1, None)), ("c", (None, "y"))],
                       [("b", (3, None)), (None, (None, "z"))]]),
]
OTHER = [[("a", "x"), ("c", "y")], [(None, "z")]]


@pytest.mark.parametrize(("how", "expected"), JOINS)
def test_joins(run_stream, how, expected):  # behaviour 1.48
    assert run_stream(lambda one, two: getattr(one, how)(two, 1), PAIRS[:2], OTHER, slices=2) == expected


def test_cogroup(run_stream):  # behaviour 1.47
    assert run_stream(lambda one, two: lists(one.cogroup(two, 1)), PAIRS[:2], OTHER, slices=2) == [
        [("a", ([1, 2], ["x"])), ("b", ([1], [])), ("c", ([], ["y"]))],
        [("b", ([3], [])), (None, ([], ["z"]))],
    ]


def test_union_of_two(run_stream):  # behaviour 1.46
    assert run_stream(lambda one, two: one.union(two), BATCHES, [[7], [], [8, 9]], slices=2) == [
        [1, 2, 3, 4, 7], [5, 6], [8, 9],
    ]


def test_union_of_many(run_stream):  # behaviour 1.18
    def build(one, two, three):
        ssc = one.context()
        assert ssc.union(two) is two
        with pytest.raises(ValueError, match="should have at least one DStream to union"):
            ssc.union()
        return ssc.union(three, one, two)

    assert run_stream(build, [[1], [2]], [[3], [4]], [[5], [6]]) == [[5, 1, 3], [6, 2, 4]]


def test_unions_refuse_different_slides(new_stream):  # behaviour 1.18, 1.46
    ssc = new_stream()
    one = ssc.queueStream([[1]])
    two = one.window(8 * INTERVAL, 2 * INTERVAL)
    with pytest.raises(ValueError, match="All DStreams should have same slide duration"):
        ssc.union(one, two)
    with pytest.raises(ValueError, match="the two DStream should have same slide duration"):
        one.union(two)


def test_a_result_iterable_has_length_iterator_and_data(run_stream):  # behaviour 1.40
    def look(values):
        return len(values), sorted(values), list(values.data)

    assert run_stream(lambda s: s.groupByKey(1).mapValues(look), PAIRS[:1], slices=2) == [
        [("a", (2, [1, 2], [1, 2])), ("b", (1, [1], [1]))],
    ]


def test_10_8_order_is_part_of_the_result(run_stream):  # behaviour 10.8, 3.22, 1.20
    words = ["the", "quick", "fox", "the", "lazy", "dog", "the", "fox"]
    assert run_stream(lambda s: s.map(lambda w: (w, 1)).reduceByKey(add, 1), [words, words[::-1]], slices=3) == [
        [("the", 3), ("quick", 1), ("fox", 2), ("lazy", 1), ("dog", 1)],
        [("fox", 2), ("the", 3), ("dog", 1), ("lazy", 1), ("quick", 1)],
    ]


def test_a_stream_knows_its_context(new_stream, sc):  # behaviour 1.5, 1.20, 1.21, 1.37
    ssc = new_stream()
    stream = ssc.queueStream([[1]])
    assert stream.context() is ssc and ssc.sparkContext is sc
    assert (stream.is_cached, stream.is_checkpointed) == (False, False)
    assert stream.cache() is stream
    assert stream.is_cached
