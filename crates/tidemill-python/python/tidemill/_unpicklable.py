"""Which variable holds what cannot be pickled: the sentence that follows PySpark's words."""

from __future__ import annotations

import types
from typing import Any, Iterator, Optional

import cloudpickle

from tidemill._call_site import text_of
from tidemill.worker.partitions import PartitionFunction

_DEEPEST = 6
_INSTEAD = (
    "Make it inside the function, in each task (mapPartitions does that once a partition), or give the function plain"
    " data only."
)


def advice(ops: tuple[Any, ...], sink: tuple[Any, ...]) -> Optional[str]:
    """A sentence that names the operator, the variable, and what to do; None if no variable is to blame."""
    suspects = [(function, text_of(place)) for _, function, place in ops]
    suspects += [(part, "the shuffle") for part in sink if callable(part)]
    for function, place in suspects:
        if _pickles(function):
            continue
        found = _culprit(function, 0)
        if found is None:
            return "The function of %s cannot be pickled." % place
        path, value = found
        use = "The function of %s uses it as `%s` (%s)." % (place, path, _kind(value))
        return use if _is_of_the_driver(value) else "%s %s" % (use, _INSTEAD)
    return None


def _pickles(value: Any) -> bool:
    try:
        cloudpickle.dumps(value, 5)
    except Exception:
        return False
    return True


def _is_of_the_driver(value: Any) -> bool:
    """Whether it is a context, an RDD or a stream, or a part of one."""
    return type(value).__module__.split(".")[0] == "tidemill" and not isinstance(value, PartitionFunction)


def _kind(value: Any) -> str:
    kind = type(value)
    return kind.__qualname__ if kind.__module__ == "builtins" else "%s.%s" % (kind.__module__, kind.__qualname__)


def _culprit(value: Any, depth: int) -> Optional[tuple[str, Any]]:
    """The innermost variable below `value` that does not pickle: its path, and what it holds."""
    if depth > _DEEPEST or _is_of_the_driver(value):
        return None
    for name, part in _below(value):
        if _pickles(part):
            continue
        deeper = _culprit(part, depth + 1)
        if deeper is None:
            return name, part
        path, held = deeper
        if not name:
            return deeper
        return (name + path if path.startswith("[") else name + "." + path if path else name), held
    return None


def _below(value: Any) -> Iterator[tuple[str, Any]]:
    """What an object holds, with the names under which a program knows it; no name for what it does not see."""
    if isinstance(value, types.FunctionType):
        for name, cell in zip(value.__code__.co_freevars, value.__closure__ or ()):
            try:
                yield name, cell.cell_contents
            except ValueError:
                continue
        for name in value.__code__.co_names:
            if name in value.__globals__:
                yield name, value.__globals__[name]
        for default in value.__defaults__ or ():
            yield "", default
        for constant in value.__code__.co_consts:
            if isinstance(constant, types.CodeType):
                for name in constant.co_names:
                    if name in value.__globals__:
                        yield name, value.__globals__[name]
    elif isinstance(value, types.MethodType):
        yield "self", value.__self__
    elif isinstance(value, PartitionFunction):
        for part in value.parts():
            yield "", part
    elif isinstance(value, dict):
        for key, part in value.items():
            yield "[%r]" % (key,), part
    elif isinstance(value, (list, tuple)):
        for number, part in enumerate(value):
            yield "[%d]" % number, part
    elif hasattr(value, "func") and hasattr(value, "args"):
        yield "", value.func
        for part in value.args:
            yield "", part
    elif type(value).__module__ != "builtins" and isinstance(getattr(value, "__dict__", None), dict):
        yield from vars(value).items()
