"""Random chains of operators against plain Python: the same results in the same order, by the same calls."""
from __future__ import annotations

import itertools
import random
from collections import OrderedDict

import pytest

from harness import ON_PYSPARK

# PySpark needs a good part of a second for a shuffle.
CHAINS = 4 if ON_PYSPARK else 150
SHUFFLES = 3 if ON_PYSPARK else 80


class Note:
    """Notes a call, in the list that all functions of a chain share."""

    def __init__(self, calls):
        self.calls = calls

    def __call__(self, name, value):
        self.calls.append((name, value))
        return value


def element_wise(choose, note, name):
    """One operator: its name in the API, and a function that notes its calls."""
    k = choose.randrange(1, 4)
    return choose.choice(
        [
            ("map", lambda n: note(name, n) * k),
            ("map", lambda n: (note(name, n), k) and n),
            ("filter", lambda n: note(name, n) % (k + 1)),
            ("flatMap", lambda n: [note(name, n)] * (k - 1)),
            ("flatMap", lambda n: (note(name, m) for m in range(n % 4))),
            ("mapPartitions", lambda part: (note(name, n) + k for n in part)),
            ("mapPartitions", lambda part: [note(name, sum(part))]),
            ("mapPartitionsWithIndex", lambda i, part: (note(name, n) + i for n in part)),
        ]
    )


def by_hand(kind, function, index, part):
    """What the operator means, as the plainest iterator that says so."""
    if kind == "map":
        return (function(n) for n in part)
    if kind == "filter":
        return (n for n in part if function(n))
    if kind == "flatMap":
        return (m for n in part for m in function(n))
    if kind == "mapPartitions":
        return function(part)
    return function(index, part)


def cut(values, slices):
    """How a list is spread: in runs of equal size, and these by their number."""
    size = max(1, min(len(values) // slices, 1024))
    runs = [values[i:i + size] for i in range(0, len(values), size)]
    bounds = [i * len(runs) // slices for i in range(slices + 1)]
    return [list(itertools.chain.from_iterable(runs[low:high])) for low, high in zip(bounds, bounds[1:])]


@pytest.mark.parametrize("seed", range(CHAINS))
def test_random_chains(sc, seed):
    choose = random.Random(seed)
    calls = []
    chain = [element_wise(choose, Note(calls), i) for i in range(choose.randrange(1, 6))]
    values = [choose.randrange(-20, 100) for _ in range(choose.randrange(0, 40))]
    slices = choose.randrange(1, 4)

    def told(part):
        # The calls of a task, after all its records.
        yield from part
        yield ("calls", list(calls))

    expected = []
    for index, part in enumerate(cut(values, slices)):
        calls.clear()
        records = iter(part)
        for kind, function in chain:
            records = by_hand(kind, function, index, iter(records))
        expected.append([*records, ("calls", list(calls))])
    calls.clear()

    rdd = sc.parallelize(values, slices)
    for kind, function in chain:
        rdd = getattr(rdd, kind)(function)
    assert rdd.mapPartitions(told).glom().collect() == expected


KEYS = {
    "int": lambda choose: choose.randrange(-5, 12),
    "str": lambda choose: choose.choice(["", "a", "bb", "naïve", "日本", "a\nb"]),
    "mixed": lambda choose: choose.choice([None, 1, 2.5, "1", (1, "a"), b"x", True]),
    "float": lambda choose: choose.choice([0.5, -1.5, 2.0, float("inf")]),
}


@pytest.mark.parametrize("seed", range(SHUFFLES))
def test_random_shuffles(sc, seed):
    from tidemill.rdd import portable_hash

    choose = random.Random(1000 + seed)
    key = choose.choice(list(KEYS.values()))
    slices, buckets = choose.randrange(1, 4), choose.randrange(1, 5)
    pairs = [(key(choose), choose.randrange(100)) for _ in range(choose.randrange(0, 60))]
    rdd = sc.parallelize(pairs, slices)
    operator = choose.choice(["reduceByKey", "groupByKey", "combineByKey", "partitionBy"])
    # Each map task's part of a bucket, in the order of the tasks: the only order that a shuffle of one machine has.
    arriving = [[pair for pair in pairs if portable_hash(pair[0]) % buckets == bucket] for bucket in range(buckets)]
    expected = []
    for bucket in arriving:
        table = OrderedDict()
        for name, value in bucket:
            table.setdefault(name, []).append(value)
        if operator == "reduceByKey":
            expected.append([(name, sum(values)) for name, values in table.items()])
        elif operator == "partitionBy":
            expected.append(bucket)
        else:
            expected.append([(name, sorted(values)) for name, values in table.items()])
    if operator == "reduceByKey":
        actual = rdd.reduceByKey(lambda a, b: a + b, buckets)
    elif operator == "groupByKey":
        actual = rdd.groupByKey(buckets).mapValues(sorted)
    elif operator == "combineByKey":
        actual = rdd.combineByKey(lambda v: [v], lambda c, v: [*c, v], lambda a, b: a + b, buckets).mapValues(sorted)
    else:
        actual = rdd.partitionBy(buckets)
    got = actual.glom().collect()
    if ON_PYSPARK:
        # There no order across map outputs is promised.
        got, expected = [[sorted(part, key=repr) for part in parts] for parts in (got, expected)]
    assert got == expected
