"""Broadcasts, accumulators, added files and the context of a task."""
from __future__ import annotations

import os

import pytest

from harness import eventually
from tidemill.errors import EngineError


def test_a_broadcast_value_is_there_in_tasks(sc):  # behaviour 3.14
    table = sc.broadcast({"a": 1, "b": 2})
    assert table.value == {"a": 1, "b": 2}
    assert sc.parallelize(["a", "b", "a"], 3).map(lambda key: table.value[key]).collect() == [1, 2, 1]


def test_a_broadcast_is_what_it_was_when_made(sc):
    values = [1]
    kept = sc.broadcast(values)
    values.append(2)
    assert sc.parallelize([0], 1).map(lambda _: len(kept.value)).collect() == [1]


def test_a_broadcast_after_unpersist_and_destroy(sc):  # behaviour 3.14
    kept = sc.broadcast([1, 2, 3])
    numbers = sc.parallelize([0, 2], 2).map(lambda i: kept.value[i])
    assert numbers.collect() == [1, 3]
    kept.unpersist()
    assert numbers.collect() == [1, 3]
    kept.destroy()
    with pytest.raises(EngineError, match="[Aa]ttempted to use Broadcast\\(\\d+\\) after it was destroyed"):
        sc.parallelize([0], 1).map(lambda i: kept.value[i]).collect()


def test_a_large_broadcast(sc):
    data = sc.broadcast(os.urandom(3_000_000))
    size = len(data.value)
    assert sc.parallelize(range(4), 4).map(lambda _: len(data.value)).collect() == [size] * 4


def test_an_accumulator_adds_what_tasks_give(sc):  # behaviour 3.15
    total, real = sc.accumulator(5), sc.accumulator(1.0)

    def count(n):
        nonlocal total
        total += n
        real.add(0.5)

    sc.parallelize([1, 2, 3], 2).foreach(count)
    assert (total.value, real.value) == (11, 2.5)
    total.value = 0
    assert total.value == 0


def test_updates_in_transformations_repeat(sc):  # behaviour 3.15
    calls = sc.accumulator(0)
    numbers = sc.parallelize(range(4), 2).map(lambda n: calls.add(1) or n)
    numbers.count()
    numbers.count()
    assert calls.value == 8


def test_only_the_driver_reads_an_accumulator(sc):
    total = sc.accumulator(1)
    with pytest.raises(EngineError, match="Accumulator.value.* cannot be accessed inside tasks"):
        sc.parallelize([1], 1).map(lambda _: total.value).collect()


def test_an_accumulator_of_the_programs_own_kind(sc):
    from tidemill import AccumulatorParam

    class Words(AccumulatorParam):
        def zero(self, value):
            return ""

        def addInPlace(self, one, two):
            return "".join(sorted(one + two))

    words = sc.accumulator("", Words())
    sc.parallelize("dbca", 3).foreach(words.add)
    assert words.value == "abcd"


def test_an_accumulator_needs_to_know_how_to_add(sc):
    with pytest.raises(TypeError):
        sc.accumulator("text")


def test_updates_of_a_failed_task_do_not_count(sc):
    calls = sc.accumulator(0)

    def add_and_fail(n):
        calls.add(1)
        raise ValueError(n)

    with pytest.raises(EngineError):
        sc.parallelize([1], 1).foreach(add_and_fail)
    assert calls.value == 0


def test_a_task_knows_its_context(sc):  # behaviour 3.18
    def look(part):
        from tidemill import TaskContext

        context = TaskContext.get()
        return [(context.partitionId(), context.attemptNumber(), context.cpus(), context.getLocalProperty("colour"))]

    sc.setLocalProperty("colour", "blue")
    try:
        assert sc.parallelize(range(4), 2).mapPartitions(look).collect() == [(0, 0, 1, "blue"), (1, 0, 1, "blue")]
    finally:
        sc.setLocalProperty("colour", None)


def test_stage_and_task_ids_grow(sc):
    def ids(part):
        from tidemill import TaskContext

        return [(TaskContext.get().stageId(), TaskContext.get().taskAttemptId())]

    first = sc.parallelize(range(2), 2).mapPartitions(ids).collect()
    second = sc.parallelize(range(2), 2).mapPartitions(ids).collect()
    assert first[0][0] == first[1][0] < second[0][0]
    assert len({task for _, task in first + second}) == 4


def test_there_is_no_task_in_the_driver(sc):
    from tidemill import TaskContext

    assert TaskContext.get() is None


