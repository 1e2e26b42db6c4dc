"""What tasks do with one record for operators that are made of others: module functions, so that no code travels."""

from __future__ import annotations

from operator import itemgetter
from typing import Any, Callable

from tidemill.worker.partitions import PartitionFunction

key_of = itemgetter(0)
value_of = itemgetter(1)


def with_none(record: Any) -> tuple[Any, None]:
    """The record as a key."""
    return record, None


def with_true(record: Any) -> tuple[Any, bool]:
    """The record as a key that is there."""
    return record, True


def former(one: Any, _: Any) -> Any:
    """The first of two."""
    return one


def in_all(pair: tuple[Any, tuple[Any, ...]]) -> bool:
    """Whether every side of a cogroup has values."""
    return all(len(values) for values in pair[1])


def only_in_first(pair: tuple[Any, tuple[Any, Any]]) -> bool:
    """Whether the first side of a cogroup has values and the second has none."""
    first, second = pair[1]
    return len(first) > 0 and not len(second)


def as_text(record: Any) -> str:
    """The record as a line of text."""
    if type(record) is str:
        return record
    if isinstance(record, bytes):
        return record.decode("utf-8", "replace")
    return str(record)


def comparable(record: Any) -> bool:
    """Whether the record is neither None nor a float that is no number."""
    return not (record is None or (type(record) is float and record != record))


def twice(record: Any) -> tuple[Any, Any]:
    """The record as smallest and largest of itself."""
    return record, record


def bounds(one: tuple[Any, Any], other: tuple[Any, Any]) -> tuple[Any, Any]:
    """Smallest and largest of two such pairs."""
    return min(one[0], other[0]), max(one[1], other[1])


class Keyed(PartitionFunction):
    """A record under the key that a function gives it."""

    __slots__ = ("function",)
    function: Callable[[Any], Any]

    def __call__(self, record: Any) -> tuple[Any, Any]:
        return self.function(record), record


class HasKey(PartitionFunction):
    """Whether a pair has a certain key."""

    __slots__ = ("key",)
    key: Any

    def __call__(self, pair: Any) -> bool:
        found: bool = pair[0] == self.key
        return found


class FromZero(PartitionFunction):
    """A combiner made of a fresh copy of a zero value and a first value."""

    __slots__ = ("zero", "function")
    zero: Any
    function: Callable[[Any, Any], Any]

    def __call__(self, value: Any) -> Any:
        from copy import deepcopy

        return self.function(deepcopy(self.zero), value)


def itself(record: Any) -> Any:
    """The record."""
    return record
