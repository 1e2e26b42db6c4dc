"""Opaque handles that programs reach for where PySpark has objects of the JVM."""
from __future__ import annotations

from typing import TYPE_CHECKING

from tidemill.streaming._recipe import Recipe

if TYPE_CHECKING:
    from tidemill import _engine
    from tidemill.context import SparkContext


class Duration:
    """A duration in milliseconds."""

    def __init__(self, milliseconds: int) -> None:
        self._milliseconds = milliseconds

    def milliseconds(self) -> int:
        """How many milliseconds."""
        return self._milliseconds

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Duration) and other._milliseconds == self._milliseconds

    def __hash__(self) -> int:
        return hash(self._milliseconds)

    def __repr__(self) -> str:
        return f"{self._milliseconds} ms"

    toString = __repr__


class Time(Duration):
    """A point in time: milliseconds since 1970."""


class StreamingState:
    """Where a streaming context is in its life: INITIALIZED, ACTIVE or STOPPED."""

    def __init__(self, name: str) -> None:
        self._name = name

    def name(self) -> str:
        """The state as a word."""
        return self._name

    def __eq__(self, other: object) -> bool:
        return str(other) == self._name

    def __hash__(self) -> int:
        return hash(self._name)

    def __repr__(self) -> str:
        return self._name

    toString = __repr__


class JavaStreamingContext:
    """What `ssc._jssc` is: it can be stopped and asked for its state."""

    def __init__(self, engine: _engine.StreamingContext, sc: SparkContext) -> None:
        self._engine = engine
        self._sc = sc
        self._recipe = Recipe(engine, sc)

    def getState(self) -> StreamingState:
        """Where the context is in its life."""
        return StreamingState(self._engine.state)

    def stop(self, stopSparkContext: bool = True, stopGracefully: bool = False) -> None:
        """Stops the context, and the one of the RDDs where that is asked for."""
        self._engine.stop(False, stopGracefully)
        if stopSparkContext:
            self._sc.stop()
