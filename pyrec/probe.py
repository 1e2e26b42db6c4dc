import sys, tempfile, warnings
warnings.simplefilter("ignore")
from pyspark import SparkContext
from pyspark.streaming import StreamingContext
sc = SparkContext("local[2]", "x"); sc.setLogLevel("FATAL")
def attempt(name, build):
    ssc = StreamingContext(sc, 1); ssc.checkpoint(tempfile.mkdtemp())
    s = ssc.textFileStream(tempfile.mkdtemp())
    try:
        build(ssc, s); ssc.start(); print(name, "STARTED")
    except BaseException as e:
        t = str(e); print(name, type(e).__name__, len(t), [l for l in t.splitlines() if "Error" in l or "Exception" in l][:8])
    ssc.stop(False)
attempt("stream", lambda ssc, s: s.foreachRDD(lambda rdd: print(s)))
attempt("ssc", lambda ssc, s: s.foreachRDD(lambda rdd: print(ssc)))
b = sc.broadcast(1); a = sc.accumulator(0)
attempt("broadcast", lambda ssc, s: s.foreachRDD(lambda rdd: print(b)))
attempt("accumulator", lambda ssc, s: s.foreachRDD(lambda rdd: print(a)))
attempt("initial", lambda ssc, s: s.map(lambda x: (x,1)).updateStateByKey(lambda n,o: 1, initialRDD=sc.parallelize([(1,1)])).foreachRDD(lambda rdd: None))
# recover & add
import os
d = tempfile.mkdtemp(); i = tempfile.mkdtemp()
def setup():
    ssc = StreamingContext(sc, 1); ssc.textFileStream(i).foreachRDD(lambda rdd: None); return ssc
ssc = StreamingContext.getOrCreate(d, setup); ssc.start(); ssc.awaitTerminationOrTimeout(3); ssc.stop(False)
ssc = StreamingContext.getOrCreate(d, None)
def attempt2(name, f):
    try: print(name, f())
    except BaseException as e:
        t = str(e); print(name, type(e).__name__, [l for l in t.splitlines() if "rror" in l or "xception" in l][:8])
attempt2("checkpoint again", lambda: ssc.checkpoint(d))
attempt2("remember", lambda: ssc.remember(100))
attempt2("add stream", lambda: ssc.textFileStream(i).foreachRDD(lambda rdd: None))
attempt2("start", lambda: ssc.start())
attempt2("wait", lambda: ssc.awaitTerminationOrTimeout(3))
os._exit(0)
