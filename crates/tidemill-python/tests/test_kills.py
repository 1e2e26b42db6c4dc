"""Programs are killed with SIGKILL at any instant and started again by the same command: nothing is lost, nothing is there twice.

`TIDEMILL_KILLS` is how many kills there are, over all programs, and `TIDEMILL_KILLS_SEED` repeats a run as far as it can be.
"""
from __future__ import annotations

import os
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Callable, NamedTuple, Sequence

import pytest

import feeds
from harness import ON_PYSPARK
from killing import Driver, Mark, Moments, Tally, mark_of, open_steps
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


def check_files(outcome, saved):
    outcome.compare("sums", outcome.sums())
    outcome.compare("inverse", outcome.inverse())
    outcome.compare("window", outcome.window())
    assert saved.batches() == outcome.all


def check_lines(outcome, saved):
    outcome.compare("joined", outcome.joined("raw", "raw"))
    assert outcome.in_table() == {time: ids for time, ids in outcome.all.items() if ids}


def check_records(outcome, saved):
    outcome.compare("joined", outcome.joined("raw-left", "raw-right"))
    outcome.compare("sums", outcome.sums())


ALL = [
    Program("files.py", [sys.executable, "-m", "tidemill", "run"], feeds.Files, check_files),
    Program("lines.py", [sys.executable], feeds.Lines, check_lines),
    Program("records.py", [sys.executable], feeds.records, check_records),
]


class Killing:
    """A program that is killed again and again."""

    def __init__(self, program: Program, folder: Path, seed: int) -> None:
        self._program, self._folder, self._moments = program, folder, Moments(seed)
        self._feed = program.feed(folder, seed)
        self._command = [*program.command, str(PROGRAMS / program.file), str(folder), str(self._feed.port)]
        self._saved, self.tally = Saved(folder), Tally()
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


def run_all(folder: Path, kills: int, say: Callable[[str], None]) -> Tally:
    """Kills all programs at the same time: they wait for disks and for the next batch much of their time."""
    whole = Tally()

    def run(number: int) -> Tally:
        program = ALL[number]
        place = folder / program.file
        place.mkdir()
        tally = Killing(program, place, SEED + number).run(-(-kills // len(ALL)), say)
        say(f"{program.file}: {tally}")
        return tally

    with ThreadPoolExecutor(len(ALL)) as threads:
        for tally in threads.map(run, range(len(ALL))):
            whole.add(tally)
    return whole


@pytest.mark.skipif(ON_PYSPARK, reason="PySpark takes what a killed batch has left for the whole")
@pytest.mark.timeout(1200 + 10 * KILLS)
def test_nothing_is_lost_and_nothing_twice(tmp_path, capsys):  # behaviour 2.32, 6.2, 6.5, 6.9, 6.14, 6.19, 6.20, 10.11
    begun = time.monotonic()
    with capsys.disabled():
        print(f"\n{KILLS} kills, seed {SEED}")
        whole = run_all(tmp_path, KILLS, lambda text: print(text, flush=True))
        print(f"all: {whole}; {time.monotonic() - begun:.0f} s")
    assert whole.inside * 2 >= whole.kills, "fewer than half of the kills hit a batch or a log write"


def test_marks_are_read_from_the_log():
    lines = {
        "2026-11-22T03:00:00.1Z TRACE batch{time=5}: enter": (True, "batch", 5),
        "2026-11-22T03:00:00.1Z TRACE batch{time=5}:output{time=7}: exit": (False, "output", 7),
        "2026-11-22T03:00:00.1Z TRACE batch{time=5}:block write: enter": (True, "block write", None),
        "2026-11-22T03:00:00.1Z TRACE begin: exit": (False, "begin", None),
        "2026-11-22T03:00:00.1Z  WARN batch{time=5}: What was there: enter": None,
        "a program's own: enter": None,
    }
    assert [mark_of(line) for line in lines] == list(lines.values())
    marks = [mark_of(line) for line in lines][:4]
    assert open_steps(marks) == ["batch", "block write"]
