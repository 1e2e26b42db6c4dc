"""What the programs that are killed share: how they begin and go on, and sinks that keep each attempt at a batch.

Workers never load this file: what tasks run lies in the programs, which travel as a whole.
"""
from __future__ import annotations

import json
import os
import sys

# Seconds between batches; a power of two, so that its multiples are exact. A busy machine has to keep up with three programs.
INTERVAL = 0.5
# How many batches windows hold, and after how many the next one is due.
WINDOW, SLIDE = 5, 2
# What ends an attempt that was written as a whole.
END = "\t."


def run(declare):
    """Begins the program, or goes on: `declare(ssc, folder, port)` says what its streams are."""
    from tidemill import SparkConf, SparkContext
    from tidemill.streaming import StreamingContext

    folder, port = sys.argv[1], int(sys.argv[2])

    def setup():
        conf = SparkConf().setMaster("local[2]").setAppName("killed")
        conf.set("spark.log.level", "TRACE")  # tells of each step
        conf.set("spark.streaming.receiver.writeAheadLog.enable", "true")
        conf.set("spark.streaming.blockInterval", "50ms")
        conf.set("spark.streaming.receiverRestartDelay", "20ms")
        ssc = StreamingContext(SparkContext(conf=conf), INTERVAL)
        declare(ssc, folder, port)
        return ssc

    ssc = StreamingContext.getOrCreate(os.path.join(folder, "checkpoint"), setup)
    ssc.start()
    ssc.awaitTermination()


def milliseconds(time):
    return round(time.timestamp() * 1000)


class Keep:
    """Adds each attempt at a batch to a file: a line with the time, and the sorted records."""

    def __init__(self, folder, name):
        self.path = os.path.join(folder, f"{name}.out")

    def __call__(self, time, rdd):
        text = json.dumps(sorted(rdd.collect()))
        # It begins with the end of the line: the one before may have been cut off by a kill.
        line = f"\n{milliseconds(time)}\t{text}{END}".encode()
        file = os.open(self.path, os.O_WRONLY | os.O_CREAT | os.O_APPEND)
        try:
            os.write(file, line)
        finally:
            os.close(file)
