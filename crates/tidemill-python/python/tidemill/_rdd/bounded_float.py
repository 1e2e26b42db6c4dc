"""An estimate with its bounds, and how bounds follow from the partitions that are done."""

from __future__ import annotations

from math import inf, nan, pi, sqrt, tan
from typing import Sequence

from tidemill.statcounter import StatCounter

# From so many degrees of freedom on Student's distribution is taken as the normal one.
_NEARLY_NORMAL = 100


class BoundedFloat(float):
    """An estimate that lies between `low` and `high` with probability `confidence`; PySpark's `BoundedFloat`.

    >>> from tidemill.rdd import BoundedFloat
    >>> estimate = BoundedFloat(100.0, 0.95, 95.0, 105.0)
    >>> estimate, estimate.confidence, estimate.low, estimate.high
    (100.0, 0.95, 95.0, 105.0)
    """

    confidence: float
    low: float
    high: float

    def __new__(cls, mean: float, confidence: float, low: float, high: float) -> BoundedFloat:
        made = float.__new__(cls, mean)
        made.confidence = confidence
        made.low = low
        made.high = high
        return made


def estimated_sum(sums: Sequence[float], partitions: int, confidence: float) -> BoundedFloat:
    """The sum over all partitions, from the sums of those that are done."""
    if len(sums) == partitions:
        total = sum(sums)
        return BoundedFloat(total, 1.0, total, total)
    if not sums:
        return BoundedFloat(0.0, 0.0, -inf, inf)
    done = StatCounter(sums)
    estimate = done.mean() * partitions
    missing = 1 - len(sums) / partitions
    error = partitions * sqrt(done.sampleVariance() * missing / len(sums)) if len(sums) > 1 else inf
    reach = error * quantile(confidence, len(sums) - 1) if error < inf else inf
    return BoundedFloat(estimate, confidence, estimate - reach, estimate + reach)


def estimated_mean(done: StatCounter, complete: bool, confidence: float) -> BoundedFloat:
    """The mean over all partitions, from the records of those that are done."""
    if complete:
        mean = done.mean() if done.count() else nan
        return BoundedFloat(mean, 1.0, mean, mean)
    if done.count() == 0:
        return BoundedFloat(0.0, 0.0, -inf, inf)
    reach = inf
    if done.count() > 1:
        reach = sqrt(done.sampleVariance() / done.count()) * quantile(confidence, done.count() - 1)
    return BoundedFloat(done.mean(), confidence, done.mean() - reach, done.mean() + reach)


def quantile(confidence: float, freedom: int) -> float:
    """How many standard errors to both sides hold a share `confidence` of Student's distribution."""
    share = (1 + confidence) / 2
    if share >= 1:
        return inf
    if freedom == 1:
        return tan(pi * (share - 0.5))
    if freedom == 2:
        return (2 * share - 1) * sqrt(2 / (4 * share * (1 - share)))
    from statistics import NormalDist  # loads much that nothing else here needs

    z = NormalDist().inv_cdf(share)
    if freedom > _NEARLY_NORMAL:
        return z
    # Cornish and Fisher's expansion.
    first = (z**3 + z) / (4 * freedom)
    second = (5 * z**5 + 16 * z**3 + 3 * z) / (96 * freedom**2)
    third = (3 * z**7 + 19 * z**5 + 17 * z**3 - 15 * z) / (384 * freedom**3)
    return z + first + second + third
