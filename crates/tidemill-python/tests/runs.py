"""Runs of a program, one after the other, on one checkpoint, under a clock that the test moves."""
from __future__ import annotations

from tidemill import SparkContext, _engine
from tidemill._call_site import call_site
from tidemill.streaming import DStream, StreamingContext
from tidemill.testing import Feed


class Clocked(StreamingContext):
    """A context whose clock begins where the test says."""

    now_ms = 0

    def _make_engine(self, interval_ms):
        return _engine.StreamingContext(self._sc._engine, interval_ms, Clocked.now_ms)

    @classmethod
    def _of_interval(cls, sc, interval_ms):
        return cls(sc, interval_ms / 1000)


class Runs:
    """The runs of a program, one after the other, on one checkpoint directory. Each ends as if it were killed, but that what
    has begun to be written is written."""

    def __init__(self, sc, folder, declare):
        self.sc, self.folder, self.declare = sc, str(folder), declare
        self.setups = 0
        self.ssc = None
        Clocked.now_ms = 0

    def setup(self):
        self.setups += 1
        ssc = Clocked(SparkContext._active_spark_context, 1)
        self.declare(DStream(ssc._recipe.add("testInput", call_site("input")), ssc, ssc.sparkContext.serializer))
        return ssc

    def begin(self, **options):
        """The next run."""
        self.ssc = Clocked.getOrCreate(self.folder, self.setup, **options)
        self.feed = Feed(self.ssc.sparkContext, self.ssc._recipe.making.feeds[0], 2)
        return self

    def tick(self, *given):
        """Runs a batch for each of `given`."""
        for batch in given:
            self.feed.push(batch)
            if self.ssc._engine.state == "INITIALIZED":
                self.ssc.start()
            Clocked.now_ms += 1000
            self.ssc._engine.tick()

    def end(self):
        if self.ssc is not None:
            self.ssc.stop(False)
