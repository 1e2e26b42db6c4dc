"""Pickle files as PySpark writes them: a sequence file whose values are Java's own serial form of arrays of pickles.

```text
NullWritable, BytesWritable: byte[][] { pickle of a list of records, pickle of a list of records, ... }
```
"""
from __future__ import annotations

import itertools
import pickle
from collections.abc import Iterable, Iterator
from typing import Any

from tidemill.worker import sequencefile
from tidemill.worker.writables import BYTES, NULL

ARRAYS = 10
"""Pickles in one record of the file, as Spark groups them."""
PICKLE_BYTES = 1 << 16
"""What a pickle should come to when its number of records is chosen automatically (PySpark's figure)."""

# The serial form of the classes `byte[][]` and `byte[]`, as the Java Object Serialization Specification lays them out.
_STREAM = b"\xac\xed\x00\x05"
_NULL, _REFERENCE, _CLASS, _ARRAY, _END_OF_BLOCK = 0x70, 0x71, 0x72, 0x75, 0x78
_ARRAYS_CLASS = b"\x72\x00\x03[[B\x4b\xfd\x19\x15\x67\x67\xdb\x37\x02\x00\x00\x78\x70"
_BYTES_CLASS = b"\x72\x00\x02[B\xac\xf3\x17\xf8\x06\x08\x54\xe0\x02\x00\x00\x78\x70"
_BYTES_CLASS_AGAIN = b"\x71\x00\x7e\x00\x02"
_FIRST_HANDLE = 0x7E0000


def read_pickles(path: str, start: int = 0, end: int | None = None) -> Iterator[Any]:
    """The records of the pickle file at `path`, of its part from byte `start` to before `end`; see `sequencefile.read`."""
    for _, value in sequencefile.read(path, start, end):
        if type(value) is not bytearray:
            raise TypeError(f"file:{path} holds {type(value).__name__} values; a pickle file holds BytesWritable")
        for part in read_arrays(bytes(value)):
            yield from pickle.loads(part)


def written(batch: int, records: Iterable[Any]) -> Iterator[bytes]:
    """`records` as a pickle file, piece by piece; `batch` as of `pickled`."""
    rest = pickled(records, batch)
    groups = iter(lambda: list(itertools.islice(rest, ARRAYS)), [])
    return sequencefile.written(NULL, BYTES, None, ((None, write_arrays(group)) for group in groups))


def pickled(records: Iterable[Any], batch: int) -> Iterator[bytes]:
    """`records` in pickles of `batch` each; 0 means as many as come to about `PICKLE_BYTES`, starting with one."""
    rest, count = iter(records), batch or 1
    while True:
        taken = list(itertools.islice(rest, count))
        if not taken:
            return
        payload = pickle.dumps(taken, protocol=5)
        yield payload
        if not batch and len(payload) < PICKLE_BYTES:
            count *= 2
        elif not batch and len(payload) > 10 * PICKLE_BYTES and count > 1:
            count //= 2


def write_arrays(parts: list[bytes]) -> bytes:
    """The serial form of a `byte[][]` that holds `parts`."""
    out = [_STREAM, bytes((_ARRAY,)), _ARRAYS_CLASS, len(parts).to_bytes(4, "big")]
    for index, part in enumerate(parts):
        out.append(bytes((_ARRAY,)) + (_BYTES_CLASS_AGAIN if index else _BYTES_CLASS) + len(part).to_bytes(4, "big"))
        out.append(part)
    return b"".join(out)


def read_arrays(data: bytes) -> list[bytes]:
    """What `write_arrays` was given; an `Object[]` of `byte[]` is read as well.

    Raises `ValueError` if `data` is the serial form of anything else.
    """
    if data[:4] != _STREAM:
        raise ValueError("not a Java object stream: this is no pickle file")
    parts: list[bytes] = _Arrays(data).array(4, outermost=True)[0]
    return parts


class _Arrays:
    """Walks through the serial form; `handles` are the classes and arrays that a later place may refer to by number."""

    def __init__(self, data: bytes) -> None:
        self._data = data
        self._handles: list[Any] = []

    def array(self, at: int, outermost: bool) -> tuple[Any, int]:
        if self._data[at] == _REFERENCE:
            return self._reference(at)
        self._expect(at, _ARRAY)
        name, at = self._class(at + 1)
        if not (name == b"[B" and not outermost or name in (b"[[B", b"[Ljava.lang.Object;") and outermost):
            raise ValueError(f"a pickle file holds arrays of byte arrays, not {name.decode('utf-8', 'replace')}")
        length, at = int.from_bytes(self._data[at : at + 4], "big"), at + 4
        place = len(self._handles)
        self._handles.append(None)
        if not outermost:
            end = at + length
            if end > len(self._data):
                raise EOFError("a byte array ends after its record does")
            self._handles[place] = self._data[at:end]
            return self._handles[place], end
        parts = []
        for _ in range(length):
            part, at = self.array(at, outermost=False)
            parts.append(part)
        return parts, at

    def _class(self, at: int) -> tuple[bytes, int]:
        if self._data[at] == _REFERENCE:
            return self._reference(at)
        self._expect(at, _CLASS)
        start = at + 3
        end = start + int.from_bytes(self._data[at + 1 : start], "big")
        name = self._data[start:end]
        self._handles.append(name)
        # Behind the name: a version of 8 bytes, flags, no fields, no annotation, no class above.
        at = end + 8 + 1 + 2
        self._expect(at, _END_OF_BLOCK)
        self._expect(at + 1, _NULL)
        return name, at + 2

    def _reference(self, at: int) -> tuple[Any, int]:
        handle = int.from_bytes(self._data[at + 1 : at + 5], "big") - _FIRST_HANDLE
        if not 0 <= handle < len(self._handles):
            raise ValueError("a reference to nothing: this is no pickle file")
        return self._handles[handle], at + 5

    def _expect(self, at: int, wanted: int) -> None:
        if at >= len(self._data) or self._data[at] != wanted:
            raise ValueError("arrays of byte arrays were expected: this is no pickle file")
