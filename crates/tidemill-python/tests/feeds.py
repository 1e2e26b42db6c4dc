"""What feeds the programs that are killed, while they live and die, and what of it has to come out."""
from __future__ import annotations

import random
import re
import socket
import threading
from pathlib import Path
from typing import Callable, Sequence


class Feed:
    """A thread that gives ids, each once, until it is ended."""

    port = 0

    def __init__(self, folder: Path, seed: int) -> None:
        self._folder, self._draw = folder, random.Random(seed)
        self._ended = threading.Event()
        self.sent = 0
        """Ids from here on were not given."""
        self.owed: set[int] = set()
        """What has to come out."""
        self._thread = threading.Thread(target=self._run)

    def start(self) -> None:
        self._thread.start()

    def end(self) -> None:
        """While the program lives."""
        self._ended.set()
        self._thread.join(60)

    def _run(self) -> None:
        raise NotImplementedError

    def _pause(self, most: float) -> bool:
        """Waits for so many seconds at most; false at the end."""
        return not self._ended.wait(self._draw.random() * most)

    def _ids(self, most: int) -> list[int]:
        first, self.sent = self.sent, self.sent + self._draw.randrange(1, most)
        return list(range(first, self.sent))


class Files(Feed):
    """Moves files into folders."""

    def __init__(
        self, folder: Path, seed: int, names: Sequence[str] = ("incoming",),
        encode: Callable[[list[int]], bytes] = lambda ids: b"".join(b"%d\n" % id for id in ids),
    ) -> None:
        super().__init__(folder, seed)
        self._names, self._encode = names, encode
        for name in names:
            (folder / name).mkdir()

    def _run(self) -> None:
        while self._pause(0.12):
            # What was there before the program was ever started is none of its business (behaviour 1.14).
            if len(list(self._folder.glob("raw*.out"))) < len(self._names):
                continue
            ids = self._ids(30)
            written = self._folder / "written"
            written.write_bytes(self._encode(ids))
            written.rename(self._folder / self._draw.choice(self._names) / str(ids[0]))
            self.owed.update(ids)


def records(folder: Path, seed: int) -> Feed:
    """Moves files of binary records into two folders."""
    return Files(folder, seed, ("left", "right"), lambda ids: b"".join(id.to_bytes(8, "little") for id in ids))


def ids_in(block: bytes) -> set[int]:
    """The ids of the lines in a block of a receiver's log."""
    return set(map(int, re.findall(rb"<(\d+)>", block)))


class Lines(Feed):
    """Sends lines to whoever connects, one program after the other. Only the last gets all of them."""

    def __init__(self, folder: Path, seed: int) -> None:
        super().__init__(folder, seed)
        self._server = socket.create_server(("127.0.0.1", 0))
        self._server.settimeout(0.1)
        self.port = self._server.getsockname()[1]
        self._connection: list[int] = []

    def _run(self) -> None:
        with self._server:
            while not self._ended.is_set():
                try:
                    peer, _ = self._server.accept()
                except (TimeoutError, socket.timeout):  # two errors up to Python 3.9
                    continue
                with peer:
                    self._serve(peer)

    def _serve(self, peer: socket.socket) -> None:
        self._connection = []  # what became of those before nobody knows
        peer.settimeout(None)
        try:
            while self._pause(0.015):
                ids = self._ids(20)
                peer.sendall(b"".join(b"<%d>\n" % id for id in ids))
                self._connection.extend(ids)
        except OSError:
            pass  # the program was killed

    def end(self) -> None:
        super().end()
        self.owed.update(self._connection)
