"""A program of files, state and folders is killed with SIGKILL at any instant and started again by the same command."""
from __future__ import annotations

import ast
import os
import random
import signal
import subprocess
import sys
import time
from collections import Counter

import pytest

from harness import ON_PYSPARK, eventually, lines

PROGRAM = """
import sys
from tidemill import SparkContext
from tidemill.streaming import StreamingContext

checkpoint, incoming, out = sys.argv[1:]

def count(new, last):
    return sum(new) + (last or 0)

def setup():
    ssc = StreamingContext(SparkContext("local[2]", "counts"), 0.25)
    words = ssc.textFileStream(incoming).flatMap(lambda line: line.split(" "))
    words.saveAsTextFiles(out + "/words")
    words.map(lambda word: (word, 1)).updateStateByKey(count, 2).saveAsTextFiles(out + "/counts")
    return ssc

ssc = StreamingContext.getOrCreate(checkpoint, setup)
ssc.start()
ssc.awaitTermination()
"""

# More of them find more: `TIDEMILL_KILLS=200`.
KILLS = int(os.environ.get("TIDEMILL_KILLS", "4"))
# Seconds between files.
PAUSE = 0.03
VOCABULARY = ["to", "be", "or", "not", "that", "is", "the", "question"]


class Killed:
    """A program that is killed and started, with what comes out of it."""

    def __init__(self, command, folder, seed):
        self.folder, self.draw = folder, random.Random(seed)
        self.incoming, self.out = folder / "incoming", folder / "out"
        self.incoming.mkdir()
        self.out.mkdir()
        program = folder / "program.py"
        program.write_text(PROGRAM, encoding="utf-8")
        self.command = [*command, str(program), str(folder / "checkpoint"), str(self.incoming), str(self.out)]
        self.given, self.files, self.process = Counter(), 0, None
        self.errors = open(folder / "errors", "ab")

    def start(self):
        path = os.pathsep.join(entry for entry in sys.path if entry)
        self.process = subprocess.Popen(
            self.command, env={**os.environ, "PYTHONPATH": path}, cwd=self.folder, stdout=self.errors, stderr=self.errors
        )

    def kill(self):
        self.process.send_signal(signal.SIGKILL)
        self.process.wait(60)

    def give(self):
        """One more file, which appears when it is complete."""
        words = [self.draw.choice(VOCABULARY) for _ in range(self.draw.randrange(1, 20))]
        self.given.update(words)
        written = self.folder / f"file-{self.files}"
        written.write_text(" ".join(words) + "\n", encoding="utf-8")
        written.rename(self.incoming / written.name)
        self.files += 1

    def done(self, kind):
        """The times of the batches that are complete."""
        names = [name for name in os.listdir(self.out) if name.startswith(kind) and (self.out / name / "_SUCCESS").exists()]
        return sorted(int(name.rpartition("-")[2]) for name in names)

    def run_until(self, batches):
        """Gives files until there are that many batches more."""
        goal = len(self.done("counts")) + batches
        given = 0.0

        def arrived():
            nonlocal given
            assert self.process.poll() is None, (self.folder / "errors").read_text()
            done = len(self.done("counts"))
            # What was there before the program was ever started is none of its business (behaviour 1.14).
            if done > 0 and time.monotonic() > given + PAUSE:
                self.give()
                given = time.monotonic()
            return done >= goal

        eventually(arrived, f"{batches} more batches")

    def words(self, time):
        return Counter(lines(str(self.out / f"words-{time}")))

    def counts(self, time):
        return Counter(dict(map(ast.literal_eval, lines(str(self.out / f"counts-{time}")))))


def run_and_kill(command, folder, seed, kills):
    run = Killed(command, folder, seed)
    try:
        for _ in range(kills):
            run.start()
            run.run_until(run.draw.randrange(0, 4))
            # Anywhere in a batch, between two, or before the first.
            pause = run.draw.random() * run.draw.choice([0.3, 0.3, 2])
            try:
                run.process.wait(pause)
            except subprocess.TimeoutExpired:
                pass
            run.kill()
        run.start()
        run.run_until(1)
        wanted = run.given
        eventually(lambda: run.done("counts") and run.counts(run.done("counts")[-1]) == wanted, "all counts")
        run.kill()
    finally:
        run.process.kill()
        run.process.wait(60)
        run.errors.close()
    return run


def check(run):
    times = [time for time in run.done("counts") if time in run.done("words")]
    assert times == list(range(times[0], times[-1] + 1, 250)), "batches are missing"
    seen = Counter()
    for time in times:
        seen.update(run.words(time))
        assert run.counts(time) == seen, f"batch {time}"
    assert seen == run.given


@pytest.mark.skipif(ON_PYSPARK, reason="PySpark takes what a killed batch has left for the whole")
@pytest.mark.parametrize("command", [[sys.executable], [sys.executable, "-m", "tidemill", "run"]], ids=["python", "tidemill run"])
def test_nothing_is_lost_and_nothing_twice(command, tmp_path):  # behaviour 6.2, 6.9, 6.14, 6.19, 10.11
    check(run_and_kill(command, tmp_path, seed=20261121, kills=KILLS))
