"""Programs on streams of pairs, each with a name, and what they are given: for tests that run one in two ways."""
from __future__ import annotations

import json
import operator
import os

from tidemill import StorageLevel

BATCHES = [[("a", 1), ("b", 2)], [], [("a", 3)], [("c", 4), ("a", 5), ("c", 6)], [("b", 7)], [("a", 8)], [("d", 9)]]


class Times:
    """A class of the program's own, by which a function is bound."""

    def __init__(self, factor):
        self.factor = factor

    def value(self, pair):
        return pair[0], pair[1] * self.factor


def total(new, last):
    return sum(new) + (last or 0)


def drop_a(new, last):
    return None if sum(new) == 3 else sum(new) + (last or 0)


PROGRAMS = {
    "map": lambda pairs: pairs.map(lambda pair: (pair[0] * 2, pair[1])),
    "chain": lambda pairs: pairs.filter(lambda p: p[1] % 2).flatMap(lambda p: [p, p]).mapValues(lambda v: v + 1),
    "methods": lambda pairs: pairs.map(Times(3).value),
    "partitions": lambda pairs: pairs.mapPartitionsWithIndex(lambda i, part: [(i, len(list(part)))]),
    "glom": lambda pairs: pairs.repartition(1).glom().map(sorted),
    "count": lambda pairs: pairs.count().union(pairs.map(lambda p: p[1]).reduce(operator.add)),
    "by value": lambda pairs: pairs.map(lambda p: p[0]).countByValue(),
    "reduce by key": lambda pairs: pairs.reduceByKey(operator.add),
    "combine by key": lambda pairs: pairs.combineByKey(lambda v: [v], lambda a, v: a + [v], lambda a, b: a + b, 2),
    "group by key": lambda pairs: pairs.groupByKey(2).mapValues(sorted),
    "partition by": lambda pairs: pairs.partitionBy(2).glom().map(sorted),
    "join": lambda pairs: pairs.join(pairs.mapValues(str)),
    "outer joins": lambda pairs: pairs.filter(lambda p: p[1] < 6).fullOuterJoin(pairs.filter(lambda p: p[1] > 2), 2),
    "cogroup": lambda pairs: pairs.cogroup(pairs).mapValues(lambda sides: [sorted(side) for side in sides]),
    "transform": lambda pairs: pairs.transform(lambda rdd: rdd.sortByKey()),
    "transform with time": lambda pairs: pairs.transform(lambda time, rdd: rdd.map(lambda p: (time.second, p))),
    "transform with": lambda pairs: pairs.transformWith(lambda one, two: one.subtractByKey(two), pairs.window(2)),
    "transform of many": lambda pairs: pairs.context().transform([pairs, pairs], lambda rdds: rdds[0].union(rdds[1])),
    "union": lambda pairs: pairs.context().union(pairs, pairs.mapValues(lambda v: -v)),
    "window": lambda pairs: pairs.window(3, 2),
    "short window": lambda pairs: pairs.reduceByKeyAndWindow(operator.add, operator.sub, 2, 1),
    "long window": lambda pairs: pairs.reduceByKeyAndWindow(operator.add, operator.sub, 5, 1, 2, lambda p: p[1] != 0),
    "window made anew": lambda pairs: pairs.reduceByKeyAndWindow(operator.add, None, 3, 1),
    "windows of values": lambda pairs: pairs.countByValueAndWindow(3, 1),
    "windows counted": lambda pairs: pairs.countByWindow(6, 1),
    "windows grouped": lambda pairs: pairs.groupByKeyAndWindow(5, 1).mapValues(list),
    "state": lambda pairs: pairs.updateStateByKey(total, 2),
    "state that goes": lambda pairs: pairs.updateStateByKey(drop_a, 2),
    "state with a first": lambda pairs: pairs.updateStateByKey(total, 2, [("a", 100), ("z", 1)]),
    "state with a first RDD": lambda pairs: pairs.updateStateByKey(
        total, 2, pairs.context().sparkContext.parallelize([("a", 10)]).mapValues(lambda v: v + 1)
    ),
    "kept": lambda pairs: pairs.map(lambda p: p).cache().window(2).persist(StorageLevel.DISK_ONLY).checkpoint(2),
}


def note(path, time, rdd):
    """Appends a batch to a file, as a program's own output: what is recovered has no object in common with the test."""
    with open(path, "a", encoding="utf-8") as file:
        print(json.dumps([time.timestamp(), sorted(rdd.collect(), key=repr)], default=list), file=file)


def batches(path):
    return [json.loads(line) for line in path.read_text().splitlines()]


def note_named(name, time, rdd):
    """As `note`, into a file of that name in the folder that the environment names."""
    note(os.path.join(os.environ["TIDEMILL_TEST_OUT"], name), time, rdd)
