"""What operators of streams do with the RDDs of a batch.

Checkpoints hold these objects by the name of their class and by their fields, so a release has to read those that earlier
ones wrote: classes and fields may be added here, with defaults, but not renamed, moved or given another meaning. The same
goes for the functions in `_functions`, for `_making.FirstStates`, and for the steps of `_recipe`. What a program hands in is
one of the fields.
"""
from __future__ import annotations

import operator
import sys
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Callable, Optional

from tidemill._call_site import Operator, called_at
from tidemill.rdd import RDD
from tidemill.streaming import _functions

_LINE = "-" * 43


@dataclass(frozen=True, eq=False)
class Steps:
    """Transformations that follow each other, as one function of time and RDD."""

    steps: tuple[tuple[Operator, Callable[[datetime, Any], Any]], ...]

    def __call__(self, time: datetime, rdd: Any) -> Any:
        for place, func in self.steps:
            if rdd is None:
                return None
            with called_at(place):
                rdd = func(time, rdd)
        return rdd


@dataclass(frozen=True, eq=False)
class Called:
    """The method of that name, with these arguments, of the RDD of a batch."""

    name: str
    arguments: tuple[Any, ...] = ()

    def __call__(self, time: datetime, rdd: Any) -> Any:
        return getattr(rdd, self.name)(*self.arguments)


@dataclass(frozen=True, eq=False)
class CalledWith:
    """The method of that name of one stream's RDD, with the other stream's RDD before these arguments."""

    name: str
    arguments: tuple[Any, ...] = ()

    def __call__(self, time: datetime, one: Any, two: Any) -> Any:
        return getattr(one, self.name)(two, *self.arguments)


@dataclass(frozen=True, eq=False)
class WithoutTime:
    """A function of the program that asks for RDDs alone."""

    func: Callable[..., Any]

    def __call__(self, time: datetime, *rdds: Any) -> Any:
        return self.func(*rdds)


@dataclass(frozen=True, eq=False)
class OrEmpty:
    """A function of two RDDs, for which a missing one is empty."""

    func: Callable[..., Any]

    def __call__(self, time: datetime, one: Any, two: Any) -> Any:
        return self.func(time, _or_empty(one), _or_empty(two))


@dataclass(frozen=True, eq=False)
class OfAll:
    """The function of `StreamingContext.transform`, which gets a tuple of RDDs."""

    func: Callable[..., Any]

    def __call__(self, time: datetime, *rdds: Optional[RDD[Any]]) -> Any:
        if None in rdds:
            raise ValueError(f"Couldn't generate RDD from parent at time {time}; let it give an empty RDD instead")
        rdd = self.func(rdds)
        if rdd is None:
            raise ValueError("Transform function must not return None; give an empty RDD: sc.emptyRDD()")
        return rdd


@dataclass(frozen=True, eq=False)
class Reduced:
    """One record of all records of a batch; `first` says what is made of a partition before."""

    func: Callable[[Any, Any], Any]
    first: Optional[Callable[..., Any]] = None

    def __call__(self, time: datetime, rdd: Any) -> Any:
        parts = rdd if self.first is None else rdd.mapPartitions(self.first)
        return parts.map(_functions.with_key_none).reduceByKey(self.func, 1).map(_functions.value_of)


@dataclass(frozen=True, eq=False)
class CountedByValue:
    """How often each record is there."""

    partitions: int

    def __call__(self, time: datetime, rdd: Any) -> Any:
        return rdd.map(_functions.with_one).reduceByKey(operator.add, self.partitions)


@dataclass(frozen=True, eq=False)
class NextWindow:
    """A window made of the one before it, of what entered and of what left; without the one before, of all that is in it."""

    func: Callable[[Any, Any], Any]
    take_out: Callable[[Any], Any]
    partitions: int
    kept: Optional[Callable[[Any], Any]] = None

    def __call__(self, time: datetime, previous: Any, entering: Any, leaving: Any) -> Any:
        window = previous
        if window is not None and leaving is not None:
            left = leaving.reduceByKey(self.func, self.partitions)
            window = window.leftOuterJoin(left, self.partitions).mapValues(self.take_out)
        if entering is None:
            return window
        entered = entering.reduceByKey(self.func, self.partitions)
        merged = entered if window is None else window.union(entered).reduceByKey(self.func, self.partitions)
        return merged.filter(self.kept) if self.kept else merged


@dataclass(frozen=True, eq=False)
class PagePrinter:
    """Prints the first records of a batch."""

    most: int

    def __call__(self, time: datetime, rdd: Any) -> None:
        taken = rdd.take(self.most + 1)
        lines = [_LINE, f"Time: {time}", _LINE, *map(str, taken[: self.most])]
        if len(taken) > self.most:
            lines.append("...")
        sys.stdout.write("\n".join(lines) + "\n\n")  # at once: outputs may share the terminal
        sys.stdout.flush()


@dataclass(frozen=True, eq=False)
class TextSaver:
    """Writes a batch to a folder of its own. A batch that is run again takes the place of what it wrote before."""

    prefix: str
    suffix: Optional[str] = None

    def __call__(self, time: datetime, rdd: Any) -> None:
        from tidemill.streaming.util import rddToFileName

        rdd._save_text(rddToFileName(self.prefix, self.suffix, time), None, replace=True)


def _or_empty(rdd: Any) -> Any:
    from tidemill.context import SparkContext

    return SparkContext.getOrCreate().emptyRDD() if rdd is None else rdd
