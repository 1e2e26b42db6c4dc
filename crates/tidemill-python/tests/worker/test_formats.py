"""Batches as bytes: every record comes back with its exact type, and the bytes are those that the engine reads."""

from __future__ import annotations

import collections
import pickle
import struct
import subprocess
import sys
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tidemill.worker import formats

Point = collections.namedtuple("Point", "x y")

atoms = st.one_of(
    st.none(), st.booleans(), st.integers(), st.floats(allow_nan=False), st.binary(max_size=9),
    st.text(st.characters(exclude_categories=())), st.text("a\n\0\r", max_size=4),
)  # fmt: skip
values = st.recursive(atoms, lambda inner: st.lists(inner, max_size=3) | st.tuples(inner, inner), max_leaves=4)
alike = st.sampled_from(
    [
        st.none(),
        st.booleans(),
        st.integers(-(2**63), 2**63 - 1),
        st.integers(),
        st.floats(),
        st.binary(),
        st.text(),
        values,
    ]
).flatmap(lambda kind: st.lists(kind, max_size=12))


many = settings(max_examples=60, deadline=None)


def there_and_back(rows: list[Any]) -> list[Any]:
    form, count, payload = formats.encode_rows(rows)
    assert count == len(rows) == formats.count_of(form, count, payload)
    # A worker reads from memory that it was given, which may be of any of these types.
    first = list(formats.decode(form, count, payload))
    for kind in (bytearray, memoryview):
        assert repr(list(formats.decode(form, count, kind(payload)))) == repr(first)
    return first


@many
@given(alike)
def test_values_come_back(rows: list[Any]) -> None:
    assert repr(there_and_back(rows)) == repr(rows)


@many
@given(st.lists(st.tuples(atoms, values), max_size=12))
def test_mixed_pairs_come_back(rows: list[Any]) -> None:
    assert repr(there_and_back(rows)) == repr(rows)


@many
@given(st.tuples(alike, alike))
def test_pairs_of_columns_come_back(columns: Any) -> None:
    pairs = list(zip(*columns))
    form, count, payload = formats.encode_pairs([pair[0] for pair in pairs], [pair[1] for pair in pairs])
    assert repr(list(formats.decode(form, count, payload))) == repr(pairs)
    assert repr(there_and_back(pairs)) == repr(pairs)


def column(kind: bytes, data: bytes) -> bytes:
    return kind + struct.pack("<Q", len(data)) + data


@pytest.mark.parametrize(
    "rows, shape, columns",
    [
        (["a", "", "é"], 1, [(b"s", "a\n\né".encode())]),
        ([""], 1, [(b"s", b"")]),
        (["a\n", "b"], 1, [(b"z", b"a\n\0b")]),
        ([1, -1], 1, [(b"q", struct.pack("<qq", 1, -1))]),
        ([2**63 - 1, -(2**63)], 1, [(b"q", struct.pack("<qq", 2**63 - 1, -(2**63)))]),
        ([0.5, -0.0], 1, [(b"d", struct.pack("<dd", 0.5, -0.0))]),
        ([True, False], 1, [(b"b", b"\1\0")]),
        ([None, None], 1, [(b"n", b"")]),
        ([b"ab", b"", b"c"], 1, [(b"y", struct.pack("<III", 2, 0, 1) + b"abc")]),
        ([("a", 1), ("b", 2)], 2, [(b"s", b"a\nb"), (b"q", struct.pack("<qq", 1, 2))]),
        ([(None, True)], 2, [(b"n", b""), (b"b", b"\1")]),
    ],
)
def test_typed_columns_have_these_bytes(rows: list[Any], shape: int, columns: Any) -> None:
    form, count, payload = formats.encode_rows(rows)
    assert (form, count) == (formats.COLUMNS, len(rows))
    assert bytes(payload) == bytes([shape]) + b"".join(column(*each) for each in columns)


def test_one_typed_column_makes_columns_of_a_pair() -> None:
    form, _, payload = formats.encode_rows([("a", [1]), ("b", [2])])
    assert form == formats.COLUMNS and payload[:2] == b"\2s"
    at = 2 + 8 + 3
    assert payload[at : at + 1] == b"p" and pickle.loads(payload[at + 9 :]) == [[1], [2]]


