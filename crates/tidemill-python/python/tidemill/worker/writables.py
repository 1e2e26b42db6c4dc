"""Hadoop's simple values (`Writable` classes) as Python values, byte for byte as its sequence files hold them.

The conversions are PySpark's: see `class_of` for writing and the table of `reader_of` for reading.
"""
from __future__ import annotations

import struct
from typing import Any, Callable

PACKAGE = "org.apache.hadoop.io."
NULL, BOOLEAN, INT, LONG, DOUBLE, TEXT, BYTES, MAP = (
    PACKAGE + name
    for name in (
        "NullWritable", "BooleanWritable", "IntWritable", "LongWritable", "DoubleWritable", "Text", "BytesWritable",
        "MapWritable",
    )
)

Reader = Callable[[bytes, int], tuple[Any, int]]  # the bytes and where the value starts -> the value and where it ends

# The classes that a MapWritable need not name: it has a number for them.
_MAP_CLASSES = {
    -126: BOOLEAN, -125: BYTES, -124: PACKAGE + "FloatWritable", -123: INT, -122: LONG, -121: MAP, -119: NULL,
    -116: TEXT, -114: PACKAGE + "VIntWritable", -113: PACKAGE + "VLongWritable",
}
_MAP_NUMBERS = {name: number for number, name in _MAP_CLASSES.items()}


def class_of(value: Any) -> str:
    """The class that `value` is written as: None, bool, int (of 32 or 64 bits), float, str, bytes, bytearray and dict have one.

    Raises `TypeError`, in Spark's words, for any other type and for an int of more than 64 bits.
    """
    name = _CLASSES.get(type(value))
    if name is INT and not -(1 << 31) <= value < 1 << 31:
        name = LONG if -(1 << 63) <= value < 1 << 63 else None
    if name is None:
        kind = "int of more than 64 bits" if isinstance(value, int) else type(value).__name__
        raise TypeError(
            f"Data of type {kind} cannot be used: a sequence file holds None, bool, int, float, str, bytes and dict"
        )
    return name


def writer_of(name: str) -> Callable[[Any], bytes]:
    """The function that gives the bytes of a value of the class `name`, which `class_of` came up with."""
    return _WRITERS[name]


def reader_of(name: str) -> Reader:
    """The function that reads a value of the class `name`.

    Text is str; Byte-, Short-, Int-, Long-, VInt- and VLongWritable int; Float- and DoubleWritable float;
    BooleanWritable bool; BytesWritable bytearray; NullWritable None; MapWritable dict.
    Raises `TypeError` for a class that is none of these.
    """
    reader = _READERS.get(name)
    if reader is None:
        known = ", ".join(sorted(known.replace(PACKAGE, "") for known in _READERS))
        raise TypeError(f"cannot read values of {name}: of Hadoop's classes these can be read: {known}")
    return reader


def write_number(value: int) -> bytes:
    """`value` (64 bits) in Hadoop's variable length: one byte from -112 to 127, else a byte that tells sign and length first."""
    if -112 <= value <= 127:
        return bytes((value & 0xFF,))
    base, magnitude = (-112, value) if value >= 0 else (-120, ~value)
    length = (magnitude.bit_length() + 7) // 8
    return bytes(((base - length) & 0xFF,)) + magnitude.to_bytes(length, "big")


def read_number(data: bytes, at: int) -> tuple[int, int]:
    """The number that `write_number` wrote at `at`, and where it ends."""
    first = data[at]
    if first < 128:
        return first, at + 1
    if first >= 144:  # -112 as a signed byte
        return first - 256, at + 1
    negative = first < 136
    length = (136 if negative else 144) - first
    end = at + 1 + length
    if end > len(data):
        raise EOFError("a number ends after its file does")
    value = int.from_bytes(data[at + 1 : end], "big")
    return (~value if negative else value), end


