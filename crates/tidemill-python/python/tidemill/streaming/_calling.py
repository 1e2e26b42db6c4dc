"""How the functions that programs give to streams are called."""
from __future__ import annotations

import inspect
import os
import traceback
from datetime import datetime
from types import FunctionType, TracebackType
from typing import Any, Callable, Optional

from tidemill.streaming._operations import WithoutTime

_FOLDER = os.path.dirname(os.path.dirname(os.path.abspath(__file__))) + os.sep
TimeAndRdds = Callable[..., Any]

called_threads: set[int] = set()
"""The threads that are in a function of a program right now."""


def positional_count(func: Callable[..., Any]) -> Optional[int]:
    """How many arguments a call form is chosen by; `None` where that cannot be known.

    A plain function counts all its positional parameters, as PySpark has it (behaviour 10.3): `lambda rdd, n=3: ...` has two.
    What PySpark cannot call at all is counted as a reader would: a bound method without `self`, a partial function, a callable
    object and a builtin by the parameters that a caller has to give.
    """
    if isinstance(func, FunctionType):
        return func.__code__.co_argcount
    if not callable(func):
        raise TypeError(f"func should be callable, got {type(func)}")
    try:
        parameters = inspect.signature(func).parameters.values()
    except (TypeError, ValueError):  # a builtin that does not tell
        return None
    positional = [each for each in parameters if each.kind in (each.POSITIONAL_ONLY, each.POSITIONAL_OR_KEYWORD)]
    needed = sum(1 for each in positional if each.default is each.empty)
    return needed or len(positional)


def for_output(func: Callable[..., Any]) -> TimeAndRdds:
    """As `func(time, rdd)`: one argument is the RDD, any other number means both (behaviour 1.32)."""
    if positional_count(func) in (1, None):
        return WithoutTime(func)
    return func


def for_transform(func: Callable[..., Any]) -> TimeAndRdds:
    """As `func(time, rdd)` (behaviour 1.43)."""
    count = positional_count(func)
    if count in (1, None):
        return WithoutTime(func)
    assert count == 2, "func should take one or two arguments"
    return func


def for_two(func: Callable[..., Any]) -> TimeAndRdds:
    """As `func(time, rdd, other)` (behaviour 1.44)."""
    count = positional_count(func)
    if count in (2, None):
        return WithoutTime(func)
    assert count == 3, "func should take two or three arguments"
    return func


def traceback_of(error: BaseException, frames: Optional[TracebackType]) -> str:
    """The traceback of what a function of the program has raised, from the program's first line on: what led there is the
    same for every function. It becomes that of the exception too."""
    error.__traceback__ = frames
    while frames is not None and frames.tb_frame.f_code.co_filename.startswith(_FOLDER):
        frames = frames.tb_next
    if frames is not None:
        error.__traceback__ = frames
    return "".join(traceback.format_exception(type(error), error, error.__traceback__))


def time_of(milliseconds: int) -> datetime:
    """The time of a batch as functions get it: naive, in local time."""
    return datetime.fromtimestamp(milliseconds / 1000.0)


def milliseconds_of(seconds: float) -> int:
    """A duration in seconds as the engine takes it; what is less than a millisecond is cut off, and none is below 0."""
    return max(0, int(seconds * 1000))
