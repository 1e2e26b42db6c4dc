"""A chain of functions as one generated loop: how a task's records go through a program's functions.

PySpark nests an iterator for each operator. Here the chain is written out as nested loops in Python (`loops.py`),
compiled once for each *shape* (the kinds of its operators and its sink) and kept. The functions are called for the same
records, in the same order: one record walks the whole chain before the next is taken, and what a flatMap returned is
iterated lazily.

A whole-partition operator (`mapPartitions`, a merge after a shuffle) cuts the chain into segments. Each segment is a
function of the generated code; the last one feeds the sink and yields batches.
"""

from __future__ import annotations

import itertools
import sys
from collections.abc import Iterable, Iterator
from types import TracebackType
from typing import Any, Callable

from tidemill.worker import batches, formats
from tidemill.worker.batches import Output, Sizes
from tidemill.worker.external import Budget, Spill
from tidemill.worker.hashing import portable_hash
from tidemill.worker.loops import Source

__all__ = ["Chain", "Paths", "program", "site_of"]

FILE = "<tidemill chain>"  # the name that tracebacks show for generated code

Op = tuple[str, Any, str]  # kind, function, site
Program = Callable[..., Iterator[Output]]  # run(runs, task, sites, sizes, functions, arguments of the sink)

_programs: dict[tuple[tuple[str, ...], str, tuple[str, ...]], Program] = {}
_called = {
    "Budget": Budget, "MANY_BUCKETS": batches.MANY_BUCKETS, "Spill": Spill, "TABLE": batches.TABLE,
    "concatenated": batches.concatenated, "count_of": formats.count_of, "decode": formats.decode,
    "encode_rows": formats.encode_rows, "flat": itertools.chain.from_iterable, "items": batches.items,
    "lazily": batches.lazily, "parts": batches.parts, "pieces": batches.pieces, "portable_hash": portable_hash,
    "starmap": itertools.starmap, "stopped": batches.stopped, "write_buckets": batches.write_buckets,
    "write_pairs": batches.write_pairs, "write_rows": batches.write_rows, "write_scattered": batches.write_scattered,
    "write_table": batches.write_table, "write_text": batches.write_text,
}  # fmt: skip


class Chain:
    """A chain that can run tasks, one after the other.

    `description` is what the driver pickled: "ops" of (kind, function, site), "sink" of (name, arguments ...), "paths"
    for sys.path, "batch", the number of records in each batch of output (0: as many as suit their size), and where the
    program wants tasks measured "profiler", whose `profile(function, *arguments)` runs the task.
    """

    __slots__ = ("_arguments", "_batch", "_functions", "_profiler", "_program", "_sites")

    def __init__(self, description: dict[str, Any]) -> None:
        _add_paths(tuple(description.get("paths", ())))
        ops: tuple[Op, ...] = tuple(description["ops"])
        name, *arguments = description["sink"]
        self._program = program(tuple(op[0] for op in ops), name, _variant(name, arguments))
        self._functions = tuple(op[1] for op in ops)
        self._sites = tuple(op[2] for op in ops)
        self._arguments = tuple(arguments)
        self._batch: int = description.get("batch", 0)
        self._profiler: Any = description.get("profiler")

    def run(self, runs: Iterable[formats.Batch], task: Any) -> Iterator[Output]:
        """The task's output: (bucket, format, count, payload). Input is drawn as it is asked for."""
        output = self._program(runs, task, self._sites, Sizes(self._batch), self._functions, self._arguments)
        # What is measured has to end before the measuring does.
        return output if self._profiler is None else iter(self._profiler.profile(list, output))


class Paths:
    """Folders and archives for `sys.path`: they are there once this is unpickled, so for what was pickled after it."""

    def __init__(self, paths: Iterable[str]) -> None:
        self.paths = tuple(paths)

    def __reduce__(self) -> tuple[Any, ...]:
        return _add_paths, (self.paths,)


def site_of(traceback: TracebackType | None) -> str:
    """Where the program called the operator that a traceback ran through last, such as `map at app.py:12`, or ""."""
    site = ""
    sites: tuple[str, ...] = ()
    while traceback is not None:
        frame = traceback.tb_frame
        if frame.f_code.co_filename == FILE:
            sites = frame.f_locals.get("sites", sites)  # a list display's own frame (before 3.12) has none
            op = frame.f_globals["LINES"].get(traceback.tb_lineno, -1)
            site = sites[op] if op >= 0 else ""
        traceback = traceback.tb_next
    return site


def program(kinds: tuple[str, ...], sink: str, variant: tuple[str, ...]) -> Program:
    """The compiled code of a shape."""
    shape = (kinds, sink, variant)
    found = _programs.get(shape)
    if found is None:
        source, lines = Source(kinds, sink, variant).written()
        space: dict[str, Any] = dict(_called, LINES=lines)
        exec(compile(source, FILE, "exec"), space)  # noqa: S102
        found = _programs[shape] = space["run"]
    return found


def _variant(sink: str, arguments: list[Any]) -> tuple[str, ...]:
    """What of a sink's arguments decides the code."""
    if sink == "combine" and arguments[0] is None:
        return ("identity",)
    if sink == "buckets" and arguments[1] is portable_hash:
        return ("portable",)
    return ()


def _add_paths(paths: tuple[str, ...]) -> tuple[str, ...]:
    added = [path for path in paths if path not in sys.path]
    if added:
        import importlib

        sys.path[1:1] = added
        importlib.invalidate_caches()
    return paths
