"""Serializers as objects, for programs that name them."""
from __future__ import annotations

import io

import pytest

from harness import differs
from tidemill import serializers

VALUES = [1, "two", None, (3, [4.0])]


AUTOMATIC = pytest.param("AutoSerializer", marks=differs("3.20", "it cannot read what it wrote"))


@pytest.mark.parametrize("name", ["CPickleSerializer", "MarshalSerializer", "CloudPickleSerializer", AUTOMATIC])
def test_records_go_out_and_come_back(name):  # behaviour 3.20
    serializer = getattr(serializers, name)()
    if name != "AutoSerializer":  # which picks a format with the first record that it writes
        assert serializer.loads(serializer.dumps(VALUES)) == VALUES
    for each in (serializer, serializers.BatchedSerializer(serializer, 2)):
        stream = io.BytesIO()
        each.dump_stream(iter(VALUES), stream)
        stream.seek(0)
        assert list(each.load_stream(stream)) == VALUES
    assert serializer == type(serializer)()


def test_serializers_of_text_and_pairs():  # behaviour 3.20
    text = serializers.UTF8Deserializer()
    stream = io.BytesIO(b"\0\0\0\x06na\xc3\xafve")
    assert list(text.load_stream(stream)) == ["naïve"]
    compressed = serializers.CompressedSerializer(serializers.CPickleSerializer())
    assert compressed.loads(compressed.dumps(VALUES)) == VALUES
    assert serializers.NoOpSerializer().dumps(b"x") == b"x"


def test_a_context_with_a_serializer_of_its_own(no_context):
    from tidemill import SparkContext

    sc = SparkContext("local[2]", "serializer", serializer=serializers.MarshalSerializer(), batchSize=2)
    assert sc.parallelize(range(5), 2).map(lambda n: n * n).collect() == [0, 1, 4, 9, 16]
    assert sc.serializer is not None
