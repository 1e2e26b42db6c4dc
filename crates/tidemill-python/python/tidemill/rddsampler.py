"""Samplers of partitions; PySpark's `pyspark.rddsampler`.

A seed gives the samples that it gives in PySpark: the generator of a partition is `random.Random(seed ^ partition)`
with its first ten draws thrown away.
"""

from __future__ import annotations

import math
import random
import sys
from typing import Any, Iterable, Iterator, Optional, TypeVar

T = TypeVar("T")
K = TypeVar("K")
V = TypeVar("V")

_THROWN_AWAY = 10
# From this mean on a product of uniform numbers would run below the smallest float: sums of their logarithms are used.
_LARGE_MEAN = 20.0


class RDDSamplerBase:
    """What samplers have in common: a seed, and a generator for each partition; PySpark's `RDDSamplerBase`.

    >>> from tidemill.rddsampler import RDDSampler
    >>> sampler = RDDSampler(False, 0.5, seed=3)
    >>> sampler.initRandomGenerator(0)
    >>> 0.0 <= sampler.getUniformSample() < 1.0
    True
    """

    def __init__(self, withReplacement: bool, seed: Optional[int] = None) -> None:
        self._seed = random.randint(0, sys.maxsize) if seed is None else seed
        self._withReplacement = withReplacement
        self._random: random.Random = random.Random(0)

    def initRandomGenerator(self, split: int) -> None:
        """Starts the numbers of partition `split`."""
        self._random = random.Random(self._seed ^ split)
        for _ in range(_THROWN_AWAY):
            self._random.randint(0, 1)

    def getUniformSample(self) -> float:
        """A number in [0, 1)."""
        return self._random.random()

    def getPoissonSample(self, mean: float) -> int:
        """A number of copies with expectation `mean`, by Knuth's method."""
        draws = 0
        if mean < _LARGE_MEAN:
            limit = math.exp(-mean)
            product = self._random.random()
            while product > limit:
                draws += 1
                product *= self._random.random()
        else:
            total = self._random.expovariate(mean)
            while total < 1.0:
                draws += 1
                total += self._random.expovariate(mean)
        return draws

    def func(self, split: int, iterator: Iterable[Any]) -> Iterator[Any]:
        """The sample of one partition, in its order."""
        raise NotImplementedError


class RDDSampler(RDDSamplerBase):
    """Takes each record with one probability, or a Poisson number of times; PySpark's `RDDSampler`.

    >>> from tidemill.rddsampler import RDDSampler
    >>> list(RDDSampler(False, 1.0, seed=1).func(0, "abc"))
    ['a', 'b', 'c']
    """

    def __init__(self, withReplacement: bool, fraction: float, seed: Optional[int] = None) -> None:
        super().__init__(withReplacement, seed)
        self._fraction = fraction

    def func(self, split: int, iterator: Iterable[T]) -> Iterator[T]:
        """The sample of one partition, in its order."""
        self.initRandomGenerator(split)
        fraction = self._fraction
        if self._withReplacement:
            for record in iterator:
                for _ in range(self.getPoissonSample(fraction)):
                    yield record
            return
        draw = self._random.random
        for record in iterator:
            if draw() < fraction:
                yield record


class RDDRangeSampler(RDDSamplerBase):
    """Takes the records whose number falls into a range, so that ranges side by side split an RDD.

    PySpark's `RDDRangeSampler`.

    >>> from tidemill.rddsampler import RDDRangeSampler
    >>> low, high = RDDRangeSampler(0.0, 0.3, seed=1), RDDRangeSampler(0.3, 1.0, seed=1)
    >>> sorted([*low.func(0, range(9)), *high.func(0, range(9))]) == list(range(9))
    True
    """

    def __init__(self, lowerBound: float, upperBound: float, seed: Optional[int] = None) -> None:
        super().__init__(False, seed)
        self._lowerBound = lowerBound
        self._upperBound = upperBound

    def func(self, split: int, iterator: Iterable[T]) -> Iterator[T]:
        """The part of one partition, in its order."""
        self.initRandomGenerator(split)
        low, high = self._lowerBound, self._upperBound
        draw = self._random.random
        for record in iterator:
            if low <= draw() < high:
                yield record


class RDDStratifiedSampler(RDDSamplerBase):
    """Takes each pair with the probability of its key; PySpark's `RDDStratifiedSampler`.

    >>> from tidemill.rddsampler import RDDStratifiedSampler
    >>> list(RDDStratifiedSampler(False, {"a": 1.0, "b": 0.0}, seed=1).func(0, [("a", 1), ("b", 2)]))
    [('a', 1)]
    """

    def __init__(self, withReplacement: bool, fractions: dict[Any, float], seed: Optional[int] = None) -> None:
        super().__init__(withReplacement, seed)
        self._fractions = fractions

    def func(self, split: int, iterator: Iterable[tuple[K, V]]) -> Iterator[tuple[K, V]]:
        """The sample of one partition, in its order."""
        self.initRandomGenerator(split)
        fractions = self._fractions
        if self._withReplacement:
            for key, value in iterator:
                for _ in range(self.getPoissonSample(fractions[key])):
                    yield key, value
            return
        draw = self._random.random
        for key, value in iterator:
            if draw() < fractions[key]:
                yield key, value
