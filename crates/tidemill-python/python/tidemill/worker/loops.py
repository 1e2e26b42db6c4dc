"""Writes the Python code of a chain: nested loops for one shape, and which operator each line belongs to.

The code of a shape is a function for each segment and `run`, which ties them together:

    def s0(runs, it, task, sites, sizes, fs, arguments):   # flatMap, map, then combine
        f0 = fs[0]
        f1 = fs[1]
        ...
        for piece in pieces(runs, TABLE):
            for r in piece:
                x0 = f0(r)
                if x0.__class__ is list:
                    for r in x0:
                        k, v = f1(r)
                        if k in d: d[k] = merge(d[k], v)
                        else: d[k] = v

A segment ends in a *terminal*: a sink, a table, or `yield` where its records go to a function of a whole partition.
Terminals that gather output look at what they gathered between pieces of their input: `check_`.
"""

from __future__ import annotations

from typing import Callable

__all__ = ["CALLED", "ELEMENTS", "SINKS", "TABLES", "Source"]

ELEMENTS = frozenset({"map", "flatMap", "filter", "mapValues", "flatMapValues"})
CALLED = frozenset({"mapPartitions", "mapPartitionsWithIndex"})
TABLES = frozenset({"mergeCombiners", "group", "mergeGroups"})
SINKS = frozenset({"rows", "count", "none", "text", "bytes", "buckets", "scatter", "combine", "groups"})

_PAIRED = TABLES | {"buckets", "combine", "groups"}  # terminals that take a record as a key and a value
_TABLED = TABLES | {"combine", "groups"}  # terminals that gather a table
_UNCHECKED = frozenset({"yield", "count", "none", "bytes"})  # terminals that gather nothing

_ARGUMENTS = "(runs, it, task, sites, sizes, fs, arguments)"


