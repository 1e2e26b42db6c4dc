"""Listeners: which events come, in which order, and what they tell."""
from __future__ import annotations

import os

from harness import INTERVAL, ON_PYSPARK, TextServer, eventually
from tidemill.streaming import StreamingListener


class Notes(StreamingListener):
    """Writes down every event as (name, facts), in the order of arrival."""

    def __init__(self):
        self.events = []

    def names(self, prefix=""):
        return [name for name, _ in self.events if name.startswith(prefix)]

    def facts(self, wanted):
        return [facts for name, facts in self.events if name == wanted]

    def onStreamingStarted(self, event):
        self.events.append(("started", None))

    def onReceiverStarted(self, event):
        self.events.append(("receiver started", self.receiver(event.receiverInfo())))

    def onReceiverError(self, event):
        self.events.append(("receiver error", self.receiver(event.receiverInfo())))

    def onReceiverStopped(self, event):
        self.events.append(("receiver stopped", self.receiver(event.receiverInfo())))

    @staticmethod
    def receiver(info):
        return {
            "id": info.streamId(), "name": info.name(), "active": info.active(), "message": info.lastErrorMessage(),
            "time": info.lastErrorTime(),
        }

    def onBatchSubmitted(self, event):
        self.events.append(("batch submitted", self.batch(event.batchInfo())))

    def onBatchStarted(self, event):
        self.events.append(("batch started", self.batch(event.batchInfo())))

    def onBatchCompleted(self, event):
        self.events.append(("batch completed", self.batch(event.batchInfo())))

    @staticmethod
    def batch(info):
        inputs = info.streamIdToInputInfo()
        return {
            "time": info.batchTime().milliseconds(), "submitted": info.submissionTime(),
            "delays": (info.schedulingDelay(), info.processingDelay(), info.totalDelay()),
            "from": info.processingStartTime(), "until": info.processingEndTime(), "records": info.numRecords(),
            "inputs": {key: (inputs[key].inputStreamId(), inputs[key].numRecords(), dict(inputs[key].metadata()))
                       for key in inputs},
            "outputs": len(info.outputOperationInfos()),
        }

    def onOutputOperationStarted(self, event):
        self.events.append(("output started", self.output(event.outputOperationInfo())))

    def onOutputOperationCompleted(self, event):
        self.events.append(("output completed", self.output(event.outputOperationInfo())))

    @staticmethod
    def output(info):
        return {
            "time": info.batchTime().milliseconds(), "id": info.id(), "name": info.name(),
            "description": info.description(), "from": info.startTime(), "until": info.endTime(),
            "failure": info.failureReason(),
        }


def run(new_stream, build, until=lambda notes: len(notes.facts("batch completed")) >= 2):
    ssc, notes = new_stream(), Notes()
    ssc.addStreamingListener(notes)
    build(ssc)
    ssc.start()
    eventually(lambda: until(notes), "the events")
    ssc.stop(False)
    return notes


def test_events_come_in_order(new_stream):  # behaviour 1.59, 1.61, 1.64
    def build(ssc):
        stream = ssc.queueStream([[1], [2]])
        stream.foreachRDD(lambda rdd: None)
        stream.foreachRDD(lambda rdd: rdd.count() and None)

    notes = run(new_stream, build)
    assert notes.names()[0] == "started"
    one = notes.facts("batch submitted")[0]["time"]
    of_first = [name for name, facts in notes.events if facts and facts.get("time") == one]
    assert of_first == [
        "batch submitted", "batch started", "output started", "output completed", "output started", "output completed",
        "batch completed",
    ]


def test_what_a_batch_tells(new_stream):  # behaviour 1.61
    notes = run(new_stream, lambda ssc: ssc.queueStream([[1, 2]]).foreachRDD(lambda rdd: rdd.count() and None))
    submitted, started, done = (notes.facts(f"batch {name}")[0] for name in ("submitted", "started", "completed"))
    assert submitted["time"] == started["time"] == done["time"]
    assert submitted["time"] % round(1000 * INTERVAL) == 0
    assert submitted["delays"] == (-1, -1, -1)
    assert (submitted["from"], submitted["until"]) == (-1, -1)
    assert started["delays"][0] >= 0 and started["delays"][1:] == (-1, -1)
    scheduling, processing, total = done["delays"]
    assert scheduling >= 0 and processing >= 0 and total == scheduling + processing
    assert done["until"] - done["from"] == processing and done["from"] - done["submitted"] == scheduling
    assert done["outputs"] == 1


