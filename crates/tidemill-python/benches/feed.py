"""Servers that feed a program over TCP, each in a process of its own.

    python feed.py text PATH TIMES       sends the file so many times over, as fast as it is read, 48 MB a second at most
    python feed.py ticks SECONDS WORDS   sends a line of so many words every so many seconds
    python feed.py line TEXT             sends one line

Each prints its port, serves one connection, prints when the first byte went out (of the machine's monotonic clock), and
leaves the connection open until its own input ends.
"""
from __future__ import annotations

import socket
import sys
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from typing import Union

MOST_BYTES_A_SECOND = 48_000_000
"""More than an engine counts: without a limit one that takes in all at once would have one large batch to count."""
CHUNK_BYTES = 1 << 18

Send = Callable[[Union[bytes, memoryview]], object]


def main(what: str, *arguments: str) -> None:
    listener = socket.create_server(("127.0.0.1", 0))
    print(listener.getsockname()[1], flush=True)
    connection, _ = listener.accept()
    print(time.monotonic(), flush=True)
    feed = {"text": text, "ticks": ticks, "line": line}[what]

    def until_the_program_ends() -> None:
        with suppress(ConnectionError):
            feed(connection.sendall, *arguments)

    feeding = threading.Thread(target=until_the_program_ends, daemon=True)
    feeding.start()
    sys.stdin.read()


def text(send: Send, path: str, times: str) -> None:
    with open(path, "rb") as file:
        data = memoryview(file.read())
    due = time.monotonic()
    for _ in range(int(times)):
        for at in range(0, len(data), CHUNK_BYTES):
            send(data[at : at + CHUNK_BYTES])
            due = max(due + CHUNK_BYTES / MOST_BYTES_A_SECOND, time.monotonic() - 1)
            time.sleep(max(0.0, due - time.monotonic()))


def ticks(send: Send, seconds: str, words: str) -> None:
    data = " ".join(f"word{number % 20}" for number in range(int(words))).encode() + b"\n"
    due = time.monotonic()
    while True:
        send(data)
        due += float(seconds)
        time.sleep(max(0.0, due - time.monotonic()))


def line(send: Send, words: str) -> None:
    send(words.encode() + b"\n")


if __name__ == "__main__":
    main(*sys.argv[1:])
