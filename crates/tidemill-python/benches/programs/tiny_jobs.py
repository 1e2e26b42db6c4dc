"""Jobs of two stages on a hundred numbers, one after the other. WARM_UP JOBS"""
import json
import sys
import time

from pyspark import SparkContext

sc = SparkContext("local[2]", "TinyJobs")
times = []
for _ in range(int(sys.argv[1]) + int(sys.argv[2])):
    start = time.monotonic()
    sums = sc.parallelize(range(100), 2).map(lambda n: (n % 10, n)).reduceByKey(lambda a, b: a + b).collect()
    times.append(time.monotonic() - start)
    assert len(sums) == 10
times = sorted(times[int(sys.argv[1]) :])
print("BENCH", json.dumps({"p50": times[len(times) // 2], "p99": times[len(times) * 99 // 100]}))
sc.stop()
