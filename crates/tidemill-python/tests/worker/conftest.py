"""What tests of worker code need in a process that is a driver as well."""

from __future__ import annotations

import pytest

from tidemill.worker import hashing


@pytest.fixture(autouse=True)
def hash_as_a_worker(monkeypatch: pytest.MonkeyPatch) -> None:
    """Python's own hash decides, as in a worker, whatever a driver's modules that were loaded before have set."""
    monkeypatch.setattr(hashing, "_native", None)
