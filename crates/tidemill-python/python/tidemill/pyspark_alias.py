"""Makes `import pyspark` mean this package, in this process and in its workers.

A finder in front of all others answers for `pyspark`, for everything below it and for `py4j.protocol`, with the modules of
this package themselves: `pyspark.rdd.RDD is tidemill.rdd.RDD`. So pickles that name `pyspark.*` load, and `isinstance`
holds whichever name a program uses. Nothing is installed: another process, or one that does not ask, sees no difference.
"""

from __future__ import annotations

import importlib
import importlib.abc
import importlib.machinery
import importlib.util
import sys
from types import ModuleType
from typing import Optional, Sequence

__all__ = ["install_as_pyspark", "is_installed"]

_OURS = "tidemill"
_THEIRS = "pyspark"

# Parts of PySpark that are not here, and what to use meanwhile. A part below one of these is not here either.
_ABSENT = {
    "pyspark.sql": "DataFrames and SQL are not part of Tidemill yet: use RDDs and DStreams, or a DataFrame library on what"
    " foreachRDD collects",
    "pyspark.ml": "machine learning is not part of Tidemill yet: train with a library of your choice on what foreachRDD"
    " collects",
    "pyspark.mllib": "streaming MLlib is not part of Tidemill yet: keep a model in updateStateByKey or on the driver in"
    " foreachRDD",
    "pyspark.pandas": "pandas on Spark is not part of Tidemill: use pandas on what foreachRDD collects",
    "pyspark.streaming.kafka": "the Kafka connector is not part of Tidemill yet: read the topic with a Kafka client and serve"
    " it by socketTextStream",
    "pyspark.streaming.kafka010": "the Kafka connector is not part of Tidemill yet: read the topic with a Kafka client and"
    " serve it by socketTextStream",
    "pyspark.streaming.kinesis": "the Kinesis connector is not part of Tidemill yet: read the stream with a Kinesis client"
    " and serve it by socketTextStream",
    "pyspark.streaming.flume": "Spark itself removed the Flume connector: let Flume write to a socket or to files, and read"
    " those by socketTextStream or textFileStream",
    "pyspark.streaming.mqtt": "Spark itself removed the MQTT connector: read the topic with an MQTT client and serve it by"
    " socketTextStream",
    "pyspark.streaming.zeromq": "Spark itself removed the ZeroMQ connector: read the socket with a ZeroMQ client and serve"
    " it by socketTextStream",
    "pyspark.shuffle": "how tasks shuffle and spill is the engine's own business: use combineByKey, sortByKey and their"
    " like",
    "pyspark.java_gateway": "there is no JVM in Tidemill, and no gateway to one: use the Python API",
}

# Modules whose names differ here.
_ELSEWHERE = {
    "pyspark.cloudpickle": "cloudpickle",
    "pyspark.cloudpickle.cloudpickle": "cloudpickle.cloudpickle",
    "pyspark.cloudpickle.cloudpickle_fast": "cloudpickle.cloudpickle",
    "py4j.protocol": "tidemill.py4j.protocol",
    "py4j.java_gateway": "tidemill.py4j.java_gateway",
    "py4j": "tidemill.py4j",
}


def install_as_pyspark() -> None:
    """From now on `import pyspark` means this package, in this process and in its workers.

    It has to be called before the first `import pyspark`; modules of a real PySpark that are loaded already make it raise
    `RuntimeError`. A second call does nothing.

    >>> import tidemill
    >>> tidemill.install_as_pyspark()
    >>> from pyspark.streaming import StreamingContext
    >>> StreamingContext.__module__
    'tidemill.streaming.context'
    """
    if is_installed():
        return
    for name in (_THEIRS, "py4j"):
        loaded = sys.modules.get(name)
        if loaded is not None:
            raise RuntimeError(
                "%s is already imported from %s: call tidemill.install_as_pyspark() before the first import of it"
                % (name, getattr(loaded, "__file__", "somewhere else"))
            )
    sys.meta_path.insert(0, PySparkFinder())


def is_installed() -> bool:
    """Whether `import pyspark` means this package here.

    >>> from tidemill.pyspark_alias import is_installed
    >>> is_installed() in (True, False)
    True
    """
    return any(isinstance(finder, PySparkFinder) for finder in sys.meta_path)


class PySparkFinder(importlib.abc.MetaPathFinder):
    """Answers for the names of PySpark's modules."""

    def find_spec(
        self, fullname: str, path: Optional[Sequence[str]], target: Optional[ModuleType] = None
    ) -> Optional[importlib.machinery.ModuleSpec]:
        """The module of this package that stands for `fullname`, or None for names that are not PySpark's."""
        first, _, rest = fullname.partition(".")
        if first not in (_THEIRS, _OURS, "py4j"):
            return None
        # `from pyspark import sql` asks for `tidemill.sql`: the package's own name is what it knows.
        reason = _reason(_THEIRS + "." + rest) if first != "py4j" else None
        if first == "py4j" and fullname not in _ELSEWHERE:
            reason = "there is no JVM in Tidemill, and no gateway to one: use the Python API"
        if reason is not None:
            # No ModuleNotFoundError: `from pyspark import sql` would replace that with words that tell less.
            raise ImportError("%s is not here: %s" % (fullname.replace(_OURS, _THEIRS, 1), reason), name=fullname)
        if first == _OURS:
            return None
        ours = _ELSEWHERE.get(fullname) or _OURS + fullname[len(_THEIRS) :]
        if importlib.util.find_spec(ours) is None:
            raise ModuleNotFoundError("No module named %r in Tidemill's PySpark" % fullname, name=fullname)
        return importlib.machinery.ModuleSpec(fullname, _Loader(ours))


class _Loader(importlib.abc.Loader):
    """Gives a module that is there already a second name."""

    def __init__(self, ours: str) -> None:
        self._ours = ours

    def create_module(self, spec: importlib.machinery.ModuleSpec) -> ModuleType:
        """The module itself. Importing sets a module's spec and its like; what it was is kept to be put back."""
        module = importlib.import_module(self._ours)
        self._kept = {name: getattr(module, name) for name in _SET_BY_IMPORT if hasattr(module, name)}
        return module

    def exec_module(self, module: ModuleType) -> None:
        """Nothing has to be run; the module's own name, loader and path come back."""
        for name, value in self._kept.items():
            setattr(module, name, value)


_SET_BY_IMPORT = ("__name__", "__loader__", "__package__", "__spec__", "__path__", "__file__", "__cached__")


def _reason(name: str) -> Optional[str]:
    """Why a part is not here, or None if it is."""
    parts = name.split(".")
    for length in range(len(parts), 1, -1):
        reason = _ABSENT.get(".".join(parts[:length]))
        if reason is not None:
            return reason
    return None
