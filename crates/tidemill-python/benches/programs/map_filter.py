"""`map` and `filter` over ten million integers, counted, again and again. JOBS"""
import json
import sys
import time

from pyspark import SparkContext

NUMBERS = 10_000_000
sc = SparkContext("local[2]", "MapFilter")
times = []
for _ in range(int(sys.argv[1]) + 1):
    start = time.monotonic()
    count = sc.parallelize(range(NUMBERS), 2).map(lambda n: n + 1).filter(lambda n: n % 2 == 0).count()
    times.append(time.monotonic() - start)
    print("JOB", flush=True)
    assert count == NUMBERS // 2
print("BENCH", json.dumps({"seconds": times[1:]}))
sc.stop()
