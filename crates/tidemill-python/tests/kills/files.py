"""Files, a state, windows with an inverse and without, folders of text."""
from driving import INTERVAL, SLIDE, WINDOW, Keep, run


def add(one, other):
    return one[0] + other[0], one[1] + other[1]


def subtract(one, other):
    return one[0] - other[0], one[1] - other[1]


def total(new, last):
    count, total = last or (0, 0)
    return count + len(new), total + sum(new)


def declare(ssc, folder, port):
    ids = ssc.textFileStream(f"{folder}/incoming").map(int)
    ids.foreachRDD(Keep(folder, "raw"))
    ids.map(lambda id: (id % 13, id)).updateStateByKey(total, 2).foreachRDD(Keep(folder, "sums"))
    pairs = ids.map(lambda id: (id % 13, (1, id)))
    # The inverse is asked where five slides or more make a window.
    pairs.reduceByKeyAndWindow(add, subtract, WINDOW * INTERVAL, INTERVAL, 2).foreachRDD(Keep(folder, "inverse"))
    ids.window(WINDOW * INTERVAL, SLIDE * INTERVAL).foreachRDD(Keep(folder, "window"))
    ids.saveAsTextFiles(f"{folder}/saved/ids", "txt")


if __name__ == "__main__":
    run(declare)
