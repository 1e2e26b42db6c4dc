"""Signatures of public members as text, for the table in `data/signatures.txt`.

`python signatures.py > data/signatures.txt` under the real PySpark writes the table anew.
"""

from __future__ import annotations

import importlib
import inspect

CLASSES = {
    "context": ("SparkContext",),
    "conf": ("SparkConf",),
    "broadcast": ("Broadcast",),
    "accumulators": ("Accumulator", "AccumulatorParam"),
    "files": ("SparkFiles",),
    "storagelevel": ("StorageLevel",),
    "status": ("StatusTracker", "SparkJobInfo", "SparkStageInfo"),
    "taskcontext": ("TaskContext", "BarrierTaskContext", "BarrierTaskInfo"),
    "profiler": ("Profiler", "BasicProfiler"),
    "util": ("InheritableThread", "inheritable_thread_target", "VersionUtils", "fail_on_stopiteration"),
    "resultiterable": ("ResultIterable",),
    "serializers": (
        "AutoBatchedSerializer",
        "AutoSerializer",
        "BatchedSerializer",
        "CPickleSerializer",
        "CartesianDeserializer",
        "CompressedSerializer",
        "FlattenedValuesSerializer",
        "MarshalSerializer",
        "NoOpSerializer",
        "PairDeserializer",
        "PickleSerializer",
        "UTF8Deserializer",
    ),
    "resource": (
        "ExecutorResourceRequest",
        "ExecutorResourceRequests",
        "ResourceInformation",
        "ResourceProfile",
        "ResourceProfileBuilder",
        "TaskResourceRequest",
        "TaskResourceRequests",
    ),
    "errors": ("PySparkException", "PySparkRuntimeError", "PySparkValueError", "PySparkTypeError"),
    "rdd": ("RDD", "RDDBarrier", "PipelinedRDD", "Partitioner", "BoundedFloat"),
    "statcounter": ("StatCounter",),
    "streaming.context": ("StreamingContext",),
    "streaming.dstream": ("DStream", "TransformedDStream"),
    "streaming.listener": ("StreamingListener",),
    "streaming.util": ("TransformFunction", "rddToFileName"),
    "rddsampler": ("RDDSamplerBase", "RDDSampler", "RDDRangeSampler", "RDDStratifiedSampler"),
    "join": (
        "python_join",
        "python_left_outer_join",
        "python_right_outer_join",
        "python_full_outer_join",
        "python_cogroup",
    ),
}
PLAIN = (int, float, str, bool, type(None))


def text_of(function):
    """Names and kinds of the parameters; defaults where they are plain values, else a mark that there is one."""
    words = []
    for parameter in inspect.signature(function).parameters.values():
        word = {parameter.VAR_POSITIONAL: "*", parameter.VAR_KEYWORD: "**"}.get(parameter.kind, "") + parameter.name
        if parameter.default is not parameter.empty:
            word += "=" + (repr(parameter.default) if isinstance(parameter.default, PLAIN) else "...")
        words.append(word)
    return "(" + ", ".join(words) + ")"


def rows(package):
    """`RDD.map(self, f, preservesPartitioning=False)` and so on, sorted."""
    for module, names in CLASSES.items():
        space = importlib.import_module(f"{package}.{module}")
        for name in names:
            found = getattr(space, name)
            if not inspect.isclass(found):
                yield f"{name}{text_of(found)}"
                continue
            for member in sorted(dir(found)):
                value = inspect.getattr_static(found, member)
                if member.startswith("_") and member not in ("__init__", "__add__", "__getnewargs__", "__call__"):
                    continue
                if isinstance(value, property):
                    yield f"{name}.{member} property"
                elif isinstance(value, (staticmethod, classmethod)):
                    yield f"{name}.{member}{text_of(value.__func__)}"
                elif inspect.isfunction(value):
                    yield f"{name}.{member}{text_of(value)}"


if __name__ == "__main__":
    print("\n".join(rows("pyspark")))
