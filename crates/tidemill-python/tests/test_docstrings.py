"""The examples in docstrings are programs: each runs with `sc` and `ssc` at hand."""
from __future__ import annotations

import doctest
import importlib
import pkgutil

import pytest

import tidemill

# What runs in workers, or is the engine itself, has no examples for users; a program runs when it is imported.
PRIVATE = ("tidemill.worker", "tidemill._engine", "tidemill.demo")


def modules():
    found = [info.name for info in pkgutil.walk_packages(tidemill.__path__, "tidemill.")]
    return [name for name in found if not name.startswith(PRIVATE) and not name.endswith("__main__")]


@pytest.mark.parametrize("name", modules())
def test_examples_of(name, sc, tmp_path, monkeypatch, request):
    module = importlib.import_module(name)
    monkeypatch.chdir(tmp_path)
    finder = doctest.DocTestFinder(exclude_empty=True)
    runner = doctest.DocTestRunner(optionflags=doctest.ELLIPSIS | doctest.NORMALIZE_WHITESPACE)
    report = []
    for example in finder.find(module, name):
        if not example.examples:
            continue
        example.globs.setdefault("sc", sc)
        if any("ssc" in step.source for step in example.examples) and "ssc" not in example.globs:
            example.globs["ssc"] = request.getfixturevalue("new_stream")(0.1)
        runner.run(example, out=report.append)
    assert not runner.failures, "".join(report)
