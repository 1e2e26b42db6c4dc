"""Random windows against what plain Python makes of the same batches."""
from __future__ import annotations

from operator import add, sub
from random import Random

import pytest

from tidemill.testing import TestContext

LONG = 5  # slides, from which on a window follows from the one before


def sums(batches):
    total = {}
    for batch in batches:
        for key, value in batch:
            total[key] = total.get(key, 0) + value
    return total


def expected(batches, window, slide):
    """What each window has by the inverse function: keys that came to nothing stay where windows are long."""
    state, windows = None, []
    for until in range(slide, len(batches) + 1, slide):
        if window < LONG * slide or state is None:
            state = sums(batches[max(0, until - window) : until])
        else:
            for key, value in sums(batches[max(0, until - slide - window) : max(0, until - window)]).items():
                state[key] -= value
            for key, value in sums(batches[until - slide : until]).items():
                state[key] = state.get(key, 0) + value
        windows.append(dict(state))
    return windows


@pytest.mark.parametrize("seed", range(6))
def test_windows_are_what_plain_python_makes_of_them(sc, seed):  # behaviour 1.50, 1.54, 1.55, 10.4
    random = Random(seed)
    slide = random.randint(1, 3)
    window = slide * random.choice([1, 2, LONG, LONG + 1]) if seed else slide * LONG
    batches = [
        [(random.choice("abcd"), random.randint(-9, 9)) for _ in range(random.randint(0, 6))] for _ in range(12)
    ]
    with TestContext() as test:
        feed, pairs = test.input(random.randint(1, 3))
        partitions = random.randint(1, 3)
        plain = test.collect(pairs.window(window, slide))
        by_inverse = test.collect(pairs.reduceByKeyAndWindow(add, sub, window, slide, partitions))
        anew = test.collect(pairs.reduceByKeyAndWindow(add, None, window, slide, partitions))
        counted = test.collect(pairs.countByWindow(window, slide))
        grouped = test.collect(pairs.groupByKeyAndWindow(window, slide, partitions).mapValues(list))
        for batch in batches:
            feed.push(batch)
            test.tick()
    ends = range(slide, len(batches) + 1, slide)
    whole = [batches[max(0, end - window) : end] for end in ends]
    assert plain.values() == [[pair for batch in each for pair in batch] for each in whole]
    assert [dict(each) for each in anew.values()] == [sums(each) for each in whole]
    assert [dict(each) for each in by_inverse.values()] == expected(batches, window, slide)
    assert [sum(each) for each in counted.values()] == [sum(map(len, each)) for each in whole]
    for lists, each in zip(grouped.values(), whole):
        in_order = {key: [value for batch in each for of, value in batch if of == key] for key in "abcd"}
        assert {key: values for key, values in lists if values} == {key: v for key, v in in_order.items() if v}