@pytest.mark.parametrize(
    "rows",
    [
        [], [1, True], [1, 1.0], [2**63], ["a\n", "b\0"], ["\ud800"], [Point(1, 2)], [(1, 2), (1, 2, 3)],
        [(1, 2), [1, 2]],        [[1, 2]], [(1,)], [([1], [2])], [("a", 1), None],
    ],
)  # fmt: skip
def test_everything_else_is_a_pickled_list(rows: list[Any]) -> None:
    form, count, payload = formats.encode_rows(rows)
    assert (form, count) == (formats.ROWS, len(rows))
    back = pickle.loads(payload)
    assert back == rows and list(map(type, back)) == list(map(type, rows))


def test_what_records_share_stays_shared_within_a_batch() -> None:
    shared: list[int] = []
    pair, other = there_and_back([(shared, shared), (shared, 1)])
    assert pair[0] is pair[1] is other[0]


@pytest.mark.parametrize(
    "text, lines",
    [
        (b"", []), (b"\n", [""]), (b"a", ["a"]), (b"a\n", ["a"]), (b"a\nb", ["a", "b"]), (b"a\n\n", ["a", ""]),
        (b"\na", ["", "a"]), (b"a\r\nb", ["a\r", "b"]), ("é\u2028\x85\x0b\n".encode(), ["é\u2028\x85\x0b"]),
    ],
)  # fmt: skip
def test_text_is_cut_at_newlines_only(text: bytes, lines: list[str]) -> None:
    assert list(formats.decode(formats.TEXT, 0, text)) == lines
    assert formats.count_of(formats.TEXT, 0, memoryview(text)) == len(lines)


@many
@given(st.lists(st.text(), max_size=9))
def test_written_text_has_a_newline_after_each_record(rows: list[str]) -> None:
    form, count, payload = formats.encode_text(rows)
    assert form == formats.TEXT and payload == "".join(row + "\n" for row in rows).encode()
    assert count == payload.count(b"\n")


def test_text_of_other_things_is_refused() -> None:
    with pytest.raises(TypeError, match="not from int"):
        formats.encode_text(["a", 1])  # type: ignore[list-item]


def side(rows: list[Any]) -> bytes:
    form, count, payload = formats.encode_rows(rows)
    return struct.pack("<HIQ", form, count, len(payload)) + payload


def test_two_batches_side_by_side() -> None:
    both = side(["a", "b"]) + side([1, 2])
    assert list(formats.decode(formats.PRODUCT, 4, both)) == [("a", 1), ("a", 2), ("b", 1), ("b", 2)]
    assert list(formats.decode(formats.ZIPPED, 2, both)) == [("a", 1), ("b", 2)]
    # A side may be two sides itself.
    nested = struct.pack("<HIQ", formats.ZIPPED, 2, len(both)) + both + side([None])
    assert list(formats.decode(formats.PRODUCT, 2, nested)) == [(("a", 1), None), (("b", 2), None)]


def test_unknown_formats_and_kinds_are_errors() -> None:
    with pytest.raises(ValueError, match="format 9"):
        formats.decode(9, 0, b"")
    with pytest.raises(ValueError, match="kind 63"):
        formats.decode(formats.COLUMNS, 1, b"\1" + column(b"?", b""))


PROGRAM = """
import sys
from tidemill.worker import formats
class Own:
    def __init__(self, n): self.n = n
sys.stdout.buffer.write(formats.encode_rows([Own(7), lambda x: x + 1])[2])
"""


def test_what_a_program_defines_itself_travels_whole() -> None:
    payload = subprocess.run([sys.executable, "-c", PROGRAM], stdout=subprocess.PIPE, check=True).stdout
    own, function = pickle.loads(payload)
    assert own.n == 7 and function(1) == 2


@many
@given(st.binary(max_size=40))
def test_strings_in_other_encodings_never_come_back_changed(data: bytes) -> None:
    text = data.decode("utf-8", "surrogateescape")
    assert there_and_back([text, "x"]) == [text, "x"]
