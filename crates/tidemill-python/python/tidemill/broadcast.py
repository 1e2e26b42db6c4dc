"""Values that every task reads; PySpark's `Broadcast` (row 3.14).

A broadcast value is pickled once, into a file of the program's private folder. What a function captures is only the
number of the file: a worker loads the file when a task first asks for `value`, and keeps what it loaded.
"""

from __future__ import annotations

import os
import pickle
from typing import TYPE_CHECKING, Any, BinaryIO, Generic, Optional, TypeVar, cast

from tidemill.errors import PySparkRuntimeError

if TYPE_CHECKING:
    from tidemill.context import SparkContext

T = TypeVar("T")

# In a worker: the folder with the files, set when the worker starts.
_folder: Optional[str] = None
# In a worker: the broadcasts that this process has met, with the values that it has loaded.
_loaded: dict[int, Broadcast[Any]] = {}


class Broadcast(Generic[T]):
    """A value that tasks read by `value`. It is made by `SparkContext.broadcast`.

    >>> stops = sc.broadcast({"the", "a"})
    >>> sc.parallelize(["the", "tide"]).filter(lambda word: word not in stops.value).collect()
    ['tide']
    """

    def __init__(
        self,
        sc: Optional[SparkContext] = None,
        value: Optional[T] = None,
        pickle_registry: Any = None,
        path: Optional[str] = None,
        sock_file: Any = None,
    ) -> None:
        self._id: Optional[int] = None
        self._path = path
        self._destroyed = False
        self._on_driver = sc is not None
        if sc is not None:
            self._id, self._path = sc._next_broadcast()
            with open(self._path, "xb") as file:
                self.dump(cast(T, value), file)

    def dump(self, value: T, f: BinaryIO) -> None:
        """Writes `value` to the binary file `f`, pickled. PySpark closes `f`; so does this.

        Raises `pickle.PicklingError` with the reason for a value that cannot be pickled.

        >>> import io
        >>> from tidemill import Broadcast
        >>> class Kept(io.BytesIO):
        ...     def close(self): pass
        >>> file = Kept()
        >>> Broadcast().dump([1, 2], file)
        >>> _ = file.seek(0)
        >>> Broadcast().load(file)
        [1, 2]
        """
        import cloudpickle

        try:
            # Unlike `pickle`, this takes classes and functions of the program's own file along.
            cloudpickle.dump(value, f, protocol=5)
        except pickle.PickleError:
            raise
        except Exception as error:
            raise pickle.PicklingError(
                "Could not serialize broadcast: %s: %s" % (type(error).__name__, error)
            ) from error
        f.close()

    def load_from_path(self, path: str) -> T:
        """The value that the file at `path` holds.

        >>> b = sc.broadcast((1, 2))
        >>> b.load_from_path(b._path)
        (1, 2)
        """
        with open(path, "rb", 1 << 20) as file:
            return self.load(file)

    def load(self, file: BinaryIO) -> T:
        """The value that the open binary file holds.

        >>> b = sc.broadcast("text")
        >>> with open(b._path, "rb") as file:
        ...     b.load(file)
        'text'
        """
        return cast(T, pickle.load(file))

    @property
    def value(self) -> T:
        """The value. On the driver it is a copy, made when it is first asked for; each worker has one of its own.

        In a task whose broadcast was destroyed it raises `PySparkRuntimeError`, which fails the job.

        >>> sc.broadcast([1, 2, 3]).value
        [1, 2, 3]
        """
        if not hasattr(self, "_value"):
            assert self._path is not None
            try:
                self._value = self.load_from_path(self._path)
            except FileNotFoundError:
                raise _destroyed_error(self._id) from None
        return self._value

    def unpersist(self, blocking: bool = False) -> None:
        """Lets go of copies of the value. A task that asks for it again loads it again.

        In a task it raises `PySparkRuntimeError`.

        >>> b = sc.broadcast(1)
        >>> b.unpersist()
        >>> sc.parallelize([1]).map(lambda x: x + b.value).collect()
        [2]
        """
        if not self._on_driver:
            raise _only_in_driver("unpersisted")
        self._refuse_destroyed()
        self.__dict__.pop("_value", None)

    def destroy(self, blocking: bool = False) -> None:
        """Removes the value for good: a job that uses it fails from now on.

        In a task it raises `PySparkRuntimeError`.

        >>> b = sc.broadcast(1)
        >>> b.destroy()
        """
        if not self._on_driver:
            raise _only_in_driver("destroyed")
        self._refuse_destroyed()
        self._destroyed = True
        if self._path is not None:
            try:
                os.unlink(self._path)
            except FileNotFoundError:
                pass  # The program has ended, and its files with it.

    def _refuse_destroyed(self) -> None:
        if self._destroyed:
            from tidemill.errors.engine import engine_error

            raise engine_error(_destroyed_text(self._id), "input")

    def __reduce__(self) -> tuple[Any, ...]:
        if not self._on_driver:
            raise _only_in_driver("serialized")
        return _from_id, (self._id,)

    def __repr__(self) -> str:
        return "<tidemill.broadcast.Broadcast %s>" % self._id


def _from_id(number: int) -> Broadcast[Any]:
    """The broadcast of that number, in the process that unpickles a function that captured it."""
    if _folder is None:
        return _of_this_driver(number)
    broadcast = _loaded.get(number)
    if broadcast is None:
        broadcast = Broadcast(path=os.path.join(_folder, str(number)))
        broadcast._id = number
        _loaded[number] = broadcast
    elif not os.path.exists(cast(str, broadcast._path)):
        # Destroyed since: a copy that happens to be in this worker must not make a difference.
        del _loaded[number]
        raise _destroyed_error(number)
    return broadcast


def _of_this_driver(number: int) -> Broadcast[Any]:
    """What a driver unpickles itself: it has the file, if the program still runs."""
    from tidemill.context import SparkContext

    context = SparkContext._active_spark_context
    if context is None:
        raise PySparkRuntimeError(
            error_class="BROADCAST_VARIABLE_NOT_LOADED", message_parameters={"variable": str(number)}
        )
    broadcast: Broadcast[Any] = Broadcast(path=context._broadcast_path(number))
    broadcast._id = number
    broadcast._on_driver = True
    return broadcast


def _destroyed_error(number: Optional[int]) -> PySparkRuntimeError:
    return PySparkRuntimeError(_destroyed_text(number))


def _destroyed_text(number: Optional[int]) -> str:
    return "[INTERNAL_ERROR_BROADCAST] Attempted to use Broadcast(%s) after it was destroyed" % number


def _only_in_driver(operation: str) -> PySparkRuntimeError:
    return PySparkRuntimeError(
        error_class="INVALID_BROADCAST_OPERATION", message_parameters={"operation": operation}
    )
