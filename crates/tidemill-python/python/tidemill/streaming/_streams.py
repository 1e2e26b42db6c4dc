"""How streams are made of streams: what `StreamingContext` and `DStream` ask of the engine."""
from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Any, Callable, Optional, Sequence, TypeVar

import cloudpickle

from tidemill import _engine
from tidemill._call_site import Operator, call_site, called_at, text_of
from tidemill._functions import describe
from tidemill.rdd import RDD
from tidemill.streaming._calling import time_of
from tidemill.streaming.dstream import DStream
from tidemill.streaming.util import TransformFunction

if TYPE_CHECKING:
    from tidemill._engine import Rdd, Stream
    from tidemill.context import SparkContext
    from tidemill.streaming._dstream.base import DStreamBase

T = TypeVar("T")
Fold = Callable[[datetime, Optional[RDD[Any]], Optional[RDD[Any]], Optional[RDD[Any]]], Optional[RDD[Any]]]


class Streams:
    """The part of `StreamingContext` that makes streams of streams."""

    _sc: SparkContext
    _engine: _engine.StreamingContext
    # Of each operator the driver's function.
    _functions: list[tuple[Operator, Callable[..., Any]]]

    def transform(self, dstreams: Sequence[DStream[Any]], transformFunc: Callable[..., RDD[T]]) -> DStream[T]:
        """Makes of the RDDs that several streams have for a batch one: `StreamingContext.transform`.

        Parameters
        ----------
        dstreams : list
            at least one stream
        transformFunc : callable
            gets a tuple of RDDs, in the order of the list; called in the driver for every batch

        Raises
        ------
        EngineError
            for no streams at all, or where they do not have their RDDs at the same times

        Examples
        --------
        >>> one, two = ssc.queueStream([[1]]), ssc.queueStream([[2]])
        >>> ssc.transform([one, two], lambda rdds: rdds[0].union(rdds[1])).pprint()
        """
        place = call_site("transform")
        if not dstreams:
            raise _engine.refusal("transform: List of DStreams is empty; give at least one (NoSuchElementException)")
        slides = [stream._jdstream.slide_ms for stream in dstreams]
        if len(set(slides)) > 1:
            raise _engine.refusal(
                f"requirement failed: Some of the DStreams have different slide durations: {slides} ms; bring them to one, "
                "for instance by windows of the same slide"
            )
        if any(stream._ssc is not self for stream in dstreams):
            raise _engine.refusal("requirement failed: Some of the DStreams have different contexts; make all with one")

        def of_all(time: datetime, *rdds: Optional[RDD[Any]]) -> RDD[T]:
            if None in rdds:
                raise ValueError(f"Couldn't generate RDD from parent at time {time}; let it give an empty RDD instead")
            rdd = transformFunc(rdds)
            if rdd is None:
                raise ValueError("Transform function must not return None; give an empty RDD: sc.emptyRDD()")
            return rdd

        function = TransformFunction(self._sc, of_all, *[stream._jrdd_deserializer for stream in dstreams])
        stream = self._engine_transform(place, dstreams, function)
        return DStream(stream, self, self._sc.serializer)  # type: ignore[arg-type]

    def union(self, *dstreams: DStream[T]) -> DStream[T]:
        """The records of several streams, batch by batch, in the order of the arguments: `StreamingContext.union`.

        Raises
        ------
        ValueError
            for no streams at all, or where they do not have their RDDs at the same times, or one has text where another has
            objects

        Examples
        --------
        >>> ssc.union(ssc.queueStream([[1]]), ssc.queueStream([[2]])).pprint()
        """
        if not dstreams:
            raise ValueError("should have at least one DStream to union")
        if len(dstreams) == 1:
            return dstreams[0]
        first = dstreams[0]
        if any(stream._jrdd_deserializer != first._jrdd_deserializer for stream in dstreams):
            raise ValueError("All DStreams should have same serializer")
        if any(stream._slideDuration != first._slideDuration for stream in dstreams):
            raise ValueError("All DStreams should have same slide duration")
        stream = self._engine.union(call_site("union"), [stream._jdstream for stream in dstreams])
        return DStream(stream, self, first._jrdd_deserializer)  # type: ignore[arg-type]

    def _engine_transform(
        self, place: Operator, parents: Sequence[DStreamBase[Any]], function: TransformFunction
    ) -> Stream:
        """A stream whose RDDs `function` makes of those of `parents`."""

        def call(milliseconds: int, handles: list[Optional[Rdd]]) -> Optional[Rdd]:
            with called_at(place):
                return function.call(milliseconds, handles)

        self._functions.append((place, function.func))
        return self._engine.transform(place, [parent._jdstream for parent in parents], call)

    def _transformed(
        self, name: str, parents: Sequence[DStreamBase[Any]], function: TransformFunction, deserializer: Any
    ) -> DStream[Any]:
        stream = self._engine_transform(call_site(name), parents, function)
        return DStream(stream, self, deserializer)  # type: ignore[arg-type]

    def _windowed(self, parent: DStreamBase[T], window_ms: int, slide_ms: int) -> DStream[T]:
        stream = self._engine.window(call_site("window"), parent._jdstream, window_ms, slide_ms)
        return DStream(stream, self, parent._jrdd_deserializer)  # type: ignore[arg-type]

    def _folded(self, name: str, parent: DStreamBase[Any], slide_ms: int, window_ms: int, fold: Fold) -> DStream[Any]:
        """A stream whose RDDs follow from the one before, from what entered the window and from what left it."""
        place, sc = call_site(name), self._sc

        def of(handle: Optional[Rdd]) -> Optional[RDD[Any]]:
            return None if handle is None else RDD(handle, sc, sc.serializer)

        def call(
            milliseconds: int,
            previous: Optional[Rdd],
            entering: Optional[Rdd],
            leaving: Optional[Rdd],
        ) -> Optional[Rdd]:
            with called_at(place):
                rdd = fold(time_of(milliseconds), of(previous), of(entering), of(leaving))
                return None if rdd is None else rdd._jrdd

        self._functions.append((place, fold))
        stream = self._engine.folding(place, parent._jdstream, slide_ms, window_ms, call)
        return DStream(stream, self, sc.serializer)  # type: ignore[arg-type]

    def _stateful(
        self, parent: DStreamBase[Any], update: Callable[..., Any], partitions: int, first: Optional[RDD[Any]]
    ) -> DStream[Any]:
        """A stream of states, each from the one before and the new values of its key."""
        place, sc = call_site("updateStateByKey"), self._sc
        op = ("updateState", update, place)

        def prepare(milliseconds: int, handle: Rdd) -> tuple[Rdd, bytes, bool]:
            with called_at(place):
                pairs: RDD[Any] = RDD(handle, sc, parent._jrdd_deserializer)
                description, frozen = describe((op,), ("state",), tuple(sc._paths))
                return pairs.partitionBy(partitions)._jrdd, description, frozen

        lies = (sc.parallelize([], 1) if first is None else first).partitionBy(partitions)._jrdd
        self._functions.append((place, update))
        stream = self._engine.update_state(place, parent._jdstream, lies, None if first is None else lies, prepare)
        return DStream(stream, self, sc.serializer)  # type: ignore[arg-type]

    def _add_output(self, name: str, stream: Stream, function: TransformFunction) -> None:
        """Calls `function` with the RDD of each batch."""
        place, sc = call_site(name), self._sc

        def call(milliseconds: int, handle: Rdd) -> None:
            with called_at(place):
                function.results(milliseconds, [handle])
            sc._after_job()

        self._engine.for_each(place, stream, call)
        self._functions.append((place, function.func))

    def _check_functions(self) -> None:
        """Checks that the driver's functions could go into a checkpoint, as PySpark does at the start (behaviour 1.6)."""
        for place, func in self._functions:
            try:
                cloudpickle.dumps(func, 5)
            except Exception as error:
                raise _engine.refusal(
                    f"{text_of(place)}: with a checkpoint directory functions of streams are written to checkpoints, and this "
                    f"one cannot be pickled: {error}"
                ) from error
