"""Lines of a socket in the log, joined with those of a window, and a table that takes each part of a batch once."""
import sqlite3
from functools import partial

from driving import INTERVAL, WINDOW, Keep, milliseconds, run


def insert(path, time, index, ids):
    from tidemill.streaming import once

    connection = sqlite3.connect(path, timeout=60)
    try:
        with once(connection, "ids", time, index) as is_new:
            if is_new:
                connection.executemany("INSERT INTO ids VALUES (?, ?)", [(time, id) for id in ids])
    finally:
        connection.close()
    return []


def insert_parts(path, time, rdd):
    rdd.mapPartitionsWithIndex(partial(insert, path, milliseconds(time))).count()


def declare(ssc, folder, port):
    path = f"{folder}/ids.db"
    with sqlite3.connect(path) as connection:
        connection.execute("CREATE TABLE IF NOT EXISTS ids (batch INTEGER, id INTEGER)")
    connection.close()
    ids = ssc.socketTextStream("127.0.0.1", port).map(lambda line: int(line.strip("<>")))
    ids.foreachRDD(Keep(folder, "raw"))
    pairs = ids.map(lambda id: (id % 13, id))
    pairs.window(WINDOW * INTERVAL).join(pairs, 2).foreachRDD(Keep(folder, "joined"))
    ids.foreachRDD(partial(insert_parts, path))


if __name__ == "__main__":
    run(declare)
