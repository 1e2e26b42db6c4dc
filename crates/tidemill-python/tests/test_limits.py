"""What is bounded: memory of workers, what reaches the driver, and which Python runs tasks."""
from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest

from tidemill import SparkConf, SparkContext

# Ten times what a worker may hold: records of about 100 bytes, most of them with a key of their own.
WORKER_LIMIT = "1m"
RECORDS = 120_000
PAYLOAD = "x" * 60


@pytest.fixture
def small_workers(no_context):
    conf = SparkConf().set("spark.python.worker.memory", WORKER_LIMIT)
    with SparkContext("local[2]", "small workers", conf=conf) as sc:
        yield sc


def spread(n):
    """Scatters keys, so that first-seen order is not the order of the keys."""
    return (n * 7919) % RECORDS // 2


def first_seen(slices, buckets):
    """The keys of each bucket in the order in which they arrive there."""
    from tidemill.rdd import portable_hash

    order = [{} for _ in range(buckets)]
    for n in range(RECORDS):
        order[portable_hash(spread(n)) % buckets].setdefault(spread(n))
    return [list(keys) for keys in order]


def test_reduce_by_key_of_ten_times_the_memory_keeps_its_order(small_workers):
    pairs = small_workers.parallelize(range(RECORDS), 3).map(lambda n: (spread(n), PAYLOAD))
    joined = pairs.reduceByKey(lambda a, b: a + b, 2).mapValues(len)
    parts = joined.glom().collect()
    assert [[key for key, _ in part] for part in parts] == first_seen(3, 2)
    assert {length for part in parts for _, length in part} == {2 * len(PAYLOAD)}


def test_group_by_key_of_ten_times_the_memory_keeps_its_order(small_workers):
    pairs = small_workers.parallelize(range(RECORDS), 3).map(lambda n: (spread(n), (n, PAYLOAD)))
    groups = pairs.groupByKey(2).mapValues(lambda values: [n for n, _ in values])
    parts = groups.glom().collect()
    assert [[key for key, _ in part] for part in parts] == first_seen(3, 2)
    assert all(values == sorted(values) for part in parts for _, values in part)
    assert sum(len(values) for part in parts for _, values in part) == RECORDS


def test_sort_of_ten_times_the_memory(small_workers):
    pairs = small_workers.parallelize(range(RECORDS), 2).map(lambda n: (spread(n), (n, PAYLOAD)))
    ordered = pairs.sortByKey(numPartitions=2).map(lambda pair: (pair[0], pair[1][0])).collect()
    assert ordered == sorted((spread(n), n) for n in range(RECORDS))


def test_nothing_but_what_is_collected_reaches_the_driver(no_context):
    with SparkContext("local[2]", "bytes") as sc:
        before = sc._engine.collected_bytes()
        words = sc.parallelize(range(100_000), 4).map(lambda n: (n % 10, PAYLOAD))
        counts = words.reduceByKey(lambda a, b: a, 4).mapValues(len)
        assert counts.count() == 10
        assert sc._engine.collected_bytes() - before < 1000
        counts.collect()
        assert 0 < sc._engine.collected_bytes() - before < 5000


def other_python():
    """A Python of another minor version on this machine, if there is one."""
    for folder in [*Path.home().glob(".pyenv/versions/*/bin"), Path("/usr/bin"), Path("/usr/local/bin")]:
        for minor in range(9, 15):
            path = folder / f"python3.{minor}"
            if minor != sys.version_info.minor and os.access(path, os.X_OK):
                return str(path)
    return None


def test_another_minor_version_in_the_workers_is_refused(run_program):
    other = other_python()
    if other is None:
        pytest.skip("there is but one Python here")
    done = run_program("""
from tidemill import SparkContext
sc = SparkContext("local[1]", "versions")
try:
    sc.parallelize([1], 1).map(lambda n: n).collect()
except Exception as error:
    print(error)
""", PYSPARK_PYTHON=other)
    assert "PYSPARK_PYTHON" in done.stdout and "minor" in done.stdout, done.stdout + done.stderr