def test_10_15_a_queue_tells_nothing_of_its_records(new_stream):  # behaviour 10.15, 1.63
    notes = run(new_stream, lambda ssc: ssc.queueStream([[1, 2]]).foreachRDD(lambda rdd: None))
    done = notes.facts("batch completed")[0]
    assert (done["records"], done["inputs"]) == (0, {})


def test_10_15_files_are_told_but_not_counted(new_stream, tmp_path):  # behaviour 10.15, 1.63
    def build(ssc):
        ssc.textFileStream(str(tmp_path)).foreachRDD(lambda rdd: rdd.count() and None)

    def with_file(notes):
        if notes.names("batch completed") and not os.path.exists(tmp_path / "file"):
            (tmp_path / ".file").write_text("1\n2\n")
            (tmp_path / ".file").rename(tmp_path / "file")
        return any(facts["inputs"][0][2].get("Description") for facts in notes.facts("batch completed"))

    notes = run(new_stream, build, with_file)
    (told,) = [facts for facts in notes.facts("batch completed") if facts["inputs"][0][2].get("Description")]
    assert told["records"] == 0
    stream, records, metadata = told["inputs"][0]
    assert (stream, records) == (0, 0)
    assert metadata["Description"].endswith("/file") and set(metadata) == {"files", "Description"}
    if not ON_PYSPARK:  # there it is a list of the JVM
        assert metadata["files"] == metadata["Description"].splitlines()


def test_receivers_count_their_records_and_tell_their_life(new_stream):  # behaviour 1.60, 1.63
    server = TextServer()
    accepted = []

    def counted(notes):
        if not accepted:
            accepted.append(server.accept())
            server.send("one\ntwo\n")
            server.hang_up()
        records = sum(facts["records"] for facts in notes.facts("batch completed"))
        return records >= 2 and notes.facts("receiver stopped")

    try:
        notes = run(
            new_stream, lambda ssc: ssc.socketTextStream("localhost", server.port).foreachRDD(lambda rdd: None), counted
        )
    finally:
        server.close()
    assert notes.facts("receiver started")[0] == {
        "id": 0, "name": "SocketReceiver-0", "active": True, "message": "", "time": -1,
    }
    stopped = notes.facts("receiver stopped")[0]
    assert stopped["message"].startswith("Restarting receiver with delay 2000ms")
    assert sum(facts["records"] for facts in notes.facts("batch completed")) == 2
    assert all(facts["inputs"][0][1] == facts["records"] for facts in notes.facts("batch completed"))


def test_outputs_tell_their_number_and_failure(new_stream):  # behaviour 1.62, 10.1
    def fail(rdd):
        raise ValueError("not this one")

    def build(ssc):
        stream = ssc.queueStream([[1]])
        stream.foreachRDD(lambda rdd: None)
        stream.foreachRDD(fail)

    notes = run(new_stream, build)
    first, second = notes.facts("output completed")[:2]
    assert (first["id"], second["id"]) == (0, 1)
    assert first["failure"] is None and "not this one" in second["failure"]
    assert 0 <= first["until"] - first["from"]
    assert notes.facts("output started")[0]["until"] == -1
    # A batch that failed is completed as well.
    assert len(notes.facts("batch completed")) >= 2


def test_a_batch_without_a_job_tells_nothing(new_stream):  # behaviour 1.64
    def build(ssc):
        ssc.queueStream([[1]]).window(2 * INTERVAL, 2 * INTERVAL).foreachRDD(lambda rdd: None)

    notes = run(new_stream, build)
    times = [facts["time"] for facts in notes.facts("batch completed")]
    assert times[1] - times[0] == round(2000 * INTERVAL)


def test_a_listener_need_not_know_every_event(new_stream):  # behaviour 1.19
    class Deaf(StreamingListener):
        pass

    ssc = new_stream()
    done = []
    ssc.addStreamingListener(Deaf())
    ssc.queueStream([[1]]).foreachRDD(lambda rdd: done.append(1))
    ssc.start()
    eventually(lambda: done, "a batch")


def test_a_listener_that_raises_harms_nobody(new_stream):
    class Broken(StreamingListener):
        def onBatchStarted(self, event):
            raise RuntimeError("broken listener")

    ssc, notes = new_stream(), Notes()
    ssc.addStreamingListener(Broken())
    ssc.addStreamingListener(notes)
    ssc.queueStream([[1]]).foreachRDD(lambda rdd: None)
    ssc.start()
    eventually(lambda: len(notes.facts("batch completed")) >= 2, "two batches")
    assert ssc.awaitTerminationOrTimeout(INTERVAL) is False
