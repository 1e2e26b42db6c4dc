"""State that stays in a worker from batch to batch: tables of keys, stepped by a program's update function.

The driver keeps each version of a table as bytes: all of it now and then, in between what changed. A worker's table is a
copy that can be lost at any time. Each has a *stamp*, a number of the driver's for exactly this content.

A step changes nothing: it leaves a draft, which the next request makes the table's content, or drops. States are handed to
the update function as they are only where nobody can change them in place; all others are kept pickled, so that each step
begins with copies, as if state had gone through a shuffle (behaviour 10.6).
"""
from __future__ import annotations

import io
import itertools
import pickle
import struct
from types import FunctionType, TracebackType
from typing import Any, Dict, Iterable, Iterator, List, NamedTuple, Optional, Tuple

from tidemill.worker import formats
from tidemill.worker.batches import Sizes, stopped, write_buckets

__all__ = [
    "APPLY", "DROP", "LOAD", "PASS", "READ", "REMOVED", "SET", "STEP", "WHOLE", "Request", "Run", "Tables", "Updating",
    "group", "kept", "same", "site_of", "written",
]

# What the driver asks. What passes is no table's: see `passing.py`.
LOAD, APPLY, STEP, READ, DROP, PASS = 1, 2, 3, 4, 5, 6
# What a frame of changes is: pairs that are set, keys that are removed, all pairs of the new state.
SET, REMOVED, WHOLE = 0, 1, 2

_REQUEST = struct.Struct("<QQQQI")
_CHUNK = 1 << 16  # pairs that are written from a table at a time

Run = Tuple[int, int, int, formats.Payload]  # what it is, format, number of records, payload

# Types whose values nobody can change in place.
_ATOMS = frozenset({int, str, float, bytes, bool, type(None)})


class Request(NamedTuple):
    """What is asked of a table."""

    table: int
    commit: int  # the stamp of the draft that becomes the content first; 0 for none
    stamp: int  # the stamp that the content has then
    new: int  # the stamp of what comes of the request
    whole: int  # whether a step is to tell all of the new state

    @classmethod
    def parse(cls, payload: bytes) -> Tuple[Request, bytes]:
        """The request, and what stands behind it."""
        return cls(*_REQUEST.unpack_from(payload)), payload[_REQUEST.size :]


class Tables:
    """The tables of this worker."""

    __slots__ = ("_tables",)

    def __init__(self) -> None:
        self._tables: Dict[int, Table] = {}

    def load(self, request: Request, runs: Iterable[Run]) -> None:
        """Makes a table of all its pairs. Of pairs with one key the first counts."""
        self._tables.pop(request.table, None)  # else both would be here at once
        states: Dict[Any, Any] = {}
        for _, form, count, payload in runs:
            for key, state in formats.decode(form, count, payload):
                states.setdefault(key, kept(state))
        self._tables[request.table] = Table(request.new, states)

    def apply(self, request: Request, runs: Iterable[Run]) -> None:
        """Repeats a step whose changes are known."""
        table = self._at(request)
        for what, form, count, payload in runs:
            records = formats.decode(form, count, payload)
            if what == REMOVED:
                for key in records:
                    del table.states[key]
            else:
                table.states.update((key, kept(state)) for key, state in records)
        table.stamp = request.new

    def step(self, request: Request, runs: Iterable[Run], update: Updating) -> Iterator[Run]:
        """Updates all keys, and tells what changed."""
        table = self._at(request)
        draft = table.step(_grouped(runs), update)
        table.drafts[request.new] = draft
        # Where most changes it is less to tell all.
        if request.whole or 2 * draft.changes() > len(table.states) + len(draft.added):
            return _whole(*draft.whole(table.states))
        removed = formats.encode_rows(draft.removed) if draft.removed else None
        changes = (draft.changed, draft.added)
        told = written(SET, [*itertools.chain(*changes)], [*itertools.chain(*(part.values() for part in changes))])
        return itertools.chain(((REMOVED, *removed),), told) if removed else told

    def read(self, request: Request) -> Iterator[Run]:
        """All pairs of a table."""
        states = self._at(request).states
        return _whole(list(states), list(states.values()))

    def drop(self, request: Request) -> None:
        """Forgets a table."""
        self._tables.pop(request.table, None)

    def _at(self, request: Request) -> Table:
        table = self._tables[request.table]
        if request.commit and table.stamp != request.commit:  # else a request that failed has done it
            table.commit(request.commit)
        if table.stamp != request.stamp:
            raise LookupError(f"the state here is {table.stamp} and not {request.stamp}")
        return table


class Updating:
    """An update function as the driver described it."""

    __slots__ = ("function", "site")

    def __init__(self, description: Dict[str, Any]) -> None:
        ((_, self.function, self.site),) = description["ops"]