def test_added_files_are_there_in_tasks(sc, tmp_path):  # behaviour 3.11, 3.19
    from tidemill import SparkFiles

    path = tmp_path / "numbers.txt"
    path.write_text("41")
    sc.addFile(str(path))

    def read(n):
        with open(SparkFiles.get("numbers.txt")) as file:
            return n + int(file.read())

    assert sc.parallelize([1], 1).map(read).collect() == [42]
    assert os.path.dirname(SparkFiles.get("numbers.txt")) == os.path.realpath(SparkFiles.getRootDirectory())
    assert any(name.endswith("numbers.txt") for name in sc.listFiles)


def test_added_modules_can_be_imported_in_tasks(sc, tmp_path):  # behaviour 3.11
    (tmp_path / "added_module_of_test.py").write_text("def answer():\n    return 42\n")
    sc.addPyFile(str(tmp_path / "added_module_of_test.py"))

    def ask(_):
        import added_module_of_test

        return added_module_of_test.answer()

    assert sc.parallelize([1, 2], 2).map(ask).collect() == [42, 42]


def test_the_status_of_jobs(sc):  # behaviour 3.19
    sc.setJobGroup("counted", "counts")
    sc.parallelize(range(10), 2).map(lambda n: (n, n)).reduceByKey(lambda a, b: a).count()
    sc.setLocalProperty("spark.jobGroup.id", None)
    (job,) = eventually(lambda: sc.statusTracker().getJobIdsForGroup("counted"), "news of the job")
    info = sc.statusTracker().getJobInfo(job)
    assert (info.jobId, info.status, len(info.stageIds)) == (job, "SUCCEEDED", 2)
    stage = sc.statusTracker().getStageInfo(min(info.stageIds))
    assert (stage.numTasks, stage.numCompletedTasks, stage.numFailedTasks, stage.currentAttemptId) == (2, 2, 0, 0)
    assert sc.statusTracker().getJobInfo(1_000_000) is None


def test_storage_levels(sc):  # behaviour 1.66, 1.67, 3.17
    from tidemill import StorageLevel

    assert StorageLevel(True, True, False, False, 2) == StorageLevel.MEMORY_AND_DISK_2
    assert str(StorageLevel.MEMORY_AND_DISK_2) == "Disk Memory Serialized 2x Replicated"
    assert str(StorageLevel.MEMORY_AND_DISK_DESER) == "Disk Memory Deserialized 1x Replicated"
    assert repr(StorageLevel.DISK_ONLY) == "StorageLevel(True, False, False, False, 1)"
    with pytest.raises(TypeError):
        hash(StorageLevel.NONE)
    names = ["NONE", "DISK_ONLY", "DISK_ONLY_2", "DISK_ONLY_3", "MEMORY_ONLY", "MEMORY_ONLY_2", "MEMORY_AND_DISK",
             "MEMORY_AND_DISK_2", "OFF_HEAP", "MEMORY_AND_DISK_DESER"]
    assert [str(getattr(StorageLevel, name)) for name in names] == [
        "Serialized 1x Replicated", "Disk Serialized 1x Replicated", "Disk Serialized 2x Replicated",
        "Disk Serialized 3x Replicated", "Memory Serialized 1x Replicated", "Memory Serialized 2x Replicated",
        "Disk Memory Serialized 1x Replicated", "Disk Memory Serialized 2x Replicated",
        "Disk Memory OffHeap Serialized 1x Replicated", "Disk Memory Deserialized 1x Replicated",
    ]


def test_a_persisted_rdd_is_computed_once(sc):  # behaviour 3.2
    from tidemill import StorageLevel

    calls = sc.accumulator(0)
    numbers = sc.parallelize(range(4), 2).map(lambda n: calls.add(1) or n)
    assert not numbers.is_cached
    assert numbers.persist(StorageLevel.MEMORY_AND_DISK) is numbers
    assert numbers.is_cached and numbers.getStorageLevel() == StorageLevel.MEMORY_AND_DISK
    assert (numbers.count(), numbers.count(), calls.value) == (4, 4, 4)
    assert numbers.unpersist() is numbers
    assert not numbers.is_cached
    assert (numbers.count(), calls.value) == (4, 8)


def test_a_checkpointed_rdd_is_read_from_files(sc, tmp_path):  # behaviour 3.2
    sc.setCheckpointDir(str(tmp_path))
    assert sc.getCheckpointDir().startswith(("file:", str(tmp_path)))
    numbers = sc.parallelize(range(4), 2).map(lambda n: n + 1)
    numbers.checkpoint()
    assert not numbers.isCheckpointed() and numbers.getCheckpointFile() is None
    assert numbers.count() == 4
    assert numbers.isCheckpointed() and numbers.getCheckpointFile()
    assert numbers.collect() == [1, 2, 3, 4]
