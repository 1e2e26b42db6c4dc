"""The life of a streaming context: made, started, waited for, stopped; and what it refuses when."""
from __future__ import annotations

import threading
import time
import warnings

import pytest

from harness import INTERVAL, ON_PYSPARK, differs, eventually
from tidemill.errors import EngineError
from tidemill.streaming import StreamingContext


@pytest.fixture
def running(new_stream):
    """A started context that notes what each batch held."""
    ssc = new_stream()
    ssc.results = []
    ssc.queueStream([[1], [2]]).foreachRDD(lambda rdd: ssc.results.append(rdd.collect()))
    ssc.start()
    return ssc


def test_a_context_warns_that_it_is_a_legacy(sc):  # behaviour 1.1
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        StreamingContext(sc, 1)
    assert any(warning.category is FutureWarning for warning in caught)


def test_a_context_needs_a_duration(sc):  # behaviour 1.1
    with pytest.raises(AssertionError):
        StreamingContext(sc)


@differs("1.1", "PySpark takes an interval of nothing, and never starts")
def test_a_duration_of_nothing_is_refused(sc):  # behaviour 1.1
    with pytest.raises(Exception, match="interval|duration"):
        StreamingContext(sc, 0)


def test_a_duration_is_cut_to_milliseconds(sc):  # behaviour 1.1
    assert StreamingContext(sc, 1)._jduration(0.2559).milliseconds() == 255


def test_many_contexts_may_be_made_and_one_started(new_stream, running):  # behaviour 1.1, 1.6
    other = new_stream()
    done = []
    other.queueStream([[1]]).foreachRDD(lambda rdd: done.append(1))
    with pytest.raises(EngineError, match="Only one StreamingContext may be started in this JVM"):
        other.start()
    running.stop(False)
    other.start()
    eventually(lambda: done, "a batch of the second context")


def test_10_2_a_second_start_does_nothing(running):  # behaviour 10.2, 1.6
    running.start()
    eventually(lambda: running.results, "a batch")


def test_a_stopped_context_does_not_start_again(running):  # behaviour 1.6
    running.stop(False)
    with pytest.raises(EngineError, match="StreamingContext has already been stopped"):
        running.start()


def test_get_active(running, new_stream):  # behaviour 1.3
    assert StreamingContext.getActive() is running
    running.stop(False)
    assert StreamingContext.getActive() is None


@differs("1.3", "in PySpark stopping any context forgets the active one")
def test_stopping_another_context_leaves_the_active_one(running, new_stream):  # behaviour 1.3
    new_stream().stop(False)
    assert StreamingContext.getActive() is running


def test_get_active_or_create(running, tmp_path):  # behaviour 1.4
    with pytest.raises(TypeError, match="setupFunc should be callable."):
        StreamingContext.getActiveOrCreate(None, None)
    assert StreamingContext.getActiveOrCreate(None, lambda: None) is running
    running.stop(False)
    assert StreamingContext.getActiveOrCreate(None, lambda: "made") == "made"


def test_get_or_create_in_an_empty_folder(sc, new_stream, tmp_path):  # behaviour 1.2
    made, results = [], []

    def setup():
        ssc = new_stream()
        made.append(ssc)
        ssc.textFileStream(str(tmp_path)).map(lambda line: (line, 1)).updateStateByKey(
            lambda new, last: len(new), 1
        ).foreachRDD(lambda rdd: results.append(rdd.collect()))
        return ssc

    ssc = StreamingContext.getOrCreate(str(tmp_path / "checkpoint"), setup)
    assert [ssc] == made
    ssc.start()
    eventually(lambda: results, "a batch that has state, so a folder for checkpoints")


def test_with_checkpoints_what_cannot_be_pickled_fails_the_start(new_stream, sc, tmp_path):  # behaviour 1.6
    ssc = new_stream()
    ssc.checkpoint(str(tmp_path / "checkpoint"))
    ssc.queueStream([[1]]).map(lambda n: (sc, n)).foreachRDD(lambda rdd: rdd.count() and None)
    with pytest.raises(EngineError, match="It appears that you are attempting to reference SparkContext"):
        ssc.start()
    with pytest.raises(EngineError, match="StreamingContext has already been stopped"):
        ssc.start()


def test_await_termination_with_a_limit(new_stream):  # behaviour 1.8, 1.7
    ssc = new_stream()
    assert ssc.awaitTerminationOrTimeout(0.01) is False
    ssc.queueStream([[1]]).foreachRDD(lambda rdd: None)
    ssc.start()
    assert ssc.awaitTerminationOrTimeout(0.01) is False
    assert ssc.awaitTermination(0.01) is None
    ssc.stop(False)
    assert ssc.awaitTerminationOrTimeout(60) is True
    assert ssc.awaitTermination() is None


def test_await_termination_ends_with_the_stop(running):  # behaviour 1.7
    ended = threading.Event()
    waiting = threading.Thread(target=lambda: (running.awaitTermination(), ended.set()))
    waiting.start()
    assert not ended.is_set()
    running.stop(False)
    assert ended.wait(60)
    waiting.join()


