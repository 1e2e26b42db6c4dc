"""Operators on each element and on whole partitions, and the order in which they call their functions."""
from __future__ import annotations

import operator

import pytest


def test_map_keeps_none(sc):  # behaviour 1.25, 3.3
    assert sc.parallelize([1, 2, 3], 2).map(lambda n: None if n == 2 else n).collect() == [1, None, 3]


def test_map_takes_anything_that_can_be_called(sc):
    assert sc.parallelize(["a", "bc"]).map(len).collect() == [1, 2]
    assert sc.parallelize([(1, 2)]).map(operator.itemgetter(1)).collect() == [2]
    assert sc.parallelize(["a"]).map(str.upper).collect() == ["A"]


def test_filter_goes_by_truth(sc):  # behaviour 1.23
    assert sc.parallelize([0, 1, "", "a", None, [], [0]], 3).filter(lambda value: value).collect() == [1, "a", [0]]


def test_flat_map_takes_any_iterable(sc):  # behaviour 1.24
    def each(value):
        return {"list": [1, 2], "text": "ab", "generator": (n for n in (3, 4)), "dict": {"k": 1}, "none": ()}[value]

    values = sc.parallelize(["list", "text", "generator", "dict", "none"], 2)
    assert values.flatMap(each).collect() == [1, 2, "a", "b", 3, 4, "k"]


def test_map_partitions_is_called_for_empty_ones_too(sc):  # behaviour 1.26
    assert sc.parallelize([1, 2], 4).mapPartitions(lambda part: [sum(part)]).collect() == [0, 1, 0, 2]
    assert sc.parallelize([1, 2], 4).mapPartitionsWithIndex(lambda i, part: [(i, list(part))]).collect() == [
        (0, []), (1, [1]), (2, []), (3, [2]),
    ]  # behaviour 1.27


def test_map_partitions_gives_an_iterator(sc):
    def first_two(part):
        assert iter(part) is iter(part)
        return [next(part), next(part)]

    assert sc.parallelize(list(range(8)), 2).mapPartitions(first_two).collect() == [0, 1, 4, 5]


def test_one_record_walks_the_whole_chain_before_the_next(sc):
    seen = []

    def note(name):
        def add(value):
            seen.append((name, value))
            return value

        return add

    def told(part):
        yield from part
        yield list(seen)

    chain = sc.parallelize([1, 2], 1).map(note("a")).flatMap(lambda n: [n, n * 10]).map(note("b")).mapPartitions(told)
    assert chain.collect()[-1] == [("a", 1), ("b", 1), ("b", 10), ("a", 2), ("b", 2), ("b", 20)]


def test_take_draws_no_more_than_it_gives(sc, tmp_path):  # behaviour 3.28
    log = str(tmp_path / "log")

    def noted(n):
        with open(log, "a") as file:
            file.write(f"{n}\n")
        return n

    assert sc.parallelize(range(100), 4).map(noted).take(2) == [0, 1]
    with open(log) as file:
        assert file.read().split() == ["0", "1"]


def test_glom(sc):  # behaviour 1.36
    assert sc.parallelize([1, 2], 3).glom().collect() == [[], [1], [2]]


def test_key_by_keys_and_values(sc):
    words = sc.parallelize(["a", "bb"]).keyBy(len)
    assert words.collect() == [(1, "a"), (2, "bb")]
    assert words.keys().collect() == [1, 2]
    assert words.values().collect() == ["a", "bb"]


def test_zip_pairs_by_position(sc):
    one, two = sc.parallelize(range(5), 2), sc.parallelize("abcde", 2)
    assert one.zip(two).collect() == [(0, "a"), (1, "b"), (2, "c"), (3, "d"), (4, "e")]
    assert one.zip(one.map(lambda n: n * n)).glom().collect() == [[(0, 0), (1, 1)], [(2, 4), (3, 9), (4, 16)]]
    with pytest.raises(ValueError, match="Can only zip with RDD which has the same number of partitions"):
        one.zip(sc.parallelize(range(5), 3))


