"""Corners of contexts: what is refused, and with which words; slices, archives, threads, barriers, resources."""
from __future__ import annotations

import os
import pickle
import tarfile
import zipfile

import pytest

from tidemill import (
    BarrierTaskContext,
    BarrierTaskInfo,
    InheritableThread,
    SparkConf,
    SparkFiles,
    StorageLevel,
    TaskContext,
)
from tidemill.errors import EngineError, PySparkRuntimeError


@pytest.mark.parametrize(
    ("items", "slices", "sizes"),
    [
        (list(range(8)), 3, [2, 2, 4]),
        (range(8), 3, [2, 3, 3]),
        ("abcdefg", 3, [2, 2, 3]),
        (list(range(5)), 3, [1, 2, 2]),
        ({1: 2, 3: 4}, 2, [1, 1]),
        (list(range(5000)), 2, [2048, 2952]),
        (list(range(5000)), 7, [714, 714, 714, 714, 714, 714, 716]),
        (range(10, 0, -2), 2, [2, 3]),
        (range(0), 3, [0, 0, 0]),
        ([], 2, [0, 0]),
    ],
)
def test_where_a_collection_is_cut(sc, items, slices, sizes):  # behaviour 3.21
    parts = sc.parallelize(items, slices).glom().collect()
    assert [len(part) for part in parts] == sizes
    assert [item for part in parts for item in part] == list(items)


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda sc: sc.addFile("/missing/file"), "File file:/missing/file does not exist"),
        (lambda sc: sc.addFile("/tmp"), r"\[UNSUPPORTED_ADD_FILE.DIRECTORY\] Don't support add file"),
        (lambda sc: sc.addJobTag(""), "Spark job tag cannot be an empty string."),
        (lambda sc: sc.addJobTag("a,b"), "Spark job tag cannot contain ','."),
        (
            lambda sc: sc.runJob(sc.parallelize([1, 2], 2), list, [5]),
            "Attempting to access a non-existent partition: 5. Total number of partitions: 2",
        ),
        (lambda sc: sc.setLogLevel("LOUD"), "requirement failed: Supplied level LOUD"),
        (lambda sc: sc.textFile("/missing/file").count(), "Input path does not exist: file:/missing/file"),
    ],
)
def test_what_the_engine_refuses(sc, call, words):
    with pytest.raises(EngineError, match=words):
        call(sc)


def test_what_python_refuses(sc):
    with pytest.raises(IndexError):
        sc.union([])
    with pytest.raises(ZeroDivisionError):
        sc.parallelize([1], 0)
    with pytest.raises(NotImplementedError, match="Do not construct SparkFiles objects"):
        SparkFiles()
    with pytest.raises(pickle.PicklingError, match="Could not serialize broadcast: .*CONTEXT_ONLY_VALID_ON_DRIVER"):
        sc.broadcast(sc)
    with pytest.raises(pickle.PicklingError, match="Could not serialize broadcast: .*RDD_TRANSFORM_ONLY_VALID_ON_DRIVER"):
        sc.broadcast(sc.parallelize([1]))
    with pytest.raises(PySparkRuntimeError, match="KEY_VALUE_PAIR_REQUIRED"):
        SparkConf().setExecutorEnv("A", "b", [("C", "d")])
    with pytest.raises(TypeError):
        hash(StorageLevel.NONE)


def test_a_context_in_a_task_is_refused(sc):
    def make(_):
        from tidemill import SparkContext

        SparkContext("local", "inner")

    with pytest.raises(EngineError, match="CONTEXT_ONLY_VALID_ON_DRIVER"):
        sc.parallelize([1], 1).foreach(make)


def test_a_destroyed_broadcast_fails_in_the_driver_too(sc):  # behaviour 3.14
    shared = sc.broadcast([1])
    shared.destroy()
    for call in (shared.unpersist, shared.destroy):
        with pytest.raises(EngineError, match="Attempted to use Broadcast.* after it was destroyed"):
            call()


def test_a_task_may_not_end_a_broadcast(sc):
    shared = sc.broadcast(1)
    with pytest.raises(EngineError, match="Broadcast can only be destroyed in driver"):
        sc.parallelize([1], 1).foreach(lambda _: shared.destroy())


