"""What generated loops call between records: pieces of their input, and batches of their output."""

from __future__ import annotations

import itertools
import pickle
from collections.abc import Iterable, Iterator
from typing import Any

from tidemill.worker import formats
from tidemill.worker.hashing import portable_hash

Output = tuple[int, int, int, formats.Payload]  # bucket, format, number of records, payload

# More buckets than this share the bytes that this many would gather before they are written.
MANY_BUCKETS = 32


class Sizes:
    """How many records go into a batch: as many as asked for, or so many that its bytes stay near a target.

    The first batch is small, because nobody knows yet whether a record is a number or a picture.
    """

    __slots__ = ("fixed", "records")

    FIRST = 32
    MOST = 1 << 18
    BYTES = 256 << 10
    GROWTH = 16

    def __init__(self, fixed: int) -> None:
        self.fixed = fixed
        self.records = fixed or self.FIRST

    def learn(self, count: int, size: int) -> None:
        """`count` records took `size` bytes."""
        if not self.fixed and count:
            fitting = min(count * self.BYTES // (size + 1) + 1, self.records * self.GROWTH)
            # A few records say little about others, unless they are large.
            if count >= self.records // 2 or fitting < self.records:
                self.records = min(fitting, self.MOST)


# Tables ask whether there is memory after at most so many records.
TABLE = Sizes(1024)


# ---- input ---------------------------------------------------------------------------------------------------------


def pieces(runs: Iterable[formats.Batch], sizes: Sizes) -> Iterator[Iterable[Any]]:
    """The records of runs in pieces of about a batch, so that output can be handed on in between."""
    for form, count, payload in runs:
        records = formats.decode(form, count, payload)
        if not isinstance(records, list):
            yield from lazily(iter(records), sizes)
        elif len(records) <= sizes.records:
            yield records
        else:
            start = 0
            while start < len(records):
                end = start + sizes.records
                yield records[start:end]
                start = end


def lazily(records: Iterator[Any], sizes: Sizes) -> Iterator[Iterable[Any]]:
    """Pieces of an iterator; each record is drawn only when its piece comes to it."""
    for first in records:
        yield itertools.chain((first,), itertools.islice(records, sizes.records - 1))


_SIZED = frozenset({tuple, str, range, dict, set, frozenset, bytes, bytearray})


def parts(values: Any, sizes: Sizes) -> Iterable[Iterable[Any]]:
    """Pieces of what a flatMap returned, where it may be long."""
    if type(values) in _SIZED and len(values) <= 1024:
        return (values,)
    return lazily(iter(values), sizes)


def items(table: Any) -> Iterator[tuple[Any, Any]]:
    """The pairs of a table that is in memory or was spilled."""
    return iter(table.items()) if table.__class__ is dict else table


def concatenated(left: list[Any], right: list[Any]) -> list[Any]:
    left.extend(right)
    return left


# ---- output --------------------------------------------------------------------------------------------------------


def write_rows(rows: list[Any], sizes: Sizes, end: bool) -> Iterator[Output]:
    """Writes the gathered records; before the end those that fill no batch of a fixed size stay."""
    start, count = 0, len(rows)
    while start < count:
        size = sizes.records
        if sizes.fixed and not end and count - start < size:
            break
        batch = rows if not start and count <= size else rows[start : start + size]
        try:
            form, number, payload = formats.encode_rows(batch)
        except Exception as error:  # noqa: BLE001
            raise unwritable(error) from own_part(error)
        start += number
        sizes.learn(number, len(payload))
        yield 0, form, number, payload
    del rows[:start]


def write_text(rows: list[Any], sizes: Sizes) -> Iterator[Output]:
    """Writes the gathered records as lines."""
    form, number, payload = formats.encode_text(rows)
    sizes.learn(len(rows), len(payload))
    rows.clear()
    yield 0, form, number, payload


def write_pairs(table: dict[Any, Any], sizes: Sizes) -> Iterator[Output]:
    """Writes a whole table as rows."""
    return write_buckets([list(table)], [list(table.values())], sizes)


def write_buckets(keys: list[list[Any]], values: list[list[Any]], sizes: Sizes) -> Iterator[Output]:
    """Writes and empties all buckets."""
    records = size = 0
    for bucket, (some, others) in enumerate(zip(keys, values)):
        if not some:
            continue
        start, count = 0, len(some)
        while start < count:
            end = start + max(sizes.records, 1024)
            try:
                if start == 0 and count <= end:
                    form, number, payload = formats.encode_pairs(some, others)
                else:
                    form, number, payload = formats.encode_pairs(some[start:end], others[start:end])
            except Exception as error:  # noqa: BLE001
                raise unwritable(error) from own_part(error)
            start += number
            records += number
            size += len(payload)
            sizes.learn(records, size)
            yield bucket, form, number, payload
        some.clear()
        others.clear()


def write_scattered(buckets: list[list[Any]], sizes: Sizes) -> Iterator[Output]:
    """Writes and empties all buckets of whole records."""
    for bucket, rows in enumerate(buckets):
        for _, form, number, payload in write_rows(rows, sizes, True):
            yield bucket, form, number, payload


def write_table(table: dict[Any, Any], n: int, partition: Any, sizes: Sizes) -> Iterator[Output]:
    """Writes a table of the map side to its buckets and empties it."""
    if n == 1 and partition is portable_hash:
        keys, values = [list(table)], [list(table.values())]
    else:
        keys = [[] for _ in range(n)]
        values = [[] for _ in range(n)]
        if partition is portable_hash:
            for key, value in table.items():
                bucket = (hash(key) if key.__class__ is str else portable_hash(key)) % n
                keys[bucket].append(key)
                values[bucket].append(value)
        else:
            for key, value in table.items():
                bucket = partition(key) % n
                keys[bucket].append(key)
                values[bucket].append(value)
    table.clear()
    return write_buckets(keys, values, sizes)


# ---- errors --------------------------------------------------------------------------------------------------------


def stopped(error: StopIteration) -> Exception:
    """The error for a StopIteration out of a program's function, which would otherwise end the records silently."""
    from tidemill.errors import PySparkRuntimeError

    return PySparkRuntimeError(error_class="STOP_ITERATION_OCCURRED", message_parameters={"exc": str(error)})


def unwritable(error: Exception) -> Exception:
    """The error for results that can't be pickled."""
    if isinstance(error, MemoryError):
        return error
    return pickle.PicklingError(
        f"A result can't be pickled ({type(error).__name__}: {error}). Return plain data, and make what holds a file, "
        "a lock, a connection or a generator inside the function."
    )


def own_part(error: BaseException) -> BaseException | None:
    """The error, if a program's own code raised it while it was pickled; else its traceback would tell nothing."""
    traceback = error.__traceback__
    while traceback is not None:
        if traceback.tb_frame.f_globals.get("__name__", "").partition(".")[0] not in (
            "tidemill",
            "cloudpickle",
            "copyreg",
        ):
            return error
        traceback = traceback.tb_next
    return None
