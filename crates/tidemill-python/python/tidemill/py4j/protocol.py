"""`Py4JJavaError`, by which programs of PySpark catch what the engine raises."""

from __future__ import annotations

from tidemill._engine import EngineError

#: What the engine raises.
Py4JJavaError = EngineError
#: The same: programs catch either.
Py4JError = EngineError
#: The same: there is no network between a program and its engine.
Py4JNetworkError = EngineError

__all__ = ["Py4JError", "Py4JJavaError", "Py4JNetworkError"]
