"""What is done with each record, or with all records of a batch."""
from __future__ import annotations

import operator
from typing import TYPE_CHECKING, Any, Callable, Iterable, TypeVar, Union

from tidemill.streaming import _functions
from tidemill.streaming._dstream.base import DStreamBase, T_co
from tidemill.streaming._operations import Called, CalledWith, CountedByValue, Reduced

if TYPE_CHECKING:
    from tidemill.streaming.dstream import DStream

T = TypeVar("T")
K = TypeVar("K")
U = TypeVar("U")


class ElementOperators(DStreamBase[T_co]):
    """Operators on records that need no keys."""

    def map(self, f: Callable[[T_co], U], preservesPartitioning: bool = False) -> DStream[U]:
        """Makes of each record another one: `DStream.map`. A result of `None` is a record too.

        Examples
        --------
        >>> from tidemill.testing import check
        >>> check([[1, 2], [3]], lambda numbers: numbers.map(lambda x: x * 10), [[10, 20], [30]])
        """
        return self._derived("map", Called("map", (f, preservesPartitioning)))

    def filter(self, f: Callable[[T_co], Any]) -> DStream[T_co]:
        """Keeps the records for which `f` is true: `DStream.filter`.

        Examples
        --------
        >>> from tidemill.testing import check
        >>> check([[1, 2, 3]], lambda numbers: numbers.filter(lambda x: x % 2), [[1, 3]])
        """
        return self._derived("filter", Called("filter", (f,)))

    def flatMap(self, f: Callable[[T_co], Iterable[U]], preservesPartitioning: bool = False) -> DStream[U]:
        """Makes of each record any number of others: `DStream.flatMap`.

        Examples
        --------
        >>> from tidemill.testing import check
        >>> check([["to be", "or"]], lambda lines: lines.flatMap(lambda line: line.split(" ")), [["to", "be", "or"]])
        """
        return self._derived("flatMap", Called("flatMap", (f, preservesPartitioning)))

    def mapPartitions(
        self, f: Callable[[Iterable[T_co]], Iterable[U]], preservesPartitioning: bool = False
    ) -> DStream[U]:
        """Makes of the records of each partition others: `DStream.mapPartitions`.

        Examples
        --------
        >>> from tidemill.testing import check
        >>> check([[1, 2, 3, 4]], lambda numbers: numbers.mapPartitions(lambda part: [sum(part)]), [[3, 7]])
        """
        return self._derived("mapPartitions", Called("mapPartitions", (f, preservesPartitioning)))

    def mapPartitionsWithIndex(
        self, f: Callable[[int, Iterable[T_co]], Iterable[U]], preservesPartitioning: bool = False
    ) -> DStream[U]:
        """As `mapPartitions`, with the number of the partition before its records: `DStream.mapPartitionsWithIndex`.

        Examples
        --------
        >>> from tidemill.testing import check
        >>> check([[1, 2, 3, 4]], lambda numbers: numbers.mapPartitionsWithIndex(lambda i, part: [i]), [[0, 1]])
        """
        called = Called("mapPartitionsWithIndex", (f, preservesPartitioning))
        return self._derived("mapPartitionsWithIndex", called)

    def glom(self) -> DStream[list[T_co]]:
        """One list for each partition: `DStream.glom`.

        Examples
        --------
        >>> from tidemill.testing import check
        >>> check([[1, 2, 3, 4]], lambda numbers: numbers.glom(), [[[1, 2], [3, 4]]])
        """
        return self._derived("glom", Called("mapPartitions", (_functions.records_as_list,)))

    def count(self) -> DStream[int]:
        """How many records each batch has: `DStream.count`. A batch without partitions has no number (behaviour 1.22).

        Examples
        --------
        >>> from tidemill.testing import check
        >>> check([[1, 2, 3], []], lambda numbers: numbers.count(), [[3], [0]])
        """
        return self._derived("count", Reduced(operator.add, _functions.count_of))

    def reduce(self: ElementOperators[T], func: Callable[[T, T], T]) -> DStream[T]:
        """Makes one record of all records of a batch: `DStream.reduce`. An empty batch stays empty.

        Examples
        --------
        >>> from tidemill.testing import check
        >>> check([[1, 2, 3], []], lambda numbers: numbers.reduce(lambda a, b: a + b), [[6], []])
        """
        return self._derived("reduce", Reduced(func))

    def countByValue(self: ElementOperators[K]) -> DStream[tuple[K, int]]:
        """How often each value is in a batch: `DStream.countByValue`.

        Examples
        --------
        >>> from tidemill.testing import check
        >>> check([["a", "b", "a"]], lambda letters: letters.countByValue(), [[("a", 2), ("b", 1)]], sort=True)
        """
        return self._derived("countByValue", CountedByValue(self._sc.defaultParallelism))

    def repartition(self, numPartitions: int) -> DStream[T_co]:
        """Spreads the records of each batch over so many partitions: `DStream.repartition`.

        Examples
        --------
        >>> from tidemill.testing import check
        >>> check([[1, 2]], lambda numbers: numbers.repartition(1).glom().map(sorted), [[[1, 2]]])
        """
        return self._derived("repartition", Called("repartition", (numPartitions,)))

    def union(self, other: DStreamBase[U]) -> DStream[Union[T_co, U]]:
        """The records of both streams, batch by batch, first those of this one: `DStream.union`.

        Raises
        ------
        ValueError
            where the streams do not have their RDDs at the same times

        Examples
        --------
        >>> from tidemill.testing import check
        >>> check([[1, 2]], lambda numbers: numbers.union(numbers.map(lambda x: x * 10)), [[1, 2, 10, 20]])
        """
        if self._slideDuration != other._slideDuration:
            raise ValueError("the two DStream should have same slide duration")
        return self._with("union", CalledWith("union"), other, True)
