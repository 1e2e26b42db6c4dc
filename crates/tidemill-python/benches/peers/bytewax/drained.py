"""The network word count in windows of a second, until all words are counted. PORT WORDS"""
import json
import sys
import time
from datetime import datetime, timedelta, timezone

import bytewax.operators as op
import bytewax.operators.windowing as windows
from bytewax.dataflow import Dataflow
from bytewax.outputs import DynamicSink, StatelessSinkPartition
from bytewax.run import cli_main
from lines import TcpSource

expected, counted = int(sys.argv[2]), 0


class Total(StatelessSinkPartition):
    def write_batch(self, items):
        global counted
        counted += sum(count for _, (_, count) in items)
        if counted >= expected:
            print("BENCH", json.dumps({"words": counted, "end": time.monotonic()}), flush=True)


class TotalSink(DynamicSink):
    def build(self, step_id, worker_index, worker_count):
        return Total()


flow = Dataflow("network_word_count")
lines = op.input("lines", flow, TcpSource(int(sys.argv[1])))
words = op.flat_map("words", lines, lambda line: line.split(" "))
windower = windows.TumblingWindower(timedelta(seconds=1), datetime(2024, 1, 1, tzinfo=timezone.utc))
counts = windows.count_window("counts", words, windows.SystemClock(), windower, lambda word: word)
op.output("total", counts.down, TotalSink())
cli_main(flow, workers_per_process=2)
