"""Operators that bring two RDDs of pairs together by key."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Optional, TypeVar

from tidemill import join
from tidemill._rdd.base import BaseMixin
from tidemill.resultiterable import ResultIterable
from tidemill.worker import records

if TYPE_CHECKING:
    from tidemill.rdd import RDD

T = TypeVar("T")
K = TypeVar("K")
V = TypeVar("V")
U = TypeVar("U")


class JoinsMixin(BaseMixin[T]):
    """`join`, `cogroup` and their like.

    Values of a key are combined in the order in which they come, None is a key like any other, and a side that lies by
    the partitioner asked for is not shuffled again.
    """

    def join(
        self: JoinsMixin[tuple[K, V]], other: RDD[tuple[K, U]], numPartitions: Optional[int] = None
    ) -> RDD[tuple[K, tuple[V, U]]]:
        """Pairs (k, (v, w)) of keys that both have; PySpark's `RDD.join`.

        >>> sorted(sc.parallelize([("a", 1), ("b", 4)]).join(sc.parallelize([("a", 2), ("a", 3)])).collect())
        [('a', (1, 2)), ('a', (1, 3))]
        """
        return join.python_join(self, other, numPartitions)  # type: ignore[arg-type]

    def leftOuterJoin(
        self: JoinsMixin[tuple[K, V]], other: RDD[tuple[K, U]], numPartitions: Optional[int] = None
    ) -> RDD[tuple[K, tuple[V, Optional[U]]]]:
        """Pairs (k, (v, w)) of all keys of this RDD, w None where `other` has none; PySpark's `RDD.leftOuterJoin`.

        >>> sorted(sc.parallelize([("a", 1), ("b", 4)]).leftOuterJoin(sc.parallelize([("a", 2)])).collect())
        [('a', (1, 2)), ('b', (4, None))]
        """
        return join.python_left_outer_join(self, other, numPartitions)  # type: ignore[arg-type]

    def rightOuterJoin(
        self: JoinsMixin[tuple[K, V]], other: RDD[tuple[K, U]], numPartitions: Optional[int] = None
    ) -> RDD[tuple[K, tuple[Optional[V], U]]]:
        """Pairs (k, (v, w)) of all keys of `other`, v None where this RDD has none; PySpark's `RDD.rightOuterJoin`.

        >>> sorted(sc.parallelize([("a", 2)]).rightOuterJoin(sc.parallelize([("a", 1), ("b", 4)])).collect())
        [('a', (2, 1)), ('b', (None, 4))]
        """
        return join.python_right_outer_join(self, other, numPartitions)  # type: ignore[arg-type]

    def fullOuterJoin(
        self: JoinsMixin[tuple[K, V]], other: RDD[tuple[K, U]], numPartitions: Optional[int] = None
    ) -> RDD[tuple[K, tuple[Optional[V], Optional[U]]]]:
        """Pairs (k, (v, w)) of all keys of both, with None where a side has none; PySpark's `RDD.fullOuterJoin`.

        >>> sorted(sc.parallelize([("a", 1), ("b", 4)]).fullOuterJoin(sc.parallelize([("a", 2), ("c", 8)])).collect())
        [('a', (1, 2)), ('b', (4, None)), ('c', (None, 8))]
        """
        return join.python_full_outer_join(self, other, numPartitions)  # type: ignore[arg-type]

    def cogroup(
        self: JoinsMixin[tuple[K, V]], other: RDD[tuple[K, U]], numPartitions: Optional[int] = None
    ) -> RDD[tuple[K, tuple[ResultIterable[V], ResultIterable[U]]]]:
        """Pairs (k, (all values here, all values there)); PySpark's `RDD.cogroup`.

        >>> groups = sc.parallelize([("a", 1), ("b", 4)]).cogroup(sc.parallelize([("a", 2)])).collect()
        >>> sorted((key, list(ours), list(theirs)) for key, (ours, theirs) in groups)
        [('a', [1], [2]), ('b', [4], [])]
        """
        return join.python_cogroup((self, other), numPartitions)  # type: ignore[arg-type]

    def groupWith(
        self: JoinsMixin[tuple[Any, Any]], other: RDD[tuple[Any, Any]], *others: RDD[tuple[Any, Any]]
    ) -> RDD[tuple[Any, tuple[ResultIterable[Any], ...]]]:
        """`cogroup` of any number of RDDs; PySpark's `RDD.groupWith`.

        >>> one, two, three = (sc.parallelize([("a", number)]) for number in (1, 2, 3))
        >>> [(key, [list(side) for side in sides]) for key, sides in one.groupWith(two, three).collect()]
        [('a', [[1], [2], [3]])]
        """
        return join.python_cogroup((self, other, *others), None)  # type: ignore[arg-type]

    def subtractByKey(
        self: JoinsMixin[tuple[K, V]], other: RDD[tuple[K, Any]], numPartitions: Optional[int] = None
    ) -> RDD[tuple[K, V]]:
        """The pairs whose keys `other` has not; PySpark's `RDD.subtractByKey`.

        >>> sc.parallelize([("a", 1), ("b", 4), ("b", 5)]).subtractByKey(sc.parallelize([("a", 3)])).collect()
        [('b', 4), ('b', 5)]
        """
        return self.cogroup(other, numPartitions).filter(records.only_in_first).flatMapValues(records.key_of)
