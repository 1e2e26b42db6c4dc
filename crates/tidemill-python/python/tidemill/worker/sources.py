"""What the driver's sources run in workers: numbers of a range, text as bytes."""

from __future__ import annotations

from typing import Any, Iterable, Iterator


def part_of_range(start: int, stop: int, step: int, parts: int, index: int, _: Iterator[Any]) -> Iterable[int]:
    """The numbers of part `index` of a range that is cut into `parts`.

    >>> [list(part_of_range(0, 6, 2, 5, index, iter(()))) for index in range(5)]
    [[], [0], [], [2], [4]]
    """
    numbers = range(start, stop, step)
    return numbers[index * len(numbers) // parts : (index + 1) * len(numbers) // parts]


def utf8(line: str) -> bytes:
    """A line as bytes."""
    return line.encode("utf-8")


def utf8_of_pair(file: tuple[str, str]) -> tuple[str, bytes]:
    """A path and a text, the text as bytes."""
    return file[0], file[1].encode("utf-8")
