"""How a worker begins: what its zygote prepares for all of them, and what each does for itself after the fork."""
from __future__ import annotations

import ctypes
import faulthandler
import gc
import os
import pickle
import random
import resource
import signal
import socket
import sys
from typing import Dict, List, Optional

__all__ = ["prepare", "work"]

_PDEATHSIG, _NAME = 1, 15  # options of prctl
_OOM_SCORE = b"500"  # if memory runs out, the system should end a worker and not the driver

# Unpickling makes containers by thousands that live: Python's own 700 would have them all visited again and again.
_GC_THRESHOLD = 20_000

_libc: Optional[ctypes.CDLL] = None
_hard_memory = 0


def prepare(settings: Dict[str, List[str]]) -> None:
    """Makes this process a zygote: paths, imports, and the first call of what is slow at its first call."""
    global _libc, _hard_memory
    (cwd,) = settings["cwd"]
    os.chdir(cwd)
    told = settings.get("sys_path", [])
    sys.path[:] = told + [path for path in sys.path if path not in told]
    _hard_memory = int(settings["hard_memory"][0])
    _libc = ctypes.CDLL(None)
    import cloudpickle  # noqa: F401

    from tidemill import broadcast, files
    from tidemill.worker import external

    broadcast._folder = settings["broadcasts"][0]
    files.SparkFiles._is_running_on_worker = True
    files.SparkFiles._root_directory = settings["files"][0]
    external.configure(int(settings["memory"][0]), settings.get("scratch", []))
    if settings.get("pyspark_alias"):
        from tidemill.pyspark_alias import install_as_pyspark

        install_as_pyspark()
    _rehearse()
    # What is there now stays out of the workers' collections: they would write to memory that they share.
    gc.collect()
    gc.freeze()
    gc.set_threshold(_GC_THRESHOLD, 10, 10)


def _rehearse() -> None:
    """Runs a first chain, here where it is slow once for all."""
    from tidemill.worker import serve
    from tidemill.worker.chain import Chain

    description = {"ops": (("map", len, ""),), "sink": ("rows",), "paths": (), "batch": 0}
    list(Chain(pickle.loads(pickle.dumps(description))).run([(0, 0, b"tide\nmill")], None))
    try:
        raise ValueError
    except ValueError as error:
        serve.describe(error)


def work(zygote: int, connection: int, last_words: int) -> None:
    """Makes this process, just forked, a worker, and serves the driver on the descriptor `connection` until its end."""
    _die_with(zygote)
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    signal.signal(signal.SIGINT, signal.default_int_handler)
    faulthandler.enable(os.fdopen(last_words, "wb", buffering=0))  # the driver can read it after our death
    try:
        with open("/proc/self/oom_score_adj", "wb") as file:
            file.write(_OOM_SCORE)
    except OSError:
        pass
    _limit()
    random.seed()  # else all workers would draw the same numbers
    # Lines are written whole: workers share the console, and an unbuffered driver is no reason to mix their words.
    sys.stdout.reconfigure(line_buffering=True, write_through=False)  # type: ignore[union-attr]
    from tidemill.worker.link import Link
    from tidemill.worker.serve import Server

    Server(Link(socket.socket(fileno=connection))).run()


def _die_with(zygote: int) -> None:
    """Lets the system kill this process when the zygote ends."""
    assert _libc is not None
    _libc.prctl(_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
    _libc.prctl(_NAME, b"tidemill-worker", 0, 0, 0)
    if os.getppid() != zygote:  # it ended before the call
        os._exit(0)


def _limit() -> None:
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    if _hard_memory:
        with open("/proc/self/statm", "rb") as file:
            here = int(file.read().split()[0]) * resource.getpagesize()
        limit = here + _hard_memory
        resource.setrlimit(resource.RLIMIT_AS, (limit, limit))
