"""State that stays in workers: what a step of it makes and tells, against the plain way to update a dictionary."""
from __future__ import annotations

import random
from typing import Any, Callable, Optional

import pytest

from tidemill.errors import PySparkRuntimeError
from tidemill.worker import formats, passing, resident
from tidemill.worker.passing import VALUES, passed
from tidemill.worker.resident import REMOVED, SET, WHOLE, Request, Tables, Updating


class Driver:
    """Does with tables what the engine does."""

    def __init__(self) -> None:
        self.tables = Tables()
        self.last_stamp = 1
        self.stamp = self.held = 1  # of the state, and of the content that the worker has
        self.tables.load(self.request(new=1), [])

    def request(self, new: int = 0, whole: int = 0) -> Request:
        commit = self.stamp if self.stamp != self.held else 0
        return Request(7, commit, self.stamp, new, whole)

    def step(self, update: Any, pairs: list[Any], whole: int = 0, commit: bool = True) -> list[Any]:
        self.last_stamp += 1
        request = self.request(self.last_stamp, whole)
        updating = Updating({"ops": (("updateState", update, "updateStateByKey at app.py:3"),)})
        runs = [(0, *formats.encode_rows(pairs[at : at + 3])) for at in range(0, len(pairs), 3)]
        told = list(self.tables.step(request, runs, updating))
        self.held = self.stamp
        if commit:
            self.stamp = self.last_stamp
        return told

    def read(self) -> list[Any]:
        read = records(self.tables.read(self.request()))
        self.held = self.stamp
        return read


def records(runs: Any) -> list[Any]:
    return [record for _, form, count, payload in runs for record in formats.decode(form, count, payload)]


def plain(
    states: dict[Any, Any], pairs: list[Any], update: Callable[[list[Any], Any], Any]
) -> dict[Any, Any]:
    """What PySpark's steps come to (behaviour 1.56): known keys first, then new ones; None drops a key."""
    groups: dict[Any, list[Any]] = {}
    for key, value in pairs:
        groups.setdefault(key, []).append(value)
    keys = [*states, *[key for key in groups if key not in states]]
    updated = [(key, update(groups.get(key, []), states.get(key))) for key in keys]
    return {key: state for key, state in updated if state is not None}


UPDATES: list[tuple[str, Callable[[list[Any], Any], Any]]] = [
    ("sum", lambda new, last: sum(new) + (last or 0)),
    ("sum of what is new", lambda new, last: sum(new) or last),
    ("list", lambda new, last: (last or []) + new),
    ("text", lambda new, last: (last or "") + "".join(map(str, new))),
    ("pair", lambda new, last: (sum(new) + (last or (0, 0.0))[0], -0.0 if new else 0.0)),
    ("drops", lambda new, last: None if 3 in new else sum(new) + (last or 0)),
    ("drops what is quiet", lambda new, last: new[-1] if new else None),
    ("number or float", lambda new, last: float(sum(new)) if 2 in new else sum(new)),
    ("deep", lambda new, last: {"all": (last or {"all": []})["all"] + new, "n": len(new)}),
]


@pytest.mark.parametrize("name,update", UPDATES, ids=[name for name, _ in UPDATES])
def test_steps_are_those_of_a_dictionary(name: str, update: Callable[[list[Any], Any], Any]) -> None:
    # behaviour 1.56, 10.5
    chance = random.Random(5)
    driver = Driver()
    states: dict[Any, Any] = {}
    copy = Tables()
    copy.load(Request(1, 0, 0, 1, 0), [])
    for _ in range(40):
        before, held = states, driver.stamp
        pairs = [(chance.choice("abcdefgh"), chance.randrange(5)) for _ in range(chance.randrange(9))]
        if chance.random() < 0.2:
            driver.step(update, pairs, commit=False)  # an attempt that nobody waits for any more
        whole = chance.random() < 0.2
        told = driver.step(update, pairs, whole)
        states = plain(before, pairs, update)
        if chance.random() < 0.5:
            assert driver.read() == list(states.items())
        # What is told leads from the state before to the state after.
        if whole or any(what == WHOLE for what, *_ in told):
            assert {what for what, *_ in told} <= {WHOLE}
            assert records(told) == list(states.items())
            copy.load(Request(1, 0, 0, driver.stamp, 0), told)
        else:
            assert {what for what, *_ in told} <= {SET, REMOVED}
            copy.apply(Request(1, 0, held, driver.stamp, 0), told)
        assert list(map(repr, records(copy.read(Request(1, 0, driver.stamp, 0, 0))))) == list(map(repr, states.items()))


@pytest.mark.parametrize("name,update", UPDATES, ids=[name for name, _ in UPDATES])
def test_what_passes_is_told_as_tables_tell_it(name: str, update: Callable[[list[Any], Any], Any]) -> None:
    chance = random.Random(6)
    updating = Updating({"ops": (("updateState", update, "updateStateByKey at app.py:3"),)})
    states: dict[Any, Any] = {}
    base: list[Any] = [(WHOLE, *formats.encode_rows([]))]  # a whole state, and what has changed since
    since: list[Any] = []
    for _ in range(60):
        pairs = [(chance.choice("abcdefgh"), chance.randrange(5)) for _ in range(chance.randrange(9))]
        new = [(VALUES, *formats.encode_rows(pairs[at : at + 3])) for at in range(0, len(pairs), 3)]
        states = plain(states, pairs, update)
        if chance.random() < 0.3:
            base, since = list(passed([*new, *since, *base], updating, True)), []
        else:
            told = list(passed([*new, *since, *base], updating, False))
            assert {what for what, *_ in told} <= {SET, REMOVED}
            since += told
        whole = list(passed([*since, *base], None, True))
        assert {what for what, *_ in whole} == {WHOLE}
        assert list(map(repr, records(whole))) == list(map(repr, states.items()))
        if chance.random() < 0.2:  # in small pieces
            some = records(whole)
            base, since = [(WHOLE, *formats.encode_rows(some[at : at + 2])) for at in range(0, len(some), 2)], []


