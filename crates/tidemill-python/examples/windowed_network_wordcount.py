"""Counts the words of the last 30 seconds, every 10 seconds.

Run with, in two terminals:
    nc -lk 9999
    tidemill run windowed_network_wordcount.py localhost 9999
"""

from __future__ import annotations

import sys
import tempfile

from tidemill import SparkContext
from tidemill.streaming import StreamingContext

WINDOW_SECONDS = 30
SLIDE_SECONDS = 10


def main() -> None:
    """Runs until Ctrl-C."""
    host, port = sys.argv[1:3] if len(sys.argv) > 2 else ("localhost", "9999")
    ssc = StreamingContext(SparkContext("local[2]", "WindowedNetworkWordCount"), 1)
    with tempfile.TemporaryDirectory() as folder:
        ssc.checkpoint(folder)
        words = ssc.socketTextStream(host, int(port)).flatMap(lambda line: line.split(" "))
        # What leaves the window is taken back, so that a long window costs no more than a short one.
        counts = words.map(lambda word: (word, 1)).reduceByKeyAndWindow(
            lambda a, b: a + b, lambda a, b: a - b, WINDOW_SECONDS, SLIDE_SECONDS, filterFunc=lambda pair: pair[1] > 0
        )
        counts.pprint()
        ssc.start()
        ssc.awaitTermination()


if __name__ == "__main__":
    main()
