"""Lines from a TCP server, as a source of Bytewax's."""
import socket

from bytewax.inputs import DynamicSource, StatelessSourcePartition

READ_BYTES = 1 << 16


class Lines(StatelessSourcePartition):
    def __init__(self, port):
        self._connection = socket.create_connection(("localhost", port))
        self._rest = b""

    def next_batch(self):
        self._connection.setblocking(False)
        try:
            read = self._connection.recv(READ_BYTES)
        except BlockingIOError:
            return []
        if not read:
            raise StopIteration
        *lines, self._rest = (self._rest + read).split(b"\n")
        return [line.decode() for line in lines]


class Nothing(StatelessSourcePartition):
    """For the workers that do not read."""

    def next_batch(self):
        raise StopIteration


class TcpSource(DynamicSource):
    def __init__(self, port):
        self._port = port

    def build(self, step_id, worker_index, worker_count):
        return Lines(self._port) if worker_index == 0 else Nothing()
