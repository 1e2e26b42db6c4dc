"""Makes `import tidemill` mean the real PySpark, in driver and workers: this folder stands first in their path."""
from __future__ import annotations

import importlib
import importlib.abc
import importlib.machinery
import sys
from types import ModuleType

import py4j.protocol
import pyspark
import pyspark.errors


class _PySparkFinder(importlib.abc.MetaPathFinder, importlib.abc.Loader):
    """Answers for `tidemill.x` with the module `pyspark.x`."""

    def find_spec(self, name: str, path: object, target: object = None) -> importlib.machinery.ModuleSpec | None:
        if not name.startswith("tidemill."):
            return None
        return importlib.machinery.ModuleSpec(name, self)

    def create_module(self, spec: importlib.machinery.ModuleSpec) -> ModuleType:
        module = importlib.import_module("pyspark" + spec.name[len("tidemill"):])
        spec.loader_state = module.__spec__
        return module

    def exec_module(self, module: ModuleType) -> None:
        spec = module.__spec__
        assert spec is not None
        module.__spec__ = spec.loader_state


# What is an error of the engine here is one of the JVM there.
pyspark.errors.EngineError = py4j.protocol.Py4JJavaError
sys.meta_path.insert(0, _PySparkFinder())
sys.modules["tidemill"] = pyspark
