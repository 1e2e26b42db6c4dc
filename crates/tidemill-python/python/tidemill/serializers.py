"""Serializers under PySpark's names (row 3.20).

Programs name them, and some call `dumps` and `loads`; both work. A `SparkContext` accepts one and does without it: here
records travel in a form that depends on their types, and no result differs.

Framed serializers write each item with its length before it, a big-endian 32-bit number, as PySpark does.
"""

from __future__ import annotations

import itertools
import marshal
import pickle
import struct
import zlib
from typing import Any, BinaryIO, Iterable, Iterator

import cloudpickle

__all__ = [
    "AutoBatchedSerializer",
    "AutoSerializer",
    "BatchedSerializer",
    "CPickleSerializer",
    "CartesianDeserializer",
    "CloudPickleSerializer",
    "CompressedSerializer",
    "FlattenedValuesSerializer",
    "FramedSerializer",
    "MarshalSerializer",
    "NoOpSerializer",
    "PairDeserializer",
    "PickleSerializer",
    "Serializer",
    "SpecialLengths",
    "UTF8Deserializer",
    "read_int",
    "write_int",
    "write_with_length",
]

pickle_protocol = pickle.HIGHEST_PROTOCOL

_INT = struct.Struct("!i")
_LONG = struct.Struct("!q")
_LONGEST = (1 << 31) - 1


class SpecialLengths:
    """Lengths that are none: what PySpark's streams say in the place of a length."""

    END_OF_DATA_SECTION = -1
    PYTHON_EXCEPTION_THROWN = -2
    TIMING_DATA = -3
    END_OF_STREAM = -4
    NULL = -5
    START_ARROW_STREAM = -6


class Serializer:
    """Writes items to a binary stream and reads them back.

    >>> from tidemill.serializers import CPickleSerializer, MarshalSerializer
    >>> CPickleSerializer() == CPickleSerializer(), CPickleSerializer() == MarshalSerializer()
    (True, False)
    """

    def dump_stream(self, iterator: Iterable[Any], stream: BinaryIO) -> None:
        """Writes all items."""
        raise NotImplementedError

    def load_stream(self, stream: BinaryIO) -> Iterator[Any]:
        """Reads items until the stream ends."""
        raise NotImplementedError

    def dumps(self, obj: Any) -> bytes:
        """One item as bytes."""
        raise NotImplementedError

    def _load_stream_without_unbatching(self, stream: BinaryIO) -> Iterator[Any]:
        """Reads lists of items, as they were written together."""
        return ([item] for item in self.load_stream(stream))

    def __eq__(self, other: Any) -> bool:
        return isinstance(other, self.__class__) and self.__dict__ == other.__dict__

    def __hash__(self) -> int:
        return hash(str(self))

    def __repr__(self) -> str:
        return "%s()" % self.__class__.__name__


class FramedSerializer(Serializer):
    """Writes each item with its length before it; a subclass says how an item becomes bytes."""

    def dump_stream(self, iterator: Iterable[Any], stream: BinaryIO) -> None:
        """Writes all items."""
        for item in iterator:
            self._write_with_length(item, stream)

    def load_stream(self, stream: BinaryIO) -> Iterator[Any]:
        """Reads items until the stream ends."""
        while True:
            try:
                yield self._read_with_length(stream)
            except EOFError:
                return

    def loads(self, obj: bytes) -> Any:
        """An item from its bytes."""
        raise NotImplementedError

    def _write_with_length(self, obj: Any, stream: BinaryIO) -> None:
        data = self.dumps(obj)
        if data is None:
            raise ValueError("serialized value should not be None")
        if len(data) > _LONGEST:
            raise ValueError("can not serialize object larger than 2G")
        write_with_length(data, stream)

    def _read_with_length(self, stream: BinaryIO) -> Any:
        length = read_int(stream)
        if length == SpecialLengths.END_OF_DATA_SECTION:
            raise EOFError
        if length == SpecialLengths.NULL:
            return None
        data = stream.read(length)
        if len(data) < length:
            raise EOFError
        return self.loads(data)


