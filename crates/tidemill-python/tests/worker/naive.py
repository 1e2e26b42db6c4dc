"""Chains the plain way: an iterator for each operator, as PySpark nests them. What the generated loops must equal."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Iterator, Sequence
from types import SimpleNamespace
from typing import Any, Callable

from tidemill.worker import formats
from tidemill.worker.chain import Chain

Op = tuple[str, Any]


def through_iterators(ops: Sequence[Op], records: Iterable[Any], partition: int = 0) -> Iterator[Any]:
    for kind, f in ops:
        records = _operator(kind, f, iter(records), partition)
    return iter(records)


def _operator(kind: str, f: Any, records: Iterator[Any], partition: int) -> Iterator[Any]:
    if kind == "map":
        return map(f, records)
    if kind == "filter":
        return filter(f, records)
    if kind == "flatMap":
        return itertools.chain.from_iterable(map(f, records))
    if kind == "mapValues":
        return ((pair[0], f(pair[1])) for pair in records)
    if kind == "flatMapValues":
        return itertools.chain.from_iterable(((pair[0], x) for x in f(pair[1])) for pair in records)
    if kind == "mapPartitions":
        return iter(f(records))
    if kind == "mapPartitionsWithIndex":
        return iter(f(partition, records))
    if kind == "mergeCombiners":
        return iter(combined(records, lambda value: value, f).items())
    if kind == "group":
        return iter(combined(records, lambda value: [value], lambda values, value: values + [value]).items())
    assert kind == "mergeGroups"
    return iter(combined(records, lambda values: values, lambda values, more: values + more).items())


def combined(pairs: Iterable[Any], create: Callable[[Any], Any], merge: Callable[[Any, Any], Any]) -> dict[Any, Any]:
    table: dict[Any, Any] = {}
    for key, value in pairs:
        table[key] = merge(table[key], value) if key in table else create(value)
    return table


def made(ops: Sequence[Op], sink: tuple[Any, ...] = ("rows",), batch: int = 0) -> Chain:
    sited = tuple((kind, f, f"{kind} at app.py:{line}") for line, (kind, f) in enumerate(ops, 1))
    return Chain({"ops": sited, "sink": sink, "paths": (), "batch": batch})


def runs_of(records: Sequence[Any], cuts: Iterable[int] = ()) -> list[formats.Batch]:
    """Batches of the records, cut at the given places."""
    ends = [0, *sorted(cuts), len(records)]
    return [formats.encode_rows(list(records[start:end])) for start, end in zip(ends, ends[1:]) if start < end]


def run(
    ops: Sequence[Op],
    records: Sequence[Any],
    sink: tuple[Any, ...] = ("rows",),
    partition: int = 0,
    cuts: Iterable[int] = (),
    batch: int = 0,
) -> list[list[Any]]:
    """The records that come out of a chain, for each bucket."""
    outputs = made(ops, sink, batch).run(iter(runs_of(records, cuts)), SimpleNamespace(partition=partition))
    buckets: list[list[Any]] = [[] for _ in range(_buckets(sink))]
    for bucket, form, count, payload in outputs:
        some = list(formats.decode(form, count, payload))
        assert formats.count_of(form, count, payload) == len(some)
        buckets[bucket] += some
    return buckets


def _buckets(sink: tuple[Any, ...]) -> int:
    at = {"buckets": 1, "scatter": 1, "groups": 1, "combine": 4}.get(sink[0])
    return 1 if at is None else sink[at]
