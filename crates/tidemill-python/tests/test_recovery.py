"""Programs that go on from their checkpoints, under a clock that the test moves."""
from __future__ import annotations

import random
import threading
import warnings
from functools import partial
from pathlib import Path

import pytest

from harness import eventually
from runs import Clocked, Runs
from stream_programs import BATCHES, PROGRAMS, batches, note
from tidemill import SparkConf, SparkContext
from tidemill.errors import EngineError
from tidemill.streaming import StreamingContext, StreamingListener
from tidemill.testing import Feed


@pytest.fixture
def runs(sc, tmp_path):
    made = []

    def of(declare):
        made.append(Runs(sc, tmp_path / "checkpoint", declare))
        return made[-1]

    with warnings.catch_warnings():
        warnings.simplefilter("ignore", FutureWarning)
        yield of
        for each in made:
            each.end()


def total(new, last):
    return sum(new) + (last or 0)


def test_a_program_goes_on_where_it_was(runs, tmp_path):  # behaviour 1.2, 6.14, 6.19
    out = tmp_path / "out"
    program = runs(lambda pairs: pairs.updateStateByKey(total, 2).foreachRDD(partial(note, out)))
    program.begin().tick([("a", 1)], [("a", 2), ("b", 1)])
    program.end()
    program.begin().tick([("b", 5)], [])
    program.end()
    program.begin().tick([("a", 1)])
    assert program.setups == 1
    assert batches(out) == [
        [1.0, [["a", 1]]], [2.0, [["a", 3], ["b", 1]]], [3.0, [["a", 3], ["b", 6]]], [4.0, [["a", 3], ["b", 6]]],
        [5.0, [["a", 4], ["b", 6]]],
    ]


def test_missed_batches_are_run_under_their_own_times(runs, tmp_path):  # behaviour 6.19
    out = tmp_path / "out"
    program = runs(lambda pairs: pairs.updateStateByKey(total, 2).foreachRDD(partial(note, out)))
    program.begin().tick([("a", 1)])
    program.end()
    Clocked.now_ms += 3000
    program.begin().tick([("a", 2)])
    assert [time for time, _ in batches(out)] == [1.0, 2.0, 3.0, 4.0, 5.0]
    assert [batch for _, batch in batches(out)][-1] == [["a", 3]]


@pytest.mark.parametrize("name", PROGRAMS)
def test_whenever_a_program_ends_it_gives_the_same(name, runs, tmp_path):  # behaviour 6.14, 1.55
    """Compared with a run that nothing ends."""
    seed = sum(map(ord, name))
    draw = random.Random(seed)
    whole, parts = tmp_path / "whole", tmp_path / "parts"
    program = runs(lambda pairs: PROGRAMS[name](pairs).foreachRDD(partial(note, whole)))
    program.begin().tick(*BATCHES)
    program.end()
    program = runs(lambda pairs: PROGRAMS[name](pairs).foreachRDD(partial(note, parts)))
    program.folder += "-2"
    program.begin()
    for batch in BATCHES:
        program.tick(batch)
        if draw.random() < 0.5:
            program.end()
            program.begin()
    assert batches(parts) == batches(whole) != []


def test_6_22_only_listeners_can_be_added(runs):  # behaviour 6.22
    program = runs(lambda pairs: pairs.foreachRDD(lambda rdd: None))
    program.begin().tick([1])
    program.end()
    program.begin()
    ssc, seen = program.ssc, threading.Event()

    class Listener(StreamingListener):
        def onBatchCompleted(self, batchCompleted):
            seen.set()

    ssc.addStreamingListener(Listener())
    ssc.remember(60)
    ssc.checkpoint(program.folder)
    for add in (lambda: ssc.textFileStream("/tmp/x"), lambda: ssc.queueStream([[1]]), lambda: ssc.socketTextStream("h", 1)):
        with pytest.raises(EngineError, match="has not been initialized.*recovered from the checkpoint"):
            add()
    program.tick([1])
    assert seen.wait(60)


def test_1_2_recover_only(sc, tmp_path, runs):  # behaviour 1.2
    with pytest.raises(TypeError, match="'NoneType' object is not callable"):
        StreamingContext.getOrCreate(str(tmp_path / "nothing"), None)
    program = runs(lambda pairs: pairs.foreachRDD(lambda rdd: None))
    program.begin().tick([1])
    program.end()
    program.setup = None
    program.begin().tick([1])


