"""A program that is killed and started again, over and over, and what is looked at in between and at the end.

`TIDEMILL_KILLS` is how many kills there are, over all programs, and `TIDEMILL_KILLS_SEED` repeats a run as far as it can be.
"""
from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path
from typing import Callable, NamedTuple, Optional, Sequence

import feeds
from killing import Driver, Mark, Moments, Tally, open_steps
from kills.driving import INTERVAL
from log_files import records
from outcome import Outcome, Saved

KILLS = int(os.environ.get("TIDEMILL_KILLS", "51"))
SEED = int(os.environ.get("TIDEMILL_KILLS_SEED", str(os.getpid())))
# After so many kills of a program it is told how far it is.
PROGRESS = 50
# So many batches after the last record it has come out.
BATCHES_AFTER = 4
# On a busy machine kills come faster than batches, and the last run has all of them to catch up with; in seconds.
CATCHING_UP = 600.0
PROGRAMS = Path(__file__).parent / "kills"


class Program(NamedTuple):
    """A program, how it is run and fed, and what has to come out."""

    file: str
    command: list[str]
    feed: Callable[[Path, int], feeds.Feed]
    check: Callable[[Outcome, Saved], None]


class Killing:
    """A program that is killed again and again."""

    def __init__(self, program: Program, folder: Path, seed: int, saved: Optional[Saved] = None, at: Optional[str] = None) -> None:
        """`saved` is where it saves text, `at` the step at which it is killed, if not at all of them."""
        self._program, self._folder, self._moments = program, folder, Moments(seed, at)
        self._feed = program.feed(folder, seed)
        self._command = [*program.command, str(PROGRAMS / program.file), str(folder), str(self._feed.port)]
        self._saved, self.tally = saved or Saved(folder / "saved"), Tally()
        self._done = 0

    def run(self, kills: int, say: Callable[[str], None]) -> Tally:
        self._feed.start()
        try:
            for number in range(1, kills + 1):
                self._kill()
                if number % PROGRESS == 0:
                    say(f"{self._program.file}: {number} of {kills} kills, {self.tally.inside} in a batch or a log write")
            self._finish()
        finally:
            self._feed.end()
        return self.tally

    def _kill(self) -> None:
        driver = Driver(self._command, self._folder)
        try:
            self._moments.wait(driver)
            marks = driver.kill()
        finally:
            driver.give_up()
        self.tally.hit(open_steps(marks))
        self._look(marks)

    def _look(self, marks: list[Mark]) -> None:
        """Looks at what is there while nobody writes."""
        self._moments.learn(marks)
        again = [mark.time for mark in marks if mark.step == "output" and mark.time <= self._done]
        assert not again, f"batches were done, and their outputs run again: {again}"
        self._done = max([self._done, *times_done(marks)])
        self._saved.look()
        for path in self._folder.glob("checkpoint/**/received/**/*.log"):
            for record in records(path.read_bytes()):
                self._feed.owed.update(feeds.ids_in(record.data))

    def _finish(self) -> None:
        """Lets the program come to an end, and checks what came out."""
        driver = Driver(self._command, self._folder)
        try:
            until_done(driver, "live")
            self._feed.end()
            until_done(driver, "behind the last that was sent")
            driver.stop()
        finally:
            driver.give_up()
        self._saved.look()
        outcome = Outcome(self._folder)
        outcome.complete(self._feed.sent, self._feed.owed)
        self._program.check(outcome, self._saved)
        verified = subprocess.run(
            [sys.executable, "-m", "tidemill", "checkpoint", "verify", str(self._folder / "checkpoint")], capture_output=True, text=True
        )
        assert verified.returncode == 0, verified.stdout + verified.stderr
        self.tally.again, self.tally.batches = outcome.again, len(outcome.all)
        self.tally.records = sum(map(len, outcome.all.values()))


def times_done(marks: Sequence[Mark]) -> list[int]:
    """The batches that are written down as done."""
    return [mark.time for mark in marks if mark.step == "done" and not mark.begins and mark.time]


def until_done(driver: Driver, what: str) -> None:
    """Waits until batches are done that begin later than now."""
    wanted = (time.time() + BATCHES_AFTER * INTERVAL) * 1000
    assert driver.wait(lambda marks: max(times_done(marks), default=0) >= wanted, CATCHING_UP), (
        f"the last run does not come to a batch that is {what}: {driver.errors()}"
    )
