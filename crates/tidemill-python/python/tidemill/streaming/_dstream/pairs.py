"""What is done with pairs of a key and a value, batch by batch."""
from __future__ import annotations

from typing import TYPE_CHECKING, Any, Callable, Iterable, Optional, TypeVar

from tidemill.rdd import portable_hash
from tidemill.streaming._dstream.base import DStreamBase, T_co
from tidemill.streaming._operations import Called, CalledWith

if TYPE_CHECKING:
    from tidemill.resultiterable import ResultIterable
    from tidemill.streaming.dstream import DStream

K = TypeVar("K")
V = TypeVar("V")
U = TypeVar("U")
# What values are merged to: checkers may know a value as `Literal[1]` where the sum is an `int`.
W = TypeVar("W")


class PairOperators(DStreamBase[T_co]):
    """Operators on pairs. Without `numPartitions` results have as many partitions as `sc.defaultParallelism` says; keys lie
    where `portable_hash` says, and come out in the order in which they were first seen (behaviour 3.22)."""

    def _partitions(self, asked: Optional[int]) -> int:
        return self._sc.defaultParallelism if asked is None else asked

    def reduceByKey(
        self: PairOperators[tuple[K, V]], func: Callable[[V, V], W], numPartitions: Optional[int] = None
    ) -> DStream[tuple[K, W]]:
        """Makes one value of all values of a key: `DStream.reduceByKey`.

        Examples
        --------
        >>> from tidemill.testing import check
        >>> check([[("a", 1), ("b", 2), ("a", 3)]], lambda pairs: pairs.reduceByKey(max, 1), [[("a", 3), ("b", 2)]])
        """
        return self._derived("reduceByKey", Called("reduceByKey", (func, self._partitions(numPartitions))))

    def combineByKey(
        self: PairOperators[tuple[K, V]],
        createCombiner: Callable[[V], U],
        mergeValue: Callable[[U, V], U],
        mergeCombiners: Callable[[U, U], U],
        numPartitions: Optional[int] = None,
    ) -> DStream[tuple[K, U]]:
        """Combines the values of each key: the first by `createCombiner`, further ones by `mergeValue`, and what partitions
        have made of theirs by `mergeCombiners`: `DStream.combineByKey`.

        Examples
        --------
        >>> from tidemill.testing import check
        >>> def joined(pairs):
        ...     return pairs.combineByKey(str, lambda text, x: text + str(x), lambda one, two: one + two, 1)
        >>> check([[("a", 1), ("a", 2)]], joined, [[("a", "12")]])
        """
        functions = (createCombiner, mergeValue, mergeCombiners)
        return self._derived("combineByKey", Called("combineByKey", (*functions, self._partitions(numPartitions))))

    def partitionBy(
        self: PairOperators[tuple[K, V]], numPartitions: int, partitionFunc: Callable[[K], int] = portable_hash
    ) -> DStream[tuple[K, V]]:
        """Brings each pair to the partition `partitionFunc(key) % numPartitions`: `DStream.partitionBy`.

        Examples
        --------
        >>> from tidemill.testing import check
        >>> check([[(0, "a"), (1, "b")]], lambda pairs: pairs.partitionBy(2).glom(), [[[(0, "a")], [(1, "b")]]])
        """
        return self._derived("partitionBy", Called("partitionBy", (numPartitions, partitionFunc)))

    def mapValues(self: PairOperators[tuple[K, V]], f: Callable[[V], U]) -> DStream[tuple[K, U]]:
        """Makes of each value another one and leaves the keys alone: `DStream.mapValues`.

        Examples
        --------
        >>> from tidemill.testing import check
        >>> check([[("a", 1)]], lambda pairs: pairs.mapValues(lambda x: x + 1), [[("a", 2)]])
        """
        return self._derived("mapValues", Called("mapValues", (f,)))

    def flatMapValues(self: PairOperators[tuple[K, V]], f: Callable[[V], Iterable[U]]) -> DStream[tuple[K, U]]:
        """Makes of each value any number of others under the same key: `DStream.flatMapValues`.

        Examples
        --------
        >>> from tidemill.testing import check
        >>> check([[("a", 2)]], lambda pairs: pairs.flatMapValues(range), [[("a", 0), ("a", 1)]])
        """
        return self._derived("flatMapValues", Called("flatMapValues", (f,)))

    def groupByKey(
        self: PairOperators[tuple[K, V]], numPartitions: Optional[int] = None
    ) -> DStream[tuple[K, Iterable[V]]]:
        """All values of each key, as a `ResultIterable`: `DStream.groupByKey`.

        Examples
        --------
        >>> from tidemill.testing import check
        >>> check([[("a", 1), ("a", 2)]], lambda pairs: pairs.groupByKey().mapValues(list), [[("a", [1, 2])]])
        """
        return self._derived("groupByKey", Called("groupByKey", (self._partitions(numPartitions),)))

    def cogroup(
        self: PairOperators[tuple[K, V]], other: DStreamBase[tuple[K, U]], numPartitions: Optional[int] = None
    ) -> DStream[tuple[K, tuple[ResultIterable[V], ResultIterable[U]]]]:
        """All values of each key on this side, and all on the other one: `DStream.cogroup`.

        Examples
        --------
        >>> from tidemill.testing import check
        >>> def both(pairs):
        ...     sides = pairs.cogroup(pairs.mapValues(lambda x: -x))
        ...     return sides.mapValues(lambda values: [list(side) for side in values])
        >>> check([[("a", 1), ("a", 2)]], both, [[("a", [[1, 2], [-1, -2]])]])
        """
        return self._combined("cogroup", other, numPartitions)

    def join(
        self: PairOperators[tuple[K, V]], other: DStreamBase[tuple[K, U]], numPartitions: Optional[int] = None
    ) -> DStream[tuple[K, tuple[V, U]]]:
        """Each value of a key beside each one that the other stream has for it in the same batch: `DStream.join`.

        Examples
        --------
        >>> from tidemill.testing import check
        >>> check([[("a", 1)]], lambda pairs: pairs.join(pairs.mapValues(str)), [[("a", (1, "1"))]])
        """
        return self._combined("join", other, numPartitions)

    def leftOuterJoin(
        self: PairOperators[tuple[K, V]], other: DStreamBase[tuple[K, U]], numPartitions: Optional[int] = None
    ) -> DStream[tuple[K, tuple[V, Optional[U]]]]:
        """As `join`, and `None` where the other stream has nothing for a key: `DStream.leftOuterJoin`.

        Examples
        --------
        >>> from tidemill.testing import check
        >>> check([[("a", 1)]], lambda pairs: pairs.leftOuterJoin(pairs.filter(lambda p: False)), [[("a", (1, None))]])
        """
        return self._combined("leftOuterJoin", other, numPartitions)

    def rightOuterJoin(
        self: PairOperators[tuple[K, V]], other: DStreamBase[tuple[K, U]], numPartitions: Optional[int] = None
    ) -> DStream[tuple[K, tuple[Optional[V], U]]]:
        """As `join`, and `None` where this stream has nothing for a key: `DStream.rightOuterJoin`.

        Examples
        --------
        >>> from tidemill.testing import check
        >>> check([[("a", 1)]], lambda pairs: pairs.filter(lambda p: False).rightOuterJoin(pairs), [[("a", (None, 1))]])
        """
        return self._combined("rightOuterJoin", other, numPartitions)

    def fullOuterJoin(
        self: PairOperators[tuple[K, V]], other: DStreamBase[tuple[K, U]], numPartitions: Optional[int] = None
    ) -> DStream[tuple[K, tuple[Optional[V], Optional[U]]]]:
        """As `join`, and `None` on the side that has nothing for a key: `DStream.fullOuterJoin`.

        Examples
        --------
        >>> from tidemill.testing import check
        >>> def both(pairs):
        ...     return pairs.fullOuterJoin(pairs.map(lambda pair: ("b", pair[1])))
        >>> check([[("a", 1)]], both, [[("a", (1, None)), ("b", (None, 1))]], sort=True)
        """
        return self._combined("fullOuterJoin", other, numPartitions)

    def _combined(self, name: str, other: DStreamBase[Any], asked: Optional[int]) -> DStream[Any]:
        """The operator of that name on the RDDs of both streams."""
        return self._with(name, CalledWith(name, (self._partitions(asked),)), other)
