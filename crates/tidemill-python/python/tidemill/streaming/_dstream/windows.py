"""Windows: the records of the last so many seconds, every so many seconds."""
from __future__ import annotations

import operator
from functools import partial
from typing import TYPE_CHECKING, Any, Callable, Iterable, Optional, TypeVar

from tidemill.resultiterable import ResultIterable
from tidemill.streaming import _functions
from tidemill.streaming._calling import milliseconds_of
from tidemill.streaming._dstream.elements import ElementOperators
from tidemill.streaming._dstream.pairs import PairOperators
from tidemill.streaming._dstream.base import T_co
from tidemill.streaming._operations import NextWindow

if TYPE_CHECKING:
    from tidemill.streaming.dstream import DStream

K = TypeVar("K")
V = TypeVar("V")
T = TypeVar("T")
# What values are merged to: checkers may know a value as `Literal[1]` where the sum is an `int`.
W = TypeVar("W")


class WindowOperators(PairOperators[T_co], ElementOperators[T_co]):
    """Windows. All durations are seconds, and multiples of the stream's slide.

    The window of a batch at T has what arrived in (T - window, T]; the first ones are partial. Windows with an inverse function
    need a checkpoint directory. They follow from the window before if they are at least five slides long; shorter ones are
    made anew each time (behaviour 10.4).
    """

    def window(self, windowDuration: float, slideDuration: Optional[float] = None) -> DStream[T_co]:
        """The records of the last `windowDuration` seconds, every `slideDuration` seconds: `DStream.window`.

        Parameters
        ----------
        windowDuration : number
            how long a window is
        slideDuration : number, optional
            the time from one window to the next; that of this stream where it is not given

        Raises
        ------
        ValueError
            where a duration is no multiple of this stream's slide

        Examples
        --------
        >>> from tidemill.testing import check
        >>> check([[1], [2], [3]], lambda numbers: numbers.window(2), [[1], [1, 2], [2, 3]])
        """
        self._validate_window_param(windowDuration, slideDuration)
        slide_ms = self._jdstream.slide_ms if slideDuration is None else milliseconds_of(slideDuration)
        return self._ssc._windowed(self, milliseconds_of(windowDuration), slide_ms)

    def reduceByWindow(
        self: WindowOperators[T],
        reduceFunc: Callable[[T, T], T],
        invReduceFunc: Optional[Callable[[T, T], T]],
        windowDuration: float,
        slideDuration: float,
    ) -> DStream[T]:
        """Makes one record of all records of a window: `DStream.reduceByWindow`.

        Parameters
        ----------
        reduceFunc : callable
            `f(a, b)`, associative
        invReduceFunc : callable or None
            takes what left the window out of its value: `g(f(a, b), a) == b`. Without it each window is made anew.

        Examples
        --------
        >>> from tidemill.testing import check
        >>> check([[1], [2], [3]], lambda numbers: numbers.reduceByWindow(max, None, 2, 1), [[1], [2], [3]])
        """
        keyed = self.map(_functions.with_key_one)
        return keyed.reduceByKeyAndWindow(reduceFunc, invReduceFunc, windowDuration, slideDuration, 1).map(
            _functions.value_of
        )

    def countByWindow(self, windowDuration: float, slideDuration: float) -> DStream[int]:
        """How many records a window has: `DStream.countByWindow`.

        Examples
        --------
        >>> from tidemill.testing import check
        >>> check([[1, 2], [3], []], lambda numbers: numbers.countByWindow(2, 1), [[2], [3], [1]])
        """
        ones: DStream[int] = self.map(_functions.one)
        return ones.reduceByWindow(operator.add, operator.sub, windowDuration, slideDuration)

    def countByValueAndWindow(
        self: WindowOperators[T], windowDuration: float, slideDuration: float, numPartitions: Optional[int] = None
    ) -> DStream[tuple[T, int]]:
        """How often each value is in a window: `DStream.countByValueAndWindow`.

        Examples
        --------
        >>> from tidemill.testing import check
        >>> counts = [[("a", 1)], [("a", 2)], [("a", 1)]]
        >>> check([["a"], ["a"], []], lambda letters: letters.countByValueAndWindow(2, 1), counts)
        """
        counted: DStream[Any] = self.map(_functions.with_one).reduceByKeyAndWindow(
            operator.add, operator.sub, windowDuration, slideDuration, numPartitions
        )
        return counted.filter(_functions.has_count)

    def groupByKeyAndWindow(
        self: WindowOperators[tuple[K, V]],
        windowDuration: float,
        slideDuration: float,
        numPartitions: Optional[int] = None,
    ) -> DStream[tuple[K, Iterable[V]]]:
        """All values that a key has in a window, from old to new, as a `ResultIterable`: `DStream.groupByKeyAndWindow`.

        Of a key whose values have all left an empty list stays, where windows are at least five slides long.

        Examples
        --------
        >>> from tidemill.testing import check
        >>> def grouped(pairs):
        ...     return pairs.groupByKeyAndWindow(2, 1).mapValues(list)
        >>> check([[("a", 1)], [("a", 2)]], grouped, [[("a", [1])], [("a", [1, 2])]])
        """
        lists: DStream[Any] = self.mapValues(_functions.list_of_one)
        grouped: DStream[Any] = lists.reduceByKeyAndWindow(
            _functions.append_all, _functions.drop_first, windowDuration, slideDuration, numPartitions
        )
        return grouped.mapValues(ResultIterable)

    def reduceByKeyAndWindow(
        self: WindowOperators[tuple[K, V]],
        func: Callable[[V, V], W],
        invFunc: Optional[Callable[[W, W], W]],
        windowDuration: float,
        slideDuration: Optional[float] = None,
        numPartitions: Optional[int] = None,
        filterFunc: Optional[Callable[[tuple[K, W]], bool]] = None,
    ) -> DStream[tuple[K, W]]:
        """Makes one value of all values that a key has in a window: `DStream.reduceByKeyAndWindow`.

        Parameters
        ----------
        func : callable
            `f(a, b)`, associative and commutative
        invFunc : callable or None
            takes what left the window out of its value: `g(f(a, b), b) == a`. Without it each window is made anew, and
            `filterFunc` is ignored (behaviour 10.4).
        windowDuration, slideDuration : number
            seconds
        numPartitions : int, optional
            `sc.defaultParallelism` where it is not given
        filterFunc : callable, optional
            drops the pairs for which it is false: without it keys stay whose values have all left

        Examples
        --------
        >>> from tidemill.testing import check
        >>> def sums(pairs):
        ...     return pairs.reduceByKeyAndWindow(lambda a, b: a + b, lambda a, b: a - b, 2, 1)
        >>> check([[("a", 1)], [("a", 2)], [("a", 3)]], sums, [[("a", 1)], [("a", 3)], [("a", 5)]])
        """
        self._validate_window_param(windowDuration, slideDuration)
        partitions = self._partitions(numPartitions)
        reduced = self.reduceByKey(func, partitions)
        if not invFunc:
            merge: Callable[[Any, Any], W] = func
            return reduced.window(windowDuration, slideDuration).reduceByKey(merge, partitions)
        next_window = NextWindow(func, partial(_functions.without, invFunc), partitions, filterFunc or None)
        slide_ms = self._jdstream.slide_ms if slideDuration is None else milliseconds_of(slideDuration)
        return self._ssc._folded(
            "reduceByKeyAndWindow", reduced, slide_ms, milliseconds_of(windowDuration), next_window
        )

    def _validate_window_param(self, window: float, slide: Optional[float]) -> None:
        duration = self._jdstream.slide_ms
        if milliseconds_of(window) % duration != 0:
            raise ValueError(
                "windowDuration must be multiple of the parent dstream's slide (batch) duration (%d ms)" % duration
            )
        if slide and milliseconds_of(slide) % duration != 0:
            raise ValueError(
                "slideDuration must be multiple of the parent dstream's slide (batch) duration (%d ms)" % duration
            )
