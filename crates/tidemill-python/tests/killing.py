"""Programs that are killed by SIGKILL and started again: how they are started, when they are killed, and what the kills hit."""
from __future__ import annotations

import os
import random
import re
import signal
import subprocess
import sys
import threading
import time
from collections import Counter
from pathlib import Path
from typing import Callable, NamedTuple, Optional, Sequence

# Longer than a program needs for anything, in seconds.
PATIENCE = 120.0
# So long a moment to kill at is waited for, once the program tells of steps: one may not come again.
MOMENT = 1.0
# Steps that only a restart has: a kill there hits neither a batch nor the write of a log.
OUTSIDE = {"begin"}
# A line of the log at level TRACE that tells of a step: behind the steps around it its name, its batch, and what happens.
_MARK = re.compile(r" TRACE (?:.*:)?([a-z ]+?)(?:\{time=(\d+)\})?: (enter|exit)$")


class Mark(NamedTuple):
    """A program begins a step, or ends one."""

    begins: bool
    step: str
    time: Optional[int]
    """The batch, where the step has one."""


def mark_of(line: str) -> Optional[Mark]:
    """What a line of a log tells of a step, if it does."""
    found = _MARK.search(line)
    return found and Mark(found[3] == "enter", found[1], found[2] and int(found[2]))


def open_steps(marks: Sequence[Mark]) -> list[str]:
    """The steps that were begun and not ended."""
    count: Counter[str] = Counter()
    for mark in marks:
        count[mark.step] += 1 if mark.begins else -1
    return sorted(step for step, more in count.items() if more > 0)


class Driver:
    """A program that runs, and what it says of its steps. All else that it says is added to the file `errors`."""

    def __init__(self, command: Sequence[str], folder: Path) -> None:
        path = os.pathsep.join(entry for entry in sys.path if entry)
        self._said = folder / "errors"
        errors = open(self._said, "ab")
        self._process = subprocess.Popen(
            command, env={**os.environ, "PYTHONPATH": path}, cwd=folder, stdin=subprocess.DEVNULL, stdout=errors,
            stderr=subprocess.PIPE,
        )
        self._marks: list[Mark] = []
        self._changed = threading.Condition()
        self._listener = threading.Thread(target=self._listen, args=(errors,), daemon=True)
        self._listener.start()

    def _listen(self, errors) -> None:
        with errors, self._process.stderr as said:
            for line in said:
                mark = mark_of(line.decode("utf-8", "replace").rstrip("\n"))
                if mark is None:
                    errors.write(line)
                    errors.flush()
                else:
                    with self._changed:
                        self._marks.append(mark)
                        self._changed.notify_all()

    def wait(self, enough: Callable[[list[Mark]], bool], within: float) -> bool:
        """Waits until there are `enough` marks, or so long; whether it was enough."""
        until = time.monotonic() + within
        with self._changed:
            while not enough(self._marks):
                left = until - time.monotonic()
                if left <= 0 or not self._changed.wait(left):
                    return enough(self._marks)
        return True

    def marks(self) -> list[Mark]:
        """All that it ever says: it has to be killed, and its workers have to end with it."""
        self._listener.join(PATIENCE)
        assert not self._listener.is_alive(), "workers outlive their driver"
        return self._marks

    def kill(self) -> list[Mark]:
        """Ends it by SIGKILL, and gives what it said. It must not have ended before."""
        ended = self._process.poll()
        assert ended is None, f"the program ended by itself with {ended}: {self.errors()}"
        self._process.send_signal(signal.SIGKILL)
        self._process.wait(PATIENCE)
        return self.marks()

    def stop(self) -> list[Mark]:
        """Lets it end by itself, as SIGTERM does."""
        self._process.send_signal(signal.SIGTERM)
        assert self._process.wait(PATIENCE) == 128 + signal.SIGTERM, self.errors()
        return self.marks()

    def give_up(self) -> None:
        """Ends it in any case."""
        self._process.kill()
        self._process.wait(PATIENCE)

    def errors(self) -> str:
        """The last that was said, by this program and those before."""
        return "\n".join(self._said.read_text(errors="replace").splitlines()[-40:])


class Moments:
    """Random moments to kill at: most of them when a step begins or ends, or a little later."""

    def __init__(self, seed: int, at: Optional[str] = None) -> None:
        """`at`: the only step at whose begin it is, or a little later."""
        self._draw, self._at = random.Random(seed), at
        self._known = {(True, "batch")}

    def learn(self, marks: Sequence[Mark]) -> None:
        """Knows from now on the steps that there were."""
        self._known.update((mark.begins, mark.step) for mark in marks)

    def wait(self, driver: Driver) -> None:
        """Returns when it is time."""
        choice = self._draw.randrange(10)
        if self._at is None and choice < 2:
            pause = self._draw.random() * 1.5  # from the start of the process on
        else:
            wanted = self._draw.choice(sorted(self._known)) if self._at is None else (True, self._at)
            times = self._draw.randrange(1, 5)
            driver.wait(bool, PATIENCE)
            driver.wait(lambda marks: sum(mark[:2] == wanted for mark in marks) >= times, MOMENT if self._at is None else PATIENCE)
            pause = self._draw.random() * (0, 0.002, 0.03)[choice % 3]
        threading.Event().wait(pause)


class Tally:
    """What kills of programs hit, and what came out."""

    def __init__(self) -> None:
        self.kills = self.inside = self.batches = self.again = self.records = 0
        self.steps: Counter[str] = Counter()

    def hit(self, steps: Sequence[str]) -> None:
        """Counts a kill that came while those steps were under way."""
        self.kills += 1
        self.inside += bool(set(steps) - OUTSIDE)
        self.steps.update(steps)

    def add(self, other: Tally) -> None:
        """Counts what another one has counted."""
        self.kills, self.inside, self.batches = self.kills + other.kills, self.inside + other.inside, self.batches + other.batches
        self.again, self.records = self.again + other.again, self.records + other.records
        self.steps.update(other.steps)

    def __str__(self) -> str:
        steps = ", ".join(f"{step} {count}" for step, count in sorted(self.steps.items()))
        return (
            f"{self.kills} kills, {self.inside} in a batch or a log write ({steps}); {self.batches} batches, "
            f"{self.again} of them more than once, {self.records} records once each"
        )
