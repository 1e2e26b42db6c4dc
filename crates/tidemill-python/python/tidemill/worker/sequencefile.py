"""Hadoop's sequence files: binary files of keys and values with markers between them, so that several tasks can read one file.

```text
header   "SEQ" version(6) key class, value class, compressed?, in blocks?, [codec class], metadata, marker (16 bytes)
record   int length of key and value, int length of key, key, value          (plain; or each value compressed)
block    int -1, marker, number of records, four buffers: key lengths, keys, value lengths, values (each compressed)
marker   int -1, marker: before a record, at most every 100 KB
```
"""
from __future__ import annotations

import bz2
import itertools
import os
import zlib
from collections.abc import Iterable, Iterator
from typing import Any, BinaryIO, Callable, NamedTuple

from tidemill.worker.writables import class_of, read_number, read_text, reader_of, write_number, write_text, writer_of

SYNC_INTERVAL = 5 * 1024 * 20
"""Bytes between two markers at least, and the least that is worth a task of its own (Hadoop's figures)."""
BLOCK_BYTES = 1_000_000
"""Bytes of keys and values after which a compressed block ends (Hadoop's figure)."""
PIECE_BYTES = 1 << 18
"""What is sent to be written at a time, about."""

_ESCAPE = b"\xff\xff\xff\xff"
_MARKER_BYTES = 16
_LOOK_BYTES = 1 << 16
_CODECS = "org.apache.hadoop.io.compress."


class Codec(NamedTuple):
    """A way to compress: both directions work on whole buffers."""

    compress: Callable[[bytes], bytes]
    decompress: Callable[[bytes], bytes]


def codec_of(name: str) -> Codec:
    """The codec whose Hadoop class is `name`.

    Raises `ValueError`, which names those that can be used, for others.
    """
    codec = _KNOWN_CODECS.get(name)
    if codec is None:
        known = ", ".join(_KNOWN_CODECS)
        raise ValueError(f"java.lang.ClassNotFoundException: {name}: the codecs of sequence files here are {known}")
    return codec


def read(path: str, start: int = 0, end: int | None = None) -> Iterator[tuple[Any, Any]]:
    """The keys and values of the sequence file at `path`, of its part from byte `start` to before `end` (None: all).

    A record belongs to the part in which the marker before it begins; so parts that cover a file give each record once.
    Raises `OSError` if it is no sequence file, `EOFError` if it ends within a record, `TypeError` for classes that cannot be read.
    """
    with open(path, "rb", buffering=1 << 18) as file:
        header = _Header.read(file, path)
        if start > header.end and not _seek_marker(file, start, header.marker):
            return
        limit = os.path.getsize(path) if end is None else end
        if file.tell() >= limit:
            return
        records = _blocks(file, header, limit) if header.blocks else _records(file, header, limit)
        yield from records


def written(
    key_class: str, value_class: str, codec: str | None, records: Iterable[tuple[Any, Any]]
) -> Iterator[bytes]:
    """`records` as a sequence file, piece by piece, in compressed blocks if `codec` (a Hadoop class name) is given.

    The classes are those of `writables.class_of`; raises `TypeError`, in Hadoop's words, for a key or value of another class.
    """
    marker = os.urandom(_MARKER_BYTES)
    header = _header(key_class, value_class, codec, marker)
    pairs = _encoded(key_class, value_class, records)
    if codec is None:
        rest = _written_records(marker, pairs, len(header))
    else:
        rest = _written_blocks(marker, pairs, codec_of(codec).compress)
    return _gathered(itertools.chain((header,), rest))


def _gathered(pieces: Iterable[bytes]) -> Iterator[bytes]:
    """`pieces`, joined to such as are worth sending."""
    held: list[bytes] = []
    size = 0
    for piece in pieces:
        held.append(piece)
        size += len(piece)
        if size >= PIECE_BYTES:
            yield b"".join(held)
            held, size = [], 0
    if held:
        yield b"".join(held)


class _Header(NamedTuple):
    key_class: str
    value_class: str
    codec: Codec | None
    blocks: bool
    marker: bytes
    end: int
    path: str

    @classmethod
    def read(cls, file: BinaryIO, path: str) -> _Header:
        start = file.read(_LOOK_BYTES)
        if len(start) < 4 or start[:3] != b"SEQ":
            raise OSError(f"file:{path} not a SequenceFile")
        version = start[3]
        if version != 6:
            raise OSError(f"file:{path} is a SequenceFile of version {version}; version 6 can be read")
        key_class, at = read_text(start, 4)
        value_class, at = read_text(start, at)
        compressed, blocks, at = bool(start[at]), bool(start[at + 1]), at + 2
        codec = None
        if compressed:
            name, at = read_text(start, at)
            codec = codec_of(name)
        entries, at = int.from_bytes(start[at : at + 4], "big"), at + 4
        for _ in range(2 * entries):
            _, at = read_text(start, at)
        end = at + _MARKER_BYTES
        if end > len(start):
            raise EOFError(f"file:{path} ends within its header, or has one longer than {_LOOK_BYTES} bytes")
        file.seek(end)
        return cls(key_class, value_class, codec, blocks, start[at:end], end, path)


def _seek_marker(file: BinaryIO, start: int, marker: bytes) -> bool:
    """Goes to the first marker that begins at `start` or after; False if there is none."""
    wanted, kept, base = _ESCAPE + marker, b"", start
    file.seek(start)
    while True:
        read = file.read(_LOOK_BYTES)
        if not read:
            return False
        window = kept + read
        found = window.find(wanted)
        if found >= 0:
            file.seek(base + found)
            return True
        kept = window[-(len(wanted) - 1) :]
        base += len(window) - len(kept)


