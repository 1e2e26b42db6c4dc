"""A worker's end of its socket: frames from the driver and frames to it.

A frame is a head of 24 bytes and a payload. The head has: kind, flags, format of the batch, number of the chain, number
of records, bucket, length of the payload.
"""
from __future__ import annotations

import select
import socket
import struct
from typing import List, NamedTuple, Union

__all__ = ["DEFINE", "DONE", "DROP", "FAIL", "FROZEN", "Frame", "Gone", "LAST", "Link", "OUT", "RUN", "STATE", "TASK"]

# What the driver sends.
DEFINE, DROP, TASK, RUN, STATE = 1, 2, 3, 4, 7
# What a worker sends.
OUT, DONE, FAIL = 16, 17, 18
# Flags: the input of the task ends with this frame; this chain may stay unpickled between tasks.
LAST, FROZEN = 1, 2

_HEAD = struct.Struct("<BBHIIIQ")
_HEAD_BYTES = _HEAD.size
_BUFFER_BYTES = 64 << 10  # longer payloads are read straight to their place
_WAITING_BYTES = 64 << 10  # so much output waits for more at most

Payload = Union[bytes, bytearray, memoryview]


class Gone(BaseException):
    """The driver has closed its end. No error of a task: nobody is there to hear of it."""


class Frame(NamedTuple):
    """What came from the driver."""

    kind: int
    flags: int
    format: int
    id: int
    records: int
    bucket: int
    payload: Union[bytes, bytearray]


class Link:
    """Frames over a stream socket. Output that is small waits until more comes, or until input is waited for."""

    __slots__ = ("_arrival", "_buffer", "_end", "_socket", "_start", "_view", "_waiting", "_waiting_bytes")

    def __init__(self, connection: socket.socket) -> None:
        self._socket = connection
        self._arrival = select.poll()
        self._arrival.register(connection, select.POLLIN)
        self._buffer = bytearray(_BUFFER_BYTES)
        self._view = memoryview(self._buffer)
        self._start = self._end = 0
        self._waiting: List[Payload] = []
        self._waiting_bytes = 0

    def read(self) -> Frame:
        """The next frame. Raises `Gone` if there is none any more."""
        if self._end - self._start < _HEAD_BYTES:
            self._fill()
        kind, flags, form, number, count, bucket, size = _HEAD.unpack_from(self._buffer, self._start)
        start = self._start + _HEAD_BYTES
        here = self._end - start
        if size <= here:
            self._start = start + size
            return Frame(kind, flags, form, number, count, bucket, bytes(self._view[start : start + size]))
        payload = bytearray(size)
        view = memoryview(payload)
        view[:here] = self._view[start : self._end]
        self._start = self._end = 0
        self.flush()
        while here < size:
            here += self._receive(view[here:])
        return Frame(kind, flags, form, number, count, bucket, payload)

    def write(self, kind: int, form: int = 0, count: int = 0, bucket: int = 0, payload: Payload = b"") -> None:
        """Sends a frame, perhaps a little later: see `flush`."""
        size = len(payload)
        self._waiting.append(_HEAD.pack(kind, 0, form, 0, count, bucket, size))
        if size:
            self._waiting.append(payload)
        self._waiting_bytes += _HEAD_BYTES + size
        if self._waiting_bytes > _WAITING_BYTES:
            self.flush()

    def flush(self) -> None:
        """Sends what waits."""
        waiting = self._waiting
        if not waiting:
            return
        rest = self._waiting_bytes
        self._waiting, self._waiting_bytes = [], 0
        try:
            if rest <= _WAITING_BYTES:
                self._socket.sendall(b"".join(waiting))
                return
            for payload in waiting:
                self._socket.sendall(payload)
        except OSError as error:
            raise Gone from error

    def _fill(self) -> None:
        """Reads until there is a head. Nothing may wait meanwhile: the driver could wait for it."""
        self.flush()
        here = self._end - self._start
        if self._start:
            self._view[:here] = self._view[self._start : self._end]
        self._start, self._end = 0, here
        # Linux wakes whoever waits in `recv` also when the other side reads what was sent, though nothing came.
        self._arrival.poll()
        while self._end < _HEAD_BYTES:
            self._end += self._receive(self._view[self._end :])

    def _receive(self, view: memoryview) -> int:
        try:
            count = self._socket.recv_into(view)
        except OSError as error:
            raise Gone from error
        if not count:
            raise Gone
        return count
