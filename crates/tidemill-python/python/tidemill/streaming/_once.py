"""`once`: outputs that happen exactly once, by a note in the transaction that makes them."""
from __future__ import annotations

import re
import sys
from datetime import datetime
from types import TracebackType
from typing import Any, Optional, Union

__all__ = ["once"]

TABLE = "tidemill_done"
"""The table with a row for each partition of each batch that is done."""

_NAME = re.compile(r"[A-Za-z0-9_.-]{1,100}\Z")


class once:
    """Does something once for each partition of each batch, though batches are run again after a crash and tasks are tried
    again: it notes what is done in the transaction that does it.

    An output sees each batch at least once (behaviour 6.9). `with once(...) as is_new` begins a transaction and notes in it that
    `partition` of the batch of `time` is done for `name`. Where that was noted before, `is_new` is false, and nothing must be
    written. At the end of the block the transaction is committed, with all that was written in it; if the block raises, nothing
    of it stays, not even the note. Of two attempts at a time the database lets one wait for the other: the later one finds the
    note, or, where the earlier one failed, does the work. The block must not commit by itself.

    The notes are rows of the table `tidemill_done`, which is made where it is missing, and may be deleted for batches that will
    not come again: those that are older than the last one that a checkpoint names as done.

    Parameters
    ----------
    connection : object
        of any module of Python's DB-API (`sqlite3`, `psycopg2`, `pymysql`...), on a database with transactions; not in
        autocommit mode, and not in a transaction that has changed something already
    name : str
        what is done; of up to 100 letters, digits, `.`, `_` and `-`. Each output of a program needs its own.
    time : datetime or int
        the time of the batch, as `foreachRDD` gives it, or in milliseconds
    partition : int
        the partition; 0 where the batch is written by the driver as one

    Raises
    ------
    ValueError
        where the name or the connection cannot serve

    Examples
    --------
    >>> import sqlite3
    >>> from datetime import datetime
    >>> from tidemill.streaming import once
    >>> database = sqlite3.connect(":memory:")
    >>> _ = database.execute("CREATE TABLE words (word TEXT, count INTEGER)")
    >>> def write(time, index, pairs):
    ...     with once(database, "words", time, index) as is_new:
    ...         if is_new:
    ...             database.executemany("INSERT INTO words VALUES (?, ?)", pairs)
    >>> for attempt in range(2):  # the second time nothing happens
    ...     write(datetime(2026, 11, 21), 0, [("to", 2), ("be", 2)])
    >>> database.execute("SELECT * FROM words").fetchall()
    [('to', 2), ('be', 2)]

    In a program each task opens a connection of its own:

    >>> def save(time, rdd):
    ...     def write_partition(index, pairs):
    ...         connection = sqlite3.connect("words.db", timeout=60)
    ...         try:
    ...             with once(connection, "words", time, index) as is_new:
    ...                 if is_new:
    ...                     connection.executemany("INSERT INTO words VALUES (?, ?)", pairs)
    ...         finally:
    ...             connection.close()
    ...         return []
    ...     rdd.mapPartitionsWithIndex(write_partition).count()
    >>> ssc.textFileStream("/tmp/no-such-folder").countByValue().foreachRDD(save)
    """

    def __init__(self, connection: Any, name: str, time: Union[datetime, int], partition: int) -> None:
        if not isinstance(name, str) or not _NAME.match(name):
            raise ValueError(f"a name of up to 100 letters, digits, '.', '_' and '-' is needed, and not {name!r}")
        self._connection = connection
        # The local time of two batches may be the same when clocks are set back: `timestamp` knows them apart by their fold.
        milliseconds = round(time.timestamp() * 1000) if isinstance(time, datetime) else int(time)
        # Numbers and a checked name go into the text as they are: each module has its own way of marking parameters.
        self._key = (name, milliseconds, int(partition))

    def __enter__(self) -> bool:
        self._refuse_autocommit()
        self._make_table()
        name, batch, partition = self._key
        try:
            self._run(f"INSERT INTO {TABLE} (name, batch, part) VALUES ('{name}', {batch}, {partition})")
        except BaseException as error:
            self._connection.rollback()
            if isinstance(error, self._errors("IntegrityError")) and self._is_noted():
                return False
            raise
        return True

    def __exit__(
        self,
        kind: Optional[type[BaseException]],
        error: Optional[BaseException],
        traceback: Optional[TracebackType],
    ) -> None:
        if kind is None:
            self._connection.commit()
        else:
            self._connection.rollback()

    def _make_table(self) -> None:
        """In a transaction of its own. Where two make the table at a time one may fail; then it is there."""
        if self._answers(f"SELECT name FROM {TABLE} WHERE batch = 0 AND batch = 1"):
            return
        columns = "name VARCHAR(100) NOT NULL, batch BIGINT NOT NULL, part INTEGER NOT NULL"
        try:
            self._run(f"CREATE TABLE IF NOT EXISTS {TABLE} ({columns}, PRIMARY KEY (name, batch, part))")
            self._connection.commit()
        except self._errors("Error"):
            self._connection.rollback()
            if not self._answers(f"SELECT name FROM {TABLE} WHERE batch = 0 AND batch = 1"):
                raise

    def _answers(self, query: str) -> bool:
        try:
            self._run(query)
        except self._errors("Error"):
            return False
        finally:
            self._connection.rollback()  # what comes next sees all that is committed by then
        return True

    def _is_noted(self) -> bool:
        name, batch, partition = self._key
        try:
            return bool(self._run(f"SELECT name FROM {TABLE} WHERE name = '{name}' AND batch = {batch} AND part = {partition}"))
        finally:
            self._connection.rollback()

    def _run(self, statement: str) -> list[Any]:
        cursor = self._connection.cursor()
        try:
            cursor.execute(statement)
            return list(cursor.fetchall()) if statement.startswith("SELECT") else []
        finally:
            cursor.close()

    def _refuse_autocommit(self) -> None:
        connection = self._connection
        mode = getattr(connection, "autocommit", None)
        asked = getattr(connection, "get_autocommit", None)  # what modules for MySQL have
        mode = asked() if callable(asked) else mode
        if mode is True or getattr(connection, "isolation_level", "") is None and mode is not False:
            raise ValueError(
                "once() needs a connection with transactions, and this one is in autocommit mode: then the note and what it is "
                "about could not be committed together"
            )
        if getattr(connection, "in_transaction", False) and mode is not False:
            raise ValueError("once() begins a transaction, and this connection is in one: commit it or roll it back first")

    def _errors(self, name: str) -> Any:
        """The exception of that name: of the connection, as many modules have it, or of its module."""
        found = getattr(self._connection, name, None)
        module = type(self._connection).__module__
        while found is None and module:
            found = getattr(sys.modules.get(module), name, None)
            module = module.rpartition(".")[0]
        return found if isinstance(found, type) else Exception
