"""Actions: what reaches the driver."""
from __future__ import annotations

import math
from operator import add

import pytest


def test_take_and_first(sc):  # behaviour 3.28, 3.6
    numbers = sc.parallelize(range(100), 10)
    assert numbers.take(0) == []
    assert numbers.take(13) == list(range(13))
    assert numbers.take(1000) == list(range(100))
    assert numbers.filter(lambda n: n > 97).take(5) == [98, 99]
    assert numbers.first() == 0


def test_take_asks_one_partition_first_and_stops_early(sc, tmp_path):  # behaviour 3.28
    seen = str(tmp_path)

    def note(index, part):
        open(f"{seen}/{index}", "w").close()
        return part

    assert sc.parallelize(range(100), 10).mapPartitionsWithIndex(note).take(5) == [0, 1, 2, 3, 4]
    assert [path.name for path in tmp_path.iterdir()] == ["0"]


def test_an_empty_rdd(sc):  # behaviour 3.25
    for empty in (sc.emptyRDD(), sc.parallelize([], 3)):
        with pytest.raises(ValueError, match=r"Can not reduce\(\) empty RDD"):
            empty.reduce(add)
        with pytest.raises(ValueError, match=r"Can not reduce\(\) empty RDD"):
            empty.max()
        with pytest.raises(ValueError, match="RDD is empty"):
            empty.first()
        assert (empty.count(), empty.sum(), empty.isEmpty(), empty.take(3)) == (0, 0, True, [])


def test_fold_and_aggregate_use_zero_once_a_partition_and_once_more(sc):  # behaviour 3.25
    assert sc.parallelize([1, 2, 3], 3).fold(10, add) == 46
    assert sc.parallelize([1, 2, 3], 3).aggregate(10, add, add) == 46
    assert sc.parallelize([], 2).fold(1, add) == 3


def test_the_zero_value_is_not_shared_between_partitions(sc):
    lists = sc.parallelize([1, 2, 3], 3).aggregate([], lambda c, v: c.append(v) or c, lambda a, b: a + b)
    assert lists == [1, 2, 3]


def test_reduce_and_trees(sc):
    numbers = sc.parallelize([-5, -4, -3, -2, -1, 1, 2, 3, 4], 10)
    assert numbers.reduce(add) == -5
    assert numbers.treeReduce(add) == -5
    assert numbers.treeReduce(add, 5) == -5
    assert numbers.treeAggregate(0, add, add, 2) == -5
    assert sc.parallelize("abcd", 4).reduce(lambda a, b: f"({a}{b})") == "(((ab)c)d)"


def test_statistics(sc):  # behaviour 3.16
    numbers = sc.parallelize([1, 2, 3, 4], 3)
    assert (numbers.max(), numbers.min(), numbers.sum(), numbers.mean(), numbers.count()) == (4, 1, 10, 2.5, 4)
    assert numbers.max(key=lambda n: -n) == 1
    assert numbers.variance() == 1.25
    assert numbers.sampleVariance() == pytest.approx(5 / 3)
    assert numbers.stdev() == pytest.approx(math.sqrt(1.25))
    assert numbers.sampleStdev() == pytest.approx(math.sqrt(5 / 3))
    stats = numbers.map(float).stats()
    assert (stats.count(), stats.mean(), stats.sum(), stats.min(), stats.max()) == (4, 2.5, 10.0, 1.0, 4.0)
    assert str(stats) == "(count: 4, mean: 2.5, stdev: 1.118033988749895, max: 4.0, min: 1.0)"


def test_stat_counters_merge(sc):  # behaviour 3.16
    from tidemill.statcounter import StatCounter

    one, two = StatCounter([1, 2]), StatCounter([3.0, 4.0])
    both = one.copy().mergeStats(two)
    assert (both.count(), both.mean(), both.variance()) == (4, 2.5, 1.25)
    assert one.merge(9).count() == 3
    assert set(one.asDict()) == {"count", "mean", "sum", "min", "max", "stdev", "variance"}
    assert math.isnan(StatCounter().variance())
    assert math.isnan(StatCounter([1]).sampleVariance())


