"""`updateStateByKey`: what is remembered from batch to batch."""
from __future__ import annotations

import pytest

from harness import INTERVAL, KEPT, eventually, keep
from tidemill import SparkContext
from tidemill.errors import EngineError
from tidemill.streaming import StreamingContext


def total(new, last):
    return sum(new) + (last or 0)


def test_state_is_kept_from_batch_to_batch(run_stream):  # behaviour 1.56
    batches = [[("a", 1)], [("a", 2), ("b", 3), ("a", 4)], [], [("c", 1)]]
    assert run_stream(lambda s: s.updateStateByKey(total, 1), batches, slices=2, checkpoint=True) == [
        [("a", 1)], [("a", 7), ("b", 3)], [("a", 7), ("b", 3)], [("a", 7), ("b", 3), ("c", 1)],
    ]


def test_10_5_the_function_is_called_for_every_known_key(run_stream):  # behaviour 1.56, 10.5
    calls = lambda new, last: (last or ()) + (tuple(new),)
    batches = [[("a", 1), ("a", 2)], [("b", 3)], []]
    assert run_stream(lambda s: s.updateStateByKey(calls, 1), batches, slices=2, checkpoint=True) == [
        [("a", ((1, 2),))],
        [("a", ((1, 2), ())), ("b", ((3,),))],
        [("a", ((1, 2), (), ())), ("b", ((3,), ()))],
    ]


def test_none_drops_a_key(run_stream):  # behaviour 1.56, 10.5
    drop = lambda new, last: None if 0 in new else total(new, last)
    batches = [[("a", 1), ("b", 1)], [("a", 0)], [("a", 5)], [("a", 1), ("b", 1)]]
    assert run_stream(lambda s: s.updateStateByKey(drop, 1), batches, slices=1, checkpoint=True) == [
        [("a", 1), ("b", 1)], [("b", 1)], [("b", 1), ("a", 5)], [("b", 2), ("a", 6)],
    ]


@pytest.mark.parametrize("as_rdd", [True, False], ids=["rdd", "list"])
def test_an_initial_state(run_stream, sc, as_rdd):  # behaviour 1.56, 10.5
    initial = [("a", 10), ("z", 5)]
    calls = lambda new, last: (last or 0) + sum(new) + 100
    build = lambda s: s.updateStateByKey(calls, 1, sc.parallelize(initial, 2) if as_rdd else initial)
    assert run_stream(build, [[("b", 1), ("a", 2)], []], slices=1, checkpoint=True) == [
        [("a", 112), ("z", 105), ("b", 101)], [("a", 212), ("z", 205), ("b", 201)],
    ]


def test_state_in_several_partitions(run_stream):
    batches = [[(n, 1) for n in range(20)], [(n, 1) for n in range(10, 30)]]
    build = lambda s: s.updateStateByKey(total, 3)
    glom = lambda rdd: rdd.glom().collect()
    first, second = run_stream(build, batches, slices=4, checkpoint=True, collect=glom)
    assert first == [[(n, 1) for n in range(20) if n % 3 == part] for part in range(3)]
    assert second == [[(n, 2 if 10 <= n < 20 else 1) for n in range(30) if n % 3 == part] for part in range(3)]


def test_10_6_a_state_may_be_changed_in_place(run_stream):  # behaviour 10.6, 1.56
    def extend(new, last):
        last = [] if last is None else last
        last.extend(new)
        return last

    KEPT.clear()
    batches = [[("k", 1)], [("k", 2), ("k", 3)], [("k", 4)]]
    run_stream(lambda s: s.updateStateByKey(extend, 1), batches, slices=1, checkpoint=True, collect=keep)
    assert [rdd.collect() for rdd in KEPT[:3]] == [[("k", [1])], [("k", [1, 2, 3])], [("k", [1, 2, 3, 4])]]


def test_changing_what_a_batch_gave_leaves_the_state_alone(run_stream):  # behaviour 10.6
    extend = lambda new, last: (last or []) + list(new)
    build = lambda s: s.updateStateByKey(extend, 1).mapValues(lambda state: state.append("x") or state)
    assert run_stream(build, [[("k", 1)], [("k", 2)], [("k", 3)]], slices=1, checkpoint=True) == [
        [("k", [1, "x"])], [("k", [1, 2, "x"])], [("k", [1, 2, 3, "x"])],
    ]


