"""A program that reads lines from a socket into the log is killed with SIGKILL at any instant and started again."""
from __future__ import annotations

import os
import random
import re
import signal
import socket
import subprocess
import sys
import threading

import pytest

from harness import ON_PYSPARK, eventually, lines

PROGRAM = """
import sys
from tidemill import SparkConf, SparkContext
from tidemill.streaming import StreamingContext

checkpoint, port, out = sys.argv[1:]

def setup():
    conf = SparkConf().setMaster("local[2]").setAppName("lines")
    conf.set("spark.streaming.receiver.writeAheadLog.enable", "true")
    conf.set("spark.streaming.blockInterval", "20ms")
    conf.set("spark.streaming.receiverRestartDelay", "50ms")
    ssc = StreamingContext(SparkContext(conf=conf), 0.1)
    ssc.socketTextStream("127.0.0.1", int(port)).saveAsTextFiles(out + "/lines")
    return ssc

ssc = StreamingContext.getOrCreate(checkpoint, setup)
ssc.start()
ssc.awaitTermination()
"""

# More of them find more: `TIDEMILL_KILLS=200`.
KILLS = int(os.environ.get("TIDEMILL_KILLS", "4"))
LINE = re.compile(rb"<(\d+)>\n")


class Sender:
    """Sends numbered lines to whoever connects, one after the other, until it is told to end."""

    def __init__(self):
        self.server = socket.create_server(("127.0.0.1", 0))
        self.server.settimeout(0.1)
        self.port = self.server.getsockname()[1]
        self.sent, self.ended = 0, threading.Event()
        self.thread = threading.Thread(target=self.run)
        self.thread.start()

    def run(self):
        while not self.ended.is_set():
            try:
                peer, _ = self.server.accept()
            except TimeoutError:
                continue
            except socket.timeout:  # another error up to Python 3.9
                continue
            with peer:
                try:
                    while not self.ended.is_set():
                        self.sent += 1
                        peer.sendall(b"<%d>\n" % self.sent)
                        if self.sent % 50 == 0:
                            self.ended.wait(0.002)
                except OSError:
                    pass  # the program was killed

    def end(self):
        self.ended.set()
        self.thread.join()
        self.server.close()


class Killed:
    """A program that is killed and started, with what its log holds and what comes out of it."""

    def __init__(self, folder, port):
        self.folder, self.out, self.process = folder, folder / "out", None
        self.out.mkdir()
        program = folder / "program.py"
        program.write_text(PROGRAM, encoding="utf-8")
        self.command = [sys.executable, str(program), str(folder / "checkpoint"), str(port), str(self.out)]
        self.errors = open(folder / "errors", "ab")

    def start(self):
        path = os.pathsep.join(entry for entry in sys.path if entry)
        self.process = subprocess.Popen(
            self.command, env={**os.environ, "PYTHONPATH": path}, cwd=self.folder, stdout=self.errors, stderr=self.errors
        )

    def kill(self):
        self.process.send_signal(signal.SIGKILL)
        self.process.wait(60)

    def in_log(self):
        """The lines that lie in the log, as a reader of its files finds them."""
        found = set()
        for path in (self.folder / "checkpoint").rglob("received/**/*.log"):
            found.update(map(int, LINE.findall(path.read_bytes())))
        return found

    def came_out(self):
        """The lines of all complete batches, in their order."""
        names = [name for name in os.listdir(self.out) if (self.out / name / "_SUCCESS").exists()]
        names.sort(key=lambda name: int(name.rpartition("-")[2]))
        return [int(line.strip("<>")) for name in names for line in lines(str(self.out / name))]

    def run_until(self, more):
        goal = len(self.came_out()) + more

        def arrived():
            assert self.process.poll() is None, (self.folder / "errors").read_text()
            return len(self.came_out()) >= goal

        eventually(arrived, f"{more} more lines")


@pytest.mark.skipif(ON_PYSPARK, reason="PySpark takes what a killed batch has left for the whole")
def test_what_is_in_the_log_comes_out_once(tmp_path):  # behaviour 2.32, 6.5, 6.20
    draw, sender, logged = random.Random(20261122), Sender(), set()
    run = Killed(tmp_path, sender.port)
    try:
        for _ in range(KILLS):
            run.start()
            run.run_until(draw.randrange(1, 500))
            sender.ended.wait(draw.random() * 0.3)
            run.kill()
            logged |= run.in_log()
        run.start()
        run.run_until(1)
        logged |= run.in_log()
        eventually(lambda: logged <= set(run.came_out()), "what was in the log")
    finally:
        sender.end()
        run.process.kill()
        run.process.wait(60)
        run.errors.close()
    out = run.came_out()
    assert len(logged) > 100
    assert out == sorted(set(out)), "in the order in which they came, each once"
