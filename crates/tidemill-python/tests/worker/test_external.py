"""Tables past the memory limit: the same results in the same order, and memory that stays near the limit."""

from __future__ import annotations

import json
import os
import random
import subprocess
import sys
from array import array
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import naive
import pytest
from tidemill.worker import batches, external, formats
from tidemill.worker.hashing import portable_hash

HERE = Path(__file__).parent


class Tight:
    """A budget that is full at each `every`th question."""

    every = 3

    def __init__(self) -> None:
        self.asked = 0

    def full(self) -> bool:
        self.asked += 1
        return self.asked % self.every == 0

    def emptied(self) -> None:
        pass


@pytest.fixture
def tight(monkeypatch: pytest.MonkeyPatch) -> None:
    """Tables are given up all the time."""
    from tidemill.worker import chain

    monkeypatch.setattr(external, "Budget", Tight)
    monkeypatch.setitem(chain._called, "Budget", Tight)
    monkeypatch.setattr(batches.TABLE, "records", 7)
    monkeypatch.setattr(chain, "_programs", {})


def pairs(count: int, keys: int, value: Any = None) -> list[tuple[Any, Any]]:
    rng = random.Random(count)
    kinds: list[Any] = [str, int, float, lambda n: (n, str(n)), lambda n: None if n % 2 else n]
    return [(kinds[n % 5](n), value or i) for i, n in enumerate(rng.choices(range(keys), k=count))]


def grouped(records: Any) -> dict[Any, list[Any]]:
    return naive.combined(records, lambda value: [value], lambda values, value: values + [value])


@pytest.mark.usefixtures("tight")
def test_a_map_side_hands_its_table_on_and_keeps_the_order() -> None:
    records = pairs(500, 40)
    table = grouped(records)
    for sink in (
        ("groups", 3, portable_hash),
        ("combine", lambda v: [v], lambda a, v: a + [v], None, 3, portable_hash),
    ):
        handed = 0
        buckets: list[dict[Any, list[Any]]] = [{}, {}, {}]
        for bucket, *batch in naive.made([], sink).run(iter(naive.runs_of(records)), None):
            handed += batch[1]
            for key, values in formats.decode(*batch):
                buckets[bucket].setdefault(key, []).extend(values)
        assert handed > len(table)
        for number, bucket_table in enumerate(buckets):
            expected = [(key, values) for key, values in table.items() if portable_hash(key) % 3 == number]
            assert list(bucket_table.items()) == expected


@pytest.mark.usefixtures("tight")
@pytest.mark.parametrize("every", [1, 2, 50])
def test_a_reduce_side_merges_what_it_wrote_in_first_seen_order(every: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Tight, "every", every)
    records = pairs(600, 90)
    assert naive.run([("group", None)], records) == [list(grouped(records).items())]
    lists = [(key, [value, -value]) for key, value in records]
    expected = naive.combined(lists, list, lambda a, b: a + b)
    assert naive.run([("mergeGroups", None)], lists) == [list(expected.items())]
    sums = naive.combined(records, lambda v: v, lambda a, b: a + b)
    assert naive.run([("mergeCombiners", lambda a, b: a + b)], records) == [list(sums.items())]
    # What comes after the table gets its pairs one by one.
    later = [("mapValues", str), ("filter", lambda pair: pair[0] != 3), ("mapPartitions", list)]
    assert naive.run([("mergeCombiners", lambda a, b: a + b), *later], records) == [
        [(key, str(value)) for key, value in sums.items() if key != 3]
    ]


@pytest.mark.usefixtures("tight")
def test_values_of_any_kind_come_back_from_files() -> None:
    class Own:
        def __init__(self, n: int) -> None:
            self.n = n

    records = [(n % 50, Own(n)) for n in range(300)]

    def add(left: Own, right: Own) -> Own:
        left.n += right.n
        return left

    ((*found,),) = naive.run([("mergeCombiners", add), ("mapValues", lambda own: own.n)], records)
    assert found == [(key, sum(range(key, 300, 50))) for key in range(50)]


