"""The family of PySpark's exceptions: each has a message, or an error class that stands for one."""

from __future__ import annotations

from typing import Any, Optional

from tidemill.errors.error_classes import message_of


class PySparkException(Exception):
    """What all of PySpark's own errors are; PySpark's `PySparkException`.

    It is made with a `message`, or with an `error_class` (a key of `tidemill.errors.error_classes.ERROR_CLASSES_MAP`)
    and the `message_parameters` that its text asks for.

    >>> from tidemill.errors import PySparkException
    >>> error = PySparkException(error_class="NOT_INT", message_parameters={"arg_name": "n", "arg_type": "str"})
    >>> print(error)
    [NOT_INT] Argument `n` should be an int, got str.
    >>> error.getErrorClass(), error.getMessageParameters()
    ('NOT_INT', {'arg_name': 'n', 'arg_type': 'str'})
    >>> print(PySparkException("just a text"))
    just a text
    """

    def __init__(
        self,
        message: Optional[str] = None,
        error_class: Optional[str] = None,
        message_parameters: Optional[dict[str, str]] = None,
    ) -> None:
        if message is None and error_class is not None:
            message = message_of(error_class, message_parameters or {})
        super().__init__(message)
        self.message = message
        self.error_class = error_class
        self.message_parameters = message_parameters

    def getErrorClass(self) -> Optional[str]:
        """The error class, or None where the error was made from a text."""
        return self.error_class

    def getMessageParameters(self) -> Optional[dict[str, str]]:
        """What was filled into the text of the error class."""
        return self.message_parameters

    def getSqlState(self) -> None:
        """The SQL state; only errors of SQL have one."""
        return None

    def __str__(self) -> str:
        if self.error_class is not None:
            return "[%s] %s" % (self.error_class, self.message)
        return str(self.message)

    def __reduce__(self) -> tuple[Any, ...]:
        # The default would call the class with the text alone and lose the error class.
        return type(self), (self.message, self.error_class, self.message_parameters)


class AnalysisException(PySparkException):
    """A query that makes no sense; for programs that name it, SQL is not part of this package yet."""


class SessionNotSameException(PySparkException):
    """Data frames of two sessions were mixed."""


class TempTableAlreadyExistsException(AnalysisException):
    """A temporary view of that name is there already."""


class ParseException(AnalysisException):
    """SQL that cannot be parsed."""


class IllegalArgumentException(PySparkException):
    """An argument or a setting that is not allowed."""


class ArithmeticException(PySparkException):
    """An arithmetic error in SQL."""


class UnsupportedOperationException(PySparkException):
    """An operation that is not supported."""


class ArrayIndexOutOfBoundsException(PySparkException):
    """An index beyond its array in SQL."""


class DateTimeException(PySparkException):
    """A date or a time that cannot be."""


class NumberFormatException(IllegalArgumentException):
    """A text that is no number."""


class StreamingQueryException(PySparkException):
    """A structured streaming query failed."""


class QueryExecutionException(PySparkException):
    """A query failed while it ran."""


class PythonException(PySparkException):
    """Python code in a query failed."""


class SparkRuntimeException(PySparkException):
    """A query failed with an error class of its own."""


class SparkUpgradeException(PySparkException):
    """A result would differ from an earlier version's."""


class UnknownException(PySparkException):
    """An error of no class."""


class PySparkValueError(PySparkException, ValueError):
    """A `ValueError` with an error class."""


class PySparkTypeError(PySparkException, TypeError):
    """A `TypeError` with an error class."""


class PySparkAttributeError(PySparkException, AttributeError):
    """An `AttributeError` with an error class."""


class PySparkRuntimeError(PySparkException, RuntimeError):
    """A `RuntimeError` with an error class."""


class PySparkAssertionError(PySparkException, AssertionError):
    """An `AssertionError` with an error class."""


class PySparkNotImplementedError(PySparkException, NotImplementedError):
    """A `NotImplementedError` with an error class: what this package does not have."""
