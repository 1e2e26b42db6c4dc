"""What a context shares with its tasks: values, sums, files, modules, archives (row 3.11)."""

from __future__ import annotations

import importlib
import os
import sys
import threading
from typing import TYPE_CHECKING, Any, ClassVar, Optional, TypeVar

from tidemill.accumulators import Accumulator, AccumulatorParam, default_param
from tidemill.broadcast import Broadcast
from tidemill.errors.engine import engine_error

if TYPE_CHECKING:
    from tidemill._engine import Context as Engine
    from tidemill._context.private_folder import PrivateFolder
    from tidemill.conf import SparkConf

T = TypeVar("T")


class SharedMixin:
    """The part of `SparkContext` that shares values and files with tasks."""

    PACKAGE_EXTENSIONS: tuple[str, ...]
    _engine: Engine
    _lock: ClassVar[threading.RLock]
    _next_accum_id: ClassVar[int]
    _conf: SparkConf
    _folder: PrivateFolder
    _paths: list[str]
    _added_files: list[str]
    _added_py_files: list[str]
    _added_archives: list[str]
    _python_includes: Optional[list[str]]
    _checkpoint_dir: Optional[str]
    _broadcasts_made: int

    def broadcast(self, value: T) -> Broadcast[T]:
        """A value that all tasks can read by `.value`; it is pickled once, now.

        Raises `pickle.PicklingError` if it cannot be pickled.

        >>> factors = sc.broadcast({"a": 2})
        >>> sc.parallelize(["a"]).map(lambda key: factors.value[key]).collect()
        [2]
        """
        return Broadcast(self, value)  # type: ignore[arg-type]

    def accumulator(self, value: T, accum_param: Optional[AccumulatorParam[T]] = None) -> Accumulator[T]:
        """A value that tasks add to and the driver reads. `accum_param` says how to add what is no number.

        Raises `TypeError` for a value that is no number without it.

        >>> total = sc.accumulator(0)
        >>> sc.parallelize([1, 2, 3]).foreach(total.add)
        >>> total.value
        6
        """
        from tidemill.context import SparkContext

        param = accum_param if accum_param is not None else default_param(value)
        with SparkContext._lock:
            number = SparkContext._next_accum_id
            SparkContext._next_accum_id += 1
        return Accumulator(number, value, param)

    def addFile(self, path: str, recursive: bool = False) -> None:
        """Gives a file to all tasks: `SparkFiles.get(name)` tells where it is. `path` is local, or an http(s) or ftp URL.

        A folder needs `recursive=True`. Raises `FileNotFoundError`'s kind of `EngineError` for what is not there.

        >>> import os, tempfile
        >>> from tidemill import SparkFiles
        >>> folder = tempfile.TemporaryDirectory()
        >>> path = os.path.join(folder.name, "rate.txt")
        >>> with open(path, "w") as file:
        ...     _ = file.write("3")
        >>> sc.addFile(path)
        >>> sc.parallelize([5]).map(lambda x: x * int(open(SparkFiles.get("rate.txt")).read())).collect()
        [15]
        """
        from tidemill._context import added_files

        added_files.take(path, self._folder.files, recursive)
        _remember(self._added_files, added_files.uri(path))

    def addPyFile(self, path: str) -> None:
        """Lets tasks import from a Python file or an archive (`.py`, `.zip`, `.egg`); and the driver, from now on.

        >>> import os, tempfile
        >>> folder = tempfile.TemporaryDirectory()
        >>> path = os.path.join(folder.name, "tides_of_doctest.py")
        >>> with open(path, "w") as file:
        ...     _ = file.write("def height(x): return x + 1")
        >>> sc.addPyFile(path)
        >>> def height(x):
        ...     import tides_of_doctest
        ...     return tides_of_doctest.height(x)
        >>> sc.parallelize([1]).map(height).collect()
        [2]
        """
        from tidemill._context import added_files

        kept = added_files.take(path, self._folder.files, recursive=os.path.isdir(path))
        _remember(self._added_files, added_files.uri(path))
        _remember(self._added_py_files, added_files.uri(path))
        # A plain module is found in the folder of all files, an archive by its own path.
        is_package = kept.lower().endswith(self.PACKAGE_EXTENSIONS) or os.path.isdir(kept)
        if is_package and self._python_includes is not None:
            _remember(self._python_includes, os.path.basename(kept))
        for place in [self._folder.files] + ([kept] if is_package else []):
            _remember(self._paths, place)
            if place not in sys.path:
                sys.path.insert(1, place)
        importlib.invalidate_caches()

    def addArchive(self, path: str) -> None:
        """Gives tasks the content of an archive (`.zip`, `.tar`, `.tar.gz`, `.tgz`, `.jar`), unpacked in a folder of its name.

        `path#name` gives the folder another name. `SparkFiles.get(name)` tells where it is.

        >>> import os, tempfile, zipfile
        >>> from tidemill import SparkFiles
        >>> folder = tempfile.TemporaryDirectory()
        >>> path = os.path.join(folder.name, "tables.zip")
        >>> with zipfile.ZipFile(path, "w") as archive:
        ...     archive.writestr("one.txt", "1")
        >>> sc.addArchive(path)
        >>> sc.parallelize([5]).map(lambda x: open(SparkFiles.get("tables.zip/one.txt")).read()).collect()
        ['1']
        """
        from tidemill._context import added_files

        added_files.unpack(path, self._folder.files)
        _remember(self._added_archives, added_files.uri(path))

    @property
    def listFiles(self) -> list[str]:
        """The files that were added, as URIs.

        >>> all(uri.startswith("file:") for uri in sc.listFiles)
        True
        """
        return list(self._added_files)

    @property
    def listArchives(self) -> list[str]:
        """The archives that were added, as URIs.

        >>> all(uri.startswith("file:") for uri in sc.listArchives)
        True
        """
        return list(self._added_archives)

    def setCheckpointDir(self, dirName: str) -> None:
        """The folder where RDDs are checkpointed, in a sub-folder of this run.

        >>> import tempfile
        >>> folder = tempfile.TemporaryDirectory()
        >>> sc.setCheckpointDir(folder.name)
        >>> folder.name in sc.getCheckpointDir()
        True
        """
        self._engine.set_checkpoint_dir(dirName)
        self._checkpoint_dir = dirName

    def getCheckpointDir(self) -> Optional[str]:
        """The folder that `setCheckpointDir` was given, or None.

        >>> sc.getCheckpointDir() is None or isinstance(sc.getCheckpointDir(), str)
        True
        """
        from tidemill._context import added_files

        return None if self._checkpoint_dir is None else added_files.uri(self._checkpoint_dir)

    @property
    def _files_folder(self) -> str:
        return self._folder.files

    def _next_broadcast(self) -> tuple[int, str]:
        """The number of a new broadcast, and the file for its value."""
        if self._engine.stopped:
            raise engine_error("Cannot call methods on a stopped SparkContext.", "stopped")
        with self._lock:
            number = self._broadcasts_made
            self._broadcasts_made += 1
        return number, self._broadcast_path(number)

    def _broadcast_path(self, number: int) -> str:
        return os.path.join(self._folder.broadcasts, str(number))

    def _take_submitted_files(self, py_files: Optional[list[str]]) -> None:
        """Adds the files that the command line, the settings and the constructor name."""
        from tidemill._submitted import submitted

        said = submitted()
        for path in self._named("spark.files", said.files):
            self.addFile(path, recursive=os.path.isdir(path))
        for path in self._named("spark.archives", said.archives):
            self.addArchive(path)
        for path in self._named("spark.submit.pyFiles", said.py_files) + list(py_files or ()):
            self.addPyFile(path)

    def _named(self, setting: str, said: list[str]) -> list[str]:
        """The files that a setting of the program names, after those of the command line."""
        named = [path.strip() for path in (self._conf.get(setting) or "").split(",")]
        return list(dict.fromkeys([*said, *filter(None, named)]))


def _remember(items: list[Any], item: Any) -> None:
    if item not in items:
        items.append(item)
