"""Windows over batches, computed anew or by an inverse function."""
from __future__ import annotations

from operator import add, sub

import pytest

from harness import INTERVAL, KEPT, eventually, keep
from tidemill import SparkContext
from tidemill.errors import EngineError
from tidemill.streaming import StreamingContext

ONES = [[n] for n in range(1, 9)]


def test_window_is_the_union_of_its_batches_oldest_first(run_stream):  # behaviour 1.50, 10.14
    assert run_stream(lambda s: s.window(3 * INTERVAL, INTERVAL), ONES, batches=10) == [
        [1], [1, 2], [1, 2, 3], [2, 3, 4], [3, 4, 5], [4, 5, 6], [5, 6, 7], [6, 7, 8], [7, 8], [8],
    ]


def test_a_window_slides_by_a_batch_unless_told(run_stream):  # behaviour 1.50
    assert run_stream(lambda s: s.window(2 * INTERVAL), ONES[:3]) == [[1], [1, 2], [2, 3]]


def test_10_14_a_window_is_emitted_when_its_slide_is_due(run_stream):  # behaviour 1.50, 10.14
    assert run_stream(lambda s: s.window(3 * INTERVAL, 2 * INTERVAL), ONES, batches=4) == [
        [1, 2], [2, 3, 4], [4, 5, 6], [6, 7, 8],
    ]


def test_windows_are_multiples_of_the_slide(new_stream):  # behaviour 1.50, 1.55
    stream = new_stream().queueStream([[("a", 1)]])
    message = r"windowDuration must be multiple of the parent dstream's slide \(batch\) duration \({} ms\)"
    message = message.format(round(INTERVAL * 1000))
    for window in (stream.window, lambda *w: stream.reduceByKeyAndWindow(add, None, *w)):
        with pytest.raises(ValueError, match=message):
            window(1.5 * INTERVAL, INTERVAL)
        with pytest.raises(ValueError, match=message.replace("windowDuration", "slideDuration")):
            window(3 * INTERVAL, 1.5 * INTERVAL)


def test_a_window_cannot_be_made_of_a_window_that_slides_slower(new_stream):
    stream = new_stream().queueStream([[1]]).window(4 * INTERVAL, 2 * INTERVAL)
    with pytest.raises(ValueError, match="slideDuration must be multiple"):
        stream.window(4 * INTERVAL, 3 * INTERVAL)


def test_reduce_by_window(run_stream):  # behaviour 1.51
    expected = [[1], [3], [6], [9], [12]]
    assert run_stream(lambda s: s.reduceByWindow(add, None, 3 * INTERVAL, INTERVAL), ONES[:5]) == expected
    inverse = lambda s: s.reduceByWindow(add, sub, 3 * INTERVAL, INTERVAL)
    assert run_stream(inverse, ONES[:5], checkpoint=True) == expected


def test_reduce_by_window_by_the_inverse(run_stream):  # behaviour 1.51, 10.4
    inverse = lambda s: s.reduceByWindow(add, sub, 5 * INTERVAL, INTERVAL)
    assert run_stream(inverse, ONES, checkpoint=True) == [[1], [3], [6], [10], [15], [20], [25], [30]]


def test_count_by_window(run_stream):  # behaviour 1.52
    batches = [[1], [1, 2], [1, 2, 3]]
    short = lambda s: s.countByWindow(2 * INTERVAL, INTERVAL)
    assert run_stream(short, batches, batches=6, checkpoint=True)[:4] == [[1], [3], [5], [3]]
    long = lambda s: s.countByWindow(5 * INTERVAL, INTERVAL)
    assert run_stream(long, batches, batches=9, checkpoint=True) == [[1], [3], [6], [6], [6], [5], [3], [0], [0]]


def test_count_by_value_and_window(run_stream):  # behaviour 1.53
    batches = [["a"], ["a", "b"], ["b"], [], [], [], []]
    build = lambda s: s.countByValueAndWindow(5 * INTERVAL, INTERVAL, 1)
    results = run_stream(build, batches, batches=9, checkpoint=True)
    assert [dict(batch) for batch in results] == [
        {"a": 1}, {"a": 2, "b": 1}, {"a": 2, "b": 2}, {"a": 2, "b": 2}, {"a": 2, "b": 2}, {"a": 1, "b": 2}, {"b": 1},
        {}, {},
    ]


def grouped(stream):
    return stream.mapValues(list)


def test_group_by_key_and_window(run_stream):  # behaviour 1.54
    batches = [[("a", 1)], [("a", 2), ("b", 3)], [("b", 4)]]
    build = lambda s: grouped(s.groupByKeyAndWindow(2 * INTERVAL, INTERVAL, 1))
    assert run_stream(build, batches, batches=5, checkpoint=True) == [
        [("a", [1])], [("a", [1, 2]), ("b", [3])], [("a", [2]), ("b", [3, 4])], [("b", [4])], [],
    ]


def test_10_4_a_long_window_keeps_keys_with_nothing_left(run_stream):  # behaviour 1.54, 10.4
    batches = [[("a", 1)], [("a", 2), ("b", 3)]]
    build = lambda s: grouped(s.groupByKeyAndWindow(5 * INTERVAL, INTERVAL, 1))
    assert run_stream(build, batches, batches=8, checkpoint=True) == [
        [("a", [1])], *[[("a", [1, 2]), ("b", [3])]] * 4, [("a", [2]), ("b", [3])], [("a", []), ("b", [])],
        [("a", []), ("b", [])],
    ]


