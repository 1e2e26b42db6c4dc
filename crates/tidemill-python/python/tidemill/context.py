"""The entry of a program: `SparkContext` makes RDDs and runs their jobs; PySpark's `pyspark.context`.

This file has the life of a context. How it makes RDDs, what it shares with tasks and how it groups jobs is in `_context`,
one file for each.
"""

from __future__ import annotations

import atexit
import os
import sys
import threading
from typing import TYPE_CHECKING, Any, ClassVar, NoReturn, Optional

from tidemill import _engine
from tidemill._call_site import Operator, call_site
from tidemill._context.creating import CreatingMixin
from tidemill._context.jobs import JobsMixin
from tidemill._context.opaque import Gateway, JavaContext, Jvm
from tidemill._context.private_folder import PrivateFolder
from tidemill._context.shared import SharedMixin
from tidemill._context.workers import worker_init, worker_python
from tidemill._submitted import submitted
from tidemill.accumulators import apply_updates
from tidemill.conf import SparkConf
from tidemill.errors import PySparkRuntimeError
from tidemill.errors.engine import engine_error
from tidemill.files import SparkFiles
from tidemill.profiler import BasicProfiler, MemoryProfiler, ProfilerCollector, UDFBasicProfiler
from tidemill.serializers import AutoBatchedSerializer, BatchedSerializer, CPickleSerializer, Serializer
from tidemill.taskcontext import TaskContext
from tidemill.version import __version__

if TYPE_CHECKING:
    from types import TracebackType

__all__ = ["SparkContext"]

_DEFAULT_MASTER = "local[*]"
# The name that spark-submit gives to a program that was not started by it.
_DEFAULT_NAME = "pyspark-shell"


