"""Counts the words of files that appear in a folder.

Run with, in two terminals:
    mkdir -p inbox && tidemill run hdfs_wordcount.py inbox
    echo "to be or not to be" > inbox/first.txt
"""

from __future__ import annotations

import sys

from tidemill import SparkContext
from tidemill.streaming import StreamingContext


def main(folder: str) -> None:
    """Counts what appears in `folder` until Ctrl-C."""
    ssc = StreamingContext(SparkContext("local[2]", "HdfsWordCount"), 1)
    lines = ssc.textFileStream(folder)
    counts = lines.flatMap(lambda line: line.split(" ")).map(lambda word: (word, 1)).reduceByKey(lambda a, b: a + b)
    counts.pprint()
    ssc.start()
    ssc.awaitTermination()


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit("usage: hdfs_wordcount.py FOLDER")
    main(sys.argv[1])
