"""Actions: what runs a job and brings something back to the driver."""

from __future__ import annotations

import math
import warnings
from typing import TYPE_CHECKING, Any, Callable, Iterable, Iterator, Optional, TypeVar

from tidemill._call_site import call_site
from tidemill._rdd.elements import ElementsMixin
from tidemill.worker import partitions
from tidemill.worker.formats import decode

if TYPE_CHECKING:
    from tidemill.rdd import RDD

T = TypeVar("T")
U = TypeVar("U")

_NONE = ("none",)
# A round of `take` tries at most so many times the partitions that all rounds before tried.
_TAKE_GROWTH = 4
_OVERESTIMATE = 1.5


class ActionsMixin(ElementsMixin[T]):
    """`collect` and its like. All raise `EngineError` if a task fails, with the worker's traceback in it."""

    def collect(self) -> list[T]:
        """All records, partition after partition; PySpark's `RDD.collect`.

        >>> sc.parallelize([1, 2, 3], 2).collect()
        [1, 2, 3]
        """
        return self._collected()

    def collectWithJobGroup(self, groupId: str, description: str, interruptOnCancel: bool = False) -> list[T]:
        """`collect` in a job group; PySpark's `RDD.collectWithJobGroup`. Warns with FutureWarning: use `setJobGroup`.

        >>> import warnings
        >>> with warnings.catch_warnings():
        ...     warnings.simplefilter("ignore")
        ...     sc.parallelize([1]).collectWithJobGroup("mine", "one number")
        [1]
        """
        warnings.warn("collectWithJobGroup is deprecated; use SparkContext.setJobGroup", FutureWarning, stacklevel=2)
        engine = self.ctx._engine
        before = engine.local_properties()
        self.ctx.setJobGroup(groupId, description, interruptOnCancel)
        try:
            return self._collected()
        finally:
            engine.set_local_properties(before)

    def toLocalIterator(self, prefetchPartitions: bool = False) -> Iterator[T]:
        """The records one by one, with one partition at a time at the driver; PySpark's `RDD.toLocalIterator`.

        A job is run for each partition when the iterator comes to it, or with `prefetchPartitions` one partition ahead.

        >>> list(sc.parallelize([1, 2, 3], 2).toLocalIterator())
        [1, 2, 3]
        """
        return self._iterated(self._ready().iterate(call_site(), prefetchPartitions))

    def _iterated(self, parts: Any) -> Iterator[Any]:
        while True:
            try:
                batches = parts.next_partition()
            finally:
                self.ctx._after_job()
            if batches is None:
                return
            for form, count, payload in batches:
                yield from decode(form, count, payload)

    def count(self) -> int:
        """How many records there are; PySpark's `RDD.count`.

        >>> sc.parallelize([2, 3, 4]).count()
        3
        """
        return sum(self._counts())

    def take(self, num: int) -> list[T]:
        """The first records; PySpark's `RDD.take`.

        One partition is looked at first, then as many as seem to be needed, up to four times as many as before
        (behaviour 3.28). No record is computed beyond those asked for.

        >>> sc.parallelize(range(100), 20).take(3)
        [0, 1, 2]
        """
        taken: list[T] = []
        tried, count = 0, self._base().partitions
        while len(taken) < num and tried < count:
            more = 1
            if tried > 0:
                more = tried * _TAKE_GROWTH
                if taken:
                    likely = int(_OVERESTIMATE * num * tried / len(taken)) - tried
                    more = min(max(likely, 1), more)
            first = self.mapPartitions(partitions.TakeUpTo(num - len(taken)))
            taken += first._collected(range(tried, min(tried + more, count)))
            tried += more
        return taken[:num]

    def first(self) -> T:
        """The first record; ValueError if there is none; PySpark's `RDD.first`.

        >>> sc.parallelize([2, 3, 4]).first()
        2
        """
        for record in self.take(1):
            return record
        raise ValueError("RDD is empty")

    def isEmpty(self) -> bool:
        """Whether there is no record; PySpark's `RDD.isEmpty`. An RDD may have partitions and be empty.

        >>> sc.parallelize([]).isEmpty()
        True
        """
        return self._base().partitions == 0 or not self.take(1)

    def reduce(self, f: Callable[[T, T], T]) -> T:
        """The records brought down to one by an associative function of two; PySpark's `RDD.reduce`.

        ValueError if there is no record.

        >>> sc.parallelize([1, 2, 3, 4, 5]).reduce(lambda a, b: a + b)
        15
        """
        reducer = partitions.Reduce(f)
        result: T
        for result in reducer(self.mapPartitions(reducer)._collected()):
            return result
        raise ValueError("Can not reduce() empty RDD")

    def treeReduce(self, f: Callable[[T, T], T], depth: int = 2) -> T:
        """`reduce` in so many rounds, of which the last alone is at the driver; PySpark's `RDD.treeReduce`.

        ValueError for a depth below 1, and if there is no record.

        >>> sc.parallelize([-5, -4, -3, 2, 1], 10).treeReduce(lambda a, b: a + b, 2)
        -9
        """
        if depth < 1:
            raise ValueError("Depth cannot be smaller than 1 but got %d." % depth)
        merge = partitions.ReduceMaybe(f)
        absent = (None, True)
        value, missing = self.map(partitions.present).treeAggregate(absent, merge, merge, depth)
        if missing:
            raise ValueError("Cannot reduce empty RDD.")
        return value  # type: ignore[return-value]

    def fold(self, zeroValue: T, op: Callable[[T, T], T]) -> T:
        """The records folded into a zero value, which counts once a partition and once more; PySpark's `RDD.fold`.

        `op` may change its first argument and return it.

        >>> sc.parallelize([1, 2, 3, 4, 5]).fold(0, lambda a, b: a + b)
        15
        """
        return self.aggregate(zeroValue, op, op)

    def aggregate(self, zeroValue: U, seqOp: Callable[[U, T], U], combOp: Callable[[U, U], U]) -> U:
        """The records gathered into a zero value of any type; PySpark's `RDD.aggregate`.

        `seqOp` adds a record within a partition, `combOp` puts the results of partitions together. The zero counts once
        a partition and once more at the driver.

        >>> sc.parallelize("abc").aggregate(0, lambda size, word: size + len(word), lambda one, other: one + other)
        3
        """
        parts = self.mapPartitions(partitions.Fold(zeroValue, seqOp))._collected()
        result: U
        (result,) = partitions.Fold(zeroValue, combOp)(parts)
        return result

    def treeAggregate(self, zeroValue: U, seqOp: Callable[[U, T], U], combOp: Callable[[U, U], U], depth: int = 2) -> U:
        """`aggregate` in so many rounds, of which the last alone is at the driver; PySpark's `RDD.treeAggregate`.

        The zero counts once a partition. ValueError for a depth below 1.

        >>> sc.parallelize([-5, -4, -3, 2, 1], 10).treeAggregate(0, lambda a, b: a + b, lambda a, b: a + b)
        -9
        """
        if depth < 1:
            raise ValueError("Depth cannot be smaller than 1 but got %d." % depth)
        count: float = self._base().partitions
        if count == 0:
            return zeroValue
        parts: RDD[U] = self.mapPartitions(partitions.Fold(zeroValue, seqOp))
        scale = max(math.ceil(pow(count, 1.0 / depth)), 2)
        # A round that would not leave clearly fewer results is not worth a shuffle.
        while count > scale + count / scale:
            count /= scale
            groups = int(count)
            keyed = parts.mapPartitionsWithIndex(partitions.ByPartition(groups))
            parts = keyed.reduceByKey(combOp, groups).values()
        return parts.reduce(combOp)

    def max(self, key: Optional[Callable[[T], Any]] = None) -> T:
        """The largest record, by what `key` gives; PySpark's `RDD.max`. ValueError if there is none.

        >>> sc.parallelize([1.0, 5.0, 43.0, 10.0]).max()
        43.0
        >>> sc.parallelize([1.0, 5.0, 43.0, 10.0]).max(key=str)
        5.0
        """
        larger: Any = max if key is None else partitions.Better(max, key)
        return self.reduce(larger)

    def min(self, key: Optional[Callable[[T], Any]] = None) -> T:
        """The smallest record, by what `key` gives; PySpark's `RDD.min`. ValueError if there is none.

        >>> sc.parallelize([2.0, 5.0, 43.0, 10.0]).min()
        2.0
        """
        smaller: Any = min if key is None else partitions.Better(min, key)
        return self.reduce(smaller)

    def top(self, num: int, key: Optional[Callable[[T], Any]] = None) -> list[T]:
        """The largest records, the largest first; PySpark's `RDD.top`. ValueError for an RDD without partitions.

        >>> sc.parallelize([10, 4, 2, 12, 3]).top(2)
        [12, 10]
        """
        largest = partitions.Largest(num, key)
        return self.mapPartitions(largest).reduce(largest.merged)

    def takeOrdered(self, num: int, key: Optional[Callable[[T], Any]] = None) -> list[T]:
        """The smallest records, the smallest first; PySpark's `RDD.takeOrdered`. ValueError for a negative number.

        >>> sc.parallelize([10, 1, 2, 9, 3]).takeOrdered(3)
        [1, 2, 3]
        """
        if num < 0:
            raise ValueError("top N cannot be negative.")
        if num == 0 or self._base().partitions == 0:
            return []
        smallest = partitions.Smallest(num, key)
        return self.mapPartitions(smallest).reduce(smallest.merged)

    def countByValue(self) -> dict[T, int]:
        """How often each record comes; PySpark's `RDD.countByValue`.

        >>> sorted(sc.parallelize([1, 2, 1, 2, 2], 2).countByValue().items())
        [(1, 2), (2, 3)]
        """
        return self.mapPartitions(partitions.counted_by_value).reduce(partitions.merged_counts)

    def foreach(self, f: Callable[[T], None]) -> None:
        """Calls `f` with each record, in the tasks; PySpark's `RDD.foreach`.

        >>> seen = sc.accumulator(0)
        >>> sc.parallelize([1, 2, 3]).foreach(lambda x: seen.add(x))
        >>> seen.value
        6
        """
        child = self.map(f)
        child._run(child._ready(_NONE))

    def foreachPartition(self, f: Callable[[Iterable[T]], None]) -> None:
        """Calls `f` with an iterator over each partition, in the tasks; PySpark's `RDD.foreachPartition`.

        >>> seen = sc.accumulator(0)
        >>> sc.parallelize([1, 2, 3], 2).foreachPartition(lambda records: seen.add(sum(records)))
        >>> seen.value
        6
        """
        child = self.mapPartitions(partitions.ForEachPartition(f))
        child._run(child._ready(_NONE))
