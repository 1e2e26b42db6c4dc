"""Operators are named after the user's own call: its function, file and line."""

from __future__ import annotations

import inspect
import pickle
import threading

import pytest

from tidemill import _call_site
from tidemill._call_site import call_site, called_at
from tidemill.errors import EngineError
from tidemill.worker.records import itself


def line():
    return inspect.currentframe().f_back.f_lineno


def test_an_operator_made_of_others_has_the_name_that_was_called(sc):
    numbers = sc.parallelize([3, 1, 2], 2)
    for made, name, at in [
        (numbers.distinct(), "distinct", line()),
        (numbers.map(str), "map", line()),
        (numbers + numbers, "union", line()),
        (numbers.keyBy(itself).join(numbers.keyBy(itself)), "join", line()),
    ]:
        assert repr(made).endswith("at %s at %s:%d" % (name, __file__, at))


def test_a_name_stands_before_the_rdd(sc):
    assert repr(sc.parallelize([1]).setName("mine")).startswith("mine PythonRDD[")


def test_each_operator_of_a_chain_is_named_by_its_own_line(sc):
    numbers = sc.parallelize([1, 0], 1)
    first = numbers.map(lambda x: 1 // x)
    at = line() - 1
    last = first.map(str).filter(bool)
    with pytest.raises(EngineError) as raised:
        last.collect()
    assert "map at %s:%d, partition 0" % (__file__, at) in str(raised.value)


def test_actions_are_named_too(sc):
    with pytest.raises(EngineError) as raised:
        sc.parallelize([1, 2], 1).reduce(lambda a, b: a // 0)
    assert "reduce at %s:%d" % (__file__, line() - 1) in str(raised.value)


def test_where_no_frame_is_the_users_a_call_is_where_it_is_told_to_be(monkeypatch):
    with called_at(("pprint", "program.py", 7)):
        assert call_site()[1:] == (__file__, line())
        monkeypatch.setattr(_call_site, "_FOLDER", "")  # as if every frame were the package's
        monkeypatch.setattr(_call_site, "_ours", {})
        assert call_site() == ("pprint", "program.py", 7)
    assert call_site()[1:] == ("<unknown>", 0)


def test_a_given_name_wins(sc):
    assert call_site("mine")[0] == "mine"


def test_functions_that_cannot_be_pickled_are_named_by_the_line_of_their_operator(sc):
    lock = threading.Lock()
    kept = sc.parallelize([1]).map(lambda x: lock)
    at = line() - 1
    with pytest.raises(pickle.PicklingError, match="map at .*:%d" % at):
        kept.map(str).count()