class CloudPickleSerializer(FramedSerializer):
    """Pickles anything, functions and classes of the program's own file with it.

    >>> from tidemill.serializers import CloudPickleSerializer
    >>> serializer = CloudPickleSerializer()
    >>> serializer.loads(serializer.dumps(lambda x: x + 1))(2)
    3
    """

    def dumps(self, obj: Any) -> bytes:
        """One item as bytes. Raises `pickle.PicklingError` with the reason if it cannot be."""
        try:
            return bytes(cloudpickle.dumps(obj, pickle_protocol))
        except pickle.PickleError:
            raise
        except Exception as error:
            message = "Could not serialize object: %s: %s" % (type(error).__name__, error)
            raise pickle.PicklingError(message) from error

    def loads(self, obj: bytes, encoding: str = "bytes") -> Any:
        """An item from its bytes."""
        return pickle.loads(obj, encoding=encoding)


class PickleSerializer(FramedSerializer):
    """Pickles what the standard library can pickle.

    >>> from tidemill.serializers import PickleSerializer
    >>> PickleSerializer().loads(PickleSerializer().dumps({"a": 1}))
    {'a': 1}
    """

    def dumps(self, obj: Any) -> bytes:
        """One item as bytes."""
        return pickle.dumps(obj, pickle_protocol)

    def loads(self, obj: bytes, encoding: str = "bytes") -> Any:
        """An item from its bytes."""
        return pickle.loads(obj, encoding=encoding)


#: PySpark's name for the default.
CPickleSerializer = CloudPickleSerializer


class MarshalSerializer(FramedSerializer):
    """Writes numbers, texts, bytes, and lists, tuples and dicts of them, in the form of `marshal`.

    >>> from tidemill import MarshalSerializer
    >>> MarshalSerializer().loads(MarshalSerializer().dumps([1, "a"]))
    [1, 'a']
    """

    def dumps(self, obj: Any) -> bytes:
        """One item as bytes. Raises `ValueError` for what `marshal` cannot write."""
        return marshal.dumps(obj)

    def loads(self, obj: bytes) -> Any:
        """An item from its bytes."""
        return marshal.loads(obj)


class AutoSerializer(FramedSerializer):
    """Writes by `marshal`, and from the first item on that it cannot write, by pickle.

    >>> from tidemill.serializers import AutoSerializer
    >>> serializer = AutoSerializer()
    >>> [serializer.loads(serializer.dumps(item)) for item in (1, complex, 2)]
    [1, <class 'complex'>, 2]
    """

    def __init__(self) -> None:
        self._type: Any = None

    def dumps(self, obj: Any) -> bytes:
        """One item as bytes."""
        if self._type is None:
            try:
                return b"M" + marshal.dumps(obj)
            except ValueError:
                self._type = b"P"
        return b"P" + pickle.dumps(obj, -1)

    def loads(self, obj: bytes) -> Any:
        """An item from its bytes."""
        kind = obj[:1]
        if kind == b"M":
            return marshal.loads(obj[1:])
        if kind == b"P":
            return pickle.loads(obj[1:])
        raise ValueError("invalid serialization type: %s" % kind.decode("latin-1"))


class NoOpSerializer(FramedSerializer):
    """Takes bytes as they are.

    >>> from tidemill.serializers import NoOpSerializer
    >>> NoOpSerializer().dumps(b"tide")
    b'tide'
    """

    def dumps(self, obj: bytes) -> bytes:
        """The bytes themselves."""
        return obj

    def loads(self, obj: bytes) -> bytes:
        """The bytes themselves."""
        return obj


class CompressedSerializer(FramedSerializer):
    """Compresses what another serializer writes.

    >>> from tidemill.serializers import CompressedSerializer, PickleSerializer
    >>> serializer = CompressedSerializer(PickleSerializer())
    >>> serializer.loads(serializer.dumps("tide" * 1000)) == "tide" * 1000
    True
    """

    def __init__(self, serializer: FramedSerializer) -> None:
        assert isinstance(serializer, FramedSerializer), "serializer must be a FramedSerializer"
        self.serializer = serializer

    def dumps(self, obj: Any) -> bytes:
        """One item as compressed bytes."""
        return zlib.compress(self.serializer.dumps(obj), 1)

    def loads(self, obj: bytes) -> Any:
        """An item from its compressed bytes."""
        return self.serializer.loads(zlib.decompress(obj))

    def __repr__(self) -> str:
        return "CompressedSerializer(%s)" % self.serializer


