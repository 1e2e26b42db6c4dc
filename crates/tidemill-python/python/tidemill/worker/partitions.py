"""What tasks do with a whole partition for the actions and operators of an RDD.

Each is a small object that holds what the task needs (a user's function, a number), is called with the partition's
records, and pickles as its class and what it holds. So the code itself never travels, and the pickled form of a chain
can be kept from batch to batch.
"""

from __future__ import annotations

import heapq
from collections import defaultdict
from typing import Any, Callable, Iterable, Iterator, NoReturn, Sequence

from tidemill.statcounter import StatCounter
from tidemill.worker.external import Budget, Spill

Records = Iterable[Any]

# Records between two looks at the memory in use.
_STRETCH = 64


class PartitionFunction:
    """A function over a partition that is known by its class and its `parts`."""

    __slots__: tuple[str, ...] = ()

    def __init__(self, *parts: Any) -> None:
        for name, part in zip(self.__slots__, parts):
            setattr(self, name, part)

    def parts(self) -> tuple[Any, ...]:
        """What the function holds."""
        return tuple(getattr(self, name) for name in self.__slots__)

    def __reduce__(self) -> tuple[Any, ...]:
        return type(self), self.parts()

    def __call__(self, *arguments: Any) -> Any:
        raise NotImplementedError


def refuse_stop(error: StopIteration) -> NoReturn:
    """Fails the task for a StopIteration out of a user's function: it must never end the records (3.26)."""
    from tidemill.errors import PySparkRuntimeError

    raise PySparkRuntimeError(error_class="STOP_ITERATION_OCCURRED", message_parameters={"exc": str(error)}) from error


class Reduce(PartitionFunction):
    """The records brought down to one by a function of two; nothing for no records."""

    __slots__ = ("function",)
    function: Callable[[Any, Any], Any]

    def __call__(self, records: Records) -> Iterator[Any]:
        remaining = iter(records)
        for value in remaining:
            break
        else:
            return
        function = self.function
        try:
            for record in remaining:
                value = function(value, record)
        except StopIteration as error:
            refuse_stop(error)
        yield value


class Fold(PartitionFunction):
    """The records folded into a zero value; the zero itself for no records."""

    __slots__ = ("zero", "function")
    zero: Any
    function: Callable[[Any, Any], Any]

    def __call__(self, records: Records) -> Iterator[Any]:
        value = self.zero
        function = self.function
        try:
            for record in records:
                value = function(value, record)
        except StopIteration as error:
            refuse_stop(error)
        yield value


class TakeUpTo(PartitionFunction):
    """The first records; not one more is drawn than is asked for."""

    __slots__ = ("count",)
    count: int

    def __call__(self, records: Records) -> Iterator[Any]:
        remaining = iter(records)
        for _ in range(self.count):
            for record in remaining:
                yield record
                break
            else:
                return


class ForEachPartition(PartitionFunction):
    """Calls a function for what it does; if it returns records, they are drawn too."""

    __slots__ = ("function",)
    function: Callable[[Records], Any]

    def __call__(self, records: Records) -> Iterator[Any]:
        result = self.function(iter(records))
        try:
            return iter(result)
        except TypeError:
            return iter(())


class WithIndexes(PartitionFunction):
    """Each record and its position in the RDD; `starts` has the position at which each partition begins."""

    __slots__ = ("starts",)
    starts: Sequence[int]

    def __call__(self, partition: int, records: Records) -> Iterator[tuple[Any, int]]:
        return ((record, index) for index, record in enumerate(records, self.starts[partition]))


class WithUniqueIds(PartitionFunction):
    """Each record and a number: position in the partition times partitions, plus the partition."""

    __slots__ = ("partitions",)
    partitions: int

    def __call__(self, partition: int, records: Records) -> Iterator[tuple[Any, int]]:
        step = self.partitions
        return ((record, position * step + partition) for position, record in enumerate(records))


class ByPartition(PartitionFunction):
    """Each record under the number of its partition modulo `groups`: how trees of aggregation go on."""

    __slots__ = ("groups",)
    groups: int

    def __call__(self, partition: int, records: Records) -> Iterator[tuple[int, Any]]:
        group = partition % self.groups
        return ((group, record) for record in records)


