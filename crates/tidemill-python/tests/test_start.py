"""What begins when: nothing before it is needed, and workers of a stream before its first batch."""
from __future__ import annotations

import os

from harness import eventually


def children():
    """The processes that this one has started."""
    found = set()
    for task in os.listdir("/proc/self/task"):
        try:
            with open("/proc/self/task/%s/children" % task) as file:
                found.update(map(int, file.read().split()))
        except FileNotFoundError:
            pass  # a thread that has ended meanwhile
    return found


def test_a_context_starts_no_process_before_a_function_needs_one(no_context):
    from tidemill import SparkContext

    before = children()
    sc = SparkContext("local[2]", "start")
    assert sc.parallelize([1, 2, 3], 2).collect() == [1, 2, 3]
    assert children() == before
    assert sc.parallelize([1, 2, 3], 2).map(str).collect() == ["1", "2", "3"]
    assert len(children() - before) == 1  # the process from which workers are forked
    sc.stop()
    eventually(lambda: children() <= before, "the end of the workers")


def test_workers_of_a_stream_are_ready_before_its_first_batch(no_context):
    from tidemill import SparkContext
    from tidemill.streaming import StreamingContext

    before = children()
    ssc = StreamingContext(SparkContext("local[2]", "start"), 3600)
    ssc.queueStream([[1]]).map(str).pprint()
    assert children() == before
    ssc.start()
    eventually(lambda: children() - before, "the start of what workers come from")
    ssc.stop()
