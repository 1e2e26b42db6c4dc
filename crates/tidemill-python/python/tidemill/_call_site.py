"""Where in the user's program a call was made: the name of the operator, the file and the line.

Every RDD, stage and error carries such a place, so it has to be cheap: frames are walked by hand, and whether a file
belongs to this package is remembered.
"""

from __future__ import annotations

import os
import sys
import threading
from contextlib import contextmanager
from typing import Iterator, Optional

Operator = tuple[str, str, int]

_FOLDER = os.path.dirname(os.path.abspath(__file__)) + os.sep
_ours: dict[str, bool] = {}
_NAMES = {"__add__": "union", "__init__": "RDD", "<lambda>": "transform", "<module>": "RDD"}


class _Fallback(threading.local):
    """The place that counts on a thread where none of the user's frames is found."""

    place: Optional[Operator] = None


_fallback = _Fallback()


def call_site(name: str = "") -> Operator:
    """The call by which the user's program came into this package: (operator, file, line).

    Unless `name` says otherwise the operator is named after the outermost function of the package that is running, so
    `rdd.distinct()` is "distinct" though it is made of `map` and `reduceByKey`.
    """
    given = name
    frame = sys._getframe(1)
    while frame is not None:
        code = frame.f_code
        file = code.co_filename
        ours = _ours.get(file)
        if ours is None:
            ours = _ours[file] = file.startswith(_FOLDER)
        if not ours:
            return given or _NAMES.get(name, name), file, frame.f_lineno
        name = code.co_name
        frame = frame.f_back  # type: ignore[assignment]
    if _fallback.place is not None:
        return _fallback.place
    return given or _NAMES.get(name, name), "<unknown>", 0


@contextmanager
def called_at(place: Operator) -> Iterator[None]:
    """Lets `place` stand for calls on this thread that no frame of the user's program leads to: those of batches."""
    before = _fallback.place
    _fallback.place = place
    try:
        yield
    finally:
        _fallback.place = before


def text_of(place: object) -> str:
    """A place in words: "map at program.py:12"."""
    if isinstance(place, tuple):
        return "%s at %s:%d" % place
    return str(place)
