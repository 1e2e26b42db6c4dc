"""What worker processes are started with: their Python, their paths, their memory."""

from __future__ import annotations

import os
import sys
from typing import Any, Optional

from tidemill._context.private_folder import PrivateFolder
from tidemill.conf import SparkConf

_UNITS = {"": 20, "b": 0, "k": 10, "kb": 10, "m": 20, "mb": 20, "g": 30, "gb": 30, "t": 40, "tb": 40}


def worker_python(conf: SparkConf) -> str:
    """The interpreter of the workers: `spark.pyspark.python`, else `PYSPARK_PYTHON`, else this one, else `python3`.

    This one cannot be used where Python is embedded in another program: `sys.executable` is that program then, or empty.
    """
    told = conf.get("spark.pyspark.python") or os.environ.get("PYSPARK_PYTHON")
    if told:
        return told
    if "python" in os.path.basename(sys.executable or "").lower():
        return sys.executable
    import shutil

    found = shutil.which("python3")
    if found is None:
        raise RuntimeError(
            "there is no Python for workers: this process is no Python interpreter and there is no python3 in PATH; "
            "set PYSPARK_PYTHON or spark.pyspark.python to one"
        )
    return found


def worker_init(conf: SparkConf, folder: PrivateFolder, environment: dict[str, str]) -> dict[str, Any]:
    """What each worker is told at its start."""
    # An empty entry means the working directory of whoever reads it: written out, it is the same for all.
    paths = [path or os.getcwd() for path in sys.path if isinstance(path, str)]
    return {
        "sys_path": paths,
        "cwd": os.getcwd(),
        "broadcasts": folder.broadcasts,
        "files": folder.files,
        "environment": environment,
        "pyspark_alias": "tidemill.pyspark_alias" in sys.modules and sys.modules["tidemill.pyspark_alias"].is_installed(),
    }


def bytes_of(text: Optional[str]) -> Optional[int]:
    """How many bytes a text such as `512m` or `2g` says; a bare number is in MiB, as in Spark. None for no text.

    >>> from tidemill._context.workers import bytes_of
    >>> bytes_of("512m"), bytes_of("2g"), bytes_of("64")
    (536870912, 2147483648, 67108864)
    """
    if text is None or not text.strip():
        return None
    lowered = text.strip().lower()
    digits = lowered.rstrip("bkmgt")
    shift = _UNITS.get(lowered[len(digits) :])
    if shift is None or not digits.strip().isdigit():
        return None  # The engine checks settings, and says what is wrong with this one.
    return int(digits) << shift
