"""State stays in workers and outlives them: what the driver keeps is enough to go on from."""
from __future__ import annotations

import contextlib
import os
import random
import signal
import sys
from typing import Any, Callable

import cloudpickle
import pytest

from harness import eventually
from tidemill import TaskContext
from tidemill.errors import EngineError
from tidemill.testing import TestContext

# Else each new worker would import this module, and pytest with it.
cloudpickle.register_pickle_by_value(sys.modules[__name__])
pytestmark = pytest.mark.filterwarnings("ignore::FutureWarning")


def total(new: list[int], last: Any) -> int:
    return sum(new) + (last or 0)


def collected(new: list[int], last: Any) -> list[int]:
    last = [] if last is None else last
    last.extend(new)
    return last


def kill_all(sc: Any) -> None:
    pids = sc._engine.worker_pids()
    for pid in pids:
        with contextlib.suppress(ProcessLookupError):  # an idle one may have ended just now
            os.kill(pid, signal.SIGKILL)
    eventually(lambda: not any(os.path.exists(f"/proc/{pid}") for pid in pids), "workers are gone")


@pytest.mark.parametrize("update", [total, collected, lambda new, last: None if 3 in new else total(new, last)])
def test_workers_that_die_between_batches_take_nothing_along(sc: Any, update: Callable[..., Any]) -> None:
    chance = random.Random(3)
    batches = [[(chance.choice("abcdef"), chance.randrange(5)) for _ in range(8)] for _ in range(12)]

    def states(kill_before: set[int], read: bool) -> list[list[Any]]:
        with TestContext() as test:
            feed, pairs = test.input()
            state = pairs.updateStateByKey(update, 2)
            seen = test.collect(state if read else state.window(4, 4))
            for number, batch in enumerate(batches):
                if number in kill_before:
                    kill_all(sc)
                feed.push(batch)
                test.tick()
            return seen.values()

    # Where nobody reads a version at once, the driver has changes alone to make it of.
    for read in (True, False):
        calm = states(set(), read)
        assert states({1, 2, 7, 11}, read) == calm
        assert len(calm) == (12 if read else 3)


def test_a_worker_that_dies_in_a_step_costs_a_try(no_context: None, tmp_path: Any) -> None:
    from tidemill import SparkConf, SparkContext

    conf = SparkConf().setMaster("local[2]").setAppName("tries").set("spark.task.maxFailures", "2")
    sc = SparkContext(conf=conf)
    marker = str(tmp_path / "died")

    def die_once(new: list[int], last: Any) -> int:
        if 7 in new and not os.path.exists(marker):
            open(marker, "w").close()
            os.kill(os.getpid(), signal.SIGKILL)
        return total(new, last)

    master = TestContext()
    try:
        feed, pairs = master.input()
        seen = master.collect(pairs.updateStateByKey(die_once, 1))
        for batch in ([("a", 1)], [("a", 7)], [("a", 1)]):
            feed.push(batch)
            master.tick()
        assert seen.values() == [[("a", 1)], [("a", 8)], [("a", 9)]]
    finally:
        master.close()
        sc.stop()


def test_a_step_that_fails_leaves_the_state_and_names_the_place(sc: Any) -> None:
    # behaviour 10.1
    def careful(new: list[int], last: Any) -> int:
        if 0 in new:
            raise ValueError("no zero")
        return total(new, last)

    with TestContext() as test:
        feed, pairs = test.input()
        seen = test.collect(pairs.updateStateByKey(careful, 2))
        feed.push([("a", 1), ("b", 1)])
        test.tick()
        feed.push([("a", 5), ("b", 0)])
        with pytest.raises(EngineError) as caught:
            test.tick()
        assert "ValueError: no zero" in str(caught.value)
        assert "updateStateByKey at " in str(caught.value) and "test_state_in_workers.py:" in str(caught.value)
        feed.push([("a", 2)])
        test.tick()
        assert [sorted(batch) for batch in seen.values()] == [[("a", 1), ("b", 1)], [("a", 3), ("b", 1)]]


def test_an_rdd_of_states_can_be_read_as_long_as_it_is_held(sc: Any) -> None:
    held: list[Any] = []
    with TestContext() as test:
        feed, pairs = test.input()
        pairs.updateStateByKey(collected, 2).foreachRDD(held.append)
        for number in range(8):
            feed.push([("a", number)])
            test.tick()
        kill_all(sc)
        read = [rdd.collect() for rdd in held]
    assert read == [[("a", list(range(number + 1)))] for number in range(8)]
    assert held[3].map(lambda pair: len(pair[1])).collect() == [4]


def test_update_functions_know_their_task_and_add_to_accumulators(sc: Any) -> None:
    calls = sc.accumulator(0)

    def counted(new: list[int], last: Any) -> int:
        calls.add(1)
        context = TaskContext.get()
        assert context is not None
        return context.partitionId()

    with TestContext() as test:
        feed, pairs = test.input()
        seen = test.collect(pairs.updateStateByKey(counted, 2))
        for batch in ([(0, 1), (1, 1)], [(2, 1)]):
            feed.push(batch)
            test.tick()
        assert seen.values() == [[(0, 0), (1, 1)], [(0, 0), (2, 0), (1, 1)]]
        assert calls.value == 5


def test_several_states_and_one_of_a_state(sc: Any) -> None:
    # More tables than workers that keep state, and a step that reads another table of the same worker.
    with TestContext() as test:
        feed, pairs = test.input()
        sums = pairs.updateStateByKey(total, 5)
        counts = sums.map(lambda pair: (pair[1] % 2, 1)).updateStateByKey(total, 5)
        both = sums.map(lambda pair: ("sum", pair[1])).union(counts.map(lambda pair: ("parity", pair)))
        seen = test.collect(both)
        for batch in ([("a", 1), ("b", 2)], [("a", 2)]):
            feed.push(batch)
            test.tick()
        first, second = (sorted(batch, key=repr) for batch in seen.values())
        assert first == [("parity", (0, 1)), ("parity", (1, 1)), ("sum", 1), ("sum", 2)]
        assert second == [("parity", (0, 2)), ("parity", (1, 2)), ("sum", 2), ("sum", 3)]


def test_of_an_initial_state_the_first_entry_of_a_key_counts(sc: Any) -> None:
    # behaviour 1.56
    with TestContext() as test:
        feed, pairs = test.input()
        seen = test.collect(pairs.updateStateByKey(total, 1, [("a", 10), ("a", 99), ("z", 5)]))
        feed.push([("a", 1)])
        test.tick()
        kill_all(sc)
        feed.push([("b", 1)])
        test.tick()
        assert seen.values() == [[("a", 11), ("z", 5)], [("a", 11), ("z", 5), ("b", 1)]]


def test_workers_forget_the_state_of_streams_that_are_gone(sc: Any) -> None:
    import gc

    for _ in range(3):
        with TestContext() as test:
            feed, pairs = test.input()
            seen = test.collect(pairs.updateStateByKey(total, 2))
            feed.push([(number, 1) for number in range(100)])
            test.tick()
            assert len(seen.values()[0]) == 100
        del test, feed, pairs, seen
        gc.collect()
    # They would have stayed if anything still held them.
    assert len(sc._engine.worker_pids()) <= 2 * sc.defaultParallelism
