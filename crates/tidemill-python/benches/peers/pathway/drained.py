"""The network word count, updated once a second, until all words are counted. PORT WORDS"""
import json
import sys
from time import monotonic

import pathway as pw
from lines import words_of

expected, counted = int(sys.argv[2]), 0
words = words_of(int(sys.argv[1]), 1)
counts = words.groupby(pw.this.word).reduce(pw.this.word, count=pw.reducers.count())


def note(key, row, time, is_addition):
    global counted
    counted += row["count"] if is_addition else -row["count"]


def look(time):
    if counted >= expected:
        print("BENCH", json.dumps({"words": counted, "end": monotonic()}), flush=True)


pw.io.subscribe(counts, note, on_time_end=look)
pw.run(monitoring_level=pw.MonitoringLevel.NONE)
