"""Contexts: how they start and stop, what they know, how jobs are grouped and cancelled; and configurations."""
from __future__ import annotations

import threading

import pytest

from harness import eventually
from tidemill import SparkConf, SparkContext
from tidemill.errors import EngineError


def test_a_context_knows_what_it_is(no_context):  # behaviour 3.9
    sc = SparkContext("local[3]", "name")
    assert (sc.master, sc.appName, sc.defaultParallelism, sc.defaultMinPartitions) == ("local[3]", "name", 3, 2)
    assert sc.applicationId and sc.sparkUser() and sc.startTime > 1_600_000_000_000
    assert sc.version.split(".")[0].isdigit()
    assert sc.getConf().get("spark.master") == "local[3]"
    assert SparkContext._active_spark_context is sc
    assert "name" in repr(sc) and "local[3]" in repr(sc)
    sc.stop()
    sc.stop()
    assert SparkContext._active_spark_context is None


def test_a_second_context_is_refused(sc):  # behaviour 3.27
    with pytest.raises(ValueError, match="Cannot run multiple SparkContexts at once; existing SparkContext") as caught:
        SparkContext("local[2]", "second")
    assert f"app={sc.appName}, master={sc.master}" in str(caught.value)


def test_get_or_create_finds_the_one_that_runs(sc):  # behaviour 3.9
    assert SparkContext.getOrCreate() is sc


def test_a_context_is_a_context_of_with(no_context):
    with SparkContext("local[1]", "with") as sc:
        assert sc.parallelize([1, 2]).sum() == 3
    assert SparkContext._active_spark_context is None


def test_a_context_after_another(no_context):
    for name in ("one", "two"):
        sc = SparkContext(conf=SparkConf().setMaster("local[2]").setAppName(name))
        assert sc.parallelize(range(4), 2).map(lambda n: n * n).collect() == [0, 1, 4, 9]
        assert sc.appName == name
        sc.stop()


def test_a_stopped_context_says_so(no_context):
    sc = SparkContext("local[1]", "stopped")
    numbers = sc.parallelize([1])
    sc.stop()
    with pytest.raises(Exception, match="stopped|NoneType"):  # PySpark has lost its JVM by then
        numbers.count()


def test_a_context_cannot_be_pickled(sc):
    import pickle

    with pytest.raises(Exception, match="reference SparkContext from a broadcast variable, action, or transfor"):
        pickle.dumps(sc)


def test_a_configuration_holds_text():  # behaviour 3.13
    conf = SparkConf(loadDefaults=False)
    assert conf.setMaster("local").setAppName("app").set("spark.some", True).setIfMissing("spark.some", "no") is conf
    assert conf.setIfMissing("spark.other", "yes").get("spark.other") == "yes"
    assert (conf.get("spark.master"), conf.get("spark.app.name")) == ("local", "app")
    assert conf.get("spark.none") is None and conf.get("spark.none", "default") == "default"
    assert conf.contains("spark.some") and not conf.contains("spark.none")
    conf.setAll([("spark.a", "1"), ("spark.b", "2")])
    assert ("spark.a", "1") in conf.getAll()
    assert "spark.a=1" in conf.toDebugString().splitlines()
    conf.setAll([("spark.redaction.regex", "(?i)pin"), ("spark.card.PIN", "1234"), ("spark.my.token", "open")])
    assert {"spark.card.PIN=*********(redacted)", "spark.my.token=open"} <= set(conf.toDebugString().splitlines())
    conf.setExecutorEnv("NAME", "value")
    assert conf.get("spark.executorEnv.NAME") == "value"
    conf.setExecutorEnv(pairs=[("A", "1")])
    assert conf.get("spark.executorEnv.A") == "1"
    with pytest.raises(Exception, match="KEY_VALUE_PAIR_REQUIRED"):
        conf.setExecutorEnv("A", "1", [("B", "2")])


def test_the_environment_of_tasks(no_context):
    import os

    sc = SparkContext("local[1]", "environment", conf=SparkConf().setExecutorEnv("COLOUR", "blue"))
    assert sc.parallelize([1], 1).map(lambda _: os.environ["COLOUR"]).collect() == ["blue"]


def test_local_properties_are_of_a_thread(sc):  # behaviour 3.12
    sc.setLocalProperty("colour", "red")
    seen = []
    other = threading.Thread(target=lambda: seen.append(sc.getLocalProperty("shape")))
    other.start()
    other.join()
    assert sc.getLocalProperty("colour") == "red" and seen == [None]
    sc.setLocalProperty("colour", None)
    assert sc.getLocalProperty("colour") is None


def test_jobs_have_tags(sc):  # behaviour 3.12
    sc.addJobTag("one")
    sc.addJobTag("two")
    sc.removeJobTag("one")
    assert set(sc.getJobTags()) == {"two"}
    sc.clearJobTags()
    assert set(sc.getJobTags()) == set()
    with pytest.raises(Exception, match="cannot contain"):
        sc.addJobTag("a,b")


def test_a_group_of_jobs_can_be_cancelled(sc, tmp_path):  # behaviour 3.12
    from tidemill.util import inheritable_thread_target

    failed = []
    mark = str(tmp_path / "running")

    def endless(n):
        open(mark, "w").close()
        while True:
            pass

    def run():
        sc.setJobGroup("slow", "never ends", interruptOnCancel=True)
        try:
            sc.parallelize([1], 1).map(endless).collect()
        except Exception as error:
            failed.append(error)

    thread = threading.Thread(target=inheritable_thread_target(run))
    thread.start()
    eventually((tmp_path / "running").exists, "the start of the task")
    sc.cancelJobGroup("slow")
    thread.join(60)
    assert failed and "cancelled" in str(failed[0])
    assert sc.parallelize([1, 2], 4).sum() == 3


def test_two_jobs_at_once(sc):
    results = {}

    def run(name, n):
        results[name] = sc.parallelize(range(n), 2).map(lambda m: m + 1).sum()

    threads = [threading.Thread(target=run, args=(n, n)) for n in (10, 100, 1000)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert results == {n: n * (n + 1) // 2 for n in (10, 100, 1000)}


def test_wrong_arguments_are_refused_at_once(sc):
    with pytest.raises(Exception, match="'NoneType' object is not callable"):
        sc.parallelize([1]).map(None).collect()
    with pytest.raises(TypeError):
        sc.parallelize([1]).take("2")
    with pytest.raises(TypeError):
        sc.parallelize(5)
    with pytest.raises((ValueError, TypeError)):
        sc.parallelize([1]).repartition("x")


def test_a_key_has_a_native_order_of_errors(sc):
    with pytest.raises(EngineError, match="TypeError"):
        sc.parallelize([1, "a"], 1).sortBy(lambda n: n, numPartitions=1).collect()
