"""Batches of records as bytes: what travels between the engine and its workers, and how records become it.

A batch is `(format, count, payload)`:

- `TEXT`: UTF-8 lines separated by newlines; a newline at the end makes no further record.
- `ROWS`: a pickled list of records.
- `COLUMNS`: a byte that says whether records are single values (1) or pairs (2), then for each column a byte for its
  kind, its length as a little-endian u64, and its values. A typed kind is used only if every value is exactly of that
  type, so that reading it back gives equal objects of equal types.
- `PRODUCT`: two batches, of which every record of the first is paired with every record of the second.
- `ZIPPED`: two batches of equal counts, paired by position.

`count` is the number of records; for `TEXT` 0 may also mean that nobody counted.
"""

from __future__ import annotations

import io
import itertools
import pickle
import struct
import sys
from array import array
from collections.abc import Iterable, Sequence
from typing import Any, Union

__all__ = ["COLUMNS", "PRODUCT", "ROWS", "TEXT", "ZIPPED", "Batch", "count_of", "decode", "dumps", "encode_pairs",
           "encode_rows", "encode_text"]  # fmt: skip

TEXT, ROWS, COLUMNS, PRODUCT, ZIPPED = 0, 1, 2, 3, 4

Payload = Union[bytes, bytearray, memoryview]
Batch = tuple[int, int, Payload]

_COLUMN = struct.Struct("<BQ")
_SIDE = struct.Struct("<HIQ")
_PROTOCOL = 5
_SWAP = sys.byteorder == "big"
# Types whose objects cannot refer to themselves or to each other: pickling them without a memo loses nothing.
_ATOMS = frozenset({str, int, float, bool, bytes, type(None), complex})


# ---- reading -------------------------------------------------------------------------------------------------------


def decode(format: int, count: int, payload: Payload) -> Iterable[Any]:
    """The records of a batch: a list, or for pairs an iterator that makes each tuple when it is asked for."""
    if format == TEXT:
        lines = str(payload, "utf-8").split("\n")
        if not lines[-1]:
            del lines[-1]
        return lines
    if format == ROWS:
        return pickle.loads(payload)  # type: ignore[no-any-return]
    if format == COLUMNS:
        columns = _columns(count, payload)
        return zip(columns[0], columns[1]) if len(columns) == 2 else columns[0]
    if format == PRODUCT or format == ZIPPED:
        return decode_product(format, payload)
    raise ValueError(f"unknown format {format} of a batch")


def decode_product(format: int, payload: Payload) -> Iterable[tuple[Any, Any]]:
    """The pairs of two batches that travel side by side: `PRODUCT` all of them, `ZIPPED` those at equal positions."""
    view = memoryview(payload)
    sides = []
    at = 0
    for _ in range(2):
        kind, count, size = _SIDE.unpack_from(view, at)
        at += _SIDE.size
        sides.append(decode(kind, count, view[at : at + size]))
        at += size
    left, right = sides
    if format == ZIPPED:
        return zip(left, right)
    return itertools.product(left, right)


def count_of(format: int, count: int, payload: Payload) -> int:
    """How many records a batch has, without making them."""
    if count or format != TEXT or not len(payload):
        return count
    text = payload if isinstance(payload, (bytes, bytearray)) else bytes(payload)
    return text.count(b"\n") + (not text.endswith(b"\n"))


def _columns(count: int, payload: Payload) -> list[list[Any]]:
    view = memoryview(payload)
    columns = []
    at = 1
    for _ in range(view[0]):
        kind, size = _COLUMN.unpack_from(view, at)
        at += 9
        columns.append(_read_column(kind, count, view[at : at + size]))
        at += size
    return columns


def _read_column(kind: int, count: int, values: memoryview) -> list[Any]:
    if kind == 0x73:  # s
        return str(values, "utf-8").split("\n")
    if kind == 0x71:  # q
        return _numbers("q", values)
    if kind == 0x70:  # p
        return pickle.loads(values)  # type: ignore[no-any-return]
    if kind == 0x64:  # d
        return _numbers("d", values)
    if kind == 0x7A:  # z
        return str(values, "utf-8").split("\0")
    if kind == 0x62:  # b
        return list(map((False, True).__getitem__, values))
    if kind == 0x6E:  # n
        return [None] * count
    if kind == 0x79:  # y
        ends = list(itertools.accumulate(_numbers("I", values[: 4 * count]), initial=4 * count))
        data = bytes(values)
        return [data[start:end] for start, end in zip(ends, ends[1:])]
    raise ValueError(f"unknown kind {kind} of a column")