def test_1_4_get_active_or_create_recovers(runs):  # behaviour 1.4
    program = runs(lambda pairs: pairs.foreachRDD(lambda rdd: None))
    program.begin().tick([1])
    assert Clocked.getActiveOrCreate(program.folder, lambda: None) is program.ssc
    program.end()
    program.ssc = Clocked.getActiveOrCreate(program.folder, lambda: None)
    assert program.ssc is not None and program.setups == 1


def test_code_is_none_or_new(tmp_path):
    with pytest.raises(ValueError, match="code must be None"):
        StreamingContext.getOrCreate(str(tmp_path), lambda: None, code="old")


def test_1_16_queues_are_not_recovered(new_stream, tmp_path):  # behaviour 1.16
    folder = str(tmp_path / "checkpoint")

    def setup():
        ssc = new_stream()
        ssc.queueStream([[1]]).foreachRDD(lambda rdd: None)
        return ssc

    ssc = StreamingContext.getOrCreate(folder, setup)
    with pytest.warns(UserWarning, match="queueStream doesn't support checkpointing"):
        ssc.start()
    ssc.stop(False)
    with pytest.raises(EngineError, match="queueStream doesn't support checkpointing. Please don't use queueStream when"):
        StreamingContext.getOrCreate(folder, setup)


SECRETS = [
    ("spark.hadoop.fs.s3a.access.key", "AKIA-hunter2"), ("spark.hadoop.fs.s3a.secret.key", "s3-hunter2"),
    ("spark.ssl.keyPassword", "ssl-hunter2"), ("my.key.passphrase", "phrase-hunter2"),
    ("my.proxy", "http://me:hunter2@host:8080"), ("tidemill.checkpoint.secret", "hmac-hunter2"),
    ("my.pin", "pin-hunter2"), ("spark.redaction.regex", "^my.pin$"),
]  # fmt: skip


def test_no_file_of_a_checkpoint_holds_a_secret(no_context, runs, tmp_path):  # behaviour 6.14, 6.16
    SparkContext._active_spark_context.stop()
    conf = SparkConf(False).setMaster("local[2]").setAppName("tokens").setAll([*SECRETS, ("my.plain", "said-openly")])
    SparkContext(conf=conf)
    program = runs(lambda pairs: pairs.updateStateByKey(total, 2).foreachRDD(lambda rdd: rdd.count()))
    program.begin().tick([("a", 1)], [("a", 2)])
    program.end()

    def holding(text):
        return [path for path in Path(program.folder).rglob("*") if path.is_file() and text in path.read_bytes()]

    assert holding(b"hunter2") == [] != holding(b"said-openly")
    SparkContext._active_spark_context.stop()
    with pytest.warns(UserWarning, match="was not given my.key.passphrase, my.pin, my.proxy, spark.hadoop"):
        program.ssc = Clocked.getOrCreate(program.folder, None, trust=True)
    told = program.ssc.sparkContext.getConf()
    assert told.get("my.plain") == "said-openly" and told.get("spark.app.name") == "tokens"


def test_10_7_functions_are_those_of_the_last_batch_and_then_as_they_were(runs, tmp_path):  # behaviour 10.7
    out, limits = tmp_path / "out", {"least": 0}

    def above(rdd):
        least = limits["least"]
        return rdd.filter(lambda x: x >= least)

    program = runs(lambda numbers: numbers.transform(above).foreachRDD(partial(note, out)))
    program.begin().tick([1, 2, 3])
    limits["least"] = 2
    program.tick([1, 2, 3])
    program.end()
    limits["least"] = 3
    program.begin().tick([1, 2, 3])
    assert [batch for _, batch in batches(out)] == [[1, 2, 3], [2, 3], [2, 3]]


