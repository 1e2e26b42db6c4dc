"""Sequence files and pickle files: rows 3.7 and 3.10. Each engine reads what the other wrote."""
from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Any

import pytest

DATA = Path(__file__).parent.parent / "data"
sys.path.insert(0, str(DATA))

from written import DEFAULT, PICKLES, SEQUENCES


# behaviour 3.10
@pytest.mark.parametrize("writer", ["pyspark", "tidemill"])
@pytest.mark.parametrize("name, pairs, codec", SEQUENCES)
def test_sequence_files_of_both_engines_are_read(sc: Any, writer: str, name: str, pairs: Any, codec: Any) -> None:
    read = sc.sequenceFile(str(DATA / writer / name), minSplits=1)
    assert read.collect() == pairs
    assert [type(item) for pair in read.collect() for item in pair] == [type(item) for pair in pairs for item in pair]


# behaviour 3.10
@pytest.mark.parametrize("writer", ["pyspark", "tidemill"])
@pytest.mark.parametrize("name, records, batch", PICKLES)
def test_pickle_files_of_both_engines_are_read(sc: Any, writer: str, name: str, records: Any, batch: int) -> None:
    assert sc.pickleFile(str(DATA / writer / name), 1).collect() == records


# behaviour 3.7
@pytest.mark.parametrize("codec", [None, DEFAULT])
def test_what_is_saved_as_sequence_file_is_read_again(sc: Any, tmp_path: Path, codec: str | None) -> None:
    path = str(tmp_path / "out")
    pairs = [(word, len(word)) for word in ("how", "much", "does", "a", "tide", "mill", "grind")]
    sc.parallelize(pairs, 3).saveAsSequenceFile(path, codec)
    names = sorted(name for name in os.listdir(path) if not name.startswith("."))
    assert names == ["_SUCCESS", "part-00000", "part-00001", "part-00002"]
    assert sorted(sc.sequenceFile(path).collect()) == sorted(pairs)


# behaviour 3.7
@pytest.mark.parametrize("batch", [0, 1, 10])
def test_what_is_saved_as_pickle_file_is_read_again(sc: Any, tmp_path: Path, batch: int) -> None:
    path = str(tmp_path / "out")
    records = [None, 1, "two", (3, [4.0]), {"five": 2**70}, b"six"]
    sc.parallelize(records, 2).saveAsPickleFile(path, batch)
    read = sc.pickleFile(path)
    assert read.getNumPartitions() == 2
    assert sorted(read.collect(), key=repr) == sorted(records, key=repr)
    assert sc.parallelize([], 2).saveAsPickleFile(path + "2") is None
    assert sc.pickleFile(path + "2").collect() == []


# behaviour 3.10
def test_a_large_file_is_read_by_several_tasks(sc: Any, tmp_path: Path) -> None:
    path = str(tmp_path / "out")
    pairs = [(f"word{number % 100}", number) for number in range(20_000)]
    sc.parallelize(pairs, 1).saveAsSequenceFile(path)
    assert sc.sequenceFile(path).getNumPartitions() == 2
    parts = sc.sequenceFile(path, minSplits=5).glom().collect()
    assert [len(part) for part in parts] == [5414, 5418, 5418, 3750]
    assert [pair for part in parts for pair in part] == pairs


# behaviour 3.10
def test_the_classes_may_be_named(sc: Any) -> None:
    integers = "org.apache.hadoop.io.IntWritable"
    assert sc.sequenceFile(str(DATA / "pyspark" / "ints"), integers, integers).count() == 7
    with pytest.raises(Exception, match="java.lang.ClassNotFoundException: no.such.Key"):
        sc.sequenceFile(str(DATA / "pyspark" / "ints"), "no.such.Key").collect()


# behaviour 3.7
@pytest.mark.parametrize(
    "records, words",
    [
        ([], "empty collection"),
        ([1], "RDD element of type .* cannot be used"),
        ([(1, 2, 3)], "RDD element of type .* cannot be used"),
        ([("a", [1])], "Data of type .* cannot be used"),
        ([("a", 2**70)], "Data of type .* cannot be used"),
        ([("a", 1), ("b", 2.0)], "wrong value class: .*DoubleWritable is not class .*IntWritable|Job aborted"),
    ],
)
def test_records_that_no_sequence_file_holds(sc: Any, tmp_path: Path, records: list[Any], words: str) -> None:
    with pytest.raises(Exception, match=words):
        sc.parallelize(records, 1).saveAsSequenceFile(str(tmp_path / "out"))
    assert not (tmp_path / "out" / "_SUCCESS").exists()


# behaviour 3.7
def test_output_that_exists_is_not_written_over(sc: Any, tmp_path: Path) -> None:
    words = f"FileAlreadyExistsException: Output directory file:{tmp_path} already exists"
    for save in (sc.parallelize([("a", 1)]).saveAsSequenceFile, sc.parallelize([1]).saveAsPickleFile):
        with pytest.raises(Exception, match=words):
            save(str(tmp_path))
    assert os.listdir(tmp_path) == []


# behaviour 3.10
def test_what_is_not_there_is_named(sc: Any, tmp_path: Path) -> None:
    words = f"Input path does not exist: file:{tmp_path}/nothing"
    for read in (sc.sequenceFile, sc.pickleFile):
        with pytest.raises(Exception, match=words):
            read(f"{tmp_path}/nothing").collect()
    (tmp_path / "text").write_text("no sequence file\n")
    with pytest.raises(Exception, match="not a SequenceFile"):
        sc.sequenceFile(f"{tmp_path}/text").collect()
