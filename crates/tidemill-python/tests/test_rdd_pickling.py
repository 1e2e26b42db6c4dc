"""When functions are pickled, when their bytes serve again, and what is said of what cannot be pickled."""

from __future__ import annotations

import functools
import pickle
import threading

import pytest

from tidemill import _functions
from tidemill._functions import describe
from tidemill.worker.chain import Chain
from tidemill.worker.partitions import Fold, PartitionFunction, Reduce, TakeUpTo
from tidemill.worker.records import FromZero

ROWS = ("rows",)
FACTOR = 2


def op(function, kind="map"):
    return ((kind, function, ("map", "program.py", 12)),)


def described(function):
    return describe(op(function), ROWS, ())


def answer(pickled, *records):
    """What a chain makes of records, as a worker would run it."""
    from tidemill.worker.formats import decode, encode_rows

    batches = Chain(pickle.loads(pickled)).run(iter([encode_rows(list(records))]), None)
    return [record for _, *batch in batches for record in decode(*batch)]


def test_bytes_serve_again_while_nothing_captured_has_changed():
    step = 3
    function = lambda x: x * FACTOR + step
    first, frozen = described(function)
    again, still = described(function)
    assert again is first and frozen and still
    assert answer(first, 1, 2) == [5, 7]


def test_another_value_of_a_global_is_seen():  # behaviour 3.30
    space = {"factor": 2}
    exec("def function(x): return x * factor", space)
    before, _ = described(space["function"])
    space["factor"] = 5
    after, _ = described(space["function"])
    assert (answer(before, 3), answer(after, 3)) == ([6], [15])


def test_another_value_of_a_global_is_seen_by_functions_made_anew():  # behaviour 3.30
    space = {"factor": 2}
    exec("def make(): return lambda x: x * factor", space)
    before, _ = described(space["make"]())
    space["factor"] = 5
    after, _ = described(space["make"]())
    assert (answer(before, 3), answer(after, 3)) == ([6], [15])


def test_another_value_of_a_captured_variable_is_seen():  # behaviour 3.30
    step = 1

    def function(x):
        return x + step

    before, _ = described(function)
    step = 10
    after, _ = described(function)
    assert (answer(before, 3), answer(after, 3)) == ([4], [13])


def test_what_may_change_inside_is_pickled_each_time():  # behaviour 3.30
    seen = [1]
    before, frozen = described(lambda x: x + len(seen))
    assert not frozen

    def function(x):
        return x + len(seen)

    before, frozen = described(function)
    seen.append(2)
    after, _ = described(function)
    assert not frozen and (answer(before, 0), answer(after, 0)) == ([1], [2])


def test_actions_are_found_again_by_what_they_hold():
    add = lambda a, b: a + b

    def of(function):
        return describe(op(function, "mapPartitions"), ROWS, ())[0]

    assert of(TakeUpTo(3)) is of(TakeUpTo(3)) and of(TakeUpTo(3)) is not of(TakeUpTo(4))
    assert of(Reduce(add)) is of(Reduce(add)) and of(Reduce(add)) is not of(Reduce(max))
    assert of(Fold(0, add)) is of(Fold(0, add)) and of(Fold(0, add)) is not of(Fold(False, add))
    assert of(Fold([], add)) is not of(Fold([], add))


def plus(step, also=0.0):
    return lambda x: x + step + also


def countdown(least):
    def function(x):
        return [x] if x <= least else [x, *function(x - 1)]

    return function


def test_functions_made_anew_are_found_again_by_code_and_captures():
    same = [
        (lambda: (plus(1), plus(1)), [4]),
        (lambda: (countdown(1), countdown(1)), [[3, 2, 1]]),
        (lambda: (functools.partial(plus(1)), functools.partial(plus(1))), [4]),
        (lambda: (functools.partial(pow, 2), functools.partial(pow, 2)), [8]),
    ]
    for make, found in same:
        (before, _), (after, frozen) = map(described, make())
        assert after is before and frozen and answer(after, 3) == found


def test_other_captures_are_told_apart():
    steps = [1, 2, True, 1.0, 1 + 0j, -1]
    pickles = [described(plus(step))[0] for step in steps]
    assert [answer(pickled, 3)[0] for pickled in pickles] == [3 + step for step in steps]
    zeros = [described(lambda x, zero=zero: str(zero))[0] for zero in (0.0, -0.0)]
    assert [answer(pickled, 3) for pickled in zeros] == [["0.0"], ["-0.0"]]
    named, other = plus(1), plus(1)
    other.__name__ = "other"
    assert described(named)[0] is not described(other)[0]
    table = [1]
    assert not described(lambda x: plus(table)(x))[1]


def test_functions_that_share_one_stay_apart_from_those_that_do_not():
    def pair(first, second):
        return describe(op(first) + op(second), ROWS, ())[0]

    one = plus(1)
    assert pair(one, one) is pair(one, one) and pair(one, one) is not pair(plus(1), plus(1))
    assert pair(plus(1), plus(1)) is pair(plus(1), plus(1))


def test_only_so_many_descriptions_are_kept(monkeypatch):
    monkeypatch.setattr(_functions, "_KEPT_DESCRIPTIONS", 4)
    monkeypatch.setattr(_functions, "_kept", {})
    for number in range(20):
        described(functools.partial(pow, number))
    assert len(_functions._kept) == 4


@pytest.mark.parametrize("function", [Reduce(max), TakeUpTo(3), Fold((0, "a"), min), FromZero(0.5, pow)])
def test_partition_functions_travel_by_name(function):
    copy = pickle.loads(pickle.dumps(function, 5))
    assert type(copy) is type(function) and isinstance(copy, PartitionFunction)
    assert copy.parts() == function.parts()


class Holder:
    def __init__(self, lock):
        self.lock = lock

    def method(self, x):
        return self.lock, x


def test_the_variable_that_holds_what_cannot_be_pickled_is_named():
    lock = threading.Lock()
    table = {"locks": [0, lock]}
    holder = Holder(lock)
    cases = [
        (lambda x: (lock, x), "`lock`"),
        (lambda x: (table, x), "`table['locks'][1]`"),
        (lambda x: (holder, x), "`holder.lock`"),
        (holder.method, "`self.lock`"),
        (functools.partial(lambda held, x: x, lock), "(_thread.lock)"),
    ]
    for function, name in cases:
        with pytest.raises(pickle.PicklingError) as raised:
            described(function)
        text = str(raised.value)
        assert text.startswith("Could not serialize object: TypeError: cannot pickle '_thread.lock' object")
        assert "map at program.py:12" in text and name in text and "plain data" in text


def test_a_function_that_pickles_is_not_blamed_for_another():
    lock = threading.Lock()
    ops = op(str.upper) + (("filter", lambda x: lock, ("filter", "program.py", 13)),)
    with pytest.raises(pickle.PicklingError, match="filter at program.py:13 uses it as `lock`"):
        describe(ops, ROWS, ())


def test_a_shuffles_own_functions_are_named_too():
    lock = threading.Lock()
    with pytest.raises(pickle.PicklingError, match="`lock`"):
        describe((), ("buckets", 2, lambda key: hash(lock)), ())
