"""Random chains against an iterator for each operator: the same records, the same calls, in the same order."""

from __future__ import annotations

import random
from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any, Callable

import naive
import pytest
from tidemill.worker import formats
from tidemill.worker.hashing import portable_hash

Log = list[tuple[Any, ...]]

CASES = 600


class Functions:
    """Functions that write down each of their calls. Two of one seed are the same functions, with logs of their own."""

    def __init__(self, seed: float) -> None:
        self.log: Log = []
        self.rng = random.Random(seed)

    def traced(self, name: int, function: Callable[[Any], Any]) -> Callable[[Any], Any]:
        def call(x: Any) -> Any:
            self.log.append((name, x))
            return function(x)

        return call

    def several(self, name: int, form: str) -> Callable[[Any], Any]:
        """For flatMap: a list, a tuple, a generator that writes down how far it was drawn, or a long one."""

        def generated(x: Any) -> Iterator[Any]:
            for i in range(3000 if form == "long" and self.log[-1][1] == 7 else _number(x) % 3):
                self.log.append((name, x, i))
                yield _number(x) + i

        if form in ("lazy", "long"):
            return self.traced(name, generated)
        kind: Any = list if form == "list" else tuple
        return self.traced(name, lambda x: kind(_number(x) + i for i in range(_number(x) % 3)))

    def partition(self, name: int, form: str) -> Callable[..., Any]:
        def some(*arguments: Any) -> Iterator[Any]:
            *index, records = arguments
            for number, x in enumerate(records):
                if form == "early" and number == 3:
                    return
                self.log.append((name, *index, x))
                yield x

        def eager(*arguments: Any) -> Any:
            *index, records = arguments
            self.log.append((name, "called", *index))
            self.log.append((name, next(records, None)))
            return records if form == "eager" else list(records)

        return some if form in ("all", "early") else eager

    def ops(self) -> list[naive.Op]:
        """A chain over integers. Operators of pairs come in threes, which make pairs and take them apart again."""
        rng, ops = self.rng, []
        for name in range(rng.randrange(1, 6)):
            kind = rng.choice(
                [
                    "map",
                    "map",
                    "filter",
                    "flatMap",
                    "flatMap",
                    "mapPartitions",
                    "mapPartitionsWithIndex",
                    "values",
                    "table",
                ]
            )
            if kind == "map":
                ops.append((kind, self.traced(name, lambda x: _number(x) * 2 + 1)))
            elif kind == "filter":
                ops.append((kind, self.traced(name, lambda x: _number(x) % 5)))
            elif kind == "flatMap":
                ops.append((kind, self.several(name, rng.choice(["list", "tuple", "lazy", "long"]))))
            elif kind.startswith("mapPartitions"):
                ops.append((kind, self.partition(name, rng.choice(["all", "early", "eager", "list"]))))
            else:
                ops.append(("map", self.traced(name, lambda x: (_number(x) % 4, _number(x)))))
                if kind == "table":
                    ops.append((rng.choice(["group", "mergeCombiners"]), self.adding(name)))
                    if rng.random() < 0.3:
                        continue
                    ops.append(("mapValues", self.traced(-name, repr)))
                else:
                    ops.append((rng.choice(["mapValues", "filter"]), self.traced(-name, lambda x: x)))
                    if rng.random() < 0.5:
                        ops.append(("flatMapValues", self.several(-name, rng.choice(["list", "lazy"]))))
                    if rng.random() < 0.3:
                        continue
                ops.append(("map", self.traced(-name, lambda pair: len(repr(pair)))))
        return ops

    def adding(self, name: int) -> Callable[[Any, Any], Any]:
        def add(left: Any, right: Any) -> Any:
            self.log.append((name, left, right))
            return left + right

        return add


def _number(x: Any) -> int:
    """Whatever came down the chain, as a small number."""
    while isinstance(x, (tuple, list)):
        x = len(x) if isinstance(x, list) else x[-1]
    return len(x) if isinstance(x, str) else x % 1000


def pairs_of(records: Any) -> Iterator[tuple[Any, Any]]:
    for record in records:
        key, value = record
        yield key, value


