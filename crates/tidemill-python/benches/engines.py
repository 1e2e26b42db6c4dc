"""Ways to run a benchmark's program: Tidemill, the peers it is held against, and plain Python."""
from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import processes

HERE = Path(__file__).parent
GIVE_UP = 900.0
"""Seconds after which a program is taken to hang."""


@dataclass(frozen=True)
class Engine:
    """Who runs a program, and how."""

    label: str
    command: tuple[str, ...]
    folder: str = "programs"

    def arguments(self, program: str, *arguments: object) -> list[str]:
        """The command line of `program`."""
        return [*self.command, str(HERE / self.folder / f"{program}.py"), *map(str, arguments)]


def tidemill(python: str) -> Engine:
    """The package that `python` has, by the command that people use."""
    script = Path(python).parent / "tidemill"
    by_module = (python, "-c", "import sys; from tidemill.command import main; sys.exit(main())")
    return Engine("Tidemill", (*((str(script),) if script.exists() else by_module), "run"))


def plain(python: str) -> Engine:
    """No engine: a Python program."""
    return Engine("one CPython process", (python,))


def peers(folder: Path) -> list[Engine]:
    """What is installed in the virtual environment `folder`."""
    python = str(folder / "bin" / "python")
    found = [Engine("PySpark", (python,))]
    return found + [
        Engine(name, (python,), f"peers/{name.lower()}")
        for name in ("Bytewax", "Pathway")
        if list(folder.glob(f"lib/*/site-packages/{name.lower()}"))
    ]


@contextmanager
def started(engine: Engine, program: str, *arguments: object, log: Path) -> Iterator[subprocess.Popen[str]]:
    """The running program, its standard output in a pipe; at the end nothing is left of it."""
    environment = {**os.environ, "PYSPARK_PYTHON": engine.command[0], "SPARK_LOCAL_IP": "127.0.0.1"}
    if engine.label == "Tidemill":
        environment.pop("PYSPARK_PYTHON")
    with open(log, "w") as errors:
        process = subprocess.Popen(
            engine.arguments(program, *arguments), stdout=subprocess.PIPE, stderr=errors, text=True, env=environment
        )
    try:
        yield process
    finally:
        for pid in processes.tree(process.pid):
            try:
                os.kill(pid, signal.SIGKILL)
            except ProcessLookupError:
                pass
        process.wait()
        assert process.stdout is not None
        process.stdout.close()


def figures(engine: Engine, program: str, *arguments: object, log: Path) -> dict[str, Any]:
    """Runs the program to its end; what it tells of itself.

    And `cpu`, the processor time of all its processes, and `jobs`, what each job but the first took of that.
    """
    with started(engine, program, *arguments, log=log) as process:
        assert process.stdout is not None
        until = time.monotonic() + GIVE_UP
        marks: list[float] = []
        for line in process.stdout:
            if line == "JOB\n":
                marks.append(processes.processor_seconds(process.pid))
            if line.startswith("BENCH "):
                told: dict[str, Any] = json.loads(line[6:])
                told["cpu"] = processes.processor_seconds(process.pid)
                told["jobs"] = [later - before for before, later in zip(marks, marks[1:])]
                return told
            if time.monotonic() > until:
                break
    raise RuntimeError(f"{engine.label}: {program} ended without figures; what it said is in {log}")


class Feeder:
    """A server that feeds a program, in a process of its own; see `feed.py`."""

    def __init__(self, *what: object) -> None:
        command = [sys.executable, str(HERE / "feed.py"), *map(str, what)]
        self._process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        self.port = int(self._line())

    def __enter__(self) -> Feeder:
        return self

    def __exit__(self, *_: object) -> None:
        self._process.kill()
        self._process.communicate()

    def first_byte(self) -> float:
        """When the first byte went out."""
        return float(self._line())

    def _line(self) -> str:
        assert self._process.stdout is not None
        return self._process.stdout.readline()


def scratch(path: Path) -> str:
    """An empty folder for a program's own files."""
    shutil.rmtree(path, ignore_errors=True)
    path.mkdir(parents=True)
    return str(path)


