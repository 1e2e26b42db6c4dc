"""`transform` and its kin: functions of the program's own between RDDs, batch by batch."""
from __future__ import annotations

from datetime import datetime
from functools import partial

import pytest

from harness import differs, eventually
from tidemill.errors import EngineError


def test_transform_gets_the_rdd_or_time_and_rdd(run_stream):  # behaviour 1.43
    times = []

    def with_time(time, rdd):
        times.append(time)
        return rdd.map(lambda n: n * 10)

    assert run_stream(lambda s: s.transform(lambda rdd: rdd.map(lambda n: n + 1)), [[1], [2]]) == [[2], [3]]
    assert run_stream(lambda s: s.transform(with_time), [[1], [2]]) == [[10], [20]]
    assert all(type(time) is datetime and time.tzinfo is None for time in times)
    assert times == sorted(times)


def test_transform_is_called_each_batch_in_the_driver_and_may_run_jobs(run_stream):  # behaviour 1.43
    counts = []

    def noted(rdd):
        counts.append(rdd.count())
        return rdd.sortBy(lambda n: -n)

    assert run_stream(lambda s: s.transform(noted), [[1, 3, 2], [5, 6]]) == [[3, 2, 1], [6, 5]]
    assert counts[:2] == [3, 2]


def test_transform_refuses_other_arities(new_stream):  # behaviour 1.43, 1.44
    stream = new_stream().queueStream([[1]])
    with pytest.raises(AssertionError, match="func should take one or two arguments"):
        stream.transform(lambda: None)
    with pytest.raises(AssertionError, match="func should take one or two arguments"):
        stream.transform(lambda a, b, c: a)
    with pytest.raises(AssertionError, match="func should take two or three arguments"):
        stream.transformWith(lambda a: a, stream)


@differs("10.3", "PySpark asks a function for its __code__")
@pytest.mark.parametrize(
    "function",
    [
        partial(lambda factor, rdd: rdd.map(lambda n: n * factor), 3),
        type("Triple", (), {"__call__": lambda self, rdd: rdd.map(lambda n: n * 3)})(),
        type("Triple", (), {"of": lambda self, rdd: rdd.map(lambda n: n * 3)})().of,
    ],
    ids=["partial", "object", "method"],
)
def test_10_3_transform_takes_anything_that_can_be_called(run_stream, function):  # behaviour 10.3
    assert run_stream(lambda s: s.transform(function), [[1], [2]]) == [[3], [6]]


def test_transform_with_another_stream(run_stream):  # behaviour 1.44
    def both(a, b):
        return a.union(b)

    def at_time(time, a, b):
        assert isinstance(time, datetime)
        return b.union(a)

    assert run_stream(lambda s, t: s.transformWith(both, t), [[1], [2]], [[3], [4]]) == [[1, 3], [2, 4]]
    assert run_stream(lambda s, t: s.transformWith(at_time, t), [[1], [2]], [[3], [4]]) == [[3, 1], [4, 2]]


def test_transform_with_an_rdd_of_the_driver(run_stream, sc):
    spam = sc.parallelize([("bad", True)], 1)
    cleaned = lambda s: s.transform(lambda rdd: rdd.leftOuterJoin(spam, 1).filter(lambda pair: not pair[1][1]).keys())
    assert run_stream(cleaned, [[("bad", 1), ("good", 2)], [("bad", 3)]]) == [["good"], []]


def test_transform_over_several_streams(run_stream):  # behaviour 1.17
    def join_all(rdds):
        assert len(rdds) == 3
        return rdds[0].union(rdds[2]).union(rdds[1])

    build = lambda a, b, c: a.context().transform([a, b, c], join_all)
    assert run_stream(build, [[1], [2]], [[3], [4]], [[5], [6]]) == [[1, 5, 3], [2, 6, 4]]


def test_transform_over_no_stream_is_refused(new_stream):  # behaviour 1.17
    ssc = new_stream()
    with pytest.raises(EngineError):
        ssc.transform([], lambda rdds: rdds[0])


def odd_batches():
    """A function that has an RDD in every other batch only, beginning with the first."""
    calls = []

    def odd(rdd):
        calls.append(1)
        return rdd if len(calls) % 2 else None

    return odd


