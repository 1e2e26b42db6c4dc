"""The process from which workers are forked.

It has one thread, runs no code of the program and imports nothing of it: imports may start threads, open sockets or
touch devices, which no fork survives. It imports what workers need, so that they begin within milliseconds and share
its memory. It ends when the driver does, and its workers end with it.

The driver is on descriptor 0, a socket of packets; a packet is a list of texts, each behind its length. From the driver
come `init` with pairs of names and values, `fork SLOT` with two descriptors, `kill SLOT`. To the driver go `ready
VERSION HASH`, `forked SLOT PID`, `refused SLOT WHY`, `exited SLOT STATUS`.
"""
from __future__ import annotations

import os
import select
import signal
import socket
import sys
from typing import Dict, List, Tuple

__all__ = ["main"]

_PACKET_BYTES = 256 << 10
_PARENT_CHECK_MS = 500  # where the system has no descriptors of processes


def main() -> None:
    """Serves the driver until it closes its end, or dies."""
    for name in ("sys", "zygote"):  # `__main__` is the program's, whose functions and classes are unpickled into it
        sys.modules["__main__"].__dict__.pop(name, None)
    control = socket.socket(fileno=os.dup(0))
    os.setsid()  # Ctrl-C at the driver's terminal is not for workers
    null = os.open(os.devnull, os.O_RDWR)
    os.dup2(null, 0)
    os.close(null)
    os.dup2(2, 1)  # what tasks print goes to the driver's standard error, as in PySpark
    settings = _settings(_receive(control)[0])
    driver = int(settings["driver"][0])
    from tidemill.worker import birth

    birth.prepare(settings)
    try:
        _send(control, "ready", "%d.%d" % sys.version_info[:2], str(hash("tidemill")))
    except OSError:  # the driver died meanwhile
        os._exit(0)
    Zygote(control, driver).serve()


class Zygote:
    """Forks workers and tells of their ends."""

    def __init__(self, control: socket.socket, driver: int) -> None:
        self._control = control
        self._driver = driver
        self._workers: Dict[int, int] = {}  # process -> slot
        self._driver_fd = _process_descriptor(driver)
        # A byte comes here with each signal, so that a child's end ends the poll.
        self._wake, self._waker = os.pipe2(os.O_CLOEXEC | os.O_NONBLOCK)
        signal.signal(signal.SIGCHLD, lambda *_: None)
        signal.set_wakeup_fd(self._waker, warn_on_full_buffer=False)

    def serve(self) -> None:
        """Serves until the driver is gone, and ends this process."""
        poll = select.poll()
        poll.register(self._control.fileno(), select.POLLIN)
        poll.register(self._wake, select.POLLIN)
        if self._driver_fd >= 0:
            poll.register(self._driver_fd, select.POLLIN)
        wait = _PARENT_CHECK_MS if self._driver_fd < 0 else None
        while True:
            for descriptor, _ in poll.poll(wait):
                if descriptor == self._wake:
                    os.read(self._wake, 4096)
                    self._reap()
                elif descriptor == self._driver_fd:
                    self._end()
                else:
                    self._hear()
            if self._driver_fd < 0 and os.getppid() != self._driver:
                self._end()

    def _hear(self) -> None:
        try:
            fields, descriptors = _receive(self._control)
        except OSError:
            self._end()
        if not fields:
            self._end()
        if fields[0] == "fork":
            self._fork(int(fields[1]), descriptors)
        elif fields[0] == "kill":
            # Only the parent can kill a process and be sure that its number is not another's by now.
            for process, slot in self._workers.items():
                if slot == int(fields[1]):
                    os.kill(process, signal.SIGKILL)

    def _fork(self, slot: int, descriptors: List[int]) -> None:
        zygote = os.getpid()
        try:
            if len(os.listdir("/proc/self/task")) != 1:
                raise OSError("there is more than one thread in it")
            process = os.fork()
        except OSError as error:
            self._tell("refused", str(slot), str(error))
            process = -1
        if process == 0:
            self._be_worker(zygote, *descriptors)
        for descriptor in descriptors:  # else the driver would never see the worker's end close
            os.close(descriptor)
        if process > 0:
            self._workers[process] = slot
            self._tell("forked", str(slot), str(process))

    def _be_worker(self, zygote: int, connection: int, last_words: int) -> None:
        """The forked process: it never returns, and runs nothing that the zygote had left to do at its end."""
        code = 1
        try:
            signal.set_wakeup_fd(-1)
            self._control.close()
            for descriptor in (self._wake, self._waker, self._driver_fd):
                if descriptor >= 0:
                    os.close(descriptor)
            from tidemill.worker import birth

            birth.work(zygote, connection, last_words)
            code = 0
        except BaseException:
            import traceback

            traceback.print_exc()
        finally:
            try:
                sys.stdout.flush()
                sys.stderr.flush()
            finally:
                os._exit(code)

    def _reap(self) -> None:
        while True:
            try:
                process, status = os.waitpid(-1, os.WNOHANG)
            except ChildProcessError:
                return
            if process == 0:
                return
            slot = self._workers.pop(process, None)
            if slot is not None:
                self._tell("exited", str(slot), str(status))

    def _tell(self, *fields: str) -> None:
        try:
            _send(self._control, *fields)
        except OSError:
            self._end()

    def _end(self) -> None:
        """Ends all workers and this process."""
        for process in self._workers:
            try:
                os.kill(process, signal.SIGKILL)
            except ProcessLookupError:
                pass
        try:
            while True:
                os.waitpid(-1, 0)
        except ChildProcessError:
            os._exit(0)


def _process_descriptor(process: int) -> int:
    """A descriptor that becomes readable when the process ends; -1 where there is no such thing."""
    try:
        return os.pidfd_open(process)
    except ProcessLookupError:
        os._exit(0)
    except (AttributeError, OSError):
        return -1


def _settings(fields: List[str]) -> Dict[str, List[str]]:
    if not fields:  # the driver has gone already
        os._exit(0)
    settings: Dict[str, List[str]] = {}
    for name, value in zip(fields[1::2], fields[2::2]):
        settings.setdefault(name, []).append(value)
    return settings


def _send(control: socket.socket, *fields: str) -> None:
    texts = (field.encode("utf-8", "surrogateescape") for field in fields)
    control.send(b"".join(len(text).to_bytes(4, "little") + text for text in texts))


def _receive(control: socket.socket) -> Tuple[List[str], List[int]]:
    packet, descriptors, _, _ = socket.recv_fds(control, _PACKET_BYTES, 2)
    fields = []
    at = 0
    while at < len(packet):
        size = int.from_bytes(packet[at : at + 4], "little")
        fields.append(packet[at + 4 : at + 4 + size].decode("utf-8", "surrogateescape"))
        at += 4 + size
    return fields, descriptors
