"""Joins of RDDs of pairs; PySpark's `pyspark.join`.

Each is built as in PySpark: values are tagged by their side, both sides are united and grouped by key. A union of sides
that lie by one partitioner stays narrow (behaviour 3.24), and the order of results is that of PySpark's.

>>> from tidemill.join import python_join
>>> ages = sc.parallelize([("ann", 7), ("bo", 9)])
>>> towns = sc.parallelize([("ann", "Ely")])
>>> python_join(ages, towns, 2).collect()
[('ann', (7, 'Ely'))]
"""

from __future__ import annotations

from functools import partial, reduce
from typing import TYPE_CHECKING, Any, Callable, Optional, Sequence

from tidemill.worker import tagged

if TYPE_CHECKING:
    from tidemill.rdd import RDD

__all__ = [
    "python_cogroup",
    "python_full_outer_join",
    "python_join",
    "python_left_outer_join",
    "python_right_outer_join",
]

# One function for each side, made once: so that the pickled form of a join can be kept from batch to batch.
_FIRST = partial(tagged.tag, 1)
_SECOND = partial(tagged.tag, 2)
_SIDES: list[Callable[..., Any]] = [partial(tagged.tag, side) for side in range(8)]
_SPLITS: list[Callable[..., Any]] = [partial(tagged.split, count) for count in range(8)]


def python_join(rdd: RDD[Any], other: RDD[Any], numPartitions: Optional[int]) -> RDD[Any]:
    """Pairs (k, (v, w)) of keys that both sides have.

    >>> from tidemill.join import python_join
    >>> one = sc.parallelize([("a", 1)])
    >>> python_join(one, one, None).collect()
    [('a', (1, 1))]
    """
    return _joined(rdd, other, numPartitions, tagged.inner)


def python_right_outer_join(rdd: RDD[Any], other: RDD[Any], numPartitions: Optional[int]) -> RDD[Any]:
    """Pairs (k, (v or None, w)) of keys that the other side has.

    >>> from tidemill.join import python_right_outer_join
    >>> python_right_outer_join(sc.parallelize([("a", 1)]), sc.parallelize([("b", 2)]), None).collect()
    [('b', (None, 2))]
    """
    return _joined(rdd, other, numPartitions, tagged.right_outer)


def python_left_outer_join(rdd: RDD[Any], other: RDD[Any], numPartitions: Optional[int]) -> RDD[Any]:
    """Pairs (k, (v, w or None)) of keys that this side has.

    >>> from tidemill.join import python_left_outer_join
    >>> python_left_outer_join(sc.parallelize([("a", 1)]), sc.parallelize([("b", 2)]), None).collect()
    [('a', (1, None))]
    """
    return _joined(rdd, other, numPartitions, tagged.left_outer)


def python_full_outer_join(rdd: RDD[Any], other: RDD[Any], numPartitions: Optional[int]) -> RDD[Any]:
    """Pairs (k, (v or None, w or None)) of keys that either side has.

    >>> from tidemill.join import python_full_outer_join
    >>> sorted(python_full_outer_join(sc.parallelize([("a", 1)]), sc.parallelize([("b", 2)]), None).collect())
    [('a', (1, None)), ('b', (None, 2))]
    """
    return _joined(rdd, other, numPartitions, tagged.full_outer)


def python_cogroup(rdds: Sequence[RDD[Any]], numPartitions: Optional[int]) -> RDD[Any]:
    """Pairs (k, (values of the first RDD, values of the second, ...)), each a ResultIterable.

    >>> from tidemill.join import python_cogroup
    >>> one = sc.parallelize([("a", 1), ("a", 2)])
    >>> [(k, [list(part) for part in parts]) for k, parts in python_cogroup([one, one], None).collect()]
    [('a', [[1, 2], [1, 2]])]
    """
    marked = [rdd.mapValues(_nth(_SIDES, side, tagged.tag)) for side, rdd in enumerate(rdds)]
    united = reduce(lambda left, right: left.union(right), marked)
    return united.groupByKey(numPartitions).mapValues(_nth(_SPLITS, len(marked), tagged.split))


def _joined(
    rdd: RDD[Any], other: RDD[Any], count: Optional[int], combinations: Callable[[tagged.Tagged], Any]
) -> RDD[Any]:
    united = rdd.mapValues(_FIRST).union(other.mapValues(_SECOND))
    return united.groupByKey(count).flatMapValues(combinations)


def _nth(made: list[Callable[..., Any]], index: int, function: Callable[..., Any]) -> Callable[..., Any]:
    return made[index] if index < len(made) else partial(function, index)
