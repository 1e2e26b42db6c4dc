"""Settings of a program, as it writes them; PySpark's `SparkConf` (row 3.13)."""

from __future__ import annotations

from typing import Any, Optional

from tidemill.errors import PySparkRuntimeError


class SparkConf:
    """Settings of a program: names and texts. The engine checks them when a `SparkContext` is made.

    With `loadDefaults` (the default) it begins with what the command line, `PYSPARK_SUBMIT_ARGS` and the file of
    defaults say; what the program sets wins over all of them, as with spark-submit.

    >>> from tidemill import SparkConf
    >>> conf = SparkConf(loadDefaults=False).setMaster("local[2]").setAppName("words")
    >>> conf.set("spark.default.parallelism", "4").get("spark.default.parallelism")
    '4'
    >>> print(conf.toDebugString())
    spark.app.name=words
    spark.default.parallelism=4
    spark.master=local[2]
    """

    def __init__(self, loadDefaults: bool = True, _jvm: Any = None, _jconf: Any = None) -> None:
        self._conf: dict[str, str] = {}
        if loadDefaults:
            from tidemill._submitted import submitted

            self._conf.update(submitted().settings)

    def set(self, key: str, value: str) -> SparkConf:
        """Sets `key`; a value that is no text becomes one by `str`, and True and False become "true" and "false".

        >>> from tidemill import SparkConf
        >>> SparkConf(False).set("spark.streaming.backpressure.enabled", "true").contains("spark.master")
        False
        """
        if key is None:
            raise TypeError("the name of a setting cannot be None")
        if value is None:
            raise TypeError("the setting %r cannot be None: leave it out to have its default" % key)
        self._conf[str(key)] = ("true" if value else "false") if isinstance(value, bool) else str(value)
        return self

    def setIfMissing(self, key: str, value: str) -> SparkConf:
        """Sets `key` unless it is set already.

        >>> from tidemill import SparkConf
        >>> SparkConf(False).setAppName("a").setIfMissing("spark.app.name", "b").get("spark.app.name")
        'a'
        """
        if key not in self._conf:
            self.set(key, value)
        return self

    def setMaster(self, value: str) -> SparkConf:
        """Sets where the program runs: `local`, `local[4]`, `local[*]`.

        >>> from tidemill import SparkConf
        >>> SparkConf(False).setMaster("local[4]").get("spark.master")
        'local[4]'
        """
        return self.set("spark.master", value)

    def setAppName(self, value: str) -> SparkConf:
        """Sets the name of the program.

        >>> from tidemill import SparkConf
        >>> SparkConf(False).setAppName("words").get("spark.app.name")
        'words'
        """
        return self.set("spark.app.name", value)

    def setSparkHome(self, value: str) -> SparkConf:
        """Sets where Spark is installed: kept for programs that say it, and without effect.

        >>> from tidemill import SparkConf
        >>> SparkConf(False).setSparkHome("/opt/spark").get("spark.home")
        '/opt/spark'
        """
        return self.set("spark.home", value)

    def setExecutorEnv(
        self, key: Optional[str] = None, value: Optional[str] = None, pairs: Optional[list[tuple[str, str]]] = None
    ) -> SparkConf:
        """Sets environment variables of the workers: one by `key` and `value`, or several as `pairs`.

        Raises `PySparkRuntimeError` if both or neither are given.

        >>> from tidemill import SparkConf
        >>> SparkConf(False).setExecutorEnv("LANG", "C").get("spark.executorEnv.LANG")
        'C'
        """
        if (key is None) == (pairs is None):
            raise PySparkRuntimeError(error_class="KEY_VALUE_PAIR_REQUIRED", message_parameters={})
        if key is not None:
            self.set("spark.executorEnv." + key, "" if value is None else value)
        for name, text in pairs or ():
            self.set("spark.executorEnv." + name, text)
        return self

    def setAll(self, pairs: list[tuple[str, str]]) -> SparkConf:
        """Sets several, from pairs of name and value.

        >>> from tidemill import SparkConf
        >>> sorted(SparkConf(False).setAll([("spark.a", "1"), ("spark.b", "2")]).getAll())
        [('spark.a', '1'), ('spark.b', '2')]
        """
        for key, value in pairs:
            self.set(key, value)
        return self

    def get(self, key: str, defaultValue: Optional[str] = None) -> Optional[str]:
        """The value of `key`, else `defaultValue`.

        >>> from tidemill import SparkConf
        >>> SparkConf(False).get("spark.master", "local[*]")
        'local[*]'
        """
        return self._conf.get(key, defaultValue)

    def getAll(self) -> list[tuple[str, str]]:
        """All settings, as pairs of name and value.

        >>> from tidemill import SparkConf
        >>> SparkConf(False).setMaster("local").getAll()
        [('spark.master', 'local')]
        """
        return list(self._conf.items())

    def contains(self, key: str) -> bool:
        """Whether `key` is set.

        >>> from tidemill import SparkConf
        >>> SparkConf(False).contains("spark.master")
        False
        """
        return key in self._conf

    def toDebugString(self) -> str:
        """All settings, sorted, one `name=value` a line; values of secrets are hidden, as `spark.redaction.regex` says.

        >>> from tidemill import SparkConf
        >>> print(SparkConf(False).set("spark.my.password", "x").toDebugString())
        spark.my.password=*********(redacted)
        """
        from tidemill import _engine

        return "\n".join("%s=%s" % pair for pair in _engine.shown_settings(self.getAll()))

    def _copy(self) -> SparkConf:
        """Another of the same settings: a context keeps its own."""
        copy = SparkConf(loadDefaults=False)
        copy._conf.update(self._conf)
        return copy