class SparkContext(CreatingMixin, SharedMixin, JobsMixin):
    """The entry of a program: makes RDDs, shares values and files with tasks, groups jobs. One is active at a time.

    `master` is where the program runs (`local[4]`: four tasks at once, `local[*]`: as many as there are processors),
    `appName` its name; both win over `conf`, and `conf` wins over the command line. `pyFiles` are Python files or
    archives that tasks import from; `environment` are environment variables of the workers. `batchSize` and `serializer`
    are accepted: how records travel is decided by their types. With `spark.python.profile`, `profiler_cls` profiles tasks.

    Raises `ValueError` while another context is active (row 3.27), and `EngineError` for settings that cannot be.

    >>> from tidemill import SparkContext
    >>> SparkContext.getOrCreate() is sc
    True
    >>> sc.parallelize([1, 2, 3, 4], 2).map(lambda x: x * x).collect()
    [1, 4, 9, 16]
    """

    PACKAGE_EXTENSIONS = (".zip", ".egg", ".jar")

    _active_spark_context: ClassVar[Optional[SparkContext]] = None
    _gateway: ClassVar[Gateway] = Gateway()
    _jvm: ClassVar[Jvm] = Jvm()
    _lock: ClassVar[threading.RLock] = threading.RLock()
    _next_accum_id: ClassVar[int] = 0
    _python_includes: Optional[list[str]] = None

    def __init__(
        self,
        master: Optional[str] = None,
        appName: Optional[str] = None,
        sparkHome: Optional[str] = None,
        pyFiles: Optional[list[str]] = None,
        environment: Optional[dict[str, Any]] = None,
        batchSize: int = 0,
        serializer: Serializer = CPickleSerializer(),
        conf: Optional[SparkConf] = None,
        gateway: Any = None,
        jsc: Any = None,
        profiler_cls: type[BasicProfiler] = BasicProfiler,
        udf_profiler_cls: type[UDFBasicProfiler] = UDFBasicProfiler,
        memory_profiler_cls: type[MemoryProfiler] = MemoryProfiler,
    ) -> None:
        self._assert_on_driver()
        site = call_site()
        with SparkContext._lock:
            self._refuse_second()
            self._callsite = site
            self._conf = _resolved(conf, master, appName, sparkHome, environment)
            self.master = str(self._conf.get("spark.master"))
            self.appName = str(self._conf.get("spark.app.name"))
            self.sparkHome = self._conf.get("spark.home")
            self.environment = _worker_environment(self._conf)
            self._batchSize = batchSize
            self._unbatched_serializer = serializer
            self.serializer: Serializer = (
                AutoBatchedSerializer(serializer) if batchSize == 0 else BatchedSerializer(serializer, batchSize)
            )
            profiled = self._conf.get("spark.python.profile", "false") == "true"
            self.profiler_collector: Optional[ProfilerCollector] = (
                ProfilerCollector(
                    profiler_cls, udf_profiler_cls, memory_profiler_cls, self._conf.get("spark.python.profile.dump")
                )
                if profiled
                else None
            )
            self._start()
            SparkContext._active_spark_context = self
        self._take_submitted_files(pyFiles)

    def _refuse_second(self) -> None:
        active = SparkContext._active_spark_context
        if active is None:
            return
        site = active._callsite
        raise ValueError(
            "Cannot run multiple SparkContexts at once; existing SparkContext(app=%s, master=%s) created by %s at %s:%s "
            % (active.appName, active.master, "__init__", site[1], site[2])
        )

    def _start(self) -> None:
        """Starts the engine. Worker processes come with the first function that needs one."""
        self.pythonExec = worker_python(self._conf)
        self.pythonVer = "%d.%d" % sys.version_info[:2]
        self._folder = PrivateFolder(self._conf.get("spark.local.dir"))
        self._temp_dir = self._folder.path
        self._broadcasts_made = 0
        self._paths: list[str] = []
        self._added_files: list[str] = []
        self._added_py_files: list[str] = []
        self._added_archives: list[str] = []
        self._checkpoint_dir: Optional[str] = None
        self._python_includes = []
        try:
            self._engine = _engine.Context(
                dict(self._conf.getAll()),
                self.pythonExec,
                worker_init(self._conf, self._folder, self.environment),
            )
        except BaseException:
            self._folder.remove()
            raise
        SparkFiles._sc = self
        self._jsc = JavaContext(self)
        self._application_id = "local-%d" % self._engine.start_time_ms

    @staticmethod
    def _assert_on_driver() -> None:
        """Raises in a task, where there can be no context."""
        if TaskContext._current is not None:
            raise PySparkRuntimeError(error_class="CONTEXT_ONLY_VALID_ON_DRIVER", message_parameters={})

    def __getnewargs__(self) -> NoReturn:
        # A function that captured a context cannot be pickled, and this says why.
        raise PySparkRuntimeError(error_class="CONTEXT_ONLY_VALID_ON_DRIVER", message_parameters={})

    def __enter__(self) -> SparkContext:
        return self

    def __exit__(
        self,
        type: Optional[type[BaseException]],
        value: Optional[BaseException],
        trace: Optional[TracebackType],
    ) -> None:
        self.stop()

    def __repr__(self) -> str:
        return "<SparkContext master=%s appName=%s>" % (self.master, self.appName)

    def _repr_html_(self) -> str:
        return "<div><p><b>SparkContext</b></p><dl><dt>Master</dt><dd>%s</dd><dt>AppName</dt><dd>%s</dd></dl></div>" % (
            self.master,
            self.appName,
        )

    @classmethod
    def getOrCreate(cls, conf: Optional[SparkConf] = None) -> SparkContext:
        """The active context, or a new one of `conf`.

        >>> from tidemill import SparkContext
        >>> SparkContext.getOrCreate() is SparkContext.getOrCreate()
        True
        """
        with SparkContext._lock:
            active = SparkContext._active_spark_context
            return active if active is not None else SparkContext(conf=conf or SparkConf())

    @classmethod
    def _ensure_initialized(
        cls, instance: Optional[SparkContext] = None, gateway: Any = None, conf: Optional[SparkConf] = None
    ) -> None:
        """In PySpark this starts the JVM. Here it raises if `instance` would be a second context."""
        if instance is not None and cls._active_spark_context not in (None, instance):
            instance._refuse_second()

    @classmethod
    def setSystemProperty(cls, key: str, value: str) -> None:
        """Sets a setting for contexts that are made from now on; in PySpark a property of the JVM.

        >>> from tidemill import SparkConf, SparkContext
        >>> SparkContext.setSystemProperty("spark.my.setting", "1")
        >>> SparkConf().get("spark.my.setting")
        '1'
        """
        submitted().settings[key] = value

    def stop(self) -> None:
        """Stops the engine and its workers, and streams that run on it. A second call does nothing; a new context may be made afterwards.

        >>> from tidemill import SparkContext
        >>> sc.stop()
        >>> sc = SparkContext("local[2]", "another")
        >>> sc.appName
        'another'
        """
        streaming = sys.modules.get("tidemill.streaming.context")
        if streaming is not None:
            streaming.StreamingContext._stop_those_on(self)
        if SparkContext._active_spark_context is self:
            # What finished tasks have added must be readable after the end.
            self._after_job()
        self._engine.stop()
        self._close_meetings()
        if self.profiler_collector is not None and self.profiler_collector.profiler_dump_path:
            self.profiler_collector.dump_profiles(self.profiler_collector.profiler_dump_path)
        with SparkContext._lock:
            if SparkContext._active_spark_context is self:
                SparkContext._active_spark_context = None
                SparkFiles._sc = None
        self._folder.remove()

    def _site(self, name: Optional[str] = None) -> Operator:
        """The call of the user's program that is under way: the operator (or `name`), the file, the line."""
        operator, file, line = call_site()
        return name or operator, file, line

    def _after_job(self) -> None:
        """Adds what the tasks of finished jobs have sent for accumulators. Every action calls it at its end."""
        updates = self._engine.take_updates()
        if updates:
            apply_updates(updates)

    def setLogLevel(self, logLevel: str) -> None:
        """What the log shows from now on: ALL, TRACE, DEBUG, INFO, WARN, ERROR, FATAL or OFF.

        >>> sc.setLogLevel("ERROR")
        """
        try:
            _engine.set_log_level(logLevel)
        except ValueError as error:
            raise engine_error("requirement failed: Supplied level %s: %s" % (logLevel, error), "settings") from None

    def getConf(self) -> SparkConf:
        """A copy of the settings of this context.

        >>> sc.getConf().get("spark.app.name") == sc.appName
        True
        """
        conf = self._conf._copy()
        return conf.set("spark.app.id", self.applicationId)

    @property
    def version(self) -> str:
        """The version of PySpark whose behaviour this package has.

        >>> sc.version
        '3.5.9'
        """
        return __version__

    @property
    def applicationId(self) -> str:
        """A name of this run that no other run has.

        >>> sc.applicationId.startswith("local-")
        True
        """
        return self._application_id

    @property
    def uiWebUrl(self) -> Optional[str]:
        """The address of the web page of this program: None, there is none yet.

        >>> sc.uiWebUrl is None
        True
        """
        return None

    @property
    def startTime(self) -> int:
        """When this context was made, in milliseconds since 1970.

        >>> sc.startTime > 1_600_000_000_000
        True
        """
        return self._engine.start_time_ms

    @property
    def defaultParallelism(self) -> int:
        """How many partitions RDDs and shuffles have where a program does not say.

        >>> sc.defaultParallelism >= 1
        True
        """
        return self._engine.default_parallelism

    @property
    def defaultMinPartitions(self) -> int:
        """How many partitions at least a text file has where a program does not say.

        >>> sc.defaultMinPartitions == min(sc.defaultParallelism, 2)
        True
        """
        return self._engine.default_min_partitions

    @property
    def resources(self) -> dict[str, Any]:
        """What devices the driver has: none is known.

        >>> sc.resources
        {}
        """
        return {}

    def sparkUser(self) -> str:
        """The user who runs the program.

        >>> sc.sparkUser() != ""
        True
        """
        import getpass

        return os.environ.get("SPARK_USER") or getpass.getuser()


