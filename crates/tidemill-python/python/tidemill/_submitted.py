"""What was said from outside: on the command line, in `PYSPARK_SUBMIT_ARGS`, in the file of defaults.

The precedence is spark-submit's: what the program itself sets wins, then the command line, then the file. What the words
of a command line mean is defined once, in the engine's command line (`_engine.submit_options`).
"""

from __future__ import annotations

import os
from typing import Any, NamedTuple, Optional


class Submitted(NamedTuple):
    """Settings, Python files and plain files that a program is started with."""

    settings: dict[str, str]
    py_files: list[str]
    files: list[str]
    archives: list[str]


_submitted: Optional[Submitted] = None


def submitted() -> Submitted:
    """What was said from outside; read once."""
    global _submitted
    if _submitted is None:
        _submitted = _from_environment()
    return _submitted


def submit(options: dict[str, Any], name: str) -> Submitted:
    """Takes what the command line said, over what the environment says; `name` is for a program that has no other."""
    global _submitted
    environment, line = _from_environment(), _of_options(options)
    settings = {"spark.app.name": name, **environment.settings, **line.settings}
    _submitted = Submitted(
        settings,
        line.py_files or environment.py_files,
        line.files or environment.files,
        line.archives or environment.archives,
    )
    return _submitted


def _from_environment() -> Submitted:
    words = os.environ.get("PYSPARK_SUBMIT_ARGS", "")
    if not words.strip():
        return Submitted({}, [], [], [])
    import shlex

    from tidemill import _engine

    return _of_options(_engine.submit_options(shlex.split(words)))


def _of_options(options: dict[str, Any]) -> Submitted:
    return Submitted(
        dict(options.get("settings") or {}),
        list(options.get("py_files") or ()),
        list(options.get("files") or ()),
        list(options.get("archives") or ()),
    )
