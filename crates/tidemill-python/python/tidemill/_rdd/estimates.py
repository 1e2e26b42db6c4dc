"""Actions that give an estimate: within a time, or with little memory."""

from __future__ import annotations

from typing import Any, TypeVar

from tidemill._call_site import call_site
from tidemill._rdd.actions import ActionsMixin
from tidemill._rdd.bounded_float import BoundedFloat, estimated_mean, estimated_sum
from tidemill.statcounter import StatCounter
from tidemill.worker import partitions
from tidemill.worker.distinct_counts import Sketch, estimate, merged, precision_for
from tidemill.worker.formats import decode

T = TypeVar("T")

_FINEST = 0.000017


class EstimatesMixin(ActionsMixin[T]):
    """`countApprox` and its like.

    PySpark waits for the whole result whatever the `timeout` says. Here the answer comes in time: exact if all
    partitions are done by then, otherwise with bounds that hold with probability `confidence`.
    """

    def countApprox(self, timeout: int, confidence: float = 0.95) -> int:
        """How many records there are, within `timeout` milliseconds; PySpark's `RDD.countApprox`.

        >>> sc.parallelize(range(1000), 10).countApprox(60_000, 1.0)
        1000
        """
        counted = self._ready(("count",))
        return int(estimated_sum(self._within(counted, timeout), counted.partitions, confidence))

    def sumApprox(self, timeout: int, confidence: float = 0.95) -> BoundedFloat:
        """The sum of the records, within `timeout` milliseconds; PySpark's `RDD.sumApprox`.

        >>> sc.parallelize(range(1000), 10).sumApprox(60_000)
        499500.0
        """
        summed = self.mapPartitions(partitions.total)._ready()
        sums = [float(part) for part in self._within(summed, timeout)]
        return estimated_sum(sums, summed.partitions, confidence)

    def meanApprox(self, timeout: int, confidence: float = 0.95) -> BoundedFloat:
        """The mean of the records, within `timeout` milliseconds; PySpark's `RDD.meanApprox`.

        >>> sc.parallelize(range(1000), 10).meanApprox(60_000)
        499.5
        """
        counted = self.mapPartitions(partitions.float_statistics)._ready()
        parts = self._within(counted, timeout)
        together = StatCounter()
        for part in parts:
            together.mergeStats(part)
        return estimated_mean(together, len(parts) == counted.partitions, confidence)

    def countApproxDistinct(self, relativeSD: float = 0.05) -> int:
        """How many different records there are, with a relative standard error; PySpark's `RDD.countApproxDistinct`.

        Memory grows as the error gets smaller. ValueError for an error below 0.000017.

        >>> 900 < sc.parallelize(range(1000)).map(str).countApproxDistinct() < 1100
        True
        """
        if relativeSD < _FINEST:
            raise ValueError("relativeSD should be greater than 0.000017")
        precision = precision_for(relativeSD)
        registers: dict[int, int] = {}
        for part in self.mapPartitions(Sketch(precision))._collected():
            registers = merged(registers, part)
        return round(estimate(registers, precision))

    def _within(self, handle: Any, timeout: int) -> list[Any]:
        """The only record of each partition that is done within `timeout` milliseconds."""
        try:
            parts = handle.run_async(call_site(), list(range(handle.partitions)), timeout)
        finally:
            self.ctx._after_job()
        return [record for part in parts for batch in part or () for record in decode(*batch)]
