"""Where the tasks of a barrier stage meet: a Unix socket that a thread of the driver serves."""

from __future__ import annotations

import os
import pickle
import selectors
import socket
import threading
from typing import Any

from tidemill._barrier import receive, send

# A group: stage, attempt, how often its tasks have met before, how many they are.
_Group = tuple[int, int, int, int]


class MeetingPlace:
    """Answers the tasks of a group when the last of them has come."""

    def __init__(self, address: str) -> None:
        self.address = address
        self._waiting: dict[_Group, dict[int, tuple[socket.socket, str]]] = {}
        self._door = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self._door.bind(address)
        os.chmod(address, 0o600)
        self._door.listen(128)
        self._end, self._bell = socket.socketpair()
        self._thread = threading.Thread(target=self._serve, name="tidemill-barriers", daemon=True)
        self._thread.start()

    def close(self) -> None:
        """Ends it; tasks that wait here fail."""
        self._bell.send(b"x")
        self._thread.join()
        for link in (self._door, self._end, self._bell):
            link.close()

    def _serve(self) -> None:
        with selectors.DefaultSelector() as selector:
            selector.register(self._door, selectors.EVENT_READ)
            selector.register(self._end, selectors.EVENT_READ)
            while True:
                for key, _ in selector.select():
                    if key.fileobj is self._end:
                        self._dismiss_all()
                        return
                    if key.fileobj is self._door:
                        link, _ = self._door.accept()
                        self._welcome(link, selector)
                    else:
                        self._leave(key, selector)

    def _welcome(self, link: socket.socket, selector: selectors.BaseSelector) -> None:
        told = receive(link)
        if told is None:
            link.close()
            return
        group, partition, message = pickle.loads(told)
        here = self._waiting.setdefault(group, {})
        here[partition] = (link, message)
        selector.register(link, selectors.EVENT_READ, (group, partition))
        if len(here) == group[3]:
            self._answer(self._waiting.pop(group), selector)

    def _answer(self, here: dict[int, tuple[socket.socket, str]], selector: selectors.BaseSelector) -> None:
        answer = pickle.dumps([here[partition][1] for partition in sorted(here)])
        for link, _ in here.values():
            selector.unregister(link)
            try:
                send(link, answer)
            except OSError:
                pass  # That task has died since it came: the engine knows, and runs the stage again.
            link.close()

    def _leave(self, key: Any, selector: selectors.BaseSelector) -> None:
        """A task that waited has ended: the others of its group wait in vain, and are told so."""
        group, _ = key.data
        for link, _ in self._waiting.pop(group, {}).values():
            selector.unregister(link)
            link.close()

    def _dismiss_all(self) -> None:
        for here in self._waiting.values():
            for link, _ in here.values():
                link.close()
        self._waiting.clear()
