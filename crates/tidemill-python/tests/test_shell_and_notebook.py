"""Programs typed line by line: the prompt of `tidemill shell`, and a notebook's kernel."""
from __future__ import annotations

import os
import sys

import pytest

pexpect = pytest.importorskip("pexpect")
SECONDS = 60


@pytest.fixture
def shell(tmp_path):
    """A prompt in a terminal, ready for the first line."""
    path = os.pathsep.join(entry for entry in sys.path if entry)
    environment = {**os.environ, "PYTHONPATH": path, "PYSPARK_DRIVER_PYTHON": "python", "TERM": "dumb"}
    child = pexpect.spawn(
        sys.executable, ["-m", "tidemill", "shell", "--master", "local[2]"], env=environment, cwd=str(tmp_path),
        encoding="utf-8", timeout=SECONDS, echo=False,
    )
    child.expect(">>> ")
    yield child
    child.close(force=True)


def answer(child, line):
    """Types a line, and gives what comes before the next prompt."""
    child.sendline(line)
    child.expect(r"\n?>>> ")
    return child.before.replace("\r", "").strip()


def test_the_prompt_has_a_context_and_functions_of_it_run_in_tasks(shell):
    assert "sc is a SparkContext on local[2]" in shell.before
    shell.sendline("def double(x):")
    shell.expect(r"\.\.\. ")
    shell.sendline("    return factor * x")
    shell.expect(r"\.\.\. ")
    assert answer(shell, "") == ""
    assert answer(shell, "factor = 2") == ""
    assert answer(shell, "sc.parallelize([1, 2], 2).map(double).collect()") == "[2, 4]"


def test_ctrl_c_ends_the_call_and_the_stream_goes_on(shell):
    answer(shell, "seen = []")
    answer(shell, "ssc.queueStream([[1]], default=sc.parallelize([2], 1)).foreachRDD(lambda rdd: seen.extend(rdd.collect()))")
    answer(shell, "ssc.start()")
    shell.sendline("print('waiting'); ssc.awaitTermination()")
    shell.expect("waiting")
    shell.sendintr()
    shell.expect("KeyboardInterrupt")
    shell.expect(">>> ")
    assert answer(shell, "ssc._jssc.getState()") == "ACTIVE"
    answer(shell, "count = len(seen)")
    answer(shell, "ssc.awaitTerminationOrTimeout(2.5)")
    assert answer(shell, "len(seen) > count") == "True"


def test_an_error_is_told_and_the_prompt_comes_back(shell):
    told = answer(shell, "sc.parallelize([0]).map(lambda x: 1 // x).collect()")
    assert "ZeroDivisionError" in told
    assert answer(shell, "1 + 1") == "2"


def test_the_prompt_ends_with_its_processes(shell):
    answer(shell, "sc.parallelize([1]).map(str).count()")
    pids = [int(pid) for pid in answer(shell, "print(*sc._engine.worker_pids())").split()]
    assert pids
    shell.sendeof()
    shell.expect(pexpect.EOF)
    shell.wait()
    assert shell.exitstatus == 0
    assert [pid for pid in pids if os.path.exists("/proc/%d" % pid)] == []


@pytest.fixture
def kernel(tmp_path, monkeypatch):
    """A notebook's kernel of this Python."""
    manager_module = pytest.importorskip("jupyter_client.manager")
    pytest.importorskip("ipykernel")
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join(entry for entry in sys.path if entry))
    monkeypatch.setenv("JUPYTER_RUNTIME_DIR", str(tmp_path))
    monkeypatch.setenv("IPYTHONDIR", str(tmp_path))
    manager = manager_module.KernelManager(kernel_name="none")
    manager._kernel_spec = _this_python()
    manager.start_kernel()
    client = manager.client()
    client.start_channels()
    client.wait_for_ready(timeout=SECONDS)
    yield manager, client
    client.stop_channels()
    manager.shutdown_kernel(now=True)


def _this_python():
    from jupyter_client.kernelspec import KernelSpec

    argv = [sys.executable, "-m", "ipykernel_launcher", "-f", "{connection_file}"]
    return KernelSpec(argv=argv, display_name="this", language="python")


def run_cell(client, code):
    """Runs a cell, and gives what it shows: printed text and its result, or the name of its error."""
    shown = []

    def look(message):
        content = message["content"]
        if message["msg_type"] == "stream" and content["name"] == "stdout":
            shown.append(content["text"])
        elif message["msg_type"] == "execute_result":
            shown.append(content["data"]["text/plain"])
        elif message["msg_type"] == "error":
            shown.append(content["ename"])

    client.execute_interactive(code, timeout=SECONDS, output_hook=look)
    return "".join(shown)


def test_a_notebook_runs_jobs_and_streams(kernel):
    manager, client = kernel
    assert run_cell(client, "from tidemill import SparkContext\nsc = SparkContext('local[2]', 'notebook')") == ""
    assert run_cell(client, "class Word:\n    def __init__(self, text): self.text = text") == ""
    assert run_cell(client, "sc.parallelize(['a', 'b'], 2).map(Word).map(lambda word: word.text).collect()") == "['a', 'b']"
    assert run_cell(
        client,
        "from tidemill.streaming import StreamingContext\n"
        "ssc = StreamingContext(sc, 0.2); seen = []\n"
        "ssc.queueStream([[1], [2]]).foreachRDD(lambda rdd: seen.extend(rdd.collect()))\n"
        "ssc.start()\n"
        "while len(seen) < 2: ssc.awaitTerminationOrTimeout(0.05)\n"
        "seen",
    ) == "[1, 2]"


def test_interrupting_a_cell_ends_the_call_and_the_stream_goes_on(kernel):
    manager, client = kernel
    run_cell(
        client,
        "from tidemill import SparkContext\nfrom tidemill.streaming import StreamingContext\n"
        "ssc = StreamingContext(SparkContext('local[2]', 'notebook'), 0.2)\n"
        "ssc.queueStream([[1]]).foreachRDD(lambda rdd: None)\nssc.start()",
    )
    client.execute("print('waiting', flush=True); ssc.awaitTermination()")
    while True:
        message = client.get_iopub_msg(timeout=SECONDS)
        if message["msg_type"] == "stream" and "waiting" in message["content"]["text"]:
            break
    manager.interrupt_kernel()
    while message["msg_type"] != "error":
        message = client.get_iopub_msg(timeout=SECONDS)
    assert message["content"]["ename"] == "KeyboardInterrupt"
    assert run_cell(client, "ssc._jssc.getState()") == "'ACTIVE'" or run_cell(client, "str(ssc._jssc.getState())") == "'ACTIVE'"
