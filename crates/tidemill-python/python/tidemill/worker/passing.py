"""Steps of a state that is too large for a worker to keep: it passes through, and what changes is told.

The driver sends the new values, then what has changed since a whole state, then that one, a batch at a time. So a worker
has in memory what is new and what has changed, however large the state is. What comes of it is what a table would have
told, in the same order.
"""
from __future__ import annotations

from types import TracebackType
from typing import Any, Dict, Iterable, Iterator, List, Optional, Set

from tidemill.worker import formats
from tidemill.worker.batches import stopped
from tidemill.worker.resident import REMOVED, SET, WHOLE, Run, Updating, group, kept, same, written

__all__ = ["VALUES", "passed", "site_of"]

# What a frame is beside those that tables tell: new values of keys.
VALUES = 3

_REMOVED_MOST = 1 << 16  # keys that are told at a time


def passed(runs: Iterable[Run], updating: Optional[Updating], whole: bool) -> Iterator[Run]:
    """Updates all keys, and tells what changed, or if `whole` all of the new state. Without a function states stay."""
    groups: Dict[Any, List[Any]] = {}
    since = _Since()
    step = _Step(updating, groups, whole)
    for what, form, count, payload in runs:
        records = formats.decode(form, count, payload)
        if what == VALUES:
            group(records, groups)
        elif what == REMOVED:
            since.remove(records)
        elif what == SET:
            since.put(records)
        else:
            step.pairs(since.through(records))
            yield from step.told(len(step.keys) >= count)
    step.pairs(since.added())
    step.pairs([(key, None) for key in groups])
    yield from step.told(True)
    if whole and step.is_silent:
        yield (WHOLE, *formats.encode_rows([]))  # an empty state is told too


class _Since:
    """What has changed since the state that passes through."""

    __slots__ = ("_gone", "_states")

    def __init__(self) -> None:
        self._states: Dict[Any, Any] = {}
        self._gone: Set[Any] = set()

    def put(self, pairs: Iterable[Any]) -> None:
        self._states.update(pairs)

    def remove(self, keys: Iterable[Any]) -> None:
        """A key that comes back stands behind all others, as in a dictionary."""
        for key in keys:
            self._states.pop(key, None)
            self._gone.add(key)

    def through(self, pairs: Iterable[Any]) -> Iterator[Any]:
        """What of these there still is, as it is now."""
        gone, states = self._gone, self._states
        for key, state in pairs:
            if key not in gone:
                yield key, states.pop(key) if key in states else state

    def added(self) -> Iterator[Any]:
        """The keys that were not in it."""
        return iter(self._states.items())


class _Step:
    """What a step has made and not told yet."""

    __slots__ = ("_groups", "_removed", "_states", "_updating", "_whole", "is_silent", "keys")

    def __init__(self, updating: Optional[Updating], groups: Dict[Any, List[Any]], whole: bool) -> None:
        self._updating = updating
        self._groups = groups
        self._whole = whole
        self.keys: List[Any] = []
        self._states: List[Any] = []
        self._removed: List[Any] = []
        self.is_silent = True

    def pairs(self, pairs: Iterable[Any]) -> None:
        """Updates these."""
        updating = self._updating
        if updating is None:
            for key, state in pairs:
                self._tell(key, kept(state))
            return
        update, take = updating.function, self._groups.pop
        try:
            for key, state in pairs:
                old = kept(state)  # before the function can change it in place
                new = update(take(key, None) or [], state)
                if new is not None:
                    new = kept(new)
                    if self._whole or not same(new, old):
                        self._tell(key, new)
                elif state is not None:
                    self._removed.append(key)
        except StopIteration as error:
            raise stopped(error) from error

    def _tell(self, key: Any, state: Any) -> None:
        self.keys.append(key)
        self._states.append(state)

    def told(self, everything: bool) -> Iterator[Run]:
        """What there is to tell, if that is much or all is wanted."""
        if self.keys and everything:
            self.is_silent = False
            yield from written(WHOLE if self._whole else SET, self.keys, self._states)
            self.keys.clear()
            self._states.clear()
        if self._removed and (everything or len(self._removed) > _REMOVED_MOST):
            if not self._whole:
                yield (REMOVED, *formats.encode_rows(self._removed))
            self._removed.clear()


def site_of(traceback: Optional[TracebackType]) -> str:
    """Where the program called the operator whose step a traceback ran through, or ""."""
    while traceback is not None:
        if traceback.tb_frame.f_code is _Step.pairs.__code__:
            updating: Updating = traceback.tb_frame.f_locals["updating"]
            site: str = updating.site
            return site
        traceback = traceback.tb_next
    return ""