class UTF8Deserializer(Serializer):
    """Reads texts that were written as UTF-8 with their lengths.

    >>> import io
    >>> from tidemill.serializers import UTF8Deserializer, write_with_length
    >>> stream = io.BytesIO()
    >>> write_with_length("tide".encode(), stream)
    >>> _ = stream.seek(0)
    >>> list(UTF8Deserializer().load_stream(stream))
    ['tide']
    """

    def __init__(self, use_unicode: bool = True) -> None:
        self.use_unicode = use_unicode

    def loads(self, stream: BinaryIO) -> Any:
        """The next text, or bytes without `use_unicode`. Raises `EOFError` at the end."""
        length = read_int(stream)
        if length == SpecialLengths.END_OF_DATA_SECTION:
            raise EOFError
        if length == SpecialLengths.NULL:
            return None
        data = stream.read(length)
        return data.decode("utf-8") if self.use_unicode else data

    def load_stream(self, stream: BinaryIO) -> Iterator[Any]:
        """Reads texts until the stream ends."""
        while True:
            try:
                yield self.loads(stream)
            except (EOFError, struct.error):
                return

    def __repr__(self) -> str:
        return "UTF8Deserializer(%s)" % self.use_unicode


class BatchedSerializer(Serializer):
    """Writes items in lists of `batchSize`; -1 is one list of all.

    >>> import io
    >>> from tidemill.serializers import BatchedSerializer, PickleSerializer
    >>> stream = io.BytesIO()
    >>> BatchedSerializer(PickleSerializer(), 2).dump_stream([1, 2, 3], stream)
    >>> _ = stream.seek(0)
    >>> list(PickleSerializer().load_stream(stream))
    [[1, 2], [3]]
    """

    UNLIMITED_BATCH_SIZE = -1
    UNKNOWN_BATCH_SIZE = 0

    def __init__(self, serializer: Serializer, batchSize: int = UNLIMITED_BATCH_SIZE) -> None:
        self.serializer = serializer
        self.batchSize = batchSize

    def _batched(self, iterator: Iterable[Any]) -> Iterator[list[Any]]:
        if self.batchSize == self.UNLIMITED_BATCH_SIZE:
            yield list(iterator)
            return
        items = iter(iterator)
        while True:
            batch = list(itertools.islice(items, self.batchSize))
            if not batch:
                return
            yield batch

    def dump_stream(self, iterator: Iterable[Any], stream: BinaryIO) -> None:
        """Writes all items, in lists."""
        self.serializer.dump_stream(self._batched(iterator), stream)

    def load_stream(self, stream: BinaryIO) -> Iterator[Any]:
        """Reads items until the stream ends."""
        return itertools.chain.from_iterable(self._load_stream_without_unbatching(stream))

    def _load_stream_without_unbatching(self, stream: BinaryIO) -> Iterator[Any]:
        return self.serializer.load_stream(stream)

    def __repr__(self) -> str:
        return "BatchedSerializer(%s, %d)" % (self.serializer, self.batchSize)


class AutoBatchedSerializer(BatchedSerializer):
    """Writes items in lists that grow and shrink until one has about `bestSize` bytes.

    >>> import io
    >>> from tidemill.serializers import AutoBatchedSerializer, PickleSerializer
    >>> stream = io.BytesIO()
    >>> AutoBatchedSerializer(PickleSerializer()).dump_stream(range(3), stream)
    >>> _ = stream.seek(0)
    >>> list(AutoBatchedSerializer(PickleSerializer()).load_stream(stream))
    [0, 1, 2]
    """

    def __init__(self, serializer: Serializer, bestSize: int = 1 << 16) -> None:
        super().__init__(serializer, self.UNKNOWN_BATCH_SIZE)
        self.bestSize = bestSize

    def dump_stream(self, iterator: Iterable[Any], stream: BinaryIO) -> None:
        """Writes all items, in lists."""
        together = 1
        items = iter(iterator)
        while True:
            batch = list(itertools.islice(items, together))
            if not batch:
                return
            data = self.serializer.dumps(batch)
            write_with_length(data, stream)
            if len(data) < self.bestSize:
                together *= 2
            elif len(data) > self.bestSize * 10 and together > 1:
                together //= 2

    def __repr__(self) -> str:
        return "AutoBatchedSerializer(%s)" % self.serializer