def _numbers(code: str, values: memoryview) -> list[Any]:
    numbers = array(code)
    numbers.frombytes(values)
    if _SWAP:
        numbers.byteswap()
    return numbers.tolist()


# ---- writing -------------------------------------------------------------------------------------------------------


def encode_rows(rows: list[Any]) -> Batch:
    """A batch of any records, in the form that is cheapest to read again."""
    if rows:
        first = type(rows[0])
        if first is tuple:
            if len(rows[0]) == 2 and set(map(type, rows)) == {tuple} and set(map(len, rows)) == {2}:
                return _pairs([row[0] for row in rows], [row[1] for row in rows], rows)
        elif first in _ATOMS:
            kind, values = _column(rows)
            if kind == b"p":
                return ROWS, len(rows), values
            return COLUMNS, len(rows), b"".join((b"\1", kind, len(values).to_bytes(8, "little"), values))
    return ROWS, len(rows), dumps(rows)


def encode_pairs(keys: list[Any], values: list[Any]) -> Batch:
    """A batch of pairs whose keys and values are already apart."""
    return _pairs(keys, values, None)


def encode_text(rows: Sequence[str]) -> Batch:
    """A block of text: each record and a newline after it. A record that is no str is a TypeError."""
    try:
        text = ("\n".join(rows) + "\n" if rows else "").encode("utf-8")
    except TypeError:
        strange = next(type(row).__name__ for row in rows if not isinstance(row, str))
        raise TypeError(
            f"text can only be written from str, not from {strange}: map the records to str first"
        ) from None
    return TEXT, text.count(b"\n"), text


def _pairs(keys: list[Any], values: list[Any], rows: list[Any] | None) -> Batch:
    count = len(keys)
    first = _typed(keys)
    second = _typed(values)
    if first is None:
        if second is None:  # in one pickle, so that what keys and values share stays shared
            return ROWS, count, dumps(list(zip(keys, values)) if rows is None else rows)
        first = b"p", _plain_or_pickled(keys)
    elif second is None:
        second = b"p", _plain_or_pickled(values)
    size = len(first[1]).to_bytes(8, "little"), len(second[1]).to_bytes(8, "little")
    return COLUMNS, count, b"".join((b"\2", first[0], size[0], first[1], second[0], size[1], second[1]))


def _column(values: list[Any]) -> tuple[bytes, Payload]:
    return _typed(values) or (b"p", _plain_or_pickled(values))


def _typed(values: list[Any]) -> tuple[bytes, Payload] | None:
    """A column in a typed kind, or None: its kind and its bytes."""
    types = set(map(type, values))
    if len(types) != 1:
        return None
    (only,) = types
    if only is str:
        return _strings(values)
    if only is int:
        try:
            return b"q", _bytes_of(array("q", values))
        except OverflowError:
            return None
    if only is float:
        return b"d", _bytes_of(array("d", values))
    if only is bool:
        return b"b", bytes(values)
    if only is type(None):
        return b"n", b""
    if only is bytes:
        return b"y", _bytes_of(array("I", map(len, values))) + b"".join(values)
    return None


def _strings(values: list[str]) -> tuple[bytes, Payload] | None:
    try:
        text = "\n".join(values).encode("utf-8")
        if text.count(b"\n") == len(values) - 1:
            return b"s", text
        text = "\0".join(values).encode("utf-8")
        if text.count(b"\0") == len(values) - 1:
            return b"z", text
    except UnicodeEncodeError:  # a lone surrogate: only pickle carries it
        pass
    return None


def _bytes_of(numbers: array[Any]) -> bytes:
    if _SWAP:
        numbers.byteswap()
    return numbers.tobytes()


def _plain_or_pickled(values: list[Any]) -> bytes:
    if _ATOMS.issuperset(map(type, values)):
        buffer = io.BytesIO()
        pickler = pickle.Pickler(buffer, _PROTOCOL)
        pickler.fast = True  # no memo: nothing here can be shared or refer to itself
        pickler.dump(values)
        return buffer.getvalue()
    return dumps(values)


def dumps(value: Any) -> bytes:
    """Pickled so that the other side can read it: what the program itself defines travels whole, as in PySpark."""
    try:
        data = pickle.dumps(value, _PROTOCOL)
    except (pickle.PicklingError, AttributeError, TypeError, ImportError):
        data = None
    if data is None or b"__main__" in data or _modules_by_value():
        import cloudpickle

        data = cloudpickle.dumps(value, _PROTOCOL)
    return data


def _modules_by_value() -> bool:
    cloudpickle = sys.modules.get("cloudpickle")
    return cloudpickle is not None and bool(cloudpickle.list_registry_pickle_by_value())
