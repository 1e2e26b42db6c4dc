"""May a function stay unpickled between tasks, and may its pickle be used again?

PySpark unpickles a stage's functions for every task, so a list, dict or object that a function captured starts fresh in
each task. A worker may keep a function between tasks only if nobody could tell: nothing it captures can change. The
driver may send the bytes of an earlier pickle only if, besides, everything captured is still the identical object.
"""

from __future__ import annotations

import datetime
import decimal
import dis
import fractions
import functools
import logging
import operator
import re
import sys
import types
import uuid
from collections.abc import Iterable
from typing import Any

__all__ = ["Snapshot", "frozen", "snapshot"]

# Objects of these exact types never change.
_ATOMS = frozenset({
    int, float, str, bytes, bool, complex, type(None), type(Ellipsis), type(NotImplemented), range,
    datetime.date, datetime.time, datetime.datetime, datetime.timedelta, datetime.timezone,
    decimal.Decimal, fractions.Fraction, re.Pattern, uuid.UUID,
})  # fmt: skip
# Objects that pickle takes by their name: a worker has one of each for as long as it lives, in PySpark as well.
_BY_NAME = frozenset({
    types.ModuleType, types.MethodDescriptorType, types.WrapperDescriptorType, types.GetSetDescriptorType,
    types.MemberDescriptorType, types.ClassMethodDescriptorType, logging.Logger, logging.RootLogger,
})  # fmt: skip
_WRITES = frozenset({"STORE_GLOBAL", "DELETE_GLOBAL", "STORE_ATTR", "DELETE_ATTR"})
_CELL_WRITES = frozenset({"STORE_DEREF", "DELETE_DEREF"})
# Names through which a function could change what it, or the next call, sees.
_LOOPHOLES = frozenset({
    "globals", "locals", "vars", "setattr", "delattr", "exec", "eval", "__dict__", "__setattr__", "__delattr__",
    "__globals__", "__closure__", "__defaults__", "__kwdefaults__", "__code__", "cell_contents", "_getframe",
})  # fmt: skip

_facts: dict[types.CodeType, tuple[bool, frozenset[str]]] = {}

Capture = tuple[Any, Any, Any]  # where it is, under which name there (None: a cell), the object


class Snapshot:
    """What a frozen function captured, to find out later whether all of it is still the same."""

    __slots__ = ("_captures",)

    def __init__(self, captures: Iterable[Capture]) -> None:
        self._captures = tuple(captures)

    def holds(self) -> bool:
        """True if a pickle made now would say what one made at the time of the snapshot said."""
        for place, name, value in self._captures:
            if name is None:
                try:
                    if place.cell_contents is not value:
                        return False
                except ValueError:  # an empty cell
                    return False
            elif place.get(name, _Missing) is not value:
                return False
        return True


class _Missing:
    """Stands for a global that isn't there."""


def frozen(function: Any) -> bool:
    """True if no call of `function` can change what a later call sees through what the function captures.

    >>> seen = []
    >>> frozen(str.upper), frozen(lambda x: x + 1), frozen(lambda x: seen.append(x)), frozen(seen.append)
    (True, True, False, False)
    """
    return _frozen(function, set(), None)


def snapshot(function: Any) -> Snapshot | None:
    """What a frozen function captured, or None if it is not frozen."""
    captures: list[Capture] = []
    return Snapshot(captures) if _frozen(function, set(), captures) else None


def _frozen(value: Any, seen: set[int], captures: list[Capture] | None) -> bool:
    kind = type(value)
    if kind in _ATOMS or kind in _BY_NAME:
        return True
    if kind is types.BuiltinFunctionType:  # len, but not some_list.append
        return value.__self__ is None or _frozen(value.__self__, seen, captures)
    if id(value) in seen:
        return True
    seen.add(id(value))
    if kind is tuple or kind is frozenset:
        return all(_frozen(part, seen, captures) for part in value)
    if kind is functools.partial:
        parts = (value.func, value.args, *value.keywords.values())
        return not value.__dict__ and all(_frozen(part, seen, captures) for part in parts)
    if kind in (operator.itemgetter, operator.attrgetter, operator.methodcaller):
        return _frozen(value.__reduce__()[1], seen, captures)
    if kind is types.FunctionType:
        return _by_name(value) or _frozen_function(value, seen, captures)
    if isinstance(value, type):
        return _by_name(value)
    return _shared(value)


def _shared(value: Any) -> bool:
    """A broadcast: its value is read once by each worker and stays, in PySpark as well."""
    module = sys.modules.get("tidemill.broadcast")
    return module is not None and type(value) is getattr(module, "Broadcast", None)


def _by_name(value: Any) -> bool:
    """Would a pickle hold only the name of this function or class?"""
    name = value.__module__ or ""
    if name == "__main__" or name not in sys.modules:
        return False
    found: Any = sys.modules[name]
    for part in value.__qualname__.split("."):
        found = getattr(found, part, None)
    return found is value and not _by_value(name)


def _by_value(module: str) -> bool:
    """Did the program ask for this module's functions to be pickled whole?"""
    cloudpickle = sys.modules.get("cloudpickle")
    if cloudpickle is None:
        return False
    registered = cloudpickle.list_registry_pickle_by_value()
    return any(module == name or module.startswith(name + ".") for name in registered)


def _frozen_function(function: types.FunctionType, seen: set[int], captures: list[Capture] | None) -> bool:
    writes, names = _code_facts(function.__code__)
    if writes or function.__dict__:
        return False
    for cell in function.__closure__ or ():
        try:
            value = cell.cell_contents
        except ValueError:  # not assigned yet
            return False
        if not _frozen(value, seen, captures):
            return False
        if captures is not None:
            captures.append((cell, None, value))
    if not all(_frozen(value, seen, captures) for value in function.__defaults__ or ()):
        return False
    if not all(_frozen(value, seen, captures) for value in (function.__kwdefaults__ or {}).values()):
        return False
    space = function.__globals__
    for name in names:
        value = space.get(name, _Missing)
        if value is not _Missing and not _frozen(value, seen, captures):
            return False
        if captures is not None:
            captures.append((space, name, value))
    return True


def _code_facts(code: types.CodeType) -> tuple[bool, frozenset[str]]:
    """Whether a code object may write what outlives a call, and the names it may read from its globals."""
    known = _facts.get(code)
    if known is None:
        writes = False
        names: set[str] = set()
        todo = [code]
        while todo:
            part = todo.pop()
            for instruction in dis.get_instructions(part):
                name = instruction.opname
                # A cell of the function itself outlives the call; one that it only lends to inner functions does not.
                if name in _WRITES or name in _CELL_WRITES and instruction.argval in code.co_freevars:
                    writes = True
            names.update(part.co_names)
            todo += [constant for constant in part.co_consts if isinstance(constant, types.CodeType)]
        if len(_facts) > 10_000:  # a program that makes functions without end
            _facts.clear()
        known = _facts[code] = (writes or not names.isdisjoint(_LOOPHOLES), frozenset(names))
    return known
