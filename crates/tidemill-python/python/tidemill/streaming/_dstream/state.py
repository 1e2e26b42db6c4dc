"""State: what is known of each key, from batch to batch."""
from __future__ import annotations

from typing import TYPE_CHECKING, Callable, Iterable, Optional, TypeVar, Union

from tidemill.rdd import RDD
from tidemill.streaming._dstream.pairs import PairOperators
from tidemill.streaming._dstream.base import T_co

if TYPE_CHECKING:
    from tidemill.streaming.dstream import DStream

K = TypeVar("K")
V = TypeVar("V")
S = TypeVar("S")


class StateOperators(PairOperators[T_co]):
    """Operators that remember."""

    def updateStateByKey(
        self: StateOperators[tuple[K, V]],
        updateFunc: Callable[[list[V], Optional[S]], Optional[S]],
        numPartitions: Optional[int] = None,
        initialRDD: Union[RDD[tuple[K, S]], Iterable[tuple[K, S]], None] = None,
    ) -> DStream[tuple[K, S]]:
        """A state for each key, which every batch updates: `DStream.updateStateByKey`. It needs a checkpoint directory.

        States stay in workers, as far as `spark.python.worker.memory` lets them, and in the driver, pickled. Of these those
        that `tidemill.memory.state.limit` has no room for are on disk.

        Parameters
        ----------
        updateFunc : callable
            `f(new values, state or None)`, called in every batch for every key that is known or new; `None` drops the key.
            In a batch for which this stream has no RDD it is not called (behaviour 10.5).
        numPartitions : int, optional
            `sc.defaultParallelism` where it is not given
        initialRDD : RDD or iterable, optional
            the states to begin with, as pairs; the function is called for them in the first batch

        Examples
        --------
        >>> from tidemill.testing import check
        >>> def sums(pairs):
        ...     return pairs.updateStateByKey(lambda new, last: sum(new) + (last or 0), 1)
        >>> check([[("a", 1)], [("b", 2)]], sums, [[("a", 1)], [("a", 1), ("b", 2)]])
        """
        if initialRDD and not isinstance(initialRDD, RDD):
            initialRDD = self._sc.parallelize(initialRDD)
        first = initialRDD if isinstance(initialRDD, RDD) else None
        return self._ssc._stateful(self, updateFunc, self._partitions(numPartitions), first)
