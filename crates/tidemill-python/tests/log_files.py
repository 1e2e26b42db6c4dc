"""A reader of its own of the files of logs in checkpoints: what is in them must come out, and what was changed must be refused."""
from __future__ import annotations

import struct
import zlib
from typing import Callable, Iterator, NamedTuple

# Magic, version, kind, length of the tag, then four numbers; behind it the tag and a checksum.
_HEADER = struct.Struct("<4sHBHQQQQ")
# Length, how much of the segment was synced, checksum of the record; behind it a checksum of the frame and the record.
_FRAME = struct.Struct("<IQI")
_CHECKSUM = struct.Struct("<I")


class Record(NamedTuple):
    """A record that was written as a whole."""

    segment: int
    offset: int
    """Of its frame."""
    durable: int
    data: bytes


def records(segment: bytes) -> Iterator[Record]:
    """The records of a segment up to the first that is torn."""
    if len(segment) < _HEADER.size:
        return
    magic, _, _, tag_bytes, number, *_ = _HEADER.unpack_from(segment)
    offset = _HEADER.size + tag_bytes + _CHECKSUM.size
    sealed = segment[: _HEADER.size + tag_bytes]
    if magic != b"TMLG" or segment[len(sealed) : offset] != _CHECKSUM.pack(zlib.crc32(sealed)):
        return
    while len(segment) >= offset + _FRAME.size + _CHECKSUM.size:
        length, durable, checksum = _FRAME.unpack_from(segment, offset)
        begin = offset + _FRAME.size + _CHECKSUM.size
        data = segment[begin : begin + length]
        if len(data) < length or zlib.crc32(data) != checksum or segment[offset:begin] != _frame(number, offset, durable, data):
            return
        yield Record(number, offset, durable, data)
        offset = begin + length


def changed(segment: bytes, change: Callable[[bytes], bytes]) -> bytes:
    """The segment with records that `change` gives in the place of those there are, of the same lengths, as if nobody had."""
    bytes_of = bytearray(segment)
    for number, offset, durable, data in list(records(segment)):
        other = change(data)
        assert len(other) == len(data)
        whole = _frame(number, offset, durable, other) + other
        bytes_of[offset : offset + len(whole)] = whole
    return bytes(bytes_of)


def _frame(segment: int, offset: int, durable: int, data: bytes) -> bytes:
    head = _FRAME.pack(len(data), durable, zlib.crc32(data))
    return head + _CHECKSUM.pack(zlib.crc32(struct.pack("<QQ", segment, offset) + head))
