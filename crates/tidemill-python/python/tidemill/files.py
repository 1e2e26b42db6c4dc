"""Files that a program gives to its tasks; PySpark's `SparkFiles` (row 3.19)."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, ClassVar, Optional, cast

if TYPE_CHECKING:
    from tidemill.context import SparkContext


class SparkFiles:
    """Where the files are that `SparkContext.addFile` took. It is used by its class methods, never made.

    >>> import os, tempfile
    >>> from tidemill import SparkFiles
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = os.path.join(folder, "factor.txt")
    ...     with open(path, "w") as file:
    ...         _ = file.write("100")
    ...     sc.addFile(path)
    >>> def scaled(x):
    ...     with open(SparkFiles.get("factor.txt")) as file:
    ...         return x * int(file.read())
    >>> sc.parallelize([1, 2]).map(scaled).collect()
    [100, 200]
    """

    _root_directory: ClassVar[Optional[str]] = None
    _is_running_on_worker: ClassVar[bool] = False
    _sc: ClassVar[Optional[SparkContext]] = None

    def __init__(self) -> None:
        raise NotImplementedError("Do not construct SparkFiles objects")

    @classmethod
    def get(cls, filename: str) -> str:
        """The absolute path of a file that was added, in the driver and in tasks.

        >>> from tidemill import SparkFiles
        >>> SparkFiles.get("factor.txt").endswith("/factor.txt")
        True
        """
        return os.path.abspath(os.path.join(cls.getRootDirectory(), filename))

    @classmethod
    def getRootDirectory(cls) -> str:
        """The folder of all files that were added.

        >>> import os
        >>> from tidemill import SparkFiles
        >>> os.path.isdir(SparkFiles.getRootDirectory())
        True
        """
        if cls._is_running_on_worker:
            return cast(str, cls._root_directory)
        if cls._sc is None:
            raise RuntimeError("there is no SparkContext, and so there are no files: make a SparkContext first")
        return cls._sc._files_folder