def test_histogram(sc):
    numbers = sc.parallelize(range(51))
    assert numbers.histogram(2) == ([0, 25, 50], [25, 26])
    assert numbers.histogram([0, 5, 25, 50]) == ([0, 5, 25, 50], [5, 20, 26])
    assert sc.parallelize(["ab", "ac", "b", "bd", "ef"]).histogram(("a", "b", "c")) == (("a", "b", "c"), [2, 2])
    with pytest.raises(ValueError, match="empty"):
        sc.parallelize([]).histogram(2)
    with pytest.raises(TypeError):
        numbers.histogram("2")


def test_counts_by_value(sc):  # behaviour 1.41
    counts = sc.parallelize([1, 2, None, 1, 2, 2], 2).countByValue()
    assert dict(counts) == {1: 2, 2: 3, None: 1}


def test_top_and_take_ordered(sc):
    numbers = sc.parallelize([10, 4, 2, 12, 3], 2)
    assert numbers.top(2) == [12, 10]
    assert numbers.top(3, key=str) == [4, 3, 2]
    assert numbers.takeOrdered(3) == [2, 3, 4]
    assert numbers.takeOrdered(2, key=lambda n: -n) == [12, 10]


def test_take_sample(sc):
    numbers = sc.parallelize(range(10), 3)
    assert len(numbers.takeSample(True, 20, 1)) == 20
    assert len(numbers.takeSample(False, 5, 2)) == 5
    assert sorted(numbers.takeSample(False, 15, 3)) == list(range(10))
    assert numbers.takeSample(False, 4, 7) == numbers.takeSample(False, 4, 7)


def test_foreach_runs_in_tasks(sc):
    total = sc.accumulator(0)
    parts = sc.accumulator(0)
    numbers = sc.parallelize([1, 2, 3], 2)
    assert numbers.foreach(lambda n: total.add(n)) is None

    def whole(part):
        parts.add(1)
        total.add(sum(part))

    assert numbers.foreachPartition(whole) is None
    assert (total.value, parts.value) == (12, 2)


def test_local_iterator(sc):
    numbers = sc.parallelize(range(10), 4)
    assert list(numbers.toLocalIterator()) == list(range(10))
    assert list(numbers.toLocalIterator(prefetchPartitions=True)) == list(range(10))
    assert next(numbers.toLocalIterator()) == 0


def test_approximate_counts(sc):
    numbers = sc.parallelize(range(1000), 4)
    assert numbers.countApprox(10_000) == 1000
    assert float(numbers.sumApprox(10_000)) == pytest.approx(499500, rel=0.05)
    assert float(numbers.meanApprox(10_000)) == pytest.approx(499.5, rel=0.05)
    assert 900 < numbers.map(str).countApproxDistinct() < 1100
    with pytest.raises(ValueError, match="relativeSD should be greater than 0.000017"):
        numbers.countApproxDistinct(0.00000001)


def test_run_job_over_some_partitions(sc):  # behaviour 3.12
    numbers = sc.parallelize(range(6), 3)
    assert sc.runJob(numbers, lambda part: [n * n for n in part]) == [0, 1, 4, 9, 16, 25]
    assert sc.runJob(numbers, lambda part: [n * n for n in part], [0, 2]) == [0, 1, 16, 25]


def test_collect_with_job_group(sc):
    import warnings

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        assert sc.parallelize([1, 2]).collectWithJobGroup("group", "words") == [1, 2]


def test_a_result_keeps_its_types(sc):
    values = [1, True, 1.0, "1", b"1", None, (1,), [1], {1}, {"a": 1}, 2**70, float("inf"), complex(1, 2), range(3)]
    back = sc.parallelize(values, 3).map(lambda value: value).collect()
    assert back == values
    assert [type(value) for value in back] == [type(value) for value in values]


@pytest.mark.parametrize(
    "values",
    [
        ["a\nb", "c"], ["", ""], ["\0", "x\0y"], ["\r\n"], ["\ud800"], [1, 2**63], [-(2**63), 2**63 - 1], [-0.0, 0.0],
        [True, 1], [b"", b"\n"], [None, None], [("a", "b\nc")], [("a",)], [(1, 2, 3)], [[1], (1, 2)],
    ],
    ids=repr,
)
def test_columns_lose_nothing(sc, values):
    def shape(value):
        return (type(value), str(value))

    once = sc.parallelize(values, 1).map(lambda value: value)
    assert list(map(shape, once.collect())) == list(map(shape, values))
    spread = once.map(lambda value: (0, value)).groupByKey(1).flatMap(lambda pair: list(pair[1])).collect()
    assert list(map(shape, spread)) == list(map(shape, values))