def test_no_rdd_means_no_output(run_stream):  # behaviour 1.43
    assert run_stream(lambda s: s.transform(odd_batches()), [[1], [2], [3], [4]], batches=2) == [[1], [3]]


def test_no_rdd_of_a_cached_stream_skips_its_children(run_stream):  # behaviour 1.43
    build = lambda s: s.transform(odd_batches()).cache().map(lambda n: n * 10)
    assert run_stream(build, [[1], [2], [3], [4]], batches=2) == [[10], [30]]


@differs("10.13", "in PySpark a map that is folded with it meets None")
def test_10_13_no_rdd_of_a_folded_stream_skips_its_children_too(run_stream):  # behaviour 10.13
    build = lambda s: s.transform(odd_batches()).map(lambda n: n * 10)
    assert run_stream(build, [[1], [2], [3], [4]], batches=2) == [[10], [30]]


def test_no_rdd_is_empty_in_a_join(run_stream):  # behaviour 1.43
    build = lambda s, t: t.leftOuterJoin(s.transform(odd_batches()), 1)
    pairs = [[("a", 1)], [("a", 2)], [("a", 3)]]
    assert run_stream(build, pairs, [[("a", "x")]] * 3) == [[("a", ("x", 1))], [("a", ("x", None))], [("a", ("x", 3))]]


def test_10_13_a_shared_stream_is_computed_once_a_child_unless_cached(new_stream):  # behaviour 1.57, 10.13
    def calls_of(cached):
        ssc = new_stream()
        calls, results = [], []

        def note(time, rdd):
            calls.append(time)
            return rdd

        shared = ssc.queueStream([[1]]).transform(note)
        if cached:
            shared.cache()
        shared.map(lambda n: n).foreachRDD(lambda time, rdd: None)
        shared.map(lambda n: n).foreachRDD(lambda time, rdd: results.append(time))
        ssc.start()
        eventually(lambda: results, "a batch")
        ssc.stop(False)
        return calls.count(calls[0])

    assert (calls_of(cached=False), calls_of(cached=True)) == (2, 1)


def test_what_the_driver_changes_is_seen_by_the_next_batch(run_stream):  # behaviour 10.7, 3.30
    model = {"factor": 1}

    def grow(rdd):
        model["factor"] += 1
        return rdd

    build = lambda s: s.transform(grow).map(lambda n: n * model["factor"])
    assert run_stream(build, [[1], [1], [1]]) == [[2], [3], [4]]


def test_10_7_functions_are_pickled_again_for_each_batch(new_stream):  # behaviour 10.7
    ssc = new_stream()
    seen, model = [], [0]

    def learn(rdd):
        seen.extend(rdd.collect())
        model[0] = 1

    ssc.queueStream([[1]], default=[1]).map(lambda n: (n, model[0])).foreachRDD(learn)
    ssc.start()
    eventually(lambda: (1, 1) in seen, "a batch that knows what an earlier one learned")
    assert seen[0] == (1, 0) and seen == sorted(seen)


def test_10_6_functions_may_change_their_arguments(run_stream):  # behaviour 10.6
    build = lambda s: s.map(lambda n: ("k", [n])).reduceByKey(lambda a, b: a.extend(b) or a, 1)
    assert run_stream(build, [[1, 2, 3], [4, 5]], slices=2) == [[("k", [1, 2, 3])], [("k", [4, 5])]]


def test_a_transform_that_raises_loses_its_batch_only(new_stream):  # behaviour 2.40, 10.1
    ssc = new_stream()
    results = []

    def refuse_two(rdd):
        if 2 in rdd.collect():
            raise ValueError("not two")
        return rdd

    ssc.queueStream([[1], [2], [3]]).transform(refuse_two).foreachRDD(lambda rdd: results.append(rdd.collect()))
    ssc.start()
    with pytest.raises(EngineError, match="not two"):
        ssc.awaitTerminationOrTimeout(60)
    eventually(lambda: [3] in results, "the third batch")
    assert [2] not in results and results[0] == [1]
