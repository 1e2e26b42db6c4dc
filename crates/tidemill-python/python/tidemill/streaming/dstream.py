"""`DStream`: an RDD for each batch time. PySpark's `pyspark.streaming.dstream`."""
from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Any, Callable, Optional, TypeVar

from tidemill._call_site import Operator, call_site
from tidemill.streaming._dstream.base import DStreamBase, T_co
from tidemill.streaming._dstream.elements import ElementOperators
from tidemill.streaming._dstream.outputs import OutputOperations
from tidemill.streaming._dstream.pairs import PairOperators
from tidemill.streaming._dstream.state import StateOperators
from tidemill.streaming._dstream.windows import WindowOperators
from tidemill.streaming._operations import Steps
from tidemill.streaming.util import TransformFunction

if TYPE_CHECKING:
    from tidemill import _engine
    from tidemill.rdd import RDD
    from tidemill.streaming.context import StreamingContext

__all__ = ["DStream", "TransformedDStream"]

U = TypeVar("U")


class DStream(WindowOperators[T_co], StateOperators[T_co], OutputOperations[T_co]):
    """A stream of batches: PySpark's `DStream`. For each batch time it has an RDD.

    Operators make one stream of another and do nothing by themselves; output operations (`pprint`, `foreachRDD`,
    `saveAsTextFiles`) say what is run. Programs get streams from a `StreamingContext`.
    """

    def __init__(self, jdstream: _engine.Stream, ssc: StreamingContext, jrdd_deserializer: Any) -> None:
        self._jdstream = jdstream
        self._ssc = ssc
        self._sc = ssc._sc
        self._jrdd_deserializer = jrdd_deserializer
        self.is_cached = False
        self.is_checkpointed = False


class TransformedDStream(DStream[U]):
    """A stream whose RDDs a function of the driver makes of another stream's: PySpark's class of that name.

    Transformations that follow each other are folded into one, unless the stream between them is cached or checkpointed: the
    function of a shared stream is called once for each stream that is made of it (behaviour 1.57). Where one of them gives
    no RDD the others are skipped (*unlike PySpark's*, which fails, behaviour 10.13).

    Parameters
    ----------
    prev : DStream
        the stream that it is made of
    func : callable
        `func(time, rdd)`
    """

    def __init__(self, prev: DStreamBase[Any], func: Callable[[datetime, RDD[Any]], Any]) -> None:
        self._follow(prev, func, call_site("transform"))

    def _follow(self, prev: DStreamBase[Any], func: Callable[[datetime, RDD[Any]], Any], site: Operator) -> None:
        self._ssc = prev._ssc
        self._sc = prev._sc
        self._jrdd_deserializer = prev._sc.serializer
        self.is_cached = False
        self.is_checkpointed = False
        self._stream: Optional[_engine.Stream] = None
        self._operator = site
        self.prev = prev
        self.func = Steps(((site, func),))
        # The exact type: a subclass may hand other RDDs to functions.
        if type(prev) is TransformedDStream and not prev.is_cached and not prev.is_checkpointed:
            self.prev = prev.prev
            self.func = Steps(prev.func.steps + self.func.steps)

    @property
    def _jdstream(self) -> _engine.Stream:  # type: ignore[override]
        """The engine's stream: made when it is first needed."""
        if self._stream is None:
            function = TransformFunction(self._sc, self.func, self.prev._jrdd_deserializer)
            self._stream = self._ssc._engine_transform(self._operator, [self.prev], function)
        return self._stream