def test_archives_are_unpacked_for_tasks(sc, tmp_path):  # behaviour 3.11
    (tmp_path / "one.txt").write_text("1")
    with zipfile.ZipFile(tmp_path / "tables.zip", "w") as archive:
        archive.write(tmp_path / "one.txt", "inner/one.txt")
    with tarfile.open(tmp_path / "tables.tar.gz", "w:gz") as archive:
        archive.add(tmp_path / "one.txt", "two.txt")
    sc.addArchive(str(tmp_path / "tables.zip"))
    sc.addArchive(str(tmp_path / "tables.tar.gz") + "#renamed")

    def read(name):
        with open(SparkFiles.get(name)) as file:
            return file.read()

    assert sc.parallelize(["tables.zip/inner/one.txt", "renamed/two.txt"], 2).map(read).collect() == ["1", "1"]
    assert sum(name.endswith(("tables.zip", "#renamed")) for name in sc.listArchives) == 2


def test_a_folder_of_files_is_added_whole(sc, tmp_path):
    (tmp_path / "folder" / "inner").mkdir(parents=True)
    (tmp_path / "folder" / "inner" / "x.txt").write_text("7")
    sc.addFile(str(tmp_path / "folder"), recursive=True)
    read = sc.parallelize([0], 1).map(lambda _: open(SparkFiles.get("folder/inner/x.txt")).read())
    assert read.collect() == ["7"]
    assert os.path.isdir(SparkFiles.get("folder"))


def test_threads_inherit_the_properties_of_their_starter(sc):  # behaviour 3.12, 3.20
    seen = []
    sc.setLocalProperty("test.color", "blue")
    thread = InheritableThread(target=lambda: seen.append(sc.getLocalProperty("test.color")))
    sc.setLocalProperty("test.color", "green")  # taken at the start, not when the thread was made
    thread.start()
    thread.join()
    sc.setLocalProperty("test.color", None)
    assert seen == ["green"]
    assert sc.getLocalProperty("test.color") is None


def test_groups_and_tags_are_properties(sc):  # behaviour 3.12
    sc.setJobGroup("night", "counts", interruptOnCancel=True)
    sc.addJobTag("b")
    sc.addJobTag("a")
    sc.addJobTag("b")
    names = ("spark.jobGroup.id", "spark.job.description", "spark.job.interruptOnCancel", "spark.job.tags")
    inside = sc.parallelize([0], 1).map(lambda _: [TaskContext.get().getLocalProperty(name) for name in names]).first()
    assert inside[:3] == ["night", "counts", "true"]
    assert sorted(inside[3].split(",")) == ["a", "b"]
    sc.clearJobTags()
    for name in names:
        sc.setLocalProperty(name, None)
    assert len(sc.getJobTags()) == 0


def test_tasks_of_a_barrier_exchange_words(sc):  # behaviour 3.18
    def meet(items):
        context = BarrierTaskContext.get()
        first = context.allGather("first of %d" % context.partitionId())
        context.barrier()
        second = context.allGather("second of %d" % context.partitionId())
        yield first, second, all(isinstance(info, BarrierTaskInfo) for info in context.getTaskInfos())

    told = sc.parallelize(range(4), 2).barrier().mapPartitions(meet).collect()
    assert told == [(["first of 0", "first of 1"], ["second of 0", "second of 1"], True)] * 2


def test_there_is_no_barrier_elsewhere(sc):
    with pytest.raises(PySparkRuntimeError, match="NOT_IN_BARRIER_STAGE"):
        BarrierTaskContext.get()
    with pytest.raises(EngineError, match="NOT_IN_BARRIER_STAGE"):
        sc.parallelize([1], 1).foreach(lambda _: BarrierTaskContext.get())
    sc.parallelize([1, 2], 2).barrier().mapPartitions(list).collect()
    with pytest.raises(EngineError, match="NOT_IN_BARRIER_STAGE"):
        sc.parallelize([1, 2], 2).foreach(lambda _: BarrierTaskContext.get())


def test_a_task_that_fails_before_the_meeting_fails_the_stage(sc):
    def meet(items):
        context = BarrierTaskContext.get()
        if context.partitionId() == 1:
            raise ValueError("not coming")
        context.barrier()
        return items

    with pytest.raises(EngineError, match="not coming"):
        sc.parallelize([1, 2], 2).barrier().mapPartitions(meet).collect()
    assert sc.parallelize([1, 2], 2).barrier().mapPartitions(list).collect() == [1, 2]


def test_text_as_bytes(sc, tmp_path):  # behaviour 3.10
    (tmp_path / "a.txt").write_bytes("flüt\n\n".encode())
    assert sc.textFile(str(tmp_path / "a.txt"), use_unicode=False).collect() == ["flüt".encode(), b""]
    (whole,) = sc.wholeTextFiles(str(tmp_path), use_unicode=False).values().collect()
    assert whole == "flüt\n\n".encode()
