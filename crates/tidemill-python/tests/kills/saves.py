"""Files, and folders of text on another machine, whose parts are copied one by one."""
import os

from driving import Keep, run


def declare(ssc, folder, port):
    ids = ssc.textFileStream(f"{folder}/incoming").map(int)
    ids.foreachRDD(Keep(folder, "raw"))
    place = os.environ["TIDEMILL_TEST_PLACE"]
    # Many parts, so that there is time to be killed between two of them; but HDFS takes half a second to close a file.
    ids.repartition(3 if place.startswith("hdfs:") else 24).saveAsTextFiles(f"{place}/ids", "txt")


if __name__ == "__main__":
    run(declare)
