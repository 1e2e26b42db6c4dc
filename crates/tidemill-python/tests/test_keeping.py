"""What is kept of an RDD, and what is computed again."""

from __future__ import annotations

import pytest

from tidemill import StorageLevel
from tidemill.errors import EngineError


def counted(sc, calls):
    return sc.parallelize(range(4), 2).map(lambda number: calls.add(1) or number)


def test_a_kept_rdd_is_computed_once_until_it_is_forgotten(sc):  # behaviour 3.2
    calls = sc.accumulator(0)
    numbers = counted(sc, calls).persist()
    assert (numbers.sum(), numbers.count(), numbers.map(str).collect()) == (6, 4, ["0", "1", "2", "3"])
    assert calls.value == 4
    assert numbers.unpersist() is numbers and numbers.sum() == 6
    assert calls.value == 8


def test_a_level_cannot_be_changed(sc):  # behaviour 3.2
    numbers = sc.parallelize([1]).cache()
    assert numbers.cache() is numbers
    with pytest.raises(
        EngineError, match="Cannot change storage level of an RDD after it was already assigned a level"
    ):
        numbers.persist(StorageLevel.DISK_ONLY)
    numbers.unpersist()
    assert numbers.persist(StorageLevel.DISK_ONLY).getStorageLevel() == StorageLevel.DISK_ONLY


def test_operators_that_were_there_before_do_not_profit(sc):  # behaviour 3.2
    calls = sc.accumulator(0)
    numbers = counted(sc, calls)
    before = numbers.map(str)
    numbers.cache().count()
    assert before.count() == 4 and calls.value == 8


def test_a_local_checkpoint_forgets_the_past(sc):  # behaviour 3.2
    calls = sc.accumulator(0)
    numbers = counted(sc, calls)
    numbers.localCheckpoint()
    doubled = numbers.map(lambda number: number * 2)
    assert doubled.collect() == [0, 2, 4, 6] and calls.value == 4
    assert numbers.isLocallyCheckpointed() and numbers.isCheckpointed() and numbers.getCheckpointFile() is None
    assert doubled.count() == numbers.count() == 4 and calls.value == 4


def test_a_checkpoint_is_written_by_the_first_job_below_it(sc, tmp_path):  # behaviour 3.2
    sc.setCheckpointDir(str(tmp_path))
    calls = sc.accumulator(0)
    numbers = counted(sc, calls).cache()
    numbers.checkpoint()
    pairs = numbers.map(lambda number: (number % 2, number))
    assert not numbers.isCheckpointed()
    assert sorted(pairs.reduceByKey(lambda a, b: a + b).union(pairs).collect())[:2] == [(0, 0), (0, 2)]
    assert numbers.isCheckpointed() and numbers.getCheckpointFile() and calls.value == 4
    assert numbers.unpersist().collect() == [0, 1, 2, 3] and calls.value == 4


def test_a_checkpoint_that_fails_can_be_tried_again(sc, tmp_path):  # behaviour 3.2
    sc.setCheckpointDir(str(tmp_path / "checkpoints"))
    ready = tmp_path / "ready"

    def read(number):
        if not ready.exists():
            raise ValueError("not ready")
        return number

    numbers = sc.parallelize([1, 2]).map(read)
    numbers.checkpoint()
    with pytest.raises(EngineError, match="not ready"):
        numbers.count()
    ready.touch()
    assert numbers.count() == 2 and numbers.isCheckpointed()


def test_without_a_folder_there_is_no_checkpoint(no_context):  # behaviour 3.2
    from tidemill import SparkContext

    sc = SparkContext("local[1]", "no folder")
    with pytest.raises(EngineError, match="Checkpoint directory has not been set in the SparkContext"):
        sc.parallelize([1]).checkpoint()
