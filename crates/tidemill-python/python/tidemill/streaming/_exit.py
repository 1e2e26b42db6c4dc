"""The end of a program whose stream still runs: Ctrl-C and SIGTERM let what was received be processed first."""
from __future__ import annotations

import atexit
import ctypes
import signal
import sys
import threading
import time
from types import FrameType
from typing import TYPE_CHECKING, Optional

from tidemill.streaming._calling import called_threads

if TYPE_CHECKING:
    from tidemill.streaming.context import StreamingContext

_started: list[StreamingContext] = []
_is_watching = False
# Seconds that a function may take to notice that it is over; one that waits for something else notices nothing.
_PATIENCE = 1.0
_is_terminated = False


def watch(ssc: StreamingContext) -> None:
    """Ends `ssc` with the program: gracefully after an uncaught Ctrl-C and after SIGTERM, at once otherwise."""
    global _is_watching
    _started[:] = [each for each in _started if each._engine.state == "ACTIVE"]
    _started.append(ssc)
    if not _is_watching:
        _is_watching = True
        atexit.register(_stop_all)
    is_main = threading.current_thread() is threading.main_thread()
    if is_main and signal.getsignal(signal.SIGTERM) is signal.SIG_DFL:
        signal.signal(signal.SIGTERM, _on_terminate)


def _on_terminate(number: int, frame: Optional[FrameType]) -> None:
    """Ends the program as an uncaught exception would: files are closed, and streams stop gracefully."""
    global _is_terminated
    _is_terminated = True
    signal.signal(number, signal.SIG_DFL)  # a second one ends it now
    if not any(ssc._engine.state == "ACTIVE" for ssc in _started):
        signal.raise_signal(number)
    raise SystemExit(128 + number)


def _stop_all() -> None:
    interrupted = getattr(sys, "last_type", None)
    graceful = _is_terminated or (interrupted is not None and issubclass(interrupted, KeyboardInterrupt))
    for ssc in _started:
        try:
            ssc.stop(stopSparkContext=False, stopGraceFully=graceful)
        except KeyboardInterrupt:  # again: not so gracefully
            ssc.stop(stopSparkContext=False, stopGraceFully=False)
    _interrupt_functions()


def _interrupt_functions() -> None:
    """Ends functions that did not return when their stream was stopped: a thread that still runs Python code when the
    interpreter goes would take the process down with it."""
    raise_in = ctypes.pythonapi.PyThreadState_SetAsyncExc
    for thread in list(called_threads):
        raise_in(ctypes.c_ulong(thread), ctypes.py_object(SystemExit))
    until = time.monotonic() + _PATIENCE
    while called_threads and time.monotonic() < until:
        time.sleep(0.01)
