"""Sorting in a worker: in memory, and by runs on disk."""

from __future__ import annotations

import random

import pytest

from tidemill.worker import external, sorting
from tidemill.worker.sorting import RangeOf, SortPairs, in_order


class AlwaysFull(external.Budget):
    """As if every stretch of records filled the memory."""

    def full(self):
        return True


@pytest.mark.parametrize("descending", [False, True])
@pytest.mark.parametrize("count", [0, 1, 99, 100, 101, 1050])
@pytest.mark.parametrize("on_disk", [False, True])
def test_records_come_in_order_and_equal_ones_as_they_came(monkeypatch, count, descending, on_disk):
    monkeypatch.setattr(sorting, "_STRETCH", 100)
    if on_disk:
        monkeypatch.setattr(external, "Budget", AlwaysFull)
    choose = random.Random(count)
    records = [(choose.randrange(30), number) for number in range(count)]

    def key(record):
        return record[0]

    assert list(in_order(iter(records), key, descending)) == sorted(records, key=key, reverse=descending)


def test_runs_on_disk_hold_records_of_any_kind(monkeypatch):
    monkeypatch.setattr(sorting, "_STRETCH", 3)
    monkeypatch.setattr(external, "Budget", AlwaysFull)
    pairs = [(number % 4, [number, None, "x" * number]) for number in range(20)]
    assert list(SortPairs(lambda key: -key, False)(iter(pairs))) == sorted(pairs, key=lambda pair: -pair[0])


def test_ranges_end_where_their_bounds_are():
    up = RangeOf([10, 20], abs, False, 3)
    down = RangeOf([10, 20], abs, True, 3)
    keys = [0, -10, 11, 20, -21]
    assert [up(key) for key in keys] == [0, 0, 1, 1, 2]
    assert [down(key) for key in keys] == [2, 2, 1, 1, 0]
