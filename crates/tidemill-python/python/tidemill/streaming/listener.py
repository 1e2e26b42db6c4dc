"""Listeners: programs that want to know how a stream is doing. PySpark's `pyspark.streaming.listener`.

Fields of events are read by method calls, as in PySpark: `batchCompleted.batchInfo().numRecords()`. A number that is not known
yet is -1, a text `None`.
"""
from __future__ import annotations

import logging
import threading
from typing import Any, Optional

from tidemill.streaming._calling import called_threads
from tidemill.streaming._handles import Time

__all__ = ["StreamingListener"]

_log = logging.getLogger("tidemill.streaming")


class StreamingListener:
    """Is told what happens to batches and receivers: PySpark's `StreamingListener`.

    Calls come in order on a thread of the listener's own; batches do not wait for it. What it does not care for does nothing.

    Examples
    --------
    >>> from tidemill.streaming import StreamingListener
    >>> class Records(StreamingListener):
    ...     def onBatchCompleted(self, batchCompleted):
    ...         print(batchCompleted.batchInfo().numRecords())
    >>> ssc.addStreamingListener(Records())
    """

    def __init__(self) -> None:
        """There is nothing to give."""

    def onStreamingStarted(self, streamingStarted: StreamingStarted) -> None:
        """The context was started."""

    def onReceiverStarted(self, receiverStarted: ReceiverEvent) -> None:
        """A receiver runs."""

    def onReceiverError(self, receiverError: ReceiverEvent) -> None:
        """A receiver reports something that went wrong, and goes on."""

    def onReceiverStopped(self, receiverStopped: ReceiverEvent) -> None:
        """A receiver ended, perhaps to be started again."""

    def onBatchSubmitted(self, batchSubmitted: BatchEvent) -> None:
        """A batch has its input and waits for its turn."""

    def onBatchStarted(self, batchSubmitted: BatchEvent) -> None:
        """A batch is run."""

    def onBatchCompleted(self, batchCompleted: BatchEvent) -> None:
        """All outputs of a batch are done, well or not."""

    def onOutputOperationStarted(self, outputOperationStarted: OutputOperationEvent) -> None:
        """An output of a batch begins."""

    def onOutputOperationCompleted(self, outputOperationCompleted: OutputOperationEvent) -> None:
        """An output of a batch is done, well or not."""


class _Fields:
    """What the engine tells of something."""

    def __init__(self, fields: dict[str, Any]) -> None:
        self._fields = fields

    def __repr__(self) -> str:
        shown = ", ".join(f"{name}={value!r}" for name, value in self._fields.items())
        return f"{type(self).__name__}({shown})"

    def _number(self, name: str) -> int:
        value: Optional[int] = self._fields.get(name)
        return -1 if value is None else value


class StreamingStarted(_Fields):
    """The context was started."""

    def time(self) -> int:
        """When, in milliseconds since 1970."""
        return self._number("time")


class StreamInputInfo(_Fields):
    """What an input gave to a batch."""

    def inputStreamId(self) -> int:
        """The number of the input, from 0 in order of creation."""
        return self._number("inputStreamId")

    def numRecords(self) -> int:
        """How many records, as far as is known without reading them: 0 for files."""
        return self._number("numRecords")

    def metadata(self) -> dict[str, Any]:
        """More about it, as the names of files under "files"."""
        return dict(self._fields["metadata"])

    def metadataDescription(self) -> Optional[str]:
        """The metadata in words for a person."""
        description: Optional[str] = self._fields.get("metadataDescription")
        return description


class OutputOperationInfo(_Fields):
    """What is known of an output of a batch."""

    def batchTime(self) -> Time:
        """The batch."""
        return Time(self._number("batchTime"))

    def id(self) -> int:
        """Counts the outputs of the context, from 0."""
        return self._number("id")

    def name(self) -> str:
        """The operation, as `foreachRDD at program.py:12`."""
        return str(self._fields["name"])

    def description(self) -> str:
        """The same with the whole path of the file."""
        return str(self._fields["description"])

    def startTime(self) -> int:
        """When it began, in milliseconds since 1970; -1 before."""
        return self._number("startTime")

    def endTime(self) -> int:
        """When it was done, in milliseconds since 1970; -1 before."""
        return self._number("endTime")

    def failureReason(self) -> Optional[str]:
        """Why it failed; `None` if it did not."""
        reason: Optional[str] = self._fields.get("failureReason")
        return reason


