"""What goes wrong in a chain: the error says what, and at which operator of the program."""

from __future__ import annotations

import pickle
import threading
from collections.abc import Iterator
from typing import Any

import naive
import pytest
from tidemill.errors import PySparkRuntimeError
from tidemill.worker.chain import site_of
from tidemill.worker.hashing import portable_hash


def stop(*_: Any) -> Any:
    return next(iter(()))


def broken(*_: Any) -> Any:
    raise LookupError("broken")


def half_way(*arguments: Any) -> Iterator[Any]:
    yield 1
    broken()


class Endless:
    """An iterable whose iterator can't even be made."""

    def __iter__(self) -> Iterator[Any]:
        return broken()  # type: ignore[no-any-return]


def failing(
    ops: list[naive.Op], sink: tuple[Any, ...] = ("rows",), records: Any = (1, 2, 3)
) -> tuple[BaseException, str]:
    with pytest.raises(BaseException) as caught:
        naive.run(ops, records, sink)
    return caught.value, site_of(caught.value.__traceback__)


def paired(x: Any) -> Any:
    return x, x


COUNT = ("count",)
GROUPS = ("groups", 2, portable_hash)


@pytest.mark.parametrize(
    "ops, sink, site",
    [
        ([("map", abs), ("map", broken)], ("rows",), "map at app.py:2"),
        ([("map", abs), ("filter", broken), ("map", abs)], ("rows",), "filter at app.py:2"),
        ([("filter", bool), ("filter", bool), ("map", broken), ("map", abs)], ("rows",), "map at app.py:3"),
        ([("map", paired), ("mapValues", broken)], ("rows",), "mapValues at app.py:2"),
        ([("map", paired), ("mapValues", broken), ("filter", bool)], COUNT, "mapValues at app.py:2"),
        ([("flatMap", broken), ("map", abs)], ("none",), "flatMap at app.py:1"),
        ([("flatMap", half_way), ("map", abs)], COUNT, "flatMap at app.py:1"),
        ([("flatMap", half_way), ("map", abs)], ("rows",), "flatMap at app.py:1"),
        ([("flatMap", abs)], COUNT, "flatMap at app.py:1"),
        ([("flatMap", lambda x: Endless()), ("map", abs)], ("rows",), "flatMap at app.py:1"),
        ([("flatMap", lambda x: [x]), ("map", broken)], ("rows",), "map at app.py:2"),
        ([("flatMap", lambda x: (x,)), ("map", broken)], ("rows",), "map at app.py:2"),
        ([("map", paired), ("flatMapValues", broken)], GROUPS, "flatMapValues at app.py:2"),
        ([("map", paired), ("flatMapValues", half_way)], GROUPS, "flatMapValues at app.py:2"),
        ([("mapPartitions", broken)], COUNT, "mapPartitions at app.py:1"),
        ([("mapPartitions", half_way), ("filter", bool), ("map", abs)], ("rows",), "mapPartitions at app.py:1"),
        ([("mapPartitions", lambda records: None)], COUNT, "mapPartitions at app.py:1"),
        ([("mapPartitionsWithIndex", half_way)], ("text",), "mapPartitionsWithIndex at app.py:1"),
        ([("map", broken), ("mapPartitions", list), ("map", abs)], ("rows",), "map at app.py:1"),
        ([("map", abs), ("mapPartitions", iter), ("map", abs), ("map", broken)], ("rows",), "map at app.py:4"),
        ([("mapPartitions", half_way), ("map", paired), ("group", None)], ("rows",), "mapPartitions at app.py:1"),
        ([("map", lambda x: (1, x)), ("mergeCombiners", broken)], ("rows",), "mergeCombiners at app.py:2"),
        ([("map", lambda x: (1, x))], ("combine", None, broken, None, 1, portable_hash), "map at app.py:1"),
        ([("map", lambda x: (1, x))], ("buckets", 2, broken), "map at app.py:1"),
        ([("map", lambda x: ([], x))], GROUPS, "map at app.py:1"),
        ([("map", lambda x: x)], GROUPS, "map at app.py:1"),
        ([("map", lambda x: x)], ("text",), "map at app.py:1"),
        ([], GROUPS, ""),
    ],
)
def test_an_error_knows_its_operator(ops: list[naive.Op], sink: tuple[Any, ...], site: str) -> None:
    assert failing(ops, sink)[1] == site


