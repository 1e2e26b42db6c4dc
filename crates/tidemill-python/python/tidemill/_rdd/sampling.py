"""Operators that take a random part of an RDD. A seed gives what it gives in PySpark."""

from __future__ import annotations

import random
import sys
from math import log, sqrt
from typing import TYPE_CHECKING, Any, Optional, Sequence, TypeVar, Union

from tidemill._rdd.actions import ActionsMixin
from tidemill.rddsampler import RDDRangeSampler, RDDSampler, RDDStratifiedSampler

if TYPE_CHECKING:
    from tidemill.rdd import RDD

T = TypeVar("T")
K = TypeVar("K")
V = TypeVar("V")

# So many standard deviations below the largest integer a sample must stay.
_LARGEST_SAMPLE = sys.maxsize - int(10.0 * sqrt(sys.maxsize))
# The chance that a sample without replacement comes out too small.
_TOO_SMALL = 0.00005
_SMALL_SAMPLE = 12


class SamplingMixin(ActionsMixin[T]):
    """`sample` and its like."""

    def sample(self, withReplacement: bool, fraction: float, seed: Optional[int] = None) -> RDD[T]:
        """A random part of the records; PySpark's `RDD.sample`.

        Without replacement each record is taken with probability `fraction`; with it, `fraction` times on average.
        ValueError for a negative fraction.

        >>> 6 <= sc.parallelize(range(100), 4).sample(False, 0.1, 81).count() <= 14
        True
        """
        if not fraction >= 0:
            raise ValueError("Fraction must be nonnegative.")
        return self.mapPartitionsWithIndex(RDDSampler(withReplacement, fraction, seed).func, True)

    def randomSplit(self, weights: Sequence[Union[int, float]], seed: Optional[int] = None) -> list[RDD[T]]:
        """The records split by chance into parts with such weights; PySpark's `RDD.randomSplit`.

        ValueError for a negative weight, and if all are 0.

        >>> small, large = sc.parallelize(range(500), 1).randomSplit([2, 3], 17)
        >>> small.count() + large.count(), 150 < small.count() < 250
        (500, True)
        """
        if any(not weight >= 0 for weight in weights):
            raise ValueError("Weights must be nonnegative")
        total = float(sum(weights))
        if not total > 0:
            raise ValueError("Sum of weights must be positive")
        if seed is None:
            seed = random.randint(0, 2**32 - 1)
        parts, low = [], 0.0
        for weight in weights:
            high = low + weight / total
            parts.append(self.mapPartitionsWithIndex(RDDRangeSampler(low, high, seed).func, True))
            low = high
        return parts

    def takeSample(self, withReplacement: bool, num: int, seed: Optional[int] = None) -> list[T]:
        """So many records by chance, in random order; PySpark's `RDD.takeSample`.

        Without replacement there are no more than the RDD has. ValueError for a negative number.

        >>> numbers = sc.parallelize(range(10), 2)
        >>> len(numbers.takeSample(True, 20, 1)), len(numbers.takeSample(False, 20, 1))
        (20, 10)
        """
        if num < 0:
            raise ValueError("Sample size cannot be negative.")
        if num > _LARGEST_SAMPLE:
            raise ValueError("Sample size cannot be greater than %d." % _LARGEST_SAMPLE)
        if num == 0 or self._base().partitions == 0:
            return []
        total = self.count()
        if total == 0:
            return []
        generator = random.Random(seed)
        if not withReplacement and num >= total:
            samples = self.collect()
            generator.shuffle(samples)
            return samples
        fraction = self._computeFractionForSampleSize(num, total, withReplacement)
        samples = self.sample(withReplacement, fraction, seed)._collected()
        # The fraction is so large that this is hardly ever needed.
        while len(samples) < num:
            again = generator.randint(0, sys.maxsize)
            samples = self.sample(withReplacement, fraction, again)._collected()
        generator.shuffle(samples)
        return samples[:num]

    @staticmethod
    def _computeFractionForSampleSize(sampleSizeLowerBound: int, total: int, withReplacement: bool) -> float:
        """The fraction that gives at least so many records in nearly every case."""
        fraction = float(sampleSizeLowerBound) / total
        if withReplacement:
            deviations = 9 if sampleSizeLowerBound < _SMALL_SAMPLE else 5
            return fraction + deviations * sqrt(fraction / total)
        gamma = -log(_TOO_SMALL) / total
        return min(1, fraction + gamma + sqrt(gamma * gamma + 2 * gamma * fraction))

    def sampleByKey(
        self: SamplingMixin[tuple[K, V]],
        withReplacement: bool,
        fractions: dict[K, Union[float, int]],
        seed: Optional[int] = None,
    ) -> RDD[tuple[K, V]]:
        """A random part of the pairs, of each key with its own fraction; PySpark's `RDD.sampleByKey`.

        AssertionError for a negative fraction; a key without a fraction fails the job.

        >>> pairs = sc.parallelize([("a", n) for n in range(10)] + [("b", n) for n in range(10)], 2)
        >>> sorted(set(pairs.sampleByKey(False, {"a": 1.0, "b": 0.0}, 2).keys().collect()))
        ['a']
        """
        for fraction in fractions.values():
            assert fraction >= 0.0, "Negative fraction value: %s" % fraction
        sampler: Any = RDDStratifiedSampler(withReplacement, fractions, seed)
        return self.mapPartitionsWithIndex(sampler.func, True)
