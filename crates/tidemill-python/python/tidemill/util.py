"""Threads that keep the job group of their maker, and small things that PySpark has in this place (row 3.20)."""

from __future__ import annotations

import functools
import re
import sys
import threading
import traceback
from typing import Any, Callable, TextIO, TypeVar

from tidemill.errors import PySparkRuntimeError

T = TypeVar("T")

__all__ = ["InheritableThread", "VersionUtils", "fail_on_stopiteration", "inheritable_thread_target", "print_exec"]


def print_exec(stream: TextIO) -> None:
    """Writes the exception that is being handled to `stream`.

    >>> import io
    >>> from tidemill.util import print_exec
    >>> out = io.StringIO()
    >>> try:
    ...     1 / 0
    ... except ZeroDivisionError:
    ...     print_exec(out)
    >>> out.getvalue().splitlines()[-1]
    'ZeroDivisionError: division by zero'
    """
    kind, value, tb = sys.exc_info()
    traceback.print_exception(kind, value, tb, None, stream)


class VersionUtils:
    """Reading version numbers.

    >>> from tidemill.util import VersionUtils
    >>> VersionUtils.majorMinorVersion("3.5.9")
    (3, 5)
    """

    @staticmethod
    def majorMinorVersion(sparkVersion: str) -> tuple[int, int]:
        """The first two numbers of a version. Raises `ValueError` for a text without them.

        >>> from tidemill.util import VersionUtils
        >>> VersionUtils.majorMinorVersion("2.4.0-SNAPSHOT")
        (2, 4)
        """
        found = re.match(r"^(\d+)\.(\d+)(\..*)?$", sparkVersion)
        if found is None:
            raise ValueError(
                "Spark tried to parse '%s' as a Spark version string, but it could not find the major and minor version"
                " numbers." % sparkVersion
            )
        return int(found.group(1)), int(found.group(2))


def fail_on_stopiteration(f: Callable[..., T]) -> Callable[..., T]:
    """Wraps `f` so that a StopIteration out of it is an error, and does not end somebody's loop in silence (row 3.26).

    >>> from tidemill.util import fail_on_stopiteration
    >>> fail_on_stopiteration(next)(iter([]))
    Traceback (most recent call last):
        ...
    tidemill.errors.exceptions.base.PySparkRuntimeError: [STOP_ITERATION_OCCURRED] ...
    """

    @functools.wraps(f)
    def wrapper(*args: Any, **kwargs: Any) -> T:
        try:
            return f(*args, **kwargs)
        except StopIteration as error:
            raise PySparkRuntimeError(
                error_class="STOP_ITERATION_OCCURRED", message_parameters={"exc": str(error)}
            ) from error

    return wrapper


def inheritable_thread_target(f: Callable[..., T]) -> Callable[..., T]:
    """Wraps the target of a thread so that it has the local properties (job group, tags) of the thread that wraps it.

    >>> from threading import Thread
    >>> from tidemill import inheritable_thread_target
    >>> sc.setLocalProperty("color", "blue")
    >>> seen = []
    >>> thread = Thread(target=inheritable_thread_target(lambda: seen.append(sc.getLocalProperty("color"))))
    >>> thread.start(); thread.join()
    >>> seen
    ['blue']
    >>> sc.setLocalProperty("color", None)
    """
    properties = _local_properties()

    @functools.wraps(f)
    def wrapped(*args: Any, **kwargs: Any) -> T:
        _take(properties)
        return f(*args, **kwargs)

    return wrapped


class InheritableThread(threading.Thread):
    """A thread that has the local properties (job group, tags) of the thread that starts it.

    >>> from tidemill import InheritableThread
    >>> sc.setLocalProperty("color", "green")
    >>> seen = []
    >>> thread = InheritableThread(target=lambda: seen.append(sc.getLocalProperty("color")))
    >>> thread.start(); thread.join()
    >>> seen
    ['green']
    >>> sc.setLocalProperty("color", None)
    """

    def __init__(self, target: Callable[..., Any], *args: Any, **kwargs: Any) -> None:
        def with_properties(*target_args: Any, **target_kwargs: Any) -> Any:
            _take(self._properties)
            return target(*target_args, **target_kwargs)

        self._properties: dict[str, str] = {}
        super().__init__(*args, **{"target": with_properties, **kwargs})

    def start(self) -> None:
        """Starts the thread with a copy of the properties of the calling thread."""
        self._properties = _local_properties()
        super().start()


def _local_properties() -> dict[str, str]:
    from tidemill.context import SparkContext

    context = SparkContext._active_spark_context
    return {} if context is None else context._engine.local_properties()


def _take(properties: dict[str, str]) -> None:
    from tidemill.context import SparkContext

    context = SparkContext._active_spark_context
    if context is not None:
        context._engine.set_local_properties(properties)
