"""State that takes more memory than it may: the driver's bytes are on disk, workers keep a few tables, nothing else changes."""
from __future__ import annotations

import gc
import os
import random
from functools import partial
from pathlib import Path
from typing import Any, Callable, Iterator

import pytest

from harness import eventually
from stream_programs import batches, note
from test_recovery import Clocked, Runs
from test_state_in_workers import kill_all
from tidemill import SparkConf, SparkContext, StorageLevel
from tidemill.errors import EngineError
from tidemill.streaming import DStream
from tidemill.testing import TestContext
from tidemill.worker import resident

pytestmark = pytest.mark.filterwarnings("ignore::FutureWarning")

LIMIT = 256 << 10
PARTITIONS, LANES = 8, 2
KEYS = 600  # the states of all are about five times the limit


def text(new: list[int], last: Any) -> str:
    """A text that cannot be changed in place, another one for each sum."""
    return f"{sum(new) + int(last or 0):02000}"


def collected(new: list[int], last: Any) -> list[int]:
    last = [] if last is None else last
    last.extend(value + 10**12 for value in new for _ in range(200))
    return last[-400:]


def quiet_goes(new: list[int], last: Any) -> Any:
    """As `text`, but a key with a zero goes."""
    return None if 0 in new else text(new, last)


def plain(given: list[list[Any]], update: Callable[[list[Any], Any], Any]) -> list[dict[Any, Any]]:
    """The states after each batch."""
    states: dict[Any, Any] = {}
    after = []
    for batch in given:
        groups: dict[Any, list[Any]] = {key: [] for key in states}
        for key, value in batch:
            groups.setdefault(key, []).append(value)
        copies = {key: list(last) if isinstance(last, list) else last for key, last in states.items()}
        updated = {key: update(new, copies.get(key)) for key, new in groups.items()}
        states = {key: state for key, state in updated.items() if state is not None}
        after.append(states)
    return after


def made(count: int) -> list[list[Any]]:
    """Batches: all keys in the first, then a few of them and some new ones."""
    draw = random.Random(count)
    first = [(key, key % 7 + 1) for key in range(KEYS)]
    return [first] + [[(draw.randrange(KEYS + 50), draw.randrange(5)) for _ in range(40)] for _ in range(count - 1)]


def spilled(folder: Path) -> list[Path]:
    return [Path(where, name) for where, _, names in os.walk(folder) for name in names if name.startswith("spill-")]


@pytest.fixture
def tight(no_context: None, request: Any, tmp_path: Path) -> Iterator[Any]:
    """A context whose state has little memory, in the driver and in workers."""
    memory = getattr(request.node, "callspec", None) and request.node.callspec.params.get("memory") or "800k"
    conf = SparkConf().setMaster(f"local[{LANES}]").setAppName("tight")
    conf.set("tidemill.memory.state.limit", str(LIMIT)).set("spark.local.dir", str(tmp_path / "spill"))
    sc = SparkContext(conf=conf.set("spark.python.worker.memory", memory))
    yield sc
    sc.stop()


@pytest.mark.parametrize("memory", ["800k", "50k"], ids=["a few tables", "no tables"])
@pytest.mark.parametrize("update", [text, collected, quiet_goes])
def test_states_are_right_wherever_they_are(tight: Any, update: Any, memory: str, tmp_path: Path) -> None:
    given = made(8)
    expected = plain(given, update)
    held: list[Any] = []
    with TestContext() as test:
        feed, pairs = test.input()
        state = pairs.updateStateByKey(update, PARTITIONS)
        state.foreachRDD(held.append)
        now, window = test.collect(state), test.collect(state.window(3))
        for number, batch in enumerate(given):
            if number in (3, 6):
                kill_all(tight)  # also those that have dropped tables of theirs
            feed.push(batch)
            test.tick()
            assert spilled(tmp_path / "spill")
            assert dict(now.values()[0]) == expected[number]
            back = expected[max(0, number - 2) : number + 1]
            assert sorted(window.values()[0]) == sorted(pair for states in back for pair in states.items())
        # Each batch's RDD is the state of its time, long after.
        assert [dict(rdd.collect()) for rdd in held] == expected
        assert held[2].map(lambda pair: len(pair[1])).sum() == sum(map(len, expected[2].values()))


