"""The `tidemill` command of the package: options, the program's own view of itself, what it ends with."""
from __future__ import annotations

import os
import subprocess
import sys
import zipfile

import pytest


@pytest.fixture
def command(tmp_path):
    """Runs the command and gives its exit code, its output and what it says on standard error."""

    def run(*words, **environment):
        path = os.pathsep.join(entry for entry in sys.path if entry)
        ended = subprocess.run(
            [sys.executable, "-m", "tidemill", *map(str, words)], capture_output=True, text=True, timeout=120,
            env={**os.environ, "PYTHONPATH": path, **environment}, cwd=tmp_path,
        )
        return ended.returncode, ended.stdout, ended.stderr

    return run


@pytest.fixture
def program(tmp_path):
    """Writes a program and gives its path."""

    def write(text, name="app.py"):
        file = tmp_path / name
        file.write_text(text)
        return file

    return write


SHOW = """
import sys
from pyspark import SparkConf, SparkContext
sc = SparkContext({})
print(sc.master, sc.appName, sc.getConf().get("spark.my.setting"))
"""


def test_a_program_is_main_and_has_its_own_arguments(command, program):
    app = program("import sys\nprint(__name__, __file__, sys.argv, sys.path[0] == %r)" % str(program("").parent))
    code, out, _ = command("run", "--master", "local[2]", app, "--master", "x", "-h")
    assert (code, out) == (0, f"__main__ {app} {[str(app), '--master', 'x', '-h']} True\n")


@pytest.mark.parametrize(
    ("options", "constructor", "expected"),
    [
        ([], "", "local[*] app.py None"),
        (["--master", "local[3]", "--name", "words"], "", "local[3] words None"),
        (["--conf", "spark.my.setting=1", "-c", "spark.app.name=by conf"], "", "local[*] by conf 1"),
        (["--name", "words", "--master", "local[3]"], "'local[1]', 'own'", "local[1] own None"),
        (["--name", "words"], "conf=SparkConf().setAppName('own').set('spark.my.setting', 2)", "local[*] own 2"),
        (["--properties-file", "my.conf", "-c", "spark.my.setting=1"], "", "local[2] from file 1"),
    ],
)
def test_what_the_program_says_wins_then_the_line_then_the_file(command, program, options, constructor, expected):
    program("spark.master local[2]\nspark.app.name=from file\nspark.my.setting: 0\n", "my.conf")
    code, out, told = command("run", *options, program(SHOW.format(constructor)))
    assert (code, out) == (0, expected + "\n"), told


def test_the_environment_is_read_below_the_line(command, program):
    words = "--master local[3] --name 'of the environment' --conf spark.my.setting=1 pyspark-shell"
    code, out, told = command("run", "-c", "spark.my.setting=2", program(SHOW.format("")), PYSPARK_SUBMIT_ARGS=words)
    assert (code, out) == (0, "local[3] of the environment 2\n"), told


def test_files_of_the_line_reach_the_program_and_its_tasks(command, program, tmp_path):
    program("def height(x): return x + 1", "tides.py")
    program("100", "factor.txt")
    with zipfile.ZipFile(tmp_path / "more.zip", "w") as archive:
        archive.writestr("in_archive.py", "value = 7")
    app = program(
        """
import in_archive, tides
from pyspark import SparkContext, SparkFiles
def task(x):
    import in_archive, tides
    with open(SparkFiles.get("factor.txt")) as file:
        return tides.height(x) * int(file.read()) + in_archive.value
print(SparkContext("local[1]", "files").parallelize([1, 2]).map(task).collect())
"""
    )
    code, out, told = command("run", "--py-files", "tides.py,more.zip", "--files", "factor.txt", app)
    assert (code, out) == (0, "[207, 307]\n"), told


def test_options_of_clusters_are_accepted_with_a_word(command, program):
    options = ["--packages", "g:a:1", "--jars", "x.jar", "--num-executors", "2", "--deploy-mode", "client"]
    code, out, told = command("run", *options, program("print('ran')"))
    assert (code, out) == (0, "ran\n"), told
    assert "--packages is not needed: there is no JVM" in told and "--jars is not needed" in told


def test_classes_of_the_program_travel_to_tasks_and_back(command, program):
    app = program(
        """
from pyspark import SparkContext
class Word:
    def __init__(self, text): self.text = text
words = SparkContext("local[2]", "classes").parallelize(["a", "b"], 2).map(Word).collect()
print([type(word) is Word and word.text for word in words])
"""
    )
    code, out, told = command("run", app)
    assert (code, out) == (0, "['a', 'b']\n"), told


@pytest.mark.parametrize(
    ("text", "code", "last"),
    [
        ("import sys; sys.exit(3)", 3, ""),
        ("import sys; sys.exit('enough')", 1, "enough"),
        ("raise KeyError('x')", 1, "KeyError: 'x'"),
        ("raise KeyboardInterrupt", 130, "KeyboardInterrupt"),
        ("x = = 1", 1, "SyntaxError: invalid syntax"),
    ],
)
def test_how_a_program_ends(command, program, text, code, last):
    ended, _, told = command("run", program(text))
    assert ended == code
    assert (told.splitlines() or [""])[-1] == last
    assert "tidemill/command.py" not in told


@pytest.mark.parametrize(
    ("words", "code", "says"),
    [
        (["run", "missing.py"], 1, "there is no program missing.py"),
        (["run"], 2, "APP.PY"),
        (["run", "--mister", "local", "app.py"], 2, "--mister"),
        (["run", "--conf", "nonsense", "app.py"], 1, "--conf KEY=VALUE"),
        (["walk"], 2, "walk"),
    ],
)
def test_a_line_that_makes_no_sense(command, program, words, code, says):
    program("")
    ended, _, told = command(*words)
    assert ended == code
    assert says in told


def test_help_teaches(command):
    code, out, _ = command("run", "--help")
    assert code == 0
    assert "tidemill run --master local[4]" in out and "nc -lk 9999" in out
    assert "--packages" not in out


def test_a_folder_with_a_main_is_a_program(command, program, tmp_path):
    (tmp_path / "folder").mkdir()
    program("print(__name__)", "folder/__main__.py")
    assert command("run", "folder")[:2] == (0, "__main__\n")
