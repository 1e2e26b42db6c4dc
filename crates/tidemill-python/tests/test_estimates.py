"""Answers within a time, and what their bounds are."""

from __future__ import annotations

import contextlib
import math
import os
import random

import pytest

from tidemill._rdd.bounded_float import estimated_mean, estimated_sum, quantile
from tidemill.statcounter import StatCounter


@pytest.mark.parametrize(
    ("confidence", "freedom", "expected"),
    [
        (0.95, 1, 12.706),
        (0.95, 2, 4.303),
        (0.95, 3, 3.182),
        (0.95, 10, 2.228),
        (0.95, 60, 2.000),
        (0.95, 10**6, 1.960),
        (0.99, 5, 4.032),
        (0.9, 4, 2.132),
        (0.99, 30, 2.750),
    ],
)
def test_quantiles_are_those_of_students_distribution(confidence, freedom, expected):
    assert quantile(confidence, freedom) == pytest.approx(expected, rel=0.02)


def test_a_sum_of_all_partitions_is_exact():
    found = estimated_sum([1.0, 2.0], 2, 0.9)
    assert (found, found.confidence, found.low, found.high) == (3.0, 1.0, 3.0, 3.0)


def test_bounds_hold_the_sum_about_as_often_as_they_say():
    choose = random.Random(5)
    held = 0
    for _ in range(400):
        parts = [choose.gauss(100, 20) for _ in range(50)]
        found = estimated_sum(parts[:12], 50, 0.9)
        held += found.low <= sum(parts) <= found.high
    assert 0.85 <= held / 400 <= 0.95


def test_nothing_or_one_partition_bounds_nothing():
    for sums, estimate in (([], 0.0), ([4.0], 40.0)):
        found = estimated_sum(sums, 10, 0.9)
        assert (found, found.low, found.high) == (estimate, -math.inf, math.inf)
    found = estimated_mean(StatCounter(), False, 0.9)
    assert (found, found.low, found.high) == (0.0, -math.inf, math.inf)


def test_a_mean_of_some_partitions_has_bounds():
    found = estimated_mean(StatCounter([1.0, 2.0, 3.0]), False, 0.95)
    assert found == 2.0 and found.low < 0 < 4 < found.high and found.confidence == 0.95
    assert estimated_mean(StatCounter([1.0, 2.0, 3.0]), True, 0.95).low == 2.0


def test_an_answer_comes_in_time(sc, tmp_path):  # behaviour 3.6
    gate = tmp_path / "gate"
    os.mkfifo(gate)

    def wait(partition, records):
        if partition == 3:
            with open(gate, "rb") as held:  # opens only when somebody writes
                held.read()
        return records

    numbers = sc.parallelize(range(400), 4).mapPartitionsWithIndex(wait)
    found = numbers.sumApprox(2_000, 0.9)
    with contextlib.suppress(OSError):  # nobody reads if the engine has given the task up
        os.close(os.open(gate, os.O_WRONLY | os.O_NONBLOCK))
    gate.unlink()
    gate.touch()
    assert found.confidence == 0.9 and found.low < found < found.high
    assert 30_000 < found < 90_000
    exact = numbers.sumApprox(60_000, 0.9)
    assert (exact, exact.low, exact.high, exact.confidence) == (79_800.0, 79_800.0, 79_800.0, 1.0)
