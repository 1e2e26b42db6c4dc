"""Counting records by buckets in a worker."""

from __future__ import annotations

from bisect import bisect_right
from typing import Any, Iterable, Sequence

from tidemill.worker.partitions import PartitionFunction


class CountByBucket(PartitionFunction):
    """How many records fall into each bucket; the last bucket has both its ends.

    With a `width` all buckets are equally wide, and a division finds a record's bucket.
    """

    __slots__ = ("buckets", "width")
    buckets: Sequence[Any]
    width: Any

    def __call__(self, records: Iterable[Any]) -> list[list[int]]:
        buckets, width = self.buckets, self.width
        low, high = buckets[0], buckets[-1]
        counts = [0] * len(buckets)
        for record in records:
            if record is None or (isinstance(record, float) and record != record) or record > high or record < low:
                continue
            counts[int((record - low) / width) if width is not None else bisect_right(buckets, record) - 1] += 1
        # A record at the very end was counted beyond the last bucket.
        last = counts.pop()
        counts[-1] += last
        return [counts]


def added(one: list[int], other: list[int]) -> list[int]:
    """Counts of both."""
    return [count + more for count, more in zip(one, other)]
