"""Folders of output: what is seen of them while they are written, and what a program leaves that is killed."""
from __future__ import annotations

import os
import signal
import subprocess
import sys
from functools import partial

import pytest

from harness import eventually

SAVERS = ("saveAsTextFile", "saveAsPickleFile", "saveAsSequenceFile")
PROGRAM = """
import os, sys, time
from tidemill import SparkContext

saver, out, began = sys.argv[1:]

def slow(pair):
    open(began, "w").close()
    time.sleep(600)
    return pair

sc = SparkContext("local[1]", "slow")
pairs = sc.parallelize([("a", 1), ("b", 2)], 1)
getattr(pairs.mapPartitionsWithIndex(lambda _, pairs: (slow(p) if p[0] == "b" else p for p in pairs)), saver)(out)
"""


def listed(folder, value):
    return (",".join(sorted(name for name in os.listdir(folder) if not name.startswith("."))), value)


@pytest.mark.parametrize("saver", SAVERS)
def test_an_output_appears_as_a_whole(saver, sc, tmp_path):
    out = tmp_path / "out"
    pairs = sc.parallelize(range(20), 4).map(partial(listed, str(tmp_path)))
    getattr(pairs, saver)(str(out))
    assert sorted(os.listdir(tmp_path)) == ["out"]
    assert sorted(os.listdir(out)) == ["_SUCCESS", *(f"part-0000{number}" for number in range(4))]
    found = {
        "saveAsTextFile": lambda: [eval(line) for line in sc.textFile(str(out)).collect()],
        "saveAsPickleFile": lambda: sc.pickleFile(str(out)).collect(),
        "saveAsSequenceFile": lambda: sc.sequenceFile(str(out)).collect(),
    }[saver]()
    assert sorted(found) == [("", number) for number in range(20)], "nothing was seen while it was written"


@pytest.mark.parametrize("saver", SAVERS)
def test_what_a_killed_program_left_does_not_stay(saver, sc, tmp_path):
    out, began, program = tmp_path / "out", tmp_path / "began", tmp_path / "program.py"
    program.write_text(PROGRAM)
    path = os.pathsep.join(entry for entry in sys.path if entry)
    process = subprocess.Popen(
        [sys.executable, str(program), saver, str(out), str(began)], env={**os.environ, "PYTHONPATH": path}
    )
    save = getattr(sc.parallelize([("c", 3)], 1), saver)
    try:
        eventually(lambda: began.exists() or process.poll() is not None, "the program writes")
        with pytest.raises(Exception, match="FileAlreadyExistsException: .*another job writes it"):
            save(str(out))
    finally:
        process.send_signal(signal.SIGKILL)
        process.wait(60)
    assert not out.exists() and (tmp_path / ".out._temporary").exists()
    save(str(out))
    assert sorted(os.listdir(out)) == ["_SUCCESS", "part-00000"] and not (tmp_path / ".out._temporary").exists()
