"""Programs whose checkpoints lie in an object store, where others may write: whose functions are run, and which driver counts.
"""
from __future__ import annotations

import os
import struct
import subprocess
import sys
import zlib
from functools import partial
from pathlib import Path

import pytest

from harness import ON_PYSPARK, eventually
from log_files import changed
from runs import Runs
from stream_programs import batches, note
from tidemill import SparkConf, SparkContext
from tidemill.errors import EngineError

pytestmark = pytest.mark.skipif(ON_PYSPARK, reason="PySpark needs a Hadoop library for them")


def total(new, last):
    return sum(new) + (last or 0)


def context(secret):
    conf = SparkConf(False).setMaster("local[2]").setAppName("stored")
    return SparkContext(conf=conf.set("tidemill.checkpoint.secret", secret) if secret else conf)


class Program(Runs):
    """Sums of the values of each key, on a checkpoint in a bucket."""

    def __init__(self, secret, bucket, out):
        super().__init__(context(secret), bucket.location, lambda pairs: (
            pairs.updateStateByKey(total, 2).foreachRDD(partial(note, out))
        ))

    def again_with(self, secret):
        """Ends the run, and makes what the next process has."""
        self.end()
        self.ssc = None
        self.sc.stop()
        self.sc = context(secret)


KEY = "a key of the test"


def test_a_program_goes_on_from_an_object_store(bucket, no_context, tmp_path):  # behaviour 6.14, 6.19
    out = tmp_path / "out"
    program = Program(KEY, bucket, out)
    program.begin().tick([("a", 1)], [("a", 2), ("b", 1)])
    program.again_with(KEY)
    program.begin().tick([("b", 5)])
    program.again_with(KEY)
    program.begin().tick([("a", 1)])
    assert program.setups == 1
    assert batches(out) == [
        [1.0, [["a", 1]]], [2.0, [["a", 3], ["b", 1]]], [3.0, [["a", 3], ["b", 6]]], [4.0, [["a", 4], ["b", 6]]],
    ]
    program.end()
    assert not any(KEY.encode() in data for data in bucket.objects().values())


# What it was written with, what the next process has, and what it is told; with `trust=True` it always goes on.
@pytest.mark.parametrize(("written", "now", "refused"), [
    (KEY, "another", "was signed with another tidemill.checkpoint.secret, or changed since"),
    (KEY, None, "is signed, and this process was not given tidemill.checkpoint.secret"),
    (None, KEY, "others may write.*from the first start on"),
    (None, None, "others may write.*from the first start on"),
])
def test_only_programs_that_are_signed_are_run(written, now, refused, bucket, no_context, tmp_path):
    out = tmp_path / "out"
    program = Program(written, bucket, out)
    program.begin().tick([("a", 1)], [("a", 2)])
    program.again_with(now)
    with pytest.raises(EngineError, match=refused):
        program.begin()
    program.begin(trust=True).tick([("a", 3)])
    assert batches(out)[-1] == [3.0, [["a", 6]]]
    program.end()


def replaced(program, evil, signed):
    """The bytes of a program with other functions, and the checksum that fits. `signed`: with the signature that was there."""
    head, rest = program[:8], program[12:]
    if not signed:
        head, rest = program[:6] + struct.pack("<H", 0), rest[32:]
    (length,) = struct.unpack_from("<I", rest, 32 if signed else 0)
    begin = (36 if signed else 4) + length
    evil = evil.ljust(len(program) - 12 - begin, b".")
    return head + struct.pack("<I", zlib.crc32(rest[:begin] + evil, zlib.crc32(head[4:]))) + rest[:begin] + evil


@pytest.mark.parametrize("signed", [True, False])
def test_a_program_that_somebody_else_has_changed_is_not_run(signed, bucket, no_context, tmp_path):
    out, trace = tmp_path / "out", tmp_path / "trace"
    program = Program(KEY, bucket, out)
    program.begin().tick([("a", 1)])
    program.again_with(KEY)
    pickled = program_in(bucket)
    evil = b"cos\nsystem\n(S'touch %s'\ntR." % str(trace).encode()
    other = replaced(pickled, evil, signed)
    for name, data in bucket.objects("/batches/").items():
        bucket.write(name, changed(data, lambda record: record.replace(pickled, other)))
    assert program_in(bucket) == other
    with pytest.raises(EngineError, match="or changed since; nothing in it was run" if signed else "others may write"):
        program.begin()
    assert not trace.exists()


