"""What the files of this folder hold, and the program that wrote those of `pyspark/` (with PySpark 3.5.9) and of `tidemill/`.

Run it as `python written.py FOLDER` with `pyspark`, or with `tidemill` under that name.
"""
from __future__ import annotations

import os
import shutil
import sys
from typing import Any

DEFAULT = "org.apache.hadoop.io.compress.DefaultCodec"
BZIP2 = "org.apache.hadoop.io.compress.BZip2Codec"
MANY = [(f"word {number}", number * number) for number in range(50)]

# Name, pairs, codec.
SEQUENCES: list[tuple[str, list[tuple[Any, Any]], str | None]] = [
    ("ints", [(number, number * 65_537) for number in range(-3, 4)], None),
    ("longs", [(2**40 + number, -(2**63) + number) for number in range(3)], None),
    ("floats", [(1.5, -0.0), (float("inf"), 1e-300)], None),
    ("bools", [(True, False), (False, True)], None),
    ("texts", [("a", "b"), ("gr\u00fc\u00df", "\U0001f30a"), ("", "x" * 300)], None),
    ("bytes", [(bytearray(b"ab"), bytearray(range(256))), (bytearray(), bytearray(b"\0"))], None),
    ("nothing", [(None, None), (None, None)], None),
    ("maps", [("a", {"x": 1, "y": 2.5, "z": {"inner": True}}), ("b", {})], None),
    ("zlib", MANY, DEFAULT),
    ("bzip2", MANY, BZIP2),
]
# Name, records, records in a pickle.
PICKLES: list[tuple[str, list[Any], int]] = [
    ("numbers", list(range(35)), 10),
    ("one_each", [{"key": number} for number in range(12)], 1),
    ("automatic", [("word", number, None, b"\0", 2.5) for number in range(40)], 0),
]


def main(folder: str) -> None:
    from pyspark import SparkContext

    with SparkContext("local[1]", "written") as sc:
        for name, pairs, codec in SEQUENCES:
            sc.parallelize(pairs, 1).saveAsSequenceFile(f"{folder}/{name}.out", codec)
            keep(folder, name)
        for name, records, batch in PICKLES:
            sc.parallelize(records, 1).saveAsPickleFile(f"{folder}/{name}.out", batch)
            keep(folder, name)


def keep(folder: str, name: str) -> None:
    os.replace(f"{folder}/{name}.out/part-00000", f"{folder}/{name}")
    shutil.rmtree(f"{folder}/{name}.out")


if __name__ == "__main__":
    main(os.path.abspath(sys.argv[1]))
