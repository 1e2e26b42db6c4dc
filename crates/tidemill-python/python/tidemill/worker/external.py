"""Tables of keys that may outgrow the worker's memory: when they are full, and where they go then.

`spark.python.worker.memory` limits the worker's whole resident memory, as in PySpark. A table is asked about it between
batches of records. On the map side a full table is handed on as it is and begun again. On the reduce side it is written
to temporary files by parts of its keys, each entry with the number at which its key was first seen, and merged back
part by part; the numbers then put the keys into their first-seen order again.
"""

from __future__ import annotations

import heapq
import itertools
import os
import pickle
import tempfile
from collections.abc import Iterable, Iterator, Sequence
from time import monotonic
from typing import IO, Any, Callable

from tidemill.worker import formats
from tidemill.worker.hashing import portable_hash

__all__ = ["Budget", "Spill", "SpillFile", "configure"]

Merge = Callable[[Any, Any], Any]
Entry = tuple[int, Any, Any]  # the number at which the key was first seen, key, combined value

_DEFAULT_MEMORY = 512 << 20
_PARTS = 64  # files of a spilled table: one part of its keys is in memory while it is merged back
_PICKLE = 64 << 10  # bytes pickled together in a file: one such piece of each part is in memory at the end
_PAUSE = 0.001  # seconds from one look at the memory to the next: it costs microseconds, and little grows meanwhile
_PAGE = os.sysconf("SC_PAGE_SIZE")

_memory = _DEFAULT_MEMORY
_folders: tuple[str, ...] = ()
_files = itertools.count()
_statm: list[int] = []  # the open /proc/self/statm, and the process that it speaks of


def configure(memory: int = 0, folders: Sequence[str] = ()) -> None:
    """Sets the limit in bytes (0: PySpark's 512 MiB) and the folders for files (none: the system's temporary one)."""
    global _memory, _folders
    _memory = memory or _DEFAULT_MEMORY
    _folders = tuple(folders)


def resident() -> int:
    """Bytes of memory that this process holds now. Costs about two microseconds."""
    process = os.getpid()
    if not _statm or _statm[1] != process:
        _statm[:] = os.open("/proc/self/statm", os.O_RDONLY | os.O_CLOEXEC), process
    return int(os.pread(_statm[0], 128, 0).split()[1]) * _PAGE


def _give_back() -> None:
    """Returns to the system what malloc keeps of freed memory: else the process would seem full for ever."""
    import ctypes

    try:
        ctypes.CDLL(None).malloc_trim(0)
    except (AttributeError, OSError):  # another library than glibc
        pass


class Budget:
    """Says when a task's table should be given up."""

    __slots__ = ("_next", "limit")

    def __init__(self) -> None:
        self.limit = _memory
        self._next = 0.0

    def full(self) -> bool:
        """Does the process hold more than it may? May be asked after every few records: it looks once in a while."""
        now = monotonic()
        if now < self._next:
            return False
        self._next = now + _PAUSE
        return resident() > self.limit

    def emptied(self) -> None:
        """A table was given up. What the process still holds may stay its own: only growth counts from here."""
        _give_back()
        self.limit = max(_memory, resident() * 21 // 20)


class Spill:
    """A table of the reduce side that was written to files, more than once perhaps."""

    def __init__(self, merge: Merge, level: int = 0) -> None:
        self._merge = merge
        self._level = level
        self._parts = [SpillFile() for _ in range(_PARTS)]
        self._seen = 0

    def take(self, table: dict[Any, Any]) -> None:
        """Writes the table's entries out and empties it."""
        start = self._seen
        self._seen += len(table)
        self._take((number, key, value) for number, (key, value) in enumerate(table.items(), start))
        table.clear()

    def merged(self, table: dict[Any, Any]) -> Iterator[tuple[Any, Any]]:
        """All entries, those of `table` last, in the order in which their keys were first seen."""
        self.take(table)
        for _, key, value in self._entries():
            yield key, value

    def _take(self, entries: Iterable[Entry]) -> None:
        parts, level = self._parts, self._level
        for entry in entries:
            # Keys that come here agree in their hash modulo the partitions: mix before taking a part of it.
            parts[hash((portable_hash(entry[1]), level)) % _PARTS].put(entry)
        for part in parts:
            part.flush()

    def _entries(self) -> Iterator[Entry]:
        runs = []
        while self._parts:
            runs.append(self._sorted(self._parts.pop()))
        return heapq.merge(*(run.entries() for run in runs), key=_number)

    def _sorted(self, part: SpillFile) -> SpillFile:
        """One part with its keys merged: a file of entries in first-seen order."""
        merge, budget = self._merge, Budget()
        budget.emptied()
        table: dict[Any, list[Any]] = {}
        deeper = None
        for count, (number, key, value) in enumerate(part.entries(), 1):
            if key in table:
                entry = table[key]
                entry[1] = merge(entry[1], value)
            else:
                table[key] = [number, value]
            if not count % 64 and budget.full() and len(table) > 1:
                if deeper is None:
                    deeper = Spill(merge, self._level + 1)
                deeper._take(_listed(table))
                table.clear()
                budget.emptied()
        entries: Iterable[Entry] = _listed(table)
        if deeper is not None:
            deeper._take(entries)
            entries = deeper._entries()
        run = SpillFile()
        for one in entries:
            run.put(one)
        run.flush()
        return run


def _listed(table: dict[Any, list[Any]]) -> Iterator[Entry]:
    for key, (number, value) in table.items():
        yield number, key, value


def _number(entry: Entry) -> int:
    return entry[0]


class SpillFile:
    """Entries (or any records) in a file without a name: it is gone when it is closed, or when the process ends in whatever way."""

    __slots__ = ("_file", "_many", "_pending")

    def __init__(self) -> None:
        folder = _folders[next(_files) % len(_folders)] if _folders else None
        self._file: IO[bytes] = tempfile.TemporaryFile(dir=folder, prefix="tidemill-spill-")  # noqa: SIM115
        self._pending: list[Entry] = []
        self._many = 16

    def put(self, entry: Entry) -> None:
        self._pending.append(entry)
        if len(self._pending) >= self._many:
            self.flush()

    def flush(self) -> None:
        if self._pending:
            data = formats.dumps(self._pending)
            self._file.write(data)
            self._many = max(1, min(len(self._pending) * _PICKLE // len(data), 8 * self._many, 4096))
            self._pending = []

    def entries(self) -> Iterator[Entry]:
        """Reads what was put, and closes the file."""
        with self._file as file:
            file.seek(0)
            while True:
                try:
                    some = pickle.load(file)
                except EOFError:
                    return
                yield from some
