"""Which partition a key belongs to: the hash that PySpark gives it, on every machine and in every process.

Workers run with a fixed hash seed, so Python's own `hash` serves there. A driver may run with a random seed; it calls
`use_native` once, and strings are then hashed by the engine as a worker would hash them.
"""

from __future__ import annotations

import sys
from typing import Any, Callable

__all__ = ["portable_hash", "use_native"]

_native: Callable[[Any], int] | None = None


def use_native(function: Callable[[Any], int]) -> None:
    """Lets `function` answer for `portable_hash` in this process (a driver, whose own seed may be random)."""
    global _native
    _native = function


def portable_hash(x: Any) -> int:
    """The hash that decides a key's partition, equal in every process (behaviour 3.23).

    None is 0, a tuple is hashed part by part as CPython 2.7 did, everything else has the hash that a worker gives it.
    PySpark's counterpart is `pyspark.rdd.portable_hash`, which fails in a driver without PYTHONHASHSEED; this does not.

    >>> portable_hash(None), portable_hash(7), portable_hash((None, 1)) & 0xFFFFFFFF
    (0, 7, 219750521)
    """
    if _native is not None:
        return _native(x)
    return _hash(x)


def _hash(x: Any) -> int:
    if x is None:
        return 0
    if isinstance(x, tuple):
        mixed = 0x345678
        for part in x:
            mixed ^= _hash(part)
            mixed *= 1000003
            mixed &= sys.maxsize
        mixed ^= len(x)
        return -2 if mixed == -1 else int(mixed)
    return hash(x)
