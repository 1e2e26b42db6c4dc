"""Operators that put pairs in order."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Callable, Optional, TypeVar

from tidemill._call_site import call_site
from tidemill._rdd.pairs import PairsMixin
from tidemill._rdd.sampling import SamplingMixin
from tidemill.worker.hashing import portable_hash
from tidemill.worker.records import itself, key_of
from tidemill.worker.sorting import RangeOf, SortPairs

if TYPE_CHECKING:
    from tidemill.rdd import RDD

T = TypeVar("T")
K = TypeVar("K")
V = TypeVar("V")

# Keys that are looked at for each partition, to find where partitions should end; as Spark's RangePartitioner.
_SAMPLES_A_PARTITION = 20.0
_SAMPLE_SEED = 1


class SortingMixin(PairsMixin[T], SamplingMixin[T]):
    """`sortByKey` and its like."""

    def sortByKey(
        self: SortingMixin[tuple[K, V]],
        ascending: Optional[bool] = True,
        numPartitions: Optional[int] = None,
        keyfunc: Callable[[Any], Any] = lambda x: x,
    ) -> RDD[tuple[K, V]]:
        """The pairs in the order of their keys, over all partitions; PySpark's `RDD.sortByKey`.

        Keys are compared by what `keyfunc` gives. Equal keys stay in the order in which they reach the partition. With
        more than one partition, two jobs run at once: they count the records and look at some keys, to find where
        partitions should end.

        >>> sc.parallelize([("b", 2), ("a", 1), ("C", 3)]).sortByKey().keys().collect()
        ['C', 'a', 'b']
        >>> sc.parallelize([("b", 2), ("a", 1), ("C", 3)]).sortByKey(True, 1, keyfunc=str.lower).keys().collect()
        ['a', 'b', 'C']
        """
        count = self._defaultReducePartitions() if numPartitions is None else numPartitions
        keyfunc = _known(keyfunc)
        in_order = SortPairs(keyfunc, not ascending)
        if count == 1:
            together: Any = self if self._base().partitions <= 1 else self._new(self._jrdd.coalesce(call_site(), 1))
            return together.mapPartitions(in_order, True)  # type: ignore[no-any-return]
        size = self.count()
        if size == 0:
            return self  # type: ignore[return-value]
        share = min(count * _SAMPLES_A_PARTITION / size, 1.0)
        samples = sorted(self.sample(False, share, _SAMPLE_SEED).map(key_of)._collected(), key=keyfunc)
        # Unlike in PySpark the bounds are what `keyfunc` gives, as are the values that they are compared with.
        bounds = [keyfunc(samples[int(len(samples) * (number + 1) / count)]) for number in range(count - 1)]
        return self.partitionBy(count, RangeOf(bounds, keyfunc, not ascending, count)).mapPartitions(in_order, True)

    def repartitionAndSortWithinPartitions(
        self: SortingMixin[tuple[Any, Any]],
        numPartitions: Optional[int] = None,
        partitionFunc: Callable[[Any], int] = portable_hash,
        ascending: bool = True,
        keyfunc: Callable[[Any], Any] = lambda x: x,
    ) -> RDD[tuple[Any, Any]]:
        """The pairs in the partitions of their keys, each in order; PySpark's `RDD.repartitionAndSortWithinPartitions`.

        >>> pairs = sc.parallelize([(0, 5), (3, 8), (2, 6), (0, 8), (3, 8), (1, 3)])
        >>> pairs.repartitionAndSortWithinPartitions(2, lambda key: key % 2, True).glom().collect()
        [[(0, 5), (0, 8), (2, 6)], [(1, 3), (3, 8), (3, 8)]]
        """
        count = self._defaultReducePartitions() if numPartitions is None else numPartitions
        return self.partitionBy(count, partitionFunc).mapPartitions(SortPairs(_known(keyfunc), not ascending), True)


def _known(keyfunc: Callable[[Any], Any]) -> Callable[[Any], Any]:
    """The default key function by its name, so that its code does not travel."""
    return itself if keyfunc in _DEFAULTS else keyfunc


_DEFAULTS = (
    (SortingMixin.sortByKey.__defaults__ or ())[-1],
    (SortingMixin.repartitionAndSortWithinPartitions.__defaults__ or ())[-1],
)
