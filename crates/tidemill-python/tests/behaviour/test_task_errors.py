"""What goes wrong in a task: the error says what happened and where, and the context goes on."""
from __future__ import annotations

import os
import signal
import sys

import pytest

from harness import ON_PYSPARK, differs
from tidemill.errors import EngineError


def failing(part):
    """A generator that gives something before it raises."""
    for n in part:
        if n == 3:
            raise ValueError(f"no {n}")
        yield n


def message(job):
    with pytest.raises(EngineError) as caught:
        job()
    return str(caught.value)


@pytest.fixture(autouse=True)
def goes_on(sc):
    yield
    assert sc.parallelize(range(10), 4).map(lambda n: n + 1).sum() == 55


def test_an_exception_carries_the_workers_traceback(sc):
    text = message(lambda: sc.parallelize([1, 0], 2).map(lambda n: 1 // n).collect())
    assert "ZeroDivisionError: integer division or modulo by zero" in text
    assert "Traceback (most recent call last)" in text
    assert os.path.basename(__file__) in text


@differs("3.6", "PySpark names a Python function by no operator")
def test_an_error_names_operator_file_line_and_partition(sc):
    with pytest.raises(EngineError) as caught:
        sc.parallelize([1, 2, 0], 3).filter(lambda n: True).map(lambda n: 1 // n).collect()
    line = sys._getframe().f_lineno - 1
    error = caught.value
    text = str(error)
    assert "map at " in text and f"{os.path.basename(__file__)}:{line}" in text
    assert "partition 2" in text
    assert (error.kind, error.exception) == ("task", "ZeroDivisionError")
    assert "ZeroDivisionError" in error.traceback
    assert "map at" in error.operator


def test_a_generator_that_raises_half_way(sc):
    assert "ValueError: no 3" in message(lambda: sc.parallelize(range(6), 2).mapPartitions(failing).collect())
    assert "ValueError: no 3" in message(lambda: sc.parallelize(range(6), 2).mapPartitions(failing).map(str).count())


def test_stop_iteration_is_an_error(sc):  # behaviour 3.26
    def stop(n):
        if n == 2:
            raise StopIteration
        return n

    numbers = sc.parallelize(range(4), 1)
    for job in (
        lambda: numbers.map(stop).collect(),
        lambda: numbers.filter(stop).collect(),
        lambda: numbers.flatMap(lambda n: [stop(n)]).collect(),
        lambda: numbers.foreach(stop),
        lambda: numbers.keyBy(lambda n: 1).reduceByKey(lambda a, b: stop(b)).collect(),
        lambda: numbers.reduce(lambda a, b: stop(b)),
        lambda: numbers.fold(0, lambda a, b: stop(b)),
    ):
        text = message(job)
        assert "Caught StopIteration thrown from user's code; failing the task" in text
        assert "STOP_ITERATION_OCCURRED" in text


def test_the_errors_of_the_programs_own_classes(sc):
    class Odd(Exception):
        pass

    def refuse(n):
        raise Odd("odd", n)

    text = message(lambda: sc.parallelize([1], 1).map(refuse).collect())
    assert "Odd: ('odd', 1)" in text


def test_an_exception_that_cannot_be_shown_or_pickled(sc):
    class Silent(Exception):
        def __init__(self):
            self.lock = __import__("threading").Lock()

        def __str__(self):
            raise RuntimeError("not even this")

    def refuse(n):
        raise Silent()

    assert "Silent" in message(lambda: sc.parallelize([1], 1).map(refuse).collect())


def test_a_result_that_cannot_be_pickled(sc):
    text = message(lambda: sc.parallelize([1, 2], 1).map(lambda n: (n, __import__("threading").Lock())).collect())
    assert "cannot pickle '_thread.lock' object" in text


def test_a_result_that_is_not_iterable(sc):
    one = sc.parallelize([1], 1)
    assert "'int' object is not iterable" in message(lambda: one.flatMap(lambda n: n).collect())
    assert "'int' object is not iterable" in message(lambda: one.mapPartitions(lambda part: 1).collect())


def test_sys_exit_fails_the_task_only(sc):
    assert "SystemExit: 3" in message(lambda: sc.parallelize([1], 1).map(lambda n: sys.exit(3)).collect())


def test_a_pair_that_is_none(sc):
    text = message(lambda: sc.parallelize([1, 2], 1).reduceByKey(lambda a, b: a).collect())
    assert "TypeError" in text and "int" in text


@pytest.mark.parametrize(
    "end",
    [
        lambda: os._exit(7),
        lambda: os.kill(os.getpid(), signal.SIGKILL),
        lambda: os.kill(os.getpid(), signal.SIGSEGV),
        lambda: __import__("ctypes").string_at(0),
    ],
    ids=["exit", "kill", "segv", "bad-library"],
)
def test_a_worker_that_dies_fails_its_task(sc, end):
    text = message(lambda: sc.parallelize([1, 2], 2).map(lambda n: end() if n == 2 else n).collect())
    assert "Python worker exited unexpectedly (crashed)" in text


@differs("4.57", "PySpark says no more than that the worker crashed")
def test_a_worker_that_dies_is_told_by_its_signal_or_code(sc):
    kill = message(lambda: sc.parallelize([1], 1).map(lambda n: os.kill(os.getpid(), signal.SIGKILL)).collect())
    assert "SIGKILL" in kill or "signal 9" in kill
    assert "7" in message(lambda: sc.parallelize([1], 1).map(lambda n: os._exit(7)).collect())
    assert "Segmentation fault" in message(
        lambda: sc.parallelize([1], 1).map(lambda n: os.kill(os.getpid(), signal.SIGSEGV)).collect()
    )


def test_out_of_memory_is_an_error_of_the_task(run_program):
    key = "spark.executor.pyspark.memory" if ON_PYSPARK else "tidemill.python.worker.memory.hard"
    done = run_program(f"""
from tidemill import SparkConf, SparkContext
sc = SparkContext("local[2]", "memory", conf=SparkConf().set({key!r}, "256m"))
try:
    sc.parallelize([1], 1).map(lambda n: len(bytearray(1 << 32))).collect()
except Exception as error:
    print("MemoryError" in str(error))
print(sc.parallelize([1, 2], 2).count())
""")
    assert done.stdout.split() == ["True", "2"], done.stderr


def test_a_task_is_retried_as_the_master_says(run_program, tmp_path):
    done = run_program(f"""
import os
from tidemill import SparkContext, TaskContext
sc = SparkContext("local[2, 3]", "retries")
def twice(n):
    with open({str(tmp_path / "tries")!r}, "a") as tries:
        tries.write(f"{{TaskContext.get().attemptNumber()}} ")
    if TaskContext.get().attemptNumber() < 2:
        os._exit(1)
    return n
print(sc.parallelize([5], 1).map(twice).collect())
""")
    assert done.stdout.split() == ["[5]"], done.stderr
    assert (tmp_path / "tries").read_text().split() == ["0", "1", "2"]


@pytest.mark.skipif(ON_PYSPARK, reason="what is printed shortly before the end may get lost there")
def test_what_a_task_prints_reaches_the_console(run_program):
    done = run_program("""
import logging, sys
from tidemill import SparkContext
sc = SparkContext("local[2]", "console")
def say(n):
    print("said", n)
    print("told", n, file=sys.stderr)
    logging.getLogger("app").warning("logged %d", n)
    return n
sc.parallelize([1, 2], 2).map(say).collect()
""")
    console = done.stdout + done.stderr
    for words in ("said 1", "said 2", "told 1", "told 2", "logged 1", "logged 2"):
        assert words in console
