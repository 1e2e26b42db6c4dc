"""What a worker does: it takes tasks from the driver, one after the other, and runs chains of functions over their input.

A task draws its input when its functions ask for it. A worker keeps nothing of a task: functions and what they capture
are unpickled for each, unless the driver says that nothing captured can change.
"""
from __future__ import annotations

import pickle
import sys
import traceback
from typing import Any, Callable, Dict, Iterable, Iterator, Tuple

from tidemill import accumulators
from tidemill.taskcontext import Task, TaskContext
from tidemill.worker import formats, passing, resident
from tidemill.worker.chain import FILE, Chain, site_of
from tidemill.worker.link import DEFINE, DONE, DROP, FAIL, FROZEN, LAST, OUT, STATE, TASK, Frame, Gone, Link

__all__ = ["Server", "describe"]

Output = Tuple[int, int, int, formats.Payload]  # bucket, format, number of records, payload

# Tracebacks begin in files of this folder, which tell a program's author nothing.
_HERE = __file__.rpartition("/")[0] + "/"


class Server:
    """Serves one driver over one socket."""

    __slots__ = ("_descriptions", "_ended", "_frozen", "_link", "_tables")

    def __init__(self, link: Link) -> None:
        self._link = link
        # Chains that the driver has defined, pickled: number -> (description, whether it may stay unpickled).
        self._descriptions: Dict[int, Tuple[bytes, bool]] = {}
        self._frozen: Dict[int, Any] = {}
        self._tables = resident.Tables()
        self._ended = True  # whether all input of the task has come

    def run(self) -> None:
        """Serves until the driver closes its end."""
        try:
            while True:
                frame = self._link.read()
                if frame.kind == TASK:
                    self._answer(frame, bytes(frame.payload), lambda task: self._run_chain(frame.id, task))
                elif frame.kind == DEFINE:
                    self._descriptions[frame.id] = bytes(frame.payload), bool(frame.flags & FROZEN)
                elif frame.kind == DROP:
                    self._descriptions.pop(frame.id, None)
                    self._frozen.pop(frame.id, None)
                elif frame.kind == STATE:
                    request, head = resident.Request.parse(bytes(frame.payload))
                    self._answer(frame, head, lambda _: self._ask_table(frame, request))
                # A run outside of a task belongs to one that the driver gave up just when it ended.
        except Gone:
            pass

    def _answer(self, frame: Frame, head: bytes, work: Callable[[Task], Iterable[Output]]) -> None:
        """Runs one task, sends what comes of it, and takes what is left of its input."""
        link = self._link
        self._ended = bool(frame.flags & LAST)
        task = Task(head)
        TaskContext._current = task
        try:
            for bucket, form, count, payload in work(task):
                link.write(OUT, form, count, bucket, payload)
            link.write(DONE, payload=_updates())
        except Gone:
            raise
        except BaseException as error:  # also SystemExit: a task that ends so has failed
            link.write(FAIL, payload=describe(error))
        finally:
            TaskContext._current = None
            accumulators._worker_updates.clear()
        _flush_prints()
        link.flush()
        while not self._ended:
            self._ended = bool(link.read().flags & LAST)

    def _run_chain(self, number: int, task: Task) -> Iterable[Output]:
        chain: Chain = self._defined(number, Chain)
        return chain.run(((form, count, payload) for _, form, count, payload in self._runs()), task)

    def _ask_table(self, frame: Frame, request: resident.Request) -> Iterable[Output]:
        tables = self._tables
        if frame.bucket == resident.STEP:
            update: resident.Updating = self._defined(frame.id, resident.Updating)
            return tables.step(request, self._runs(), update)
        if frame.bucket == resident.READ:
            return tables.read(request)
        if frame.bucket == resident.PASS:
            updating = self._defined(frame.id, resident.Updating) if frame.id else None
            return passing.passed(self._runs(), updating, bool(request.whole))
        if frame.bucket == resident.LOAD:
            tables.load(request, self._runs())
        elif frame.bucket == resident.APPLY:
            tables.apply(request, self._runs())
        else:
            tables.drop(request)
        return ()

    def _defined(self, number: int, make: Callable[[Dict[str, Any]], Any]) -> Any:
        """What `make` makes of a description; kept if nothing in it can change."""
        made = self._frozen.get(number)
        if made is None:
            description, frozen = self._descriptions[number]
            if not frozen:
                return make(pickle.loads(description))
            made = self._frozen[number] = make(pickle.loads(description))
        return made

    def _runs(self) -> Iterator[Output]:
        """The task's input, each batch drawn when it is asked for."""
        while not self._ended:
            frame = self._link.read()
            if frame.flags & LAST:
                self._ended = True
                if not frame.payload and not frame.records:
                    return
            yield frame.bucket, frame.format, frame.records, frame.payload


def describe(error: BaseException) -> bytes:
    """What a FAIL frame says: type, message, traceback, and where the operator was called, each behind its length."""
    kind = type(error)
    name = kind.__qualname__
    if kind.__module__ not in ("builtins", "__main__", None):
        name = f"{kind.__module__}.{name}"
    texts = (name, _safely(lambda: str(error)), _safely(lambda: _traceback(error)) or name, _safely(lambda: _site(error)))
    encoded = (text.encode("utf-8", "backslashreplace") for text in texts)
    return b"".join(len(text).to_bytes(4, "little") + text for text in encoded)


def _traceback(error: BaseException) -> str:
    """The traceback as Python prints it, without the frames through which functions are called."""
    told = traceback.TracebackException.from_exception(error)
    _trim(told, set())
    return "".join(told.format())


def _trim(told: Any, seen: set[int]) -> None:
    if told is None or id(told) in seen:
        return
    seen.add(id(told))
    kept = [frame for frame in told.stack if frame.filename != FILE and not frame.filename.startswith(_HERE)]
    if kept:  # else the error is one of these files, and they are what is there to be told
        told.stack = traceback.StackSummary.from_list(kept)
    _trim(told.__cause__, seen)
    _trim(told.__context__, seen)


def _site(error: BaseException) -> str:
    """Where the failing operator was called: the cause of an error may know more than the error."""
    causes = (error, error.__cause__)
    places = (site_of, resident.site_of, passing.site_of)
    sites = (place(cause.__traceback__) for place in places for cause in causes if cause)
    return next(filter(None, sites), "")


def _safely(text: Callable[[], str]) -> str:
    """A text that user code may refuse to give: an exception's `__str__` may raise too."""
    try:
        return text()
    except Exception as error:
        return f"<its text could not be made: {type(error).__name__}>"


def _updates() -> bytes:
    """What the task has added to accumulators, pickled; nothing if it added nothing."""
    copies = accumulators._worker_updates
    if not copies:
        return b""
    import cloudpickle

    updates: bytes = cloudpickle.dumps([(number, copy._value) for number, copy in copies.items()], 5)
    return updates


def _flush_prints() -> None:
    for stream in (sys.stdout, sys.stderr):
        try:
            stream.flush()
        except Exception:  # a program may have put anything there
            pass