def test_new_code_takes_over_the_state_of_the_old(runs, tmp_path):
    out = tmp_path / "out"
    old = runs(lambda pairs: pairs.updateStateByKey(total, 2).foreachRDD(partial(note, out)))
    old.begin().tick([("a", 1), ("b", 2), ("c", 3)])
    old.end()
    new = Runs(old.sc, old.folder, lambda pairs: (
        pairs.mapValues(lambda v: v * 10).filter(lambda p: True).updateStateByKey(total, 3).foreachRDD(partial(note, out))
    ))
    Clocked.now_ms = 1000
    new.begin(code="new").tick([("a", 1)], [("d", 4)])
    new.end()
    assert new.setups == 1
    assert batches(out)[-2:] == [
        [2.0, [["a", 11], ["b", 2], ["c", 3]]], [3.0, [["a", 11], ["b", 2], ["c", 3], ["d", 40]]],
    ]
    new.begin().tick([("a", 1)])  # and its code is in the checkpoint now
    new.end()
    assert new.setups == 1 and batches(out)[-1] == [4.0, [["a", 21], ["b", 2], ["c", 3], ["d", 40]]]


def test_new_code_is_matched_by_ids(runs, tmp_path):
    out = tmp_path / "out"
    old = runs(lambda pairs: pairs.updateStateByKey(total, 2).uid("sums").foreachRDD(partial(note, out)))
    old.begin().tick([("a", 1)])
    old.end()

    def declare(pairs):
        pairs.updateStateByKey(lambda new, last: len(new), 2).uid("lengths").foreachRDD(lambda rdd: rdd.count())
        pairs.updateStateByKey(total, 2).uid("sums").foreachRDD(partial(note, out))

    new = Runs(old.sc, old.folder, declare)
    Clocked.now_ms = 1000
    new.begin(code="new").tick([("a", 1)])
    new.end()
    assert batches(out)[-1] == [2.0, [["a", 2]]]
    lost = Runs(old.sc, old.folder, lambda pairs: pairs.updateStateByKey(total, 2).uid("x").foreachRDD(lambda rdd: None))
    Clocked.now_ms = 2000
    with pytest.raises(EngineError, match="the checkpoint in .* has the state of `(sums|lengths)`"):
        lost.begin(code="new").tick([])
    lost.end()


def test_1_2_a_context_of_its_own_has_the_settings_of_the_checkpoint(no_context, tmp_path):  # behaviour 6.16
    from tidemill import SparkConf

    conf = SparkConf(False).setMaster("local[3]").setAppName("first").set("spark.default.parallelism", "5")
    folder, incoming = str(tmp_path / "checkpoint"), str(tmp_path / "incoming")

    def setup():
        ssc = Clocked(SparkContext(conf=conf), 1)
        ssc.textFileStream(incoming).countByValue().foreachRDD(lambda rdd: None)
        return ssc

    Clocked.now_ms = 0
    ssc = Clocked.getOrCreate(folder, setup)
    ssc.start()
    ssc._engine.tick()
    ssc.stop()
    Clocked.now_ms = 1000
    ssc = Clocked.getOrCreate(folder, None)
    sc = ssc.sparkContext
    assert (sc.master, sc.appName, sc.defaultParallelism) == ("local[3]", "first", 5)
    ssc.stop()
    Clocked.now_ms = 1000
    other = SparkContext("local[2]", "other")
    ssc = Clocked.getOrCreate(folder, None)
    assert ssc.sparkContext is other
    ssc.stop()


def test_first_states_are_not_lost_before_the_first_batch(runs, tmp_path):
    out = tmp_path / "out"

    def declare(pairs):
        first = pairs.context().sparkContext.parallelize([("a", 10)]).mapValues(lambda v: v + 1)
        pairs.updateStateByKey(total, 2, first).foreachRDD(partial(note, out))

    program = runs(declare)
    program.begin().ssc.start()  # and no batch comes
    program.end()
    program.begin().tick([("a", 1)])
    program.end()
    program.begin().tick([("a", 1)])
    assert batches(out) == [[1.0, [["a", 12]]], [2.0, [["a", 13]]]]


def test_first_states_go_from_checkpoints_once_they_are_kept(runs, tmp_path):
    marked = "a key that is in no other part of the program"
    out = tmp_path / "out"
    program = runs(lambda pairs: pairs.updateStateByKey(total, 2, [(marked, 1)]).foreachRDD(partial(note, out)))
    program.begin()
    program.tick([])
    assert marked.encode() in program.ssc._keeper._last

    def is_gone():
        program.tick([])
        return marked.encode() not in program.ssc._keeper._last

    eventually(is_gone, "a batch that is kept")
    program.end()
    program.end()
    program.begin().tick([(marked, 1)])
    assert batches(out)[-1][1] == [[marked, 2]]


