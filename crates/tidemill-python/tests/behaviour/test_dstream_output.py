"""Output operations: when they run, how they are called, what they print and write, and what their errors do."""
from __future__ import annotations

import os
import re
import time
from datetime import datetime
from functools import partial

import pytest

from harness import INTERVAL, differs, eventually, lines
from tidemill.errors import EngineError


def test_foreach_rdd_gets_the_rdd_or_time_and_rdd(new_stream):  # behaviour 1.32
    ssc = new_stream()
    plain, timed = [], []
    stream = ssc.queueStream([[1], [2]])
    assert stream.foreachRDD(lambda rdd: plain.append(rdd.collect())) is None
    stream.foreachRDD(lambda time, rdd: timed.append((time, rdd.collect())))
    ssc.start()
    eventually(lambda: len(timed) >= 2, "two batches")
    assert plain[:2] == [[1], [2]] == [records for _, records in timed[:2]]
    first, second = (moment for moment, _ in timed[:2])
    assert type(first) is datetime and first.tzinfo is None
    assert abs(first.timestamp() - time.time()) < 120
    assert (second - first).total_seconds() == INTERVAL
    assert round(first.timestamp() * 1000) % round(INTERVAL * 1000) == 0  # behaviour 2.37


def test_outputs_run_in_order_of_registration_and_batches_in_order(new_stream):  # behaviour 1.32, 2.38
    ssc = new_stream()
    ran = []
    stream = ssc.queueStream([[1], [2], [3]])

    def noting(name):
        return lambda time, rdd: ran.append((time, name))

    for name in "abc":
        stream.foreachRDD(noting(name))
    ssc.start()
    eventually(lambda: len(ran) >= 9, "three batches")
    assert [name for _, name in ran[:9]] == list("abc") * 3
    assert [moment for moment, _ in ran[:9]] == sorted(moment for moment, _ in ran[:9])


@differs("1.32", "a true result makes the output fail in PySpark")
def test_what_foreach_rdd_gives_back_is_ignored(new_stream):  # behaviour 1.32
    ssc = new_stream()
    counts = []
    ssc.queueStream([[1, 2]]).foreachRDD(lambda rdd: counts.append(rdd.count()) or rdd.count())
    ssc.start()
    eventually(lambda: len(counts) >= 2, "two batches")
    assert ssc.awaitTerminationOrTimeout(2 * INTERVAL) is False


CALLABLES = {
    "partial": lambda seen: partial(lambda name, rdd: seen.append((name, rdd.collect())), "rdd"),
    "timed partial": lambda seen: partial(lambda name, time, rdd: seen.append((name, rdd.collect())), "rdd"),
    "object": lambda seen: type("Sink", (), {"__call__": lambda self, rdd: seen.append(("rdd", rdd.collect()))})(),
    "method": lambda seen: type("Sink", (), {"take": lambda self, rdd: seen.append(("rdd", rdd.collect()))})().take,
}


@differs("10.3", "PySpark counts the arguments of __code__, and fails where there is none")
@pytest.mark.parametrize("make", CALLABLES.values(), ids=CALLABLES)
def test_10_3_foreach_rdd_takes_anything_that_can_be_called(new_stream, make):  # behaviour 10.3
    ssc = new_stream()
    seen = []
    ssc.queueStream([[1]]).foreachRDD(make(seen))
    ssc.start()
    eventually(lambda: seen or ssc.awaitTerminationOrTimeout(0.01), "a batch")
    assert seen[0] == ("rdd", [1])


def test_10_3_a_plain_function_counts_its_defaults(new_stream):  # behaviour 10.3
    ssc = new_stream()
    seen = []

    def take(time, rdd=None):
        seen.append((time, rdd.collect()))

    ssc.queueStream([[1]]).foreachRDD(take)
    ssc.start()
    eventually(lambda: seen, "a batch")
    assert isinstance(seen[0][0], datetime) and seen[0][1] == [1]


def test_10_3_a_method_may_ask_for_the_time(new_stream):  # behaviour 10.3
    class Sink:
        def __init__(self):
            self.seen = []

        def take(self, time, rdd):
            self.seen.append((time, rdd.collect()))

    ssc, sink = new_stream(), Sink()
    ssc.queueStream([[1]]).foreachRDD(sink.take)
    ssc.start()
    eventually(lambda: sink.seen, "a batch")
    assert isinstance(sink.seen[0][0], datetime) and sink.seen[0][1] == [1]


