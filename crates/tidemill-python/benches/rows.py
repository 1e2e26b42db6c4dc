"""The rows of the table: what is run, how a figure comes of it, and what it should come to."""
from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import processes
import text
from engines import Engine, Feeder, figures, scratch, started

COPIES = 6
"""How many times the 64 MiB are drained: they take eight seconds to be sent."""
DRAINED_BATCHES = 8
SLOW, SLOW_BYTES = ("Bytewax", "Pathway"), 4 << 20
"""Who takes minutes for 64 MiB, and what is drained instead: rates are compared."""
INTERVALS = (0.001, 0.002, 0.003, 0.005, 0.01, 0.02, 0.05, 0.1, 0.15, 0.2, 0.25, 0.3, 0.4, 0.5, 0.75, 1.0)
"""The batch intervals that are tried, in seconds."""
SHORT_SECONDS = 12
REST_SECONDS = 3


@dataclass(frozen=True)
class Measure:
    """One figure of a row."""

    key: str
    name: str
    unit: str
    """s: seconds; MB: 1,000,000 bytes; words/s: more is better."""
    times: float | None = None
    """How many times the other side's figure should be at least."""
    at_most: float | None = None


@dataclass(frozen=True)
class Place:
    """Where a run finds and leaves its files."""

    folder: Path
    text: Path

    def log(self, engine: Engine, program: str) -> Path:
        return self.folder / f"{program}-{engine.label.lower().replace(' ', '-')}.log"


@dataclass(frozen=True)
class Row:
    """Something to run, on Tidemill and on those peers that have a program for it."""

    name: str
    run: Callable[[Engine, Place], dict[str, float]]
    measures: Sequence[Measure]
    against: str = "PySpark"
    """Whom the goal of a ratio is about."""
    peers: Sequence[str] = ()
    """Who else has a program for it."""
    rounds: int = 99
    """More rounds than these are not run: what one run tells scatters little, or takes long."""


def drained(engine: Engine, place: Place) -> dict[str, float]:
    """From the first byte to the end of the batch that holds the last word."""
    path, copies = place.text, COPIES
    if engine.label in SLOW:
        path, copies = text.cut(place.text, SLOW_BYTES), 1
    words = copies * len(path.read_bytes().split())
    with Feeder("text", path, copies) as feeder:
        log = place.log(engine, "drained")
        told = figures(engine, "drained", feeder.port, words, log=log)
        assert told["words"] == words, f"{engine.label} counted {told['words']} words"
        if told.get("batches", DRAINED_BATCHES) < DRAINED_BATCHES:
            print(f"  {engine.label}: {told['batches']} batches only")
        return {"rate": told["words"] / (told["end"] - feeder.first_byte()), "cpu_rate": told["words"] / told["cpu"]}


def text_file(engine: Engine, place: Place) -> dict[str, float]:
    return _word_counts(engine, place, "text_file")


def from_memory(engine: Engine, place: Place) -> dict[str, float]:
    program = "from_memory" if engine.label == "Tidemill" else "nested_loops"
    return _word_counts(engine, place, program)


def tiny_jobs(engine: Engine, place: Place) -> dict[str, float]:
    jobs = (200, 1000) if engine.label == "Tidemill" else (20, 100)
    return figures(engine, "tiny_jobs", *jobs, log=place.log(engine, "tiny_jobs"))


def shortest_interval(engine: Engine, place: Place) -> dict[str, float]:
    """The shortest of `INTERVALS` that keeps up, found by halving."""
    low, high = 0, len(INTERVALS) - 1
    while low < high:
        middle = (low + high) // 2
        if _keeps_up(engine, place, INTERVALS[middle]):
            high = middle
        else:
            low = middle + 1
    return {"seconds": INTERVALS[low]}


def _keeps_up(engine: Engine, place: Place, interval: float) -> bool:
    with Feeder("ticks", interval, 100) as feeder:
        log = place.log(engine, "short_batches")
        told = figures(engine, "short_batches", feeder.port, interval, SHORT_SECONDS, log=log)
    place.log(engine, f"short_batches-{interval}").write_text(f"{told}\n")
    return bool(told["lag"] < 2 * interval and told["share"] > 0.95 and told["words"] > 90)


