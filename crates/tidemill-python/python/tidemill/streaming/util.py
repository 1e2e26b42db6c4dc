"""What calls the functions of a program for each batch, and the names of folders that batches are written to."""
from __future__ import annotations

import traceback
from datetime import datetime
from threading import get_ident
from typing import TYPE_CHECKING, Any, Callable, Optional, Union

from tidemill.rdd import RDD
from tidemill.streaming._calling import called_threads, time_of

if TYPE_CHECKING:
    from tidemill import _engine
    from tidemill.context import SparkContext

__all__ = ["TransformFunction", "rddToFileName"]


class TransformFunction:
    """A function of the program that is called in the driver for each batch: PySpark's class of that name.

    Parameters
    ----------
    ctx : SparkContext
        what the RDDs belong to
    func : callable
        `func(time, *rdds)`; an RDD, or `None` for none
    deserializers : Serializer
        kept for programs that look; batches say themselves what they hold
    """

    def __init__(self, ctx: Optional[SparkContext], func: Callable[..., Any], *deserializers: Any) -> None:
        self.ctx = ctx
        self.func = func
        self.deserializers = deserializers
        self.rdd_wrap_func: Callable[..., Any] = RDD
        self.failure: Optional[str] = None

    def rdd_wrapper(self, func: Callable[..., Any]) -> TransformFunction:
        """Lets `func(handle, context, deserializer)` make the RDDs that the function gets; returns itself."""
        self.rdd_wrap_func = func
        return self

    def results(self, milliseconds: int, handles: list[Optional[_engine.Rdd]]) -> Any:
        """Calls the function with the RDDs of a batch and gives what it gives."""
        self.failure = None
        thread = get_ident()
        is_outermost = thread not in called_threads
        called_threads.add(thread)
        try:
            return self.func(time_of(milliseconds), *[self._wrapped(handle, at) for at, handle in enumerate(handles)])
        except BaseException:
            self.failure = traceback.format_exc()
            raise
        finally:
            if is_outermost:
                called_threads.discard(thread)

    def call(self, milliseconds: int, jrdds: list[Optional[_engine.Rdd]]) -> Optional[_engine.Rdd]:
        """Calls the function with the RDDs of a batch and gives the handle of the RDD that it makes."""
        rdd = self.results(milliseconds, jrdds)
        return rdd._jrdd if rdd else None

    def _wrapped(self, handle: Optional[_engine.Rdd], at: int) -> Any:
        if handle is None:
            return None
        deserializer = self.deserializers[min(at, len(self.deserializers) - 1)] if self.deserializers else None
        return self.rdd_wrap_func(handle, self.ctx, deserializer)

    def getLastFailure(self) -> Optional[str]:
        """The traceback of the last call, if it failed."""
        return self.failure

    def __repr__(self) -> str:
        return f"TransformFunction({self.func})"


def rddToFileName(prefix: str, suffix: Optional[str], timestamp: Union[datetime, int]) -> str:
    """The name of the folder that a batch is written to: PySpark's function of that name.

    Parameters
    ----------
    prefix : str
        what it begins with
    suffix : str, optional
        what it ends with, after a dot; `None` for no dot either
    timestamp : datetime or int
        the time of the batch, in milliseconds where it is a number

    Examples
    --------
    >>> rddToFileName("counts", None, 1420070400000)
    'counts-1420070400000'
    >>> rddToFileName("counts", "txt", 1420070400000)
    'counts-1420070400000.txt'
    """
    if isinstance(timestamp, datetime):
        # With its fold: when clocks are set back, two batches an hour apart read the same on the wall.
        timestamp = round(timestamp.timestamp() * 1000)
    name = f"{prefix}-{timestamp}"
    return name if suffix is None else f"{name}.{suffix}"
