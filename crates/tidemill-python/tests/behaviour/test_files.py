"""Text, binary, pickle and sequence files, read and written."""
from __future__ import annotations

import gzip
import os

import pytest

from harness import lines


def test_text_is_cut_at_every_kind_of_line_end(sc, tmp_path):  # behaviour 3.10
    path = tmp_path / "a.txt"
    path.write_bytes(b"one\r\ntwo\rthree\n\nna\xc3\xafve \xff\nlast")
    expected = ["one", "two", "three", "", "naïve \ufffd", "last"]
    assert sc.textFile(str(path)).collect() == expected
    assert sc.textFile(str(path), 1).map(len).collect() == [len(line) for line in expected]


def test_text_of_a_folder_a_glob_and_a_list(sc, tmp_path):
    for name in "abc":
        (tmp_path / f"{name}.txt").write_text(f"{name}1\n{name}2\n")
    assert sorted(sc.textFile(str(tmp_path)).collect()) == ["a1", "a2", "b1", "b2", "c1", "c2"]
    assert sorted(sc.textFile(str(tmp_path / "[ab].txt")).collect()) == ["a1", "a2", "b1", "b2"]
    assert sorted(sc.textFile(f"{tmp_path}/a.txt,{tmp_path}/c.txt").collect()) == ["a1", "a2", "c1", "c2"]
    assert sc.textFile(f"file://{tmp_path}/a.txt").collect() == ["a1", "a2"]


def test_text_files_split_without_losing_or_repeating_a_line(sc, tmp_path):
    path = tmp_path / "many.txt"
    path.write_text("".join(f"line {n}\n" for n in range(5000)))
    many = sc.textFile(str(path), 7)
    assert many.getNumPartitions() >= 7
    assert many.collect() == [f"line {n}" for n in range(5000)]
    assert many.count() == 5000


def test_compressed_text(sc, tmp_path):
    with gzip.open(tmp_path / "a.gz", "wb") as file:
        file.write(b"one\ntwo\n")
    assert sc.textFile(str(tmp_path / "a.gz")).collect() == ["one", "two"]


def test_a_file_that_is_missing(sc, tmp_path):
    with pytest.raises(Exception, match="Input path does not exist"):
        sc.textFile(str(tmp_path / "none")).collect()


def test_whole_files(sc, tmp_path):
    (tmp_path / "a").write_text("1\n2")
    (tmp_path / "b").write_bytes(b"3")
    texts = sorted(sc.wholeTextFiles(str(tmp_path)).collect())
    assert [(os.path.basename(path), text) for path, text in texts] == [("a", "1\n2"), ("b", "3")]
    assert all(path.startswith("file:") for path, _ in texts)
    assert sorted(bytes for _, bytes in sc.binaryFiles(str(tmp_path)).collect()) == [b"1\n2", b"3"]


def test_binary_records(sc, tmp_path):
    (tmp_path / "records").write_bytes(b"aaabbbccc")
    assert sc.binaryRecords(str(tmp_path / "records"), 3).collect() == [b"aaa", b"bbb", b"ccc"]


def test_save_as_text_file(sc, tmp_path):  # behaviour 3.7
    out = str(tmp_path / "out")
    sc.parallelize(["naïve", 1, None, ("a", 2), b"x"], 2).saveAsTextFile(out)
    assert lines(out) == ["naïve", "1", "None", "('a', 2)", "x"]
    visible = sorted(name for name in os.listdir(out) if not name.startswith("."))
    assert visible == ["_SUCCESS", "part-00000", "part-00001"]
    assert sc.textFile(out).count() == 5


def test_saving_over_what_is_there_is_refused(sc, tmp_path):
    out = str(tmp_path / "out")
    sc.parallelize([1]).saveAsTextFile(out)
    with pytest.raises(Exception, match="Output directory .*out already exists"):
        sc.parallelize([2]).saveAsTextFile(out)


def test_save_compressed(sc, tmp_path):
    out = str(tmp_path / "out")
    sc.parallelize(["one", "two"], 1).saveAsTextFile(out, "org.apache.hadoop.io.compress.GzipCodec")
    with gzip.open(os.path.join(out, "part-00000.gz")) as file:
        assert file.read() == b"one\ntwo\n"
    assert sc.textFile(out).collect() == ["one", "two"]


def test_pickle_files(sc, tmp_path):
    out = str(tmp_path / "out")
    values = [1, "two", None, (3, [4.0]), {"five": b"6"}]
    sc.parallelize(values, 2).saveAsPickleFile(out, 3)
    assert sc.pickleFile(out).collect() == values


def test_sequence_files(sc, tmp_path):
    out = str(tmp_path / "out")
    sc.parallelize([(1, "one"), (2, "two")], 1).saveAsSequenceFile(out)
    assert sc.sequenceFile(out).collect() == [(1, "one"), (2, "two")]