def start_and_rest(engine: Engine, place: Place) -> dict[str, float]:
    """From the start of the program to the first count that it prints, and its memory a few batches later."""
    with Feeder("line", "tide mill") as feeder:
        begun = time.monotonic()
        log = place.log(engine, "network_word_count")
        with started(engine, "network_word_count", feeder.port, 1, log=log) as process:
            assert process.stdout is not None
            for line in process.stdout:
                if line.startswith(("('tide'", "('mill'")):
                    break
            else:
                raise RuntimeError(f"{engine.label} ended without a count; what it said is in {log}")
            seconds = time.monotonic() - begun
            time.sleep(REST_SECONDS)
            return {"seconds": seconds, "bytes": processes.proportional_bytes(process.pid) / 1e6}


def state(engine: Engine, place: Place) -> dict[str, float]:
    """Batches that are due faster than they are done, so that one follows the other."""
    interval, batches = (0.1, 24) if engine.label == "Tidemill" else (2, 10)
    folder = scratch(place.folder / "state")
    log = place.log(engine, "state")
    told = figures(engine, "state", interval, batches, folder, log=log)
    return {"seconds": statistics.median(told["seconds"]), "cpu": statistics.median(told["jobs"][3:])}


def _word_counts(engine: Engine, place: Place, program: str) -> dict[str, float]:
    slow = engine.label in SLOW
    path, jobs = (text.cut(place.text, SLOW_BYTES), 1) if slow else (place.text, 3)
    told = figures(engine, program, path, jobs, log=place.log(engine, program))
    words = len(path.read_bytes().split())
    assert told["words"] == words, f"{engine.label} counted {told['words']} words"
    return {"rate": words / statistics.median(told["seconds"]), "cpu_rate": words / statistics.median(told["jobs"])}


def map_filter(engine: Engine, place: Place) -> dict[str, float]:
    told = figures(engine, "map_filter", 3, log=place.log(engine, "map_filter"))
    return {"seconds": statistics.median(told["seconds"]), "cpu": statistics.median(told["jobs"])}


CPU = Measure("cpu", "processor time", "s")
"""Beside wall time: it tells what a row costs, on a machine that others use as well."""
CPU_RATE = Measure("cpu_rate", "of processor time", "words/s")

ROWS = (
    Row(
        f"network word count, {COPIES} times 64 MiB drained over TCP, 1 s batches, local[2]",
        drained, (Measure("rate", "", "words/s", times=4), CPU_RATE), peers=("Bytewax", "Pathway"), rounds=3,
    ),
    Row(
        "word count from memory, local[2]", from_memory, (Measure("rate", "", "words/s", times=1.6), CPU_RATE),
        against="one CPython process",
    ),
    Row(
        "word count of a text file of 64 MiB, local[2], warm", text_file, (Measure("rate", "", "words/s", times=2), CPU_RATE),
        peers=("Bytewax", "Pathway"),
    ),
    Row(
        "tiny job of two stages, local[2]", tiny_jobs,
        (Measure("p50", "p50", "s", at_most=0.001), Measure("p99", "p99", "s", at_most=0.005)),
    ),
    Row(
        "shortest interval that keeps up, 100 words a batch over TCP", shortest_interval,
        (Measure("seconds", "", "s", at_most=0.005),), rounds=1,
    ),
    Row(
        "network word count program, 1 s batches", start_and_rest,
        (
            Measure("seconds", "start to first count", "s", at_most=1.3),
            Measure("bytes", "memory at rest", "MB", at_most=60),
        ),
        peers=("Bytewax", "Pathway"),
    ),
    Row(
        "updateStateByKey, 1 M keys, 1 % new values a batch", state, (Measure("seconds", "a batch", "s", times=5), CPU),
        rounds=3,
    ),
    Row("map and filter over 10 M integers, counted", map_filter, (Measure("seconds", "", "s", times=1.8), CPU)),
)
