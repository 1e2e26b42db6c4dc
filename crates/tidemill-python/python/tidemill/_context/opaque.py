"""What stands in the place of PySpark's doors to the JVM.

There is no JVM. What programs commonly reach for through these doors works; anything else says so in one sentence.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NoReturn

if TYPE_CHECKING:
    from tidemill.context import SparkContext


def _absent(what: str) -> NoReturn:
    raise AttributeError(
        "%s is part of the JVM of Spark, and Tidemill has none: use the Python API instead" % what
    )


class Jvm:
    """`SparkContext._jvm`: it is there to be asked for, and anything asked of it raises `AttributeError`."""

    def __getattr__(self, name: str) -> Any:
        _absent("sc._jvm.%s" % name)

    def __repr__(self) -> str:
        return "<no JVM>"


class Gateway:
    """`SparkContext._gateway`: the way to a JVM that is not there."""

    jvm = Jvm()

    def __getattr__(self, name: str) -> Any:
        _absent("sc._gateway.%s" % name)

    def shutdown(self) -> None:
        """Does nothing: there is no gateway to shut down."""


class HadoopConfiguration:
    """`sc._jsc.hadoopConfiguration()`: settings that begin with `spark.hadoop.`, without that beginning."""

    def __init__(self, context: SparkContext) -> None:
        self._context = context

    def set(self, name: str, value: str) -> None:
        """Sets one."""
        self._context._conf.set("spark.hadoop." + name, value)

    def get(self, name: str, default: Any = None) -> Any:
        """Gives one, else `default`."""
        return self._context._conf.get("spark.hadoop." + name, default)


class JavaContext:
    """`SparkContext._jsc` and `sc._jsc.sc()`: the few calls that programs make on them."""

    def __init__(self, context: SparkContext) -> None:
        self._context = context

    def sc(self) -> JavaContext:
        """Itself: PySpark has a Java and a Scala context."""
        return self

    def stop(self) -> None:
        """Stops the context."""
        self._context.stop()

    def isStopped(self) -> bool:
        """Whether the context is stopped."""
        return bool(self._context._engine.stopped)

    def applicationId(self) -> str:
        """As `SparkContext.applicationId`."""
        return self._context.applicationId

    def appName(self) -> str:
        """The name of the program."""
        return self._context.appName

    def master(self) -> str:
        """Where the program runs."""
        return self._context.master

    def version(self) -> str:
        """As `SparkContext.version`."""
        return self._context.version

    def startTime(self) -> int:
        """As `SparkContext.startTime`."""
        return self._context.startTime

    def defaultParallelism(self) -> int:
        """As `SparkContext.defaultParallelism`."""
        return self._context.defaultParallelism

    def setLocalProperty(self, key: str, value: Any) -> None:
        """As `SparkContext.setLocalProperty`."""
        self._context.setLocalProperty(key, value)

    def getLocalProperty(self, key: str) -> Any:
        """As `SparkContext.getLocalProperty`."""
        return self._context.getLocalProperty(key)

    def hadoopConfiguration(self) -> HadoopConfiguration:
        """Settings of Hadoop."""
        return HadoopConfiguration(self._context)

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        _absent("sc._jsc.%s" % name)
