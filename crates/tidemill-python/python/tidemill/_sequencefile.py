"""RDDs from and to Hadoop's sequence files and PySpark's pickle files.

The driver decides which task reads or writes what; the bytes are `worker.sequencefile`'s and `worker.objectfile`'s.
"""
from __future__ import annotations

import functools
import os
from collections.abc import Iterable, Iterator, Sequence
from typing import TYPE_CHECKING, Any, Callable, Optional

from tidemill._call_site import call_site
from tidemill.worker import objectfile, sequencefile
from tidemill.worker.writables import class_of, reader_of

if TYPE_CHECKING:
    from tidemill.context import SparkContext
    from tidemill.rdd import RDD

LARGEST_SPLIT = 32 << 20
"""Bytes of a file that one task reads at most (Hadoop's block size of local files)."""

_BYTES = ("bytes",)

Split = tuple[str, int, int]  # path, first byte, byte behind the last
Reader = Callable[[str, int, Optional[int]], Iterator[Any]]


def sequence_file(
    sc: SparkContext,
    path: str,
    key_class: str | None = None,
    value_class: str | None = None,
    min_splits: int | None = None,
) -> RDD[tuple[Any, Any]]:
    """`SparkContext.sequenceFile`: the pairs of the sequence files that `path` names, converted as `writables.reader_of` says.

    The classes are those that the files name; `key_class` and `value_class` need only be known ones.
    """
    for name in (key_class, value_class):
        if name is not None:
            _checked(functools.partial(reader_of, name), f"java.lang.ClassNotFoundException: {name}")
    return _read(sc, "sequenceFile", path, min_splits, sequencefile.read)


def pickle_file(sc: SparkContext, path: str, min_partitions: int | None = None) -> RDD[Any]:
    """`SparkContext.pickleFile`: the records that `saveAsPickleFile` wrote, here or in PySpark."""
    return _read(sc, "pickleFile", path, min_partitions, objectfile.read_pickles)


def save_as_sequence_file(rdd: RDD[tuple[Any, Any]], path: str, codec: str | None = None) -> None:
    """`RDD.saveAsSequenceFile`: the classes of the file are those of the first pair; `codec` compresses in blocks."""
    if codec is not None:
        _checked(lambda: sequencefile.codec_of(codec))
    first = rdd.take(1)
    if not first:
        raise _error("empty collection: the classes of a sequence file are those of the first pair, and there is none")
    key_class, value_class = _checked(lambda: _classes_of(first[0]))
    _save(rdd, path, functools.partial(sequencefile.written, key_class, value_class, codec))


def save_as_pickle_file(rdd: RDD[Any], path: str, batch_size: int = 10) -> None:
    """`RDD.saveAsPickleFile`: pickles of `batch_size` records each (0: as many as come to about 64 KiB)."""
    _save(rdd, path, functools.partial(objectfile.written, batch_size))


def splits(files: Sequence[tuple[str, int]], minimum: int) -> list[Split]:
    """How Hadoop deals files, given with their lengths in bytes, to tasks: into `minimum` equal parts or more.

    No part is smaller than the distance of two markers, larger than `LARGEST_SPLIT`, or holds bytes of two files; the last
    part of a file may be a tenth longer.
    """
    goal = sum(length for _, length in files) // max(minimum, 1)
    size = max(sequencefile.SYNC_INTERVAL, min(goal, LARGEST_SPLIT))
    parts = []
    for path, length in files:
        start = 0
        while (length - start) * 10 > size * 11:
            parts.append((path, start, start + size))
            start += size
        parts.append((path, start, length))
    return parts


def _read(sc: SparkContext, name: str, path: str, minimum: int | None, reader: Reader) -> RDD[Any]:
    from tidemill.rdd import RDD

    files = [(file, os.path.getsize(file)) for file in map(_local, sc._engine.list_files(path))]
    parts = splits(files, sc.defaultMinPartitions if minimum is None else minimum)
    nothing: RDD[Any] = RDD(sc._engine.nothing(call_site(name), len(parts)), sc)
    return nothing.mapPartitionsWithIndex(functools.partial(_read_part, reader, parts))


def _read_part(reader: Reader, parts: Sequence[Split], partition: int, _: Iterable[Any]) -> Iterator[Any]:
    path, start, end = parts[partition]
    return reader(path, start, end)


def _save(rdd: RDD[Any], path: str, written: Callable[[Iterable[Any]], Iterator[bytes]]) -> None:
    """Has the engine write a file a partition, by the rules of all its output: of what `written` makes of the records."""
    parts = rdd.mapPartitions(written)._ready(_BYTES)
    try:
        parts.save_text(call_site(), path, None)
    finally:
        rdd.ctx._after_job()


def _classes_of(record: Any) -> tuple[str, str]:
    if type(record) is not tuple or len(record) != 2:
        raise TypeError(f"RDD element of type {type(record).__name__} cannot be used: a sequence file holds pairs")
    return class_of(record[0]), class_of(record[1])


def _local(path: str) -> str:
    scheme, colon, rest = path.partition(":")
    if colon and scheme == "file":
        path = rest.removeprefix("//")
    elif colon and rest.startswith("//"):
        raise _error(f"cannot read {path}: the file system {scheme} is not there yet; read from a local folder")
    if not path:
        raise _error("Can not create a Path from an empty string")
    return os.path.abspath(path)


def _checked(look: Callable[[], Any], words: str = "") -> Any:
    try:
        return look()
    except (TypeError, ValueError) as error:
        raise _error(f"{words}: {error}" if words else str(error)) from error


def _error(message: str) -> Exception:
    """What in PySpark would come out of the JVM."""
    from tidemill.errors import EngineError

    error: Exception = EngineError(message)
    for name, value in (("message", message), ("kind", "input"), ("operator", ""), ("exception", ""), ("traceback", "")):
        setattr(error, name, value)
    return error
