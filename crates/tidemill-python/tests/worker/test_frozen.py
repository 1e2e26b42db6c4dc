"""Which functions may stay unpickled between tasks: those of which nobody can tell."""

from __future__ import annotations

import datetime
import decimal
import functools
import logging
import math
import operator
import os
import re
import types
from typing import Any, Callable

import cloudpickle
import pytest
from tidemill.worker.frozen import frozen, snapshot

main = types.ModuleType("__main__")  # the program itself: what it defines is pickled whole, with what it captures
main.__dict__.update(
    cloudpickle=cloudpickle, datetime=datetime, functools=functools, logging=logging, math=math, os=os, re=re
)

exec(  # noqa: S102
    """
seen, counts, total, limit, pattern, log = [], {}, 0, 5, re.compile("a+"), logging.getLogger("tests")

class Holder:
    n = 0
    def method(self, x): return x
    @staticmethod
    def static(x): return x

holder = Holder()

def appends(x): seen.append(x); return len(seen)
def counts_up(x): counts[x] = 1
def writes_global(x):
    global total
    total += x
def deletes_global(x):
    global total
    del total
def writes_class(x): Holder.n += 1; return Holder.n
def writes_itself(x): writes_itself.calls = getattr(writes_itself, "calls", 0) + 1
def sets_itself(x): setattr(sets_itself, "calls", 1)
def through_globals(x): globals()["total"] = x
def executes(x): exec("total = 1", globals())
def defaults(x, kept=[]): kept.append(x)
def keyword_defaults(x, *, kept=[]): kept.append(x)
def through_another(x): return appends(x)
def inside(x):
    def inner(): return seen
    return inner()
def in_a_display(x): return [seen for _ in range(x)]
def with_attribute(x): return x
with_attribute.kept = []

def counter():
    n = 0
    def count(x):
        nonlocal n
        n += 1
        return n
    return count

def over(value):
    return lambda x: (x, value)

def plain(x): return x + 1
def reads_limit(x): return x < limit
def matches(x): return pattern.match(x)
def uses_modules(x): return os.path.join(x, math.pi, datetime.date.today())
def logs(x): log.info(x)
def calls_plain(x): return plain(x) + reads_limit(x)
def recursive(x): return recursive(x - 1) if x else 0
def local_writes(x):
    total = 0
    for total in range(x): pass
    def add(y):
        nonlocal total
        total += y
    add(1)
    return total
def generates(x): yield x; yield limit
""",
    main.__dict__,
)


def program() -> dict[str, Any]:
    return main.__dict__


CHANGES: list[Callable[[Any], Any]] = [
    lambda p: p["seen"].append, lambda p: p["counts"].get, lambda p: p["holder"].method,
    lambda p: functools.partial(p["appends"]), lambda p: functools.partial(p["plain"], p["seen"]),
    lambda p: p["Holder"],
    lambda p: functools.lru_cache(p["plain"]), lambda p: p["over"]([1]), lambda p: p["over"]((1, [2])),
    lambda p: p["over"]({}),
    lambda p: p["over"](p["holder"]), lambda p: p["over"](p["over"](p["seen"])), lambda p: p["counter"](),
    lambda p: p["over"](iter("ab")), lambda p: operator.itemgetter(p["holder"]), lambda p: [],
]  # fmt: skip


@pytest.mark.parametrize(
    "name",
    [
        "appends", "counts_up", "writes_global", "deletes_global", "writes_class", "writes_itself", "sets_itself",
        "through_globals", "executes", "defaults", "keyword_defaults", "through_another", "inside", "in_a_display",
        "with_attribute",
    ],
)  # fmt: skip
def test_functions_through_which_something_may_change(name: str) -> None:
    assert not frozen(program()[name])
    assert snapshot(program()[name]) is None


@pytest.mark.parametrize("made", CHANGES)
def test_objects_through_which_something_may_change(made: Callable[[Any], Any]) -> None:
    assert not frozen(made(program()))


@pytest.mark.parametrize(
    "name",
    [
        "plain",
        "reads_limit",
        "matches",
        "uses_modules",
        "logs",
        "calls_plain",
        "recursive",
        "local_writes",
        "generates",
    ],
)
def test_functions_that_change_nothing(name: str) -> None:
    assert frozen(program()[name])


@pytest.mark.parametrize(
    "value",
    [
        str.upper, len, int, dict.fromkeys, operator.add, operator.itemgetter(1), operator.methodcaller("split", ","),
        math.sqrt, functools.partial(int, base=2), functools.reduce, re.compile("a"), decimal.Decimal(1), os.path.join,
        (1, ("a", None)), frozenset({1}), program()["over"]((1, "a")), program()["over"](program()["plain"]),
        program()["Holder"].static, open, pytest.raises,
    ],
)  # fmt: skip
def test_objects_that_change_nothing(value: Any) -> None:
    assert frozen(value)


def test_functions_of_a_module_that_is_pickled_whole() -> None:
    import naive

    assert frozen(naive.combined)
    naive.combined.__dict__["kept"] = []
    assert frozen(naive.combined)  # a worker imports it
    cloudpickle.register_pickle_by_value(naive)
    try:
        assert not frozen(naive.combined)
        assert frozen(naive.runs_of)  # its globals are functions and modules
    finally:
        del naive.combined.__dict__["kept"]
        cloudpickle.unregister_pickle_by_value(naive)


def test_a_snapshot_sees_a_global_bound_anew() -> None:
    space = program()
    taken = snapshot(space["calls_plain"])
    assert taken is not None and taken.holds()
    before, space["limit"] = space["limit"], 6
    assert not taken.holds()
    space["limit"] = before
    assert taken.holds()
    space["bool"] = None  # a name that hid nothing of this function's
    assert taken.holds()
    space["plain"] = len
    assert not taken.holds()


def test_a_snapshot_sees_a_global_that_appears() -> None:
    space = {"__name__": "__main__"}
    exec("def reads(x): return later", space)  # noqa: S102
    taken = snapshot(space["reads"])
    assert taken is not None and taken.holds()
    space["later"] = "now"
    assert not taken.holds()


def test_a_snapshot_sees_a_cell_bound_anew() -> None:
    def outer() -> Any:
        value = 1

        def change(new: int) -> None:
            nonlocal value
            value = new

        return change, lambda x: x + value

    change, reads = outer()
    taken = snapshot(reads)
    assert taken is not None and taken.holds()
    change(1_000_000)
    assert not taken.holds()
