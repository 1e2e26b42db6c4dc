"""A chain of functions as one generated loop: how a task's records go through a program's functions.

PySpark nests an iterator for each operator. Here the chain is written out as nested loops in Python, compiled once for
each *shape* (the kinds of its operators and its sink) and kept. The functions are called for the same records, in the
same order: one record walks the whole chain before the next is taken, and what a flatMap returned is iterated lazily.

A whole-partition operator (`mapPartitions`, a merge after a shuffle) cuts the chain into segments. Each segment is a
function of the generated code; the last one feeds the sink and yields batches.
"""
from __future__ import annotations

import itertools
import sys
from types import TracebackType
from typing import Any, Dict, Iterable, Iterator, List, Optional, Tuple

from tidemill.worker import formats
from tidemill.worker.external import Budget, Spill
from tidemill.worker.hashing import portable_hash

__all__ = ["Chain", "Paths", "site_of"]

Output = Tuple[int, int, int, formats.Payload]  # bucket, format, number of records, payload
Op = Tuple[str, Any, str]  # kind, function, site

FILE = "<tidemill chain>"  # the name that tracebacks show for generated code

ELEMENTS = frozenset({"map", "flatMap", "filter", "mapValues", "flatMapValues"})
CALLED = frozenset({"mapPartitions", "mapPartitionsWithIndex"})
TABLES = frozenset({"mergeCombiners", "group", "mergeGroups"})
SINKS = frozenset({"rows", "count", "none", "text", "buckets", "scatter", "combine", "groups"})


class Paths:
    """Folders and archives that go to `sys.path` when this is unpickled, so before the functions pickled after it."""

    def __init__(self, paths: Iterable[str]) -> None:
        self.paths = tuple(paths)

    def __reduce__(self) -> Tuple[Any, ...]:
        return _add_paths, (self.paths,)


def _add_paths(paths: Tuple[str, ...]) -> Tuple[str, ...]:
    added = [path for path in paths if path not in sys.path]
    if added:
        import importlib

        sys.path[1:1] = added
        importlib.invalidate_caches()
    return paths


class Chain:
    """A chain that can run tasks. `description` is what the driver pickled: ops, sink, paths and batch size."""

    __slots__ = ("_arguments", "_batch", "_functions", "_program", "_sites")

    def __init__(self, description: Dict[str, Any]) -> None:
        _add_paths(tuple(description.get("paths", ())))
        ops: Tuple[Op, ...] = tuple(description["ops"])
        name, *arguments = description["sink"]
        self._program = program(tuple(op[0] for op in ops), name, _variant(name, arguments))
        self._functions = tuple(op[1] for op in ops)
        self._sites = tuple(op[2] for op in ops)
        self._arguments = tuple(arguments)
        self._batch = description.get("batch", 0)

    def run(self, runs: Iterable[formats.Batch], task: Any) -> Iterator[Output]:
        """The task's output batches. Input is drawn, and functions are called, as they are asked for."""
        return self._program(runs, task, self._sites, Sizes(self._batch), self._functions, self._arguments)


