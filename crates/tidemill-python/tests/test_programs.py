"""Whole programs as users wrote them, run by the command over real TCP, and stopped as users stop them."""
from __future__ import annotations

import ast
import os
import re
import signal
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from harness import TextServer, eventually

REPOSITORY = Path(__file__).resolve().parents[3]


def programs():
    """The folder of users' programs beside the clone, or the package's own examples of the same shape."""
    beside = Path(os.environ.get("TIDEMILL_PROGRAMS") or REPOSITORY.parent / "shared" / "programs")
    if beside.is_dir():
        names = ("word_count.py", "word_count_all_cores.py", "word_count_two_seconds.py")
        return {name: beside / name for name in names}
    examples = REPOSITORY / "crates" / "tidemill-python" / "examples"
    return {"network_wordcount.py": examples / "network_wordcount.py"} if examples.is_dir() else {}


class Run:
    """A program in a process of its own, with what it has printed so far."""

    def __init__(self, *arguments, cwd=None):
        path = os.pathsep.join(entry for entry in sys.path if entry)
        self.process = subprocess.Popen(
            [sys.executable, *map(str, arguments)], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
            stderr=subprocess.PIPE, text=True,
            env={**os.environ, "PYTHONPATH": path, "PYTHONUNBUFFERED": "1"}, cwd=cwd, start_new_session=True,
        )
        self.out, self.err = [], []
        self.readers = [
            threading.Thread(target=lines.extend, args=(iter(pipe.readline, ""),))
            for pipe, lines in ((self.process.stdout, self.out), (self.process.stderr, self.err))
        ]
        for reader in self.readers:
            reader.start()

    def ended(self):
        return self.process.poll() is not None

    def end(self, signal_number=None, within=20):
        if signal_number is not None:
            self.process.send_signal(signal_number)
        code = self.process.wait(within)
        for reader in self.readers:
            reader.join(within)
        return code

    def pages(self):
        """The batches that `pprint` has shown: a list of records for each."""
        text = "".join(self.out)
        found = re.findall(r"-{43}\nTime: [-\d: .]+\n-{43}\n((?:.+\n)*)\n", text)
        return [[ast.literal_eval(line) for line in page.splitlines() if line != "..."] for page in found]


@pytest.fixture
def start(tmp_path):
    runs = []

    def start(*arguments):
        runs.append(Run(*arguments, cwd=tmp_path))
        return runs[-1]

    yield start
    for run in runs:
        if not run.ended():
            run.process.kill()
            run.end()


def command(program, *arguments):
    return ("-m", "tidemill.command", "run", program, *arguments)


def when_free(port):
    """A server on a port that another run may still hold."""
    try:
        return TextServer(port)
    except OSError:
        return None


@pytest.fixture
def server():
    server = eventually(lambda: when_free(9999), "a free port 9999")
    yield server
    server.close()


@pytest.mark.parametrize("name", programs())
def test_the_word_count_programs_run_as_they_are(start, server, name):
    run = start(*command(programs()[name]))
    server.accept(run.ended).send("the quick fox\nthe lazy dog\n")
    eventually(lambda: any(run.pages()) or run.ended(), "a batch with words")
    server.send("fox fox\n")
    eventually(lambda: [("fox", 2)] in run.pages() or run.ended(), "the second text")
    counted = {}
    for word, count in (pair for page in run.pages() for pair in page):
        counted[word] = counted.get(word, 0) + count
    assert counted == {"the": 2, "quick": 1, "fox": 3, "lazy": 1, "dog": 1}, "".join(run.err)
    run.end(signal.SIGTERM)


def test_the_first_page_shows_a_program_that_runs_and_what_it_prints(start, tmp_path, server):
    page = (REPOSITORY / "README.md").read_text()
    shown, _ = re.findall(r"```python\n(.*?)```", page, re.DOTALL)
    printed, = re.findall(r"```text\n(-{43}\n.*?)```", page, re.DOTALL)
    program = tmp_path / "network_word_count.py"
    program.write_text(shown)
    run = start(*command(program))
    server.accept(run.ended).send("tide mill tide\n")
    eventually(lambda: any(run.pages()) or run.ended(), "a batch with words")
    run.end(signal.SIGTERM)
    lines = re.sub(r"Time: .*", "Time: then", "".join(run.out)).splitlines()
    in_page = re.sub(r"Time: .*", "Time: then", printed).splitlines()
    # A batch without words comes before where the sender is late; which key is first is a matter of the hash, and so of the
    # Python.
    heads = [at - 1 for at, line in enumerate(lines) if line == "Time: then"]
    shown_pages = [sorted(lines[head : head + len(in_page)]) for head in heads]
    assert sorted(in_page) in shown_pages, "".join(run.out + run.err)


def test_the_program_of_the_first_page_that_is_killed_goes_on(start, tmp_path):
    page = (REPOSITORY / "README.md").read_text()
    _, shown = re.findall(r"```python\n(.*?)```", page, re.DOTALL)
    program = tmp_path / "running_count.py"
    program.write_text(shown)
    incoming = tmp_path / "incoming"
    incoming.mkdir()

    def put(name, text):
        written = tmp_path / name
        written.write_text(text)
        written.rename(incoming / name)

    def shows(run, *counts):
        eventually(lambda: set(counts) in map(set, run.pages()) or run.ended(), "a batch with the counts", within=60)
        assert set(counts) in map(set, run.pages()), "".join(run.out + run.err)

    first = start(*command(program))
    eventually(lambda: "Time:" in "".join(first.out) or first.ended(), "the first batch", within=60)
    put("one", "tide tide mill\n")
    shows(first, ("tide", 2), ("mill", 1))
    assert first.end(signal.SIGKILL) == -signal.SIGKILL
    put("two", "tide\n")
    second = start(*command(program))
    shows(second, ("tide", 3), ("mill", 1))
    assert not any(("tide", count) in batch for batch in second.pages() for count in (1, 4, 5))
    second.end(signal.SIGTERM)


