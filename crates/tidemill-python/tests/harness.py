"""What the tests of behaviour share: the engine they run on, waiting for events, rows that differ."""
from __future__ import annotations

import os
import socket
import time
from typing import Any, Callable

import pytest

ON_PYSPARK = os.environ.get("TIDEMILL_CONFORMANCE") == "pyspark"

# Seconds between batches; a power of two, so that its multiples are exact.
INTERVAL = 0.5 if ON_PYSPARK else 0.125

# Seconds that anything may take before a test gives up on it; generous, for nothing but a failure waits that long.
DEADLINE = 300.0 if ON_PYSPARK else 60.0

differs = pytest.mark.differs
"""`@differs("1.32", "why")`: the real PySpark fails this test, on purpose; if it does not, the mark is stale."""

later = pytest.mark.later
"""`@later("10.11", "why")`: not built yet, so the test runs on the real PySpark only."""


def eventually(condition: Callable[[], Any], what: str = "what the test waits for", within: float = DEADLINE) -> Any:
    """Gives the first true answer of `condition`, and fails the test where none came in time."""
    until = time.monotonic() + within
    while True:
        answer = condition()
        if answer:
            return answer
        if time.monotonic() > until:
            pytest.fail(f"{what} did not happen within {within:g} s")
        time.sleep(0.005)


KEPT: list[Any] = []
"""What `keep` has kept; cleared by the test that uses it."""


def keep(rdd: Any) -> None:
    """Keeps an RDD to be looked at later; by itself, for checkpoints of PySpark pickle outputs with all they hold."""
    KEPT.append(rdd)


def lines(path: str) -> list[str]:
    """The lines of all part files of a folder that a job wrote, in the order of the parts."""
    found: list[str] = []
    for name in sorted(os.listdir(path)):
        if name.startswith("part-"):
            with open(os.path.join(path, name), encoding="utf-8") as part:
                found.extend(part.read().splitlines())
    return found


class TextServer:
    """Serves text on a port of this machine to whoever connects: what `nc -lk` does for a program."""

    def __init__(self, port: int = 0) -> None:
        self._listener = socket.create_server(("127.0.0.1", port))
        self.port: int = self._listener.getsockname()[1]
        self._client: socket.socket | None = None

    def accept(self, gone: Callable[[], bool] = lambda: False) -> TextServer:
        """Waits until somebody connects, or whoever should is `gone`."""
        self._listener.setblocking(False)
        eventually(lambda: self._connected() or gone(), "a connection")
        return self

    def _connected(self) -> bool:
        try:
            self._client, _ = self._listener.accept()
        except BlockingIOError:
            return False
        self._client.setblocking(True)
        return True

    def send(self, text: str | bytes) -> None:
        assert self._client is not None, "nobody has connected"
        self._client.sendall(text.encode() if isinstance(text, str) else text)

    def hang_up(self) -> None:
        """Ends the connection, and goes on listening."""
        if self._client is not None:
            self._client.close()

    def close(self) -> None:
        self.hang_up()
        self._listener.close()
