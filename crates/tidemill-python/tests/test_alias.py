"""`pyspark` as another name of this package: in the process that asks for it, in its workers, and nowhere else."""
from __future__ import annotations

import os
import subprocess
import sys

import pytest


@pytest.fixture
def python(tmp_path):
    """Runs a text as a program of its own and gives what it prints; a failure is told with its traceback."""

    def run(text, *options, code=0, **environment):
        file = tmp_path / "program.py"
        file.write_text(text)
        path = os.pathsep.join(entry for entry in sys.path if entry)
        ended = subprocess.run(
            [sys.executable, *options, str(file)], capture_output=True, text=True, timeout=120,
            env={**os.environ, "PYTHONPATH": path, **environment}, cwd=tmp_path,
        )
        assert ended.returncode == code, ended.stderr
        return ended.stdout if code == 0 else ended.stderr

    return run


BEGIN = "import tidemill\ntidemill.install_as_pyspark()\n"


def test_names_of_pyspark_are_the_modules_of_this_package(python):
    python(
        BEGIN
        + """
import importlib, pickle, tidemill.rdd, tidemill.streaming
import pyspark, pyspark.rdd, pyspark.streaming.util, pyspark.errors.exceptions.base, py4j.protocol
from pyspark import RDD, SparkConf, SparkContext
from pyspark.cloudpickle import dumps
from pyspark.streaming import StreamingContext
assert pyspark is tidemill and pyspark.rdd is tidemill.rdd and RDD is tidemill.RDD
assert pyspark.__name__ == "tidemill" and tidemill.rdd.__spec__.name == "tidemill.rdd"
assert StreamingContext is tidemill.streaming.StreamingContext
assert py4j.protocol.Py4JJavaError is tidemill.errors.EngineError
assert pickle.loads(b"cpyspark.storagelevel\\nStorageLevel\\n.") is tidemill.StorageLevel
assert pickle.dumps(tidemill.StorageLevel).count(b"tidemill") == 1
importlib.reload(pyspark.errors)
tidemill.install_as_pyspark()
assert pyspark.__version__.startswith("3.5")
"""
    )


def test_every_module_of_pysparks_core_is_there(python):
    names = (
        "accumulators broadcast cloudpickle conf context errors files join profiler rdd rddsampler resource"
        " resultiterable serializers statcounter status storagelevel streaming streaming.context"
        " streaming.dstream streaming.listener streaming.util taskcontext util version"
    )
    python(BEGIN + "import importlib\nfor name in %r.split(): importlib.import_module('pyspark.' + name)" % names)


@pytest.mark.parametrize(
    ("statement", "words"),
    [
        ("from pyspark.sql import SparkSession", "DataFrames and SQL are not part of Tidemill yet"),
        ("from pyspark import sql", "DataFrames and SQL are not part of Tidemill yet"),
        ("import pyspark.ml.feature", "machine learning is not part of Tidemill yet"),
        ("from pyspark.mllib.regression import StreamingLinearRegressionWithSGD", "streaming MLlib"),
        ("from pyspark.streaming.kafka import KafkaUtils", "Kafka"),
        ("from pyspark.streaming.kinesis import KinesisUtils", "Kinesis"),
        ("from pyspark.java_gateway import launch_gateway", "no JVM"),
        ("from py4j.clientserver import ClientServer", "no JVM"),
        ("import pyspark.shuffle", "how tasks shuffle"),
        ("import pyspark.nothing", "No module named 'pyspark.nothing'"),
    ],
)
def test_what_is_not_there_says_so_at_import(python, statement, words):
    text = "try:\n    %s\nexcept ImportError as error:\n    print(error)\nelse:\n    print('imported')" % statement
    assert words in python(BEGIN + text)


def test_nothing_changes_for_a_process_that_does_not_ask(python):
    assert python("import importlib.util, tidemill.context\nprint('pyspark' in __import__('sys').modules)") == "False\n"


def test_a_real_pyspark_is_hidden_only_before_it_is_imported(python, tmp_path):
    (tmp_path / "pyspark").mkdir()
    (tmp_path / "pyspark" / "__init__.py").write_text("real = True\n")
    assert python(BEGIN + "import pyspark\nprint(hasattr(pyspark, 'real'))") == "False\n"
    told = python("import pyspark\nassert pyspark.real\n" + BEGIN, code=1)
    assert "call tidemill.install_as_pyspark() before the first import" in told


def test_workers_know_the_name_too(python):
    out = python(
        BEGIN
        + """
from pyspark import SparkContext

def module_of_rdd(_):
    import pyspark.statcounter
    from pyspark import StorageLevel
    return pyspark.statcounter.__name__, StorageLevel.__module__

with SparkContext("local[1]", "alias") as sc:
    print(sc.parallelize([0], 1).map(module_of_rdd).first())
"""
    )
    assert out == "('tidemill.statcounter', 'tidemill.storagelevel')\n"


def test_errors_are_caught_by_the_names_of_py4j(python):
    out = python(
        BEGIN
        + """
from py4j.protocol import Py4JJavaError
from pyspark import SparkContext
with SparkContext("local[1]", "alias") as sc:
    try:
        sc.parallelize([0]).map(lambda x: 1 // x).count()
    except Py4JJavaError as error:
        print("ZeroDivisionError" in str(error))
"""
    )
    assert out == "True\n"


def test_workers_load_neither_the_engine_nor_the_drivers_side(python):
    out = python(
        """
from tidemill import SparkContext
def loaded(_):
    import sys
    return sorted(name for name in sys.modules if name in ("tidemill._engine", "tidemill.rdd", "tidemill.context"))
with SparkContext("local[1]", "workers") as sc:
    b, a = sc.broadcast(1), sc.accumulator(0)
    def use(x):
        a.add(b.value)
        return loaded(x)
    print(sc.range(0, 2, 1, 1).map(use).collect(), sc.textFile(__file__, use_unicode=False).map(loaded).first(), a.value)
"""
    )
    assert out == "[[], []] [] 2\n"


def test_importing_the_package_loads_no_more_than_itself(python):
    out = python("import tidemill, sys\nprint(sorted(n for n in sys.modules if n.startswith(('tidemill', 'cloudpickle'))))")
    assert out == "['tidemill']\n"
