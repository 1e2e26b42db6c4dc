"""What a task may know of itself; PySpark's `TaskContext` (row 3.18)."""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING, Any, ClassVar, Optional

from tidemill.errors import PySparkRuntimeError

if TYPE_CHECKING:
    from tidemill.resource import ResourceInformation

# What the driver sends at the head of a task: attempt id, stage, partition, attempt, cpus, number of properties.
_HEAD = struct.Struct("<QQIIII")
_LENGTH = struct.Struct("<I")
# Set where an RDD's own partition is computed by a task of another number, as below a union.
_TASK_PARTITION = "tidemill.task.partition"


class Task:
    """The task that a worker runs: its numbers, and the driver's local properties, read only when somebody asks."""

    __slots__ = ("attempt_id", "stage", "partition", "attempt", "cpus", "_head", "_count", "_properties", "context")

    attempt_id: int
    stage: int
    partition: int
    attempt: int
    cpus: int

    def __init__(self, head: bytes) -> None:
        self.attempt_id, self.stage, self.partition, self.attempt, self.cpus, self._count = _HEAD.unpack_from(head)
        self._head = head
        self._properties: Optional[dict[str, str]] = None
        self.context: Optional[TaskContext] = None

    @property
    def properties(self) -> dict[str, str]:
        """The local properties of the thread that started the job."""
        if self._properties is None:
            texts = list(self._texts())
            self._properties = dict(zip(texts[::2], texts[1::2]))
        return self._properties

    def _texts(self) -> Any:
        at = _HEAD.size
        for _ in range(2 * self._count):
            (length,) = _LENGTH.unpack_from(self._head, at)
            at += _LENGTH.size
            yield bytes(self._head[at : at + length]).decode("utf-8")
            at += length


class TaskContext:
    """What a task may know of itself. `TaskContext.get()` gives it inside of a task, and None in the driver.

    >>> from tidemill import TaskContext
    >>> TaskContext.get() is None
    True
    >>> sc.parallelize(range(4), 2).map(lambda x: (TaskContext.get().partitionId(), x)).collect()
    [(0, 0), (0, 1), (1, 2), (1, 3)]
    """

    # The task that this process runs now; a worker sets it around each task.
    _current: ClassVar[Optional[Task]] = None

    def __new__(cls) -> TaskContext:
        return cls.get() or object.__new__(cls)

    @classmethod
    def get(cls) -> Optional[TaskContext]:
        """The context of the task that runs here, or None in the driver.

        >>> sc.parallelize([1]).map(lambda x: TaskContext.get() is None).collect()
        [False]
        """
        task = TaskContext._current
        if task is None:
            return None
        if task.context is None:
            task.context = object.__new__(TaskContext)
            task.context._task = task
        return task.context

    _task: Optional[Task] = None

    def stageId(self) -> int:
        """The number of the stage that the task belongs to.

        >>> sc.parallelize([1]).map(lambda x: TaskContext.get().stageId() >= 0).collect()
        [True]
        """
        return self._known().stage

    def partitionId(self) -> int:
        """The number of the partition that the task computes, from 0.

        >>> sc.parallelize([1, 2], 2).map(lambda x: TaskContext.get().partitionId()).collect()
        [0, 1]
        """
        task = self._known()
        return int(task.properties.get(_TASK_PARTITION, task.partition))

    def attemptNumber(self) -> int:
        """How often this task was tried before: 0 at the first time.

        >>> sc.parallelize([1]).map(lambda x: TaskContext.get().attemptNumber()).collect()
        [0]
        """
        return self._known().attempt

    def taskAttemptId(self) -> int:
        """A number that no other attempt of a task in this program has.

        >>> sc.parallelize([1]).map(lambda x: TaskContext.get().taskAttemptId() >= 0).collect()
        [True]
        """
        return self._known().attempt_id

    def getLocalProperty(self, key: str) -> Optional[str]:
        """A local property of the thread that started the job, or None.

        >>> sc.setLocalProperty("color", "blue")
        >>> sc.parallelize([1]).map(lambda x: TaskContext.get().getLocalProperty("color")).collect()
        ['blue']
        >>> sc.setLocalProperty("color", None)
        """
        return self._known().properties.get(key)

    def cpus(self) -> int:
        """How many processors the task may use.

        >>> sc.parallelize([1]).map(lambda x: TaskContext.get().cpus()).collect()
        [1]
        """
        return self._known().cpus

    def resources(self) -> dict[str, ResourceInformation]:
        """What devices the task has: none, where the program runs on this machine.

        >>> sc.parallelize([1]).map(lambda x: TaskContext.get().resources()).collect()
        [{}]
        """
        return {}

    def _known(self) -> Task:
        task = self._task or TaskContext._current
        if task is None:
            raise RuntimeError("a TaskContext tells nothing outside of a task")
        return task


def _barrier(name: str) -> Any:
    from tidemill import _barrier as module

    return getattr(module, name)


def __getattr__(name: str) -> Any:
    # Few programs have barriers; their part is loaded when it is named.
    if name in ("BarrierTaskContext", "BarrierTaskInfo"):
        value = _barrier(name)
        globals()[name] = value
        return value
    raise AttributeError("module 'tidemill.taskcontext' has no attribute %r" % name)


def _not_initialized(function: str) -> PySparkRuntimeError:
    return PySparkRuntimeError(
        error_class="CALL_BEFORE_INITIALIZE",
        message_parameters={"func_name": function, "object": "BarrierTaskContext"},
    )
