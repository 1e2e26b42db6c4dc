"""Where streams begin: sockets, folders of files, queues."""
from __future__ import annotations

import os
import shutil
import time

import pytest

from harness import INTERVAL, ON_PYSPARK, TextServer, eventually
from tidemill.errors import EngineError


@pytest.fixture
def server():
    server = TextServer()
    yield server
    server.close()


def collecting(ssc, stream):
    """Starts a context that gathers all records of a stream into the list that is given back."""
    records = []
    stream.foreachRDD(lambda rdd: records.extend(rdd.collect()))
    ssc.start()
    return records


def test_lines_of_a_socket(new_stream, server):  # behaviour 1.12
    ssc = new_stream()
    records = collecting(ssc, ssc.socketTextStream("localhost", server.port))
    server.accept().send(b"one\ntwo\r\nthree\rfour\n\nna\xc3\xafve \xff\nlast")
    server.hang_up()
    expected = ["one", "two", "three", "four", "", "naïve \ufffd", "last"]
    eventually(lambda: len(records) >= len(expected), "all lines")
    assert records == expected


def test_a_socket_that_ends_is_connected_again(new_stream, server):  # behaviour 1.12
    ssc = new_stream()
    records = collecting(ssc, ssc.socketTextStream("localhost", server.port))
    for text in ("first", "second"):
        server.accept().send(text)
        server.hang_up()
    eventually(lambda: len(records) >= 2, "lines of both connections")
    assert records == ["first", "second"]


def test_a_port_where_nobody_listens_is_tried_again(new_stream, server):  # behaviour 1.12
    port = server.port
    server.close()
    ssc = new_stream()
    records = collecting(ssc, ssc.socketTextStream("localhost", port))
    assert ssc.awaitTerminationOrTimeout(3 * INTERVAL) is False
    late = TextServer(port)
    try:
        late.accept().send("at last\n")
        eventually(lambda: records, "a line")
    finally:
        late.close()
    assert records == ["at last"]


def test_10_9_empty_batches_differ_by_source(new_stream, server, tmp_path):  # behaviour 10.9, 1.22
    ssc = new_stream()
    counts = {"socket": [], "folder": [], "queue": []}
    partitions = {name: [] for name in counts}
    streams = {
        "socket": ssc.socketTextStream("localhost", server.port),
        "folder": ssc.textFileStream(str(tmp_path)),
        "queue": ssc.queueStream([[1]]),
    }

    def noting(notes, look):
        return lambda time, rdd: notes.append(look(rdd))

    for name, stream in streams.items():
        stream.foreachRDD(noting(partitions[name], lambda rdd: rdd.getNumPartitions()))
        stream.count().foreachRDD(noting(counts[name], lambda rdd: rdd.collect()))
    ssc.start()
    eventually(lambda: len(counts["queue"]) >= 3, "three batches")
    assert (partitions["socket"][1], partitions["folder"][1], partitions["queue"][1]) == (0, 0, 1)
    assert (counts["socket"][1], counts["folder"][1], counts["queue"][:2]) == ([], [], [[1], [0]])


def drop(folder, name, data, age=0.0):
    """Puts a whole file into a folder at once, as the guides tell; `age` seconds old."""
    path = folder / f".{name}"
    path.write_bytes(data)
    moment = time.time() - age
    os.utime(path, (moment, moment))
    path.rename(folder / name)


def test_new_files_of_a_folder(new_stream, tmp_path):  # behaviour 1.13, 1.14
    ssc = new_stream()
    (tmp_path / "old").write_text("old\n")
    os.utime(tmp_path / "old", (time.time() - 1000, time.time() - 1000))
    stream = ssc.textFileStream(str(tmp_path))
    before_start = tmp_path / "before"
    time_of_creation = time.time()
    eventually(lambda: time.time() > time_of_creation + 0.05, "a moment after the creation of the stream")
    before_start.write_text("before start\n")
    records = collecting(ssc, stream)
    eventually(lambda: records == ["before start"], "the file that came before the start")
    drop(tmp_path, "new", b"one\r\ntwo\rthree")
    eventually(lambda: len(records) >= 4, "the lines of the new file")
    assert records[1:] == ["one", "two", "three"]
    with open(tmp_path / "new", "a") as file:
        file.write("appended\n")
    drop(tmp_path, "other", b"four\n")
    eventually(lambda: len(records) >= 5, "the next file")
    assert records[4:] == ["four"]


