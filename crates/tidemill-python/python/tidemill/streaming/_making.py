"""How each kind of step is made on the engine, by a program's call or from a checkpoint."""
from __future__ import annotations

import pickle
from typing import TYPE_CHECKING, Any, Callable, Optional

import cloudpickle

from tidemill import _engine
from tidemill._call_site import called_at
from tidemill._functions import describe
from tidemill.rdd import RDD
from tidemill.streaming._calling import time_of
from tidemill.streaming.util import TransformFunction

if TYPE_CHECKING:
    from tidemill._engine import Feed, Rdd, Stream
    from tidemill.context import SparkContext
    from tidemill.streaming._recipe import Step

Maker = Callable[["Making", "Step", "list[Stream]"], "Optional[Stream]"]

NO_QUEUES = (
    "queueStream doesn't support checkpointing. Please don't use queueStream when checkpointing is enabled."
)


class Making:
    """What steps are made on."""

    def __init__(self, engine: _engine.StreamingContext, sc: SparkContext) -> None:
        self.engine = engine
        self.sc = sc
        self.feeds: list[Feed] = []
        """What tests push their batches into."""

    def function(self, step: Step) -> TransformFunction:
        """The function of a step that is called for each batch."""
        func, wrap, deserializers = step.functions
        return TransformFunction(self.sc, func, *deserializers).rdd_wrapper(wrap)


class FirstStates:
    """The states that `updateStateByKey` begins with. In a checkpoint they are records; once they are part of a state that is
    kept they need not be in checkpoints any more."""

    def __init__(self, rdd: Optional[RDD[Any]] = None, pickled: Optional[bytes] = None) -> None:
        self._rdd = rdd
        self._pickled = pickled
        self._taken_by: Optional[int] = None

    def of(self, sc: SparkContext) -> Optional[RDD[Any]]:
        """As an RDD, if there are any."""
        if self._rdd is None and self._pickled is not None:
            self._rdd = sc.parallelize(pickle.loads(self._pickled))
        return self._rdd

    def gather(self) -> None:
        """Makes records of the RDD: functions are pickled where no job can be run, and often."""
        if self._rdd is not None and self._pickled is None:
            self._pickled = cloudpickle.dumps(self._rdd.collect(), 5)

    def taken(self, milliseconds: int) -> None:
        """The batch of that time has made states of them."""
        self._rdd, self._taken_by = None, milliseconds

    def let_go(self, is_kept: Callable[[int], bool]) -> None:
        """They need not be in checkpoints any more once the batch that took them is kept."""
        if self._taken_by is not None and is_kept(self._taken_by):
            self._pickled = self._taken_by = None

    def __reduce__(self) -> tuple[Any, ...]:
        return FirstStates, (None, self._pickled)


def _socket_text_stream(making: Making, step: Step, _: list[Stream]) -> Stream:
    return making.engine.socket_text_stream(step.place, step.arguments["host"], step.arguments["port"])


def _text_file_stream(making: Making, step: Step, _: list[Stream]) -> Stream:
    return making.engine.text_file_stream(step.place, step.arguments["directory"])


def _binary_records_stream(making: Making, step: Step, _: list[Stream]) -> Stream:
    arguments = step.arguments
    return making.engine.binary_records_stream(step.place, arguments["directory"], arguments["record_bytes"])


def _queue_stream(making: Making, step: Step, _: list[Stream]) -> Stream:
    if step.present is None:
        raise _engine.refusal(NO_QUEUES)
    return making.engine.queue_stream(step.place, *step.present)


def _test_input(making: Making, step: Step, _: list[Stream]) -> Stream:
    sc = making.sc

    def again(entry: bytes) -> Optional[Rdd]:
        records, partitions = pickle.loads(entry)
        return None if records is None else sc.parallelize(records, partitions)._jrdd

    feed = making.engine.feed(step.place, again)
    making.feeds.append(feed)
    return feed.stream


def _transform(making: Making, step: Step, parents: list[Stream]) -> Stream:
    place, function = step.place, making.function(step)

    def call(milliseconds: int, handles: list[Optional[Rdd]]) -> Optional[Rdd]:
        with called_at(place):
            return function.call(milliseconds, handles)

    return making.engine.transform(place, parents, call)


def _union(making: Making, step: Step, parents: list[Stream]) -> Stream:
    return making.engine.union(step.place, parents)


def _window(making: Making, step: Step, parents: list[Stream]) -> Stream:
    return making.engine.window(step.place, parents[0], step.arguments["window_ms"], step.arguments["slide_ms"])


def _folding(making: Making, step: Step, parents: list[Stream]) -> Stream:
    place, sc, (fold,) = step.place, making.sc, step.functions

    def of(handle: Optional[Rdd]) -> Optional[RDD[Any]]:
        return None if handle is None else RDD(handle, sc, sc.serializer)

    def call(
        milliseconds: int, previous: Optional[Rdd], entering: Optional[Rdd], leaving: Optional[Rdd]
    ) -> Optional[Rdd]:
        with called_at(place):
            rdd = fold(time_of(milliseconds), of(previous), of(entering), of(leaving))
            return None if rdd is None else rdd._jrdd

    arguments = step.arguments
    return making.engine.folding(place, parents[0], arguments["slide_ms"], arguments["window_ms"], call)


def _update_state(making: Making, step: Step, parents: list[Stream]) -> Stream:
    place, sc, partitions = step.place, making.sc, step.arguments["partitions"]
    update, deserializer, first = step.functions
    op = ("updateState", update, place)

    def prepare(milliseconds: int, handle: Rdd) -> tuple[Rdd, bytes, bool]:
        with called_at(place):
            pairs: RDD[Any] = RDD(handle, sc, deserializer)
            description, frozen = describe((op,), ("state",), tuple(sc._paths))
            return pairs.partitionBy(partitions)._jrdd, description, frozen

    states = first.of(sc)
    lies = (sc.parallelize([], 1) if states is None else states).partitionBy(partitions)._jrdd
    return making.engine.update_state(place, parents[0], lies, None if states is None else (lies, first.taken), prepare)


def _output(making: Making, step: Step, parents: list[Stream]) -> None:
    place, sc, function = step.place, making.sc, making.function(step)

    def call(milliseconds: int, handle: Rdd) -> None:
        with called_at(place):
            function.results(milliseconds, [handle])
        sc._after_job()

    making.engine.for_each(place, parents[0], call)


def _remember(making: Making, step: Step, _: list[Stream]) -> None:
    making.engine.remember(step.arguments["duration_ms"])


def _persist(_: Making, step: Step, parents: list[Stream]) -> None:
    parents[0].persist(tuple(step.arguments["level"]))


def _uid(_: Making, step: Step, parents: list[Stream]) -> None:
    parents[0].uid(step.arguments["id"])


def _checkpoint(_: Making, step: Step, parents: list[Stream]) -> None:
    parents[0].checkpoint(step.arguments["interval_ms"])


MAKERS: dict[str, Maker] = {
    "socketTextStream": _socket_text_stream,
    "textFileStream": _text_file_stream,
    "binaryRecordsStream": _binary_records_stream,
    "queueStream": _queue_stream,
    "testInput": _test_input,
    "transform": _transform,
    "union": _union,
    "window": _window,
    "folding": _folding,
    "updateState": _update_state,
    "output": _output,
    "remember": _remember,
    "persist": _persist,
    "checkpoint": _checkpoint,
    "uid": _uid,
}
