"""A context that is told what another one was told, out of the bytes of a checkpoint, does the same."""
from __future__ import annotations

from functools import partial

import pytest

import fossils
from stream_programs import BATCHES, PROGRAMS, batches, note
from tidemill import SparkContext
from tidemill.errors import EngineError
from tidemill.streaming import StreamingContext
from tidemill.streaming._program import Program, write
from tidemill.streaming._recovery import Keeper, replayed
from tidemill.testing import Feed, TestContext

def bytes_of(ssc):
    return Keeper(ssc._recipe, ssc._engine.interval_ms)()


class Again(TestContext):
    """A test's context that is made of bytes of another one."""

    def __init__(self, data):
        super().__init__()
        self.program = Program.read(data, "memory")
        self.program.check(None, True, False)
        self.ssc._recipe.replay(self.program.steps())
        self.feeds = [Feed(self.sc, feed, 2) for feed in self.ssc._recipe.making.feeds]


def run(test, feed):
    for batch in BATCHES:
        feed.push(batch)
        test.tick()


@pytest.mark.parametrize("name", PROGRAMS)
def test_what_is_told_again_does_the_same(name, sc, tmp_path):  # behaviour 6.14
    path, kept = tmp_path / "batches", tmp_path / "before"
    with TestContext() as test:
        feed, pairs = test.input()
        PROGRAMS[name](pairs).foreachRDD(partial(note, path))
        data = bytes_of(test.ssc)
        run(test, feed)
    path.rename(kept)
    with Again(data) as test:
        again = bytes_of(test.ssc)
        run(test, *test.feeds)
    assert batches(path) == batches(kept) != []
    path.unlink()
    with Again(again) as test:  # a copy of a copy
        run(test, *test.feeds)
    assert batches(path) == batches(kept)