def program_in(bucket):
    """The program that a checkpoint holds."""
    from tidemill import _engine

    checkpoint = _engine.Checkpoint.open(bucket.location, {})
    try:
        return checkpoint.program
    finally:
        checkpoint.close()


def test_a_state_that_somebody_else_has_changed_is_not_read(bucket, no_context, tmp_path):
    out = tmp_path / "out"
    program = Program(KEY, bucket, out)
    program.begin().tick([("a", 1)])
    program.again_with(KEY)
    one, nine = (struct.pack("<Qq", 8, number) for number in (1, 9))
    before = bucket.objects("/deltas/")
    for name, data in before.items():
        bucket.write(name, changed(data, lambda record: record.replace(one, nine)))
    assert bucket.objects("/deltas/") != before
    with pytest.raises(EngineError, match="states in the checkpoint are not signed.*or changed since; they were not read"):
        program.begin().tick([("a", 1)])
    program.end()
    assert batches(out) == [[1.0, [["a", 1]]]]


DRIVER = """
import os, sys
sys.path.insert(0, {tests!r})
from functools import partial
from stream_programs import note
from tidemill import SparkContext
from tidemill.streaming import StreamingContext

location, incoming, out = sys.argv[1:]

def setup():
    ssc = StreamingContext(SparkContext("local[2]", "taken over"), 0.25)
    words = ssc.textFileStream(incoming).map(lambda word: (word, 1))
    words.updateStateByKey(lambda new, last: sum(new) + (last or 0), 2).foreachRDD(partial(note, out))
    return ssc

ssc = StreamingContext.getOrCreate(location, setup)
ssc.start()
ssc.awaitTermination()
"""


class Live:
    """A driver in a process of its own, which was given its secret from outside."""

    def __init__(self, folder, location):
        program = folder / "program.py"
        program.write_text(DRIVER.format(tests=str(Path(__file__).parent)), encoding="utf-8")
        words = f"--conf 'tidemill.checkpoint.secret={KEY}' pyspark-shell"
        path = os.pathsep.join(entry for entry in sys.path if entry)
        self.process = subprocess.Popen(
            [sys.executable, str(program), location, str(folder / "incoming"), str(folder / "out")],
            env={**os.environ, "PYTHONPATH": path, "PYSPARK_SUBMIT_ARGS": words}, stderr=subprocess.PIPE, text=True,
        )

    def until(self, condition, what):
        def is_so():
            assert self.process.poll() is None, self.process.stderr.read()
            return condition()

        eventually(is_so, what)


def test_the_newer_driver_takes_over(bucket, tmp_path):  # behaviour 6.14
    (tmp_path / "incoming").mkdir()
    out, drivers = tmp_path / "out", []

    def give(word):
        (tmp_path / "word").write_text(word)
        (tmp_path / "word").rename(tmp_path / "incoming" / f"{len(list((tmp_path / 'incoming').iterdir()))}")

    def last():
        return batches(out)[-1][1] if out.exists() and out.read_text() else None

    try:
        old = Live(tmp_path, bucket.location)
        drivers.append(old)
        old.until(lambda: last() == [], "a first batch")
        give("a")
        old.until(lambda: last() == [["a", 1]], "the first word")
        new = Live(tmp_path, bucket.location)
        drivers.append(new)
        _, errors = old.process.communicate(timeout=60)
        assert old.process.returncode == 1 and "was written by another driver, which has taken over this checkpoint" in errors
        give("a")
        new.until(lambda: last() == [["a", 2]], "the second word")
        assert new.process.poll() is None
    finally:
        for driver in drivers:
            driver.process.kill()
            driver.process.communicate()