class CombineLocally(PartitionFunction):
    """Pairs combined by key in their partition, in first-seen order; on disk what does not fit into memory."""

    __slots__ = ("create", "merge_value", "merge_combiners")
    create: Callable[[Any], Any]
    merge_value: Callable[[Any, Any], Any]
    merge_combiners: Callable[[Any, Any], Any]

    def __call__(self, records: Records) -> Iterator[tuple[Any, Any]]:
        create, merge_value = self.create, self.merge_value
        budget = Budget()
        table: dict[Any, Any] = {}
        spill = None
        try:
            for number, (key, value) in enumerate(records):
                table[key] = merge_value(table[key], value) if key in table else create(value)
                if not number % _STRETCH and budget.full():
                    if spill is None:
                        spill = Spill(self.merge_combiners)
                    spill.take(table)
                    budget.emptied()
        except StopIteration as error:
            refuse_stop(error)
        return iter(table.items()) if spill is None else spill.merged(table)


class ReduceByKey(PartitionFunction):
    """Pairs reduced by key into one dict."""

    __slots__ = ("function",)
    function: Callable[[Any, Any], Any]

    def __call__(self, records: Records) -> Iterator[dict[Any, Any]]:
        function = self.function
        table: dict[Any, Any] = {}
        try:
            for key, value in records:
                table[key] = function(table[key], value) if key in table else value
        except StopIteration as error:
            refuse_stop(error)
        yield table


class Largest(PartitionFunction):
    """A list of the largest records, the largest first."""

    __slots__ = ("count", "key")
    count: int
    key: Any

    def __call__(self, records: Records) -> Iterator[list[Any]]:
        yield heapq.nlargest(self.count, records, key=self.key)

    def merged(self, one: list[Any], other: list[Any]) -> list[Any]:
        """The largest of two such lists."""
        return heapq.nlargest(self.count, one + other, key=self.key)


class Smallest(PartitionFunction):
    """A list of the smallest records, the smallest first."""

    __slots__ = ("count", "key")
    count: int
    key: Any

    def __call__(self, records: Records) -> Iterator[list[Any]]:
        yield heapq.nsmallest(self.count, records, key=self.key)

    def merged(self, one: list[Any], other: list[Any]) -> list[Any]:
        """The smallest of two such lists."""
        return heapq.nsmallest(self.count, one + other, key=self.key)


class Better(PartitionFunction):
    """The better of two records: `choose` is `max` or `min`, by a key."""

    __slots__ = ("choose", "key")
    choose: Any
    key: Any

    def __call__(self, one: Any, other: Any) -> Any:
        return self.choose(one, other, key=self.key)


class ReduceMaybe(PartitionFunction):
    """A function of two over records that may be missing: each is a pair of the record and whether it is missing."""

    __slots__ = ("function",)
    function: Callable[[Any, Any], Any]

    def __call__(self, one: tuple[Any, bool], other: tuple[Any, bool]) -> tuple[Any, bool]:
        if one[1]:
            return other
        if other[1]:
            return one
        return self.function(one[0], other[0]), False


def present(record: Any) -> tuple[Any, bool]:
    """A record that is not missing."""
    return record, False


def total(records: Records) -> Iterator[Any]:
    """The sum of the records."""
    yield sum(records)


def gathered(records: Records) -> Iterator[list[Any]]:
    """All records in one list."""
    yield list(records)


def counted_by_value(records: Records) -> Iterator[dict[Any, int]]:
    """How often each record came."""
    counts: dict[Any, int] = defaultdict(int)
    for record in records:
        counts[record] += 1
    yield counts


def merged_counts(counts: dict[Any, int], others: dict[Any, int]) -> dict[Any, int]:
    """Counts of both, in the first of them."""
    for value, count in others.items():
        counts[value] += count
    return counts


def statistics(records: Records) -> list[StatCounter]:
    """Count, mean and so on of a partition of numbers."""
    return [StatCounter(records)]


def float_statistics(records: Records) -> list[StatCounter]:
    """The same for records that are made floats first."""
    return [StatCounter(map(float, records))]
