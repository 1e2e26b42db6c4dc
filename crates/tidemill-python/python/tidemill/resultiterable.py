"""The values of one key; PySpark's `ResultIterable` (row 3.8)."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator
from typing import Generic, TypeVar

T = TypeVar("T")


class ResultIterable(Generic[T], Iterable[T]):
    """The values that `groupByKey` and `cogroup` give for a key. It can be read again and again, and has a length.

    >>> from tidemill.resultiterable import ResultIterable
    >>> values = ResultIterable([1, 2])
    >>> list(values), len(values), sum(values)
    ([1, 2], 2, 3)
    """

    def __init__(self, data: Collection[T]) -> None:
        self.data = data
        self.index = 0
        self.maxindex = len(data)

    def __iter__(self) -> Iterator[T]:
        return iter(self.data)

    def __len__(self) -> int:
        return len(self.data)
