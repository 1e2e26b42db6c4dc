"""The network word count: what the first page of the guide shows. PORT INTERVAL"""
import sys

from pyspark import SparkContext
from pyspark.streaming import StreamingContext

sc = SparkContext("local[2]", "NetworkWordCount")
ssc = StreamingContext(sc, float(sys.argv[2]))

lines = ssc.socketTextStream("localhost", int(sys.argv[1]))
words = lines.flatMap(lambda line: line.split(" "))
counts = words.map(lambda word: (word, 1)).reduceByKey(lambda a, b: a + b)
counts.pprint()

ssc.start()
ssc.awaitTermination()
