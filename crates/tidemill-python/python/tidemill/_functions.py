"""How a user's functions become bytes: an RDD's whole chain as one pickle, kept where nothing in it can have changed.

Functions are pickled when an RDD is first needed by a job (behaviour 3.30). That is done again for each batch of a
stream and each round of a loop, and mostly for functions of the same code that captured the same values as the last
time, even where a `lambda` has made them anew; then the bytes of the last time serve.
"""

from __future__ import annotations

import functools
import pickle
import threading
import types
from typing import Any, NamedTuple, Optional

import cloudpickle

from tidemill._call_site import text_of
from tidemill._unpicklable import advice
from tidemill.worker.frozen import Snapshot, snapshot
from tidemill.worker.partitions import PartitionFunction

Op = tuple[str, Any, Any]  # kind, function, place of the user's call

_PROTOCOL = 5
_KEPT_DESCRIPTIONS = 256
_LARGEST_KEPT = 256 << 10
_VALUES = frozenset([str, int, bool, bytes, type(None)])  # not float: 0.0 equals -0.0


class _Kept(NamedTuple):
    """A description whose functions are frozen: nothing that they captured changes inside."""

    held: tuple[Any, ...]  # what the key names by identity, so that no other object takes its place
    snapshots: tuple[Snapshot, ...]
    pickled: bytes


_kept: dict[Any, _Kept] = {}
_keeping = threading.Lock()


def describe(ops: tuple[Op, ...], sink: tuple[Any, ...], paths: tuple[str, ...], batch: int = 0) -> tuple[bytes, bool]:
    """The pickled description of a chain, and whether workers may keep its functions between tasks.

    `paths` are folders and archives that workers import from, `batch` is the number of records in each batch of output,
    0 for as many as are fit. Raises `pickle.PicklingError` with PySpark's words for what cannot be pickled.
    """
    held: dict[int, Any] = {}
    key = (
        batch,
        paths,
        *[_known(part, held) for part in sink],
        *[part for kind, function, place in ops for part in (kind, place, _known(function, held))],
    )
    kept = _kept.get(key)
    if kept is not None and all(each.holds() for each in kept.snapshots):
        return kept.pickled, True
    pickled = _pickled(ops, sink, paths, batch)
    snapshots = []
    for function in held.values():
        taken = snapshot(function)
        if taken is None:
            return pickled, False
        snapshots.append(taken)
    if len(pickled) <= _LARGEST_KEPT:
        with _keeping:
            if len(_kept) >= _KEPT_DESCRIPTIONS:
                del _kept[next(iter(_kept))]
            _kept[key] = _Kept(tuple(held.values()), tuple(snapshots), pickled)
    return pickled, True


def describe_profiled(
    ops: tuple[Op, ...], sink: tuple[Any, ...], paths: tuple[str, ...], batch: int, profiler: Any
) -> tuple[bytes, bool]:
    """The same for a chain whose tasks are measured: `profiler` is pickled too, and each task has one of its own."""
    return _pickled(ops, sink, paths, batch, profiler), False


def _known(part: Any, held: dict[int, Any]) -> Any:
    """By what a part of a description is found again: values by type and value, functions by code and by what they
    captured, all else by identity.

    `held` gets, by identity, all that is no value. What stands twice in a description must stand there twice the next time.
    """
    kind = type(part)
    if kind in _VALUES:
        return kind, part
    if isinstance(part, PartitionFunction):
        return (kind, *[_known(each, held) for each in part.parts()])
    if id(part) in held:
        return "again", list(held).index(id(part))
    held[id(part)] = part
    if kind is types.FunctionType:
        return _known_function(part, held)
    if kind is functools.partial and not part.__dict__:
        parts = (part.func, *part.args, *part.keywords.values())
        return (kind, tuple(part.keywords), *[_known(each, held) for each in parts])
    return id(part)


def _known_function(function: types.FunctionType, held: dict[int, Any]) -> Any:
    if "<" not in function.__qualname__:  # neither a lambda nor made by a function: it is not made anew
        return id(function)
    if function.__dict__ or function.__kwdefaults__ or function.__annotations__:
        return id(function)
    try:
        captured = [cell.cell_contents for cell in function.__closure__ or ()]
    except ValueError:  # one that is not assigned yet
        return id(function)
    names = (function.__name__, function.__qualname__, function.__module__, function.__doc__)
    parts = (*names, *(function.__defaults__ or ()), *captured)
    return (id(function.__code__), id(function.__globals__), *[_known(part, held) for part in parts])


def _pickled(
    ops: tuple[Op, ...], sink: tuple[Any, ...], paths: tuple[str, ...], batch: int, profiler: Any = None
) -> bytes:
    description: dict[str, Any] = {"paths": paths}
    if paths:
        from tidemill.worker.chain import Paths

        # Goes first: it makes modules importable that the functions after it are found in.
        description["paths"] = Paths(paths)
    description["ops"] = tuple((kind, function, text_of(place)) for kind, function, place in ops)
    description["sink"] = sink
    description["batch"] = batch
    if profiler is not None:
        description["profiler"] = profiler
    try:
        pickled: bytes = cloudpickle.dumps(description, _PROTOCOL)
        return pickled
    except Exception as error:
        raise unpicklable(error, ops, sink) from error


def unpicklable(error: Exception, ops: tuple[Op, ...], sink: tuple[Any, ...]) -> pickle.PicklingError:
    """PySpark's error for what cannot be pickled, and which variable of which function holds it."""
    text = str(error)
    if "'i' format requires" in text:
        text = "Object too large to serialize: %s" % text
    elif not isinstance(error, pickle.PickleError):
        text = "Could not serialize object: %s: %s" % (type(error).__name__, text)
    hint: Optional[str] = advice(ops, sink)
    return pickle.PicklingError("%s\n%s" % (text, hint) if hint else text)