def test_10_5_state_is_carried_over_untouched_where_there_is_no_rdd(new_stream, tmp_path):  # behaviour 10.5, 1.56
    ssc = new_stream()
    ssc.checkpoint(str(tmp_path))
    results, batch = [], [0]

    def odd(rdd):
        batch[0] += 1
        return rdd if batch[0] % 2 else None

    calls = lambda new, last: (last or ()) + (tuple(new),)
    ssc.queueStream([[("a", n)] for n in range(1, 5)]).transform(odd).updateStateByKey(calls, 1).foreachRDD(
        lambda rdd: results.append(rdd.collect())
    )
    ssc.start()
    eventually(lambda: len(results) >= 4 or ssc.awaitTerminationOrTimeout(0.01), "four batches")
    assert results[:4] == [[("a", ((1,),))]] * 2 + [[("a", ((1,), (3,)))]] * 2


def test_streams_of_state_go_on(run_stream):
    build = lambda s: s.updateStateByKey(total, 2).filter(lambda pair: pair[1] > 1).map(lambda pair: pair[0])
    assert run_stream(build, [[(1, 1)], [(1, 1), (2, 2)]], slices=1, checkpoint=True) == [[], [2, 1]]


def test_a_window_over_states_sees_each_as_it_was(run_stream):
    extend = lambda new, last: (last or []) + list(new)
    build = lambda s: s.updateStateByKey(extend, 1).window(2 * INTERVAL)
    assert run_stream(build, [[("k", 1)], [("k", 2)], [("k", 3)]], slices=1, checkpoint=True) == [
        [("k", [1])], [("k", [1]), ("k", [1, 2])], [("k", [1, 2]), ("k", [1, 2, 3])],
    ]


def test_an_error_of_one_batch_loses_no_state(new_stream, tmp_path):  # behaviour 10.1
    ssc = new_stream()
    ssc.checkpoint(str(tmp_path))
    results = []

    def careful(new, last):
        if 0 in new:
            raise ValueError("no zero")
        return total(new, last)

    ssc.queueStream([[("a", 1)], [("a", 2)], [("a", 4)]]).updateStateByKey(careful, 1).foreachRDD(
        lambda rdd: results.append(rdd.collect())
    )
    ssc.queueStream([[("a", 1)], [("a", 0)], [("a", 4)]]).updateStateByKey(careful, 1).foreachRDD(
        lambda rdd: results.append(rdd.collect())
    )
    ssc.start()
    with pytest.raises(EngineError, match="no zero"):
        ssc.awaitTermination(60)
    eventually(lambda: [("a", 7)] in results, "the third batch of the stream that goes on")


def test_the_function_sees_what_it_captured_at_each_batch(run_stream):  # behaviour 10.7
    factor = [1]

    def weigh(new, last):
        return sum(new) * factor[0] + (last or 0)

    def grow(rdd):
        factor[0] *= 10
        return rdd

    build = lambda s: s.transform(grow).updateStateByKey(weigh, 1)
    assert run_stream(build, [[("a", 1)], [("a", 1)]], slices=1, checkpoint=True) == [[("a", 10)], [("a", 110)]]


@pytest.fixture
def alone(no_context):
    """A context that knows no folder for checkpoints yet."""
    with SparkContext("local[2]", "alone") as sc:
        yield sc


def test_state_needs_a_folder_for_checkpoints(alone):  # behaviour 1.39
    ssc = StreamingContext(alone, INTERVAL)
    ssc.queueStream([[("a", 1)]]).updateStateByKey(total).pprint()
    with pytest.raises(EngineError, match="The checkpoint directory has not been set"):
        ssc.start()


def test_the_folder_of_the_context_of_rdds_serves_too(alone, tmp_path):  # behaviour 1.39
    alone.setCheckpointDir(str(tmp_path))
    ssc = StreamingContext(alone, INTERVAL)
    results = []
    ssc.queueStream([[("a", 1)]]).updateStateByKey(total).foreachRDD(lambda rdd: results.append(rdd.collect()))
    ssc.start()
    eventually(lambda: results, "a batch")
    ssc.stop(False)
    assert results[0] == [("a", 1)]


def test_intervals_of_checkpoints(new_stream, tmp_path):  # behaviour 1.39
    for factor, words in [(0.5, "lower than its slide time"), (2.5, "not a multiple of its slide time")]:
        ssc = new_stream()
        ssc.checkpoint(str(tmp_path))
        state = ssc.queueStream([[("a", 1)]]).updateStateByKey(total)
        assert state.checkpoint(factor * INTERVAL) is state
        assert state.is_checkpointed
        state.pprint()
        with pytest.raises(EngineError, match=words):
            ssc.start()


def test_state_outlives_its_checkpoints(run_stream):
    batches = [[("a", 1)]] * 8
    build = lambda s: s.updateStateByKey(total, 2).checkpoint(2 * INTERVAL)
    assert run_stream(build, batches, slices=1, checkpoint=True) == [[("a", n)] for n in range(1, 9)]
