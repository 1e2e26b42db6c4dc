"""Word counts of a text file. PATH JOBS"""
import json
import sys
import time

import bytewax.operators as op
from bytewax.connectors.files import FileSource
from bytewax.dataflow import Dataflow
from bytewax.run import cli_main
from bytewax.testing import TestingSink

times = []
for _ in range(int(sys.argv[2]) + 1):
    start = time.monotonic()
    counts = []
    flow = Dataflow("word_count")
    lines = op.input("lines", flow, FileSource(sys.argv[1], batch_size=1000))
    words = op.flat_map("words", lines, lambda line: line.split(" "))
    op.output("counts", op.count_final("count", words, lambda word: word), TestingSink(counts))
    cli_main(flow, workers_per_process=2)
    times.append(time.monotonic() - start)
    print("JOB", flush=True)
print("BENCH", json.dumps({"seconds": times[1:], "words": sum(count for _, count in counts)}))