def test_10_10_files_are_selected_by_their_time(new_stream, tmp_path):  # behaviour 10.10, 1.14
    ssc = new_stream()
    records = collecting(ssc, ssc.textFileStream(str(tmp_path)))
    moved_in = tmp_path.parent / "moved"
    moved_in.write_text("moved in with an old time\n")
    os.utime(moved_in, (time.time() - 500, time.time() - 500))
    shutil.move(str(moved_in), str(tmp_path / "moved"))
    drop(tmp_path, ".hidden", b"hidden\n")
    drop(tmp_path, "soon", b"of a time to come\n", age=-4 * INTERVAL)
    drop(tmp_path, "now", b"of now\n")
    eventually(lambda: len(records) >= 2, "both files")
    assert records == ["of now", "of a time to come"]


def test_10_10_a_name_with_an_underscore_fails_its_batch_only(new_stream, tmp_path):  # behaviour 10.10, 1.14
    ssc = new_stream()
    records = collecting(ssc, ssc.textFileStream(str(tmp_path)))
    drop(tmp_path, "_odd", b"odd\n")
    with pytest.raises(EngineError, match="Input path does not exist"):
        ssc.awaitTermination(60)
    drop(tmp_path, "even", b"even\n")
    eventually(lambda: records, "the next file")
    assert records == ["even"]


def test_a_folder_that_is_missing_gives_empty_batches(new_stream, tmp_path):  # behaviour 1.13
    ssc = new_stream()
    counts = []
    ssc.textFileStream(str(tmp_path / "none")).foreachRDD(lambda rdd: counts.append(rdd.count()))
    ssc.start()
    eventually(lambda: len(counts) >= 2, "two batches")
    assert counts[:2] == [0, 0]


def test_a_pattern_of_folders(new_stream, tmp_path):  # behaviour 1.13
    for name in ("a1", "a2", "b1"):
        (tmp_path / name).mkdir()
    ssc = new_stream()
    records = collecting(ssc, ssc.textFileStream(str(tmp_path / "a*")))
    for name in ("b1", "a1", "a2"):
        drop(tmp_path / name, "file", name.encode())
    eventually(lambda: len(records) >= 2, "two files")
    assert sorted(records) == ["a1", "a2"]


def test_files_of_binary_records(new_stream, tmp_path):  # behaviour 1.15
    ssc = new_stream()
    records = collecting(ssc, ssc.binaryRecordsStream(str(tmp_path), 3))
    drop(tmp_path, "whole", b"aaabbb")
    eventually(lambda: len(records) >= 2, "two records")
    drop(tmp_path, "partial", b"cccd")
    with pytest.raises(EngineError):
        ssc.awaitTermination(60)
    drop(tmp_path, "next", b"eee")
    eventually(lambda: b"eee" in records, "the next file")
    assert records == [b"aaa", b"bbb", b"eee"]


def queue_batches(new_stream, batches, *arguments, **named):
    ssc = new_stream()
    results = []
    ssc.queueStream(*arguments, **named).foreachRDD(lambda rdd: results.append(rdd.collect()))
    ssc.start()
    eventually(lambda: len(results) >= batches, f"{batches} batches")
    ssc.stop(False)
    return results[:batches]


def test_a_queue_of_rdds_or_lists(new_stream, sc):  # behaviour 1.16
    rdds = [sc.parallelize([1], 1), sc.parallelize([2, 3], 2)]
    assert queue_batches(new_stream, 3, rdds) == [[1], [2, 3], []]
    assert queue_batches(new_stream, 3, [[1], [2, 3]]) == [[1], [2, 3], []]
    assert queue_batches(new_stream, 3, rdds, False) == [[1, 2, 3], [], []]
    assert queue_batches(new_stream, 3, rdds, True, [9]) == [[1], [2, 3], [9]]
    assert queue_batches(new_stream, 3, [], default=[9]) == [[], [9], [9]]


def test_a_queue_of_nothing_needs_a_default(new_stream):  # behaviour 1.16
    with pytest.raises(IndexError):
        new_stream().queueStream([])


def test_a_queue_is_copied(new_stream):  # behaviour 1.16
    ssc = new_stream()
    queue, results = [[1]], []
    stream = ssc.queueStream(queue)
    queue.append([2])
    stream.foreachRDD(lambda rdd: results.append(rdd.collect()))
    ssc.start()
    eventually(lambda: len(results) >= 2, "two batches")
    assert results[:2] == [[1], []]


@pytest.mark.skipif(ON_PYSPARK, reason="an alias that programs ask for and PySpark does not have")
def test_text_stream_is_an_alias(new_stream, tmp_path):
    ssc = new_stream()
    records = collecting(ssc, ssc.textStream(str(tmp_path)))
    drop(tmp_path, "file", b"1\n2\n")
    eventually(lambda: len(records) >= 2, "two lines")
    assert records == ["1", "2"]