def reduced(inverse, length, keep=None):
    return lambda s: s.reduceByKeyAndWindow(add, inverse, length * INTERVAL, INTERVAL, 1, keep)


PAIRS = [[("a", 1)], [("a", 2), ("b", 3)], [("b", 4)]]


def test_reduce_by_key_and_window_anew(run_stream):  # behaviour 1.55
    expected = [[("a", 1)], [("a", 3), ("b", 3)], [("a", 2), ("b", 7)], [("b", 4)], []]
    assert run_stream(reduced(None, 2), PAIRS, batches=5) == expected
    # Below five slides the inverse function is not used.
    assert run_stream(reduced(sub, 2), PAIRS, batches=5, checkpoint=True) == expected


def test_10_4_reduce_by_key_and_window_by_the_inverse(run_stream):  # behaviour 1.55, 10.4
    assert run_stream(reduced(sub, 5), PAIRS, batches=9, checkpoint=True) == [
        [("a", 1)], [("a", 3), ("b", 3)], *[[("a", 3), ("b", 7)]] * 3, [("a", 2), ("b", 7)], [("a", 0), ("b", 4)],
        [("a", 0), ("b", 0)], [("a", 0), ("b", 0)],
    ]


def test_10_4_a_filter_drops_keys_that_came_to_nothing(run_stream):  # behaviour 1.55, 10.4
    positive = lambda pair: pair[1] > 0
    assert run_stream(reduced(sub, 5, positive), PAIRS, batches=9, checkpoint=True)[5:] == [
        [("a", 2), ("b", 7)], [("b", 4)], [], [],
    ]
    # Without an inverse function nobody asks it.
    assert run_stream(reduced(None, 2, lambda pair: False), PAIRS[:2]) == [[("a", 1)], [("a", 3), ("b", 3)]]


def test_the_inverse_is_called_with_what_left(run_stream):
    calls = lambda s: s.map(lambda n: (0, (n,))).reduceByKeyAndWindow(
        add, lambda window, left: window[len(left):], 5 * INTERVAL, INTERVAL, 1
    )
    assert run_stream(calls, ONES, checkpoint=True)[4:] == [
        [(0, (1, 2, 3, 4, 5))], [(0, (2, 3, 4, 5, 6))], [(0, (3, 4, 5, 6, 7))], [(0, (4, 5, 6, 7, 8))],
    ]


def test_a_slide_of_two_batches(run_stream):  # behaviour 1.55
    build = lambda s: s.map(lambda n: (0, n)).reduceByKeyAndWindow(add, sub, 10 * INTERVAL, 2 * INTERVAL, 1)
    batches = [[n] for n in range(1, 15)]
    assert run_stream(build, batches, batches=7, checkpoint=True) == [
        [(0, 3)], [(0, 10)], [(0, 21)], [(0, 36)], [(0, 55)], [(0, 75)], [(0, 95)],
    ]


def test_an_inverse_needs_a_folder_for_checkpoints(no_context):  # behaviour 1.39, 1.55
    ssc = StreamingContext(SparkContext("local[2]", "alone"), INTERVAL)
    ssc.queueStream([[("a", 1)]]).reduceByKeyAndWindow(add, sub, 5 * INTERVAL, INTERVAL).pprint()
    with pytest.raises(EngineError, match="The checkpoint directory has not been set"):
        ssc.start()


def test_older_windows_do_not_change(run_stream):  # behaviour 10.6
    build = lambda s: s.map(lambda n: ("k", [n])).reduceByKeyAndWindow(
        lambda a, b: a.extend(b) or a, lambda a, b: a[len(b):], 5 * INTERVAL, INTERVAL, 1
    )
    KEPT.clear()
    run_stream(build, ONES[:6], checkpoint=True, collect=keep)
    assert [rdd.collect() for rdd in KEPT[3:6]] == [
        [("k", [1, 2, 3, 4])], [("k", [1, 2, 3, 4, 5])], [("k", [2, 3, 4, 5, 6])],
    ]


def test_10_14_a_join_with_a_window_off_its_grid_is_empty_there(run_stream):  # behaviour 10.14
    build = lambda s: s.map(lambda n: (0, n)).leftOuterJoin(
        s.map(lambda n: (0, n)).window(2 * INTERVAL, 2 * INTERVAL), 1
    )
    assert run_stream(build, ONES[:4]) == [
        [(0, (1, None))], [(0, (2, 1)), (0, (2, 2))], [(0, (3, None))], [(0, (4, 3)), (0, (4, 4))],
    ]


def test_slice_gives_the_rdds_of_a_time(new_stream):  # behaviour 1.49
    ssc = new_stream(1)
    times = []
    stream = ssc.queueStream([[1], [2], [3], [4]])
    with pytest.raises(EngineError, match="has not been initialized"):
        stream.slice(0, 1)
    ssc.remember(60)
    stream.foreachRDD(lambda time, rdd: times.append(time))
    ssc.start()
    eventually(lambda: len(times) >= 3, "three batches")
    collected = lambda begin, end: [rdd.collect() for rdd in stream.slice(begin, end)]
    assert collected(times[0], times[2]) == [[1], [2], [3]]
    assert collected(times[1], times[1]) == [[2]]
    # Whole seconds, times before the first batch skipped, a fraction cut off.
    assert collected(int(times[0].timestamp()) - 100, int(times[1].timestamp())) == [[1], [2]]
    assert collected(times[0].replace(microsecond=900_000), times[1].replace(microsecond=900_000)) == [[1], [2]]
    ssc.stop(False)
    assert collected(times[0], times[1]) == [[1], [2]]
