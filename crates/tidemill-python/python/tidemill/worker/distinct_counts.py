"""Estimating how many different records there are, by HyperLogLog.

A record's hash names a register, and the register keeps the longest run of zeros that a hash of its began with.
Registers that no hash has met are not stored, so few records cost little however fine the estimate. The estimator is
Ertl's, which needs no tables of corrections.
"""

from __future__ import annotations

from math import ceil, inf, log, log2, sqrt
from typing import Any, Iterable, Iterator

from tidemill.worker.hashing import portable_hash
from tidemill.worker.partitions import PartitionFunction

_BITS = 64
_MASK = (1 << _BITS) - 1
_LEAST_PRECISION = 4
# The standard error of 2 ** p registers is about this over the root of their number.
_ERROR_OF_ONE = 1.054

Registers = dict[int, int]


class Sketch(PartitionFunction):
    """The registers of a partition, as one record; 2 ** `precision` of them could be there."""

    __slots__ = ("precision",)
    precision: int

    def __call__(self, records: Iterable[Any]) -> Iterator[Registers]:
        precision = self.precision
        chooses = (1 << precision) - 1
        width = _BITS - precision
        registers: Registers = {}
        for record in records:
            mixed = _mixed(portable_hash(record))
            rank = width - (mixed >> precision).bit_length() + 1
            register = mixed & chooses
            if rank > registers.get(register, 0):
                registers[register] = rank
        yield registers


def precision_for(relative_error: float) -> int:
    """The precision that keeps the standard error below `relative_error`."""
    return max(_LEAST_PRECISION, ceil(2 * log2(_ERROR_OF_ONE / relative_error)))


def merged(one: Registers, other: Registers) -> Registers:
    """The registers of both, in the first of them."""
    for register, rank in other.items():
        if rank > one.get(register, 0):
            one[register] = rank
    return one


def estimate(registers: Registers, precision: int) -> float:
    """How many different records the registers have probably met."""
    count = 1 << precision
    width = _BITS - precision
    ranks = [0] * (width + 2)
    for rank in registers.values():
        ranks[rank] += 1
    ranks[0] = count - len(registers)
    total = count * _tau(1 - ranks[width + 1] / count)
    for rank in range(width, 0, -1):
        total = (total + ranks[rank]) / 2
    total += count * _sigma(ranks[0] / count)
    return 0.0 if total == inf else count * count / (2 * log(2) * total)


def _mixed(number: int) -> int:
    """64 bits of which each depends on all of the number's: hashes of small integers are the integers themselves."""
    number = (number + 0x9E3779B97F4A7C15) & _MASK
    number = ((number ^ (number >> 30)) * 0xBF58476D1CE4E5B9) & _MASK
    number = ((number ^ (number >> 27)) * 0x94D049BB133111EB) & _MASK
    return number ^ (number >> 31)


def _sigma(share: float) -> float:
    """What the registers that met nothing add."""
    if share == 1:
        return inf
    weight, total = 1.0, share
    while True:
        share *= share
        before = total
        total += share * weight
        weight += weight
        if total == before:
            return total


def _tau(share: float) -> float:
    """What the registers that are full add."""
    if share in (0, 1):
        return 0.0
    weight, total = 1.0, 1 - share
    while True:
        share = sqrt(share)
        before = total
        weight /= 2
        total -= (1 - share) ** 2 * weight
        if total == before:
            return total / 3