class Source:
    """The code of one shape. `variant` says what else of the sink decides it: identity, portable."""

    def __init__(self, kinds: tuple[str, ...], sink: str, variant: tuple[str, ...]) -> None:
        for kind in kinds:
            if kind not in ELEMENTS and kind not in CALLED and kind not in TABLES:
                raise ValueError(f"unknown kind of operator: {kind}")
        if sink not in SINKS:
            raise ValueError(f"unknown sink: {sink}")
        self.kinds, self.sink, self.variant = kinds, sink, variant
        self.text: list[str] = []
        self.lines: dict[int, int] = {}  # line number -> position of its operator
        self.depth = 0
        self.op = -1  # the operator that lines now belong to; -1: none
        self.record: str | None = None  # the name that the current record has
        self.pair: tuple[str, str] | None = None  # the names of its key and value, where they are apart

    def written(self) -> tuple[str, dict[int, int]]:
        """The text, and the operator of each line that has one."""
        ties: list[tuple[int, str]] = [(-1, "it = None")]
        start = 0
        table = False  # does the segment that begins here read a table?
        for position, kind in enumerate(self.kinds):
            if kind in ELEMENTS:
                continue
            terminal = kind if kind in TABLES else "yield"
            if table:
                ties.append((start - 1, "it = items(it)"))
            if start < position or kind in TABLES:
                self.segment(start, position, terminal)
                ties.append((start - 1, f"it = s{start}{_ARGUMENTS}"))
            elif start == 0:
                ties.append((-1, "it = flat(starmap(decode, runs))"))
            table = kind in TABLES
            if not table:
                index = "task.partition, " if kind == "mapPartitionsWithIndex" else ""
                ties.append((position, f"it = iter(fs[{position}]({index}it))"))
            start = position + 1
        whole = table and start == len(self.kinds) and self.sink == "rows"
        if table and not whole:
            ties.append((start - 1, "it = items(it)"))
        self.segment(start, len(self.kinds), self.sink, whole)
        ties.append((start - 1, f"return s{start}{_ARGUMENTS}"))
        self.begin("def run(runs, task, sites, sizes, fs, arguments):")
        self.begin("try:")
        for self.op, line in ties:
            self.put(line)
        self.end()
        return "\n".join(self.text) + "\n", self.lines

    def put(self, *lines: str) -> None:
        for line in lines:
            self.text.append("    " * self.depth + line)
            if self.op >= 0:
                self.lines[len(self.text)] = self.op

    def begin(self, line: str) -> None:
        self.put(line)
        self.depth += 1

    def end(self) -> None:
        """Ends a function. Iterators' own StopIteration never gets here: this one came out of a program's function."""
        self.op, self.depth = -1, 1
        self.put("except StopIteration as error: raise stopped(error).with_traceback(error.__traceback__) from error")
        self.depth = 0

    # ---- a segment -------------------------------------------------------------------------------------------------

    def segment(self, start: int, stop: int, terminal: str, whole: bool = False) -> None:
        """A function for the element-wise operators `start..stop` and for what comes of their records."""
        self.op = -1
        self.begin(f"def s{start}{_ARGUMENTS}:")
        for position in range(start, stop):
            self.put(f"f{position} = fs[{position}]")
        self.begin("try:")
        self.op = start - 1
        owner = stop if terminal in TABLES else stop - 1
        if start == stop == 0 and terminal == "count":
            self.put("n = 0", "for run in runs: n += count_of(*run)", "yield (0, *encode_rows([n]))")
            return self.end()
        if start == stop == 0 and terminal == "rows":  # nothing to do: batches pass as they are
            self.put("if not sizes.fixed:", "    for run in runs: yield (0, *run)", "    return")
        if whole:
            self.put(
                "if it.__class__ is dict and not sizes.fixed:", "    yield from write_pairs(it, sizes)", "    return"
            )
            self.put("it = items(it)")
        self.op = owner
        getattr(self, "open_" + terminal)(stop)
        self.op = start - 1
        self.loops(start, stop, terminal)
        self.op, self.depth = owner, 2
        getattr(self, "close_" + terminal)()
        self.end()

    def loops(self, start: int, stop: int, terminal: str) -> None:
        """The outermost loop over the segment's input, and all that is inside it."""
        check: Callable[[], None] | None = getattr(self, "check_" + terminal, None)
        sizes = "TABLE" if terminal in _TABLED else "sizes"
        if check is not None:
            self.begin(f"for piece in pieces(runs, {sizes}):" if start == 0 else f"for piece in lazily(it, {sizes}):")
            values = "piece"
        elif start == 0:
            self.begin("for run in runs:")
            values = "decode(*run)"
        else:
            values = "it"
        depth = self.depth
        if terminal == "rows" and not any(kind.startswith("flat") for kind in self.kinds[start:stop]):
            self.listed(start, stop)
        elif start == stop and terminal in _PAIRED:
            self.record, self.pair = None, ("k", "v")
            self.begin(f"for k, v in {values}:")
            self.body(start, stop, terminal)
        else:
            self.record, self.pair = "r", None
            self.begin(f"for r in {values}:")
            self.body(start, stop, terminal)
        if check is not None:
            self.depth = depth
            self.op = stop if terminal in TABLES else stop - 1
            check()

    def listed(self, start: int, stop: int) -> None:
        """Gathers a piece's records in a list display, the cheapest loop there is; the calls stay in order."""
        clauses: list[tuple[int, str]] = []
        result = "r"
        for position in range(start, stop):
            kind, f = self.kinds[position], f"f{position}"
            if kind == "filter":
                if result != "r":
                    clauses.append((position - 1, f"for r in [{result}]"))
                    result = "r"
                clauses.append((position, f"if {f}(r)"))
                continue
            if result != "r":
                clauses.append((position - 1, f"for r in [{result}]"))  # an assignment: no list is made
            result = f"{f}(r)" if kind == "map" else f"(r[0], {f}(r[1]))"
        if not clauses and result == "r":
            self.put("rows += piece")
            return
        self.op = start - 1
        self.begin("rows += [")
        self.op = stop - 1
        self.put(result)
        self.op = start - 1
        self.put("for r in piece")
        for self.op, clause in clauses:
            self.put(clause)
        self.depth -= 1
        self.put("]")

    def body(self, position: int, stop: int, terminal: str) -> None:
        """The operators from `position` on, for the current record, and then the terminal."""
        while position < stop:
            self.op = position
            kind = self.kinds[position]
            if kind.startswith("flat"):
                return self.flattened(position, stop, terminal)
            self.element(position, kind, terminal in _PAIRED and position == stop - 1)
            position += 1
        self.op = stop if terminal in TABLES else stop - 1
        if terminal in _PAIRED and self.pair is None:
            self.put(f"k, v = {self.record}")
            self.pair = "k", "v"
        getattr(self, "each_" + terminal)()

    def whole(self) -> str:
        """The current record as one object."""
        if self.record is None:
            if self.pair is None:
                raise AssertionError("there is a current record in a loop")
            self.put(f"r = ({self.pair[0]}, {self.pair[1]})")
            self.record = "r"
        return self.record

    def element(self, position: int, kind: str, paired: bool) -> None:
        f = f"f{position}"
        if kind == "filter":
            self.put(f"if not {f}({self.whole()}): continue")
        elif kind == "map":
            record = self.whole()
            self.put(f"k, v = {f}({record})" if paired else f"r = {f}({record})")
            self.record, self.pair = (None, ("k", "v")) if paired else ("r", None)
        else:
            if self.pair is None:
                self.put(f"k = {self.record}[0]", f"v = {f}({self.record}[1])")
            else:
                self.put(f"v = {f}({self.pair[1]})")
            self.record, self.pair = None, ("k", "v")

    def flattened(self, position: int, stop: int, terminal: str) -> None:
        """A loop over what a function returned. Where output is gathered, all but lists are walked in pieces."""
        f, x = f"f{position}", f"x{position}"
        if self.kinds[position] == "flatMap":
            self.put(f"{x} = {f}({self.whole()})")
            record, pair, name = "r", None, "r"
        else:
            if self.pair is None:
                self.put(f"k{position} = {self.record}", f"{x} = {f}({self.record}[1])")
                key = f"k{position}[0]"  # looked up for each value, as PySpark's own function does
            else:
                self.put(f"k{position} = {self.pair[0]}", f"{x} = {f}({self.pair[1]})")
                key = f"k{position}"
            record, pair, name = None, (key, f"v{position}"), f"v{position}"
        depth = self.depth
        check: Callable[[], None] | None = getattr(self, "check_" + terminal, None)
        if check is None:
            self.over(name, x, record, pair)
            return self.body(position + 1, stop, terminal)
        last = not any(kind.startswith("flat") for kind in self.kinds[position + 1 : stop])
        if last:  # twice the code, so that the usual case has no second loop
            self.begin(f"if {x}.__class__ is list:")
            self.over(name, x, record, pair)
            self.body(position + 1, stop, terminal)
            self.depth, self.op = depth, position
            self.begin("else:")
        sizes = "TABLE" if terminal in _TABLED else "sizes"
        self.begin(f"for p{position} in parts({x}, {sizes}):")
        inner = self.depth
        self.over(name, f"p{position}", record, pair)
        self.body(position + 1, stop, terminal)
        self.depth = inner
        self.begin(f"if p{position} is not {x}:")
        check()

    def over(self, name: str, values: str, record: str | None, pair: tuple[str, str] | None) -> None:
        self.begin(f"for {name} in {values}:")
        self.record, self.pair = record, pair

    # ---- terminals: open_ before the loops, each_ for a record, check_ between pieces, close_ at the end -------------

    def open_yield(self, _: int) -> None:
        pass

    def each_yield(self) -> None:
        self.put(f"yield {self.whole()}")

    def close_yield(self) -> None:
        pass

    open_none = open_yield

    def each_none(self) -> None:
        self.put("pass")

    def close_none(self) -> None:
        self.put("return", "yield")  # nothing comes out, but it is a generator as the others are

    open_bytes = open_yield

    def each_bytes(self) -> None:
        self.put(f"yield (0, 0, 0, {self.whole()})")  # as they are: what they hold is the program's affair

    close_bytes = close_yield

    def open_count(self, _: int) -> None:
        self.put("n = 0")

    def each_count(self) -> None:
        self.put("n += 1")

    def close_count(self) -> None:
        self.put("yield (0, *encode_rows([n]))")

    def open_rows(self, _: int) -> None:
        self.put("rows = []", "push = rows.append")

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
        self.put("n, partition = arguments", "many = min(n, MANY_BUCKETS)")
        self.put("keys = [[] for _ in range(n)]", "values = [[] for _ in range(n)]")
        self.put("put_key = [b.append for b in keys]", "put_value = [b.append for b in values]")

    def each_buckets(self) -> None:
        key, value = self.keyed()
        if "portable" in self.variant:
            self.put(f"b = (hash({key}) if {key}.__class__ is str else portable_hash({key})) % n")
        else:
            self.put(f"b = partition({key}) % n")
        self.put(f"put_key[b]({key})", f"put_value[b]({value})")

    def check_buckets(self) -> None:
        self.put("if sum(map(len, keys)) >= sizes.records * many: yield from write_buckets(keys, values, sizes)")

    def close_buckets(self) -> None:
        self.put("yield from write_buckets(keys, values, sizes)")

    def open_scatter(self, _: int) -> None:
        self.put("n, = arguments", "many = min(n, MANY_BUCKETS)", "buckets = [[] for _ in range(n)]")
        self.put("b = task.partition % n")

    def each_scatter(self) -> None:
        self.put(f"buckets[b].append({self.whole()})", "b += 1", "if b == n: b = 0")

    def check_scatter(self) -> None:
        self.put("if sum(map(len, buckets)) >= sizes.records * many: yield from write_scattered(buckets, sizes)")

    def close_scatter(self) -> None:
        self.put("yield from write_scattered(buckets, sizes)")

    def open_combine(self, _: int) -> None:
        self.put("create, merge, _, n, partition = arguments", "d = {}", "budget = Budget()")

    def each_combine(self) -> None:
        key, value = self.keyed()
        self.put(f"if {key} in d: d[{key}] = merge(d[{key}], {value})")
        self.put(f"else: d[{key}] = {value}" if "identity" in self.variant else f"else: d[{key}] = create({value})")

    def check_combine(self) -> None:
        self.put(
            "if d and budget.full():", "    yield from write_table(d, n, partition, sizes)", "    budget.emptied()"
        )

    def close_combine(self) -> None:
        self.put("yield from write_table(d, n, partition, sizes)")

    def open_groups(self, _: int) -> None:
        self.put("n, partition = arguments", "d = {}", "budget = Budget()")

    def each_groups(self) -> None:
        key, value = self.keyed()
        self.put(f"if {key} in d: d[{key}].append({value})", f"else: d[{key}] = [{value}]")

    check_groups = check_combine
    close_groups = close_combine

    def open_mergeCombiners(self, stop: int) -> None:
        self.put(f"merge = fs[{stop}]", "d = {}", "spill = None", "budget = Budget()")

    def each_mergeCombiners(self) -> None:
        key, value = self.keyed()
        self.put(f"if {key} in d: d[{key}] = merge(d[{key}], {value})", f"else: d[{key}] = {value}")

    def check_mergeCombiners(self) -> None:
        self.put("if d and budget.full():", "    if spill is None: spill = Spill(merge)", "    spill.take(d)")
        self.put("    budget.emptied()")

    def close_mergeCombiners(self) -> None:
        self.put("return d if spill is None else spill.merged(d)")

    def open_group(self, _: int) -> None:
        self.put("merge = concatenated", "d = {}", "spill = None", "budget = Budget()")

    each_group = each_groups
    check_group = check_mergeCombiners
    close_group = close_mergeCombiners

    open_mergeGroups = open_group

    def each_mergeGroups(self) -> None:
        key, value = self.keyed()
        self.put(f"if {key} in d: d[{key}].extend({value})", f"else: d[{key}] = {value}")

    check_mergeGroups = check_mergeCombiners
    close_mergeGroups = close_mergeCombiners

    def keyed(self) -> tuple[str, str]:
        """The current record's key under a plain name, and its value."""
        if self.pair is None:
            raise AssertionError("a record was taken apart before its table")
        if "[" in self.pair[0]:
            self.put(f"k = {self.pair[0]}")
            self.pair = "k", self.pair[1]
        return self.pair
