"""The network word count, updated once an interval. PORT INTERVAL"""
import sys

import pathway as pw
from lines import words_of

words = words_of(int(sys.argv[1]), float(sys.argv[2]))
counts = words.groupby(pw.this.word).reduce(pw.this.word, count=pw.reducers.count())


def show(key, row, time, is_addition):
    if is_addition:
        print((row["word"], row["count"]), flush=True)


pw.io.subscribe(counts, show)
pw.run(monitoring_level=pw.MonitoringLevel.NONE)