class FlattenedValuesSerializer(BatchedSerializer):
    """Writes pairs of a key and a list of values; a long list is written in parts of at most `batchSize` values.

    >>> from tidemill.serializers import FlattenedValuesSerializer, PickleSerializer
    >>> list(FlattenedValuesSerializer(PickleSerializer(), 2)._batched([("a", [1, 2, 3])]))
    [('a', [1, 2]), ('a', [3])]
    """

    def __init__(self, serializer: Serializer, batchSize: int = 10) -> None:
        super().__init__(serializer, batchSize)

    def _batched(self, iterator: Iterable[Any]) -> Iterator[Any]:
        for key, values in iterator:
            for start in range(0, len(values), self.batchSize):
                yield key, values[start : start + self.batchSize]

    def load_stream(self, stream: BinaryIO) -> Iterator[Any]:
        """Reads pairs until the stream ends."""
        return self.serializer.load_stream(stream)

    def __repr__(self) -> str:
        return "FlattenedValuesSerializer(%s, %d)" % (self.serializer, self.batchSize)


class _TwoSides(Serializer):
    """Reads two serializers' items from one stream, in turn."""

    def __init__(self, key_ser: Serializer, val_ser: Serializer) -> None:
        self.key_ser = key_ser
        self.val_ser = val_ser

    def _sides(self, stream: BinaryIO) -> Iterator[tuple[list[Any], list[Any]]]:
        keys = self.key_ser._load_stream_without_unbatching(stream)
        values = self.val_ser._load_stream_without_unbatching(stream)
        for key_batch, value_batch in zip(keys, values):
            yield list(key_batch), list(value_batch)

    def load_stream(self, stream: BinaryIO) -> Iterator[Any]:
        """Reads pairs until the stream ends."""
        return itertools.chain.from_iterable(self._load_stream_without_unbatching(stream))

    def __repr__(self) -> str:
        return "%s(%s, %s)" % (self.__class__.__name__, self.key_ser, self.val_ser)


class CartesianDeserializer(_TwoSides):
    """Reads the product of two batches: each item of the first with each of the second."""

    def _load_stream_without_unbatching(self, stream: BinaryIO) -> Iterator[Any]:
        return (itertools.product(keys, values) for keys, values in self._sides(stream))


class PairDeserializer(_TwoSides):
    """Reads two batches of equal lengths as pairs. Raises `ValueError` for lengths that differ."""

    def _load_stream_without_unbatching(self, stream: BinaryIO) -> Iterator[Any]:
        for keys, values in self._sides(stream):
            if len(keys) != len(values):
                raise ValueError(
                    "Can not deserialize PairRDD with different number of items in batches: (%d, %d)"
                    % (len(keys), len(values))
                )
            yield zip(keys, values)


def read_int(stream: BinaryIO) -> int:
    """Reads a big-endian 32-bit number. Raises `EOFError` at the end."""
    data = stream.read(4)
    if not data:
        raise EOFError
    return int(_INT.unpack(data)[0])


def write_int(value: int, stream: BinaryIO) -> None:
    """Writes a big-endian 32-bit number."""
    stream.write(_INT.pack(value))


def read_long(stream: BinaryIO) -> int:
    """Reads a big-endian 64-bit number. Raises `EOFError` at the end."""
    data = stream.read(8)
    if not data:
        raise EOFError
    return int(_LONG.unpack(data)[0])


def write_long(value: int, stream: BinaryIO) -> None:
    """Writes a big-endian 64-bit number."""
    stream.write(_LONG.pack(value))


def pack_long(value: int) -> bytes:
    """A number as eight bytes, big-endian."""
    return _LONG.pack(value)


def read_bool(stream: BinaryIO) -> bool:
    """Reads a byte that says true or false. Raises `EOFError` at the end."""
    data = stream.read(1)
    if not data:
        raise EOFError
    return data != b"\0"


def write_with_length(obj: bytes, stream: BinaryIO) -> None:
    """Writes bytes with their length before them."""
    write_int(len(obj), stream)
    stream.write(obj)
