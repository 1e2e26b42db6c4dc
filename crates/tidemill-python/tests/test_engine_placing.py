"""Where keys go: `portable_hash` in the driver, in workers and over columns is one function (behaviour 3.23)."""
from __future__ import annotations

import enum

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tidemill.rdd import portable_hash

keys = st.recursive(
    st.one_of(
        st.none(), st.booleans(), st.integers(), st.floats(allow_nan=False), st.binary(max_size=20),
        st.text(st.characters(codec=None), max_size=20),
    ),
    lambda inner: st.lists(inner, max_size=3).map(tuple),
    max_leaves=5,
)


@given(st.lists(keys, max_size=50))
@settings(max_examples=25, deadline=None)
def test_driver_and_workers_hash_alike(values):
    from tidemill import SparkContext

    sc = SparkContext._active_spark_context or SparkContext("local[4]", "tests")
    assert sc.parallelize(values, 1).map(portable_hash).collect() == [portable_hash(value) for value in values]


class Name(str):
    """Text of a class that hashes as text."""


class Size(int, enum.Enum):
    """Numbers that are members."""

    SMALL = 1


class Own(str):
    """Text of a class with a hash of its own."""

    def __hash__(self) -> int:
        return 5

    __eq__ = str.__eq__


def test_kinds_of_text_hash_as_their_class_says():
    assert portable_hash(Name("tide")) == portable_hash("tide")
    assert portable_hash(Own("tide")) == 5
    with pytest.raises(TypeError, match="unhashable"):
        portable_hash(["tide"])
    with pytest.raises(TypeError, match="unhashable"):
        portable_hash(("tide", {}))


PAIRS = {
    "text": [("w%d" % (n % 50), n) for n in range(5000)],
    "integers": [(n * 7 - 1000, float(n)) for n in range(5000)],
    "floats": [(n / 3 - 50, b"x" * (n % 5)) for n in range(500)],
    "booleans": [(n % 2 == 0, None) for n in range(50)],
    "bytes": [(b"k%d" % (n % 9), "a\nb") for n in range(100)],
    "wide text": [("\xe9\u6c34\U0001f600"[n % 3] * (n % 4), n) for n in range(300)],
    "text of lines": [("a\nb%d" % n, "\0") for n in range(300)],
    "mixed": [("a", 1)] * 3 + [(None, 2), (("a", 1), 3), ("b", [1])] + [("c", n) for n in range(30)],
    "large integers": [(2**70 + n, n) for n in range(50)],
    "nothing": [],
}


@pytest.mark.parametrize("pairs", PAIRS.values(), ids=list(PAIRS))
def test_pairs_go_where_their_hash_says_in_order(sc, pairs):
    expected = [[pair for pair in pairs if portable_hash(pair[0]) % 4 == bucket] for bucket in range(4)]
    for rdd in (sc.parallelize(pairs, 3), sc.parallelize(pairs, 3).map(lambda pair: pair)):
        assert rdd.partitionBy(4).glom().collect() == expected


def test_typed_batches_before_others_keep_their_order(sc):
    typed, other = [("a%d" % n, n) for n in range(100)], [("a%d" % n, [n]) for n in range(100)]
    together = sc.parallelize(typed, 1).union(sc.parallelize(other, 1)).union(sc.parallelize(typed, 1)).coalesce(1)
    pairs = typed + other + typed
    expected = [[pair for pair in pairs if portable_hash(pair[0]) % 3 == bucket] for bucket in range(3)]
    assert together.partitionBy(3).glom().collect() == expected
