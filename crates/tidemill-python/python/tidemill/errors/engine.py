"""Making an `EngineError` in Python, for what the package itself refuses in the driver."""

from __future__ import annotations

from tidemill._engine import EngineError


def engine_error(message: str, kind: str) -> EngineError:
    """An `EngineError` with all of its attributes; `kind` as in the engine: "input", "settings", "stopped", ...

    >>> from tidemill.errors.engine import engine_error
    >>> error = engine_error("there is no such file", "input")
    >>> str(error), error.kind
    ('there is no such file', 'input')
    """
    error = EngineError(message)
    error.message = message
    error.kind = kind
    error.operator = ""
    error.exception = ""
    error.traceback = ""
    return error
