"""Counts remainders in batches that come from a list: a stream without a source, for tests and first steps.

Run with:
    tidemill run queue_stream.py
"""

from __future__ import annotations

from tidemill import SparkContext
from tidemill.streaming import StreamingContext

INTERVAL_SECONDS = 1
BATCHES = 5

sc = SparkContext("local[2]", "QueueStream")
ssc = StreamingContext(sc, INTERVAL_SECONDS)

batches = [sc.parallelize(range(1, 1001), 10) for _ in range(BATCHES)]
numbers = ssc.queueStream(batches)
numbers.map(lambda number: (number % 10, 1)).reduceByKey(lambda a, b: a + b).pprint()

ssc.start()
# The queue never ends: when it is empty, batches are.
ssc.awaitTerminationOrTimeout(INTERVAL_SECONDS * (BATCHES + 1))
ssc.stop(stopSparkContext=True, stopGraceFully=True)