def test_files_go_with_what_they_keep(tight: Any, tmp_path: Path) -> None:
    with TestContext() as test:
        feed, pairs = test.input()
        pairs.updateStateByKey(text, PARTITIONS).foreachRDD(lambda rdd: rdd.count())
        for number in range(20):
            feed.push([(key, number) for key in range(KEYS)])
            test.tick()

        def are_few() -> bool:
            feed.push_none()  # the state stays as it is, and older versions go once the checkpoint has them
            test.tick()
            return 0 < len(spilled(tmp_path / "spill")) <= 3 * PARTITIONS

        eventually(are_few, "older versions are gone")
    del test, feed, pairs, are_few
    eventually(lambda: gc.collect() >= 0 and not spilled(tmp_path / "spill"), "files are gone")


PROBES = [f"probe {number}" for number in range(8 * PARTITIONS)]


def probing(new: list[int], last: Any) -> Any:
    """As `text`, but the state of a probe is how many tables its worker has."""
    if new == [-1]:
        return sum(len(each._tables) for each in gc.get_objects() if type(each) is resident.Tables)
    return text(new, last) if new != [-2] else None


@pytest.mark.parametrize("memory, tables", [("100m", PARTITIONS // LANES), ("800k", 2), ("100k", 0)])
def test_workers_drop_tables_that_are_too_much(no_context: None, memory: str, tables: int) -> None:
    conf = SparkConf().setMaster(f"local[{LANES}]").setAppName("tables").set("spark.python.worker.memory", memory)
    sc = SparkContext(conf=conf)
    with TestContext() as test:
        feed, pairs = test.input()
        seen = test.collect(pairs.updateStateByKey(probing, PARTITIONS))
        for number in range(4):
            feed.push([(key, number) for key in range(KEYS)])
            test.tick()
        feed.push([(probe, -1) for probe in PROBES])
        test.tick()
        feed.push([(probe, -2) for probe in PROBES])
        test.tick()
        *_, probed, last = map(dict, seen.values())
        counts = [probed.pop(probe) for probe in PROBES]
        assert max(counts) == tables, counts
        assert probed == last == {key: f"{6:02000}" for key in range(KEYS)}
    sc.stop()


@pytest.mark.parametrize("code", [None, "new"])
def test_what_was_on_disk_is_recovered_onto_disk(tight: Any, code: Any, tmp_path: Path) -> None:
    # behaviour 6.14; with the new code the keys lie in other partitions
    given, out, spill = made(9), tmp_path / "out", tmp_path / "spill"
    expected = plain(given, quiet_goes)
    partitions = [PARTITIONS]

    def declare(pairs: DStream[Any]) -> None:
        pairs.updateStateByKey(quiet_goes, partitions[-1]).foreachRDD(partial(note, out))

    program = Runs(tight, tmp_path / "checkpoint", declare)
    try:
        for start in range(0, 9, 3):
            program.begin(**({"code": code} if start else {}))
            if start:
                program.ssc.start()
                assert spilled(spill), "what was loaded went to disk as it came"
            for batch in given[start : start + 3]:
                program.tick(batch)
            program.end()
            program.ssc, program.feed = None, None
            partitions.append(partitions[-1] - 3)
        assert len(batches(out)) >= len(given)
        seen = {time: dict(map(tuple, states)) for time, states in batches(out)}
        assert [seen[number + 1.0] for number in range(3)] == expected[:3]
        assert list(seen.values())[-1] == expected[-1]
    finally:
        program.end()
        Clocked.now_ms = 0


def test_a_disk_that_takes_nothing_fails_the_next_batch(tight: Any, tmp_path: Path, capfd: Any) -> None:
    folder = tmp_path / "spill"
    given = made(4)
    expected = plain(given, text)
    with TestContext() as test:
        feed, pairs = test.input()
        seen = test.collect(pairs.updateStateByKey(text, PARTITIONS))
        # What is on disk needs the folder that is then aside.
        tight.parallelize([1]).persist(StorageLevel.DISK_ONLY).count()
        tight.setLogLevel("WARN")  # whatever other tests have left
        (own,) = folder.rglob("tidemill-spill-*")
        aside = own.rename(tmp_path / "aside")
        own.write_text("a file where the folder was")
        feed.push(given[0])
        test.tick()  # all there is stays in memory
        assert dict(seen.values()[0]) == expected[0]
        assert capfd.readouterr().err.count("State stays in memory") == 1
        for _ in range(2):
            feed.push(given[1])
            with pytest.raises(EngineError, match="cannot spill to .*tidemill.memory.state.limit"):
                test.tick()
        own.unlink()
        aside.rename(own)
        for number in (1, 2, 3):
            feed.push(given[number])
            test.tick()
            assert len(spilled(folder)) > 1
        assert [dict(each) for each in seen.values()][-1] == expected[-1]
