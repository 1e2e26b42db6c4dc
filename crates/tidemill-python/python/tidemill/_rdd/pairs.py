"""Operators on RDDs of pairs that bring equal keys together."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Callable, Iterable, Optional, TypeVar

from tidemill._call_site import call_site
from tidemill._rdd.actions import ActionsMixin
from tidemill._rdd.partitioner import Partitioner
from tidemill.resultiterable import ResultIterable
from tidemill.worker import partitions, records
from tidemill.worker.hashing import portable_hash

if TYPE_CHECKING:
    from tidemill.rdd import RDD

T = TypeVar("T")
K = TypeVar("K")
V = TypeVar("V")
U = TypeVar("U")
# What values are merged to: checkers may know a value as `Literal[1]` where the sum is an `int`.
W = TypeVar("W")


class PairsMixin(ActionsMixin[T]):
    """`reduceByKey` and its like.

    Keys come in first-seen order inside a partition (behaviour 3.22). `numPartitions` None means as many partitions as
    before, or `spark.default.parallelism` where that is set.
    """

    def partitionBy(
        self: PairsMixin[tuple[K, V]],
        numPartitions: Optional[int],
        partitionFunc: Callable[[K], int] = portable_hash,
    ) -> RDD[tuple[K, V]]:
        """The pairs in the partitions of their keys, `partitionFunc(key) % numPartitions`; PySpark's `RDD.partitionBy`.

        An RDD that lies by an equal partitioner already is returned as it is.

        >>> sc.parallelize([(1, "a"), (2, "b"), (3, "c")]).partitionBy(2).glom().collect()
        [[(2, 'b')], [(1, 'a'), (3, 'c')]]
        """
        partitioner = self._partitioner_of(numPartitions, partitionFunc)
        if self.partitioner == partitioner:
            return self  # type: ignore[return-value]
        return self._exchanged(("buckets", partitioner.numPartitions, partitionFunc), partitioner)

    def combineByKey(
        self: PairsMixin[tuple[K, V]],
        createCombiner: Callable[[V], U],
        mergeValue: Callable[[U, V], U],
        mergeCombiners: Callable[[U, U], U],
        numPartitions: Optional[int] = None,
        partitionFunc: Callable[[K], int] = portable_hash,
    ) -> RDD[tuple[K, U]]:
        """The values of each key combined; PySpark's `RDD.combineByKey`.

        `createCombiner` makes a combiner of a key's first value in a partition, `mergeValue` adds another value, and
        `mergeCombiners` puts the combiners of two partitions together. Values are combined before the shuffle too.

        >>> pairs = sc.parallelize([("a", 1), ("b", 5), ("a", 2)], 1)
        >>> sorted(pairs.combineByKey(lambda v: [v], lambda c, v: c + [v], lambda c, d: c + d).collect())
        [('a', [1, 2]), ('b', [5])]
        """
        return self._combined(createCombiner, mergeValue, mergeCombiners, numPartitions, partitionFunc)

    def reduceByKey(
        self: PairsMixin[tuple[K, V]],
        func: Callable[[V, V], W],
        numPartitions: Optional[int] = None,
        partitionFunc: Callable[[K], int] = portable_hash,
    ) -> RDD[tuple[K, W]]:
        """The values of each key reduced by an associative function of two; PySpark's `RDD.reduceByKey`.

        >>> words = sc.parallelize(["tide", "mill", "tide"]).map(lambda word: (word, 1))
        >>> sorted(words.reduceByKey(lambda a, b: a + b).collect())
        [('mill', 1), ('tide', 2)]
        """
        return self._combined(None, func, func, numPartitions, partitionFunc)

    def foldByKey(
        self: PairsMixin[tuple[K, V]],
        zeroValue: W,
        func: Callable[[W, W], W],
        numPartitions: Optional[int] = None,
        partitionFunc: Callable[[K], int] = portable_hash,
    ) -> RDD[tuple[K, W]]:
        """The values of each key folded into a zero value, which is added once a partition; PySpark's `RDD.foldByKey`.

        Each key gets a copy of the zero.

        >>> sorted(sc.parallelize([("a", 1), ("a", 2)], 1).foldByKey(0, lambda x, y: x + y).collect())
        [('a', 3)]
        """
        return self._combined(records.FromZero(zeroValue, func), func, func, numPartitions, partitionFunc)

    def aggregateByKey(
        self: PairsMixin[tuple[K, V]],
        zeroValue: U,
        seqFunc: Callable[[U, V], U],
        combFunc: Callable[[U, U], U],
        numPartitions: Optional[int] = None,
        partitionFunc: Callable[[K], int] = portable_hash,
    ) -> RDD[tuple[K, U]]:
        """The values of each key gathered into a zero value of any type; PySpark's `RDD.aggregateByKey`.

        `seqFunc` adds a value within a partition, `combFunc` puts the results of partitions together.

        >>> pairs = sc.parallelize([("a", 1), ("a", 2)], 1)
        >>> pairs.aggregateByKey([], lambda values, v: values + [v], lambda one, other: one + other).collect()
        [('a', [1, 2])]
        """
        return self._combined(records.FromZero(zeroValue, seqFunc), seqFunc, combFunc, numPartitions, partitionFunc)

    def groupByKey(
        self: PairsMixin[tuple[K, V]],
        numPartitions: Optional[int] = None,
        partitionFunc: Callable[[K], int] = portable_hash,
    ) -> RDD[tuple[K, Iterable[V]]]:
        """All values of each key together, as a ResultIterable; PySpark's `RDD.groupByKey`.

        Where the values are reduced afterwards, `reduceByKey` sends less.

        >>> groups = sc.parallelize([("a", 1), ("b", 2), ("a", 3)], 1).groupByKey().collect()
        >>> sorted((key, list(values)) for key, values in groups)
        [('a', [1, 3]), ('b', [2])]
        """
        partitioner = self._partitioner_of(numPartitions, partitionFunc)
        if self.partitioner == partitioner:
            grouped = self._with("group", None, True)
        else:
            sink = ("groups", partitioner.numPartitions, partitionFunc)
            grouped = self._exchanged(sink, partitioner, (("mergeGroups", None, call_site()),))
        return grouped.mapValues(ResultIterable)

    def reduceByKeyLocally(self: PairsMixin[tuple[K, V]], func: Callable[[V, V], W]) -> dict[K, W]:
        """The values of each key reduced, as a dict at the driver; PySpark's `RDD.reduceByKeyLocally`. An action.

        >>> sorted(sc.parallelize([("a", 1), ("a", 2), ("b", 3)]).reduceByKeyLocally(lambda x, y: x + y).items())
        [('a', 3), ('b', 3)]
        """
        reducer = partitions.ReduceByKey(func)
        parts = self.mapPartitions(reducer)._collected()
        if not parts:
            raise ValueError("Can not reduce() empty RDD")
        (result,) = reducer(pair for part in parts for pair in part.items())
        return result

    def countByKey(self: PairsMixin[tuple[K, V]]) -> dict[K, int]:
        """How many pairs each key has; PySpark's `RDD.countByKey`. An action.

        >>> sorted(sc.parallelize([("a", 1), ("b", 1), ("a", 1)]).countByKey().items())
        [('a', 2), ('b', 1)]
        """
        return self.keys().countByValue()

    def collectAsMap(self: PairsMixin[tuple[K, V]]) -> dict[K, V]:
        """The pairs as a dict, with the last value of each key; PySpark's `RDD.collectAsMap`. An action.

        >>> sc.parallelize([(1, "a"), (2, "b")]).collectAsMap()
        {1: 'a', 2: 'b'}
        """
        return dict(self.collect())

    def lookup(self: PairsMixin[tuple[K, V]], key: K) -> list[V]:
        """The values of one key; PySpark's `RDD.lookup`. An action.

        An RDD that lies by a partitioner is looked up in the key's partition only.

        >>> sc.parallelize([("a", 1), ("b", 2), ("a", 3)]).lookup("a")
        [1, 3]
        """
        values = self.filter(records.HasKey(key)).values()
        return values._collected(None if self.partitioner is None else [self.partitioner(key)])

    def _combined(
        self,
        create: Optional[Callable[[Any], Any]],
        merge_value: Callable[[Any, Any], Any],
        merge_combiners: Callable[[Any, Any], Any],
        count: Optional[int],
        function: Callable[[Any], int],
    ) -> RDD[Any]:
        """`combineByKey`, where no `create` means that a first value is its own combiner."""
        partitioner = self._partitioner_of(count, function)
        if self.partitioner != partitioner:
            sink = ("combine", create, merge_value, merge_combiners, partitioner.numPartitions, function)
            return self._exchanged(sink, partitioner, (("mergeCombiners", merge_combiners, call_site()),))
        # All values of a key are in its partition already.
        if create is None:
            return self._with("mergeCombiners", merge_value, True)
        return self._with("mapPartitions", partitions.CombineLocally(create, merge_value, merge_combiners), True)

    def _partitioner_of(self, count: Optional[int], function: Callable[[Any], int]) -> Partitioner:
        return Partitioner(self._defaultReducePartitions() if count is None else count, function)

    def _defaultReducePartitions(self) -> int:
        """How many partitions a shuffle has where a program does not say."""
        if self.ctx._conf.contains("spark.default.parallelism"):
            return self.ctx.defaultParallelism
        return self._base().partitions
