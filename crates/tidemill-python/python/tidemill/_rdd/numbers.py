"""Actions on numbers: sums, statistics, histograms."""

from __future__ import annotations

from math import isinf, isnan
from typing import TYPE_CHECKING, Any, Optional, Sequence, TypeVar, Union

from tidemill._rdd.actions import ActionsMixin
from tidemill.statcounter import StatCounter
from tidemill.worker import partitions, records
from tidemill.worker.histograms import CountByBucket, added

if TYPE_CHECKING:
    from tidemill.rdd import RDD

T = TypeVar("T")

# Buckets whose widths differ by less count as equally wide.
_WIDTH_ERROR = 1e-10


class NumbersMixin(ActionsMixin[T]):
    """`sum`, `stats`, `histogram` and their like."""

    def sum(self) -> Any:
        """The sum of the records, 0 for none; PySpark's `RDD.sum`.

        >>> sc.parallelize([1.0, 2.0, 3.0]).sum()
        6.0
        """
        total = 0
        for part in self.mapPartitions(partitions.total)._collected():
            total = total + part
        return total

    def stats(self) -> StatCounter:
        """Count, mean, variance, smallest and largest in one pass; PySpark's `RDD.stats`.

        >>> sc.parallelize([1, 2, 3]).stats().mean()
        2.0
        """
        return self.mapPartitions(partitions.statistics).reduce(StatCounter.mergeStats)

    def mean(self) -> float:
        """The mean; PySpark's `RDD.mean`.

        >>> sc.parallelize([1, 2, 3]).mean()
        2.0
        """
        return self.stats().mean()

    def variance(self) -> float:
        """The variance, divided by the count; PySpark's `RDD.variance`.

        >>> sc.parallelize([1, 3]).variance()
        1.0
        """
        return self.stats().variance()

    def stdev(self) -> float:
        """The root of `variance()`; PySpark's `RDD.stdev`.

        >>> float(sc.parallelize([1, 3]).stdev())
        1.0
        """
        return self.stats().stdev()

    def sampleVariance(self) -> float:
        """The variance divided by the count less one; PySpark's `RDD.sampleVariance`.

        >>> sc.parallelize([1, 2, 3]).sampleVariance()
        1.0
        """
        return self.stats().sampleVariance()

    def sampleStdev(self) -> float:
        """The root of `sampleVariance()`; PySpark's `RDD.sampleStdev`.

        >>> float(sc.parallelize([1, 2, 3]).sampleStdev())
        1.0
        """
        return self.stats().sampleStdev()

    def histogram(self, buckets: Union[int, list[Any], tuple[Any, ...]]) -> tuple[Sequence[Any], list[int]]:
        """The bounds of buckets, and how many records fall into each; PySpark's `RDD.histogram`.

        `buckets` are so many of equal width between the smallest and the largest record, or sorted bounds: each bucket
        is open at its right end, the last one is closed. None and nan are not counted. ValueError for bounds that are
        not sorted, not distinct or fewer than two, and for an empty RDD where the bounds have to be found.

        >>> sc.parallelize(range(51)).histogram(2)
        ([0, 25, 50], [25, 26])
        >>> sc.parallelize(["ab", "ac", "b", "bd", "ef"]).histogram(("a", "b", "c"))
        (('a', 'b', 'c'), [2, 2])
        """
        width: Optional[Any]
        if isinstance(buckets, int):
            found = self._equal_buckets(buckets)
            if isinstance(found, tuple):
                return found
            buckets, width = found[:-1], found[-1]
        elif isinstance(buckets, (list, tuple)):
            width = _width(buckets)
        else:
            raise TypeError("buckets should be a list or tuple or number(int or long)")
        counts = self.mapPartitions(CountByBucket(buckets, width)).reduce(added)
        return buckets, counts

    def _equal_buckets(self, count: int) -> Union[list[Any], tuple[list[Any], list[int]]]:
        """The bounds of equal buckets with their width at the end, or the answer where there is one bucket only."""
        if count < 1:
            raise ValueError("number of buckets must be >= 1")
        numbers: RDD[Any] = self.filter(records.comparable)
        low, high = numbers.map(records.twice).reduce(records.bounds)
        if low == high or count == 1:
            return [low, high], [numbers.count()]
        try:
            width = (high - low) / count
        except TypeError:
            raise TypeError("Can not generate buckets with non-number in RDD") from None
        if isinf(width):
            raise ValueError("Can not generate buckets with infinite value")
        width = int(width)  # bounds stay integers where that comes out even
        if width * count != high - low:
            width = (high - low) * 1.0 / count
        return [*[number * width + low for number in range(count)], high, width]


def _width(buckets: Union[list[Any], tuple[Any, ...]]) -> Optional[Any]:
    """The width of buckets with these bounds, if they are equally wide; ValueError if they are no bounds."""
    if len(buckets) < 2:
        raise ValueError("buckets should have more than one value")
    if any(bound is None or isinstance(bound, float) and isnan(bound) for bound in buckets):
        raise ValueError("can not have None or NaN in buckets")
    if sorted(buckets) != list(buckets):
        raise ValueError("buckets should be sorted")
    if len(set(buckets)) != len(buckets):
        raise ValueError("buckets should not contain duplicated values")
    try:
        widths = [high - low for low, high in zip(buckets, buckets[1:])]
    except TypeError:
        return None  # what cannot be subtracted is found by comparing
    if max(widths) - min(widths) < _WIDTH_ERROR:
        return (buckets[-1] - buckets[0]) / (len(buckets) - 1)
    return None