def _records(file: BinaryIO, header: _Header, limit: int) -> Iterator[tuple[Any, Any]]:
    read_key, read_value = reader_of(header.key_class), reader_of(header.value_class)
    decompress = header.codec.decompress if header.codec else None
    read, at = file.read, file.tell()
    while True:
        head = read(4)
        if head == _ESCAPE:
            if at >= limit:
                return
            _check_marker(read(_MARKER_BYTES), header)
            at += 4 + _MARKER_BYTES
            continue
        if not head:
            return
        length = int.from_bytes(head, "big")
        record = read(4 + length)
        key_length = int.from_bytes(record[:4], "big")
        if len(record) < 4 + length or key_length > length:
            raise _cut_short(header)
        at += 8 + length
        key, _ = read_key(record, 4)
        if decompress is None:
            value, _ = read_value(record, 4 + key_length)
        else:
            value, _ = read_value(decompress(record[4 + key_length :]), 0)
        yield key, value


def _blocks(file: BinaryIO, header: _Header, limit: int) -> Iterator[tuple[Any, Any]]:
    read_key, read_value = reader_of(header.key_class), reader_of(header.value_class)
    assert header.codec is not None, "blocks are compressed"
    decompress = header.codec.decompress
    while file.tell() < limit:
        head = file.read(4 + _MARKER_BYTES)
        if not head:
            return
        _check_marker(head[4:], header)
        count = _next_number(file, header)
        _, keys, _, values = (decompress(_next_buffer(file, header)) for _ in range(4))
        key_at = value_at = 0
        for _ in range(count):
            key, key_at = read_key(keys, key_at)
            value, value_at = read_value(values, value_at)
            yield key, value


def _next_number(file: BinaryIO, header: _Header) -> int:
    first = file.read(1)
    if not first:
        raise _cut_short(header)
    rest = 0 if first[0] < 128 or first[0] >= 144 else (136 if first[0] < 136 else 144) - first[0]
    return read_number(first + file.read(rest), 0)[0]


def _next_buffer(file: BinaryIO, header: _Header) -> bytes:
    length = _next_number(file, header)
    data = file.read(length)
    if len(data) < length:
        raise _cut_short(header)
    return data


def _check_marker(found: bytes, header: _Header) -> None:
    if len(found) < _MARKER_BYTES:
        raise _cut_short(header)
    if found != header.marker:
        raise OSError(f"File is corrupt! file:{header.path} has another marker between its records than in its header")


def _cut_short(header: _Header) -> EOFError:
    return EOFError(f"file:{header.path} ends within a record: it was not written to its end")


def _header(key_class: str, value_class: str, codec: str | None, marker: bytes) -> bytes:
    compressed = b"\0\0" if codec is None else b"\1\1" + write_text(codec)
    metadata = bytes(4)
    return b"SEQ\6" + write_text(key_class) + write_text(value_class) + compressed + metadata + marker


def _encoded(key_class: str, value_class: str, records: Iterable[tuple[Any, Any]]) -> Iterator[tuple[bytes, bytes]]:
    write_key, write_value = writer_of(key_class), writer_of(value_class)
    for record in records:
        if type(record) is not tuple or len(record) != 2:
            raise TypeError(f"RDD element of type {type(record).__name__} cannot be used: a sequence file holds pairs")
        key, value = record
        if class_of(key) != key_class:
            raise TypeError(f"wrong key class: {class_of(key)} is not class {key_class}")
        if class_of(value) != value_class:
            raise TypeError(f"wrong value class: {class_of(value)} is not class {value_class}")
        yield write_key(key), write_value(value)


def _written_records(marker: bytes, pairs: Iterable[tuple[bytes, bytes]], since_marker: int) -> Iterator[bytes]:
    for key, value in pairs:
        if since_marker >= SYNC_INTERVAL:
            yield _ESCAPE + marker
            since_marker = 0
        length = len(key) + len(value)
        yield length.to_bytes(4, "big") + len(key).to_bytes(4, "big") + key + value
        since_marker += 8 + length


def _written_blocks(
    marker: bytes, pairs: Iterable[tuple[bytes, bytes]], compress: Callable[[bytes], bytes]
) -> Iterator[bytes]:
    keys: list[bytes] = []
    values: list[bytes] = []
    size = 0
    for key, value in pairs:
        keys.append(key)
        values.append(value)
        size += len(key) + len(value)
        if size >= BLOCK_BYTES:
            yield _block(marker, keys, values, compress)
            keys, values, size = [], [], 0
    if keys:
        yield _block(marker, keys, values, compress)


def _block(marker: bytes, keys: list[bytes], values: list[bytes], compress: Callable[[bytes], bytes]) -> bytes:
    block = [_ESCAPE + marker + write_number(len(keys))]
    for column in (keys, values):
        for buffer in (b"".join(write_number(len(item)) for item in column), b"".join(column)):
            compressed = compress(buffer)
            block += (write_number(len(compressed)), compressed)
    return b"".join(block)


def _gunzip(data: bytes) -> bytes:
    return zlib.decompress(data, wbits=31)


def _gzip(data: bytes) -> bytes:
    compressor = zlib.compressobj(wbits=31)
    return compressor.compress(data) + compressor.flush()


_KNOWN_CODECS: dict[str, Codec] = {
    _CODECS + "DefaultCodec": Codec(zlib.compress, zlib.decompress),
    _CODECS + "DeflateCodec": Codec(zlib.compress, zlib.decompress),
    _CODECS + "GzipCodec": Codec(_gzip, _gunzip),
    _CODECS + "BZip2Codec": Codec(bz2.compress, bz2.decompress),
}