def test_what_passes_is_told_only_where_it_changed() -> None:
    base = [(WHOLE, *formats.encode_rows([(key, [key]) for key in range(at, at + 10)])) for at in range(0, 100, 10)]

    def extend(new: list[Any], last: Optional[list[Any]]) -> Optional[list[Any]]:
        last = [] if last is None else last
        last.extend(new)
        return last if 0 not in new else None

    updating = Updating({"ops": (("updateState", extend, "updateStateByKey at app.py:3"),)})
    new = (VALUES, *formats.encode_rows([(5, 1), (200, 2), (7, 0), (300, 0)]))
    told = list(passed([new, *base], updating, False))
    assert [(what, records([(what, *rest)])) for what, *rest in told] == [
        (SET, [(5, [5, 1]), (200, [2])]), (REMOVED, [7]),
    ]
    assert list(passed(base, updating, False)) == []


def test_a_step_tells_only_what_changed() -> None:
    driver = Driver()
    keys = [(key, key) for key in range(100)]
    assert {what for what, *_ in driver.step(lambda new, last: sum(new) + (last or 0), keys)} == {WHOLE}
    told = driver.step(lambda new, last: sum(new) + (last or 0), [(5, 1), (200, 2)])
    assert records(told) == [(5, 6), (200, 2)]
    told = driver.step(lambda new, last: None if new else last, [(7, 0)])
    assert [(what, records([(what, *rest)])) for what, *rest in told] == [(REMOVED, [7])]
    for state in ([1], (1, "a"), {"a": 1}):
        driver = Driver()
        driver.step(lambda new, last: state, keys)
        assert driver.step(lambda new, last: last, []) == []
    driver.step(lambda new, last: (1,), keys)
    assert len(records(driver.step(lambda new, last: (1.0,), []))) == 100, "equal, but of other types"


def test_states_are_compared_only_where_that_is_safe() -> None:
    driver = Driver()
    driver.step(lambda new, last: (1, "a"), [("a", 1)])
    told = driver.step(lambda new, last: (Incomparable(), "a"), [])
    assert [(key, type(state[0])) for key, state in records(told)] == [("a", Incomparable)]
    assert len(records(driver.step(lambda new, last: last, []))) == 0


class Incomparable:
    """As an array, which has no answer to whether it equals something."""

    def __eq__(self, other: object) -> bool:
        raise ValueError("ambiguous")


def test_states_that_are_changed_in_place_change_nothing_older() -> None:
    # behaviour 10.6
    driver = Driver()

    def extend(new: list[Any], last: Optional[list[Any]]) -> list[Any]:
        last = [] if last is None else last
        last.extend(new)
        return last

    def extend_and_fail(new: list[Any], last: Optional[list[Any]]) -> list[Any]:
        extend(new, last)
        raise KeyError("afterwards")

    driver.step(extend, [("a", 1)])
    driver.step(extend, [("a", 2)], commit=False)
    with pytest.raises(KeyError):
        driver.step(extend_and_fail, [("a", 3)])
    assert driver.read() == [("a", [1])]
    driver.step(extend, [("a", 4)])
    assert driver.read() == [("a", [1, 4])]


def test_of_pairs_with_one_key_the_first_is_the_state_to_begin_with() -> None:
    tables = Tables()
    tables.load(Request(1, 0, 0, 5, 0), [(0, *formats.encode_rows([("a", 1), ("b", 2), ("a", 3)]))])
    assert records(tables.read(Request(1, 0, 5, 0, 0))) == [("a", 1), ("b", 2)]
    with pytest.raises(LookupError):
        list(tables.read(Request(1, 0, 6, 0, 0)))
    tables.drop(Request(1, 0, 0, 0, 0))
    with pytest.raises(KeyError):
        list(tables.read(Request(1, 0, 5, 0, 0)))


def test_a_stop_iteration_is_an_error_that_knows_the_place() -> None:
    # behaviour 3.26
    driver = Driver()
    with pytest.raises(PySparkRuntimeError) as caught:
        driver.step(lambda new, last: next(iter(())), [("a", 1)])
    assert resident.site_of(caught.value.__traceback__) == "updateStateByKey at app.py:3"
    updating = Updating({"ops": (("updateState", lambda new, last: next(iter(())), "updateStateByKey at app.py:4"),)})
    with pytest.raises(PySparkRuntimeError) as caught:
        list(passed([(VALUES, *formats.encode_rows([("a", 1)]))], updating, False))
    assert passing.site_of(caught.value.__traceback__) == "updateStateByKey at app.py:4"


def test_states_of_the_programs_own_classes() -> None:
    made: Any = type(
        "Counter", (), {"__init__": lambda self, n: setattr(self, "n", n), "__module__": "__main__", "n": 0}
    )
    driver = Driver()

    def count(new: list[int], last: Any) -> Any:
        return made(sum(new) + (last.n if last else 0))

    driver.step(count, [("a", 1), ("b", 5)])
    assert [(key, state.n) for key, state in records(driver.step(count, [("a", 2)]))] == [("a", 3)]
    assert [(key, state.n) for key, state in driver.read()] == [("a", 3), ("b", 5)]
