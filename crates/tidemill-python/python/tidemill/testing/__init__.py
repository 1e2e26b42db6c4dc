"""A test kit: programs under a clock that stands still, batches in and batches out.

`check` is enough for most: it runs a program on given batches and compares what comes out. Under it, `TestContext` lets a test
push records, let the time of one batch pass, and look. Nothing here waits for the wall clock.

>>> from tidemill.testing import check
>>> check(
...     [[1, 2, 3], [], [4]],                                                   # batches in
...     lambda numbers: numbers.filter(lambda x: x % 2 == 0).map(lambda x: x * 10),  # the program
...     [[20], [], [40]],                                                       # batches out
... )
"""
from __future__ import annotations

from tidemill.testing.checking import check
from tidemill.testing.context import Collected, Feed, TestContext

__all__ = ["Collected", "Feed", "TestContext", "check"]
