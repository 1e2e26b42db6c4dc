"""What a call into the engine does beside its result: signals, bytes, names of lines, numbers of tasks."""
from __future__ import annotations

import os
import signal
import threading
from operator import add

import pytest

from tidemill import SparkContext, TaskContext
from tidemill.errors import EngineError


def for_ever(_):
    threading.Event().wait()


def after_start(sc, work):
    """Does `work` as soon as a job runs, on another thread."""

    def wait_and_work():
        while not sc.statusTracker().getActiveJobsIds():
            threading.Event().wait(0.01)
        work()

    thread = threading.Thread(target=wait_and_work)
    thread.start()
    return thread


def test_control_c_ends_a_job_and_the_next_one_runs(sc):
    thread = after_start(sc, lambda: os.kill(os.getpid(), signal.SIGINT))
    with pytest.raises(KeyboardInterrupt):
        sc.parallelize([1, 2], 2).foreach(for_ever)
    thread.join()
    assert sc.parallelize([1, 2], 2).map(lambda x: x + 1).collect() == [2, 3]


def test_a_cancelled_group_ends_its_job_at_once(sc):
    thread = after_start(sc, lambda: sc.cancelJobGroup("slow"))
    sc.setJobGroup("slow", "never ends")
    try:
        with pytest.raises(EngineError) as raised:
            sc.parallelize([1, 2], 2).foreach(for_ever)
    finally:
        sc.setLocalProperty("spark.jobGroup.id", None)
        sc.setLocalProperty("spark.job.description", None)
        thread.join()
    assert raised.value.kind == "cancelled"


def test_only_results_reach_the_driver(sc, tmp_path):
    path = tmp_path / "words.txt"
    path.write_text("to be or not to be\n" * 20_000)
    before = sc._engine.collected_bytes()
    counts = sc.textFile(str(path)).flatMap(lambda line: line.split(" ")).map(lambda word: (word, 1)).reduceByKey(add)
    assert dict(counts.collect()) == {"to": 40_000, "be": 40_000, "or": 20_000, "not": 20_000}
    assert sc._engine.collected_bytes() - before < 500
    before = sc._engine.collected_bytes()
    assert sc.textFile(str(path)).count() == 20_000
    assert len(sc.textFile(str(path)).take(2)) == 2
    assert sc._engine.collected_bytes() - before < 500


def test_errors_name_the_operator_and_its_line(sc):
    numbers = sc.parallelize(range(4), 2)
    failing = numbers.map(lambda x: x).map(lambda x: 1 // (x - 3)).filter(bool)
    line = test_errors_name_the_operator_and_its_line.__code__.co_firstlineno + 2
    with pytest.raises(EngineError) as raised:
        failing.collect()
    error = raised.value
    assert error.operator.startswith("map at ") and error.operator.endswith(f"{os.path.basename(__file__)}:{line}")
    assert (error.kind, error.exception) == ("task", "ZeroDivisionError")
    assert "partition 1" in error.message and "Job aborted due to stage failure" in error.message
    assert error.traceback in error.message and str(error) == error.message
    assert error.traceback.strip().splitlines()[-1].startswith("ZeroDivisionError: ")


def test_tasks_below_a_union_know_their_own_number_and_that_of_their_rdd(sc):
    def numbered(split, _):
        return [(split, TaskContext.get().partitionId())]

    halves = [sc.parallelize(range(2), 2).mapPartitionsWithIndex(numbered) for _ in range(2)]
    assert halves[0].union(halves[1]).collect() == [(0, 0), (1, 1), (0, 2), (1, 3)]
    assert halves[0].coalesce(1).collect() == [(0, 0), (1, 0)]


def test_attempts_have_numbers_of_their_own(sc):
    numbers = sc.parallelize(range(4), 4).map(lambda _: TaskContext.get().taskAttemptId())
    assert len({*numbers.collect(), *numbers.collect()}) == 8


def test_jobs_of_two_threads_do_not_meet(sc):
    results = {}

    def count(n):
        sc.setLocalProperty("mine", str(n))
        asked = sc.parallelize(range(n), 2).map(lambda _: TaskContext.get().getLocalProperty("mine")).collect()
        results[n] = asked

    threads = [threading.Thread(target=count, args=(n,)) for n in range(1, 7)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert results == {n: [str(n)] * n for n in range(1, 7)}
    assert sc.getLocalProperty("mine") is None


def test_a_stopped_context_says_so(no_context):
    sc = SparkContext("local[1]", "stopped")
    numbers = sc.parallelize([1])
    sc.stop()
    with pytest.raises(EngineError) as raised:
        numbers._handle.run(("collect", "app.py", 1), [0])
    assert raised.value.kind == "stopped"
    assert sc._engine.worker_pids() == []
