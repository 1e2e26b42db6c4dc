"""Counts the words that come over TCP from the first batch on: each batch shows the totals so far.

Run with, in two terminals:
    nc -lk 9999
    tidemill run stateful_network_wordcount.py localhost 9999
"""

from __future__ import annotations

import sys
import tempfile
from typing import Iterable, Optional

from tidemill import SparkContext
from tidemill.streaming import StreamingContext


def total(new: Iterable[int], before: Optional[int]) -> Optional[int]:
    """What a word has come to: called for each known word in each batch; None would forget it."""
    return sum(new) + (before or 0)


def main() -> None:
    """Runs until Ctrl-C."""
    host, port = sys.argv[1:3] if len(sys.argv) > 2 else ("localhost", "9999")
    sc = SparkContext("local[2]", "StatefulNetworkWordCount")
    ssc = StreamingContext(sc, 1)
    with tempfile.TemporaryDirectory() as folder:
        # What is known grows from batch to batch; a folder for checkpoints keeps its history short.
        ssc.checkpoint(folder)
        already_known = sc.parallelize([("tide", 1), ("mill", 1)])
        words = ssc.socketTextStream(host, int(port)).flatMap(lambda line: line.split(" "))
        words.map(lambda word: (word, 1)).updateStateByKey(total, initialRDD=already_known).pprint()
        ssc.start()
        ssc.awaitTermination()


if __name__ == "__main__":
    main()
