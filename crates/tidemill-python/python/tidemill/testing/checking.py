"""`check`: runs a program on batches and compares what comes out."""
from __future__ import annotations

from typing import Any, Callable, Iterable

from tidemill.streaming.dstream import DStream
from tidemill.testing.context import TestContext

__all__ = ["check"]


def check(
    batches_in: Iterable[Iterable[Any]],
    program: Callable[[DStream[Any]], DStream[Any]],
    batches_out: Iterable[Iterable[Any]],
    sort: bool = False,
) -> None:
    """Runs a program on batches, one a second, and compares what comes out of it batch by batch.

    Parameters
    ----------
    batches_in : iterable of iterables
        the records of each batch
    program : callable
        makes of a stream the one that is looked at
    batches_out : iterable of iterables
        what each batch has to be
    sort : bool
        whether the order within a batch is not looked at

    Raises
    ------
    AssertionError
        where something else comes out
    EngineError
        where a batch fails

    Examples
    --------
    >>> from tidemill.testing import check
    >>> check([["to be"], ["or"]], lambda lines: lines.flatMap(str.split), [["to", "be"], ["or"]])
    """
    with TestContext() as test:
        feed, stream = test.input()
        seen = test.collect(program(stream))
        for batch in batches_in:
            feed.push(batch)
            test.tick()
        came, expected = seen.values(), [list(batch) for batch in batches_out]
    if sort:
        came, expected = [sorted(batch) for batch in came], [sorted(batch) for batch in expected]
    assert came == expected, f"these batches came out:\n{came}\nand these were expected:\n{expected}"
