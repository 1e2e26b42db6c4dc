"""Profiles of tasks; PySpark's `Profiler` and `BasicProfiler` (row 3.20).

With the setting `spark.python.profile` true, the time that functions take in tasks is measured, added up over all tasks of
an RDD, and shown by `SparkContext.show_profiles`, or written by `dump_profiles`.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any, Callable, Optional, cast

from tidemill.accumulators import Accumulator, AccumulatorParam
from tidemill.errors import PySparkNotImplementedError

if TYPE_CHECKING:
    import pstats

    from tidemill.context import SparkContext


class PStatsParam(AccumulatorParam["Optional[pstats.Stats]"]):
    """Adds profiles up."""

    @staticmethod
    def zero(value: Optional[pstats.Stats]) -> None:
        """No profile."""
        return None

    @staticmethod
    def addInPlace(
        value1: Optional[pstats.Stats], value2: Optional[pstats.Stats]
    ) -> Optional[pstats.Stats]:
        """Both profiles together."""
        if value1 is None:
            return value2
        if value2 is not None:
            value1.add(value2)
        return value1


class Profiler:
    """What a profiler can do; a program may write one and name it as `profiler_cls` of its context.

    `profile` runs in tasks; `stats` is read in the driver.
    """

    def __init__(self, ctx: SparkContext) -> None:
        pass

    def profile(self, func: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
        """Runs `func` and gives its result."""
        raise NotImplementedError

    def stats(self) -> pstats.Stats:
        """What was measured so far."""
        raise NotImplementedError

    def show(self, id: int) -> None:
        """Prints what was measured for the RDD `id`."""
        raise NotImplementedError

    def dump(self, id: int, path: str) -> None:
        """Writes what was measured for the RDD `id` into the folder `path`."""
        raise NotImplementedError


class BasicProfiler(Profiler):
    """Measures by `cProfile`.

    >>> from tidemill import BasicProfiler
    >>> profiler = BasicProfiler(sc)
    >>> profiler.profile(sorted, [2, 1])
    [1, 2]
    """

    def __init__(self, ctx: SparkContext) -> None:
        self._accumulator: Accumulator[Optional[pstats.Stats]] = ctx.accumulator(None, PStatsParam())

    def profile(self, func: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
        """Runs `func` measured, and gives its result."""
        import cProfile
        import pstats

        profile = cProfile.Profile()
        result = profile.runcall(func, *args, **kwargs)
        stats = pstats.Stats(profile)
        stats.stream = None  # type: ignore[attr-defined]  # An open stream could not travel.
        stats.strip_dirs()
        self._accumulator.add(stats)
        return result

    def stats(self) -> pstats.Stats:
        """What was measured so far."""
        return cast("pstats.Stats", self._accumulator.value)

    def show(self, id: int) -> None:
        """Prints what was measured, by time."""
        stats = self._accumulator.value
        if stats is not None:
            import sys

            print("=" * 60)
            print("Profile of RDD<id=%d>" % id)
            print("=" * 60)
            stats.stream = sys.stdout  # type: ignore[attr-defined]
            stats.sort_stats("time", "cumulative").print_stats()

    def dump(self, id: int, path: str) -> None:
        """Writes what was measured to `rdd_ID.pstats`, which `pstats` reads."""
        os.makedirs(path, exist_ok=True)
        stats = self._accumulator.value
        if stats is not None:
            stats.dump_stats(os.path.join(path, "rdd_%d.pstats" % id))


class UDFBasicProfiler(BasicProfiler):
    """In PySpark, the profiler of SQL functions, which are not part of this package yet: a name only."""


class MemoryProfiler(Profiler):
    """In PySpark, measures memory of SQL functions line by line: a name only, its methods raise."""

    def profile(self, func: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
        """Raises `PySparkNotImplementedError`."""
        raise PySparkNotImplementedError(
            error_class="NOT_IMPLEMENTED", message_parameters={"feature": "MemoryProfiler"}
        )


class ProfilerCollector:
    """The profilers of all RDDs of a context."""

    def __init__(
        self,
        profiler_cls: type[Profiler],
        udf_profiler_cls: type[Profiler],
        memory_profiler_cls: type[Profiler],
        dump_path: Optional[str] = None,
    ) -> None:
        self.profiler_cls = profiler_cls
        self.udf_profiler_cls = udf_profiler_cls
        self.memory_profiler_cls = memory_profiler_cls
        self.profiler_dump_path = dump_path
        # Number of the RDD, its profiler, whether it was shown.
        self.profilers: list[list[Any]] = []

    def new_profiler(self, ctx: SparkContext) -> Profiler:
        """A profiler for an RDD."""
        return self.profiler_cls(ctx)

    def new_udf_profiler(self, ctx: SparkContext) -> Profiler:
        """A profiler for a SQL function."""
        return self.udf_profiler_cls(ctx)

    def new_memory_profiler(self, ctx: SparkContext) -> Profiler:
        """A profiler of memory."""
        return self.memory_profiler_cls(ctx)

    def add_profiler(self, id: int, profiler: Profiler) -> None:
        """Keeps the profiler of the RDD `id`."""
        self.profilers.append([id, profiler, False])

    def dump_profiles(self, path: str) -> None:
        """Writes all profiles into the folder `path`, and forgets them."""
        for number, profiler, _ in self.profilers:
            profiler.dump(number, path)
        self.profilers = []

    def show_profiles(self) -> None:
        """Prints the profiles that were not printed yet."""
        for entry in self.profilers:
            number, profiler, shown = entry
            if not shown:
                profiler.show(number)
                entry[2] = True
