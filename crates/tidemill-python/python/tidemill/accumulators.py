"""Values that tasks add to and the driver reads; PySpark's `Accumulator` (row 3.15).

A task works on a copy that begins at zero. When the task is accepted, its copy travels to the driver and is added there;
the copy of a task that failed does not.
"""

from __future__ import annotations

import pickle
from typing import Any, Generic, TypeVar, cast

from tidemill.errors import PySparkRuntimeError

T = TypeVar("T")
U = TypeVar("U")

# On the driver: every accumulator that was made, by number.
_accumulatorRegistry: dict[int, Accumulator[Any]] = {}
# In a worker: the copies that the current task works on. The worker sends them with the end of the task and clears this.
_worker_updates: dict[int, Accumulator[Any]] = {}


class AccumulatorParam(Generic[T]):
    """How values of one type are added up; a program may write one for a type of its own.

    >>> from tidemill import AccumulatorParam
    >>> class Vectors(AccumulatorParam):
    ...     def zero(self, value):
    ...         return [0.0] * len(value)
    ...     def addInPlace(self, value1, value2):
    ...         for index, item in enumerate(value2):
    ...             value1[index] += item
    ...         return value1
    >>> total = sc.accumulator([1.0, 2.0], Vectors())
    >>> sc.parallelize([[1.0, 1.0], [2.0, 3.0]]).foreach(total.add)
    >>> total.value
    [4.0, 6.0]
    """

    def zero(self, value: T) -> T:
        """What a task begins with, of the same shape as `value`."""
        raise NotImplementedError

    def addInPlace(self, value1: T, value2: T) -> T:
        """The sum of both; it may change `value1` and give it back."""
        raise NotImplementedError


class AddingAccumulatorParam(AccumulatorParam[U]):
    """Adds with `+=`, from a zero that is given.

    >>> from tidemill.accumulators import AddingAccumulatorParam
    >>> AddingAccumulatorParam(0).addInPlace(2, 3)
    5
    """

    def __init__(self, zero_value: U) -> None:
        self.zero_value = zero_value

    def zero(self, value: U) -> U:
        """The zero that was given."""
        return self.zero_value

    def addInPlace(self, value1: U, value2: U) -> U:
        """`value1 + value2`."""
        value1 += value2  # type: ignore[operator]
        return value1


INT_ACCUMULATOR_PARAM: AccumulatorParam[int] = AddingAccumulatorParam(0)
FLOAT_ACCUMULATOR_PARAM: AccumulatorParam[float] = AddingAccumulatorParam(0.0)
COMPLEX_ACCUMULATOR_PARAM: AccumulatorParam[complex] = AddingAccumulatorParam(0.0j)


class Accumulator(Generic[T]):
    """A value that tasks add to by `+=` or `add`, and the driver reads. It is made by `SparkContext.accumulator`.

    Updates of an action's own function count once for each partition; updates in a transformation are repeated whenever
    the RDD is computed again.

    >>> empty = sc.accumulator(0)
    >>> def count_empty(line):
    ...     global empty
    ...     if not line:
    ...         empty += 1
    >>> sc.parallelize(["a", "", "b", ""]).foreach(count_empty)
    >>> empty.value
    2
    """

    def __init__(self, aid: int, value: T, accum_param: AccumulatorParam[T]) -> None:
        self.aid = aid
        self.accum_param = accum_param
        self._value = value
        self._deserialized = False
        _accumulatorRegistry[aid] = self

    def __reduce__(self) -> tuple[Any, ...]:
        param = self.accum_param
        return _deserialize_accumulator, (self.aid, param.zero(self._value), param)

    @property
    def value(self) -> T:
        """The value, with what all finished tasks have added. In a task it raises `PySparkRuntimeError`.

        >>> sc.accumulator(10).value
        10
        """
        if self._deserialized:
            raise _not_in_tasks("Accumulator.value")
        _collect_updates()
        return self._value

    @value.setter
    def value(self, value: T) -> None:
        """Sets the value; on the driver only."""
        if self._deserialized:
            raise _not_in_tasks("Accumulator.value")
        _collect_updates()
        self._value = value

    def add(self, term: T) -> None:
        """Adds `term`.

        >>> total = sc.accumulator(1.0)
        >>> total.add(0.5)
        >>> total.value
        1.5
        """
        self._value = self.accum_param.addInPlace(self._value, term)

    def __iadd__(self, term: T) -> Accumulator[T]:
        self.add(term)
        return self

    def __str__(self) -> str:
        return str(self._value)

    def __repr__(self) -> str:
        return "Accumulator<id=%i, value=%s>" % (self.aid, self._value)


def default_param(value: Any) -> AccumulatorParam[Any]:
    """How values of the type of `value` are added if a program does not say; only numbers have such a way.

    >>> from tidemill.accumulators import default_param
    >>> default_param(1.5).zero(1.5)
    0.0
    """
    if isinstance(value, int):
        return INT_ACCUMULATOR_PARAM
    if isinstance(value, float):
        return FLOAT_ACCUMULATOR_PARAM
    if isinstance(value, complex):
        return COMPLEX_ACCUMULATOR_PARAM
    raise TypeError("No default accumulator param for type %s" % type(value))


def apply_updates(updates: list[bytes]) -> None:
    """Adds what tasks have sent, in their order. Each of `updates` is a pickled list of (number, value)."""
    for update in updates:
        for number, value in cast("list[tuple[int, Any]]", pickle.loads(update)):
            accumulator = _accumulatorRegistry.get(number)
            if accumulator is not None:
                accumulator.add(value)


def _collect_updates() -> None:
    """Lets the running context hand over what has come since."""
    from tidemill.context import SparkContext

    context = SparkContext._active_spark_context
    if context is not None:
        context._after_job()


def _deserialize_accumulator(aid: int, zero_value: T, accum_param: AccumulatorParam[T]) -> Accumulator[T]:
    """The copy that a task works on."""
    copy = Accumulator.__new__(Accumulator)
    copy.aid, copy.accum_param, copy._value, copy._deserialized = aid, accum_param, zero_value, True
    _worker_updates[aid] = copy
    return copy


def _not_in_tasks(value: str) -> PySparkRuntimeError:
    return PySparkRuntimeError(error_class="VALUE_NOT_ACCESSIBLE", message_parameters={"value": value})
