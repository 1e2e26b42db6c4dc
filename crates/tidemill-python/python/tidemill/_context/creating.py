"""How a context makes RDDs: from collections, ranges, files and other RDDs (row 3.10)."""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING, Any, Iterable, Iterator, NoReturn, Optional, TypeVar

from tidemill import _engine
from tidemill._call_site import Operator, call_site
from tidemill.errors import PySparkNotImplementedError
from tidemill.rdd import RDD
from tidemill.worker import sources
from tidemill.worker.formats import Batch, encode_rows

if TYPE_CHECKING:
    from tidemill._engine import Context as Engine
    from tidemill._engine import Rdd as Handle

T = TypeVar("T")
# In the class below `range` is a method.
_Range = range

# PySpark sends a collection in batches of at most so many records, and cuts it only between them.
_RECORDS_TOGETHER = 1024
# Batches below it cost more for being many than for being long.
_FAIR_BYTES = 64 << 10


class CreatingMixin:
    """The part of `SparkContext` that makes RDDs."""

    _engine: Engine
    _batchSize: int

    if TYPE_CHECKING:

        @property
        def defaultParallelism(self) -> int: ...

    def parallelize(self, c: Iterable[T], numSlices: Optional[int] = None) -> RDD[T]:
        """An RDD of the items of `c`, in `numSlices` partitions (default: `defaultParallelism`).

        The items are pickled at once: what changes in them later does not reach the RDD. A `range` is not sent at all, its
        numbers are made in the tasks. Where a collection is cut is PySpark's way (behaviour 3.21): in batches of
        `min(len(c) // numSlices, 1024)` records (at least one) that are spread evenly.

        >>> sc.parallelize([0, 2, 3, 4, 6], 5).glom().collect()
        [[0], [2], [3], [4], [6]]
        >>> sc.parallelize(range(0, 6, 2), 5).glom().collect()
        [[], [0], [], [2], [4]]
        """
        slices = int(numSlices) if numSlices is not None else self.defaultParallelism
        if slices < 0:
            raise _engine.refusal("Positive number of partitions required")
        site = call_site()
        if isinstance(c, range):
            return self._range(c, slices, site)
        items = c if isinstance(c, list) else list(c)
        together = max(1, min(len(items) // slices, self._batchSize or _RECORDS_TOGETHER))
        batches = -(-len(items) // together)
        cuts = [index * batches // slices * together for index in range(slices + 1)]
        partitions = [list(_encoded(items, start, min(end, len(items)))) for start, end in zip(cuts, cuts[1:])]
        return self._rdd(self._engine.rows(site, partitions))

    def range(self, start: int, end: Optional[int] = None, step: int = 1, numSlices: Optional[int] = None) -> RDD[int]:
        """The numbers from `start` up to, but without, `end`, by `step`; with one argument, from 0 up to it.

        >>> sc.range(5).collect()
        [0, 1, 2, 3, 4]
        >>> sc.range(1, 7, 2).collect()
        [1, 3, 5]
        """
        numbers = range(start) if end is None else range(start, end, step)
        return self.parallelize(numbers, numSlices)

    def emptyRDD(self) -> RDD[Any]:
        """An RDD without partitions.

        >>> sc.emptyRDD().getNumPartitions(), sc.emptyRDD().count()
        (0, 0)
        """
        return self._rdd(self._engine.nothing(call_site(), 0))

    def textFile(self, name: str, minPartitions: Optional[int] = None, use_unicode: bool = True) -> RDD[str]:
        """The lines of text files. `name` is a path, a folder, a pattern such as `logs/*.txt`, or several by commas.

        A file is cut into at least `minPartitions` parts if it is large. Bytes that are no UTF-8 become U+FFFD. With
        `use_unicode=False` records are `bytes`. A path that names nothing fails with `EngineError` when it is first read.

        >>> import os, tempfile
        >>> folder = tempfile.TemporaryDirectory()
        >>> path = os.path.join(folder.name, "tide.txt")
        >>> with open(path, "w") as file:
        ...     _ = file.write("in\\nout\\n")
        >>> sc.textFile(path).collect()
        ['in', 'out']
        """
        lines: RDD[Any] = self._rdd(self._engine.text_file(call_site(), name, minPartitions or None))
        if use_unicode:
            return lines
        encoded: RDD[Any] = lines.map(sources.utf8)
        return encoded

    def wholeTextFiles(
        self, path: str, minPartitions: Optional[int] = None, use_unicode: bool = True
    ) -> RDD[tuple[str, str]]:
        """Whole text files as pairs of path and content, for folders of small files.

        >>> import os, tempfile
        >>> folder = tempfile.TemporaryDirectory()
        >>> with open(os.path.join(folder.name, "a.txt"), "w") as file:
        ...     _ = file.write("tide")
        >>> [(os.path.basename(path), text) for path, text in sc.wholeTextFiles(folder.name).collect()]
        [('a.txt', 'tide')]
        """
        files: RDD[Any] = self._rdd(self._engine.whole_text_files(call_site(), path, minPartitions or None))
        if use_unicode:
            return files
        encoded: RDD[Any] = files.map(sources.utf8_of_pair)
        return encoded

    def binaryFiles(self, path: str, minPartitions: Optional[int] = None) -> RDD[tuple[str, bytes]]:
        """Whole files as pairs of path and bytes.

        >>> import os, tempfile
        >>> folder = tempfile.TemporaryDirectory()
        >>> with open(os.path.join(folder.name, "a.bin"), "wb") as file:
        ...     _ = file.write(b"\\0\\1")
        >>> sc.binaryFiles(folder.name).values().collect()
        [b'\\x00\\x01']
        """
        return self._rdd(self._engine.binary_files(call_site(), path, minPartitions or None))

    def binaryRecords(self, path: str, recordLength: int) -> RDD[bytes]:
        """Records of `recordLength` bytes each. A file whose length is no multiple of it fails the job.

        >>> import os, tempfile
        >>> folder = tempfile.TemporaryDirectory()
        >>> with open(os.path.join(folder.name, "a.bin"), "wb") as file:
        ...     _ = file.write(b"aabb")
        >>> sc.binaryRecords(folder.name, 2).collect()
        [b'aa', b'bb']
        """
        return self._rdd(self._engine.binary_records(call_site(), path, recordLength))

    def pickleFile(self, name: str, minPartitions: Optional[int] = None) -> RDD[Any]:
        """The records that `RDD.saveAsPickleFile` wrote, here or in PySpark.

        >>> import os, tempfile
        >>> folder = tempfile.TemporaryDirectory()
        >>> path = os.path.join(folder.name, "saved")
        >>> sc.parallelize(range(10)).saveAsPickleFile(path, 5)
        >>> sorted(sc.pickleFile(path, 3).collect())
        [0, 1, 2, 3, 4, 5, 6, 7, 8, 9]
        """
        from tidemill import _sequencefile

        return _sequencefile.pickle_file(self, name, minPartitions)  # type: ignore[arg-type]

    def sequenceFile(
        self,
        path: str,
        keyClass: Optional[str] = None,
        valueClass: Optional[str] = None,
        keyConverter: Optional[str] = None,
        valueConverter: Optional[str] = None,
        minSplits: Optional[int] = None,
        batchSize: int = 0,
    ) -> RDD[tuple[Any, Any]]:
        """The pairs of Hadoop sequence files, with simple keys and values (text, numbers, bytes, booleans, null).

        The classes stand in the files; `keyClass` and `valueClass` need not be given. Converters are Java classes, and
        raise `PySparkNotImplementedError`.

        >>> import os, tempfile
        >>> folder = tempfile.TemporaryDirectory()
        >>> path = os.path.join(folder.name, "saved")
        >>> sc.parallelize([("a", 1), ("b", 2)]).saveAsSequenceFile(path)
        >>> sorted(sc.sequenceFile(path).collect())
        [('a', 1), ('b', 2)]
        """
        if keyConverter is not None or valueConverter is not None:
            _not_here("a converter (a Java class) for sequenceFile", "map the pairs instead")
        from tidemill import _sequencefile

        return _sequencefile.sequence_file(self, path, keyClass, valueClass, minSplits)  # type: ignore[arg-type]

    def hadoopFile(
        self,
        path: str,
        inputFormatClass: str,
        keyClass: str,
        valueClass: str,
        keyConverter: Optional[str] = None,
        valueConverter: Optional[str] = None,
        conf: Optional[dict[str, str]] = None,
        batchSize: int = 0,
    ) -> RDD[tuple[Any, Any]]:
        """Reads by a Hadoop input format, a Java class: raises `PySparkNotImplementedError`.

        >>> sc.hadoopFile("in", "org.apache.hadoop.mapred.TextInputFormat", "K", "V")
        Traceback (most recent call last):
            ...
        tidemill.errors.exceptions.base.PySparkNotImplementedError: [NOT_IMPLEMENTED] hadoopFile ...
        """
        _not_here("hadoopFile (a Java input format)", _INSTEAD)

    def hadoopRDD(
        self,
        inputFormatClass: str,
        keyClass: str,
        valueClass: str,
        keyConverter: Optional[str] = None,
        valueConverter: Optional[str] = None,
        conf: Optional[dict[str, str]] = None,
        batchSize: int = 0,
    ) -> RDD[tuple[Any, Any]]:
        """As `hadoopFile`: raises `PySparkNotImplementedError`."""
        _not_here("hadoopRDD (a Java input format)", _INSTEAD)

    def newAPIHadoopFile(
        self,
        path: str,
        inputFormatClass: str,
        keyClass: str,
        valueClass: str,
        keyConverter: Optional[str] = None,
        valueConverter: Optional[str] = None,
        conf: Optional[dict[str, str]] = None,
        batchSize: int = 0,
    ) -> RDD[tuple[Any, Any]]:
        """As `hadoopFile`: raises `PySparkNotImplementedError`."""
        _not_here("newAPIHadoopFile (a Java input format)", _INSTEAD)

    def newAPIHadoopRDD(
        self,
        inputFormatClass: str,
        keyClass: str,
        valueClass: str,
        keyConverter: Optional[str] = None,
        valueConverter: Optional[str] = None,
        conf: Optional[dict[str, str]] = None,
        batchSize: int = 0,
    ) -> RDD[tuple[Any, Any]]:
        """As `hadoopFile`: raises `PySparkNotImplementedError`."""
        _not_here("newAPIHadoopRDD (a Java input format)", _INSTEAD)

    def union(self, rdds: list[RDD[T]]) -> RDD[T]:
        """The partitions of all `rdds`, one after the other. Where all lie by one partitioner it stays (behaviour 3.24).

        >>> sc.union([sc.parallelize(["a"], 1), sc.parallelize(["b", "c"], 1)]).collect()
        ['a', 'b', 'c']
        """
        first = rdds[0]
        united: RDD[T] = self._rdd(self._engine.union(call_site(), [rdd._jrdd for rdd in rdds]))
        if first.partitioner is not None and all(rdd.partitioner == first.partitioner for rdd in rdds):
            united.partitioner = first.partitioner
        return united

    def _range(self, numbers: _Range, slices: int, site: Operator) -> RDD[Any]:
        """The numbers of a range, made where they are needed."""
        nothing: RDD[int] = self._rdd(self._engine.nothing(site, slices))
        if not numbers:
            return nothing
        part = functools.partial(sources.part_of_range, numbers.start, numbers.stop, numbers.step, slices)
        return nothing.mapPartitionsWithIndex(part)

    def _rdd(self, handle: Handle) -> RDD[Any]:
        return RDD(handle, self)  # type: ignore[arg-type]


_INSTEAD = "use textFile, wholeTextFiles, binaryFiles, binaryRecords, pickleFile or sequenceFile"


def _encoded(items: list[Any], at: int, end: int) -> Iterator[Batch]:
    """Items from `at` to `end` as batches, which grow until they have a fair size."""
    together = _RECORDS_TOGETHER
    while at < end:
        batch = encode_rows(items[at : min(at + together, end)])
        yield batch
        at += together
        if len(batch[2]) < _FAIR_BYTES:
            together *= 2


def _not_here(feature: str, instead: str) -> NoReturn:
    raise PySparkNotImplementedError(
        "%s is not implemented: %s" % (feature, instead), "NOT_IMPLEMENTED", {"feature": feature}
    )
