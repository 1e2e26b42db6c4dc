"""Partitioners: which partition a key belongs to, and the name by which the engine knows two that agree."""

from __future__ import annotations

import itertools
import weakref
from typing import Any, Callable

from tidemill.worker.hashing import portable_hash

_numbers = itertools.count(1)
_numbered: weakref.WeakKeyDictionary[Any, int] = weakref.WeakKeyDictionary()


class Partitioner:
    """A number of partitions and the function that sends keys to them; PySpark's `Partitioner`.

    Two are equal if number and function are. Calling one with a key gives the key's partition.

    >>> from tidemill.rdd import Partitioner, portable_hash
    >>> Partitioner(4, portable_hash)(7)
    3
    >>> Partitioner(4, portable_hash) == Partitioner(4, portable_hash)
    True
    """

    def __init__(self, numPartitions: int, partitionFunc: Callable[[Any], int]) -> None:
        self.numPartitions = numPartitions
        self.partitionFunc = partitionFunc

    def __eq__(self, other: object) -> bool:
        return (
            isinstance(other, Partitioner)
            and self.numPartitions == other.numPartitions
            and self.partitionFunc == other.partitionFunc
        )

    __hash__ = None  # type: ignore[assignment]

    def __call__(self, k: Any) -> int:
        return self.partitionFunc(k) % self.numPartitions

    def layout(self) -> bytes:
        """The engine's name for it: equal for equal partitioners."""
        if self.partitionFunc is portable_hash:
            return b"portable_hash %d" % self.numPartitions
        return b"function %d, %d" % (_number_of(self.partitionFunc), self.numPartitions)


def _number_of(function: Any) -> int:
    """A number that no other function has, as long as the function lives; a new one where that cannot be known."""
    try:
        number = _numbered.get(function)
        if number is None:
            number = _numbered[function] = next(_numbers)
    except TypeError:
        number = next(_numbers)
    return number
