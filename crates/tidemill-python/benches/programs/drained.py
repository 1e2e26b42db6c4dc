"""The network word count on a text that comes as fast as it is read, until all its words are counted. PORT WORDS"""
import json
import sys
import threading
import time

from pyspark import SparkContext
from pyspark.streaming import StreamingContext

port, expected = int(sys.argv[1]), int(sys.argv[2])
sc = SparkContext("local[2]", "NetworkWordCount")
ssc = StreamingContext(sc, 1)

lines = ssc.socketTextStream("localhost", port)
words = lines.flatMap(lambda line: line.split(" "))
counts = words.map(lambda word: (word, 1)).reduceByKey(lambda a, b: a + b)

batches, finished = [], threading.Event()


def note(rdd):
    counted = rdd.map(lambda pair: pair[1]).sum()
    if counted:
        batches.append((counted, time.monotonic()))
    if sum(batch[0] for batch in batches) >= expected:
        finished.set()


counts.foreachRDD(note)
ssc.start()
finished.wait()
print("BENCH", json.dumps({"words": sum(batch[0] for batch in batches), "batches": len(batches), "end": batches[-1][1]}))
sys.stdout.flush()
ssc.stop(True, False)
