"""What came out of programs that were killed, held against what plain code makes of what their sources gave in each batch."""
from __future__ import annotations

import json
import sqlite3
from collections import Counter, deque
from pathlib import Path
from typing import Any, Iterable, Iterator

from harness import lines
from kills.driving import END, INTERVAL, SLIDE, WINDOW

Batches = dict[int, list[Any]]


def kept(folder: Path, name: str) -> tuple[Batches, int]:
    """The batches that a sink got, by time, and how many of them it got more than once: all attempts must be the same."""
    path = folder / f"{name}.out"
    batches: dict[int, str] = {}
    attempts: Counter[int] = Counter()
    for line in path.read_text().splitlines() if path.exists() else ():
        if line.endswith(END):
            time, text = line[: -len(END)].split("\t")
            assert batches.setdefault(int(time), text) == text, f"{name}: two attempts at the batch of {time} differ"
            attempts[int(time)] += 1
    return {time: json.loads(text) for time, text in batches.items()}, sum(count > 1 for count in attempts.values())


class Saved:
    """The folders of text that a program saves, looked at after each kill: each is there as a whole or not at all."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder / "saved"
        self._seen: dict[str, dict[str, bytes]] = {}

    def look(self) -> None:
        """Looks at all of them. Those that were seen before must be as they were."""
        found = {}
        for folder in self._folder.glob("[!._]*"):
            found[folder.name] = {file.name: file.read_bytes() for file in folder.iterdir()}
            assert "_SUCCESS" in found[folder.name], f"{folder.name} is not whole"
        for name, files in self._seen.items():
            assert found.get(name) == files, f"{name} has changed or is gone"
        self._seen = found

    def batches(self) -> Batches:
        """The ids of each batch, sorted. At the end nothing else must be there."""
        left = [path.name for path in self._folder.glob("[._]*")]
        assert not left, f"left behind: {left}"
        return {int(name[len("ids-") : -len(".txt")]): sorted(map(int, lines(str(self._folder / name)))) for name in self._seen}


class Outcome:
    """What came out of a program."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        found = {path.stem: kept(folder, path.stem) for path in folder.glob("raw*.out")}
        self.raw: dict[str, Batches] = {name: batches for name, (batches, _) in found.items()}
        """What each source gave."""
        self.again = max(again for _, again in found.values())
        """How many batches some sink got more than once."""
        self.all: Batches = {}
        """What all sources gave."""
        for batches in self.raw.values():
            for time, ids in batches.items():
                self.all[time] = sorted(self.all.get(time, []) + ids)
        self.all = dict(sorted(self.all.items()))

    def complete(self, sent: int, owed: set[int]) -> None:
        """Each batch is there; each id that was sent is there once at most, and once what is owed."""
        for name, batches in self.raw.items():
            times = sorted(batches)
            assert times == list(range(times[0], times[-1] + 1, round(INTERVAL * 1000))), f"{name}: batches are missing"
        count = Counter(id for ids in self.all.values() for id in ids)
        assert max(count.values()) == 1, f"more than once: {count.most_common(10)}"
        assert all(0 <= id < sent for id in count), "ids came out that nobody sent"
        assert owed <= set(count), f"lost: {sorted(owed - set(count))}"

    def compare(self, name: str, wanted: Iterable[tuple[int, list[Any]]]) -> None:
        """The batches of a sink are those."""
        found, _ = kept(self._folder, name)
        wanted = {time: json.loads(json.dumps(sorted(records))) for time, records in wanted}
        assert sorted(found) == sorted(wanted), name
        for time, records in wanted.items():
            assert found[time] == records, f"{name}: the batch of {time}"

    def sums(self) -> Iterator[tuple[int, list[Any]]]:
        """For each batch the state of each key: how many ids there were, and their sum."""
        state: dict[int, tuple[int, int]] = {}
        for time, ids in self.all.items():
            for id in ids:
                count, total = state.get(id % 13, (0, 0))
                state[id % 13] = count + 1, total + id
            yield time, list(state.items())

    def window(self, slide: int = SLIDE) -> Iterator[tuple[int, list[Any]]]:
        """The windows that are due, with the ids of their batches."""
        window: deque[list[int]] = deque(maxlen=WINDOW)
        for number, (time, ids) in enumerate(self.all.items(), 1):
            window.append(ids)
            if number % slide == 0:
                yield time, [id for each in window for id in each]

    def inverse(self) -> Iterator[tuple[int, list[Any]]]:
        """As `sums`, of windows after each batch; a key that has left stays, with nothing."""
        known: set[int] = set()
        for time, ids in self.window(1):
            known.update(id % 13 for id in ids)
            fitting = {key: [id for id in ids if id % 13 == key] for key in known}
            yield time, [(key, (len(each), sum(each))) for key, each in fitting.items()]

    def joined(self, left: str, right: str) -> Iterator[tuple[int, list[Any]]]:
        """Each id of one source with those of its key in a window of the other."""
        window: deque[list[int]] = deque(maxlen=WINDOW)
        for time in self.all:
            window.append(self.raw[left][time])
            others = [id for each in window for id in each]
            yield time, [(id % 13, (other, id)) for id in self.raw[right][time] for other in others if other % 13 == id % 13]

    def in_table(self) -> Batches:
        """What the table holds, by batch."""
        found: Batches = {}
        connection = sqlite3.connect(self._folder / "ids.db")
        for time, id in connection.execute("SELECT batch, id FROM ids ORDER BY batch, id"):
            found.setdefault(time, []).append(id)
        connection.close()
        return found
