"""The prompt of `tidemill shell`: IPython's where it is installed, else Python's own."""

from __future__ import annotations

import code
import importlib.util
import os
import sys
import warnings
from types import ModuleType

_INTERVAL_SECONDS = 1


def open_shell() -> None:
    """Opens a prompt with `sc` and `ssc`, until the user leaves it.

    What is defined at the prompt belongs to `__main__`, as in any Python prompt, so tasks get functions and classes whole.
    `PYSPARK_DRIVER_PYTHON=python` asks for Python's own prompt where IPython is installed.
    """
    from tidemill.context import SparkContext
    from tidemill.streaming import StreamingContext

    module = sys.modules["__main__"] = ModuleType("__main__")
    context = SparkContext.getOrCreate()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", FutureWarning)
        streaming = StreamingContext(context, _INTERVAL_SECONDS)
    module.__dict__.update(sc=context, ssc=streaming, __builtins__=__builtins__)
    banner = _banner(context)
    if _wants_ipython():
        import IPython

        print(banner)
        IPython.start_ipython(argv=["--no-banner"], user_ns=module.__dict__, user_module=module)
        return
    _complete_names(module)
    _run_startup_file(module)
    code.interact(banner=banner, local=module.__dict__, exitmsg="")


def _banner(context: object) -> str:
    from tidemill import _engine

    return (
        "Tidemill %s, Python %s\n"
        "sc is a SparkContext on %s, ssc a StreamingContext with batches of %d s. Try:\n"
        "    sc.parallelize(range(10)).map(lambda x: x * x).sum()\n"
        '    ssc.socketTextStream("localhost", 9999).count().pprint(); ssc.start()\n'
        % (_engine.__version__, sys.version.split()[0], getattr(context, "master", ""), _INTERVAL_SECONDS)
    )


def _wants_ipython() -> bool:
    wanted = os.environ.get("PYSPARK_DRIVER_PYTHON", "ipython")
    return "ipython" in os.path.basename(wanted) and importlib.util.find_spec("IPython") is not None


def _complete_names(module: ModuleType) -> None:
    try:
        import readline
        import rlcompleter
    except ImportError:
        return  # A Python without readline has a plainer prompt.
    readline.set_completer(rlcompleter.Completer(module.__dict__).complete)
    readline.parse_and_bind("tab: complete")


def _run_startup_file(module: ModuleType) -> None:
    path = os.environ.get("PYTHONSTARTUP")
    if path and os.path.isfile(path):
        with open(path, encoding="utf-8") as file:
            exec(compile(file.read(), path, "exec"), module.__dict__)
