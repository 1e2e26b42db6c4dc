"""Records through a command: what a task of `pipe` does."""

from __future__ import annotations

import shlex
from subprocess import PIPE, Popen
from threading import Thread
from typing import IO, Any, Iterable, Iterator, Optional

from tidemill.worker.partitions import PartitionFunction


class Pipe(PartitionFunction):
    """Starts a command, writes the records to it as lines and yields the lines that it prints."""

    __slots__ = ("command", "environment", "checked")
    command: str
    environment: dict[str, str]
    checked: bool

    def __call__(self, records: Iterable[Any]) -> Iterator[str]:
        process = Popen(shlex.split(self.command), env=self.environment, stdin=PIPE, stdout=PIPE)
        feeder = _Feeder(records, process.stdin)
        feeder.start()
        try:
            output = process.stdout
            assert output is not None
            with output:
                for line in output:
                    yield line.rstrip(b"\n").decode("utf-8")
            feeder.finish()
            code = process.wait()
        finally:
            if process.poll() is None:
                process.kill()
                process.wait()
        if self.checked and code:
            from tidemill.errors import PySparkRuntimeError

            raise PySparkRuntimeError(
                error_class="PIPE_FUNCTION_EXITED",
                message_parameters={"func_name": self.command, "error_code": str(code)},
            )


class _Feeder(Thread):
    """Writes records to a command, while the task reads what it prints."""

    def __init__(self, records: Iterable[Any], sink: Optional[IO[bytes]]) -> None:
        super().__init__(daemon=True)
        self._records = records
        assert sink is not None
        self._sink = sink
        self._error: Optional[BaseException] = None

    def run(self) -> None:
        """Writes all records; a command that stops reading has had enough."""
        try:
            with self._sink as sink:
                for record in self._records:
                    sink.write((str(record).rstrip("\n") + "\n").encode("utf-8"))
        except BrokenPipeError:
            pass
        except BaseException as error:
            self._error = error

    def finish(self) -> None:
        """Waits until all is written, and raises what went wrong in the records."""
        self.join()
        if self._error is not None:
            raise self._error
