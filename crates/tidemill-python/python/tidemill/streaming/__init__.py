"""Streams as batches: PySpark's `pyspark.streaming`.

A `StreamingContext` closes a batch every interval; a `DStream` has an RDD for each; output operations say what is done with
them. Names load when they are first used, so that workers can import the functions of this package alone.
"""
from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from tidemill.streaming._once import once
    from tidemill.streaming.context import StreamingContext
    from tidemill.streaming.dstream import DStream
    from tidemill.streaming.listener import StreamingListener

__all__ = ["DStream", "StreamingContext", "StreamingListener", "once"]

_HOMES = {"DStream": "dstream", "StreamingContext": "context", "StreamingListener": "listener", "once": "_once"}


def __getattr__(name: str) -> Any:
    home = _HOMES.get(name)
    if home is None:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(importlib.import_module(f"{__name__}.{home}"), name)
    globals()[name] = value
    return value
