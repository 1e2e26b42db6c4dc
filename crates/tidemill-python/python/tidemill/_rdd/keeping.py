"""Keeping what an RDD computed: in memory, on disk, in checkpoint files."""

from __future__ import annotations

from typing import TYPE_CHECKING, Optional, TypeVar

from tidemill._rdd.base import ASKED, ASKED_LOCALLY, DONE, DONE_LOCALLY, BaseMixin
from tidemill.storagelevel import StorageLevel

if TYPE_CHECKING:
    from tidemill import _engine
    from tidemill.rdd import RDD

T = TypeVar("T")


class KeepingMixin(BaseMixin[T]):
    """`cache`, `persist`, `checkpoint` and what asks about them."""

    _level: StorageLevel = StorageLevel.NONE
    _kept: _engine.Rdd  # the handle that keeps its partitions
    _unkept: _engine.Rdd  # the one below

    def cache(self) -> RDD[T]:
        """`persist` in memory; PySpark's `RDD.cache`. Returns the RDD.

        >>> rdd = sc.parallelize([1, 2]).map(lambda x: x + 1).cache()
        >>> rdd.count(), rdd.is_cached
        (2, True)
        """
        return self.persist(StorageLevel.MEMORY_ONLY)

    def persist(self, storageLevel: StorageLevel = StorageLevel.MEMORY_ONLY) -> RDD[T]:
        """Keeps each partition once it is computed, where the level says; PySpark's `RDD.persist`. Returns the RDD.

        `EngineError` if the RDD has another level already.

        >>> from tidemill import StorageLevel
        >>> sc.parallelize([1, 2]).persist(StorageLevel.MEMORY_AND_DISK).getStorageLevel().useDisk
        True
        """
        if self.is_cached:
            if storageLevel != self._level:
                raise _engine_error(
                    "org.apache.spark.SparkUnsupportedOperationException: Cannot change storage level of an RDD after"
                    " it was already assigned a level"
                )
            return self  # type: ignore[return-value]
        self._unkept = self._jrdd
        level = storageLevel
        self._kept = self._unkept.persist(
            (level.useDisk, level.useMemory, level.useOffHeap, level.deserialized, level.replication)
        )
        self._stand_on(self._kept)
        self._level = storageLevel
        self.is_cached = True
        return self  # type: ignore[return-value]

    def unpersist(self, blocking: bool = False) -> RDD[T]:
        """Forgets what was kept; PySpark's `RDD.unpersist`. Returns the RDD, which is computed anew when needed.

        >>> sc.parallelize([1, 2]).cache().unpersist().is_cached
        False
        """
        if self.is_cached:
            self.is_cached = False
            self._level = StorageLevel.NONE
            self._kept.unpersist(blocking)
            if self._checkpoint in (None, ASKED, ASKED_LOCALLY):
                self._stand_on(self._unkept)
        return self  # type: ignore[return-value]

    def getStorageLevel(self) -> StorageLevel:
        """Where the RDD is kept; PySpark's `RDD.getStorageLevel`.

        >>> print(sc.parallelize([1, 2]).cache().getStorageLevel())
        Memory Serialized 1x Replicated
        """
        return self._level

    def checkpoint(self) -> None:
        """Marks the RDD to be written to the checkpoint directory; PySpark's `RDD.checkpoint`.

        That happens when the first job needs it; from then on it is read from there, by that job too, and what it was
        made of is forgotten. `EngineError` without `SparkContext.setCheckpointDir`.

        >>> import tempfile
        >>> sc.setCheckpointDir(tempfile.mkdtemp())
        >>> rdd = sc.parallelize([1, 2]).map(lambda x: x + 1)
        >>> rdd.checkpoint()
        >>> rdd.isCheckpointed(), rdd.collect(), rdd.isCheckpointed()
        (False, [2, 3], True)
        """
        if self.ctx.getCheckpointDir() is None:
            raise _engine_error(
                "org.apache.spark.SparkException: Checkpoint directory has not been set in the SparkContext"
            )
        self.is_checkpointed = True
        self._attach()  # functions are pickled now, as in PySpark
        if self._checkpoint in (None, ASKED_LOCALLY):
            self._checkpoint = ASKED

    def localCheckpoint(self) -> None:
        """Marks the RDD to be kept by the engine with its past forgotten, when the first job needs it.

        PySpark's `RDD.localCheckpoint`. Nothing is written to the checkpoint directory.

        >>> rdd = sc.parallelize([1, 2]).map(lambda x: x + 1)
        >>> rdd.localCheckpoint()
        >>> rdd.collect(), rdd.isLocallyCheckpointed()
        ([2, 3], True)
        """
        self._attach()
        if self._checkpoint is None:
            self._checkpoint = ASKED_LOCALLY

    def isCheckpointed(self) -> bool:
        """Whether the RDD is read from a checkpoint by now; PySpark's `RDD.isCheckpointed`.

        >>> sc.parallelize([1]).isCheckpointed()
        False
        """
        return self._checkpoint in (DONE, DONE_LOCALLY)

    def isLocallyCheckpointed(self) -> bool:
        """Whether `localCheckpoint` marked it; PySpark's `RDD.isLocallyCheckpointed`.

        >>> sc.parallelize([1]).isLocallyCheckpointed()
        False
        """
        return self._checkpoint in (ASKED_LOCALLY, DONE_LOCALLY)

    def getCheckpointFile(self) -> Optional[str]:
        """The folder of the RDD's checkpoint, None if there is none; PySpark's `RDD.getCheckpointFile`.

        >>> sc.parallelize([1]).getCheckpointFile() is None
        True
        """
        return self._jrdd.checkpoint_file() if self._checkpoint == DONE else None

    def cleanShuffleDependencies(self, blocking: bool = False) -> None:
        """Does nothing: the engine drops shuffle files by itself. PySpark's `RDD.cleanShuffleDependencies`.

        >>> sc.parallelize([(1, 2)]).groupByKey().cleanShuffleDependencies()
        """

    def _checkpoint_awaited(self) -> None:
        """Before a job: writes the checkpoints that were asked for here or above."""
        for rdd in self._awaited_below():
            if isinstance(rdd, KeepingMixin):
                rdd._write_checkpoint()
        self._awaited = ()

    def _write_checkpoint(self) -> None:
        asked = self._checkpoint
        try:
            if asked == ASKED:
                self._stand_on(self._jrdd.checkpoint())
                self._checkpoint = DONE
            elif asked == ASKED_LOCALLY:
                self._stand_on(self._jrdd.local_checkpoint())
                self._checkpoint = DONE_LOCALLY
        finally:
            self.ctx._after_job()

    def _stand_on(self, handle: _engine.Rdd) -> None:
        """Takes another handle for the very same records; no operator is left to attach."""
        self._handle = self._attached = handle
        self._ops = ()
        self._keeps = True
        self._source = None


def _engine_error(message: str) -> Exception:
    from tidemill._engine import EngineError

    error = EngineError(message)
    error.message, error.kind = message, "settings"
    return error