def _resolved(
    conf: Optional[SparkConf],
    master: Optional[str],
    name: Optional[str],
    home: Optional[str],
    environment: Optional[dict[str, Any]],
) -> SparkConf:
    """The settings of a context: what the constructor was given, then the program's `conf`, then what came from outside."""
    settings = SparkConf(loadDefaults=True)
    if conf is not None:
        settings.setAll(conf.getAll())
    if master:
        settings.setMaster(master)
    if name:
        settings.setAppName(name)
    if home:
        settings.setSparkHome(home)
    for key, value in (environment or {}).items():
        settings.setExecutorEnv(key, value)
    return settings.setIfMissing("spark.master", _DEFAULT_MASTER).setIfMissing("spark.app.name", _DEFAULT_NAME)


def _worker_environment(conf: SparkConf) -> dict[str, str]:
    """The environment variables that workers have besides the driver's."""
    prefix = "spark.executorEnv."
    environment = {key[len(prefix) :]: value for key, value in conf.getAll() if key.startswith(prefix)}
    environment["PYTHONHASHSEED"] = os.environ.get("PYTHONHASHSEED", "0")
    return environment


def _stop_at_exit() -> None:
    context = SparkContext._active_spark_context
    if context is not None and context._folder.is_mine:
        context.stop()


atexit.register(_stop_at_exit)
