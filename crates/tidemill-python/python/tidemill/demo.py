"""The network word count, as `tidemill demo` runs it on served text.

Usage: tidemill run demo.py HOST PORT SECONDS [BATCHES]
"""

import sys

from pyspark import SparkContext
from pyspark.streaming import StreamingContext

host, port, seconds = sys.argv[1], int(sys.argv[2]), float(sys.argv[3])
batches = int(sys.argv[4]) if len(sys.argv) > 4 else None

sc = SparkContext(appName="NetworkWordCount")
ssc = StreamingContext(sc, seconds)

lines = ssc.socketTextStream(host, port)
words = lines.flatMap(lambda line: line.split(" "))
counts = words.map(lambda word: (word, 1)).reduceByKey(lambda a, b: a + b)
counts.pprint()

shown = []
counts.foreachRDD(lambda rdd: shown.append(rdd.values().sum()))
ssc.start()
try:
    while batches is None or len(shown) < batches:
        ssc.awaitTerminationOrTimeout(0.1)
except KeyboardInterrupt:
    pass
ssc.stop()
print(f"Goodbye: {len(shown)} batches, {sum(shown)} words. The program: {__file__}")
