"""What is done with streams at last: output operations."""
from __future__ import annotations

from datetime import datetime
from typing import Any, Callable, Optional, Union

from tidemill.rdd import RDD
from tidemill.streaming._calling import for_output
from tidemill.streaming._dstream.base import DStreamBase, T_co
from tidemill.streaming._operations import PagePrinter, TextSaver
from tidemill.streaming.util import TransformFunction


class OutputOperations(DStreamBase[T_co]):
    """Output operations. They run in the driver, one at a time, in the order in which they were declared."""

    def foreachRDD(
        self, func: Union[Callable[[RDD[T_co]], Any], Callable[[datetime, RDD[T_co]], Any]]
    ) -> None:
        """Calls a function with the RDD of each batch: `DStream.foreachRDD`. What it returns is ignored.

        Parameters
        ----------
        func : callable
            `func(rdd)` or `func(time, rdd)`; the time is that of the batch, naive and local. An exception fails this output
            of this batch, later ones go on, and `awaitTermination` raises it.

        Examples
        --------
        >>> from tidemill.testing import TestContext
        >>> with TestContext() as test:
        ...     feed, numbers = test.input()
        ...     numbers.foreachRDD(lambda rdd: print(rdd.sum()))
        ...     feed.push([1, 2, 3])
        ...     test.tick()
        6
        """
        self._output("foreachRDD", for_output(func))

    def pprint(self, num: int = 10) -> None:
        """Prints the first records of each batch: `DStream.pprint`.

        Parameters
        ----------
        num : int
            how many

        Examples
        --------
        >>> from tidemill.testing import TestContext
        >>> with TestContext() as test:
        ...     feed, numbers = test.input()
        ...     numbers.pprint(2)
        ...     feed.push([1, 2, 3])
        ...     test.tick()  # doctest: +ELLIPSIS
        -------------------------------------------
        Time: ...
        -------------------------------------------
        1
        2
        ...
        <BLANKLINE>
        """
        self._output("pprint", PagePrinter(num))

    def print(self, num: int = 10) -> None:
        """As `pprint`, under the name that Scala and Java programs know.

        Examples
        --------
        >>> ssc.queueStream([[1]]).print()
        """
        self._output("print", PagePrinter(num))

    def saveAsTextFiles(self, prefix: str, suffix: Optional[str] = None) -> None:
        """Writes each batch to a folder of its own, a line for each record: `DStream.saveAsTextFiles`.

        The files appear when all of them are complete, and last of all `_SUCCESS`. A batch that is run again replaces what it
        wrote before, *unlike PySpark's*, which keeps what is there though it may be incomplete.

        Parameters
        ----------
        prefix : str
            what the folder's name begins with; the time of the batch in milliseconds follows. A path, or a URL such as
            `s3://bucket/words` or `hdfs://host:8020/words`
        suffix : str, optional
            what its name ends with, after a dot

        Examples
        --------
        >>> import os, tempfile
        >>> from tidemill.testing import TestContext
        >>> with tempfile.TemporaryDirectory() as folder, TestContext() as test:
        ...     feed, numbers = test.input()
        ...     numbers.saveAsTextFiles(folder + "/numbers")
        ...     feed.push([1, 2, 3])
        ...     test.tick()
        ...     os.listdir(folder)
        ['numbers-1000']
        """
        self._output("saveAsTextFiles", TextSaver(prefix, suffix))

    def _output(self, name: str, func: Callable[[datetime, RDD[Any]], Any]) -> None:
        function = TransformFunction(self._sc, func, self._jrdd_deserializer)
        self._ssc._add_output(name, self._jdstream, function)

