"""What functions refer to, and whether it is still the same: when their pickled form may serve once more.

A survey of functions notes every place that their pickled form was read from: cells, globals, defaults. If each place
still holds the identical object, and none of these objects can change inside, then pickling again would give the same
bytes. Functions for which that cannot be said are pickled again each time.
"""

from __future__ import annotations

import functools
import operator
import sys
import types
from typing import Any, Iterable, Optional

import cloudpickle

from tidemill.worker.partitions import PartitionFunction

_MISSING = object()
_CONSTANT = frozenset(
    [str, int, float, bool, bytes, complex, type(None), type(Ellipsis), type(NotImplemented), range]
)
_BY_NAME = (types.BuiltinFunctionType, types.MethodDescriptorType, types.WrapperDescriptorType, types.ClassMethodDescriptorType)
_GETTERS = (operator.itemgetter, operator.attrgetter, operator.methodcaller)
_DEEPEST = 32


class _Changing(Exception):
    """Something was met that may change without being noticed."""


class Survey:
    """The places that some functions were pickled from, with the objects that were there."""

    __slots__ = ("cells", "functions", "globals", "keepable", "_seen")

    def __init__(self) -> None:
        self.cells: list[tuple[Any, Any]] = []
        self.globals: list[tuple[dict[str, Any], str, Any]] = []
        self.functions: list[tuple[Any, Any, Any]] = []
        # Whether a worker may keep the functions too: an accumulator has to be made anew for each task.
        self.keepable = True
        self._seen: set[int] = set()

    @classmethod
    def of(cls, functions: Iterable[Any]) -> Optional[Survey]:
        """A survey of functions, or None if they refer to something that may change unnoticed."""
        survey = cls()
        try:
            for function in functions:
                survey._visit(function, 0)
        except _Changing:
            return None
        survey._seen.clear()
        return survey

    def _visit(self, value: Any, depth: int) -> None:
        kind = type(value)
        if kind in _CONSTANT:
            return
        if depth > _DEEPEST:
            raise _Changing
        if id(value) in self._seen:
            return
        self._seen.add(id(value))
        if kind is types.FunctionType:
            self._visit_function(value, depth)
        elif kind is tuple or kind is frozenset:
            for part in value:
                self._visit(part, depth + 1)
        elif kind is types.ModuleType or isinstance(value, type):
            if not _is_found_by_name(value):
                raise _Changing
        elif isinstance(value, _BY_NAME):
            owner = getattr(value, "__self__", None)
            if owner is not None and type(owner) is not types.ModuleType:
                self._visit(owner, depth + 1)
        elif kind is functools.partial:
            if value.__dict__:
                raise _Changing
            for part in (value.func, *value.args, *value.keywords.values()):
                self._visit(part, depth + 1)
        elif isinstance(value, PartitionFunction):
            for part in value.parts():
                self._visit(part, depth + 1)
        elif kind in _GETTERS:
            for part in value.__reduce__()[1]:
                self._visit(part, depth + 1)
        else:
            self._visit_shared(value)

    def _visit_shared(self, value: Any) -> None:
        """Broadcasts and accumulators pickle as their number."""
        module = type(value).__module__
        if module == "tidemill.accumulators" and type(value).__name__ == "Accumulator":
            self.keepable = False
        elif not (module == "tidemill.broadcast" and type(value).__name__ == "Broadcast"):
            raise _Changing

    def _visit_function(self, function: types.FunctionType, depth: int) -> None:
        if _is_found_by_name(function):
            return
        if function.__dict__ or function.__kwdefaults__:
            raise _Changing
        self.functions.append((function, function.__code__, function.__defaults__))
        self._visit(function.__defaults__, depth + 1)
        for cell in function.__closure__ or ():
            try:
                value = cell.cell_contents
            except ValueError:
                raise _Changing from None
            self.cells.append((cell, value))
            self._visit(value, depth + 1)
        space = function.__globals__
        for name in _names(function.__code__):
            value = space.get(name, _MISSING)
            self.globals.append((space, name, value))
            if value is not _MISSING:
                self._visit(value, depth + 1)


def unchanged(survey: Survey) -> bool:
    """Whether every place still holds the object that it held."""
    for cell, value in survey.cells:
        if cell.cell_contents is not value:
            return False
    for space, name, value in survey.globals:
        if space.get(name, _MISSING) is not value:
            return False
    for function, code, defaults in survey.functions:
        if function.__code__ is not code or function.__defaults__ is not defaults:
            return False
    return True


def _is_found_by_name(value: Any) -> bool:
    """Whether it pickles as a name that a worker imports."""
    if type(value) is types.ModuleType:
        name, found = value.__name__, sys.modules.get(value.__name__)
    else:
        name = value.__module__
        found = sys.modules.get(name)
        for part in value.__qualname__.split("."):
            found = getattr(found, part, None)
    if found is not value or name == "__main__":
        return False
    by_value = cloudpickle.list_registry_pickle_by_value()
    return not by_value or not any(name == each or name.startswith(each + ".") for each in by_value)


@functools.lru_cache(maxsize=1024)
def _names(code: types.CodeType) -> tuple[str, ...]:
    """The names that a function's code and the functions inside it look up."""
    names = dict.fromkeys(code.co_names)
    for constant in code.co_consts:
        if type(constant) is types.CodeType:
            names.update(dict.fromkeys(_names(constant)))
    return tuple(names)
