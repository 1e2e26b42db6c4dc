"""Lines from a TCP server, as a table of Pathway's."""
import socket

import pathway as pw


@pw.udf
def split(line: str) -> list[str]:
    return line.split(" ")


class Line(pw.Schema):
    line: str


class TcpSubject(pw.io.python.ConnectorSubject):
    def __init__(self, port):
        super().__init__()
        self._port = port

    def run(self):
        with socket.create_connection(("localhost", self._port)) as connection, connection.makefile() as lines:
            for line in lines:
                self.next(line=line[:-1])


def words_of(port, interval):
    lines = pw.io.python.read(TcpSubject(port), schema=Line, autocommit_duration_ms=int(interval * 1000))
    return lines.select(word=split(pw.this.line)).flatten(pw.this.word)
