"""Files, and folders of text on another machine, whose parts are copied one by one."""
import os

from driving import Keep, run


def declare(ssc, folder, port):
    ids = ssc.textFileStream(f"{folder}/incoming").map(int)
    ids.foreachRDD(Keep(folder, "raw"))
    ids.repartition(3).saveAsTextFiles(f"{os.environ['TIDEMILL_TEST_PLACE']}/ids", "txt")


if __name__ == "__main__":
    run(declare)