class Table:
    """The states of one partition, in the order in which their keys came."""

    __slots__ = ("drafts", "stamp", "states")

    def __init__(self, stamp: int, states: Dict[Any, Any]) -> None:
        self.stamp = stamp
        self.states = states
        self.drafts: Dict[int, Draft] = {}

    def step(self, groups: Dict[Any, List[Any]], updating: Updating) -> Draft:
        """Updates the keys that are known, in their order, and then the new ones, as they came."""
        update = updating.function
        changed: Dict[Any, Any] = {}
        removed: List[Any] = []
        take = groups.pop
        atoms = _ATOMS
        try:
            for key, state in self.states.items():
                values = take(key) if key in groups else []
                kind = state.__class__
                if kind is Held:
                    new = update(values, pickle.loads(state))
                else:
                    new = update(values, state)
                    # What most keys come to, in few words: an equal number, text or tuple of such.
                    if new.__class__ is kind:
                        if kind is tuple:
                            if _alike(new, state):
                                continue
                        elif new == state and kind in atoms and (new or kind is not float):
                            continue
                if new is None:
                    removed.append(key)
                    continue
                new = kept(new)
                if not same(new, state):
                    changed[key] = new
            added = {}
            for key, values in groups.items():
                new = update(values, None)
                if new is not None:
                    added[key] = kept(new)
        except StopIteration as error:
            raise stopped(error) from error
        return Draft(changed, removed, added)

    def commit(self, stamp: int) -> None:
        """Makes the draft of that stamp the content, and drops all others."""
        draft = self.drafts[stamp]
        self.drafts.clear()
        for key in draft.removed:
            del self.states[key]
        self.states.update(draft.changed)
        self.states.update(draft.added)
        self.stamp = stamp


class Draft(NamedTuple):
    """What a step will change."""

    changed: Dict[Any, Any]
    removed: List[Any]
    added: Dict[Any, Any]

    def changes(self) -> int:
        """How many keys it changes."""
        return len(self.changed) + len(self.removed) + len(self.added)

    def whole(self, states: Dict[Any, Any]) -> Tuple[List[Any], List[Any]]:
        """All keys that there will be, and their states."""
        changed = self.changed
        if self.removed:
            removed = frozenset(self.removed)
            keys = [key for key in states if key not in removed]
            after = [changed[key] if key in changed else states[key] for key in keys]
        elif changed:
            keys, after = list(states), [changed[key] if key in changed else state for key, state in states.items()]
        else:
            keys, after = list(states), list(states.values())
        return keys + list(self.added), after + list(self.added.values())


def site_of(traceback: Optional[TracebackType]) -> str:
    """Where the program called the operator whose step a traceback ran through, or ""."""
    while traceback is not None:
        if traceback.tb_frame.f_code is Table.step.__code__:
            site: str = traceback.tb_frame.f_locals["updating"].site
            return site
        traceback = traceback.tb_next
    return ""


def _grouped(runs: Iterable[Run]) -> Dict[Any, List[Any]]:
    """The new values of each key, keys in the order in which they came."""
    groups: Dict[Any, List[Any]] = {}
    for _, form, count, payload in runs:
        group(formats.decode(form, count, payload), groups)
    return groups


def group(pairs: Iterable[Any], groups: Dict[Any, List[Any]]) -> None:
    """Adds values to those of their keys."""
    for key, value in pairs:
        if key in groups:
            groups[key].append(value)
        else:
            groups[key] = [value]


def _whole(keys: List[Any], states: List[Any]) -> Iterator[Run]:
    """All of a table; an empty one is told too."""
    return written(WHOLE, keys, states) if keys else iter(((WHOLE, *formats.encode_rows([])),))


def written(what: int, keys: List[Any], states: List[Any]) -> Iterator[Run]:
    """Pairs as frames of what they are."""
    sizes = Sizes(0)
    for start in range(0, len(keys), _CHUNK):
        some, theirs = keys[start : start + _CHUNK], states[start : start + _CHUNK]
        if Held in set(map(type, theirs)):
            theirs = [pickle.loads(state) if state.__class__ is Held else state for state in theirs]
        for _, form, count, payload in write_buckets([some], [theirs], sizes):
            yield what, form, count, payload


# ---- states that could be changed in place ------------------------------------------------------------------------------


class Held(bytes):
    """A pickled state."""

    __slots__ = ()


def kept(state: Any) -> Any:
    """A state as tables keep it: as it is if nobody can change it in place, else pickled."""
    return state if _is_fixed(state) else _hold(state)


def _is_fixed(value: Any) -> bool:
    kind = value.__class__
    if kind in _ATOMS:
        return True
    return kind is tuple and all(part.__class__ in _ATOMS or _is_fixed(part) for part in value)


def _alike(new: Tuple[Any, ...], old: Tuple[Any, ...]) -> bool:
    """Whether tuples are the same for sure, at a glance."""
    types = [*map(type, new)]
    if types != [*map(type, old)] or tuple in types:
        return False
    return new == old and (float not in types or 0.0 not in new)


def same(new: Any, old: Any) -> bool:
    """Whether two states that are kept mean the same bytes. (-0.0 equals 0.0, and (1,) equals (True,).)"""
    if new is old:
        return True
    kind = new.__class__
    if kind is not old.__class__:
        return False
    if kind is tuple:
        return len(new) == len(old) and all(map(same, new, old))
    if kind is float:
        return repr(new) == repr(old)
    return bool(new == old)


# Classes of the program's own file: pickled states name them by their places here.
_own: List[Any] = []
_places: Dict[int, int] = {}


def _hold(state: Any) -> Held:
    if state.__class__.__module__ != "__main__":
        try:
            return Held(pickle.dumps(state, 5))
        except (pickle.PicklingError, AttributeError, TypeError):
            pass
    buffer = io.BytesIO()
    _Holder(buffer, 5).dump(state)
    return Held(buffer.getvalue())


class _Holder(pickle.Pickler):
    """Pickles for this process alone."""

    def reducer_override(self, value: Any) -> Any:
        if not isinstance(value, (type, FunctionType)) or value.__module__ != "__main__":
            return NotImplemented
        if isinstance(value, FunctionType):
            import cloudpickle

            return pickle.loads, (cloudpickle.dumps(value, 5),)
        place = _places.setdefault(id(value), len(_own))
        if place == len(_own):
            _own.append(value)
        return _own_at, (place,)


def _own_at(place: int) -> Any:
    return _own[place]
