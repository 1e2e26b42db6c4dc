"""Word counts of a text that the engine holds in memory, the same job again and again. PATH JOBS"""
import json
import sys
import time

from pyspark import SparkContext

sc = SparkContext("local[2]", "WordCount")
lines = sc.textFile(sys.argv[1], 2).cache()
lines.count()
times = []
for _ in range(int(sys.argv[2]) + 1):
    start = time.monotonic()
    words = lines.flatMap(lambda line: line.split(" "))
    counts = words.map(lambda word: (word, 1)).reduceByKey(lambda a, b: a + b).collect()
    times.append(time.monotonic() - start)
    print("JOB", flush=True)
print("BENCH", json.dumps({"seconds": times[1:], "words": sum(count for _, count in counts)}))
sc.stop()
