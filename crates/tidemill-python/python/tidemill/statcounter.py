"""Statistics of numbers in one pass; PySpark's `pyspark.statcounter`."""

from __future__ import annotations

import copy
import math
from typing import Any, Iterable, Optional


class StatCounter:
    """Count, mean, variance, smallest and largest of numbers, from one pass whose parts can be merged.

    PySpark's `StatCounter`. The mean and the sum of squared distances from it are brought forward with each number, so
    that large values do not cancel each other out.

    >>> from tidemill.statcounter import StatCounter
    >>> counter = StatCounter([1.0, 2.0]).mergeStats(StatCounter([6.0]))
    >>> counter.count(), counter.mean(), counter.max()
    (3, 3.0, 6.0)
    """

    def __init__(self, values: Optional[Iterable[float]] = None) -> None:
        self.n = 0
        self.mu = 0.0
        self.m2 = 0.0
        self.maxValue = float("-inf")
        self.minValue = float("inf")
        for value in () if values is None else values:
            self.merge(value)

    def merge(self, value: float) -> StatCounter:
        """Adds one number, and returns the counter.

        >>> from tidemill.statcounter import StatCounter
        >>> StatCounter().merge(4.0).mean()
        4.0
        """
        delta = value - self.mu
        self.n += 1
        self.mu += delta / self.n
        self.m2 += delta * (value - self.mu)
        self.maxValue = _maximum(self.maxValue, value)
        self.minValue = _minimum(self.minValue, value)
        return self

    def mergeStats(self, other: StatCounter) -> StatCounter:
        """Adds what another counter has seen, and returns this one.

        Raises TypeError for anything that is not a StatCounter.

        >>> from tidemill.statcounter import StatCounter
        >>> StatCounter([1.0]).mergeStats(StatCounter([3.0])).variance()
        1.0
        """
        if not isinstance(other, StatCounter):
            raise TypeError("Can only merge StatCounter but got %s" % type(other))
        if other is self:
            other = self.copy()
        if other.n == 0:
            return self
        if self.n == 0:
            self.n, self.mu, self.m2 = other.n, other.mu, other.m2
            self.maxValue, self.minValue = other.maxValue, other.minValue
            return self
        count = self.n + other.n
        delta = other.mu - self.mu
        # Each form loses least where its condition holds.
        if other.n * 10 < self.n:
            self.mu = self.mu + (delta * other.n) / count
        elif self.n * 10 < other.n:
            self.mu = other.mu - (delta * self.n) / count
        else:
            self.mu = (self.mu * self.n + other.mu * other.n) / count
        self.maxValue = _maximum(self.maxValue, other.maxValue)
        self.minValue = _minimum(self.minValue, other.minValue)
        self.m2 += other.m2 + (delta * delta * self.n * other.n) / count
        self.n = count
        return self

    def copy(self) -> StatCounter:
        """A counter of its own with the same numbers.

        >>> from tidemill.statcounter import StatCounter
        >>> StatCounter([1.0]).copy().count()
        1
        """
        return copy.deepcopy(self)

    def count(self) -> int:
        """How many numbers there were.

        >>> from tidemill.statcounter import StatCounter
        >>> StatCounter([5.0, 5.0]).count()
        2
        """
        return int(self.n)

    def mean(self) -> float:
        """The mean; 0.0 if there was no number.

        >>> from tidemill.statcounter import StatCounter
        >>> StatCounter([1.0, 2.0]).mean()
        1.5
        """
        return self.mu

    def sum(self) -> float:
        """The sum.

        >>> from tidemill.statcounter import StatCounter
        >>> StatCounter([1.0, 2.0]).sum()
        3.0
        """
        return self.n * self.mu

    def min(self) -> float:
        """The smallest number; infinity if there was none.

        >>> from tidemill.statcounter import StatCounter
        >>> float(StatCounter([1.0, 2.0]).min())
        1.0
        """
        return self.minValue

    def max(self) -> float:
        """The largest number; minus infinity if there was none.

        >>> from tidemill.statcounter import StatCounter
        >>> float(StatCounter([1.0, 2.0]).max())
        2.0
        """
        return self.maxValue

    def variance(self) -> float:
        """The variance of the numbers (divided by their count); nan if there was none.

        >>> from tidemill.statcounter import StatCounter
        >>> StatCounter([1.0, 3.0]).variance()
        1.0
        """
        return self.m2 / self.n if self.n else float("nan")

    def sampleVariance(self) -> float:
        """The variance estimated from a sample (divided by the count less one); nan below two numbers.

        >>> from tidemill.statcounter import StatCounter
        >>> StatCounter([1.0, 3.0]).sampleVariance()
        2.0
        """
        return self.m2 / (self.n - 1) if self.n > 1 else float("nan")

    def stdev(self) -> float:
        """The root of `variance()`.

        >>> from tidemill.statcounter import StatCounter
        >>> float(StatCounter([1.0, 3.0]).stdev())
        1.0
        """
        root: float = _root(self.variance())
        return root

    def sampleStdev(self) -> float:
        """The root of `sampleVariance()`.

        >>> from tidemill.statcounter import StatCounter
        >>> float(StatCounter([1.0, 2.0, 3.0]).sampleStdev())
        1.0
        """
        root: float = _root(self.sampleVariance())
        return root

    def asDict(self, sample: bool = False) -> dict[str, float]:
        """All of it by name: count, mean, sum, min, max, stdev, variance.

        As in PySpark, `sample=False` gives the figures divided by the count less one, and `sample=True` the others.

        >>> from tidemill.statcounter import StatCounter
        >>> StatCounter([1.0, 3.0]).asDict()["variance"]
        2.0
        """
        return {
            "count": self.count(),
            "mean": self.mean(),
            "sum": self.sum(),
            "min": self.min(),
            "max": self.max(),
            "stdev": self.stdev() if sample else self.sampleStdev(),
            "variance": self.variance() if sample else self.sampleVariance(),
        }

    def __repr__(self) -> str:
        return "(count: %s, mean: %s, stdev: %s, max: %s, min: %s)" % (
            self.count(),
            self.mean(),
            self.stdev(),
            self.max(),
            self.min(),
        )


# Records may be numpy arrays, which have extremes and roots by element; numpy is not loaded for anything else.


def _maximum(one: Any, other: Any) -> Any:
    if isinstance(other, (int, float)):
        return other if other > one or other != other else one
    return _numpy().maximum(one, other) if _is_array(other) else max(one, other)


def _minimum(one: Any, other: Any) -> Any:
    if isinstance(other, (int, float)):
        return other if other < one or other != other else one
    return _numpy().minimum(one, other) if _is_array(other) else min(one, other)


def _root(value: Any) -> Any:
    return _numpy().sqrt(value) if _is_array(value) else math.sqrt(value)


def _is_array(value: Any) -> bool:
    return type(value).__module__ == "numpy"


def _numpy() -> Any:
    import numpy

    return numpy
