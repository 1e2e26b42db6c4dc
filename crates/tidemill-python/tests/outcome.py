"""What came out of programs that were killed, held against what plain code makes of what their sources gave in each batch."""
from __future__ import annotations

import json
import sqlite3
from collections import Counter, deque
from hashlib import sha256
from pathlib import Path
from typing import Any, Iterable, Iterator, Union

from harness import lines
from kills.driving import END, INTERVAL, SLIDE, WINDOW
from stores import Bucket, Hdfs

Batches = dict[int, list[Any]]


class Kept:
    """The batches that a sink got, by time. They stay in its file, as joins of large batches are more than memory holds."""

    def __init__(self, folder: Path, name: str) -> None:
        self._path = folder / f"{name}.out"
        self._places: dict[int, tuple[int, int, bytes]] = {}
        self.attempts: Counter[int] = Counter()
        """How often each came: all attempts must be the same."""
        place = 0
        for line in self._lines():
            note = line.rstrip(b"\n")
            if note.endswith(END.encode()):
                head, text = note[: -len(END)].split(b"\t")
                time, digest = int(head), sha256(text).digest()
                first = self._places.setdefault(time, (place + len(head) + 1, len(text), digest))
                assert first[2] == digest, f"{name}: two attempts at the batch of {time} differ"
                self.attempts[time] += 1
            place += len(line)

    def _lines(self) -> Iterator[bytes]:
        if self._path.exists():
            with open(self._path, "rb") as file:
                yield from file

    def times(self) -> list[int]:
        return sorted(self._places)

    def batch(self, time: int) -> list[Any]:
        """What it got of a batch that it got."""
        place, length, _ = self._places[time]
        with open(self._path, "rb") as file:
            file.seek(place)
            return json.loads(file.read(length))


class Saved:
    """The folders of text that a program saves, looked at after each kill: each is there as a whole or not at all."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
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


class SavedElsewhere(Saved):
    """The same, on another machine: each is whole where `_SUCCESS` is."""

    def __init__(self, store: Union[Bucket, Hdfs]) -> None:
        self._store = store
        self._seen: dict[str, dict[str, bytes]] = {}
        self._last: dict[str, dict[str, bytes]] = {}

    def look(self) -> None:
        """Looks at all of them. What was whole before must be so again with the same files, once it is whole."""
        self._last = {}
        for path, data in self._store.files().items():
            folder, name = path.rsplit("/", 1)
            self._last.setdefault(folder, {})[name] = data
        whole = {folder: files for folder, files in self._last.items() if "_SUCCESS" in files and not folder.startswith(".")}
        for folder, files in whole.items():
            assert self._seen.setdefault(folder, files) == files, f"{folder} has changed"

    def batches(self) -> Batches:
        left = sorted(self._last.keys() - self._seen.keys())
        assert not left, f"left behind, or not whole: {left}"
        assert self._last == self._seen
        texts = {folder: b"".join(data for _, data in sorted(files.items())) for folder, files in self._seen.items()}
        return {int(folder[len("ids-") : -len(".txt")]): sorted(map(int, text.split())) for folder, text in texts.items()}


class Outcome:
    """What came out of a program."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        found = {path.stem: Kept(folder, path.stem) for path in folder.glob("raw*.out")}
        self.raw: dict[str, Batches] = {name: {time: kept.batch(time) for time in kept.times()} for name, kept in found.items()}
        """What each source gave."""
        self.again = max(sum(count > 1 for count in kept.attempts.values()) for kept in found.values())
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
        found, times = Kept(self._folder, name), []
        for time, records in wanted:
            times.append(time)
            assert time in found.attempts, f"{name}: the batch of {time} is missing"
            same = found.batch(time) == json.loads(json.dumps(sorted(records)))
            assert same, f"{name}: the batch of {time}"  # without the two: they may be large, and pytest shows what differs
        assert found.times() == sorted(times), name

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
