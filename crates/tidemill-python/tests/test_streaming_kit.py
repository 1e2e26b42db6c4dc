"""The kit with which programs are tested: what it gives, and what streams do under its clock."""
from __future__ import annotations

import gc
from datetime import datetime
from operator import add, sub

import pytest

from harness import eventually
from tidemill import SparkContext, StorageLevel
from tidemill.errors import EngineError
from tidemill.streaming import StreamingContext, StreamingListener
from tidemill.testing import TestContext, check


@pytest.fixture
def test(sc):
    with TestContext() as kit:
        yield kit


def test_check_compares_batch_by_batch(sc):
    check([[1, 2], [], [3]], lambda numbers: numbers.map(lambda x: x * 10), [[10, 20], [], [30]])
    with pytest.raises(AssertionError, match=r"\[\[1\]\]\nand these were expected:\n\[\[2\]\]"):
        check([[1]], lambda numbers: numbers, [[2]])


def test_check_raises_what_a_batch_reports(sc):
    with pytest.raises(EngineError, match="ZeroDivisionError"):
        check([[0]], lambda numbers: numbers.map(lambda x: 1 // x), [[0]])


def test_batch_times_are_those_of_the_kits_clock(test):
    feed, numbers = test.input()
    seen = test.collect(numbers)
    feed.push([1])
    feed.push([2])
    test.tick(2)
    assert seen.take() == [(test.time(1), [1]), (test.time(2), [2])]
    assert test.time(1) == datetime.fromtimestamp(1)


def test_a_kit_may_begin_at_any_time(sc):
    with TestContext(interval=0.25, start=1_000_000) as kit:
        feed, numbers = kit.input()
        seen = kit.collect(numbers)
        feed.push([1])
        kit.tick()
        assert seen.take() == [(datetime.fromtimestamp(1_000_000.25), [1])]


def test_a_batch_may_have_no_rdd_and_no_partitions(test):
    feed, numbers = test.input()
    shapes = []
    numbers.foreachRDD(lambda rdd: shapes.append(rdd.getNumPartitions()))
    feed.push([1])
    feed.push_none()
    feed.push([])
    test.tick(4)
    assert shapes == [2, 2, 0]


def test_the_kit_makes_a_context_of_its_own_where_there_is_none(no_context):
    with TestContext() as kit:
        assert SparkContext._active_spark_context is kit.sc
    assert SparkContext._active_spark_context is None


def test_windows_of_a_long_stream_hold_no_more_than_their_batches(test):
    """An inverse window follows from the one before; neither its lineage nor what is kept of it may grow."""
    feed, pairs = test.input(1)
    sums = pairs.reduceByKeyAndWindow(add, sub, 5, 1, 1)
    depths, sizes = [], []

    def look(time, rdd):
        if time.second == 0:
            depths.append(rdd.toDebugString().count(b"\n"))
            gc.collect()
            sizes.append(len(gc.get_objects()))
        assert rdd.collect()[0][1] == 5 or time <= test.time(4)

    sums.foreachRDD(look)
    for _ in range(1000):
        feed.push([("a", 1)])
        test.tick()
    assert len(set(depths[1:])) == 1, "the lineage does not grow"
    assert sizes[-1] - sizes[2] < 2_000, "nor does what Python holds"


def test_a_window_that_fails_is_made_anew_when_the_bad_batch_has_left(test):
    """Unlike in Spark, where every later window follows from the one that failed."""
    feed, pairs = test.input(1)

    def merge(a, b):
        if b < 0:
            raise ValueError("below zero")
        return a + b

    seen = test.collect(pairs.reduceByKeyAndWindow(merge, sub, 5, 1, 1))
    feed.push([("a", 1)])
    test.tick()
    feed.push([("a", -1), ("a", -1)])
    for _ in range(5):
        with pytest.raises(EngineError, match="below zero"):
            test.tick()
        feed.push([("a", 1)])
    test.tick(2)
    assert seen.values() == [[("a", 1)], [("a", 5)], [("a", 4)]]


def test_an_error_of_the_driver_is_the_cause_of_what_is_raised(test):
    feed, numbers = test.input()

    def fail(rdd):
        raise LookupError("not here")

    numbers.foreachRDD(fail)
    feed.push([1])
    with pytest.raises(EngineError) as raised:
        test.tick()
    error = raised.value
    assert isinstance(error.__cause__, LookupError)
    assert (error.kind, error.exception) == ("function", "LookupError")
    assert "in fail\n" in error.traceback and "LookupError: not here" in str(error)
    begin = "An exception was raised by Python:\nTraceback (most recent call last):\n  File \"" + __file__
    assert begin in str(error), "from the program's own line on"
    assert error.__cause__.__traceback__.tb_frame.f_code.co_filename == __file__
    assert "foreachRDD at " in error.operator and "test_streaming_kit.py" in error.operator


def test_an_error_of_a_task_tells_of_the_task_and_of_the_batch(test):
    feed, numbers = test.input()
    numbers.map(lambda x: 1 // x).foreachRDD(lambda rdd: rdd.collect())
    feed.push([0])
    with pytest.raises(EngineError) as raised:
        test.tick()
    error = raised.value
    assert isinstance(error.__cause__, EngineError)
    assert (error.kind, error.exception) == ("task", "ZeroDivisionError")
    assert "map at " in error.operator and "batch 1000 ms" in str(error)


def test_outputs_may_stop_the_context(sc):
    with TestContext() as kit:
        feed, numbers = kit.input()
        seen = []
        numbers.foreachRDD(lambda rdd: (seen.append(rdd.collect()), kit.ssc.stop(False)))
        feed.push([1])
        kit.tick()
        assert kit.ssc.awaitTerminationOrTimeout(60) is True
        assert seen == [[1]]


def test_a_listener_cannot_stop_the_context(test):
    feed, numbers = test.input()
    refused = []

    class Stopper(StreamingListener):
        def onBatchStarted(self, batchStarted):
            try:
                test.ssc.stop(False)
            except EngineError as error:
                refused.append(str(error))

    test.ssc.addStreamingListener(Stopper())
    numbers.foreachRDD(lambda rdd: None)
    feed.push([1, 2])
    test.tick()
    test.ssc.stop(False)
    assert refused == ["Cannot stop StreamingContext within listener bus thread."]


def test_listeners_are_told_how_much_was_pushed(test):
    feed, numbers = test.input()
    counts = []

    class Counter(StreamingListener):
        def onBatchCompleted(self, batchCompleted):
            info = batchCompleted.batchInfo()
            counts.append((info.batchTime().milliseconds(), info.numRecords(), len(info.outputOperationInfos())))

    test.ssc.addStreamingListener(Counter())
    numbers.foreachRDD(lambda rdd: None)
    feed.push([1, 2])
    test.tick(2)
    test.ssc.stop(False)
    assert counts == [(1000, 2, 1), (2000, 0, 1)]


def test_streams_are_kept_as_asked(test):
    feed, numbers = test.input()
    calls = []

    def noted(rdd):
        calls.append(1)
        return rdd

    kept = numbers.transform(noted).persist(StorageLevel.MEMORY_AND_DISK)
    seen = [test.collect(kept.map(lambda x: x + 1)), test.collect(kept.map(lambda x: x + 2))]
    feed.push([1])
    test.tick()
    assert [each.values() for each in seen] == [[[2]], [[3]]]
    assert calls == [1]


def test_functions_are_looked_at_where_there_are_checkpoints(sc, tmp_path):  # behaviour 1.6
    ssc = StreamingContext(sc, 1)
    ssc.checkpoint(str(tmp_path))
    ssc.queueStream([[1]]).foreachRDD(lambda rdd: sc.parallelize([1]))
    with pytest.raises(EngineError, match="It appears that you are attempting to reference SparkContext"):
        ssc.start()
    assert str(ssc._jssc.getState()) == "STOPPED"


def test_opaque_handles_do_what_programs_ask_of_them(sc):
    ssc = StreamingContext(sc, 0.5)
    assert ssc._jduration(1.5).milliseconds() == 1500
    assert ssc._jssc.getState().toString() == "INITIALIZED"
    ssc._jssc.stop(False, False)
    assert ssc._jssc.getState() == "STOPPED"


def test_stopping_the_spark_context_stops_its_streams(no_context):
    sc = SparkContext("local[2]", "stopped behind the back")
    ssc, done = StreamingContext(sc, 0.1), []
    ssc.queueStream([[1]] * 1000).foreachRDD(lambda rdd: done.append(rdd.collect()))
    ssc.start()
    eventually(lambda: done, "a batch")
    sc.stop()
    assert StreamingContext.getActive() is None
    assert ssc.awaitTerminationOrTimeout(0) is True
    ssc.stop()


def test_the_opaque_context_stops_the_spark_context_too(no_context):
    sc = SparkContext("local[2]", "opaque")
    StreamingContext(sc, 1)._jssc.stop()
    assert SparkContext._active_spark_context is None
