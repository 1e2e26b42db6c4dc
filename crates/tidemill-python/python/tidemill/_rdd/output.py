"""Actions that write an RDD to files."""

from __future__ import annotations

from typing import Any, NoReturn, Optional, TypeVar

from tidemill._call_site import call_site
from tidemill._rdd.base import BaseMixin
from tidemill.errors import PySparkNotImplementedError
from tidemill.worker.records import as_text

T = TypeVar("T")

_TEXT = ("text",)


class OutputMixin(BaseMixin[T]):
    """`saveAsTextFile` and its like.

    Each partition is a file `part-00000` and so on in a new folder, and `_SUCCESS` says that all are there. A folder
    that exists is an `EngineError` with Spark's FileAlreadyExistsException in its text.
    """

    def saveAsTextFile(self, path: str, compressionCodecClass: Optional[str] = None) -> None:
        """Writes each record as a line, `str` of it in UTF-8; PySpark's `RDD.saveAsTextFile`.

        `path` may be a URL such as `s3://bucket/words` or `hdfs://host:8020/words`; there `_SUCCESS` comes last.

        `compressionCodecClass` is a Hadoop class name such as "org.apache.hadoop.io.compress.GzipCodec".

        >>> import os, tempfile
        >>> folder = os.path.join(tempfile.mkdtemp(), "numbers")
        >>> sc.parallelize([1, 2, 3], 1).saveAsTextFile(folder)
        >>> sorted(sc.textFile(folder).collect())
        ['1', '2', '3']
        """
        self._save_text(path, compressionCodecClass, replace=False)

    def _save_text(self, path: str, codec: Optional[str], replace: bool) -> None:
        """The same; where `replace` is true what the folder holds makes way."""
        child: Any = self._with("map", as_text)
        text = child._ready(_TEXT)
        try:
            text.save_text(call_site(), path, codec, replace)
        finally:
            self.ctx._after_job()

    def saveAsPickleFile(self, path: str, batchSize: int = 10) -> None:
        """Writes the records pickled, `batchSize` together, so that `SparkContext.pickleFile` reads them.

        PySpark's `RDD.saveAsPickleFile`, and the files are the same.

        >>> import os, tempfile
        >>> folder = os.path.join(tempfile.mkdtemp(), "pickled")
        >>> sc.parallelize([{"a": 1}, (2, "b")], 1).saveAsPickleFile(folder)
        >>> sc.pickleFile(folder, 1).collect()
        [{'a': 1}, (2, 'b')]
        """
        from tidemill import _sequencefile

        _sequencefile.save_as_pickle_file(self, path, batchSize)  # type: ignore[arg-type]

    def saveAsSequenceFile(self, path: str, compressionCodecClass: Optional[str] = None) -> None:
        """Writes pairs of simple types as Hadoop sequence files; PySpark's `RDD.saveAsSequenceFile`.

        >>> import os, tempfile
        >>> folder = os.path.join(tempfile.mkdtemp(), "pairs")
        >>> sc.parallelize([(1, "a"), (2, "b")], 1).saveAsSequenceFile(folder)
        >>> sc.sequenceFile(folder).collect()
        [(1, 'a'), (2, 'b')]
        """
        from tidemill import _sequencefile

        _sequencefile.save_as_sequence_file(self, path, compressionCodecClass)  # type: ignore[arg-type]

    def saveAsHadoopFile(
        self,
        path: str,
        outputFormatClass: str,
        keyClass: Optional[str] = None,
        valueClass: Optional[str] = None,
        keyConverter: Optional[str] = None,
        valueConverter: Optional[str] = None,
        conf: Optional[dict[str, str]] = None,
        compressionCodecClass: Optional[str] = None,
    ) -> None:
        """Hadoop's output formats are not there: PySparkNotImplementedError. PySpark's `RDD.saveAsHadoopFile`.

        >>> sc.parallelize([(1, 2)]).saveAsHadoopFile("folder", "org.apache.hadoop.mapred.TextOutputFormat")
        Traceback (most recent call last):
        tidemill.errors.exceptions.base.PySparkNotImplementedError: ...
        """
        _no_hadoop("saveAsHadoopFile")

    def saveAsHadoopDataset(
        self, conf: dict[str, str], keyConverter: Optional[str] = None, valueConverter: Optional[str] = None
    ) -> None:
        """Hadoop's output formats are not there: PySparkNotImplementedError. PySpark's `RDD.saveAsHadoopDataset`.

        >>> sc.parallelize([(1, 2)]).saveAsHadoopDataset({})
        Traceback (most recent call last):
        tidemill.errors.exceptions.base.PySparkNotImplementedError: ...
        """
        _no_hadoop("saveAsHadoopDataset")

    def saveAsNewAPIHadoopFile(
        self,
        path: str,
        outputFormatClass: str,
        keyClass: Optional[str] = None,
        valueClass: Optional[str] = None,
        keyConverter: Optional[str] = None,
        valueConverter: Optional[str] = None,
        conf: Optional[dict[str, str]] = None,
    ) -> None:
        """Hadoop's output formats are not there: PySparkNotImplementedError. PySpark's `RDD.saveAsNewAPIHadoopFile`.

        >>> sc.parallelize([(1, 2)]).saveAsNewAPIHadoopFile("folder", "SomeOutputFormat")
        Traceback (most recent call last):
        tidemill.errors.exceptions.base.PySparkNotImplementedError: ...
        """
        _no_hadoop("saveAsNewAPIHadoopFile")

    def saveAsNewAPIHadoopDataset(
        self, conf: dict[str, str], keyConverter: Optional[str] = None, valueConverter: Optional[str] = None
    ) -> None:
        """Hadoop's output formats are not there: PySparkNotImplementedError. PySpark's `RDD.saveAsNewAPIHadoopDataset`.

        >>> sc.parallelize([(1, 2)]).saveAsNewAPIHadoopDataset({})
        Traceback (most recent call last):
        tidemill.errors.exceptions.base.PySparkNotImplementedError: ...
        """
        _no_hadoop("saveAsNewAPIHadoopDataset")

    def toDF(self, schema: Optional[Any] = None, sampleRatio: Optional[float] = None) -> NoReturn:
        """DataFrames are not there yet: PySparkNotImplementedError. PySpark's `RDD.toDF`.

        >>> sc.parallelize([(1, "a")]).toDF(["number", "letter"])
        Traceback (most recent call last):
        tidemill.errors.exceptions.base.PySparkNotImplementedError: ...
        """
        raise PySparkNotImplementedError(
            "RDD.toDF: DataFrames are not there yet; use the operators of RDDs meanwhile, such as map and reduceByKey."
        )


def _no_hadoop(name: str) -> NoReturn:
    raise PySparkNotImplementedError(
        "RDD.%s: Hadoop's output formats are not there; use saveAsTextFile, saveAsPickleFile or saveAsSequenceFile."
        % name
    )
