"""What an RDD is underneath: a handle on the engine's partitions, and operators that are not attached to it yet.

Transformations only note an operator. When a job or a shuffle needs the RDD, the noted operators are pickled together
and attached to the handle as one chain, which a worker runs as one loop (behaviour 3.30 says when that is).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar, Generic, Iterable, NoReturn, Optional, TypeVar

from tidemill._call_site import call_site, text_of
from tidemill._functions import Op, describe, describe_profiled
from tidemill._rdd.partitioner import Partitioner
from tidemill.errors import PySparkRuntimeError
from tidemill.worker.formats import decode
from tidemill.worker.hashing import portable_hash

if TYPE_CHECKING:
    from tidemill import _engine
    from tidemill.context import SparkContext
    from tidemill.rdd import RDD

T = TypeVar("T")

ASKED, ASKED_LOCALLY, DONE, DONE_LOCALLY = "asked", "asked locally", "done", "done locally"
_ASKED = (ASKED, ASKED_LOCALLY)
_ROWS = ("rows",)
_COUNT = ("count",)


class BaseMixin(Generic[T]):
    """The state of an RDD, and how operators come to the engine. Programs use `tidemill.RDD`."""

    # The class of RDDs that operators make; `tidemill.rdd` sets it.
    _made: ClassVar[Any]

    ctx: SparkContext
    partitioner: Optional[Partitioner]
    is_cached: bool
    is_checkpointed: bool
    has_resource_profile: bool

    _handle: _engine.Rdd
    _ops: tuple[Op, ...]
    _keeps: bool  # whether every operator keeps the layout
    _attached: Optional[_engine.Rdd]
    _source: Optional[BaseMixin[Any]]  # the RDD that the operators stand on, where it is kept or checkpointed
    _awaited: tuple[BaseMixin[Any], ...]  # RDDs above that are to be checkpointed by the next job
    _checkpoint: Optional[str] = None  # ASKED or ASKED_LOCALLY, then DONE or DONE_LOCALLY
    _name: Optional[str] = None
    _together: bool = False  # whether it stands on a barrier

    def _begin(self, handle: _engine.Rdd, ctx: SparkContext, ops: tuple[Op, ...], keeps: bool) -> None:
        self.ctx = ctx
        self.partitioner = None
        self.is_cached = False
        self.is_checkpointed = False
        self.has_resource_profile = False
        self._handle = handle
        self._ops = ops
        self._keeps = keeps
        self._attached = None
        self._source = None
        self._awaited = ()

    def _is_pipelinable(self) -> bool:
        return not (self.is_cached or self._checkpoint is not None or self.has_resource_profile)

    def _is_barrier(self) -> bool:
        return self._together

    def _start_together(self) -> None:
        """Lets the stage that the operators run in start all its tasks at once."""
        self._handle = self._base().barrier(call_site())
        self._source = None
        self._together = True

    # ---- transformations ---------------------------------------------------------------------------------------------

    def _with(self, kind: str, function: Any, keeps: bool = False) -> RDD[Any]:
        """The RDD with one more operator."""
        child: RDD[Any] = self._made.__new__(self._made)
        self._pipe_into(child, kind, function, keeps)
        return child

    def _pipe_into(self, child: BaseMixin[Any], kind: str, function: Any, keeps: bool) -> None:
        op = (kind, function, call_site())
        if self._is_pipelinable():
            child._begin(self._handle, self.ctx, self._ops + (op,), keeps and self._keeps)
            child._source = self._source
        else:
            child._begin(self._jrdd, self.ctx, (op,), keeps)
            child._source = self
        child._awaited = self._awaited_below()
        if self._together:
            child._together = True
        if child._keeps:
            child.partitioner = self.partitioner

    def _new(
        self,
        handle: _engine.Rdd,
        ops: tuple[Op, ...] = (),
        partitioner: Optional[Partitioner] = None,
        beside: Iterable[BaseMixin[Any]] = (),
    ) -> RDD[Any]:
        """An RDD on a handle that was made of this one, and of those `beside` it."""
        child: RDD[Any] = self._made.__new__(self._made)
        child._begin(handle, self.ctx, ops, True)
        child.partitioner = partitioner
        child._awaited = self._awaited_below()
        for other in beside:
            child._awaited += other._awaited_below()
        return child

    def _exchanged(
        self, sink: tuple[Any, ...], partitioner: Optional[Partitioner], after: tuple[Op, ...] = ()
    ) -> RDD[Any]:
        """The RDD's records in the buckets that `sink` gives them, and operators to begin with there."""
        site = call_site()
        if (sink[1] if partitioner is None else partitioner.numPartitions) == 0:
            # As many as an empty RDD has, or as a program asked for: no task, and no record, as in PySpark.
            return self._new(self.ctx._engine.nothing(site, 0), after, partitioner)
        base = self._base()
        description, frozen, profiler = self._described(sink, 0)
        if partitioner is None:
            handle = base.exchange(site, description, frozen, sink[1], None)
        elif not self._ops and sink[0] == "buckets" and sink[2] is portable_hash:
            handle = base.partition_natively(site, description, partitioner.numPartitions, partitioner.layout())
        else:
            handle = base.exchange(site, description, frozen, partitioner.numPartitions, partitioner.layout())
        if profiler is not None:
            self._profiled(handle, profiler)
        return self._new(handle, after, partitioner)

    def _described(self, sink: tuple[Any, ...], batch: int) -> tuple[bytes, bool, Any]:
        """The operators pickled, whether workers may keep them, and the profiler where tasks are measured."""
        paths = tuple(self.ctx._paths)
        collector = self.ctx.profiler_collector
        if collector is None:
            return (*describe(self._ops, sink, paths, batch), None)
        profiler = collector.new_profiler(self.ctx)
        return (*describe_profiled(self._ops, sink, paths, batch, profiler), profiler)

    def _profiled(self, handle: _engine.Rdd, profiler: Any) -> None:
        collector = self.ctx.profiler_collector
        if collector is not None:
            collector.add_profiler(handle.id, profiler)

    def _base(self) -> _engine.Rdd:
        """The handle that the operators stand on."""
        return self._handle if self._source is None else self._source._jrdd

    def _chained(self, sink: tuple[Any, ...], batch: int = 0) -> _engine.Rdd:
        """The handle with the operators attached, ending in a sink."""
        description, frozen, profiler = self._described(sink, batch)
        site = self._ops[-1][2] if self._ops else call_site()
        handle = self._base().chain(site, description, frozen, self._keeps and sink is _ROWS)
        if profiler is not None:
            self._profiled(handle, profiler)
        return handle

    @property
    def _jrdd(self) -> _engine.Rdd:
        """The handle with the operators attached: made when first asked for, and then kept."""
        handle = self._attached
        return self._attach() if handle is None else handle

    def _attach(self) -> _engine.Rdd:
        handle = self._attached
        if handle is None:
            handle = self._chained(_ROWS) if self._ops else self._base()
            if self._name is not None:
                handle = handle.named(self._name)
            self._attached = handle
        return handle

    @property
    def _jrdd_deserializer(self) -> Any:
        return self.ctx.serializer

    # ---- jobs --------------------------------------------------------------------------------------------------------

    def _ready(self, sink: tuple[Any, ...] = _ROWS) -> _engine.Rdd:
        """The handle for a job: with the operators attached, and on the checkpoints that were asked for."""
        if self._awaited or self._checkpoint is not None:
            self._checkpoint_awaited()
        return self._jrdd if sink is _ROWS else self._chained(sink)

    def _run(self, handle: _engine.Rdd, partitions: Optional[Iterable[int]] = None) -> list[list[_engine.Batch]]:
        """Runs a job over partitions of a handle that `_ready` gave: the batches of each."""
        asked = list(range(handle.partitions) if partitions is None else partitions)
        try:
            return handle.run(call_site(), asked)
        finally:
            self.ctx._after_job()

    def _collected(self, partitions: Optional[Iterable[int]] = None) -> list[Any]:
        """The records of partitions, one after the other."""
        records: list[Any] = []
        for batches in self._run(self._ready(), partitions):
            for form, count, payload in batches:
                records.extend(decode(form, count, payload))
        return records

    def _counts(self) -> list[int]:
        """How many records each partition has."""
        counts = []
        for batches in self._run(self._ready(_COUNT)):
            counts.append(sum(number for batch in batches for number in decode(*batch)))
        return counts

    def _awaited_below(self) -> tuple[BaseMixin[Any], ...]:
        """The RDDs that the next job over an RDD made of this one has to checkpoint."""
        if self._checkpoint in _ASKED and self not in self._awaited:
            return self._awaited + (self,)
        return self._awaited

    def _checkpoint_awaited(self) -> None:
        raise NotImplementedError

    # ---- as an object ------------------------------------------------------------------------------------------------

    def __repr__(self) -> str:
        handle = self._jrdd
        if self._ops:
            place = text_of(self._ops[-1][2])
        else:
            # The first line names the newest node: "(2) parallelize[0] at program.py:3".
            operator, _, where = handle.debug_string().partition("\n")[0].partition("] at ")
            place = "%s at %s" % (operator.partition("[")[0].rpartition(" ")[2], where)
        name = "" if self._name is None else self._name + " "
        return "%sPythonRDD[%d] at %s" % (name, handle.id, place)

    def __getnewargs__(self) -> NoReturn:
        # A function that captured an RDD cannot be pickled, and this says why.
        raise PySparkRuntimeError(error_class="RDD_TRANSFORM_ONLY_VALID_ON_DRIVER", message_parameters={})
