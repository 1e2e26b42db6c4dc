"""A state of a million keys, of which one in a hundred gets a new value in each batch. INTERVAL BATCHES FOLDER"""
import json
import sys
import time

from pyspark import SparkContext
from pyspark.streaming import StreamingContext

KEYS, NEW, WARM_UP = 1_000_000, 10_000, 3
batches = int(sys.argv[2])
sc = SparkContext("local[2]", "State")
ssc = StreamingContext(sc, float(sys.argv[1]))
ssc.checkpoint(sys.argv[3])


def values(batch):
    if batch == 0:
        return sc.range(KEYS, numSlices=2).map(lambda key: (key, 1))
    return sc.range(NEW, numSlices=2).map(lambda n: ((batch * 10_007 + n * 97) % KEYS, 1))


stream = ssc.queueStream([values(batch) for batch in range(batches)])
state = stream.updateStateByKey(lambda new, last: sum(new) + (last or 0))
ends = []


def note(rdd):
    assert rdd.count() == KEYS
    ends.append(time.monotonic())
    print("JOB", flush=True)


state.foreachRDD(note)
ssc.start()
while len(ends) < batches:
    time.sleep(0.05)
times = [later - before for before, later in zip(ends[WARM_UP:], ends[WARM_UP + 1 :])]
print("BENCH", json.dumps({"seconds": times}))
sys.stdout.flush()
ssc.stop(True, False)
