"""The network word count in windows. PORT INTERVAL"""
import sys
from datetime import datetime, timedelta, timezone

import bytewax.operators as op
import bytewax.operators.windowing as windows
from bytewax.connectors.stdio import StdOutSink
from bytewax.dataflow import Dataflow
from bytewax.run import cli_main
from lines import TcpSource

flow = Dataflow("network_word_count")
lines = op.input("lines", flow, TcpSource(int(sys.argv[1])))
words = op.flat_map("words", lines, lambda line: line.split(" "))
windower = windows.TumblingWindower(timedelta(seconds=float(sys.argv[2])), datetime(2024, 1, 1, tzinfo=timezone.utc))
counts = windows.count_window("counts", words, windows.SystemClock(), windower, lambda word: word)
op.output("print", op.map("pairs", counts.down, lambda count: (count[0], count[1][1])), StdOutSink())

sys.stdout.reconfigure(line_buffering=True)
cli_main(flow, workers_per_process=2)