def write_text(value: str) -> bytes:
    """Text: its length in bytes, then UTF-8. Half a surrogate pair becomes U+FFFD, as Java makes it."""
    try:
        encoded = value.encode("utf-8")
    except UnicodeEncodeError:
        encoded = value.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace").encode("utf-8")
    return write_number(len(encoded)) + encoded


def read_text(data: bytes, at: int) -> tuple[str, int]:
    """The text at `at`, and where it ends."""
    length, start = read_number(data, at)
    end = start + length
    if end > len(data):
        raise EOFError("a text ends after its file does")
    return data[start:end].decode("utf-8", "replace"), end


def _fixed(form: str) -> Reader:
    unpack_from, size = struct.Struct(form).unpack_from, struct.calcsize(form)
    return lambda data, at: (unpack_from(data, at)[0], at + size)


def _read_bytes(data: bytes, at: int) -> tuple[bytearray, int]:
    start = at + 4
    end = start + int.from_bytes(data[at:start], "big")
    if end > len(data):
        raise EOFError("bytes end after their file does")
    return bytearray(data[start:end]), end


def _read_map(data: bytes, at: int) -> tuple[dict[Any, Any], int]:
    classes = dict(_MAP_CLASSES)
    named, at = data[at], at + 1
    for _ in range(named):
        number, start = int.from_bytes(data[at : at + 1], "big", signed=True), at + 3
        at = start + int.from_bytes(data[at + 1 : start], "big")
        classes[number] = data[start:at].decode("utf-8")
    entries, at = int.from_bytes(data[at : at + 4], "big"), at + 4
    result = {}
    for _ in range(entries):
        key, at = _read_entry(data, at, classes)
        value, at = _read_entry(data, at, classes)
        result[key] = value
    return result, at


def _read_entry(data: bytes, at: int, classes: dict[int, str]) -> tuple[Any, int]:
    number = int.from_bytes(data[at : at + 1], "big", signed=True)
    name = classes.get(number)
    if name is None:
        raise TypeError(f"cannot read a map with values of Hadoop's class number {number}")
    return reader_of(name)(data, at + 1)


def _write_map(value: dict[Any, Any]) -> bytes:
    numbers = dict(_MAP_NUMBERS)
    named: list[bytes] = []
    entries: list[bytes] = []
    for item in (part for entry in value.items() for part in entry):
        name = class_of(item)
        number = numbers.get(name)
        if number is None:
            number = numbers[name] = len(named) + 1
            encoded = name.encode("utf-8")
            named.append(bytes((number,)) + len(encoded).to_bytes(2, "big") + encoded)
        entries.append(bytes((number & 0xFF,)) + writer_of(name)(item))
    return bytes((len(named),)) + b"".join(named) + len(value).to_bytes(4, "big") + b"".join(entries)


_CLASSES = {
    type(None): NULL, bool: BOOLEAN, int: INT, float: DOUBLE, str: TEXT, bytes: BYTES, bytearray: BYTES, dict: MAP,
}
_WRITERS: dict[str, Callable[[Any], bytes]] = {
    NULL: lambda value: b"",
    BOOLEAN: lambda value: b"\1" if value else b"\0",
    INT: struct.Struct(">i").pack,
    LONG: struct.Struct(">q").pack,
    DOUBLE: struct.Struct(">d").pack,
    TEXT: write_text,
    BYTES: lambda value: len(value).to_bytes(4, "big") + value,
    MAP: _write_map,
}
_READERS: dict[str, Reader] = {
    NULL: lambda data, at: (None, at),
    BOOLEAN: _fixed(">?"),
    PACKAGE + "ByteWritable": _fixed(">b"),
    PACKAGE + "ShortWritable": _fixed(">h"),
    INT: _fixed(">i"),
    LONG: _fixed(">q"),
    PACKAGE + "VIntWritable": read_number,
    PACKAGE + "VLongWritable": read_number,
    PACKAGE + "FloatWritable": _fixed(">f"),
    DOUBLE: _fixed(">d"),
    TEXT: read_text,
    BYTES: _read_bytes,
    MAP: _read_map,
}
