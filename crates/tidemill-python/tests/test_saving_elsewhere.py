"""What is saved in an object store or on HDFS: what is there, what is refused, and what stays when the program is killed."""
from __future__ import annotations

import bz2
import gzip
import os
import sys

import pytest

import feeds
from harness import ON_PYSPARK
from killed_programs import KILLS, SEED, Killing, Program
from outcome import SavedElsewhere
from stores import Hdfs
from tidemill import SparkConf, SparkContext
from tidemill.errors import EngineError

pytestmark = pytest.mark.skipif(ON_PYSPARK, reason="PySpark needs a Hadoop library for them")

# Few of all the kills: each is one that counts here.
SAVES_KILLED = max(6, KILLS // 6)


@pytest.fixture(params=["s3", "hdfs"])
def place(request):
    """A folder of the test's own on another machine."""
    if request.param == "s3":
        return request.getfixturevalue("bucket")
    if "TIDEMILL_TEST_HDFS" not in os.environ:
        pytest.skip("TIDEMILL_TEST_HDFS names no server; `make test-hdfs` starts one")
    return Hdfs(f"{request.node.originalname}-{os.urandom(4).hex()}")


def test_text_is_saved(place, sc):  # behaviour 1.42
    sc.parallelize(["tide", "and", "mill"], 3).saveAsTextFile(f"{place.location}/a b/words")
    assert place.files() == {
        "a b/words/_SUCCESS": b"", "a b/words/part-00000": b"tide\n", "a b/words/part-00001": b"and\n",
        "a b/words/part-00002": b"mill\n",
    }


@pytest.mark.parametrize(("codec", "name", "unpack"), [
    ("org.apache.hadoop.io.compress.GzipCodec", "part-00000.gz", gzip.decompress),
    ("org.apache.hadoop.io.compress.BZip2Codec", "part-00000.bz2", bz2.decompress),
])
def test_text_is_compressed(codec, name, unpack, place, sc):
    sc.parallelize(["tide"], 1).saveAsTextFile(f"{place.location}/words", codec)
    assert unpack(place.files()[f"words/{name}"]) == b"tide\n"


def test_files_of_hadoop_are_the_same_as_on_a_disk(place, sc, tmp_path):
    def save(folder):
        sc.parallelize([1, "a"], 1).saveAsPickleFile(f"{folder}/pickles")
        sc.parallelize([(1, "a")], 1).saveAsSequenceFile(f"{folder}/pairs")

    save(place.location)
    save(tmp_path)
    found, local = place.files(), tmp_path / "pickles" / "part-00000"
    assert len(found["pickles/part-00000"]) == local.stat().st_size
    assert found["pairs/part-00000"][:40] == (tmp_path / "pairs" / "part-00000").read_bytes()[:40]


def test_what_is_there_is_refused(place, sc):  # behaviour 4.64
    words = sc.parallelize(["tide"], 1)
    words.saveAsTextFile(f"{place.location}/words")
    with pytest.raises(EngineError, match=f"FileAlreadyExistsException: .*{place.location}/words already exists"):
        words.saveAsTextFile(f"{place.location}/words")


def test_what_is_there_is_written_over_on_demand(place, no_context):  # behaviour 4.64
    conf = SparkConf(False).setMaster("local[2]").setAppName("over").set("spark.hadoop.validateOutputSpecs", "false")
    sc = SparkContext(conf=conf)
    sc.parallelize(["old 0", "old 1"], 2).saveAsTextFile(f"{place.location}/words")
    sc.parallelize(["new 0"], 1).saveAsTextFile(f"{place.location}/words")
    assert place.files() == {"words/_SUCCESS": b"", "words/part-00000": b"new 0\n", "words/part-00001": b"old 1\n"}


def test_a_job_that_fails_leaves_nothing(place, sc):
    with pytest.raises(Exception, match="ZeroDivisionError"):
        sc.parallelize([1, 0], 2).map(lambda x: 1 // x).saveAsTextFile(f"{place.location}/words")
    assert place.files() == {}


def test_a_place_that_nobody_knows_is_told(sc):
    with pytest.raises(EngineError, match="nothing here knows ftp: paths; write to a disk, or to one of .*hdfs.*s3"):
        sc.parallelize([1], 1).saveAsTextFile("ftp://host/words")
    with pytest.raises(EngineError, match="s3: a path holds no credentials") as told:
        sc.parallelize([1], 1).saveAsTextFile("s3://key:hunter2@bucket/words")
    assert "hunter2" not in str(told.value)


def check_saved(outcome, saved):
    assert saved.batches() == outcome.all


@pytest.mark.timeout(600 + 30 * SAVES_KILLED)
def test_killed_programs_leave_whole_outputs(place, tmp_path, monkeypatch, capsys):  # behaviour 1.42, 2.15, 6.9, 6.19
    monkeypatch.setenv("TIDEMILL_TEST_PLACE", place.location)
    program = Program("saves.py", [sys.executable], feeds.Files, check_saved)
    with capsys.disabled():
        print(f"\n{SAVES_KILLED} kills, seed {SEED}")
        tally = Killing(program, tmp_path, SEED, SavedElsewhere(place), at="save").run(SAVES_KILLED, print)
        print(f"{place.location}: {tally}")
    assert tally.steps["save"], "no kill came while something was saved"
