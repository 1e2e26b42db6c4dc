"""Rules for the tests themselves."""
from __future__ import annotations

import ast
from pathlib import Path

HERE = Path(__file__).parent
# The one place that waits does so between looks at what it waits for.
WAITS = HERE / "harness.py"


def calls_of_sleep(path):
    tree = ast.parse(path.read_text(encoding="utf-8"))
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and ast.unparse(node.func) in ("time.sleep", "sleep"):
            yield f"{path.relative_to(HERE)}:{node.lineno}"


def test_tests_wait_for_events_and_never_sleep():
    found = [place for path in HERE.rglob("*.py") if path != WAITS for place in calls_of_sleep(path)]
    assert not found
