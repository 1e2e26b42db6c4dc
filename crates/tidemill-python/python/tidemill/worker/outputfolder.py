"""Output: a folder of parts, written so that each partition's part appears once and only when the whole job is done.

```text
output/_temporary/<attempt>/part-00000   what a task attempt writes
output/_temporary/committed/part-00000   the attempt that was first to commit the partition
output/part-00000                        after the job's commit
output/_SUCCESS                          written last: every part is there
```

The same protocol as the engine's own for text (readers skip `_temporary`), for formats that are written in Python.
"""
from __future__ import annotations

import os
import shutil
import uuid
from typing import BinaryIO, Callable

_TEMPORARY = "_temporary"
_COMMITTED = "committed"


class OutputFolder:
    """The folder that a job writes. Made on the driver; travels to the tasks, which hold its path alone."""

    def __init__(self, path: str) -> None:
        self._path = path
        self._is_new = False

    def create(self, existing: bool) -> None:
        """Makes the folder, on the driver, with what is missing above it; `existing`: it may be there already.

        Raises `FileExistsError`, in Spark's words, if it is there and may not be.
        """
        os.makedirs(os.path.dirname(self._path), exist_ok=True)
        try:
            os.mkdir(self._path)
            self._is_new = True
        except FileExistsError:
            if not existing:
                raise FileExistsError(
                    f"Output directory file:{self._path} already exists; write to another folder, remove this one, or "
                    "set spark.hadoop.validateOutputSpecs to false to write over it"
                ) from None
        shutil.rmtree(self._temporary(), ignore_errors=True)
        os.makedirs(self._temporary(_COMMITTED))

    def write_part(self, partition: int, write: Callable[[BinaryIO], None]) -> None:
        """One attempt of a task: `write` fills a file that becomes the partition's part, unless another attempt was first."""
        folder = self._temporary(uuid.uuid4().hex)
        os.mkdir(folder)
        attempt = os.path.join(folder, _part(partition))
        try:
            with open(attempt, "xb", buffering=1 << 18) as file:
                write(file)
            _publish(attempt, self._temporary(_COMMITTED, _part(partition)))
        finally:
            shutil.rmtree(folder, ignore_errors=True)

    def commit(self, partitions: int) -> None:
        """Ends the job well: the parts get their place, and `_SUCCESS` is written last."""
        success = os.path.join(self._path, "_SUCCESS")
        if os.path.exists(success):
            os.remove(success)
        for partition in range(partitions):
            part = _part(partition)
            os.replace(self._temporary(_COMMITTED, part), os.path.join(self._path, part))
        shutil.rmtree(self._temporary())
        with open(success, "wb"):
            pass

    def abort(self) -> None:
        """Ends the job badly: what its tasks wrote goes, and the folder if the job made it, so that it can be run again."""
        shutil.rmtree(self._temporary(), ignore_errors=True)
        if self._is_new:
            try:
                os.rmdir(self._path)
            except OSError:
                pass  # Someone put a file there: then the folder is theirs.

    def _temporary(self, *names: str) -> str:
        return os.path.join(self._path, _TEMPORARY, *names)


def _part(partition: int) -> str:
    return f"part-{partition:05}"


def _publish(attempt: str, committed: str) -> None:
    try:
        os.link(attempt, committed)
    except FileExistsError:
        pass  # Another attempt was first.
    except OSError:  # A file system without hard links: of two attempts that race the later one stays, with the same data.
        if not os.path.exists(committed):
            os.replace(attempt, committed)
