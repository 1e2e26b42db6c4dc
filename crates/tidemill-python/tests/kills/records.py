"""Two folders of binary records, read without a receiver, joined, and a state over both."""
from driving import INTERVAL, WINDOW, Keep, run


def total(new, last):
    count, total = last or (0, 0)
    return count + len(new), total + sum(new)


def declare(ssc, folder, port):
    def ids(name):
        return ssc.binaryRecordsStream(f"{folder}/{name}", 8).map(lambda record: int.from_bytes(record, "little"))

    left, right = ids("left"), ids("right")
    left.foreachRDD(Keep(folder, "raw-left"))
    right.foreachRDD(Keep(folder, "raw-right"))
    pairs = [stream.map(lambda id: (id % 13, id)) for stream in (left, right)]
    pairs[0].window(WINDOW * INTERVAL).join(pairs[1], 2).foreachRDD(Keep(folder, "joined"))
    pairs[0].union(pairs[1]).updateStateByKey(total, 2).foreachRDD(Keep(folder, "sums"))


if __name__ == "__main__":
    run(declare)