class Sizes:
    """How many records go into a batch: as many as asked for, or so many that its bytes stay near a target."""

    __slots__ = ("fixed", "records")

    FIRST = 128
    LEAST, MOST = 1, 1 << 18
    BYTES = 256 << 10
    GROWTH = 16

    def __init__(self, fixed: int) -> None:
        self.fixed = fixed
        self.records = fixed or self.FIRST

    def learn(self, count: int, size: int) -> None:
        """A batch of `count` records took `size` bytes."""
        if not self.fixed and count >= self.records // 2:
            fitting = min(count * self.BYTES // (size + 1) + 1, count * self.GROWTH)
            self.records = max(self.LEAST, min(fitting, self.MOST))


def site_of(traceback: Optional[TracebackType]) -> str:
    """Where the program called the operator that a traceback ran through last, such as `map at app.py:12`, or ""."""
    site = ""
    while traceback is not None:
        frame = traceback.tb_frame
        if frame.f_code.co_filename == FILE:
            op = frame.f_globals["LINES"].get(traceback.tb_lineno, -1)
            site = frame.f_locals["sites"][op] if op >= 0 else ""
        traceback = traceback.tb_next
    return site


# ---- what generated code calls -------------------------------------------------------------------------------------


def stopped(error: StopIteration) -> Exception:
    """The error for a StopIteration out of a program's function, which would otherwise end the records silently."""
    from tidemill.errors import PySparkRuntimeError

    return PySparkRuntimeError(error_class="STOP_ITERATION_OCCURRED", message_parameters={"exc": str(error)})


def pieces(runs: Iterable[formats.Batch], sizes: Sizes) -> Iterator[Iterable[Any]]:
    """The records of runs in pieces of about a batch, so that output can be handed on in between."""
    for form, count, payload in runs:
        records = formats.decode(form, count, payload)
        if isinstance(records, list):
            if len(records) <= sizes.records:
                yield records
                continue
            start = 0
            while start < len(records):
                end = start + sizes.records
                yield records[start:end]
                start = end
        else:
            yield from lazily(iter(records), sizes)


def lazily(records: Iterator[Any], sizes: Sizes) -> Iterator[Iterable[Any]]:
    """Pieces of an iterator; each record is drawn only when its piece comes to it."""
    for first in records:
        yield itertools.chain((first,), itertools.islice(records, sizes.records - 1))


_SHORT = 1 << 16


def parts(values: Any, sizes: Sizes) -> Iterable[Iterable[Any]]:
    """Pieces of what a flatMap returned, if it is no list."""
    if type(values) in (tuple, str, dict, set, frozenset, bytes) and len(values) <= _SHORT:
        return (values,)
    return lazily(iter(values), sizes)


def write_rows(rows: List[Any], sizes: Sizes, end: bool) -> Iterator[Output]:
    """Writes the gathered records; before the end those that fill no batch of a fixed size stay."""
    start, count = 0, len(rows)
    while start < count:
        size = sizes.records
        if sizes.fixed and not end and count - start < size:
            break
        batch = rows[start : start + size] if start or count > size else rows[:]
        try:
            form, number, payload = formats.encode_rows(batch)
        except Exception as error:
            raise unwritable(error) from error
        start += len(batch)
        sizes.learn(number, len(payload))
        yield 0, form, number, payload
    del rows[:start]


def write_text(rows: List[Any], sizes: Sizes) -> Iterator[Output]:
    form, number, payload = formats.encode_text(rows)
    sizes.learn(len(rows), len(payload))
    rows.clear()
    yield 0, form, number, payload


def write_buckets(keys: List[List[Any]], values: List[List[Any]], sizes: Sizes) -> Iterator[Output]:
    """Writes and empties all buckets."""
    for bucket, (some, others) in enumerate(zip(keys, values)):
        start, count = 0, len(some)
        while start < count:
            size = sizes.records
            whole = start == 0 and count <= size
            try:
                if whole:
                    form, number, payload = formats.encode_pairs(some, others)
                else:
                    form, number, payload = formats.encode_pairs(some[start : start + size], others[start : start + size])
            except Exception as error:
                raise unwritable(error) from error
            start += number
            sizes.learn(number, len(payload))
            yield bucket, form, number, payload
        some.clear()
        others.clear()


def write_scattered(buckets: List[List[Any]], sizes: Sizes) -> Iterator[Output]:
    for bucket, rows in enumerate(buckets):
        for _, form, number, payload in write_rows(rows, sizes, True):
            yield bucket, form, number, payload


def write_table(table: Dict[Any, Any], n: int, partition: Any, sizes: Sizes) -> Iterator[Output]:
    """Writes a table of the map side to its buckets and empties it."""
    if n == 1 and partition is portable_hash:
        keys, values = [list(table)], [list(table.values())]
    else:
        keys = [[] for _ in range(n)]
        values = [[] for _ in range(n)]
        if partition is portable_hash:
            for key, value in table.items():
                bucket = (hash(key) if key.__class__ is str else portable_hash(key)) % n
                keys[bucket].append(key)
                values[bucket].append(value)
        else:
            for key, value in table.items():
                bucket = partition(key) % n
                keys[bucket].append(key)
                values[bucket].append(value)
    table.clear()
    return write_buckets(keys, values, sizes)


def unwritable(error: Exception) -> Exception:
    """The error for results that can't be pickled."""
    import pickle

    if isinstance(error, MemoryError):
        return error
    return pickle.PicklingError(f"A result can't be pickled ({type(error).__name__}: {error}). "
                                "Return plain data, or make what holds a file, lock or connection inside the function.")


def concatenated(left: List[Any], right: List[Any]) -> List[Any]:
    left.extend(right)
    return left


# ---- generated code ------------------------------------------------------------------------------------------------

_programs: Dict[Tuple[Tuple[str, ...], str, Tuple[str, ...]], Any] = {}


def program(kinds: Tuple[str, ...], sink: str, variant: Tuple[str, ...]) -> Any:
    """The compiled `run(runs, task, sites, sizes, functions, arguments)` of a shape."""
    shape = (kinds, sink, variant)
    found = _programs.get(shape)
    if found is None:
        source, lines = Source(kinds, sink, variant).written()
        space: Dict[str, Any] = {
            "LINES": lines, "Budget": Budget, "Spill": Spill, "decode": formats.decode, "count_of": formats.count_of,
            "encode_rows": formats.encode_rows, "starmap": itertools.starmap, "flat": itertools.chain.from_iterable,
            "portable_hash": portable_hash, "stopped": stopped, "pieces": pieces, "lazily": lazily, "parts": parts,
            "write_rows": write_rows, "write_text": write_text, "write_buckets": write_buckets,
            "write_scattered": write_scattered, "write_table": write_table, "concatenated": concatenated,
        }
        exec(compile(source, FILE, "exec"), space)
        found = _programs[shape] = space["run"]
    return found


def _variant(sink: str, arguments: List[Any]) -> Tuple[str, ...]:
    """What else of a sink decides the code."""
    if sink == "combine" and arguments[0] is None:
        return ("identity",)
    if sink == "buckets" and arguments[1] is portable_hash:
        return ("portable",)
    return ()


class Source:
    """Writes the code of one shape and notes which operator each line belongs to."""

    def __init__(self, kinds: Tuple[str, ...], sink: str, variant: Tuple[str, ...]) -> None:
        for kind in kinds:
            if kind not in ELEMENTS and kind not in CALLED and kind not in TABLES:
                raise ValueError(f"unknown kind of operator: {kind}")
        if sink not in SINKS:
            raise ValueError(f"unknown sink: {sink}")
        self.kinds, self.sink, self.variant = kinds, sink, variant
        self.text: List[str] = []
        self.lines: Dict[int, int] = {}
        self.depth = 0
        self.op = -1

    def put(self, *lines: str) -> None:
        for line in lines:
            self.text.append("    " * self.depth + line)
            if self.op >= 0:
                self.lines[len(self.text)] = self.op

    def begin(self, line: str) -> None:
        self.put(line)
        self.depth += 1

    def written(self) -> Tuple[str, Dict[int, int]]:
        cuts = [number for number, kind in enumerate(self.kinds) if kind not in ELEMENTS]
        start = 0
        main = ["it = None"]
        owners = [-1]
        for cut in cuts:
            owner = start - 1
            kind = self.kinds[cut]
            if kind in TABLES:
                self.segment(start, cut, kind)
                main.append(f"it = s{start}(runs, it, task, sites, sizes, fs, arguments)")
                owners.append(owner)
            else:
                if start == cut and start == 0:
                    main.append("it = flat(starmap(decode, runs))")
                    owners.append(-1)
                elif start < cut:
                    self.segment(start, cut, "yield")
                    main.append(f"it = s{start}(runs, it, task, sites, sizes, fs, arguments)")
                    owners.append(owner)
                index = "task.partition, " if kind == "mapPartitionsWithIndex" else ""
                main.append(f"it = iter(fs[{cut}]({index}it))")
                owners.append(cut)
            start = cut + 1
        self.segment(start, len(self.kinds), self.sink)
        main.append(f"return s{start}(runs, it, task, sites, sizes, fs, arguments)")
        owners.append(start - 1)
        self.op = -1
        self.begin("def run(runs, task, sites, sizes, fs, arguments):")
        self.begin("try:")
        for line, owner in zip(main, owners):
            self.op = owner
            self.put(line)
        self.end_of_try()
        return "\n".join(self.text) + "\n", self.lines

    def end_of_try(self) -> None:
        self.op = -1
        self.depth = 1
        self.put("except StopIteration as error: raise stopped(error).with_traceback(error.__traceback__) from error")
        self.depth = 0

    def segment(self, start: int, stop: int, terminal: str) -> None:
        """A function for the element-wise operators `start..stop` and what comes of their records."""
        self.op = -1
        self.begin(f"def s{start}(runs, it, task, sites, sizes, fs, arguments):")
        for number in range(start, stop):
            self.put(f"f{number} = fs[{number}]")
        self.begin("try:")
        first, last = start == 0, stop - 1
        self.op = start - 1
        if start == stop and first and terminal == "count":
            self.put("n = 0", "for run in runs: n += count_of(*run)", "yield (0, *encode_rows([n]))")
            return self.end_of_try()
        if start == stop and first and terminal == "rows":
            self.begin("if not sizes.fixed:")
            self.put("for run in runs: yield (0, *run)", "return")
            self.depth -= 1
        getattr(self, "open_" + terminal)(stop)
        checked = terminal not in ("yield", "count", "none")
        self.loops(start, stop, terminal, checked)
        self.depth = 2
        self.op = stop if terminal in TABLES else last
        getattr(self, "close_" + terminal, self.nothing)()
        self.end_of_try()

    def loops(self, start: int, stop: int, terminal: str, checked: bool) -> None:
        pairs = terminal in ("buckets", "combine", "groups") or terminal in TABLES
        checks: List[Tuple[int, str]] = []
        if checked:
            self.begin("for piece in pieces(runs, sizes):" if start == 0 else "for piece in lazily(it, sizes):")
            checks.append((self.depth, ""))
            values = "piece"
        elif start == 0:
            self.begin("for run in runs:")
            values = "decode(*run)"
        else:
            values = "it"
        self.record: Optional[str] = None  # name of the current record
        self.pair: Optional[Tuple[str, str]] = None  # names of its key and value, where they are apart
        if pairs and start == stop:
            self.begin(f"for k, v in {values}:")
            self.pair = "k", "v"
        else:
            self.begin(f"for r in {values}:")
            self.record = "r"
        for number in range(start, stop):
            self.op = number
            self.element(number, self.kinds[number], pairs and number == stop - 1, checked, checks)
        self.op = stop if terminal in TABLES else stop - 1
        if pairs and self.pair is None:
            self.put(f"k, v = {self.record}")
            self.pair = "k", "v"
        getattr(self, "each_" + terminal)()
        for depth, condition in reversed(checks):
            self.depth = depth
            if condition:
                self.begin(condition)
            getattr(self, "check_" + terminal)()

    def whole(self) -> str:
        """The current record as one object."""
        if self.record is None:
            assert self.pair is not None
            self.put(f"r = ({self.pair[0]}, {self.pair[1]})")
            self.record = "r"
        return self.record

    def element(self, number: int, kind: str, paired: bool, checked: bool, checks: List[Tuple[int, str]]) -> None:
        f = f"f{number}"
        if kind == "map":
            if paired:
                self.put(f"k, v = {f}({self.whole()})")
                self.record, self.pair = None, ("k", "v")
            else:
                self.put(f"r = {f}({self.whole()})")
                self.record, self.pair = "r", None
        elif kind == "filter":
            self.put(f"if not {f}({self.whole()}): continue")
        elif kind == "mapValues":
            if self.pair is None:
                self.put(f"k = {self.record}[0]; v = {f}({self.record}[1])")
            else:
                self.put(f"v = {f}({self.pair[1]})")
            self.record, self.pair = None, ("k", "v")
        elif kind == "flatMap":
            self.flattened(number, f"{f}({self.whole()})", "r", checked, checks)
            self.record, self.pair = "r", None
        else:
            if self.pair is None:
                source = self.record
                self.put(f"k{number} = {source}[0]")
                argument = f"{source}[1]"
            else:
                self.put(f"k{number} = {self.pair[0]}")
                argument = self.pair[1]
            self.flattened(number, f"{f}({argument})", "v", checked, checks)
            self.put(f"k = k{number}")
            self.record, self.pair = None, ("k", "v")

    def flattened(self, number: int, call: str, name: str, checked: bool, checks: List[Tuple[int, str]]) -> None:
        """A loop over what a function returned; where output is gathered, in pieces unless it is a list."""
        if not checked:
            self.begin(f"for {name} in {call}:")
            return
        self.put(f"x{number} = {call}")
        self.begin(f"for p{number} in (x{number},) if x{number}.__class__ is list else parts(x{number}, sizes):")
        checks.append((self.depth, f"if p{number} is not x{number}:"))
        self.begin(f"for {name} in p{number}:")

    # -- what comes of a segment's records: open_ before the loops, each_ inside, check_ between pieces, close_ after

    def nothing(self, *_: Any) -> None:
        pass

    open_yield = open_none = nothing

    def each_yield(self) -> None:
        self.put(f"yield {self.whole()}")

    def open_count(self, _: int) -> None:
        self.put("n = 0")

    def each_count(self) -> None:
        self.put("n += 1")

    def close_count(self) -> None:
        self.put("yield (0, *encode_rows([n]))")

    def each_none(self) -> None:
        self.put("pass")

    def close_none(self) -> None:
        self.put("return", "yield")

    def open_rows(self, _: int) -> None:
        self.put("rows = []; push = rows.append")

    def each_rows(self) -> None:
        self.put(f"push({self.whole()})")

    def check_rows(self) -> None:
        self.put("if len(rows) >= sizes.records: yield from write_rows(rows, sizes, False)")

    def close_rows(self) -> None:
        self.put("if rows: yield from write_rows(rows, sizes, True)")

    open_text = open_rows
    each_text = each_rows

    def check_text(self) -> None:
        self.put("if len(rows) >= sizes.records: yield from write_text(rows, sizes)")

    def close_text(self) -> None:
        self.put("if rows: yield from write_text(rows, sizes)")

    def open_buckets(self, _: int) -> None:
        self.put("n, partition = arguments", "keys = [[] for _ in range(n)]; values = [[] for _ in range(n)]",
                 "many = min(n, 16)")

    def each_buckets(self) -> None:
        if "portable" in self.variant:
            self.put("b = (hash(k) if k.__class__ is str else portable_hash(k)) % n")
        else:
            self.put("b = partition(k) % n")
        self.put("keys[b].append(k); values[b].append(v)")

    def check_buckets(self) -> None:
        self.put("if sum(map(len, keys)) >= sizes.records * many: yield from write_buckets(keys, values, sizes)")

    def close_buckets(self) -> None:
        self.put("yield from write_buckets(keys, values, sizes)")

    def open_scatter(self, _: int) -> None:
        self.put("n, = arguments", "buckets = [[] for _ in range(n)]; b = task.partition % n", "many = min(n, 16)")

    def each_scatter(self) -> None:
        self.put(f"buckets[b].append({self.whole()})", "b += 1", "if b == n: b = 0")

    def check_scatter(self) -> None:
        self.put("if sum(map(len, buckets)) >= sizes.records * many: yield from write_scattered(buckets, sizes)")

    def close_scatter(self) -> None:
        self.put("yield from write_scattered(buckets, sizes)")

    def open_combine(self, _: int) -> None:
        self.put("create, merge, _, n, partition = arguments", "d = {}; budget = Budget(); full = budget.full")

    def each_combine(self) -> None:
        self.put("if k in d: d[k] = merge(d[k], v)")
        self.put("else: d[k] = v" if "identity" in self.variant else "else: d[k] = create(v)")

    def check_combine(self) -> None:
        self.begin("if d and full():")
        self.put("yield from write_table(d, n, partition, sizes)", "budget.emptied()")
        self.depth -= 1

    def close_combine(self) -> None:
        self.put("yield from write_table(d, n, partition, sizes)")

    def open_groups(self, _: int) -> None:
        self.put("n, partition = arguments", "d = {}; budget = Budget(); full = budget.full")

    def each_groups(self) -> None:
        self.put("if k in d: d[k].append(v)", "else: d[k] = [v]")

    check_groups = check_combine
    close_groups = close_combine

    def open_table(self, merge: str) -> None:
        self.put(f"merge = {merge}", "d = {}; spill = None; budget = Budget(); full = budget.full")

    def open_mergeCombiners(self, stop: int) -> None:
        self.open_table(f"fs[{stop}]")

    def open_group(self, _: int) -> None:
        self.open_table("concatenated")

    open_mergeGroups = open_group

    def each_mergeCombiners(self) -> None:
        self.put("if k in d: d[k] = merge(d[k], v)", "else: d[k] = v")

    def each_group(self) -> None:
        self.each_groups()

    def each_mergeGroups(self) -> None:
        self.put("if k in d: d[k].extend(v)", "else: d[k] = v")

    def check_mergeCombiners(self) -> None:
        self.begin("if d and full():")
        self.put("if spill is None: spill = Spill(merge)", "spill.take(d)", "budget.emptied()")
        self.depth -= 1

    check_group = check_mergeGroups = check_mergeCombiners

    def close_mergeCombiners(self) -> None:
        self.put("return iter(d.items()) if spill is None else spill.merged(d)")

    close_group = close_mergeGroups = close_mergeCombiners