def test_without_get_or_create_a_program_begins_anew(runs, tmp_path):
    out = tmp_path / "out"
    program = runs(lambda pairs: pairs.updateStateByKey(total, 2).foreachRDD(partial(note, out)))
    for _ in range(2):
        program.ssc = program.setup()
        program.ssc.checkpoint(program.folder)
        program.feed = Feed(program.sc, program.ssc._recipe.making.feeds[0], 2)
        program.tick([("a", 1)])
        program.end()
    assert [batch for _, batch in batches(out)] == [[["a", 1]], [["a", 1]]]


def test_a_recovery_that_fails_can_be_tried_again(runs, sc, tmp_path):
    out, names = tmp_path / "out", sc.broadcast({"a": "b"})

    def declare(pairs):
        pairs.map(lambda pair: (names.value.get(pair[0]), pair[1])).updateStateByKey(total, 2).foreachRDD(partial(note, out))

    program = runs(declare)
    program.begin().tick([("a", 1)])
    program.end()
    for _ in range(2):
        with pytest.raises(EngineError, match="Broadcast variable .* not loaded.*code=\"new\""):
            program.begin()
    program.begin(code="new").tick([("a", 1)])
    assert batches(out)[-1] == [2.0, [["b", 2]]]


def test_a_recovery_that_fails_leaves_no_context(no_context, tmp_path):
    folder = str(tmp_path / "checkpoint")

    def setup():
        sc = SparkContext("local[1]", "fails")
        ssc, names = Clocked(sc, 1), sc.broadcast(1)
        ssc.textFileStream(str(tmp_path)).foreachRDD(lambda rdd: names.value)
        return ssc

    Clocked.now_ms = 0
    ssc = Clocked.getOrCreate(folder, setup)
    ssc.start()
    ssc.stop()
    with pytest.raises(EngineError, match="not loaded"):
        Clocked.getOrCreate(folder, setup)
    assert SparkContext._active_spark_context is None


def test_a_checkpoint_without_a_program_asks_for_new_code(runs, tmp_path, monkeypatch):
    out = tmp_path / "out"
    program = runs(lambda pairs: pairs.updateStateByKey(total, 2).foreachRDD(partial(note, out)))
    with monkeypatch.context() as patch:
        patch.setattr(Clocked, "_keep_program", lambda self, directory: None)
        program.begin().tick([("a", 1)])
        program.end()
    with pytest.raises(EngineError, match="it holds no program.*code=\"new\""):
        program.begin()
    program.begin(code="new").tick([("a", 1)])
    assert batches(out)[-1] == [2.0, [["a", 2]]]


@pytest.mark.parametrize(("now", "refused"), [("s1", None), ("s2", "signed with another"), (None, None)])
def test_programs_and_states_are_signed_where_there_is_a_secret(now, refused, no_context, tmp_path):
    from tidemill import SparkConf

    folder, out = tmp_path / "checkpoint", tmp_path / "out"

    def context(secret):
        conf = SparkConf(False).setMaster("local[2]").setAppName("signed").set("spark.my.password", "hunter2")
        return SparkContext(conf=conf.set("tidemill.checkpoint.secret", secret) if secret else conf)

    program = Runs(context("s1-of-the-test"), folder, lambda pairs: (
        pairs.updateStateByKey(total, 2).foreachRDD(partial(note, out))
    ))
    program.begin().tick([("a", 1)], [("a", 2)])
    program.end()
    program.sc.stop()
    written = [path.read_bytes() for path in folder.rglob("*") if path.is_file()]
    assert written and not any(b"s1-of-the-test" in data or b"hunter2" in data for data in written)
    program.sc = context(now and f"{now}-of-the-test")
    if refused:
        with pytest.raises(EngineError, match=refused):
            program.begin()
        program.ssc = None
    program.begin(trust=bool(refused)).tick([("a", 3)])
    assert batches(out)[-1] == [3.0, [["a", 6]]]
    program.end()
