"""Tidemill: PySpark Streaming programs without a JVM.

The names are PySpark's: `SparkContext` makes RDDs, `tidemill.streaming.StreamingContext` makes DStreams. A program that says
`import pyspark` runs as it is under `tidemill run program.py`, or after `tidemill.install_as_pyspark()`.

>>> sc.parallelize(["a tide", "a mill"]).flatMap(str.split).countByValue()["a"]
2

Importing this package loads nothing but this file: a name is looked up in its module when it is first used. So worker
processes, which need only `tidemill.worker` and a few modules beside it, never load the engine.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from tidemill.accumulators import Accumulator as Accumulator
    from tidemill.accumulators import AccumulatorParam as AccumulatorParam
    from tidemill.broadcast import Broadcast as Broadcast
    from tidemill.conf import SparkConf as SparkConf
    from tidemill.context import SparkContext as SparkContext
    from tidemill.files import SparkFiles as SparkFiles
    from tidemill.profiler import BasicProfiler as BasicProfiler
    from tidemill.profiler import Profiler as Profiler
    from tidemill.pyspark_alias import install_as_pyspark as install_as_pyspark
    from tidemill.rdd import RDD as RDD
    from tidemill.rdd import RDDBarrier as RDDBarrier
    from tidemill.serializers import CPickleSerializer as CPickleSerializer
    from tidemill.serializers import MarshalSerializer as MarshalSerializer
    from tidemill.statcounter import StatCounter as StatCounter
    from tidemill.status import SparkJobInfo as SparkJobInfo
    from tidemill.status import SparkStageInfo as SparkStageInfo
    from tidemill.status import StatusTracker as StatusTracker
    from tidemill.storagelevel import StorageLevel as StorageLevel
    from tidemill.taskcontext import BarrierTaskContext as BarrierTaskContext
    from tidemill.taskcontext import BarrierTaskInfo as BarrierTaskInfo
    from tidemill.taskcontext import TaskContext as TaskContext
    from tidemill.util import InheritableThread as InheritableThread
    from tidemill.util import inheritable_thread_target as inheritable_thread_target
    from tidemill.version import __version__ as __version__

# Where each public name lives.
_HOMES = {
    "Accumulator": "accumulators",
    "AccumulatorParam": "accumulators",
    "BarrierTaskContext": "taskcontext",
    "BarrierTaskInfo": "taskcontext",
    "BasicProfiler": "profiler",
    "Broadcast": "broadcast",
    "CPickleSerializer": "serializers",
    "InheritableThread": "util",
    "MarshalSerializer": "serializers",
    "Profiler": "profiler",
    "RDD": "rdd",
    "RDDBarrier": "rdd",
    "SparkConf": "conf",
    "SparkContext": "context",
    "SparkFiles": "files",
    "SparkJobInfo": "status",
    "SparkStageInfo": "status",
    "StatCounter": "statcounter",
    "StatusTracker": "status",
    "StorageLevel": "storagelevel",
    "TaskContext": "taskcontext",
    "__version__": "version",
    "inheritable_thread_target": "util",
    "install_as_pyspark": "pyspark_alias",
}

# Modules that PySpark's own `__init__` loads, so that `pyspark.rdd` is there after `import pyspark`.
_MODULES = frozenset(
    "accumulators broadcast conf context errors files join profiler rdd rddsampler resource resultiterable serializers"
    " statcounter status storagelevel taskcontext util version".split()
)

__all__ = [
    "SparkConf",
    "SparkContext",
    "SparkFiles",
    "RDD",
    "StorageLevel",
    "Broadcast",
    "Accumulator",
    "AccumulatorParam",
    "MarshalSerializer",
    "CPickleSerializer",
    "StatusTracker",
    "SparkJobInfo",
    "SparkStageInfo",
    "Profiler",
    "BasicProfiler",
    "TaskContext",
    "RDDBarrier",
    "BarrierTaskContext",
    "BarrierTaskInfo",
    "InheritableThread",
    "inheritable_thread_target",
    "install_as_pyspark",
    "__version__",
]


def __getattr__(name: str) -> Any:
    home = _HOMES.get(name)
    if home is not None:
        value = getattr(importlib.import_module("tidemill." + home), name)
        globals()[name] = value
        return value
    if name in _MODULES:
        return importlib.import_module("tidemill." + name)
    raise AttributeError("module 'tidemill' has no attribute %r" % name)


def __dir__() -> list[str]:
    return sorted(set(globals()) | set(__all__) | _MODULES)