def test_calls_keep_their_places(sc):  # behaviour 6.14
    with TestContext() as test:
        feed, numbers = test.input()
        numbers.map(lambda x: 1 // x).foreachRDD(lambda rdd: rdd.count())
        data = bytes_of(test.ssc)

    def failure(test, feed):
        feed.push([0])
        with pytest.raises(EngineError) as raised:
            test.tick()
        return str(raised.value)

    with Again(data) as test:
        text = failure(test, *test.feeds)
    here = f"{__file__}:{test_calls_keep_their_places.__code__.co_firstlineno + 3}"
    assert f"foreachRDD at {here}" in text and f"map at {here}" in text


def test_functions_share_again_what_they_shared(sc, tmp_path):
    with TestContext() as test:
        feed, numbers = test.input()
        seen, path = [], str(tmp_path / "seen")
        numbers.foreachRDD(lambda rdd: seen.append(rdd.count()))
        numbers.foreachRDD(lambda rdd: open(path, "w").write(str(seen)))
        data = bytes_of(test.ssc)
    with Again(data) as test:
        test.feeds[0].push([1, 2])
        test.tick()
    assert (tmp_path / "seen").read_text() == "[2]" and seen == []


def test_10_7_what_the_driver_changed_counts_until_the_program_is_written(sc, tmp_path):  # behaviour 10.7
    path, limits = tmp_path / "batches", {"least": 0}

    def above(rdd):
        least = limits["least"]
        return rdd.filter(lambda x: x >= least)

    with TestContext() as test:
        feed, numbers = test.input()
        numbers.transform(above).foreachRDD(partial(note, path))
        keeper = Keeper(test.ssc._recipe, 1000)
        first = keeper()
        limits["least"] = 2
        second = keeper()
        limits["least"] = 3
    for data, expected in ((first, [1, 2, 3]), (second, [2, 3])):
        with Again(data) as test:
            test.feeds[0].push([1, 2, 3])
            test.tick()
        assert batches(path)[-1][1] == expected


def test_streams_that_nothing_needs_are_not_kept(sc):
    with TestContext() as test:
        feed, numbers = test.input()
        numbers.window(2).map(lambda x: sc).cache()
        numbers.cache().foreachRDD(lambda rdd: None)
        steps = test.ssc._recipe.needed()
    assert [step.kind for step in steps] == ["testInput", "persist", "output"]
    assert [step.parents for step in steps] == [(), (0,), (0,)]


def test_a_stream_of_another_context_cannot_be_kept(sc):
    with TestContext() as test, TestContext() as other:
        _, numbers = other.input()
        numbers._ssc = test.ssc
        numbers.foreachRDD(lambda rdd: None)
        with pytest.raises(EngineError, match="foreachRDD at .* uses a stream of another"):
            test.ssc._recipe.needed()


def test_1_16_queues_can_be_started_and_not_recovered(sc, new_stream):  # behaviour 1.16
    ssc = new_stream()
    ssc.queueStream([[1]]).foreachRDD(lambda rdd: None)
    with pytest.warns(UserWarning, match="queueStream doesn't support checkpointing"):
        data = bytes_of(ssc)
    with pytest.raises(EngineError, match="Please don't use queueStream when checkpointing is enabled"):
        replayed(StreamingContext, sc, Program.read(data, "memory"))


@pytest.mark.parametrize("what", ["sc", "rdd", "ssc", "stream"])
def test_functions_of_streams_cannot_hold_what_is_the_drivers(what, sc, new_stream):  # behaviour 1.6
    ssc = new_stream()
    stream = ssc.queueStream([[1]])
    rdd = sc.parallelize([1])
    held = {"sc": sc, "rdd": rdd, "ssc": ssc, "stream": stream}[what]
    stream.foreachRDD(lambda batch: print(held))
    words = "RDD" if what == "rdd" else "SparkContext"
    with pytest.raises(EngineError, match=f"foreachRDD at .*It appears that you are attempting to (broadcast an RDD or )?reference.*{words}"):
        bytes_of(ssc)


def test_6_15_a_broadcast_does_not_outlive_its_program(sc):  # behaviour 6.15
    with TestContext() as test:
        feed, numbers = test.input()
        words = sc.broadcast(["a"])
        numbers.map(lambda x: words.value).foreachRDD(lambda rdd: rdd.count())
        data = bytes_of(test.ssc)
    with pytest.raises(EngineError, match=r"Broadcast variable `\d+` not loaded.*rdd.context.broadcast"):
        Program.read(data, "memory").steps()


def test_6_15_an_accumulator_begins_anew(sc, tmp_path):  # behaviour 6.15
    path = str(tmp_path / "sum")
    with TestContext() as test:
        feed, numbers = test.input()
        seen = sc.accumulator(5)

        def add(rdd):
            rdd.foreach(seen.add)
            open(path, "w").write(str(seen.value))

        numbers.foreachRDD(add)
        numbers.foreachRDD(lambda rdd: rdd.foreach(seen.add))
        data = bytes_of(test.ssc)
    with Again(data) as test:
        for _ in range(2):
            test.feeds[0].push([1, 2])
            test.tick()
    assert (open(path).read(), seen.value) == ("9", 5)


def test_secrets_are_not_written(no_context):  # behaviour 6.14
    from tidemill import SparkConf

    conf = SparkConf().setMaster("local[2]").setAppName("kept")
    conf.setAll([
        ("spark.hadoop.fs.s3a.secret.key", "s3cr3t-1"), ("my.passphrase", "s3cr3t-2"), ("spark.x.url", "ftp://me:s3cr3t-3@host"),
        ("tidemill.checkpoint.secret", "s3cr3t-4"), ("spark.redaction.regex", "ex[a]ct"), ("spark.driver.port", "4711"),
        ("spark.exact", "s3cr3t-5"), ("spark.plain", "value"),
    ])
    sc = SparkContext(conf=conf)
    ssc = StreamingContext(sc, 1)
    ssc.textFileStream("/tmp/no-such-folder").foreachRDD(lambda rdd: None)
    sc._added_files += ["ftp://me:s3cr3t-6@host/a.txt", "https://host/b.py?sig=s3cr3t-7", "file:/tmp/c?d"]
    sc._added_py_files += ["https://host/b.py?sig=s3cr3t-7"]
    data = bytes_of(ssc)
    assert b"s3cr3t" not in data and b"4711" not in data
    description = Program.read(data, "memory").description
    assert (description["files"], description["py_files"]) == (["file:/tmp/c?d"], [])
    assert description["withheld_files"] == ["ftp://host/a.txt", "https://host/b.py"]
    assert dict(Program.read(data, "memory").description["settings"])["spark.plain"] == "value"


def test_a_damaged_program_is_refused(sc, new_stream):
    ssc = new_stream()
    ssc.textFileStream("/tmp/no-such-folder").foreachRDD(lambda rdd: None)
    data = bytes_of(ssc)
    assert Program.read(data, "here").steps()[0].arguments == {"directory": "/tmp/no-such-folder"}
    for at in range(len(data)):
        with pytest.raises(EngineError, match="Failed to read checkpoint from directory here"):
            Program.read(data[:at] + bytes([data[at] ^ 1]) + data[at + 1 :], "here")
    for end in range(len(data)):
        with pytest.raises(EngineError, match="Failed to read checkpoint from directory here"):
            Program.read(data[:end], "here")


KEYED = {"spark.master": "local[1]", "spark.app.name": "signed", "tidemill.checkpoint.secret": "k1"}


@pytest.mark.parametrize(
    ("key", "is_private", "trust", "refused"),
    [
        ("k1", False, False, None), ("k1", True, False, None), ("k2", False, False, "signed with another"),
        ("k2", True, False, "signed with another"), ("k2", False, True, None), (None, True, False, None),
        (None, False, False, "is signed, and this process was not given"), (None, False, True, None),
    ],
)
def test_only_programs_that_may_be_trusted_are_run(key, is_private, trust, refused, no_context):
    from tidemill import SparkConf

    sc = SparkContext(conf=SparkConf(False).setAll(list(KEYED.items())))
    ssc = StreamingContext(sc, 1)
    ssc.textFileStream("/tmp/no-such-folder").foreachRDD(lambda rdd: None)
    program = Program.read(bytes_of(ssc), "here")
    if refused is None:
        program.check(key, is_private, trust)
    else:
        with pytest.raises(EngineError, match=refused):
            program.check(key, is_private, trust)


def test_functions_of_another_python_are_not_touched(sc, new_stream):
    ssc = new_stream()
    ssc.textFileStream("/tmp/no-such-folder").foreachRDD(lambda rdd: None)
    program = Program.read(bytes_of(ssc), "here")
    program.description["python"] = "cpython 3.8"
    with pytest.raises(EngineError, match='written by cpython 3.8 .* code="new"'):
        program.check(None, True, True)


def test_an_interval_is_kept_to_the_millisecond(sc):
    for interval in (0.001, 0.29, 1.001, 0.57, 4.35):
        ssc = StreamingContext(sc, interval)
        ssc.textFileStream("/tmp/no-such-folder").foreachRDD(lambda rdd: None)
        again = replayed(StreamingContext, sc, Program.read(bytes_of(ssc), "memory"))
        assert again._engine.interval_ms == ssc._engine.interval_ms


def test_write_is_the_same_for_the_same(sc, new_stream):
    ssc = new_stream()
    ssc.textFileStream("/tmp/no-such-folder").map(len).foreachRDD(lambda rdd: None)
    steps = ssc._recipe.needed()
    assert write(steps, sc, 1000) == write(steps, sc, 1000)


def test_programs_of_earlier_releases_are_read(sc, tmp_path, monkeypatch):
    """Of each form there is a file for some Pythons; the functions of one are run by the same Python only."""
    monkeypatch.setenv("TIDEMILL_TEST_OUT", str(tmp_path))
    found = sorted(fossils.FOLDER.glob("*.tmpy"))
    assert found
    for path in found:
        data = path.read_bytes()
        program = Program.read(data, path.name)
        assert program.interval_ms == 1000 and len(program.description["steps"]) > len(PROGRAMS)
        if path.name == fossils.name(int(path.name.partition("-")[0])):
            with Again(data) as test:
                run(test, *test.feeds)
            then = {each.name: batches(each) for each in tmp_path.iterdir()}
            for name in then:
                (tmp_path / name).unlink()
            with TestContext() as test:
                feed, pairs = test.input()
                fossils.declare(pairs)
                run(test, feed)
            assert then == {each.name: batches(each) for each in tmp_path.iterdir()}
            assert set(then) == set(PROGRAMS)
