"""What a worker keeps between tasks: what was made of frozen functions, and nothing of any other."""
from __future__ import annotations

from typing import Any

import cloudpickle
import pytest

from tidemill.worker import serve


def server() -> serve.Server:
    return serve.Server(link=None)  # type: ignore[arg-type]


def define(here: serve.Server, number: int, description: Any, frozen: bool) -> None:
    here._descriptions[number] = cloudpickle.dumps(description), frozen


def test_frozen_functions_are_made_once_however_often_they_are_defined() -> None:
    here, made = server(), []

    def make(description: Any) -> Any:
        made.append(description)
        return object()

    define(here, 1, {"ops": "same"}, True)
    first = here._defined(1, make)
    assert here._defined(1, make) is first
    here._descriptions.pop(1)
    here._frozen.pop(1)
    define(here, 2, {"ops": "same"}, True)
    assert here._defined(2, make) is first
    define(here, 3, {"ops": "other"}, True)
    assert here._defined(3, make) is not first
    assert len(made) == 2


@pytest.mark.parametrize("again", [1, 2])
def test_functions_that_may_change_are_made_for_each_task(again: int) -> None:
    here = server()
    for number in (1, again):
        define(here, number, {"ops": "same"}, False)
    first = here._defined(1, lambda description: object())
    assert here._defined(again, lambda description: object()) is not first


def test_few_are_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(serve, "_KEPT", 2)
    here = server()
    made = []

    def make(description: Any) -> Any:
        made.append(description["ops"])
        return object()

    for number in (1, 2, 1, 3, 1, 2):  # 2 is the one longest unused when 3 comes
        define(here, number, {"ops": number}, True)
        here._frozen.clear()
        here._defined(number, make)
    assert made == [1, 2, 3, 2]
    define(here, 4, {"ops": b"x" * serve._KEPT_BYTES}, True)
    here._defined(4, make)
    assert len(here._kept) == 2, "a long description is not kept"