def sunk(sink: tuple[Any, ...], records: Iterator[Any], partition: int) -> list[list[Any]]:
    """What the sink has for each bucket."""
    name, *arguments = sink
    if name == "rows":
        return [list(records)]
    if name == "count":
        return [[sum(1 for _ in records)]]
    if name == "none":
        for _ in records:
            pass
        return [[]]
    if name == "text":
        return [[line for record in records for line in record.split("\n")]]
    if name == "scatter":
        everything = list(records)
        n = arguments[0]
        return [everything[(bucket - partition) % n :: n] for bucket in range(n)]
    if name == "buckets":
        pairs, (n, function) = pairs_of(records), arguments
    elif name == "groups":
        table = naive.combined(pairs_of(records), lambda value: [value], lambda values, value: values + [value])
        pairs, (n, function) = iter(table.items()), arguments
    else:
        create, merge, _, n, function = arguments
        table = naive.combined(pairs_of(records), create or (lambda value: value), merge)
        pairs = iter(table.items())
    buckets: list[list[Any]] = [[] for _ in range(n)]
    for key, value in pairs:
        buckets[function(key) % n].append((key, value))
    return buckets


def sinks(functions: Functions) -> dict[str, tuple[list[naive.Op], tuple[Any, ...]]]:
    """Each sink, with the operators that bring integers into its form."""
    paired = [("map", functions.traced(97, lambda x: (_number(x) % 7, _number(x))))]
    valued = [*paired, ("mapValues", functions.traced(96, lambda x: x + 1))]
    flat = [*paired, ("flatMapValues", functions.several(95, "lazy"))]
    own = functions.traced(98, lambda key: key * 3 - 1)
    add = functions.adding(99)
    return {
        "rows": ([], ("rows",)),
        "count": ([], ("count",)),
        "none": ([], ("none",)),
        "text": ([("map", functions.traced(97, repr))], ("text",)),
        "scatter": ([], ("scatter", 3)),
        "buckets": (paired, ("buckets", 3, portable_hash)),
        "buckets of one's own": (flat, ("buckets", 2, own)),
        "groups": (valued, ("groups", 3, portable_hash)),
        "groups of flat values": (flat, ("groups", 2, portable_hash)),
        "combine": (paired, ("combine", None, add, add, 3, portable_hash)),
        "combine with a creator": (valued, ("combine", functions.traced(94, lambda x: x * 10), add, add, 2, own)),
        "combine flat values": (flat, ("combine", None, add, add, 1, portable_hash)),
    }


