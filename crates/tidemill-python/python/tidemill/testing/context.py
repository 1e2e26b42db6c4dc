"""`TestContext`: a streaming context whose clock a test moves."""
from __future__ import annotations

import tempfile
import warnings
from datetime import datetime
from types import TracebackType
from typing import Any, Generic, Iterable, Optional, TypeVar

import cloudpickle

from tidemill import _engine
from tidemill._call_site import call_site
from tidemill.context import SparkContext
from tidemill.streaming._calling import milliseconds_of, time_of
from tidemill.streaming.context import StreamingContext
from tidemill.streaming.dstream import DStream

__all__ = ["Collected", "Feed", "TestContext"]

T = TypeVar("T")

_PARTITIONS = 2
_MASTER = "local[2]"


class TestContext:
    """A streaming context whose clock stands still until the test lets it tick. The first batch has the time `interval`.

    Its SparkContext is the active one, where there is one; otherwise it makes its own and stops it at the end. It has a
    checkpoint directory, which goes with it.

    Parameters
    ----------
    interval : number
        the time between batches, in seconds
    start : number
        what the clock says at first, in seconds since 1970

    Examples
    --------
    >>> from tidemill.testing import TestContext
    >>> with TestContext() as test:
    ...     feed, numbers = test.input()
    ...     seen = test.collect(numbers.map(lambda x: x * x))
    ...     feed.push([1, 2, 3])
    ...     test.tick()
    ...     seen.values()
    [[1, 4, 9]]
    """

    __test__ = False  # no test itself, whatever its name says

    def __init__(self, interval: float = 1.0, start: float = 0.0) -> None:
        self._own = None if SparkContext._active_spark_context is not None else SparkContext(_MASTER, "test")
        self.sc: SparkContext = self._own or SparkContext.getOrCreate()
        self._interval, self._start_ms = interval, milliseconds_of(start)
        self._checkpoints = tempfile.TemporaryDirectory(prefix="tidemill-test-")
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", FutureWarning)
            self.ssc: StreamingContext = _UnderTest(self.sc, interval, self._start_ms)
        self.ssc.checkpoint(self._checkpoints.name)

    def input(self, partitions: int = _PARTITIONS) -> tuple[Feed, DStream[Any]]:
        """A stream, and what its batches are pushed into; each is cut into so many partitions."""
        stream = self.ssc._recipe.add("testInput", call_site("input"))
        feed = self.ssc._recipe.making.feeds[-1]
        return Feed(self.sc, feed, partitions), DStream(stream, self.ssc, self.sc.serializer)

    def collect(self, stream: DStream[T]) -> Collected[T]:
        """Collects all batches of a stream, as an output of the program."""
        collected: Collected[T] = Collected()
        stream.foreachRDD(lambda time, rdd: collected._add(time, rdd.collect()))
        return collected

    def time(self, number: int) -> datetime:
        """The time of batch `number`, counted from 1."""
        interval = milliseconds_of(self._interval)
        return time_of((self._start_ms // interval + number) * interval)

    def tick(self, times: int = 1) -> None:
        """Lets the time of one batch pass, or of several, and waits until each is over. The first call starts the context.

        Raises
        ------
        EngineError
            what a batch reported
        """
        if self.ssc._engine.state == "INITIALIZED":
            self.ssc.start()
        for _ in range(times):
            self.ssc._engine.tick()

    def close(self) -> None:
        """Stops the streaming context, and the SparkContext if it is the test's own."""
        self.ssc.stop(stopSparkContext=False)
        if self._own is not None:
            self._own.stop()
        self._checkpoints.cleanup()

    def __enter__(self) -> TestContext:
        return self

    def __exit__(
        self,
        kind: Optional[type[BaseException]],
        error: Optional[BaseException],
        traceback: Optional[TracebackType],
    ) -> None:
        self.close()


class _UnderTest(StreamingContext):
    """A streaming context with a clock of its own."""

    def __init__(self, sc: SparkContext, interval: float, start_ms: int) -> None:
        self._start_ms = start_ms
        super().__init__(sc, interval)

    def _make_engine(self, interval_ms: int) -> _engine.StreamingContext:
        return _engine.StreamingContext(self._sc._engine, interval_ms, self._start_ms)

    def _keep_program(self, directory: str) -> None:
        """Functions of tests may hold whatever tests need: nobody goes on from their checkpoints."""


class Feed:
    """What a test pushes into its program. Batches for which nothing was pushed have no partitions."""

    def __init__(self, sc: SparkContext, feed: _engine.Feed, partitions: int) -> None:
        self._sc, self._feed, self._partitions = sc, feed, partitions

    def push(self, batch: Iterable[Any]) -> None:
        """The records of the next batch to which nothing was pushed yet."""
        records = list(batch)
        entry = cloudpickle.dumps((records, self._partitions))
        self._feed.push(self._sc.parallelize(records, self._partitions)._jrdd, len(records), entry)

    def push_none(self) -> None:
        """The stream has no RDD for the next batch."""
        self._feed.push(None, 0, cloudpickle.dumps((None, self._partitions)))


class Collected(Generic[T]):
    """The batches that a stream gave."""

    def __init__(self) -> None:
        self._batches: list[tuple[datetime, list[T]]] = []

    def _add(self, time: datetime, batch: list[T]) -> None:
        self._batches.append((time, batch))

    def take(self) -> list[tuple[datetime, list[T]]]:
        """All batches since the last call, with their times."""
        taken, self._batches = self._batches, []
        return taken

    def values(self) -> list[list[T]]:
        """All batches since the last call."""
        return [batch for _, batch in self.take()]
