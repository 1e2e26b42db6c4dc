"""Going on from a checkpoint: what `StreamingContext.getOrCreate` does, and what a started context leaves for it."""
from __future__ import annotations

import os
import urllib.parse
import warnings
from typing import TYPE_CHECKING, Any, Callable, Optional

from tidemill import _engine
from tidemill.conf import SparkConf
from tidemill.context import SparkContext
from tidemill.errors import EngineError
from tidemill.streaming import _program, _settings
from tidemill.streaming._making import NO_QUEUES, FirstStates
from tidemill.streaming._program import Program

if TYPE_CHECKING:
    from tidemill.streaming._recipe import Recipe, Step
    from tidemill.streaming.context import StreamingContext


class Keeper:
    """Writes the program of a context that starts, and again whenever the engine keeps a checkpoint.

    Raises
    ------
    EngineError
        where a function cannot be pickled
    """

    def __init__(self, recipe: Recipe, interval_ms: int) -> None:
        self._steps: list[Step] = recipe.needed()
        self._making = recipe.making
        self._interval_ms = interval_ms
        self._is_told = False
        self._first_states = [part for step in self._steps for part in step.functions if isinstance(part, FirstStates)]
        for states in self._first_states:
            states.gather()
        self._last = _program.write(self._steps, self._making.sc, interval_ms)
        if any(step.kind == "queueStream" for step in self._steps):
            warnings.warn(f"{NO_QUEUES} The program can be started, and not recovered.", stacklevel=2)

    def __call__(self) -> bytes:
        """The program as it is now. If that cannot be pickled any more, as it was."""
        for states in self._first_states:
            states.let_go(self._making.engine.is_kept)
        try:
            self._last = _program.write(self._steps, self._making.sc, self._interval_ms)
        except EngineError as error:
            if not self._is_told:
                self._is_told = True
                warnings.warn(f"{error}; checkpoints go on with the functions as they were before.", stacklevel=2)
        return self._last


def get_or_create(
    cls: type[StreamingContext],
    location: str,
    setup: Callable[[], StreamingContext],
    code: Optional[str],
    trust: bool,
) -> StreamingContext:
    """`StreamingContext.getOrCreate`."""
    if code not in (None, "new"):
        raise ValueError(f"code must be None, for the functions of the checkpoint, or \"new\", and not {code!r}")
    active = SparkContext._active_spark_context
    settings = SparkConf() if active is None else active._conf
    checkpoint = _engine.Checkpoint.open(location, dict(settings.getAll()))
    if checkpoint is None:
        ssc = setup()
        ssc.checkpoint(location)
        return ssc
    try:
        if code == "new":
            ssc = setup()
        else:
            ssc = _of_checkpoint(cls, checkpoint, location, settings.get(_settings.SECRET), trust)
        ssc._recover(checkpoint, location, trust)
    except BaseException:
        checkpoint.close()
        made = SparkContext._active_spark_context
        if active is None and made is not None and code is None:  # of the checkpoint, and of use to nobody
            made.stop()
        raise
    return ssc


def _of_checkpoint(
    cls: type[StreamingContext], checkpoint: Any, location: str, key: Optional[str], trust: bool
) -> StreamingContext:
    """The context that the program in a checkpoint declares."""
    if checkpoint.program is None:
        raise _engine.refusal(
            f"Failed to read checkpoint from directory {location}: it holds no program; it was written by a Rust program, or by a "
            "Python program that kept none. Take the functions from the code at hand: StreamingContext.getOrCreate(..., "
            "code=\"new\")"
        )
    program = Program.read(checkpoint.program, location)
    program.check(key, checkpoint.is_private, trust)
    sc = SparkContext._active_spark_context
    if sc is None:
        settings = [(key, value) for key, value in program.description["settings"]]
        sc = SparkContext(conf=_settings.recovered(settings, program.description["withheld"]))
    _add_files(sc, program.description)
    return replayed(cls, sc, program)


def replayed(cls: type[StreamingContext], sc: SparkContext, program: Program) -> StreamingContext:
    """A context that is told what another one was told."""
    ssc = cls._of_interval(sc, program.interval_ms)
    ssc._recipe.replay(program.steps())
    return ssc


def _add_files(sc: SparkContext, description: dict[str, Any]) -> None:
    """Adds the files that the program had added, as far as they are still there: functions may import from them."""
    known = set(map(_settings.without_credentials, (*sc.listFiles, *sc.listArchives)))
    for address in description.get("withheld_files", ()):
        if address not in known:
            warnings.warn(
                f"The program had added {address}, by an address with credentials, which checkpoints do not hold: make the "
                "SparkContext before getOrCreate, and add it there.",
                stacklevel=2,
            )
    adders = (("files", sc.addFile, sc.listFiles), ("py_files", sc.addPyFile, sc.listFiles))
    for name, add, there in (*adders, ("archives", sc.addArchive, sc.listArchives)):
        for address in description[name]:
            if address in there:
                continue
            path = urllib.parse.urlparse(address).path
            if address.startswith("file:") and not os.path.exists(path):
                warnings.warn(f"The program had added {path}, which is gone: what needs it will fail.", stacklevel=2)
            elif add == sc.addFile:
                sc.addFile(address, recursive=True)
            else:
                add(address)
