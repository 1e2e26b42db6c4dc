"""Sequence files and pickle files, byte by byte, beside files that PySpark wrote."""
from __future__ import annotations

import io
import pickle
import sys
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as any_
from tidemill.worker import objectfile, sequencefile
from tidemill.worker.writables import class_of, read_number, reader_of, write_number, writer_of

DATA = Path(__file__).parent.parent / "data"
sys.path.insert(0, str(DATA))

from written import BZIP2, DEFAULT, MANY, PICKLES, SEQUENCES

GZIP = "org.apache.hadoop.io.compress.GzipCodec"


def written(pairs: list[tuple[Any, Any]], codec: str | None = None) -> bytes:
    return b"".join(sequencefile.written(class_of(pairs[0][0]), class_of(pairs[0][1]), codec, pairs))


def without_marker(data: bytes) -> bytes:
    """The 16 bytes behind two class names, two flags and the metadata are drawn at random for each file."""
    values = 5 + data[4]
    marker = values + 1 + data[values] + 2 + 4
    return data.replace(data[marker : marker + 16], b"")


@pytest.mark.parametrize("name, pairs, codec", [case for case in SEQUENCES if case[2] is None])
def test_sequence_files_are_those_of_pyspark(name: str, pairs: list[tuple[Any, Any]], codec: None) -> None:
    assert without_marker(written(pairs)) == without_marker((DATA / "pyspark" / name).read_bytes())
    assert list(sequencefile.read(str(DATA / "pyspark" / name))) == pairs


@pytest.mark.parametrize("name, records, batch", PICKLES)
def test_pickle_files_are_those_of_pyspark(name: str, records: list[Any], batch: int) -> None:
    data = b"".join(objectfile.written(batch, records))
    golden = (DATA / "pyspark" / name).read_bytes()
    assert without_marker(data) == without_marker(golden)
    assert list(objectfile.read_pickles(str(DATA / "pyspark" / name))) == records


@pytest.mark.parametrize("codec", [DEFAULT, BZIP2, GZIP])
def test_blocks_are_compressed(codec: str, tmp_path: Path) -> None:
    records = [("word" * 25, number) for number in range(20_000)]
    data = written(records, codec)
    assert 20_000 * 104 > 2 * sequencefile.BLOCK_BYTES, "more than one block"
    assert len(data) < 300_000
    (tmp_path / "file").write_bytes(data)
    assert list(sequencefile.read(str(tmp_path / "file"))) == records


def test_each_value_compressed_is_read(tmp_path: Path) -> None:
    import zlib

    head = b"SEQ\6" + b"".join(writer_of("org.apache.hadoop.io.Text")(name) for name in (class_of("a"), class_of(1)))
    head += b"\1\0" + writer_of("org.apache.hadoop.io.Text")(DEFAULT) + bytes(4) + b"m" * 16
    body = b""
    for key, number in MANY:
        one, two = writer_of(class_of(key))(key), zlib.compress(writer_of(class_of(number))(number))
        body += (len(one) + len(two)).to_bytes(4, "big") + len(one).to_bytes(4, "big") + one + two
    (tmp_path / "file").write_bytes(head + body)
    assert list(sequencefile.read(str(tmp_path / "file"))) == MANY


@pytest.mark.parametrize("codec", [None, DEFAULT])
@settings(deadline=None, max_examples=40)
@given(cuts=any_.lists(any_.integers(0, 400_000), max_size=6))
def test_parts_give_each_record_once(
    codec: str | None, cuts: list[int], tmp_path_factory: pytest.TempPathFactory
) -> None:
    records = [(number, "word" * (number % 7)) for number in range(8_000)]
    path = tmp_path_factory.getbasetemp() / f"parts{codec is None}"
    if not path.exists():
        data = written(records) if codec is None else blocks(records)
        path.write_bytes(data)
    size = path.stat().st_size
    bounds = sorted({0, size, *(cut for cut in cuts if cut < size)})
    parts = [list(sequencefile.read(str(path), *bound)) for bound in zip(bounds, bounds[1:])]
    assert [record for part in parts for record in part] == records


def blocks(records: list[tuple[Any, Any]]) -> bytes:
    """A file of small blocks."""
    usual = sequencefile.BLOCK_BYTES
    sequencefile.BLOCK_BYTES = 1_000
    try:
        return written(records, DEFAULT)
    finally:
        sequencefile.BLOCK_BYTES = usual