@pytest.mark.parametrize("name", sorted(sinks(Functions(0))))
def test_random_chains(name: str) -> None:
    rng = random.Random(name)
    for _ in range(CASES // len(sinks(Functions(0))) + 1):
        seed, partition = rng.random(), rng.randrange(5)
        records = [rng.randrange(50) for _ in range(rng.randrange(12))]
        cuts = [rng.randrange(len(records) + 1) for _ in range(rng.randrange(3))]
        plain, generated = Functions(seed), Functions(seed)
        ops = plain.ops()
        last, sink = sinks(plain)[name]
        expected = sunk(sink, naive.through_iterators(ops + last, records, partition), partition)
        ops = generated.ops()
        last, sink = sinks(generated)[name]
        found = naive.run(ops + last, records, sink, partition, cuts)
        assert found == expected
        assert generated.log == plain.log, [kind for kind, _ in ops + last]


@pytest.mark.parametrize("records, batch", [(0, 3), (1, 3), (3, 3), (10, 3), (5000, 700), (5000, 1)])
def test_batches_of_a_fixed_number_of_records(records: int, batch: int) -> None:
    for ops in ([], [("map", abs)], [("flatMap", lambda x: iter((x, x)))], [("mapPartitions", list)]):
        outputs = list(naive.made(ops, ("rows",), batch).run(iter(naive.runs_of(range(records), [2, 7])), None))
        numbers = [count for _, _, count, _ in outputs]
        total = records * (2 if ops and ops[0][0] == "flatMap" else 1)
        assert numbers == [batch] * (total // batch) + ([total % batch] if total % batch else [])


def test_batches_pass_as_they_are_where_nothing_is_done() -> None:
    runs = [(formats.TEXT, 0, b"a\nb\n"), (formats.ROWS, 9, b"not even read")]
    assert list(naive.made([]).run(iter(runs), None)) == [(0, *run) for run in runs]
    assert list(naive.made([], ("count",)).run(iter(runs), None)) == [(0, *formats.encode_rows([11]))]


@pytest.mark.parametrize("record, records, least, most", [(1, 100_000, 20_000, 40_000), ("x" * 100_000, 200, 1, 32)])
def test_batches_grow_to_a_size_and_large_records_make_small_ones(
    record: Any, records: int, least: int, most: int
) -> None:
    outputs = list(naive.made([("map", lambda _: record)]).run(iter(naive.runs_of(range(records))), None))
    assert least <= max(count for _, _, count, _ in outputs) <= most
    assert sum(count for _, _, count, _ in outputs) == records


def test_endless_output_of_one_record_is_handed_on() -> None:
    def endless(x: int) -> Iterator[tuple[int, int]]:
        while True:
            yield x, x
            x += 1

    chain = naive.made([("flatMap", endless)], ("buckets", 2, portable_hash))
    outputs = chain.run(iter(naive.runs_of([0])), None)
    assert [bucket for bucket, *_ in (next(outputs) for _ in range(4))] == [0, 1, 0, 1]


def test_one_record_is_drawn_for_one_that_is_taken() -> None:
    drawn: list[int] = []

    def note(x: int) -> int:
        drawn.append(x)
        return x

    def first(records: Iterator[Any]) -> list[Any]:
        return [next(records)]

    assert naive.run([("map", note), ("filter", bool), ("mapPartitions", first)], range(10)) == [[1]]
    assert drawn == [0, 1]


def test_runs_are_drawn_when_records_are_asked_for() -> None:
    def runs() -> Iterator[formats.Batch]:
        yield formats.encode_rows([1, 2])
        raise AssertionError("nobody needs a second run")

    def two(records: Iterator[Any]) -> Iterator[Any]:
        yield next(records)
        yield next(records)

    for ops in ([("mapPartitions", two)], [("map", str), ("mapPartitions", two)]):
        ((_, form, count, payload),) = naive.made(ops).run(runs(), None)
        assert len(list(formats.decode(form, count, payload))) == 2


def test_inner_functions_of_partitions_are_called_first() -> None:
    calls: list[str] = []

    def named(name: str) -> Callable[[Iterator[Any]], Iterator[Any]]:
        def function(records: Iterator[Any]) -> Iterator[Any]:
            calls.append(name)
            return records

        return function

    run = naive.made([("mapPartitions", named("inner")), ("map", str), ("mapPartitions", named("outer"))]).run(
        iter(()), None
    )
    assert list(run) == [] and calls == ["inner", "outer"]


def test_a_chain_runs_any_number_of_times() -> None:
    chain = naive.made([("flatMap", str.split), ("map", lambda word: (word, 1))], ("groups", 1, portable_hash))
    for _ in range(3):
        ((_, form, count, payload),) = chain.run(iter([(formats.TEXT, 0, b"a b a")]), SimpleNamespace(partition=0))
        assert list(formats.decode(form, count, payload)) == [("a", [1, 1]), ("b", [1])]


def test_records_may_be_none_and_pairs_may_be_lists() -> None:
    assert naive.run([("map", lambda x: None if x else x)], [0, 1, None]) == [[0, None, None]]
    assert naive.run([("mapValues", str)], [[1, 2, 3], "ab"]) == [[(1, "2"), ("a", "b")]]
    assert naive.run([], [[1, 2], (1, 3), "ab"], ("buckets", 1, lambda key: 0)) == [[(1, 2), (1, 3), ("a", "b")]]


def test_keys_that_are_equal_meet_whatever_their_types() -> None:
    add = ("combine", None, lambda a, b: a + b, None, 1, portable_hash)
    assert (
        repr(naive.run([], [(1, 1), (1.0, 2), (True, 4), ("1", 8), (None, 16)], add))
        == "[[(1, 7), ('1', 8), (None, 16)]]"
    )


def test_unknown_kinds_and_sinks_are_errors() -> None:
    with pytest.raises(ValueError, match="operator: sideways"):
        naive.made([("sideways", str)])
    with pytest.raises(ValueError, match="sink: drain"):
        naive.made([], ("drain",))