def test_stop_may_be_repeated_and_come_before_the_start(new_stream, sc):  # behaviour 1.9
    ssc = new_stream()
    ssc.stop(stopSparkContext=False, stopGraceFully=False)
    ssc.stop(False)
    ssc.stop(False, True)
    assert sc.parallelize([1]).count() == 1


def test_stop_stops_the_context_of_rdds_unless_told(no_context):  # behaviour 1.9
    from tidemill import SparkContext

    sc = SparkContext("local[2]", "stops")
    ssc = StreamingContext(sc, INTERVAL)
    ssc.stop(False)
    assert sc.parallelize([1]).count() == 1
    ssc.stop()
    assert SparkContext._active_spark_context is None


def test_a_graceful_stop_runs_what_has_arrived(new_stream):  # behaviour 1.9, 2.33
    ssc = new_stream()
    results = []
    ssc.queueStream([[1], [2], [3]], oneAtATime=False).foreachRDD(lambda rdd: results.extend(rdd.collect()))
    ssc.start()
    ssc.stop(False, True)
    assert results[:3] == [1, 2, 3]


@differs("10.12", "PySpark waits for ten intervals where the last tick has no job")
def test_10_12_a_graceful_stop_waits_for_nothing_that_cannot_come(new_stream):  # behaviour 10.12
    ssc = new_stream()
    results = []
    ssc.queueStream([[1], [2], [3]]).transform(lambda rdd: None).foreachRDD(lambda rdd: None)
    ssc.queueStream([[1], [2], [3]]).window(8 * INTERVAL, 8 * INTERVAL).foreachRDD(lambda rdd: results.append(1))
    ssc.start()
    eventually(lambda: results, "a window")
    started = time.monotonic()
    ssc.stop(False, True)
    assert time.monotonic() - started < 6 * INTERVAL


def test_remember_is_set_once(new_stream):  # behaviour 1.10
    ssc = new_stream()
    ssc.remember(60)
    with pytest.raises(EngineError, match="Remember duration already set as .* Cannot set it again"):
        ssc.remember(30)


def test_checkpoint_makes_its_folder(new_stream, sc, tmp_path):  # behaviour 1.11
    new_stream().checkpoint(str(tmp_path / "checkpoint"))
    assert (tmp_path / "checkpoint").is_dir()
    assert str(tmp_path / "checkpoint") in sc.getCheckpointDir()
    numbers = sc.parallelize([1, 2], 1)
    numbers.checkpoint()
    assert (numbers.count(), numbers.isCheckpointed()) == (2, True)


def test_what_cannot_change_after_the_start(running):  # behaviour 1.38, 1.39
    ssc = running
    with pytest.raises(EngineError, match="Adding new inputs, transformations, and output operations after starting"):
        ssc.queueStream([[1]])


def test_storage_and_checkpoints_cannot_change_after_the_start(new_stream):  # behaviour 1.38, 1.39
    from tidemill import StorageLevel

    ssc = new_stream()
    stream = ssc.queueStream([[1]])
    stream.foreachRDD(lambda rdd: None)
    ssc.start()
    refused = "Cannot change {} of a DStream after streaming context has started"
    with pytest.raises(EngineError, match=refused.format("storage level")):
        stream.persist(StorageLevel.DISK_ONLY)
    with pytest.raises(EngineError, match=refused.format("checkpoint interval")):
        stream.checkpoint(INTERVAL)


def test_10_2_a_map_after_the_start_is_lazy(new_stream):  # behaviour 10.2, 1.57
    ssc = new_stream()
    stream = ssc.queueStream([[1]])
    stream.foreachRDD(lambda rdd: None)
    ssc.start()
    late = stream.map(str)
    with pytest.raises(EngineError, match="after starting a context is not supported"):
        late.pprint()


def test_10_11_recovery_fills_in_what_was_missed_under_its_own_times(run_program, tmp_path):
    program = """
import sys, os
from tidemill import SparkContext
from tidemill.streaming import StreamingContext
folder, log, input = sys.argv[1:]
def setup():
    sc = SparkContext("local[2]", "recovery")
    ssc = StreamingContext(sc, 0.5)
    def note(time, rdd):
        with open(log, "a") as file:
            file.write(f"{time.timestamp() * 1000:.0f}\\n")
    ssc.textFileStream(input).foreachRDD(note)
    return ssc
ssc = StreamingContext.getOrCreate(folder, setup)
ssc.start()
ssc.awaitTerminationOrTimeout(4)
os._exit(0)
"""
    (tmp_path / "input").mkdir()
    log = tmp_path / "log"
    for _ in range(2):
        run_program(program, str(tmp_path / "checkpoint"), str(log), str(tmp_path / "input"))
    times = [int(line) for line in log.read_text().split()]
    repeated = [moment for moment in set(times) if times.count(moment) > 1]
    # PySpark runs the last batch again in any case; here that happens where it was not finished.
    assert len(repeated) >= 1 if ON_PYSPARK else len(repeated) <= 1
    assert sorted(set(times)) == list(range(min(times), max(times) + 1, 500))
    assert ON_PYSPARK or times == sorted(times)
