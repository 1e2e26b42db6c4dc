"""Tasks that wait for each other; PySpark's `BarrierTaskContext` (row 3.18).

The driver serves a Unix socket where the tasks of a barrier stage meet. A task says who it is and gives a message; when
the last task of its stage has done so, each is answered with the messages of all.
"""

from __future__ import annotations

import functools
import pickle
import socket
import struct
from typing import Any, Callable, ClassVar, Iterable, Iterator, Optional, cast

from tidemill.errors import PySparkRuntimeError
from tidemill.taskcontext import TaskContext, _not_initialized

_LENGTH = struct.Struct("<I")


class BarrierTaskInfo:
    """Where a task of a barrier stage runs.

    >>> from tidemill import BarrierTaskInfo
    >>> BarrierTaskInfo("localhost:0").address
    'localhost:0'
    """

    def __init__(self, address: str) -> None:
        self.address = address


class BarrierTaskContext(TaskContext):
    """What a task of a barrier stage may know of itself, and how it waits for the others.

    >>> from tidemill import BarrierTaskContext
    >>> def meet(items):
    ...     context = BarrierTaskContext.get()
    ...     context.barrier()
    ...     yield context.allGather("part %d" % context.partitionId())
    >>> sc.parallelize([1, 2], 2).barrier().mapPartitions(meet).collect()
    [['part 0', 'part 1'], ['part 0', 'part 1']]
    """

    # In a worker: where the tasks of the current stage meet, and how many they are.
    _address: ClassVar[Optional[str]] = None
    _tasks: ClassVar[int] = 0
    _meeting: ClassVar[int] = 0

    @classmethod
    def get(cls) -> BarrierTaskContext:
        """The context of the task that runs here. Raises `PySparkRuntimeError` outside of a barrier stage.

        >>> from tidemill import BarrierTaskContext
        >>> BarrierTaskContext.get()
        Traceback (most recent call last):
            ...
        tidemill.errors.exceptions.base.PySparkRuntimeError: [NOT_IN_BARRIER_STAGE] It is not in a barrier stage.
        """
        task = TaskContext._current
        if task is None or BarrierTaskContext._address is None:
            raise PySparkRuntimeError(error_class="NOT_IN_BARRIER_STAGE", message_parameters={})
        if not isinstance(task.context, BarrierTaskContext):
            context = object.__new__(BarrierTaskContext)
            context._task = task
            task.context = context
        return task.context

    def barrier(self) -> None:
        """Waits until all tasks of the stage have come here.

        >>> from tidemill import BarrierTaskContext
        >>> def meet(items):
        ...     BarrierTaskContext.get().barrier()
        ...     return items
        >>> sc.parallelize([1, 2], 2).barrier().mapPartitions(meet).collect()
        [1, 2]
        """
        if BarrierTaskContext._address is None:
            raise _not_initialized("barrier")
        self._meet("")

    def allGather(self, message: str = "") -> list[str]:
        """Waits as `barrier`, and gives the messages of all tasks, in the order of their partitions.

        >>> from tidemill import BarrierTaskContext
        >>> def meet(items):
        ...     return BarrierTaskContext.get().allGather("x")
        >>> sc.parallelize([1, 2], 2).barrier().mapPartitions(meet).collect()
        ['x', 'x', 'x', 'x']
        """
        if not isinstance(message, str):
            raise TypeError("Argument `message` must be of type `str`")
        if BarrierTaskContext._address is None:
            raise _not_initialized("allGather")
        return self._meet(message)

    def getTaskInfos(self) -> list[BarrierTaskInfo]:
        """Where the tasks of the stage run, in the order of their partitions.

        >>> from tidemill import BarrierTaskContext
        >>> def count(items):
        ...     yield len(BarrierTaskContext.get().getTaskInfos())
        >>> sc.parallelize([1, 2], 2).barrier().mapPartitions(count).collect()
        [2, 2]
        """
        if BarrierTaskContext._address is None:
            raise _not_initialized("getTaskInfos")
        return [BarrierTaskInfo("%s:0" % socket.gethostname()) for _ in range(BarrierTaskContext._tasks)]

    def _meet(self, message: str) -> list[str]:
        """One meeting: says who comes, and waits for the answer."""
        task = self._known()
        BarrierTaskContext._meeting += 1
        group = (task.stage, task.attempt, BarrierTaskContext._meeting, BarrierTaskContext._tasks)
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as link:
            link.connect(cast(str, BarrierTaskContext._address))
            send(link, pickle.dumps((group, task.partition, message)))
            answer = receive(link)
        if answer is None:
            raise RuntimeError("another task of the barrier stage has ended before it came to the meeting")
        return cast("list[str]", pickle.loads(answer))


def in_barrier(
    function: Callable[[int, Iterable[Any]], Iterable[Any]], address: str, tasks: int
) -> Callable[[int, Iterable[Any]], Iterable[Any]]:
    """Wraps what the partitions of a barrier stage run, so that its tasks find each other at `address`."""
    return functools.partial(_run_in_barrier, function, address, tasks)


def _run_in_barrier(
    function: Callable[[int, Iterable[Any]], Iterable[Any]], address: str, tasks: int, index: int, items: Iterable[Any]
) -> Iterator[Any]:
    BarrierTaskContext._address, BarrierTaskContext._tasks, BarrierTaskContext._meeting = address, tasks, 0
    try:
        yield from function(index, items)
    finally:
        BarrierTaskContext._address = None
        task = TaskContext._current
        if task is not None:
            task.context = None


def send(link: socket.socket, data: bytes) -> None:
    """Sends a message with its length before it."""
    link.sendall(_LENGTH.pack(len(data)) + data)


def receive(link: socket.socket) -> Optional[bytes]:
    """Receives such a message, or None if the other side has gone."""
    head = _exactly(link, _LENGTH.size)
    return None if head is None else _exactly(link, _LENGTH.unpack(head)[0])


def _exactly(link: socket.socket, size: int) -> Optional[bytes]:
    parts = bytearray()
    while len(parts) < size:
        part = link.recv(size - len(parts))
        if not part:
            return None
        parts += part
    return bytes(parts)
