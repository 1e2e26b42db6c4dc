"""Tasks that are measured (behaviour 3.12)."""

from __future__ import annotations

import os
import pstats

from tidemill import BasicProfiler, SparkConf, SparkContext


class Renamed(BasicProfiler):
    """A profiler of the program's own."""

    def show(self, id):
        print("mine:", self.stats().total_calls > 1000)


def profiled(folder=None, **more):
    conf = SparkConf().set("spark.python.profile", "true")
    if folder is not None:
        conf.set("spark.python.profile.dump", str(folder))
    return SparkContext("local[2]", "profiles", conf=conf, **more)


def slow_path(number):
    return number % 3, number


def test_profiles_of_both_sides_of_a_shuffle_are_shown(no_context, capsys):
    sc = profiled()
    assert sorted(sc.parallelize(range(1000), 2).map(slow_path).reduceByKey(lambda a, b: a + b).collect())[0][0] == 0
    sc.show_profiles()
    shown = capsys.readouterr().out
    assert shown.count("Profile of RDD<id=") == 2 and "slow_path" in shown and " 1000 " in shown


def test_profiles_are_written_and_may_be_of_ones_own(no_context, tmp_path, capsys):
    sc = profiled(tmp_path, profiler_cls=Renamed)
    numbers = sc.parallelize(range(1000), 2).map(slow_path)
    assert numbers.count() == 1000
    sc.show_profiles()
    assert "mine: True" in capsys.readouterr().out
    sc.stop()
    (name,) = os.listdir(tmp_path)
    assert name.startswith("rdd_") and pstats.Stats(str(tmp_path / name)).total_calls > 1000