def test_zip_with_index_and_unique_id(sc):
    letters = sc.parallelize("abcde", 3)
    assert letters.zipWithIndex().collect() == [("a", 0), ("b", 1), ("c", 2), ("d", 3), ("e", 4)]
    assert letters.zipWithUniqueId().collect() == [("a", 0), ("b", 1), ("c", 4), ("d", 2), ("e", 5)]


def test_pipe_sends_lines_through_a_command(sc):
    assert sc.parallelize(["1", "2", "", "3"], 2).pipe("cat").collect() == ["1", "2", "", "3"]
    environment = {"NAME": "b", "PATH": "/bin:/usr/bin"}
    assert sc.parallelize(["a"], 1).pipe("sh -c 'cat; echo $NAME'", env=environment).collect() == ["a", "b"]
    failing = sc.parallelize(["1"], 1).pipe("grep 4", checkCode=True)
    with pytest.raises(Exception, match="Pipe function `grep 4` exited with error code 1"):
        failing.collect()


def test_sample_and_random_split_repeat_with_their_seed(sc):  # behaviour 3.4
    numbers = sc.parallelize(range(200), 4)
    assert numbers.sample(False, 0.2, 11).collect() == numbers.sample(False, 0.2, 11).collect()
    assert 10 < numbers.sample(False, 0.2, 11).count() < 80
    one, two = numbers.randomSplit([1, 3], 17)
    assert sorted(one.collect() + two.collect()) == list(range(200))
    assert 20 < one.count() < 80


def test_cartesian(sc):
    one, two = sc.parallelize([1, 2], 2), sc.parallelize("ab", 2)
    assert one.cartesian(two).glom().collect() == [[(1, "a")], [(1, "b")], [(2, "a")], [(2, "b")]]


def test_sets(sc):  # behaviour 3.4
    one, two = sc.parallelize([1, 10, 2, 3, 4, 5, 5]), sc.parallelize([1, 6, 2, 3, 7, 8])
    assert sorted(one.intersection(two).collect()) == [1, 2, 3]
    assert sorted(one.subtract(two).collect()) == [4, 5, 5, 10]
    assert sorted(one.distinct().collect()) == [1, 2, 3, 4, 5, 10]
    assert one.distinct(3).getNumPartitions() == 3


def test_group_by_and_sort_by(sc):
    numbers = sc.parallelize([1, 1, 2, 3, 5, 8], 2)
    groups = numbers.groupBy(lambda n: n % 2).collect()
    assert sorted((key, list(values)) for key, values in groups) == [(0, [2, 8]), (1, [1, 1, 3, 5])]
    pairs = sc.parallelize([("a", 1), ("b", 2), ("1", 3), ("d", 4), ("2", 5)])
    assert [key for key, _ in pairs.sortBy(lambda pair: pair[0]).collect()] == ["1", "2", "a", "b", "d"]
    assert [value for _, value in pairs.sortBy(lambda pair: pair[1], ascending=False).collect()] == [5, 4, 3, 2, 1]


def test_sort_by_is_stable_and_spread(sc):
    pairs = [(n % 7, n) for n in range(100)]
    ordered = sc.parallelize(pairs, 5).sortBy(lambda pair: pair[0], numPartitions=3)
    assert ordered.collect() == sorted(pairs, key=lambda pair: pair[0])
    assert ordered.getNumPartitions() <= 3


def test_barrier_tasks_run_together(sc):
    def meet(part):
        from tidemill import BarrierTaskContext

        context = BarrierTaskContext.get()
        context.barrier()
        told = context.allGather(str(context.partitionId()))
        return [(context.partitionId(), sorted(told), len(context.getTaskInfos()))]

    assert sc.parallelize(range(4), 2).barrier().mapPartitions(meet).collect() == [  # behaviour 3.18
        (0, ["0", "1"], 2), (1, ["0", "1"], 2),
    ]


def test_names_and_numbers(sc):  # behaviour 3.1
    numbers = sc.parallelize([1], 2)
    assert numbers.name() is None or "Parallel" in numbers.name() or "Python" in numbers.name()
    assert numbers.setName("numbers") is numbers
    assert numbers.name() == "numbers"
    assert numbers.context is sc and numbers.ctx is sc
    assert numbers.id() != sc.parallelize([1]).id()
    assert isinstance(numbers.toDebugString(), bytes)
    assert b"numbers" in numbers.toDebugString()
