"""What a function sees of the world around it: captured objects, globals, and the errors of what cannot travel."""
from __future__ import annotations

import threading

import pytest

from harness import ON_PYSPARK

LIMIT = 10


def above_limit(n):
    return n > LIMIT


class Scale:
    """A class of the program's own, with an operator and an order."""

    def __init__(self, factor):
        self.factor = factor

    def times(self, n):
        return self.factor * n

    def __eq__(self, other):
        return isinstance(other, Scale) and self.factor == other.factor

    def __hash__(self):
        return hash(self.factor)


def test_functions_globals_and_methods(sc):
    numbers = sc.parallelize([5, 15], 2)
    assert numbers.filter(above_limit).collect() == [15]
    assert numbers.map(Scale(3).times).collect() == [15, 45]


def test_objects_of_the_programs_own_classes_travel(sc):
    scales = sc.parallelize([Scale(1), Scale(2), Scale(1)], 3)
    assert sorted(scales.map(lambda scale: (scale, 1)).reduceByKey(lambda a, b: a + b, 2).map(
        lambda pair: (pair[0].factor, pair[1])
    ).collect()) == [(1, 2), (2, 1)]
    assert scales.collect() == [Scale(1), Scale(2), Scale(1)]


def test_captured_objects_start_fresh_in_each_task(sc):  # behaviour 10.6
    seen = []
    assert sc.parallelize([1, 2, 3, 4], 2).map(lambda n: seen.append(n) or len(seen)).collect() == [1, 2, 1, 2]
    assert seen == []


def test_functions_of_a_chain_share_what_they_capture(sc):
    seen = []
    chain = sc.parallelize([1, 2], 1).map(lambda n: seen.append(n) or n).map(lambda n: (n, list(seen)))
    assert chain.collect() == [(1, [1]), (2, [1, 2])]


def test_a_bound_method_that_mutates_starts_fresh_too(sc):
    seen = []
    numbers = sc.parallelize([1, 2, 3], 1).map(seen.append)
    numbers.collect()
    assert sc.parallelize([1], 1).map(lambda _: len(seen)).collect() == [0]


def test_a_function_is_pickled_when_the_rdd_is_first_needed(sc):  # behaviour 3.30
    factor = [2]
    numbers = sc.parallelize([1, 2], 1).map(lambda n: n * factor[0])
    factor[0] = 3
    assert numbers.collect() == [3, 6]
    factor[0] = 4
    assert numbers.collect() == [3, 6]
    assert sc.parallelize([1, 2], 1).map(lambda n: n * factor[0]).collect() == [4, 8]


def test_objects_along_a_chain_are_shared_but_never_with_the_driver(sc):
    lists = [[1], [2]]
    assert sc.parallelize(lists, 1).map(lambda l: l.append(0) or l).collect() == [[1, 0], [2, 0]]
    assert lists == [[1], [2]]


def test_what_is_kept_is_not_changed_by_who_reads_it(sc):  # behaviour 10.6
    kept = sc.parallelize([[1], [2]], 1).map(list).cache()
    assert kept.map(lambda l: l.append(0) or l).collect() == [[1, 0], [2, 0]]
    assert kept.collect() == [[1], [2]]


def test_what_cannot_be_pickled_is_named(sc):
    lock = threading.Lock()
    with pytest.raises(Exception, match="cannot pickle '_thread.lock' object") as caught:
        sc.parallelize([1]).map(lambda n: (lock, n)).collect()
    assert "Could not serialize object" in str(caught.value)
    if not ON_PYSPARK:
        assert "`lock`" in str(caught.value) or "'lock'" in str(caught.value)


def test_a_context_inside_a_function_is_refused(sc):
    with pytest.raises(Exception, match="reference SparkContext from a broadcast variable, action, or transfor"):
        sc.parallelize([1]).map(lambda n: sc.parallelize([n]).count()).collect()


def test_an_rdd_inside_a_function_is_refused(sc):
    other = sc.parallelize([1])
    with pytest.raises(Exception, match="SPARK-5063"):
        sc.parallelize([1]).map(lambda n: other.count() + n).collect()


def test_a_record_that_cannot_be_pickled_is_refused(sc):
    with pytest.raises(Exception, match="cannot pickle '_thread.lock' object"):
        sc.parallelize([threading.Lock()], 1).count()