def test_a_part_that_is_too_large_itself_is_cut_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(external, "Budget", Tight)
    monkeypatch.setattr(external, "_PARTS", 2)
    monkeypatch.setattr(Tight, "every", 2)
    spill = external.Spill(lambda a, b: a + b)
    for start in range(0, 12_000, 500):
        spill.take({key: 1 for key in range(start // 2, start // 2 + 500)})
    assert list(spill.merged({-7: 1})) == [(key, 2 if key >= 250 and key < 6000 else 1) for key in range(6250)] + [
        (-7, 1)
    ]


def test_files_go_to_each_folder_in_turn_and_leave_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folders = [tmp_path / "a", tmp_path / "b"]
    for folder in folders:
        folder.mkdir()
    used: list[Any] = []
    real = external.tempfile.TemporaryFile
    monkeypatch.setattr(external.tempfile, "TemporaryFile", lambda **named: used.append(named["dir"]) or real(**named))
    monkeypatch.setattr(external, "_memory", external._memory)
    monkeypatch.setattr(external, "_folders", ())
    external.configure(0, [str(folder) for folder in folders])
    spill = external.Spill(lambda a, b: a + b)
    spill.take({1: 1})
    assert list(spill.merged({1: 2})) == [(1, 3)]
    assert set(used) == {str(folder) for folder in folders}
    assert not any(os.listdir(folder) for folder in folders)


def test_the_limit_is_on_the_whole_process_and_gives_way_to_what_stays(monkeypatch: pytest.MonkeyPatch) -> None:
    here = external.resident()
    assert here > 1 << 20
    monkeypatch.setattr(external, "_memory", here * 2)
    budget = external.Budget()
    assert not budget.full()
    monkeypatch.setattr(external, "_memory", here // 2)
    budget = external.Budget()
    assert budget.full()
    budget.emptied()  # nothing can be given back: only growth counts
    assert external.resident() < budget.limit and budget.limit > here // 2


# ---- ten times the limit, in a process of its own ------------------------------------------------------------------

LIMIT = 8 << 20
VALUE = 1000
RECORDS = 10 * LIMIT // VALUE
TABLES = ("group", "mergeGroups", "mergeCombiners")


def large(name: str) -> Iterator[formats.Batch]:
    keys = list(range(RECORDS // 4))
    random.Random(5).shuffle(keys)
    for start in range(0, RECORDS, 250):
        some = [keys[i % len(keys)] for i in range(start, start + 250)]
        values: list[Any] = [f"{i:0{VALUE}}" for i in range(start, start + 250)]
        yield formats.encode_pairs(some, [[value] for value in values] if name == "mergeGroups" else values)


def measured(name: str) -> dict[str, int]:
    """Runs in a process of its own: what the process grew by, and whether the keys came in order."""
    ops = [(name, lambda left, right: left + right)] if name in TABLES else []
    sinks = {"groups": (name, 2, portable_hash), "combine": (name, None, lambda a, b: a + b, None, 2, portable_hash)}
    chain = naive.made(ops, sinks.get(name, ("rows",)))
    keys = array("q")
    size = 0
    base = external.resident()
    external.configure(base + LIMIT)
    for bucket, form, count, payload in chain.run(large(name), SimpleNamespace(partition=0)):
        size += len(payload)
        keys.extend(key for key, _ in formats.decode(form, count, payload) if bucket == 0)
    with open("/proc/self/status") as status:
        peak = next(int(line.split()[1]) << 10 for line in status if line.startswith("VmHWM"))
    expected = dict.fromkeys(
        key for batch in large(name) for key, _ in formats.decode(*batch) if key % 2 == 0 or not sinks.get(name)
    )
    return {"grown": peak - base, "size": size, "in_order": list(dict.fromkeys(keys)) == list(expected)}


@pytest.mark.parametrize("name", [*TABLES, "groups", "combine"])
def test_ten_times_the_limit(name: str) -> None:
    program = f"import json, test_external; print(json.dumps(test_external.measured({name!r})))"
    environment = dict(os.environ, PYTHONHASHSEED="0", PYTHONPATH=os.pathsep.join([str(HERE), *filter(None, sys.path)]))
    printed = subprocess.run(
        [sys.executable, "-c", program], env=environment, stdout=subprocess.PIPE, check=True
    ).stdout
    found = json.loads(printed)
    assert found["size"] > 9 * LIMIT
    assert found["in_order"]
    assert found["grown"] < 2 * LIMIT
