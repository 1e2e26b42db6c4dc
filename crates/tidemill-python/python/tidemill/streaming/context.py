"""`StreamingContext`: the entry to streams. PySpark's `pyspark.streaming.context`."""
from __future__ import annotations

import threading
import warnings
from typing import TYPE_CHECKING, Any, Callable, ClassVar, Iterable, Optional, Sequence, TypeVar, Union

from tidemill import _engine
from tidemill._call_site import Operator, call_site
from tidemill.context import SparkContext
from tidemill.errors import EngineError
from tidemill.rdd import RDD
from tidemill.serializers import NoOpSerializer, UTF8Deserializer
from tidemill.storagelevel import StorageLevel
from tidemill.streaming import _exit
from tidemill.streaming._calling import milliseconds_of
from tidemill.streaming._handles import Duration, JavaStreamingContext
from tidemill.streaming._streams import Streams
from tidemill.streaming.dstream import DStream
from tidemill.streaming.listener import StreamingListener, Told
from tidemill.streaming.util import TransformFunction

__all__ = ["StreamingContext"]

T = TypeVar("T")


class StreamingContext(Streams):
    """The entry to streams: PySpark's `StreamingContext`. It closes a batch every `batchDuration` seconds.

    Streams and outputs are declared first; then `start` begins with the batches, and `awaitTermination` waits for the end.
    Of those on one SparkContext one can be active at a time. A stopped one cannot be started again.

    Parameters
    ----------
    sparkContext : SparkContext
        what the RDDs belong to
    batchDuration : number
        the time between batches, in seconds, at least a millisecond; what is less than one is cut off
    jssc : object, optional
        what another context has as `_jssc`, to share its streams

    Examples
    --------
    >>> from tidemill.streaming import StreamingContext
    >>> numbers = StreamingContext(sc, 1).queueStream([[1, 2, 3]])
    >>> numbers.map(lambda x: x * x).pprint()
    """

    _activeContext: ClassVar[Optional[StreamingContext]] = None
    _lock: ClassVar[threading.RLock] = threading.RLock()

    def __init__(
        self,
        sparkContext: SparkContext,
        batchDuration: Optional[float] = None,
        jssc: Optional[JavaStreamingContext] = None,
    ) -> None:
        warnings.warn(
            "DStream is deprecated as of Spark 3.4.0. Tidemill goes on with it; filter this warning away.",
            FutureWarning,
            stacklevel=2,
        )
        self._sc = sparkContext
        if jssc is None:
            assert batchDuration is not None, "batchDuration must be given"
            jssc = JavaStreamingContext(self._make_engine(milliseconds_of(batchDuration)), sparkContext)
        self._jssc = jssc
        self._engine = jssc._engine
        self._recipe = jssc._recipe
        self._checkpoints: Optional[str] = sparkContext._conf.get("spark.streaming.checkpoint.directory")

    def _make_engine(self, interval_ms: int) -> _engine.StreamingContext:
        return _engine.StreamingContext(self._sc._engine, interval_ms)

    def _jduration(self, seconds: float) -> Duration:
        return Duration(milliseconds_of(seconds))

    @classmethod
    def getOrCreate(
        cls,
        checkpointPath: str,
        setupFunc: Callable[[], StreamingContext],
        *,
        code: Optional[str] = None,
        trust: bool = False,
    ) -> StreamingContext:
        """The context that the checkpoint in `checkpointPath` describes; where there is none, the one that `setupFunc` makes,
        with `checkpointPath` as its checkpoint directory: `StreamingContext.getOrCreate`.

        A recovered context has the streams, the functions and the settings of the checkpoint; `setupFunc` is not called, and
        nothing but listeners can be added. What functions had captured is as it was when the checkpoint was written, except
        that accumulators begin anew; broadcasts cannot be recovered (behaviour 6.15). An active SparkContext is used as it is.
        `start` runs the batches that were not done, then one for each interval that was missed, then goes on.

        Parameters
        ----------
        checkpointPath : str
            the folder, or the URL of an object store (`s3://bucket/path`, also `gs://` and `az://`), whose credentials come from
            the environment (`AWS_ACCESS_KEY_ID`...) or from Hadoop's settings (`spark.hadoop.fs.s3a.access.key`...)
        setupFunc : callable
            makes a context and declares its streams; `None` for "recover only"
        code : {None, "new"}, optional
            where functions come from: `None` means the checkpoint; "new" calls `setupFunc` in any case, and its operators take
            the inputs and states of those of the checkpoint that have their ids (see `DStream.uid`)
        trust : bool
            whether the program in the checkpoint is run even though others may have written it: on an object store, where
            without `tidemill.checkpoint.secret` nobody can tell. The secret is that of the active SparkContext, else it comes
            with `--conf` or in `PYSPARK_SUBMIT_ARGS`: no checkpoint holds it, and `setupFunc` is not called

        Raises
        ------
        EngineError
            where there is a checkpoint that cannot be read or must not be trusted, and where operators do not match
        TypeError
            where there is nothing to recover and `setupFunc` is `None`

        Examples
        --------
        >>> import tempfile
        >>> def setup():
        ...     ssc = StreamingContext(sc, 1)
        ...     ssc.textFileStream("/tmp/no-such-folder").count().pprint()
        ...     return ssc
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     StreamingContext.getOrCreate(folder, setup)._jssc.getState()
        INITIALIZED
        """
        from tidemill.streaming import _recovery

        return _recovery.get_or_create(cls, checkpointPath, setupFunc, code, trust)

    @classmethod
    def _of_interval(cls, sc: SparkContext, interval_ms: int) -> StreamingContext:
        """A context for what a checkpoint declares."""
        return StreamingContext(sc, None, JavaStreamingContext(_engine.StreamingContext(sc._engine, interval_ms), sc))

    def _keep_program(self, directory: str) -> None:
        """Lets checkpoints hold the program; fails where one of its functions cannot be pickled (behaviour 1.6)."""
        from tidemill.streaming import _recovery

        self._keeper = _recovery.Keeper(self._recipe, self._engine.interval_ms)
        self._engine.keep_program(self._keeper)

    def _recover(self, checkpoint: _engine.Checkpoint, directory: str, trust: bool) -> None:
        """Takes inputs and states of a checkpoint."""
        self.checkpoint(directory)
        self._engine.recover(checkpoint, trust)
        self._recipe.close(directory)

    @classmethod
    def getActive(cls) -> Optional[StreamingContext]:
        """The context that was started and not stopped, or `None`: `StreamingContext.getActive`.

        Examples
        --------
        >>> StreamingContext.getActive() is None
        True
        """
        with cls._lock:
            active = StreamingContext._activeContext
            if active is not None and active._engine.state != "ACTIVE":
                active = StreamingContext._activeContext = None
            return active

    @classmethod
    def getActiveOrCreate(
        cls, checkpointPath: Optional[str], setupFunc: Callable[[], StreamingContext]
    ) -> StreamingContext:
        """The active context; else as `getOrCreate`, or without a `checkpointPath` what `setupFunc` makes:
        `StreamingContext.getActiveOrCreate`.

        Raises
        ------
        TypeError
            where `setupFunc` cannot be called

        Examples
        --------
        >>> StreamingContext.getActiveOrCreate(None, lambda: ssc) is ssc
        True
        """
        if not callable(setupFunc):
            raise TypeError("setupFunc should be callable.")
        active = cls.getActive()
        if active is not None:
            return active
        return setupFunc() if checkpointPath is None else cls.getOrCreate(checkpointPath, setupFunc)

    @property
    def sparkContext(self) -> SparkContext:
        """The context of the RDDs: `StreamingContext.sparkContext`.

        Examples
        --------
        >>> ssc.sparkContext is sc
        True
        """
        return self._sc

    def start(self) -> None:
        """Begins to receive and to run batches, the first at the next multiple of the interval: `StreamingContext.start`.

        A second call only warns. A context whose start failed is stopped for good.

        Raises
        ------
        EngineError
            where it was stopped before, where another one is active, where there are no outputs, and where what was
            declared cannot run

        Examples
        --------
        >>> ssc.start()  # doctest: +ELLIPSIS, +IGNORE_EXCEPTION_DETAIL
        Traceback (most recent call last):
            ...
        tidemill.errors.EngineError: requirement failed: No output operations registered, so nothing to execute
        """
        with StreamingContext._lock:
            active = StreamingContext.getActive()
            if active is not None and active._engine is not self._engine and self._engine.state == "INITIALIZED":
                raise _engine.refusal(
                    "Only one StreamingContext may be started in this JVM. Stop the one that is active first: "
                    "StreamingContext.getActive().stop(stopSparkContext=False)"
                )
            if self._checkpoints is not None and self._engine.state == "INITIALIZED":
                try:
                    self._keep_program(self._checkpoints)
                except EngineError:
                    self._engine.stop(False, False)  # for good, as after any failure here (behaviour 10.2)
                    raise
            self._engine.start()
            self._recipe.let_go()
            StreamingContext._activeContext = self
            _exit.watch(self)

    def awaitTermination(self, timeout: Optional[float] = None) -> None:
        """Waits until the context is stopped: `StreamingContext.awaitTermination`.

        Parameters
        ----------
        timeout : number, optional
            the longest that it waits, in seconds

        Raises
        ------
        EngineError
            the latest error of a batch, as soon as there is one; the batches go on (behaviour 1.7)

        Examples
        --------
        >>> ssc.awaitTermination(0.01)
        """
        self._engine.await_termination(None if timeout is None else milliseconds_of(timeout))

    def awaitTerminationOrTimeout(self, timeout: float) -> bool:
        """Waits until the context is stopped, but no longer than `timeout` seconds: `True` if it was stopped.
        `StreamingContext.awaitTerminationOrTimeout`.

        Examples
        --------
        >>> ssc.awaitTerminationOrTimeout(0.01)
        False
        """
        return self._engine.await_termination(milliseconds_of(timeout))

    def stop(self, stopSparkContext: bool = True, stopGraceFully: bool = False) -> None:
        """Stops the context for good: `StreamingContext.stop`. More calls do nothing but stop the SparkContext.

        From within an output it returns at once, and the context stops when the batch is done.

        Parameters
        ----------
        stopSparkContext : bool
            whether the SparkContext is stopped as well
        stopGraceFully : bool
            whether what was received before is processed first

        Raises
        ------
        EngineError
            from a listener

        Examples
        --------
        >>> ssc.stop(stopSparkContext=False)
        >>> ssc._jssc.getState()
        STOPPED
        """
        if Told.is_telling():
            raise _engine.refusal("Cannot stop StreamingContext within listener bus thread.")
        self._engine.stop(False, stopGraceFully)
        with StreamingContext._lock:
            if StreamingContext._activeContext is self:  # and no other one's (behaviour 1.3)
                StreamingContext._activeContext = None
        if not stopSparkContext:
            return
        if self._engine.state == "STOPPED":
            self._sc.stop()
        else:  # called from an output, which this must not wait for
            threading.Thread(target=self._stop_spark_context_later, name="tidemill-stop", daemon=True).start()

    def _stop_spark_context_later(self) -> None:
        self._engine.stop(False, True)
        self._sc.stop()

    @classmethod
    def _stop_those_on(cls, sc: SparkContext) -> None:
        """Stops the active context if its RDDs belong to `sc`, which is about to stop."""
        active = cls.getActive()
        if active is not None and active._sc is sc:
            active._engine.stop(False, False)

    def remember(self, duration: float) -> None:
        """Makes every stream remember its RDDs for at least so many seconds: `StreamingContext.remember`.

        Raises
        ------
        EngineError
            the second time

        Examples
        --------
        >>> ssc.remember(60)
        """
        self._recipe.add("remember", call_site("remember"), duration_ms=milliseconds_of(duration))

    def checkpoint(self, directory: Optional[str]) -> None:
        """Sets where checkpoints go, for streams and for RDDs, and makes the folder: `StreamingContext.checkpoint`.

        Stateful streams, windows with an inverse function and `DStream.checkpoint` need one. From the start on it holds what
        the next run of the program needs to go on, where that is made by `getOrCreate`; a program that is not begins anew, with
        a warning.

        Parameters
        ----------
        directory : str or None
            the folder, or the URL of an object store; `None` for no checkpoints

        Examples
        --------
        >>> import tempfile
        >>> ssc.checkpoint(tempfile.mkdtemp())
        """
        self._engine.checkpoint(directory)
        self._checkpoints = directory
        if directory is not None:
            self._sc._checkpoint_dir = directory  # the engine has told its context

    def addStreamingListener(self, streamingListener: StreamingListener) -> None:
        """Tells a listener what happens to batches and receivers: `StreamingContext.addStreamingListener`.

        Examples
        --------
        >>> from tidemill.streaming import StreamingListener
        >>> ssc.addStreamingListener(StreamingListener())
        """
        self._engine.add_listener(Told(streamingListener))

    def socketTextStream(
        self, hostname: str, port: int, storageLevel: StorageLevel = StorageLevel.MEMORY_AND_DISK_2
    ) -> DStream[str]:
        """The lines that a TCP server sends: `StreamingContext.socketTextStream`.

        Lines end with `\\n`, `\\r\\n` or a lone `\\r`; malformed UTF-8 becomes U+FFFD. Where the connection is refused, breaks
        or ends it is tried again every `spark.streaming.receiverRestartDelay`.

        Parameters
        ----------
        hostname : str
            the server
        port : int
            its port
        storageLevel : StorageLevel
            kept for programs that give it: what was received stays in memory

        Examples
        --------
        >>> lines = ssc.socketTextStream("localhost", 9999)
        >>> lines.flatMap(lambda line: line.split(" ")).pprint()
        """
        stream = self._add("socketTextStream", call_site("socketTextStream"), host=hostname, port=int(port))
        return DStream(stream, self, UTF8Deserializer())

    def textFileStream(self, directory: str) -> DStream[str]:
        """The lines of the files that are new in a folder: `StreamingContext.textFileStream`.

        A batch takes the files that were written since the one before; files must be moved into the folder when they are
        complete. Names that begin with `.` are left out.

        Parameters
        ----------
        directory : str
            the folder, or a pattern of folders

        Examples
        --------
        >>> ssc.textFileStream("/tmp/no-such-folder").pprint()
        """
        stream = self._add("textFileStream", call_site("textFileStream"), directory=directory)
        return DStream(stream, self, UTF8Deserializer())

    def textStream(self, directory: str) -> DStream[str]:
        """As `textFileStream`, under a name that programs expect."""
        stream = self._add("textFileStream", call_site("textStream"), directory=directory)
        return DStream(stream, self, UTF8Deserializer())

    def binaryRecordsStream(self, directory: str, recordLength: int) -> DStream[bytes]:
        """The records of `recordLength` bytes of the files that are new in a folder:
        `StreamingContext.binaryRecordsStream`.

        Examples
        --------
        >>> ssc.binaryRecordsStream("/tmp/no-such-folder", 16).pprint()
        """
        place = call_site("binaryRecordsStream")
        stream = self._add("binaryRecordsStream", place, directory=directory, record_bytes=recordLength)
        return DStream(stream, self, NoOpSerializer())

    def queueStream(
        self,
        rdds: Sequence[Union[RDD[T], Iterable[T]]],
        oneAtATime: bool = True,
        default: Union[RDD[T], Iterable[T], None] = None,
    ) -> DStream[T]:
        """The RDDs of a list, one a batch or all at once: `StreamingContext.queueStream`.

        Parameters
        ----------
        rdds : list
            RDDs, or lists of records; what is added to the list later is not seen
        oneAtATime : bool
            whether a batch takes one of them instead of all
        default : RDD or list, optional
            what a batch has for which none is left; without it an RDD with one empty partition

        Examples
        --------
        >>> ssc.queueStream([[1, 2], sc.parallelize([3]).collect()]).pprint()
        """
        if default and not isinstance(default, RDD):
            default = self._sc.parallelize(default)
        queue: list[Any] = list(rdds) if rdds or not default else [rdds]
        if queue and not isinstance(queue[0], RDD):
            queue = [self._sc.parallelize(records) for records in queue]
        handles = [rdd._jrdd for rdd in queue]
        last = default._jrdd if isinstance(default, RDD) else None
        deserializer = queue[0]._jrdd_deserializer
        stream = self._recipe.add("queueStream", call_site("queueStream"), present=(handles, oneAtATime, last))
        return DStream(stream, self, deserializer)
