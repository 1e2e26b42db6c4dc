"""Errors under the names that PySpark has for them; PySpark's `pyspark.errors`.

What the engine raises (in PySpark a `Py4JJavaError`) is `EngineError`. It is looked up when first used, because worker
processes use these classes too and never load the engine.

>>> from tidemill.errors import PySparkValueError
>>> try:
...     raise PySparkValueError(error_class="NEGATIVE_VALUE", message_parameters={"arg_name": "n", "arg_value": "-1"})
... except ValueError as error:
...     print(error)
[NEGATIVE_VALUE] Value for `n` must be greater than or equal to 0, got '-1'.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tidemill.errors.exceptions.base import (
    AnalysisException,
    ArithmeticException,
    ArrayIndexOutOfBoundsException,
    DateTimeException,
    IllegalArgumentException,
    NumberFormatException,
    ParseException,
    PySparkAssertionError,
    PySparkAttributeError,
    PySparkException,
    PySparkNotImplementedError,
    PySparkRuntimeError,
    PySparkTypeError,
    PySparkValueError,
    PythonException,
    QueryExecutionException,
    SparkRuntimeException,
    SparkUpgradeException,
    StreamingQueryException,
    TempTableAlreadyExistsException,
    UnknownException,
    UnsupportedOperationException,
)

if TYPE_CHECKING:
    from tidemill._engine import EngineError as EngineError

__all__ = [
    "AnalysisException",
    "ArithmeticException",
    "ArrayIndexOutOfBoundsException",
    "DateTimeException",
    "IllegalArgumentException",
    "NumberFormatException",
    "ParseException",
    "PySparkAssertionError",
    "PySparkAttributeError",
    "PySparkException",
    "PySparkNotImplementedError",
    "PySparkRuntimeError",
    "PySparkTypeError",
    "PySparkValueError",
    "PythonException",
    "QueryExecutionException",
    "SparkRuntimeException",
    "SparkUpgradeException",
    "StreamingQueryException",
    "TempTableAlreadyExistsException",
    "UnknownException",
    "UnsupportedOperationException",
]


def __getattr__(name: str) -> Any:
    if name in ("EngineError", "Py4JJavaError"):
        from tidemill._engine import EngineError

        return EngineError
    raise AttributeError("module 'tidemill.errors' has no attribute %r" % name)
