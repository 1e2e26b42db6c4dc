"""Word counts of a text file. PATH JOBS"""
import json
import sys
from time import monotonic

import pathway as pw


@pw.udf
def split(line: str) -> list[str]:
    return line.split(" ")


times = []
for _ in range(int(sys.argv[2]) + 1):
    start = monotonic()
    final = {}
    lines = pw.io.plaintext.read(sys.argv[1], mode="static")
    words = lines.select(word=split(pw.this.data)).flatten(pw.this.word)
    counts = words.groupby(pw.this.word).reduce(pw.this.word, count=pw.reducers.count())

    def note(key, row, time, is_addition, final=final):
        if is_addition:
            final[row["word"]] = row["count"]

    pw.io.subscribe(counts, note)
    pw.run(monitoring_level=pw.MonitoringLevel.NONE)
    times.append(monotonic() - start)
    print("JOB", flush=True)
    pw.internals.parse_graph.G.clear()
print("BENCH", json.dumps({"seconds": times[1:], "words": sum(final.values())}))
