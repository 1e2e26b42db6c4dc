"""Estimates of how many different records there are."""

from __future__ import annotations

import pytest

from tidemill.worker.distinct_counts import Sketch, estimate, merged, precision_for


def registers_of(records, precision):
    (registers,) = Sketch(precision)(records)
    return registers


@pytest.mark.parametrize("count", [0, 1, 10, 300, 1_000, 5_000, 40_000])
@pytest.mark.parametrize("error", [0.1, 0.05, 0.01])
def test_estimates_are_near_at_every_size(count, error):
    precision = precision_for(error)
    for records in (range(count), [f"word {number}" for number in range(count)]):
        found = estimate(registers_of(records, precision), precision)
        assert abs(found - count) <= 4 * error * count + 0.5


def test_the_error_asked_for_is_kept():
    for error in (0.2, 0.05, 0.001, 0.000017):
        registers = 2 ** precision_for(error)
        assert 1.054 / registers**0.5 <= error


def test_records_that_come_again_count_once_and_sketches_merge():
    precision = precision_for(0.05)
    whole = registers_of([*range(2_000), *range(500)], precision)
    parts = merged(registers_of(range(1_200), precision), registers_of(range(800, 2_000), precision))
    assert whole == parts == registers_of(range(2_000), precision)