@given(any_.integers(-(2**63), 2**63 - 1))
def test_numbers_of_variable_length(number: int) -> None:
    data = b"x" + write_number(number) + b"y"
    assert read_number(data, 1) == (number, len(data) - 1)


def test_numbers_of_variable_length_as_hadoop_writes_them() -> None:
    table = {-113: "87 70", -112: "90", 127: "7f", 128: "8f 80", 255: "8f ff", 256: "8e 01 00", -257: "86 01 00"}
    assert {number: write_number(number).hex(" ") for number in table} == table


simple = any_.none() | any_.booleans() | any_.integers(-(2**63), 2**63 - 1) | any_.floats(allow_nan=False) | any_.binary()
values = any_.recursive(
    simple | any_.text(any_.characters(exclude_categories=("Cs",))),
    lambda inner: any_.dictionaries(any_.text(any_.characters(exclude_categories=("Cs",))), inner),
)


@given(values)
def test_values_come_back(value: Any) -> None:
    name = class_of(value)
    data = writer_of(name)(value)
    assert reader_of(name)(b"." + data, 1) == (value, len(data) + 1)


@pytest.mark.parametrize("value", [2**63, [1], (1,), {1}, 1j, object()])
def test_values_of_other_types_are_refused(value: Any) -> None:
    with pytest.raises(TypeError, match="Data of type .* cannot be used"):
        class_of(value)


def test_half_a_surrogate_pair_is_replaced_as_java_does() -> None:
    assert writer_of(class_of(""))("a\ud800b") == b"\x05a\xef\xbf\xbdb"


@pytest.mark.parametrize(
    "pairs, words",
    [
        ([("a", 1), ("b", "two")], "wrong value class: {}Text is not class {}IntWritable"),
        ([("a", 1), (None, 2)], "wrong key class: {}NullWritable is not class {}Text"),
        ([("a", 1), ("b", 2**40)], "wrong value class: {}LongWritable is not class {}IntWritable"),
        ([("a", 1), [1, 2]], "RDD element of type list cannot be used"),
    ],
)
def test_all_pairs_are_of_the_types_of_the_first(pairs: list[Any], words: str) -> None:
    with pytest.raises(TypeError, match=words.replace("{}", "org.apache.hadoop.io.")):
        written(pairs)


@pytest.mark.parametrize(
    "damage, error, words",
    [
        (lambda data: b"", OSError, "not a SequenceFile"),
        (lambda data: b"SEK" + data[3:], OSError, "not a SequenceFile"),
        (lambda data: b"SEQ\4" + data[4:], OSError, "version 4"),
        (lambda data: data[:-1], EOFError, "ends within a record"),
        (lambda data: data.replace(b"Text", b"Tent"), TypeError, "org.apache.hadoop.io.Tent"),
    ],
)
def test_damaged_files(damage: Any, error: type[Exception], words: str, tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(damage(written(MANY)))
    with pytest.raises(error, match=words):
        list(sequencefile.read(str(tmp_path / "file")))


def test_a_codec_that_is_not_here_is_named(tmp_path: Path) -> None:
    snappy = DEFAULT.replace("Default", "Snappy")
    (tmp_path / "file").write_bytes(written(MANY, DEFAULT).replace(b"*" + DEFAULT.encode(), b")" + snappy.encode()))
    with pytest.raises(ValueError, match="SnappyCodec: the codecs of sequence files here are"):
        list(sequencefile.read(str(tmp_path / "file")))


def test_arrays_that_share_a_part_are_read() -> None:
    part = pickle.dumps([1])
    data = objectfile.write_arrays([part]).replace(b"\x78\x70\x00\x00\x00\x01\x75", b"\x78\x70\x00\x00\x00\x02\x75", 1)
    assert objectfile.read_arrays(data + b"\x71\x00\x7e\x00\x03") == [part, part]


@pytest.mark.parametrize("data", [b"", b"\xac\xed\x00\x05\x70", objectfile.write_arrays([b"x"]).replace(b"[[B", b"[[C")])
def test_other_objects_of_java_are_refused(data: bytes) -> None:
    with pytest.raises(ValueError, match="pickle file"):
        objectfile.read_arrays(data)
