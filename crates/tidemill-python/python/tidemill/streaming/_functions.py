"""Functions that operators of streams run in workers. Nothing but the standard library is imported here."""
from __future__ import annotations

from typing import Any, Callable, Iterable, Iterator, Optional


def count_of(records: Iterable[Any]) -> Iterator[int]:
    """How many records there are: one number for a partition."""
    yield sum(1 for _ in records)


def records_as_list(records: Iterable[Any]) -> Iterator[list[Any]]:
    """All records of a partition as one list."""
    yield list(records)


def with_key_none(record: Any) -> tuple[None, Any]:
    """A pair whose key all records share, as `reduce` needs it."""
    return None, record


def with_key_one(record: Any) -> tuple[int, Any]:
    """A pair whose key all records share, as windows without keys need it."""
    return 1, record


def value_of(pair: Any) -> Any:
    """The value of a pair."""
    return pair[1]


def with_one(record: Any) -> tuple[Any, int]:
    """The record as a key that was seen once."""
    return record, 1


def one(_: Any) -> int:
    """One, whatever the record is."""
    return 1


def list_of_one(value: Any) -> list[Any]:
    """A list of one value."""
    return [value]


def has_count(pair: Any) -> bool:
    """Whether something of the key is left in the window."""
    return bool(pair[1] > 0)


def has_state(pair: Any) -> bool:
    """Whether the key has a state."""
    return pair[1] is not None


def append_all(left: list[Any], right: list[Any]) -> list[Any]:
    """The values of both, in order; the left list is used up."""
    left.extend(right)
    return left


def drop_first(values: list[Any], leaving: list[Any]) -> list[Any]:
    """The values without those that left the window, which are the oldest."""
    return values[len(leaving):]


def without(inverse: Callable[[Any, Any], Any], values: tuple[Any, Optional[Any]]) -> Any:
    """What is left of a window's value when that which left the window is taken out, where something left."""
    kept, leaving = values
    return kept if leaving is None else inverse(kept, leaving)


def first_state(update: Callable[[list[Any], Optional[Any]], Any], values: Iterable[Any]) -> Any:
    """The state of a key that had none, as in the first batch."""
    return update(list(values), None)


def next_state(update: Callable[[list[Any], Optional[Any]], Any], sides: tuple[Iterable[Any], Iterable[Any]]) -> Any:
    """The state of a key from the one before and the new values."""
    states = list(sides[0])
    return update(list(sides[1]), states[0] if states else None)
