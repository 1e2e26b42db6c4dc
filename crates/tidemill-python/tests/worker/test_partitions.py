"""What tasks do with whole partitions."""

from __future__ import annotations

import pytest

from tidemill.errors import PySparkRuntimeError
from tidemill.worker import partitions
from tidemill.worker.partitions import CombineLocally, Fold, ForEachPartition, Reduce, ReduceByKey, TakeUpTo


class FullNowAndThen:
    """As if the memory were full at every third look."""

    looks = 0

    def full(self):
        FullNowAndThen.looks += 1
        return FullNowAndThen.looks % 3 == 0

    def emptied(self):
        pass


@pytest.mark.parametrize("on_disk", [False, True])
def test_pairs_are_combined_in_first_seen_order(monkeypatch, on_disk):
    if on_disk:
        monkeypatch.setattr(partitions, "Budget", FullNowAndThen)
    pairs = [(number * 7 % 50, number) for number in range(2_000)]
    expected: dict[int, list[int]] = {}
    for key, value in pairs:
        expected.setdefault(key, []).append(value)
    combine = CombineLocally(lambda v: [v], lambda c, v: c + [v], lambda c, d: c + d)
    assert list(combine(iter(pairs))) == list(expected.items())


def test_no_record_is_drawn_beyond_what_is_taken():
    records = iter(range(10))
    assert list(TakeUpTo(3)(records)) == [0, 1, 2]
    assert next(records) == 3
    assert list(TakeUpTo(3)([])) == [] == list(TakeUpTo(0)([1]))


def stop(*_):
    raise StopIteration("enough")


@pytest.mark.parametrize("function", [Reduce(stop), Fold(0, stop), ReduceByKey(stop), CombineLocally(stop, stop, stop)])
def test_a_stop_of_the_users_is_an_error(function):  # behaviour 3.26
    with pytest.raises(PySparkRuntimeError, match=r"\[STOP_ITERATION_OCCURRED\] .*failing the task: enough"):
        list(function([(1, 2), (1, 3)]))


def test_what_a_function_over_a_partition_gives_is_drawn_if_it_can_be():
    drawn = []

    def generate(records):
        for record in records:
            drawn.append(record)
            yield record

    assert list(ForEachPartition(generate)([1, 2])) == drawn == [1, 2]
    assert list(ForEachPartition(lambda records: 5)([1])) == []
