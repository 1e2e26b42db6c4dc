"""Writes the program of a checkpoint to `data/programs/<form>-<python>.tmpy`, which tests of all later releases read.

Run it with each Python that is to have one when the form of programs has changed, and never over an older form. Functions and
calls hold the paths of their files, so copy this file and `stream_programs.py` to a folder with a name of no meaning first:
`python fossils.py FOLDER` there.
"""
from __future__ import annotations

import os
import sys
import warnings
from functools import partial
from pathlib import Path

import cloudpickle
import stream_programs
from stream_programs import PROGRAMS, note_named

FOLDER = Path(__file__).parent / "data" / "programs"


def name(form: int) -> str:
    return f"{form}-{sys.implementation.name}{sys.version_info[0]}.{sys.version_info[1]}.tmpy"


def declare(pairs: object) -> None:
    """All programs at once."""
    for title, program in PROGRAMS.items():
        program(pairs).foreachRDD(partial(note_named, title))


def main() -> None:
    from tidemill import SparkContext
    from tidemill.streaming import _program
    from tidemill.streaming._recovery import Keeper
    from tidemill.testing import TestContext

    warnings.simplefilter("ignore")
    cloudpickle.register_pickle_by_value(stream_programs)
    SparkContext("local[4]", "fossil")
    with TestContext() as test:
        _, pairs = test.input()
        declare(pairs)
        data = Keeper(test.ssc._recipe, 1000)()
    path = Path(sys.argv[1]) / name(_program._VERSION)
    path.write_bytes(data)
    print(os.fspath(path), len(data))


if __name__ == "__main__":
    main()
