"""Operators that go through an RDD record by record or partition by partition."""

from __future__ import annotations

import warnings
from typing import TYPE_CHECKING, Any, Callable, Iterable, Optional, TypeVar, overload

from tidemill._rdd.base import BaseMixin
from tidemill.worker import partitions, records

if TYPE_CHECKING:
    from tidemill.rdd import RDD

T = TypeVar("T")
U = TypeVar("U")
K = TypeVar("K")
V = TypeVar("V")
T1 = TypeVar("T1")
T2 = TypeVar("T2")


class _Unknown:
    """The type of nothing: only a function of which a checker knows no more than Any is taken to return it."""


class ElementsMixin(BaseMixin[T]):
    """`map` and its like."""

    # For type checkers. Pairs stand apart so that `lambda word: (word, 1)` is (str, int) and not (str, Literal[1]); and
    # before them what a checker knows nothing about, or it would be taken for a pair.
    @overload
    def map(self, f: Callable[[T], _Unknown], preservesPartitioning: bool = False) -> RDD[Any]: ...

    @overload
    def map(self, f: Callable[[T], tuple[K, _Unknown]], preservesPartitioning: bool = False) -> RDD[tuple[K, Any]]: ...

    @overload
    def map(
        self, f: Callable[[T], tuple[K, tuple[V, U]]], preservesPartitioning: bool = False
    ) -> RDD[tuple[K, tuple[V, U]]]: ...

    @overload
    def map(self, f: Callable[[T], tuple[K, V]], preservesPartitioning: bool = False) -> RDD[tuple[K, V]]: ...

    @overload
    def map(self, f: Callable[[T], U], preservesPartitioning: bool = False) -> RDD[U]: ...

    def map(self, f: Callable[[T], Any], preservesPartitioning: bool = False) -> RDD[Any]:
        """What `f` gives for each record; PySpark's `RDD.map`.

        `preservesPartitioning` says that keys stay what they are, so that a later shuffle by key may be spared. None is
        a record like any other. A StopIteration out of `f` fails the job.

        >>> sc.parallelize([1, 2, 3]).map(lambda x: x * 10).collect()
        [10, 20, 30]
        """
        return self._with("map", f, preservesPartitioning)

    def flatMap(self, f: Callable[[T], Iterable[U]], preservesPartitioning: bool = False) -> RDD[U]:
        """All records of the iterables that `f` gives, in order; PySpark's `RDD.flatMap`.

        What `f` returns is drawn lazily, so a generator need not end if only a few records are taken.

        >>> sc.parallelize(["a b", "c"]).flatMap(str.split).collect()
        ['a', 'b', 'c']
        """
        return self._with("flatMap", f, preservesPartitioning)

    def filter(self, f: Callable[[T], bool]) -> RDD[T]:
        """The records for which `f` gives something true; PySpark's `RDD.filter`. Partitions and layout stay.

        >>> sc.parallelize([1, 2, 3, 4]).filter(lambda x: x % 2 == 0).collect()
        [2, 4]
        """
        return self._with("filter", f, True)

    def mapPartitions(self, f: Callable[[Iterable[T]], Iterable[U]], preservesPartitioning: bool = False) -> RDD[U]:
        """What `f` makes of each partition, which it gets as an iterator; PySpark's `RDD.mapPartitions`.

        Records are drawn as `f` asks for them. It may return any iterable.

        >>> sc.parallelize([1, 2, 3, 4], 2).mapPartitions(lambda records: [sum(records)]).collect()
        [3, 7]
        """
        return self._with("mapPartitions", f, preservesPartitioning)

    def mapPartitionsWithIndex(
        self, f: Callable[[int, Iterable[T]], Iterable[U]], preservesPartitioning: bool = False
    ) -> RDD[U]:
        """What `f` makes of each partition's number and records; PySpark's `RDD.mapPartitionsWithIndex`.

        >>> sc.parallelize("abc", 3).mapPartitionsWithIndex(lambda index, records: [index, *records]).collect()
        [0, 'a', 1, 'b', 2, 'c']
        """
        return self._with("mapPartitionsWithIndex", f, preservesPartitioning)

    def mapPartitionsWithSplit(
        self, f: Callable[[int, Iterable[T]], Iterable[U]], preservesPartitioning: bool = False
    ) -> RDD[U]:
        """An old name of `mapPartitionsWithIndex`; PySpark's `RDD.mapPartitionsWithSplit`. Warns with FutureWarning.

        >>> import warnings
        >>> with warnings.catch_warnings():
        ...     warnings.simplefilter("ignore")
        ...     sc.parallelize("ab", 2).mapPartitionsWithSplit(lambda index, records: [index]).collect()
        [0, 1]
        """
        warnings.warn(
            "mapPartitionsWithSplit is deprecated; use mapPartitionsWithIndex instead", FutureWarning, stacklevel=2
        )
        return self.mapPartitionsWithIndex(f, preservesPartitioning)

    def glom(self) -> RDD[list[T]]:
        """One list for each partition, an empty one too; PySpark's `RDD.glom`.

        >>> sc.parallelize([1, 2, 3, 4, 5], 2).glom().collect()
        [[1, 2], [3, 4, 5]]
        """
        return self.mapPartitions(partitions.gathered)

    def keyBy(self, f: Callable[[T], K]) -> RDD[tuple[K, T]]:
        """Pairs of what `f` gives and the record; PySpark's `RDD.keyBy`.

        >>> sc.parallelize(["tide", "mill"]).keyBy(len).collect()
        [(4, 'tide'), (4, 'mill')]
        """
        return self._with("map", records.Keyed(f))

    def keys(self: ElementsMixin[tuple[K, V]]) -> RDD[K]:
        """The keys of pairs; PySpark's `RDD.keys`.

        >>> sc.parallelize([("a", 1), ("b", 2)]).keys().collect()
        ['a', 'b']
        """
        return self.map(records.key_of)

    def values(self: ElementsMixin[tuple[K, V]]) -> RDD[V]:
        """The values of pairs; PySpark's `RDD.values`.

        >>> sc.parallelize([("a", 1), ("b", 2)]).values().collect()
        [1, 2]
        """
        return self.map(records.value_of)

    @overload
    def mapValues(self: ElementsMixin[tuple[K, V]], f: Callable[[V], _Unknown]) -> RDD[tuple[K, Any]]: ...

    @overload
    def mapValues(
        self: ElementsMixin[tuple[K, V]], f: Callable[[V], tuple[T1, T2]]
    ) -> RDD[tuple[K, tuple[T1, T2]]]: ...

    @overload
    def mapValues(self: ElementsMixin[tuple[K, V]], f: Callable[[V], U]) -> RDD[tuple[K, U]]: ...

    def mapValues(self: ElementsMixin[tuple[K, V]], f: Callable[[V], Any]) -> RDD[tuple[K, Any]]:
        """Pairs whose values went through `f`; PySpark's `RDD.mapValues`. Keys, partitions and layout stay.

        >>> sc.parallelize([("a", 1), ("b", 2)]).mapValues(lambda v: v + 10).collect()
        [('a', 11), ('b', 12)]
        """
        return self._with("mapValues", f, True)

    def flatMapValues(self: ElementsMixin[tuple[K, V]], f: Callable[[V], Iterable[U]]) -> RDD[tuple[K, U]]:
        """A pair for each value that `f` gives; PySpark's `RDD.flatMapValues`. Keys, partitions and layout stay.

        >>> sc.parallelize([("a", "xy"), ("b", "")]).flatMapValues(list).collect()
        [('a', 'x'), ('a', 'y')]
        """
        return self._with("flatMapValues", f, True)

    def pipe(self, command: str, env: Optional[dict[str, str]] = None, checkCode: bool = False) -> RDD[str]:
        """What a command prints that reads the records as lines, line by line; PySpark's `RDD.pipe`.

        `command` is cut into words as a shell would, without running one; it is started once a partition, with the
        environment `env` only. With `checkCode` an exit code that is not 0 fails the job (PIPE_FUNCTION_EXITED).

        >>> sc.parallelize(["1", "2", "3"], 1).pipe("tail -n 2").collect()
        ['2', '3']
        """
        from tidemill.worker.piping import Pipe

        return self.mapPartitions(Pipe(command, env or {}, checkCode))

    def zipWithIndex(self) -> RDD[tuple[T, int]]:
        """Pairs of a record and its position in the whole RDD; PySpark's `RDD.zipWithIndex`.

        With more than one partition a job counts them first.

        >>> sc.parallelize(["a", "b", "c"], 2).zipWithIndex().collect()
        [('a', 0), ('b', 1), ('c', 2)]
        """
        starts = [0]
        if self._base().partitions > 1:
            for count in self._counts()[:-1]:
                starts.append(starts[-1] + count)
        return self.mapPartitionsWithIndex(partitions.WithIndexes(tuple(starts)))

    def zipWithUniqueId(self) -> RDD[tuple[T, int]]:
        """Pairs of a record and a number that no other has, without a job; PySpark's `RDD.zipWithUniqueId`.

        With n partitions the records of partition k get k, k + n, k + 2 * n and so on.

        >>> sc.parallelize(["a", "b", "c"], 2).zipWithUniqueId().collect()
        [('a', 0), ('b', 1), ('c', 3)]
        """
        return self.mapPartitionsWithIndex(partitions.WithUniqueIds(self._base().partitions))

    def withResources(self, profile: Any) -> RDD[T]:
        """Notes the resources that tasks should have, and returns the RDD; PySpark's `RDD.withResources`.

        The engine runs in one process and gives every task the same: the profile is kept, and nothing follows from it.

        >>> from tidemill.resource import ResourceProfile
        >>> profile = ResourceProfile()
        >>> sc.parallelize([1]).withResources(profile).getResourceProfile() is profile
        True
        """
        self.has_resource_profile = True
        self._profile = profile
        return self  # type: ignore[return-value]

    def getResourceProfile(self) -> Optional[Any]:
        """The profile that `withResources` was given, else None; PySpark's `RDD.getResourceProfile`.

        >>> sc.parallelize([1]).getResourceProfile() is None
        True
        """
        return getattr(self, "_profile", None)
