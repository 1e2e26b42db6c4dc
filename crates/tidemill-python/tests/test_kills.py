"""Programs are killed with SIGKILL at any instant and started again by the same command: nothing is lost, nothing is there twice."""
from __future__ import annotations

import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Callable

import pytest

import feeds
from harness import ON_PYSPARK
from killed_programs import KILLS, SEED, Killing, Program
from killing import Tally, mark_of, open_steps


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
