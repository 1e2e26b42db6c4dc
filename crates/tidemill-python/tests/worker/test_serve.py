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


def test_frozen_functions_are_made_once() -> None:
    here = server()
    define(here, 1, {"ops": "same"}, True)
    first = here._defined(1, lambda description: object())
    assert here._defined(1, lambda description: object()) is first


@pytest.mark.parametrize("again", [1, 2])
def test_functions_that_may_change_are_made_for_each_task(again: int) -> None:
    here = server()
    for number in (1, again):
        define(here, number, {"ops": "same"}, False)
    first = here._defined(1, lambda description: object())
    assert here._defined(again, lambda description: object()) is not first
