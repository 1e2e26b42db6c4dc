"""The network word count in short batches, and how long after its time each batch is done. PORT INTERVAL SECONDS"""
import json
import sys
import time

from pyspark import SparkContext
from pyspark.streaming import StreamingContext

interval, seconds = float(sys.argv[2]), float(sys.argv[3])
sc = SparkContext("local[2]", "ShortBatches")
ssc = StreamingContext(sc, interval)

lines = ssc.socketTextStream("localhost", int(sys.argv[1]))
words = lines.flatMap(lambda line: line.split(" "))
counts = words.map(lambda word: (word, 1)).reduceByKey(lambda a, b: a + b)
done = []


def note(batch, rdd):
    counted = sum(count for _, count in rdd.collect())
    done.append((time.monotonic(), time.time() - batch.timestamp(), counted))


counts.foreachRDD(note)
ssc.start()
ssc.awaitTerminationOrTimeout(seconds)
late = [batch for batch in done if batch[0] > done[-1][0] - seconds / 3]
lags = sorted(lag for _, lag, _ in late)
due = (late[-1][0] - late[0][0]) / interval
print("BENCH", json.dumps({
    "lag": lags[len(lags) // 2], "worst": lags[-1], "share": (len(late) - 1) / due, "words": sum(batch[2] for batch in late) / len(late),
}))
sys.stdout.flush()
ssc.stop(True, False)