class BatchInfo(_Fields):
    """What is known of a batch."""

    def batchTime(self) -> Time:
        """Its time: `batchTime().milliseconds()`."""
        return Time(self._number("batchTime"))

    def streamIdToInputInfo(self) -> dict[int, StreamInputInfo]:
        """What each input gave it, by the input's number; queues say nothing."""
        return {number: StreamInputInfo(each) for number, each in self._fields["streamIdToInputInfo"].items()}

    def submissionTime(self) -> int:
        """When it got its input, in milliseconds since 1970."""
        return self._number("submissionTime")

    def processingStartTime(self) -> int:
        """When its first job began, in milliseconds since 1970; -1 before."""
        return self._number("processingStartTime")

    def processingEndTime(self) -> int:
        """When its last job ended, in milliseconds since 1970; -1 before."""
        return self._number("processingEndTime")

    def schedulingDelay(self) -> int:
        """How long it waited for its turn, in milliseconds; -1 before it has begun."""
        return self._number("schedulingDelay")

    def processingDelay(self) -> int:
        """How long it ran, in milliseconds; -1 before its end."""
        return self._number("processingDelay")

    def totalDelay(self) -> int:
        """Both together, in milliseconds; -1 before its end."""
        return self._number("totalDelay")

    def numRecords(self) -> int:
        """How many records it holds, as far as its inputs count them."""
        return self._number("numRecords")

    def outputOperationInfos(self) -> dict[int, OutputOperationInfo]:
        """Its outputs so far, by their number."""
        return {number: OutputOperationInfo(each) for number, each in self._fields["outputOperationInfos"].items()}


class ReceiverInfo(_Fields):
    """What is known of a receiver."""

    def streamId(self) -> int:
        """The number of its input."""
        return self._number("streamId")

    def name(self) -> str:
        """Its name, as `SocketReceiver-0`."""
        return str(self._fields["name"])

    def active(self) -> bool:
        """Whether it runs."""
        return bool(self._fields["active"])

    def location(self) -> str:
        """Where it runs."""
        return str(self._fields["location"])

    def executorId(self) -> str:
        """The process that it runs in."""
        return str(self._fields["executorId"])

    def lastErrorMessage(self) -> str:
        """What it reported last; empty for nothing."""
        return str(self._fields["lastErrorMessage"])

    def lastError(self) -> str:
        """More about what it reported last; empty for nothing."""
        return str(self._fields["lastError"])

    def lastErrorTime(self) -> int:
        """When it reported that, in milliseconds since 1970; -1 for never."""
        return self._number("lastErrorTime")


class BatchEvent(_Fields):
    """Something happened to a batch."""

    def batchInfo(self) -> BatchInfo:
        """The batch as it is now."""
        return BatchInfo(self._fields["batchInfo"])


class OutputOperationEvent(_Fields):
    """Something happened to an output of a batch."""

    def outputOperationInfo(self) -> OutputOperationInfo:
        """The output as it is now."""
        return OutputOperationInfo(self._fields["outputOperationInfo"])


class ReceiverEvent(_Fields):
    """Something happened to a receiver."""

    def receiverInfo(self) -> ReceiverInfo:
        """The receiver as it is now."""
        return ReceiverInfo(self._fields["receiverInfo"])


_EVENTS: dict[str, type[_Fields]] = {
    "onStreamingStarted": StreamingStarted,
    "onReceiverStarted": ReceiverEvent,
    "onReceiverError": ReceiverEvent,
    "onReceiverStopped": ReceiverEvent,
    "onBatchSubmitted": BatchEvent,
    "onBatchStarted": BatchEvent,
    "onBatchCompleted": BatchEvent,
    "onOutputOperationStarted": OutputOperationEvent,
    "onOutputOperationCompleted": OutputOperationEvent,
}


class Told:
    """Calls the method of a listener for each event of the engine; what it raises is logged, and it goes on being told."""

    _here = threading.local()

    def __init__(self, listener: StreamingListener) -> None:
        self.listener = listener

    @classmethod
    def is_telling(cls) -> bool:
        """Whether this thread is within a call to a listener."""
        return bool(getattr(cls._here, "telling", False))

    def __call__(self, name: str, fields: dict[str, Any]) -> None:
        told = getattr(self.listener, name, None)
        if told is None:
            return
        self._here.telling = True
        called_threads.add(threading.get_ident())
        try:
            told(_EVENTS[name](fields))
        except Exception:
            _log.exception("Listener %r failed in %s.", self.listener, name)
        finally:
            called_threads.discard(threading.get_ident())
            self._here.telling = False
