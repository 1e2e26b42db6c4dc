"""Past `spark.python.worker.memory` workers go on with files: the same results in the same order, and memory stays near it."""

from __future__ import annotations

import json
import subprocess
import sys
from typing import Any

import pytest

PROGRAM = """
import json, sys
from tidemill import SparkConf, SparkContext

LIMIT = 32 << 20
RECORDS = 10 * LIMIT // 2000
conf = SparkConf().set("spark.python.worker.memory", str(LIMIT >> 20) + "m").set("spark.local.dir", sys.argv[2])
sc = SparkContext("local[2]", "tests", conf=conf)

def made(part):
    for number in range(part, RECORDS, 2):
        yield number * 7919 % (RECORDS // 4), "%02000d" % number

def most(records):
    records = [(key, len(value), int((value[0] if isinstance(value, list) else value)[1980:2000])) for key, value in records]
    status = open("/proc/self/status").read()
    return [(records, int(status.split("VmHWM:")[1].split()[0]) << 10)]

pairs = sc.parallelize([0, 1], 2).flatMap(made)
if sys.argv[1] == "groupByKey":
    merged = pairs.groupByKey(2).mapValues(list)
else:
    merged = pairs.reduceByKey(lambda left, right: left + right, 2)
parts = merged.mapPartitions(most).collect()
sc.stop()

seen = {}
for part in (0, 1):
    for key, value in made(part):
        seen.setdefault(key, []).append(value)
right = True
for number, (records, _) in enumerate(parts):
    scale = 1 if sys.argv[1] == "groupByKey" else 2000
    right = right and [(key, many // scale, first) for key, many, first in records] == [
        (key, len(values), int(values[0])) for key, values in seen.items() if key % 2 == number
    ]
print(json.dumps({"right": right, "most": max(most for _, most in parts), "limit": LIMIT}))
"""


@pytest.mark.parametrize("operator", ["groupByKey", "reduceByKey"])
def test_ten_times_the_limit(operator: str, tmp_path: Any) -> None:
    command = [sys.executable, "-c", PROGRAM, operator, str(tmp_path)]
    found = json.loads(subprocess.run(command, stdout=subprocess.PIPE, check=True).stdout)
    assert found["right"]
    # The batches in hand, and what `most` itself gathers, come on top.
    assert found["most"] < 2 * found["limit"]
    assert list(tmp_path.iterdir()) == []
