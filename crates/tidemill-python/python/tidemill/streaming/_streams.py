"""How streams are made of streams: what `StreamingContext` and `DStream` ask of the engine."""
from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Any, Callable, Optional, Sequence, TypeVar

from tidemill import _engine
from tidemill._call_site import Operator, call_site
from tidemill.rdd import RDD
from tidemill.streaming._making import FirstStates
from tidemill.streaming._operations import OfAll
from tidemill.streaming.dstream import DStream
from tidemill.streaming.util import TransformFunction

if TYPE_CHECKING:
    from tidemill._engine import Stream
    from tidemill.context import SparkContext
    from tidemill.streaming._dstream.base import DStreamBase
    from tidemill.streaming._recipe import Recipe

T = TypeVar("T")
Fold = Callable[[datetime, Optional[RDD[Any]], Optional[RDD[Any]], Optional[RDD[Any]]], Optional[RDD[Any]]]


class Streams:
    """The part of `StreamingContext` that makes streams of streams."""

    _sc: SparkContext
    _recipe: Recipe

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

        function = TransformFunction(self._sc, OfAll(transformFunc), *[stream._jrdd_deserializer for stream in dstreams])
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
        stream = self._add("union", call_site("union"), dstreams)
        return DStream(stream, self, first._jrdd_deserializer)  # type: ignore[arg-type]

    def _engine_transform(
        self, place: Operator, parents: Sequence[DStreamBase[Any]], function: TransformFunction
    ) -> Stream:
        """A stream whose RDDs `function` makes of those of `parents`."""
        return self._add("transform", place, parents, _parts(function))

    def _transformed(
        self, name: str, parents: Sequence[DStreamBase[Any]], function: TransformFunction, deserializer: Any
    ) -> DStream[Any]:
        stream = self._engine_transform(call_site(name), parents, function)
        return DStream(stream, self, deserializer)  # type: ignore[arg-type]

    def _windowed(self, parent: DStreamBase[T], window_ms: int, slide_ms: int) -> DStream[T]:
        stream = self._add("window", call_site("window"), [parent], window_ms=window_ms, slide_ms=slide_ms)
        return DStream(stream, self, parent._jrdd_deserializer)  # type: ignore[arg-type]

    def _folded(self, name: str, parent: DStreamBase[Any], slide_ms: int, window_ms: int, fold: Fold) -> DStream[Any]:
        """A stream whose RDDs follow from the one before, from what entered the window and from what left it."""
        stream = self._add("folding", call_site(name), [parent], (fold,), slide_ms=slide_ms, window_ms=window_ms)
        return DStream(stream, self, self._sc.serializer)  # type: ignore[arg-type]

    def _stateful(
        self, parent: DStreamBase[Any], update: Callable[..., Any], partitions: int, first: Optional[RDD[Any]]
    ) -> DStream[Any]:
        """A stream of states, each from the one before and the new values of its key."""
        functions = (update, parent._jrdd_deserializer, FirstStates(first))
        stream = self._add("updateState", call_site("updateStateByKey"), [parent], functions, partitions=partitions)
        return DStream(stream, self, self._sc.serializer)  # type: ignore[arg-type]

    def _add_output(self, name: str, stream: Stream, function: TransformFunction) -> None:
        """Calls `function` with the RDD of each batch."""
        self._recipe.add("output", call_site(name), [stream], _parts(function))

    def _add(
        self,
        kind: str,
        place: Operator,
        parents: Sequence[DStreamBase[Any]] = (),
        functions: tuple[Any, ...] = (),
        **arguments: Any,
    ) -> Stream:
        handles = [parent._jdstream for parent in parents]
        stream: Stream = self._recipe.add(kind, place, handles, functions, **arguments)
        return stream


def _parts(function: TransformFunction) -> tuple[Any, ...]:
    """What a checkpoint keeps of a function that is called for each batch."""
    return function.func, function.rdd_wrap_func, function.deserializers
