"""What a program told its streaming context, step by step: told again to a new context, it makes the same streams.

PySpark's checkpoints hold the graph of streams as objects of the JVM. Here a graph is made by calls to the engine, each of
which is a `Step` of plain values and of functions. Steps stay in their order, since what is said of a stream may depend on
what was said before.
"""
from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Optional, Sequence

from tidemill import _engine
from tidemill._call_site import Operator, text_of
from tidemill.streaming._making import MAKERS, Making

if TYPE_CHECKING:
    from tidemill._engine import Stream
    from tidemill.context import SparkContext

_ELSEWHERE = -1
_SOURCES = frozenset({"socketTextStream", "textFileStream", "binaryRecordsStream", "queueStream", "testInput", "remember"})
_SAYINGS = frozenset({"persist", "checkpoint", "uid"})


@dataclass
class Step:
    """One call to the engine.

    Kinds, and the names and meaning of arguments and functions, are in checkpoints: a release reads those of earlier ones.
    """

    kind: str
    place: Operator
    """The call of the program that led to it."""
    parents: tuple[int, ...]
    """The steps whose streams it is about."""
    arguments: dict[str, Any]
    """Texts, numbers, truths and lists of them."""
    functions: tuple[Any, ...]
    """Functions of the program, and what else only Python understands."""
    present: Any = None
    """What belongs to this process and cannot be told again."""


class Recipe:
    """The steps that led to a streaming context as it is."""

    def __init__(self, engine: _engine.StreamingContext, sc: SparkContext) -> None:
        self.steps: list[Step] = []
        self.making = Making(engine, sc)
        self._numbers: dict[int, int] = {}
        self._recovered_from: Optional[str] = None

    def add(
        self,
        kind: str,
        place: Operator,
        parents: Sequence[Stream] = (),
        functions: tuple[Any, ...] = (),
        present: Any = None,
        **arguments: Any,
    ) -> Any:
        """Tells the engine, and remembers it if the engine has agreed. Gives the stream that was made, if one was.

        Raises
        ------
        EngineError
            what the engine refuses; and anything where the context was recovered (behaviour 6.22)
        """
        if self._recovered_from is not None and kind != "remember" and self.making.engine.state == "INITIALIZED":
            raise _engine.refusal(
                f"{text_of(place)} has not been initialized: the context was recovered from the checkpoint in "
                f"{self._recovered_from}, whose streams and outputs are all that it has. Declare streams in the function that "
                "is given to getOrCreate; for new code, use another directory or getOrCreate(..., code=\"new\")"
            )
        numbers = tuple(self._numbers.get(parent.number, _ELSEWHERE) for parent in parents)
        return self._make(Step(kind, place, numbers, arguments, functions, present), list(parents))

    def replay(self, steps: Sequence[Step]) -> None:
        """Takes the steps of another context, in a context that has none."""
        made: list[Optional[Stream]] = []
        for step in steps:
            parents = [made[number] for number in step.parents]
            made.append(self._make(step, parents))  # type: ignore[arg-type]

    def let_go(self) -> None:
        """Gives up what cannot be told again: the engine has it."""
        for step in self.steps:
            step.present = None

    def close(self, directory: str) -> None:
        """From now on nothing can be added: all there is comes from the checkpoint in `directory`."""
        self._recovered_from = directory

    def needed(self) -> list[Step]:
        """The steps that outputs depend on, and sources, which receive whether they are asked or not; numbered anew.

        Raises
        ------
        EngineError
            where a stream comes from somewhere else
        """
        wanted = {at for at, step in enumerate(self.steps) if step.kind == "output" or step.kind in _SOURCES}
        todo = list(wanted)
        while todo:
            step = self.steps[todo.pop()]
            if _ELSEWHERE in step.parents:
                raise _engine.refusal(
                    f"{text_of(step.place)}: with a checkpoint directory all streams have to be made by the operators of one "
                    "context, and this one uses a stream of another"
                )
            new = [at for at in step.parents if at not in wanted]
            wanted.update(new)
            todo += new
        wanted |= {at for at, step in enumerate(self.steps) if step.kind in _SAYINGS and step.parents[0] in wanted}
        order = sorted(wanted)
        place_of = {at: number for number, at in enumerate(order)}
        return [self._moved(self.steps[at], place_of) for at in order]

    def _moved(self, step: Step, place_of: dict[int, int]) -> Step:
        parents = tuple(place_of[at] for at in step.parents)
        return Step(step.kind, step.place, parents, step.arguments, step.functions, step.present)

    def _make(self, step: Step, parents: list[Stream]) -> Optional[Stream]:
        maker = MAKERS.get(step.kind)
        if maker is None:
            raise _engine.refusal(
                f"{text_of(step.place)}: this release does not know streams of the kind {step.kind!r}; the checkpoint was "
                "written by a later one, with which it can be recovered"
            )
        stream = maker(self.making, step, parents)
        self.steps.append(step)
        if stream is not None:
            self._numbers[stream.number] = len(self.steps) - 1
        return stream
