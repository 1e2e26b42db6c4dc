"""The `tidemill` command of the Python package: the engine's command line, and what needs Python: `run` and `shell`."""

from __future__ import annotations

import os
import signal
import sys
import traceback
from types import ModuleType, TracebackType
from typing import Any, Optional

from tidemill import _engine

# As a shell reports a program that Ctrl-C has ended.
_INTERRUPTED = 130


def main() -> int:
    """Does what the words of the command line say, and gives the exit code.

    >>> import sys
    >>> from tidemill.command import main
    >>> kept, sys.argv = sys.argv, ["tidemill", "--version"]
    >>> main()
    0
    >>> sys.argv = kept
    """
    # Until a program runs, Ctrl-C ends the command as it ends any other.
    kept = signal.signal(signal.SIGINT, signal.SIG_DFL)
    try:
        return _engine.main([sys.argv[0] or "tidemill", *sys.argv[1:]], Programs())
    finally:
        signal.signal(signal.SIGINT, kept)


class Programs:
    """What the command line calls to run a program, or to open a prompt."""

    def run(self, options: dict[str, Any]) -> int:
        """Runs the program as `__main__`, as `python app.py` would, with `pyspark` meaning this package."""
        program, arguments = os.fspath(options["program"]), options["arguments"]
        _prepare(options, os.path.basename(program))
        sys.argv = [program, *arguments]
        sys.path[0] = os.path.dirname(os.path.abspath(program))
        try:
            if os.path.isdir(program) or program.endswith((".zip", ".pyz")):
                import runpy

                runpy.run_path(program, run_name="__main__")
            else:
                _run_file(program)
        except SystemExit:
            raise
        except BaseException as error:
            return _report(error)
        return 0

    def demo(self, options: dict[str, Any]) -> int:
        """Runs `demo.py`, the network word count, on the text that the command serves."""
        program = os.path.join(os.path.dirname(os.path.abspath(__file__)), "demo.py")
        return self.run({**options, "program": program})

    def shell(self, options: dict[str, Any]) -> int:
        """Opens a prompt with `sc` and `ssc`."""
        from tidemill import shell

        _prepare(options, "PySparkShell")
        sys.argv = [""]
        sys.path[0] = ""
        shell.open_shell()
        return 0


def _prepare(options: dict[str, Any], name: str) -> None:
    from tidemill import _submitted
    from tidemill.pyspark_alias import install_as_pyspark

    signal.signal(signal.SIGINT, signal.default_int_handler)
    install_as_pyspark()
    submitted = _submitted.submit(options, name)
    for path in submitted.py_files:
        # What `--py-files` names can be imported before there is a context.
        place = os.path.dirname(os.path.abspath(path)) if path.endswith(".py") else os.path.abspath(path)
        if "://" not in path and place not in sys.path:
            sys.path.insert(1, place)


def _run_file(program: str) -> None:
    with open(program, "rb") as file:
        code = compile(file.read(), program, "exec", dont_inherit=True)
    # The module stays in place after the last line: streams that go on still use what it defines.
    module = ModuleType("__main__")
    module.__dict__.update(__file__=program, __builtins__=__builtins__, __cached__=None)
    sys.modules["__main__"] = module
    exec(code, module.__dict__)


def _report(error: BaseException) -> int:
    """Shows an uncaught exception as Python does, without this package's own frames below the program's."""
    shown = _of_program(error.__traceback__)
    if shown is None and not isinstance(error, SyntaxError):
        shown = error.__traceback__
    # What runs at the end of the interpreter asks how the program ended.
    sys.last_type, sys.last_value, sys.last_traceback = type(error), error, shown
    if sys.excepthook is sys.__excepthook__:
        traceback.print_exception(type(error), error, shown)
    else:
        sys.excepthook(type(error), error, shown)
    return _INTERRUPTED if isinstance(error, KeyboardInterrupt) else 1


def _of_program(trace: Optional[TracebackType]) -> Optional[TracebackType]:
    while trace is not None and trace.tb_frame.f_code.co_filename == __file__:
        trace = trace.tb_next
    return trace


if __name__ == "__main__":
    sys.exit(main())
