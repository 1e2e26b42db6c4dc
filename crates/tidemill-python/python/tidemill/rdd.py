"""Resilient distributed datasets: records in partitions, and what can be done with them; PySpark's `pyspark.rdd`.

`RDD` is put together from a file for each theme in `tidemill._rdd`. Operators only note what is to be done; actions run
jobs on the engine, which has the functions run in worker processes.
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any, Callable, Generic, Iterable, Optional, TypeVar

from tidemill import _engine
from tidemill._rdd.bounded_float import BoundedFloat
from tidemill._rdd.estimates import EstimatesMixin
from tidemill._rdd.joins import JoinsMixin
from tidemill._rdd.keeping import KeepingMixin
from tidemill._rdd.numbers import NumbersMixin
from tidemill._rdd.output import OutputMixin
from tidemill._rdd.partitioner import Partitioner
from tidemill._rdd.shape import ShapeMixin
from tidemill.worker import hashing
from tidemill.worker.hashing import portable_hash

if TYPE_CHECKING:
    from tidemill.context import SparkContext

__all__ = ["BoundedFloat", "Partitioner", "PipelinedRDD", "RDD", "RDDBarrier", "portable_hash"]

T = TypeVar("T")
U = TypeVar("U")

# This process may hash strings by a random seed; keys must lie as in workers.
hashing.use_native(_engine.portable_hash)


class RDD(
    ShapeMixin[T],
    JoinsMixin[T],
    NumbersMixin[T],
    EstimatesMixin[T],
    OutputMixin[T],
    KeepingMixin[T],
):
    """Records in partitions that tasks work on side by side; PySpark's `RDD`.

    A context makes them (`parallelize`, `textFile`), operators make others of them, actions bring results back. An RDD
    is not computed before an action needs it, and again for each action unless it is kept.

    >>> lines = sc.parallelize(["to be or", "not to be"], 2)
    >>> counts = lines.flatMap(str.split).map(lambda word: (word, 1)).reduceByKey(lambda a, b: a + b)
    >>> sorted(counts.collect())
    [('be', 2), ('not', 1), ('or', 1), ('to', 2)]
    """

    def __init__(
        self,
        jrdd: _engine.Rdd,
        ctx: SparkContext,
        jrdd_deserializer: Any = None,
        partitioner: Optional[Partitioner] = None,
        *,
        ops: tuple[Any, ...] = (),
    ) -> None:
        # In the place of PySpark's deserializer, operators may be given too.
        given = jrdd_deserializer if isinstance(jrdd_deserializer, tuple) else ops
        self._begin(jrdd, ctx, given, True)
        self.partitioner = partitioner

    def id(self) -> int:
        """A number that no other RDD of the context has; PySpark's `RDD.id`.

        >>> sc.parallelize([1]).id() != sc.parallelize([1]).id()
        True
        """
        return self._jrdd.id

    @property
    def context(self) -> SparkContext:
        """The context that the RDD belongs to; PySpark's `RDD.context`.

        >>> sc.parallelize([1]).context is sc
        True
        """
        return self.ctx

    def getNumPartitions(self) -> int:
        """How many partitions there are; PySpark's `RDD.getNumPartitions`.

        >>> sc.parallelize([1, 2, 3, 4], 2).getNumPartitions()
        2
        """
        return self._base().partitions

    def name(self) -> Optional[str]:
        """The name that `setName` gave, else None; PySpark's `RDD.name`.

        >>> sc.parallelize([1]).name() is None
        True
        """
        return self._name

    def setName(self, name: str) -> RDD[T]:
        """Names the RDD for logs and pages, and returns it; PySpark's `RDD.setName`.

        >>> sc.parallelize([1]).setName("numbers").name()
        'numbers'
        """
        self._name = name
        if self._attached is not None:
            self._attached = self._attached.named(name)
        return self

    def toDebugString(self) -> Optional[bytes]:
        """The RDD and what it is made of, as a tree; PySpark's `RDD.toDebugString`.

        >>> b"parallelize" in (sc.parallelize([1]).toDebugString() or b"")
        True
        """
        return self._jrdd.debug_string().encode("utf-8")

    def _memory_limit(self) -> int:
        """How many MiB a worker may use before tables go to disk."""
        text = str(self.ctx._conf.get("spark.python.worker.memory", "512m")).lower().rstrip("b")
        units = {"k": 1 / 1024, "m": 1.0, "g": 1024.0, "t": 1024.0 * 1024}
        return int(float(text[:-1]) * units[text[-1]]) if text[-1:] in units else int(text) >> 20


class PipelinedRDD(RDD[T]):
    """An RDD with operators on another; PySpark's `PipelinedRDD`. Operators make them.

    >>> type(sc.parallelize([1]).map(str)).__name__
    'PipelinedRDD'
    """

    def __init__(
        self,
        prev: RDD[T],
        func: Callable[[int, Iterable[T]], Iterable[U]],
        preservesPartitioning: bool = False,
        isFromBarrier: bool = False,
    ) -> None:
        prev._pipe_into(self, "mapPartitionsWithIndex", func, preservesPartitioning)
        if isFromBarrier:
            self._start_together()


class RDDBarrier(Generic[T]):
    """An RDD whose next operator runs in a stage that starts all its tasks at once; PySpark's `RDDBarrier`.

    `BarrierTaskContext` lets the tasks of such a stage wait for each other and exchange messages.

    >>> from tidemill import BarrierTaskContext
    >>> def meet(records):
    ...     context = BarrierTaskContext.get()
    ...     context.barrier()
    ...     yield context.partitionId()
    >>> sc.parallelize([1, 2], 2).barrier().mapPartitions(meet).collect()
    [0, 1]
    """

    def __init__(self, rdd: RDD[T]) -> None:
        self.rdd = rdd

    def mapPartitions(self, f: Callable[[Iterable[T]], Iterable[U]], preservesPartitioning: bool = False) -> RDD[U]:
        """As `RDD.mapPartitions`, with all tasks at once; PySpark's `RDDBarrier.mapPartitions`.

        >>> sc.parallelize([1, 2], 2).barrier().mapPartitions(lambda records: [sum(records)]).collect()
        [1, 2]
        """
        return self._mapped(partial(_without_index, f), preservesPartitioning)

    def mapPartitionsWithIndex(
        self, f: Callable[[int, Iterable[T]], Iterable[U]], preservesPartitioning: bool = False
    ) -> RDD[U]:
        """As `RDD.mapPartitionsWithIndex`, with all tasks at once; PySpark's `RDDBarrier.mapPartitionsWithIndex`.

        >>> sc.parallelize("ab", 2).barrier().mapPartitionsWithIndex(lambda index, records: [index]).collect()
        [0, 1]
        """
        return self._mapped(f, preservesPartitioning)

    def _mapped(self, f: Callable[[int, Iterable[Any]], Iterable[Any]], keeps: bool) -> RDD[Any]:
        from tidemill._barrier import in_barrier

        meeting = in_barrier(f, self.rdd.ctx._meeting_place(), self.rdd.getNumPartitions())
        child = self.rdd._with("mapPartitionsWithIndex", meeting, keeps)
        child._start_together()
        return child


def _without_index(f: Callable[[Iterable[Any]], Iterable[Any]], _: int, records: Iterable[Any]) -> Iterable[Any]:
    return f(records)


RDD._made = PipelinedRDD
