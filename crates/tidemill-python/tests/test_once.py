"""`once`: what is noted in the user's own transaction happens once, however often and however closely it is tried."""
from __future__ import annotations

import sqlite3
import sys
import threading
from datetime import datetime, timedelta

import pytest

from tidemill.streaming import once
from tidemill.streaming.util import rddToFileName

TIME = datetime(2026, 11, 21, 12, 0, 0, 250_000)


@pytest.fixture
def path(tmp_path):
    path = str(tmp_path / "out.db")
    with sqlite3.connect(path) as connection:
        connection.execute("CREATE TABLE words (word TEXT)")
    connection.close()
    return path


def add(path, word, name="out", time=TIME, partition=0, fail=False, **options):
    connection = sqlite3.connect(path, timeout=60, **options)
    try:
        with once(connection, name, time, partition) as is_new:
            if is_new:
                connection.execute("INSERT INTO words VALUES (?)", (word,))
            if fail:
                raise KeyError(word)
            return is_new
    finally:
        connection.close()


def words(path):
    connection = sqlite3.connect(path)
    try:
        return [word for (word,) in connection.execute("SELECT word FROM words ORDER BY word")]
    finally:
        connection.close()


MODES = [{}, {"isolation_level": "IMMEDIATE"}]
if sys.version_info >= (3, 12):
    MODES.append({"autocommit": False})


@pytest.mark.parametrize("options", MODES)
def test_6_11_what_was_done_is_not_done_again(path, options):  # behaviour 6.11
    assert [add(path, "a", **options) for _ in range(3)] == [True, False, False]
    assert words(path) == ["a"]


def test_each_output_batch_and_partition_is_done_by_itself(path):
    keys = [
        {}, {"name": "other"}, {"time": TIME + timedelta(milliseconds=1)}, {"partition": 1}, {"time": 1000}, {"time": TIME}
    ]
    assert [add(path, "a", **key) for key in keys] == [True] * 5 + [False]


def test_what_fails_leaves_nothing_and_is_done_by_the_next_attempt(path):
    with pytest.raises(KeyError):
        add(path, "a", fail=True)
    assert words(path) == []
    assert add(path, "a") and words(path) == ["a"]


def test_an_error_after_it_was_done_is_raised(path):
    add(path, "a")
    with pytest.raises(KeyError):
        add(path, "a", fail=True)


@pytest.mark.parametrize("first_fails", [False, True])
def test_6_12_of_two_attempts_at_a_time_one_waits_for_the_other(path, first_fails):  # behaviour 6.12
    add(path, "before", name="table")  # the table is there
    second = []

    def second_attempt():
        second.append(add(path, "second"))

    thread = threading.Thread(target=second_attempt)
    connection = sqlite3.connect(path)
    try:
        with once(connection, "out", TIME, 0) as is_new:
            thread.start()
            connection.execute("INSERT INTO words VALUES ('first')")
            thread.join(0.2)
            assert is_new and thread.is_alive() and second == []
            if first_fails:
                raise KeyError
    except KeyError:
        pass
    finally:
        connection.close()
    thread.join(60)
    assert (second, words(path)) == (([True], ["before", "second"]) if first_fails else ([False], ["before", "first"]))


def test_many_attempts_at_a_time_do_it_once(path):
    answers = []
    gate = threading.Barrier(8)

    def attempt():
        gate.wait()
        answers.append(add(path, "a"))

    threads = [threading.Thread(target=attempt) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert sorted(answers) == [False] * 7 + [True] and words(path) == ["a"]


@pytest.mark.parametrize("name", ["", "it's", "a b", "x" * 101, 'a"', "a\\", "a\n", None])
def test_names_that_do_not_fit_into_every_database_are_refused(path, name):
    with pytest.raises(ValueError, match="name of up to 100"):
        once(sqlite3.connect(path), name, TIME, 0)


def test_connections_that_commit_by_themselves_are_refused(path):
    modes = [{"isolation_level": None}] + ([{"autocommit": True}] if sys.version_info >= (3, 12) else [])
    for options in modes:
        with pytest.raises(ValueError, match="autocommit"), once(sqlite3.connect(path, **options), "out", TIME, 0):
            pass


def test_a_transaction_that_has_begun_is_not_lost(path):
    connection = sqlite3.connect(path)
    connection.execute("INSERT INTO words VALUES ('mine')")
    with pytest.raises(ValueError, match="commit it or roll it back"), once(connection, "out", TIME, 0):
        pass
    connection.commit()
    assert words(path) == ["mine"]


def test_other_constraints_of_the_table_are_told(path):
    add(path, "a")
    connection = sqlite3.connect(path)
    connection.execute("CREATE TRIGGER no BEFORE INSERT ON tidemill_done BEGIN SELECT RAISE(ABORT, 'not today'); END")
    with pytest.raises(sqlite3.IntegrityError, match="not today"), once(connection, "other", TIME, 0):
        pass


@pytest.fixture
def in_berlin(monkeypatch):
    import time

    monkeypatch.setenv("TZ", "Europe/Berlin")
    time.tzset()
    yield
    monkeypatch.undo()
    time.tzset()


def test_batches_of_the_hour_that_comes_twice_are_two(path, in_berlin):
    seconds = 1792887600  # 2026-10-25 02:20 in Berlin, twice
    times = [datetime.fromtimestamp(seconds), datetime.fromtimestamp(seconds + 3600)]
    if times[0] != times[1]:
        pytest.skip("this system has no time zones")
    assert [add(path, str(at), time=time) for at, time in enumerate(times)] == [True, True]
    assert [rddToFileName("out", None, time) for time in times] == [f"out-{seconds}000", f"out-{seconds + 3600}000"]