@pytest.mark.parametrize(
    "ops, sink",
    [
        ([("map", stop)], ("rows",)),
        ([("map", stop), ("filter", bool)], COUNT),
        ([("filter", stop), ("mapPartitions", list)], ("rows",)),
        ([("flatMap", stop)], COUNT),
        ([("flatMap", lambda x: [x]), ("map", stop), ("map", abs)], ("rows",)),
        ([("map", paired), ("mapValues", stop)], ("rows",)),
        ([("map", paired), ("flatMapValues", stop)], ("none",)),
        ([("mapPartitions", stop)], ("rows",)),
        ([("map", lambda x: (1, x)), ("mergeCombiners", stop)], ("rows",)),
        ([("map", lambda x: (1, x))], ("combine", None, stop, None, 2, portable_hash)),
        ([("map", lambda x: (1, x))], ("combine", stop, max, None, 2, portable_hash)),
        ([("map", lambda x: (1, x))], ("buckets", 2, stop)),
    ],
)
def test_stop_iteration_is_an_error(ops: list[naive.Op], sink: tuple[Any, ...]) -> None:
    # behaviour 3.26
    error, site = failing(ops, sink)
    assert isinstance(error, PySparkRuntimeError)
    assert "[STOP_ITERATION_OCCURRED] Caught StopIteration thrown from user's code; failing the task: " in str(error)
    assert isinstance(error.__cause__, StopIteration)
    assert site.startswith(next((kind for kind, f in ops if f is stop), "map"))


def test_an_iterator_of_ones_own_may_end_as_iterators_do() -> None:
    class Three:
        def __init__(self) -> None:
            self.left = 3

        def __iter__(self) -> Three:
            return self

        def __next__(self) -> int:
            self.left -= 1
            if self.left < 0:
                raise StopIteration
            return self.left

    assert naive.run([("flatMap", lambda x: Three())], [1, 1]) == [[2, 1, 0, 2, 1, 0]]
    assert naive.run([("mapPartitions", lambda records: Three()), ("map", str)], [1]) == [["2", "1", "0"]]


@pytest.mark.parametrize("result", [threading.Lock(), (x for x in ()), {"deep": [threading.Lock()]}])
def test_a_result_that_cannot_be_pickled(result: Any) -> None:
    for ops, sink in (
        ([("map", abs), ("map", lambda x: result)], ("rows",)),
        ([("map", abs), ("map", lambda x: (x, result))], ("buckets", 2, portable_hash)),
        ([("map", abs), ("map", lambda x: (x, result))], ("combine", None, max, None, 2, portable_hash)),
    ):
        error, site = failing(ops, sink, [1])
        assert isinstance(error, pickle.PicklingError)
        assert "can't be pickled" in str(error) and "cannot pickle" in str(error)
        assert error.__cause__ is None and error.__suppress_context__
        assert site == "map at app.py:2"


class Refusing:
    def __reduce__(self) -> Any:
        raise LookupError("not today")


def test_a_result_that_refuses_to_be_pickled_tells_where() -> None:
    error, site = failing([("map", lambda x: Refusing())])
    assert isinstance(error.__cause__, LookupError) and "not today" in str(error)
    assert site == "map at app.py:1"


def test_sys_exit_and_interrupts_go_through() -> None:
    for kind in (SystemExit, KeyboardInterrupt, MemoryError):

        def leave(x: Any, kind: Any = kind) -> Any:
            raise kind("3")

        error, site = failing([("map", leave)])
        assert type(error) is kind and site == "map at app.py:1"


def test_what_no_operator_did_has_no_site() -> None:
    assert site_of(None) == ""
    try:
        broken()
    except LookupError as error:
        assert site_of(error.__traceback__) == ""
