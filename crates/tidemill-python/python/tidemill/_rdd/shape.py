"""Operators on an RDD as a set, and on how it is cut into partitions."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Callable, Iterable, Optional, TypeVar

from tidemill._call_site import call_site
from tidemill._rdd.sorting import SortingMixin
from tidemill.worker import records
from tidemill.worker.hashing import portable_hash

if TYPE_CHECKING:
    from tidemill.rdd import RDD, RDDBarrier

T = TypeVar("T")
U = TypeVar("U")
K = TypeVar("K")

_SCATTER = "scatter"
# Both sides of `zip` come in batches of this many records, so that batches lie against each other.
_ZIPPED_TOGETHER = 1024


class ShapeMixin(SortingMixin[T]):
    """`union`, `distinct`, `repartition` and their like."""

    def union(self, other: RDD[U]) -> RDD[Any]:
        """The records of this RDD and then those of `other`, partition after partition; PySpark's `RDD.union`.

        Where both lie by one partitioner the partitions are laid together and keep it, so that a later shuffle by key
        is spared (behaviour 3.24). Nothing is dropped: `distinct` does that.

        >>> sc.parallelize([1, 2]).union(sc.parallelize([2, 3])).collect()
        [1, 2, 2, 3]
        """
        handle = self.ctx._engine.union(call_site(), [self._jrdd, other._jrdd])
        together = self.partitioner is not None and self.partitioner == other.partitioner
        kept = self.partitioner if together and handle.partitions == self._jrdd.partitions else None
        return self._new(handle, (), kept, (other,))

    def __add__(self, other: RDD[U]) -> RDD[Any]:
        """`rdd + other` is `rdd.union(other)`; TypeError if `other` is no RDD."""
        if not isinstance(other, ShapeMixin):
            raise TypeError
        return self.union(other)

    def intersection(self, other: RDD[T]) -> RDD[T]:
        """The records that both have, each once; PySpark's `RDD.intersection`. It shuffles.

        >>> sorted(sc.parallelize([1, 1, 2]).intersection(sc.parallelize([2, 1, 3])).collect())
        [1, 2]
        """
        grouped = self.map(records.with_none).cogroup(other.map(records.with_none))
        return grouped.filter(records.in_all).keys()

    def subtract(self, other: RDD[T], numPartitions: Optional[int] = None) -> RDD[T]:
        """The records that `other` has not, as often as they are there; PySpark's `RDD.subtract`. It shuffles.

        >>> sorted(sc.parallelize([1, 2, 2, 3]).subtract(sc.parallelize([3])).collect())
        [1, 2, 2]
        """
        return self.map(records.with_true).subtractByKey(other.map(records.with_true), numPartitions).keys()

    def distinct(self, numPartitions: Optional[int] = None) -> RDD[T]:
        """Each record once; PySpark's `RDD.distinct`. It shuffles.

        >>> sorted(sc.parallelize([2, 1, 2]).distinct().collect())
        [1, 2]
        """
        return self.map(records.with_none).reduceByKey(records.former, numPartitions).keys()

    def cartesian(self, other: RDD[U]) -> RDD[tuple[T, U]]:
        """All pairs of a record of this RDD and one of `other`; PySpark's `RDD.cartesian`.

        There is a partition for each pair of partitions.

        >>> sc.parallelize([1, 2], 1).cartesian(sc.parallelize("ab", 1)).collect()
        [(1, 'a'), (1, 'b'), (2, 'a'), (2, 'b')]
        """
        return self._new(self._jrdd.cartesian(call_site(), other._jrdd), (), None, (other,))

    def zip(self, other: RDD[U]) -> RDD[tuple[T, U]]:
        """Pairs of records at equal positions; PySpark's `RDD.zip`.

        Both need equally many partitions (else ValueError), and equally many records in each (else the job fails).

        >>> sc.parallelize([1, 2, 3], 2).zip(sc.parallelize("abc", 2)).collect()
        [(1, 'a'), (2, 'b'), (3, 'c')]
        """
        left = self._chained(("rows",), _ZIPPED_TOGETHER)
        right = other._chained(("rows",), _ZIPPED_TOGETHER)
        if left.partitions != right.partitions:
            raise ValueError("Can only zip with RDD which has the same number of partitions")
        return self._new(left.zipped(call_site(), right), (), None, (other,))

    def repartition(self, numPartitions: int) -> RDD[T]:
        """The same records in so many partitions, spread evenly; PySpark's `RDD.repartition`. It shuffles.

        >>> sc.parallelize(range(8), 4).repartition(2).getNumPartitions()
        2
        """
        return self.coalesce(numPartitions, shuffle=True)

    def coalesce(self, numPartitions: int, shuffle: bool = False) -> RDD[T]:
        """The same records in fewer partitions, neighbours laid together; PySpark's `RDD.coalesce`.

        Without `shuffle` there are never more partitions than before. ValueError unless `numPartitions` is above 0.

        >>> sc.parallelize([1, 2, 3, 4, 5], 3).coalesce(1).glom().collect()
        [[1, 2, 3, 4, 5]]
        """
        if not numPartitions > 0:
            raise ValueError("Number of partitions must be positive.")
        if shuffle:
            return self._exchanged((_SCATTER, numPartitions), None)
        return self._new(self._jrdd.coalesce(call_site(), numPartitions))

    def groupBy(
        self,
        f: Callable[[T], K],
        numPartitions: Optional[int] = None,
        partitionFunc: Callable[[K], int] = portable_hash,
    ) -> RDD[tuple[K, Iterable[T]]]:
        """The records that `f` gives one key to, together; PySpark's `RDD.groupBy`. It shuffles.

        >>> groups = sc.parallelize([1, 2, 3]).groupBy(lambda x: x % 2).collect()
        >>> sorted((key, sorted(values)) for key, values in groups)
        [(0, [2]), (1, [1, 3])]
        """
        return self.keyBy(f).groupByKey(numPartitions, partitionFunc)

    def sortBy(
        self, keyfunc: Callable[[T], Any], ascending: bool = True, numPartitions: Optional[int] = None
    ) -> RDD[T]:
        """The records in the order of what `keyfunc` gives, over all partitions; PySpark's `RDD.sortBy`.

        As `sortByKey`, it runs a job at once to find where partitions should end.

        >>> sc.parallelize([3, 1, 2], 2).sortBy(lambda x: -x).collect()
        [3, 2, 1]
        """
        return self.keyBy(keyfunc).sortByKey(ascending, numPartitions).values()

    def barrier(self) -> RDDBarrier[T]:
        """The RDD in a stage whose tasks all run at once, and can meet; PySpark's `RDD.barrier`.

        >>> sc.parallelize([1, 2], 2).barrier().mapPartitions(lambda records: [sum(records)]).collect()
        [1, 2]
        """
        from tidemill.rdd import RDDBarrier

        return RDDBarrier(self)  # type: ignore[arg-type]
