"""What all of `DStream` rests on: its engine stream, and how one stream is made from another."""
from __future__ import annotations

import time
from datetime import datetime
from typing import TYPE_CHECKING, Any, Callable, Generic, NoReturn, TypeVar, Union

from tidemill._call_site import call_site
from tidemill.errors import PySparkRuntimeError
from tidemill.rdd import RDD
from tidemill.storagelevel import StorageLevel
from tidemill.streaming._calling import for_transform, for_two, milliseconds_of
from tidemill.streaming._operations import OrEmpty
from tidemill.streaming.util import TransformFunction

if TYPE_CHECKING:
    from tidemill import _engine
    from tidemill.context import SparkContext
    from tidemill.streaming.context import StreamingContext
    from tidemill.streaming.dstream import DStream, TransformedDStream

T_co = TypeVar("T_co", covariant=True)
U = TypeVar("U")
V = TypeVar("V")

Moment = Union[datetime, int, float]
"""A point in time: naive local `datetime`, or seconds since 1970."""


class DStreamBase(Generic[T_co]):
    """A stream of batches, without the operators that are made of these."""

    is_cached: bool
    is_checkpointed: bool
    _ssc: StreamingContext
    _sc: SparkContext
    _jrdd_deserializer: Any
    _jdstream: _engine.Stream

    def __getnewargs__(self) -> NoReturn:
        # A function that captured a stream cannot be pickled, and this says why.
        raise PySparkRuntimeError(
            "It appears that you are attempting to reference a DStream from a function that runs for each batch. SparkContext "
            "and streams can only be used where the program declares them: use the RDD that the function gets."
        )

    def context(self) -> StreamingContext:
        """The streaming context of the stream: `DStream.context`.

        Examples
        --------
        >>> ssc.queueStream([[1]]).context() is ssc
        True
        """
        return self._ssc

    def cache(self) -> DStream[T_co]:
        """Keeps the RDD of each batch in memory: `DStream.cache`. Gives back the stream itself.

        Examples
        --------
        >>> from tidemill.testing import check
        >>> check([[1, 2]], lambda numbers: numbers.map(lambda x: x * 2).cache(), [[2, 4]])
        """
        return self.persist(StorageLevel.MEMORY_ONLY)

    def persist(self, storageLevel: StorageLevel) -> DStream[T_co]:
        """Keeps the RDD of each batch as `storageLevel` says: `DStream.persist`. Gives back the stream itself.

        A function between two streams that are kept is called once a batch, however many streams read the result.

        Raises
        ------
        EngineError
            after the start

        Examples
        --------
        >>> from tidemill import StorageLevel
        >>> from tidemill.testing import check
        >>> check([[1, 2]], lambda numbers: numbers.persist(StorageLevel.DISK_ONLY), [[1, 2]])
        """
        level = storageLevel
        chosen = [level.useDisk, level.useMemory, level.useOffHeap, level.deserialized, level.replication]
        self._ssc._recipe.add("persist", call_site("persist"), [self._jdstream], level=chosen)
        self.is_cached = True
        return self  # type: ignore[return-value]

    def checkpoint(self, interval: float) -> DStream[T_co]:
        """Writes the RDD of every batch whose time is a multiple of `interval` seconds after the start to the checkpoint
        directory, and keeps the RDDs in memory: `DStream.checkpoint`. Gives back the stream itself.

        Raises
        ------
        EngineError
            after the start; at the start itself where there is no checkpoint directory, or where the interval is no
            multiple of the stream's slide

        Examples
        --------
        >>> from tidemill.testing import check
        >>> check([[1], [2]], lambda numbers: numbers.checkpoint(2), [[1], [2]])
        """
        place = call_site("checkpoint")
        self._ssc._recipe.add("checkpoint", place, [self._jdstream], interval_ms=milliseconds_of(interval))
        self.is_checkpointed = True
        return self  # type: ignore[return-value]

    def uid(self, name: str) -> DStream[T_co]:
        """Gives the operator that made this stream an id of its own, by which changed code finds its input or state in a
        checkpoint: see `code` of `StreamingContext.getOrCreate`. PySpark has no counterpart. Gives back the stream itself.

        It is for sources, windows and stateful operators; others have nothing in a checkpoint. Without it the id follows from
        the program: it does not change with stateless operators, but two operators that are alike are told apart by their
        order alone.

        Raises
        ------
        EngineError
            after the start; at the start where two operators have one id

        Examples
        --------
        >>> from tidemill.testing import check
        >>> def totals(pairs):
        ...     return pairs.updateStateByKey(lambda new, last: sum(new) + (last or 0), 1).uid("totals")
        >>> check([[("a", 1)], [("a", 2)]], totals, [[("a", 1)], [("a", 3)]])
        """
        self._ssc._recipe.add("uid", call_site("uid"), [self._jdstream], id=name)
        return self  # type: ignore[return-value]

    def transform(
        self, func: Union[Callable[[RDD[T_co]], RDD[U]], Callable[[datetime, RDD[T_co]], RDD[U]]]
    ) -> TransformedDStream[U]:
        """Makes of the RDD of each batch another one: `DStream.transform`.

        Parameters
        ----------
        func : callable
            `func(rdd)` or `func(time, rdd)`. It is called in the driver for every batch and may run jobs. `None` says that
            there is no RDD for this batch: whatever is made of it is skipped.

        Raises
        ------
        AssertionError
            where it takes neither one argument nor two

        Examples
        --------
        >>> from tidemill.testing import check
        >>> check([[3, 1, 2]], lambda numbers: numbers.transform(lambda rdd: rdd.sortBy(lambda x: x)), [[1, 2, 3]])
        """
        return self._derived("transform", for_transform(func))

    def transformWith(
        self,
        func: Union[Callable[[RDD[T_co], RDD[U]], RDD[V]], Callable[[datetime, RDD[T_co], RDD[U]], RDD[V]]],
        other: DStreamBase[U],
        keepSerializer: bool = False,
    ) -> DStream[V]:
        """Makes of the RDDs that two streams have for a batch one: `DStream.transformWith`.

        Parameters
        ----------
        func : callable
            `func(rdd, other)` or `func(time, rdd, other)`, called in the driver for every batch. A stream without an RDD
            for the batch counts as empty.
        other : DStream
            the other stream
        keepSerializer : bool
            kept for programs that give it

        Raises
        ------
        AssertionError
            where `func` takes neither two arguments nor three

        Examples
        --------
        >>> from tidemill.testing import check
        >>> def both(numbers):
        ...     return numbers.transformWith(lambda a, b: a.union(b), numbers.map(lambda x: -x))
        >>> check([[1, 2]], both, [[1, 2, -1, -2]])
        """
        return self._with("transformWith", for_two(func), other, keepSerializer)

    def slice(self, begin: Moment, end: Moment) -> list[RDD[T_co]]:
        """The RDDs of the batches from `begin` to `end`, both included: `DStream.slice`.

        Parameters
        ----------
        begin, end : datetime or number
            naive local times, whose parts of a second are dropped, or seconds since 1970; times between two batches mean
            the one before

        Raises
        ------
        EngineError
            before the start

        Examples
        --------
        >>> from tidemill.testing import TestContext
        >>> with TestContext() as test:
        ...     feed, numbers = test.input()
        ...     _ = test.collect(numbers.window(3, 1))
        ...     for batch in [[1], [2], [3]]:
        ...         feed.push(batch)
        ...         test.tick()
        ...     [rdd.collect() for rdd in numbers.slice(test.time(2), test.time(3))]
        [[2], [3]]
        """
        handles = self._jdstream.slice(_moment_ms(begin), _moment_ms(end))
        return [RDD(handle, self._sc, self._jrdd_deserializer) for handle in handles]

    @property
    def _slideDuration(self) -> float:
        """The time from one RDD to the next, in seconds."""
        return self._jdstream.slide_ms / 1000.0

    def _derived(self, name: str, func: Callable[[datetime, RDD[Any]], Any]) -> TransformedDStream[Any]:
        """A stream whose RDDs are `func(time, rdd)`, under the name of the operator that the program has called."""
        from tidemill.streaming.dstream import TransformedDStream

        stream: TransformedDStream[Any] = TransformedDStream.__new__(TransformedDStream)
        stream._follow(self, func, call_site(name))
        return stream

    def _with(
        self, name: str, func: Callable[[datetime, RDD[Any], RDD[Any]], Any], other: DStreamBase[Any], keep: bool = False
    ) -> DStream[Any]:
        """A stream whose RDDs are `func(time, rdd, other's)`; a missing one counts as empty."""
        serializer = self._jrdd_deserializer if keep else self._sc.serializer

        function = TransformFunction(self._sc, OrEmpty(func), self._jrdd_deserializer, other._jrdd_deserializer)
        return self._ssc._transformed(name, [self, other], function, serializer)


def _moment_ms(moment: Moment) -> int:
    if isinstance(moment, datetime):
        moment = time.mktime(moment.timetuple())
    return int(moment * 1000)
