"""Tables of keys that may outgrow the worker's memory: when they are full, and where they go then.

`spark.python.worker.memory` is a limit on the worker's whole resident memory, as in PySpark. A table is asked about it
between batches of records. On the map side a full table is handed on as it is and begun again. On the reduce side it is
written to temporary files by parts of its keys, each entry with the number at which its key was first seen, and merged
back part by part; the numbers put the keys into their first-seen order again.
"""
from __future__ import annotations

import heapq
import itertools
import os
import pickle
import tempfile
from typing import Any, Callable, Dict, IO, Iterator, List, Sequence, Tuple

from tidemill.worker.hashing import portable_hash

__all__ = ["Budget", "Spill", "configure"]

Merge = Callable[[Any, Any], Any]

_DEFAULT_MEMORY = 512 << 20
_PARTS = 64  # files of a spilled table: one part of it is in memory while it is merged back
_ENTRIES = 512  # entries pickled together in a file
_PAGE = os.sysconf("SC_PAGE_SIZE")

_memory = _DEFAULT_MEMORY
_folders: Tuple[str, ...] = ()
_spills = itertools.count()


def configure(memory: int = 0, folders: Sequence[str] = ()) -> None:
    """Sets the limit in bytes (0: PySpark's 512 MiB) and the folders for files (none: the system's temporary one)."""
    global _memory, _folders
    _memory = memory or _DEFAULT_MEMORY
    _folders = tuple(folders)


class Budget:
    """Says when a task's table should be given up."""

    __slots__ = ("limit",)

    def __init__(self) -> None:
        self.limit = _memory

    def full(self) -> bool:
        """Does the process hold more than it may? Costs a few microseconds."""
        return _resident() > self.limit

    def emptied(self) -> None:
        """A table was given up. What the process holds now may not shrink further: only growth counts from here."""
        self.limit = max(_memory, _resident() * 21 // 20)


def _resident() -> int:
    with open("/proc/self/statm", "rb", buffering=0) as file:
        return int(file.read(128).split()[1]) * _PAGE


class Spill:
    """A table of the reduce side that was written to files, more than once perhaps."""

    def __init__(self, merge: Merge) -> None:
        self._merge = merge
        self._parts: List[IO[bytes]] = [_temporary() for _ in range(_PARTS)]
        self._seen = 0

    def take(self, table: Dict[Any, Any]) -> None:
        """Writes the table's entries out and empties it."""
        parts: List[List[Tuple[int, Any, Any]]] = [[] for _ in range(_PARTS)]
        for number, (key, value) in enumerate(table.items(), self._seen):
            # Keys that come here agree in their hash modulo the partitions: mix before taking a part of it.
            part = parts[hash((portable_hash(key), 7)) % _PARTS]
            part.append((number, key, value))
            if len(part) >= _ENTRIES:
                self._write(part, hash((portable_hash(key), 7)) % _PARTS)
        for number, part in enumerate(parts):
            if part:
                self._write(part, number)
        self._seen += len(table)
        table.clear()

    def _write(self, part: List[Tuple[int, Any, Any]], number: int) -> None:
        pickle.dump(part, self._parts[number], 5)
        part.clear()

    def merged(self, table: Dict[Any, Any]) -> Iterator[Tuple[Any, Any]]:
        """All entries, those of `table` last, in the order in which their keys were first seen."""
        if table:
            self.take(table)
        runs = [self._sorted(file) for file in self._parts]
        self._parts = []
        for _, key, value in heapq.merge(*map(_entries, runs), key=_first):
            yield key, value

    def _sorted(self, file: IO[bytes]) -> IO[bytes]:
        """One part merged: a file of its entries in order."""
        merge = self._merge
        table: Dict[Any, List[Any]] = {}
        for number, key, value in _entries(file):
            if key in table:
                entry = table[key]
                entry[1] = merge(entry[1], value)
            else:
                table[key] = [number, value]
        file.close()
        run = _temporary()
        entries = iter(table.items())
        while True:
            part = [(number, key, value) for key, (number, value) in itertools.islice(entries, _ENTRIES)]
            if not part:
                return run
            pickle.dump(part, run, 5)


def _first(entry: Tuple[int, Any, Any]) -> int:
    return entry[0]


def _entries(file: IO[bytes]) -> Iterator[Tuple[int, Any, Any]]:
    file.seek(0)
    while True:
        try:
            part = pickle.load(file)
        except EOFError:
            file.close()
            return
        yield from part


def _temporary() -> IO[bytes]:
    """A file without a name: it is gone when it is closed, or when the process ends in whatever way."""
    folder = _folders[next(_spills) % len(_folders)] if _folders else None
    return tempfile.TemporaryFile(dir=folder, prefix="tidemill-spill-")
