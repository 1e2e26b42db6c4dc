"""What a worker's generated loops cost, against the same functions called from loops written by hand.

    PYTHONPATH=python python benches/chain.py [repetitions] [MiB of text]

One process, no engine: runs of 256 KiB of text go through `tidemill.worker.chain` and through the by-hand loops in
turn. Figures are CPU time, the best of the repetitions. The text is made here (50,000 words, frequency as 1/rank).
"""

from __future__ import annotations

import itertools
import random
import sys
import time
from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any, Callable

from tidemill.worker import chain, formats
from tidemill.worker.hashing import portable_hash

RUN = 256 << 10
VOCABULARY = 50_000
TASK = SimpleNamespace(partition=0)


def text_of(mebibytes: int) -> bytes:
    rng = random.Random(7)
    words: dict[str, None] = {}
    while len(words) < VOCABULARY:
        length = rng.randrange(3, 8) if len(words) < 500 else rng.randrange(6, 13)
        words["".join(rng.choices("abcdefghijklmnopqrstuvwxyz", k=length))] = None
    vocabulary = list(words)
    weights = list(itertools.accumulate(1 / rank for rank in range(1, VOCABULARY + 1)))
    lines: list[str] = []
    size = 0
    while size < mebibytes << 20:
        drawn = iter(rng.choices(vocabulary, cum_weights=weights, k=100_000))
        while True:
            line = " ".join(itertools.islice(drawn, rng.randrange(7, 14)))
            if not line:
                break
            lines.append(line)
            size += len(line) + 1
    return ("\n".join(lines) + "\n").encode()


def runs_of(text: bytes) -> list[formats.Batch]:
    runs: list[formats.Batch] = []
    start = 0
    while start < len(text):
        end = text.rfind(b"\n", start, start + RUN) + 1
        runs.append((formats.TEXT, 0, text[start:end]))
        start = end
    return runs


def split(line: str) -> list[str]:
    return line.split(" ")


def split_lazily(line: str) -> Iterator[str]:
    yield from line.split(" ")


def one(word: str) -> tuple[str, int]:
    return (word, 1)


def add(left: int, right: int) -> int:
    return left + right


def counted_by_hand(runs: list[formats.Batch]) -> Any:
    counts: dict[str, int] = {}
    for _, _, payload in runs:
        for line in str(payload, "utf-8").split("\n")[:-1]:
            for word in split(line):
                key, value = one(word)
                counts[key] = add(counts[key], value) if key in counts else value
    return counts


def chained(ops: list[tuple[str, Any]], sink: tuple[Any, ...]) -> Callable[[list[formats.Batch]], Any]:
    made = chain.Chain({"ops": tuple((kind, f, kind) for kind, f in ops), "sink": sink})
    return lambda runs: list(made.run(iter(runs), TASK))


def numbers_by_hand(runs: list[formats.Batch]) -> int:
    count = 0
    for run in runs:
        for number in formats.decode(*run):
            if even(twice(number)):
                count += 1
    return count


def listed_by_hand(runs: list[formats.Batch]) -> list[int]:
    found = []
    for run in runs:
        for number in formats.decode(*run):
            number = twice(number)
            if even(number):
                found.append(number)
    return found


def twice(number: int) -> int:
    return number * 3


def even(number: int) -> bool:
    return number % 2 == 0


def best(function: Callable[[list[formats.Batch]], Any], runs: list[formats.Batch]) -> float:
    start = time.process_time()
    function(runs)
    return time.process_time() - start


def main() -> None:
    repetitions = int(sys.argv[1]) if len(sys.argv) > 1 else 7
    text = text_of(int(sys.argv[2]) if len(sys.argv) > 2 else 16)
    words, texts = len(text.split()), runs_of(text)
    numbers = [formats.encode_rows(list(range(start, start + 32_768))) for start in range(0, 2 << 20, 32_768)]
    count_words = [("flatMap", split), ("map", one)]
    lazily = [("flatMap", split_lazily), ("map", one)]
    halves = [("map", twice), ("filter", even)]
    combine = ("combine", None, add, add, 2, portable_hash)
    cases: list[tuple[str, int, Any, Any, Any]] = [
        ("word count, map side", words, texts, counted_by_hand, chained(count_words, combine)),
        ("word count, flatMap by generator", words, texts, None, chained(lazily, combine)),
        ("words, counted", words, texts, None, chained([("flatMap", split)], ("count",))),
        ("words, to buckets", words, texts, None, chained(count_words, ("buckets", 2, portable_hash))),
        ("words, grouped", words, texts, None, chained(count_words, ("groups", 2, portable_hash))),
        ("words, as rows", words, texts, None, chained([("flatMap", split)], ("rows",))),
        ("map and filter of int, counted", 2 << 20, numbers, numbers_by_hand, chained(halves, ("count",))),
        ("map and filter of int, rows", 2 << 20, numbers, listed_by_hand, chained(halves, ("rows",))),
    ]
    print(f"Python {sys.version.split()[0]}; million records a CPU second, best of {repetitions}")
    for name, records, runs, by_hand, generated in cases:
        hand = chain_time = float("inf")
        for _ in range(repetitions):
            if by_hand is not None:
                hand = min(hand, best(by_hand, runs))
            chain_time = min(chain_time, best(generated, runs))
        note = f"by hand {records / hand / 1e6:6.2f}   ratio {hand / chain_time:.2f}" if by_hand else ""
        print(f"{name:32s} {records / chain_time / 1e6:6.2f}   {note}")


if __name__ == "__main__":
    main()
