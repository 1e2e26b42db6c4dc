"""The text that is counted: 64 MiB, ten words a line, 50,000 distinct words as frequent as Zipf's law has them."""
from __future__ import annotations

import random
from itertools import accumulate
from pathlib import Path

TEXT_BYTES = 64 << 20
LINE_WORDS = 10
DISTINCT = 50_000
LINES_AT_ONCE = 10_000


def written_to(folder: Path) -> Path:
    """The file of the text, which is made if it is not there yet; the same on every machine."""
    path = folder / "text64.txt"
    if not path.exists():
        folder.mkdir(parents=True, exist_ok=True)
        unfinished = path.with_suffix(".unfinished")
        with open(unfinished, "w", encoding="ascii") as file:
            _write(file.write)
        unfinished.rename(path)
    return path


def cut(path: Path, size: int) -> Path:
    """A file beside `path` with the first lines of it, `size` bytes at most."""
    short = path.with_name(f"text{size >> 20}.txt")
    if not short.exists():
        with open(path, "rb") as file:
            start = file.read(size)
        short.write_bytes(start[: start.rfind(b"\n") + 1])
    return short


def _write(write: object) -> None:
    assert callable(write)
    draw = random.Random(7)
    words = _vocabulary(draw)
    weights = list(accumulate(1 / rank for rank in range(1, DISTINCT + 1)))
    size = 0
    while size < TEXT_BYTES:
        drawn = draw.choices(words, cum_weights=weights, k=LINES_AT_ONCE * LINE_WORDS)
        lines = [" ".join(drawn[at : at + LINE_WORDS]) for at in range(0, len(drawn), LINE_WORDS)]
        block = "\n".join(lines) + "\n"
        if size + len(block) > TEXT_BYTES:
            block = block[: block.rfind("\n", 0, TEXT_BYTES - size) + 1]
            write(block)
            return
        write(block)
        size += len(block)


def _vocabulary(draw: random.Random) -> list[str]:
    """Distinct words; as in most languages the frequent ones are short."""
    words: dict[str, None] = {}
    while len(words) < DISTINCT:
        shortest = 2 if len(words) < 100 else 4 if len(words) < 3_000 else 6
        words["".join(draw.choices("abcdefghijklmnopqrstuvwxyz", k=shortest + draw.randrange(6)))] = None
    return list(words)
