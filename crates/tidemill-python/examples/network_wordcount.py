"""Counts the words that come over TCP, second by second.

Run with, in two terminals:
    nc -lk 9999
    tidemill run network_wordcount.py localhost 9999
"""

from __future__ import annotations

import sys

from tidemill import SparkContext
from tidemill.streaming import StreamingContext

host, port = sys.argv[1:3] if len(sys.argv) > 2 else ("localhost", "9999")

sc = SparkContext("local[2]", "NetworkWordCount")
ssc = StreamingContext(sc, 1)

lines = ssc.socketTextStream(host, int(port))
words = lines.flatMap(lambda line: line.split(" "))
counts = words.map(lambda word: (word, 1)).reduceByKey(lambda a, b: a + b)
counts.pprint()

ssc.start()
ssc.awaitTermination()
