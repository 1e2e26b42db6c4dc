"""Sorting a partition in a worker, with sorted runs on disk where it does not fit into memory."""

from __future__ import annotations

import heapq
from bisect import bisect_left
from itertools import islice
from typing import Any, Callable, Iterable, Iterator, Sequence

from tidemill.worker import external
from tidemill.worker.partitions import PartitionFunction

# Records between two looks at the memory in use: few, for they may be large.
_STRETCH = 64


class SortPairs(PartitionFunction):
    """The pairs of a partition in the order of their keys. Equal keys stay in the order in which they came."""

    __slots__ = ("key_function", "descending")
    key_function: Callable[[Any], Any]
    descending: bool

    def __call__(self, pairs: Iterable[tuple[Any, Any]]) -> Iterator[tuple[Any, Any]]:
        key_function = self.key_function
        return in_order(pairs, lambda pair: key_function(pair[0]), self.descending)


class RangeOf(PartitionFunction):
    """The partition of a key by bounds: keys up to the first bound are in partition 0, or in the last if descending."""

    __slots__ = ("bounds", "key_function", "descending", "partitions")
    bounds: Sequence[Any]
    key_function: Callable[[Any], Any]
    descending: bool
    partitions: int

    def __call__(self, key: Any) -> int:
        place = bisect_left(self.bounds, self.key_function(key))
        return self.partitions - 1 - place if self.descending else place


def in_order(records: Iterable[Any], key: Callable[[Any], Any], descending: bool) -> Iterator[Any]:
    """The records sorted by `key`. What does not fit into the worker's memory waits in files, sorted by runs."""
    budget = external.Budget()
    remaining = iter(records)
    runs: list[external.SpillFile] = []
    held: list[Any] = []
    while True:
        stretch = list(islice(remaining, _STRETCH))
        if not stretch:
            break
        held += stretch
        if budget.full():
            held.sort(key=key, reverse=descending)
            runs.append(_written(held))
            held = []
            budget.emptied()
    held.sort(key=key, reverse=descending)
    if not runs:
        return iter(held)
    return heapq.merge(*[run.entries() for run in runs], held, key=key, reverse=descending)


def _written(records: list[Any]) -> external.SpillFile:
    file = external.SpillFile()
    for record in records:
        file.put(record)
    file.flush()
    return file
