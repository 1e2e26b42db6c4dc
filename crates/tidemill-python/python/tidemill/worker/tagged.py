"""What tasks do for joins and cogroups: values tagged by their side, and groups split by tag.

A join is a union of both sides with each value tagged by where it comes from, grouped by key. These functions run once
for each record or group, in worker processes.
"""

from __future__ import annotations

from typing import Any, Iterable, Iterator

from tidemill.resultiterable import ResultIterable

Tagged = Iterable[tuple[int, Any]]


def tag(side: int, value: Any) -> tuple[int, Any]:
    """A value and the side that it comes from."""
    return side, value


def sides(group: Tagged) -> tuple[list[Any], list[Any]]:
    """The values of side 1 and of side 2, each in the order in which they came."""
    left: list[Any] = []
    right: list[Any] = []
    for side, value in group:
        (left if side == 1 else right).append(value)
    return left, right


def inner(group: Tagged) -> Iterator[tuple[Any, Any]]:
    """All combinations of both sides."""
    left, right = sides(group)
    return ((one, other) for one in left for other in right)


def left_outer(group: Tagged) -> Iterator[tuple[Any, Any]]:
    """All combinations, with None for a right side that has nothing."""
    left, right = sides(group)
    return ((one, other) for one in left for other in right or (None,))


def right_outer(group: Tagged) -> Iterator[tuple[Any, Any]]:
    """All combinations, with None for a left side that has nothing."""
    left, right = sides(group)
    return ((one, other) for one in left or (None,) for other in right)


def full_outer(group: Tagged) -> Iterator[tuple[Any, Any]]:
    """All combinations, with None for a side that has nothing."""
    left, right = sides(group)
    return ((one, other) for one in left or (None,) for other in right or (None,))


def split(count: int, group: Tagged) -> tuple[ResultIterable[Any], ...]:
    """The values of each of `count` sides, numbered from 0."""
    parts: list[list[Any]] = [[] for _ in range(count)]
    for side, value in group:
        parts[side].append(value)
    return tuple(ResultIterable(part) for part in parts)