WORDS = """
from pyspark import SparkContext
from pyspark.streaming import StreamingContext
sc = SparkContext("local[2]", "WordCount")
ssc = StreamingContext(sc, 0.2)
counts = ssc.socketTextStream("localhost", {port}).map(lambda word: (word, 1)).reduceByKey(lambda a, b: a + b)
counts.pprint()
ssc.start()
{then}
"""

UNTIL_STDIN_ENDS = "import sys\nsys.stdin.read()"


def streaming(tmp_path, server, then="ssc.awaitTermination()"):
    program = tmp_path / "program.py"
    program.write_text(WORDS.format(port=server.port, then=then))
    return program


@pytest.fixture
def any_server():
    server = TextServer()
    yield server
    server.close()


def children(pid):
    """All processes below `pid`, as far as the kernel tells."""
    found = []
    for task in Path(f"/proc/{pid}/task").iterdir():
        for child in (task / "children").read_text().split():
            found += [int(child), *children(int(child))]
    return found


def alive(pid):
    try:
        return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] != "Z"
    except OSError:
        return False


def started(start, tmp_path, server, then="ssc.awaitTermination()"):
    """A program that has counted a word, and the processes that belong to it."""
    run = start(*command(streaming(tmp_path, server, then)))
    server.accept(run.ended).send("word\n")
    eventually(lambda: [("word", 1)] in run.pages() or run.ended(), "a batch with a word")
    assert not run.ended(), "".join(run.err)
    below = children(run.process.pid)
    assert below, "the workers are processes"
    return run, below


def test_no_process_outlives_a_driver_that_is_killed(start, tmp_path, any_server):
    run, below = started(start, tmp_path, any_server)
    run.process.kill()
    eventually(lambda: not any(map(alive, below)), "the end of all workers", within=1)


@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGTERM])
def test_a_program_that_is_interrupted_stops(start, tmp_path, any_server, how):
    run, below = started(start, tmp_path, any_server)
    run.end(how)
    eventually(lambda: not any(map(alive, below)), "the end of all workers", within=1)


def test_ctrl_c_raises_keyboard_interrupt_out_of_await_termination(start, tmp_path, any_server):
    run, _ = started(start, tmp_path, any_server, """
try:
    ssc.awaitTermination()
except KeyboardInterrupt:
    print("interrupted")
    ssc.stop()
""")
    assert run.end(signal.SIGINT) == 0
    assert "interrupted\n" in run.out


def test_no_process_is_left_when_the_program_ends_by_itself(start, tmp_path, any_server):
    run, below = started(start, tmp_path, any_server, UNTIL_STDIN_ENDS)
    run.process.stdin.close()
    assert run.end() == 0
    eventually(lambda: not any(map(alive, below)), "the end of all workers", within=1)


def test_a_worker_that_is_killed_is_replaced(start, tmp_path, any_server):
    # The program does not ask for errors: the batch that loses its worker may fail, and later ones go on.
    run, below = started(start, tmp_path, any_server, UNTIL_STDIN_ENDS)
    leaves = [pid for pid in below if not children(pid)]
    for pid in leaves:
        os.kill(pid, signal.SIGKILL)
    eventually(lambda: not any(map(alive, leaves)), "the end of the workers")
    any_server.send("again\n")
    eventually(lambda: [("again", 1)] in run.pages() or run.ended(), "a batch after the kill")
    assert not run.ended(), "".join(run.err)
    run.end(signal.SIGTERM)


def test_a_syntax_error_is_pythons_own_report(start, tmp_path):
    program = tmp_path / "wrong.py"
    program.write_text("import pyspark\nif\n")
    run = start(*command(program))
    assert run.end() == 1
    assert "SyntaxError" in "".join(run.err) and "wrong.py" in "".join(run.err)


def test_an_exception_of_the_program_ends_it_with_its_traceback(start, tmp_path):
    program = tmp_path / "wrong.py"
    program.write_text("import pyspark\nsc = pyspark.SparkContext('local[2]', 'x')\nraise ValueError('mine')\n")
    run = start(*command(program))
    assert run.end() == 1
    assert "ValueError: mine" in "".join(run.err)


@pytest.mark.parametrize("way", ["script", "-c", "exec"])
def test_programs_need_no_command(start, tmp_path, way):
    text = """
import tidemill
tidemill.install_as_pyspark()
from pyspark import SparkContext
class Pair:
    def __init__(self, n): self.n = n
def twice(n): return Pair(2 * n).n
sc = SparkContext("local[2]", "ways")
print(sc.parallelize([1, 2, 3], 2).map(twice).collect())
sc.stop()
"""
    program = tmp_path / "program.py"
    program.write_text(text)
    ways = {"script": [program], "-c": ["-c", text], "exec": ["-c", f"exec(open({str(program)!r}).read())"]}
    run = start(*ways[way])
    assert run.end() == 0, "".join(run.err)
    assert run.out == ["[2, 4, 6]\n"]
