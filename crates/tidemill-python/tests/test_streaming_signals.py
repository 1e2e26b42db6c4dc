"""Ctrl-C and SIGTERM while a stream runs: what had arrived is processed, and the program ends as a program should."""
from __future__ import annotations

import os
import signal
import subprocess
import sys

import pytest

from harness import TextServer, eventually

# A batch takes longer than any test: what is printed was printed because of the stop.
PROGRAM = """
import warnings
warnings.simplefilter("ignore")
from tidemill import SparkContext
from tidemill.streaming import StreamingContext
sc = SparkContext("local[2]", "signals")
ssc = StreamingContext(sc, 1000)
ssc.socketTextStream("localhost", {port}).foreachRDD(lambda rdd: print(rdd.collect(), flush=True))
ssc.start()
say = lambda text: print(text, flush=True)
{then}
"""


@pytest.fixture
def server():
    server = TextServer()
    yield server
    server.close()


@pytest.fixture
def started(server):
    programs = []

    def start(then="say('started')\nssc.awaitTermination()"):
        path = os.pathsep.join(entry for entry in sys.path if entry)
        programs.append(subprocess.Popen(
            [sys.executable, "-c", PROGRAM.format(port=server.port, then=then)], env={**os.environ, "PYTHONPATH": path},
            stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        ))
        assert programs[-1].stdout.readline() == "started\n"
        server.accept(gone=lambda: programs[-1].poll() is not None)
        return programs[-1]

    yield start
    for program in programs:
        program.kill()
        program.communicate()


@pytest.mark.parametrize("number, code", [(signal.SIGINT, -signal.SIGINT), (signal.SIGTERM, 128 + signal.SIGTERM)])
def test_what_has_arrived_is_processed_before_the_end(started, server, number, code):
    program = started()
    server.send("one\ntwo\n")
    program.send_signal(number)
    out, err = program.communicate(timeout=60)
    assert out == "['one', 'two']\n", err
    assert program.returncode == code
    assert ("KeyboardInterrupt" in err) == (number == signal.SIGINT)


def test_a_program_may_answer_ctrl_c_itself_and_the_stream_goes_on(started, server):
    program = started("""
try:
    say("started")
    ssc.awaitTermination()
except KeyboardInterrupt:
    say(ssc._jssc.getState())
ssc.stop(True, True)
""")
    server.send("one\n")
    program.send_signal(signal.SIGINT)
    out, err = program.communicate(timeout=60)
    assert (out, program.returncode) == ("ACTIVE\n['one']\n", 0), err


def test_a_program_that_just_ends_does_not_wait(started):
    program = started("say('started')")
    out, err = program.communicate(timeout=60)
    assert (out, err, program.returncode) == ("", "", 0)


def test_a_program_keeps_a_handler_of_its_own(started):
    program = started("""
import signal, sys
signal.signal(signal.SIGTERM, lambda *_: (say("mine"), sys.exit(3)))
say("started")
ssc.awaitTermination()
""")
    program.send_signal(signal.SIGTERM)
    out, err = program.communicate(timeout=60)
    assert (out, program.returncode) == ("mine\n", 3), err


@pytest.mark.parametrize("output", ["while True: pass", "import time; time.sleep(1000)"])
def test_an_output_that_does_not_return_keeps_nobody(output):
    program = """
import warnings
warnings.simplefilter("ignore")
from threading import Event
from tidemill import SparkContext
from tidemill.streaming import StreamingContext
sc = SparkContext("local[2]", "busy")
ssc = StreamingContext(sc, 0.1)
is_called = Event()
def spin(rdd):
    is_called.set()
    {output}
ssc.queueStream([[1]]).foreachRDD(spin)
ssc.start()
is_called.wait()
"""
    path = os.pathsep.join(entry for entry in sys.path if entry)
    ended = subprocess.run(
        [sys.executable, "-c", program.format(output=output)], env={**os.environ, "PYTHONPATH": path}, timeout=60,
        capture_output=True, text=True,
    )
    assert ended.returncode == 0, ended.stderr