def test_pprint_is_the_same_to_the_byte(new_stream, capsys):  # behaviour 1.33
    ssc = new_stream(1)
    shown = []
    stream = ssc.queueStream([list(range(12)), [("naïve", 1), None, "text"], []])
    stream.pprint()
    stream.pprint(2)
    stream.foreachRDD(lambda time, rdd: shown.append(time))
    ssc.start()
    eventually(lambda: len(shown) >= 3, "three batches")
    ssc.stop(False)

    def page(moment, records):
        return "".join(f"{line}\n" for line in ["-" * 43, f"Time: {moment}", "-" * 43, *map(str, records), ""])

    ten, two = [*range(10), "..."], [0, 1, "..."]
    mixed = [("naïve", 1), None, "text"]
    expected = [ten, two, mixed, [*mixed[:2], "..."], [], []]
    out = capsys.readouterr().out
    assert out.startswith("".join(page(shown[n // 2], records) for n, records in enumerate(expected)))
    assert re.fullmatch(r"Time: \d{4}-\d\d-\d\d \d\d:\d\d:\d\d", out.splitlines()[1])


def test_pprint_shows_fractions_of_seconds(new_stream, capsys):  # behaviour 1.33
    ssc = new_stream(0.5)
    shown = []
    ssc.queueStream([[1]]).pprint()
    ssc.queueStream([[1]]).foreachRDD(lambda time, rdd: shown.append(time))
    ssc.start()
    eventually(lambda: len(shown) >= 2, "two batches")
    assert re.search(r"^Time: \d{4}-\d\d-\d\d \d\d:\d\d:\d\d\.500000$", capsys.readouterr().out, re.MULTILINE)


@differs("1.33", "print is an alias that programs ask for and PySpark does not have")
def test_print_is_an_alias_of_pprint(new_stream, capsys):
    ssc = new_stream()
    done = []
    stream = ssc.queueStream([["word"]])
    stream.print()
    stream.foreachRDD(lambda rdd: done.append(1))
    ssc.start()
    eventually(lambda: done, "a batch")
    assert capsys.readouterr().out.splitlines()[3] == "word"


def test_save_as_text_files(new_stream, tmp_path):  # behaviour 1.42, 1.58
    from tidemill.streaming.util import rddToFileName

    ssc = new_stream()
    times = []
    stream = ssc.queueStream([["naïve", 1], [None], []])
    stream.saveAsTextFiles(str(tmp_path / "plain"))
    stream.saveAsTextFiles(str(tmp_path / "suffixed"), "txt")
    stream.saveAsTextFiles(str(tmp_path / "empty"), "")
    stream.foreachRDD(lambda time, rdd: times.append(time))
    ssc.start()
    eventually(lambda: len(times) >= 3, "three batches")
    ssc.stop(False)
    for moment, expected in zip(times, [["naïve", "1"], ["None"], []]):
        ms = round(moment.timestamp() * 1000)
        assert lines(str(tmp_path / f"plain-{ms}")) == expected
        assert lines(str(tmp_path / f"suffixed-{ms}.txt")) == expected
        assert lines(str(tmp_path / f"empty-{ms}.")) == expected
        assert os.path.exists(tmp_path / f"plain-{ms}" / "_SUCCESS")
        assert rddToFileName("p", "s", moment) == f"p-{ms}.s"


def test_save_as_text_files_leaves_alone_what_a_batch_wrote_before(new_stream, tmp_path):  # behaviour 1.42
    ssc = new_stream()
    done = []
    stream = ssc.queueStream([["new"]])
    stream.foreachRDD(lambda time, rdd: os.mkdir(tmp_path / f"out-{round(time.timestamp() * 1000)}"))
    stream.saveAsTextFiles(str(tmp_path / "out"))
    stream.foreachRDD(lambda rdd: done.append(1))
    ssc.start()
    eventually(lambda: len(done) >= 2, "two batches")
    assert ssc.awaitTerminationOrTimeout(INTERVAL) is False


def test_what_a_function_saves_in_a_batch_takes_the_place_of_what_was_there(new_stream, tmp_path):  # behaviour 2.15, 4.64
    ssc = new_stream()
    done = []
    stream = ssc.queueStream([["old"], ["new"]])

    def save(rdd):
        rdd.coalesce(1).saveAsTextFile(str(tmp_path / "text"))
        rdd.coalesce(1).saveAsPickleFile(str(tmp_path / "pickles"))
        done.append(lines(str(tmp_path / "text")))

    stream.foreachRDD(save)
    ssc.start()
    eventually(lambda: len(done) >= 3, "three batches")
    assert done[:3] == [["old"], ["new"], []]


def test_10_1_an_error_stops_neither_the_context_nor_other_outputs(new_stream):  # behaviour 10.1, 2.39, 1.7
    ssc = new_stream()
    before, after = [], []

    def refuse_two(rdd):
        for n in rdd.collect():
            if n in (2, 4):
                raise ValueError(f"no {n}")

    stream = ssc.queueStream([[1], [2], [3], [4], [5]])
    stream.foreachRDD(lambda rdd: before.append(rdd.collect()))
    stream.foreachRDD(refuse_two)
    stream.foreachRDD(lambda rdd: after.append(rdd.collect()))
    ssc.start()
    eventually(lambda: len(after) >= 5, "five batches")
    assert before[:5] == after[:5] == [[1], [2], [3], [4], [5]]
    for _ in range(2):  # the latest, at every call
        with pytest.raises(EngineError, match="ValueError: no 4"):
            ssc.awaitTerminationOrTimeout(60)
    with pytest.raises(EngineError, match="ValueError: no 4"):
        ssc.awaitTermination(60)
    ssc.stop(False)
    with pytest.raises(EngineError, match="ValueError: no 4"):
        ssc.awaitTermination()


def test_10_1_an_error_of_a_task_does_not_either(new_stream):  # behaviour 10.1
    ssc = new_stream()
    results = []
    ssc.queueStream([[1], [0], [2]]).map(lambda n: 1 / n).foreachRDD(lambda rdd: results.append(rdd.collect()))
    ssc.start()
    with pytest.raises(EngineError, match="ZeroDivisionError"):
        ssc.awaitTermination(60)
    eventually(lambda: len(results) >= 2, "the third batch")
    assert results[:2] == [[1.0], [0.5]]


@differs("10.1", "PySpark names neither the operator nor the batch")
def test_an_error_names_operator_line_batch_time_and_partition(new_stream):
    ssc = new_stream()
    times = []
    stream = ssc.queueStream([[1, 0]])
    stream.foreachRDD(lambda time, rdd: times.append(time))
    stream.map(lambda n: 1 / n).pprint()
    ssc.start()
    with pytest.raises(EngineError) as caught:
        ssc.awaitTermination(60)
    text = str(caught.value)
    assert re.search(rf"map at .*{os.path.basename(__file__)}:\d+", text)
    assert "ZeroDivisionError: division by zero" in text and "Traceback" in text
    assert re.search(r"partition \d", text)
    assert str(times[0]) in text or str(round(times[0].timestamp() * 1000)) in text


def test_broadcasts_and_accumulators_of_an_output(new_stream):  # behaviour 3.14, 3.15
    ssc = new_stream()
    lazily, results = {}, []

    def report(time, rdd):
        if not lazily:
            lazily["excluded"] = rdd.context.broadcast({"a", "b"})
            lazily["dropped"] = rdd.context.accumulator(0)
        excluded, dropped = lazily["excluded"], lazily["dropped"]

        def keep(pair):
            if pair[0] in excluded.value:
                dropped.add(pair[1])
                return False
            return True

        results.append((rdd.filter(keep).collect(), dropped.value))

    words = ssc.queueStream([["a", "c"], ["b", "b"], ["c"]])
    words.map(lambda word: (word, 1)).reduceByKey(lambda a, b: a + b, 1).foreachRDD(report)
    ssc.start()
    eventually(lambda: len(results) >= 3 or ssc.awaitTerminationOrTimeout(0.01), "three batches")
    assert results[:3] == [([("c", 1)], 1), ([], 3), ([("c", 1)], 3)]


def test_a_start_without_outputs_is_refused_for_good(new_stream):  # behaviour 1.6, 10.2
    ssc = new_stream()
    ssc.queueStream([[1]]).map(str)
    with pytest.raises(EngineError, match="No output operations registered, so nothing to execute"):
        ssc.start()
    with pytest.raises(EngineError, match="StreamingContext has already been stopped"):
        ssc.start()
