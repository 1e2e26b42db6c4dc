"""A program in a checkpoint: what its context was told, with its functions and its settings, as bytes.

```text
"TMPY"  version u16  flags u16  CRC-32 u32  signature (32 bytes, where flag 1 is set)  description u32, text  functions
```

Numbers are little-endian; the checksum is that of version, flags and all behind it. The description is JSON, which can be read without running
anything; the functions are one pickle, so that what they share they share again. The signature is the HMAC-SHA256, by the
setting `tidemill.checkpoint.secret`, of the version, the flags, the description and the functions.

A pickle is a program: it is not looked at before `Program.check` has found that it may be trusted.
"""
from __future__ import annotations

import hashlib
import hmac
import io
import json
import pickle
import struct
import sys
import zlib
from typing import TYPE_CHECKING, Any, NamedTuple, Optional, Sequence

import cloudpickle

from tidemill import _engine
from tidemill._call_site import text_of
from tidemill.accumulators import Accumulator
from tidemill.broadcast import Broadcast
from tidemill.errors import PySparkRuntimeError
from tidemill.streaming import _settings
from tidemill.streaming._recipe import Step

if TYPE_CHECKING:
    from tidemill.context import SparkContext

_MAGIC = b"TMPY"
_VERSION = 1
_SIGNED = 1
_HEAD = struct.Struct("<4sHHI")
_LENGTH = struct.Struct("<I")
_SIGNATURE_BYTES = 32
# CPython 3.8's newest, which all that can run this package have.
_PROTOCOL = 5


class Program(NamedTuple):
    """What a checkpoint holds of a program, with functions as they were pickled."""

    location: str
    description: dict[str, Any]
    functions: bytes
    signature: Optional[bytes]
    signed: bytes
    """What the signature is of."""

    @classmethod
    def read(cls, data: bytes, location: str) -> Program:
        """Takes bytes apart; unpickles nothing.

        Raises
        ------
        EngineError
            where they are damaged, or of a later release
        """
        if len(data) < _HEAD.size or data[:4] != _MAGIC:
            raise _refused(location, "it was not written by a Python program; recover it with the program that wrote it")
        _, version, flags, checksum = _HEAD.unpack_from(data)
        if version > _VERSION:
            raise _refused(location, f"its form is {version}, and this release knows those up to {_VERSION}; use a later one")
        rest = data[_HEAD.size :]
        if zlib.crc32(rest, zlib.crc32(data[4:8])) != checksum or flags & ~_SIGNED:
            raise _refused(location, "the program in it is damaged: its checksum is another one")
        signature = rest[:_SIGNATURE_BYTES] if flags & _SIGNED else None
        body = rest[_SIGNATURE_BYTES:] if flags & _SIGNED else rest
        (length,) = _LENGTH.unpack_from(body)
        begin = _LENGTH.size
        description = json.loads(body[begin : begin + length])
        signed = data[4:8] + body
        return cls(location, description, body[begin + length :], signature, signed)

    def check(self, key: Optional[str], is_private: bool, trust: bool) -> None:
        """Checks that the functions may be unpickled: by this Python, and at all.

        Parameters
        ----------
        key : str, optional
            what programs are signed with
        is_private : bool
            whether nobody else can write where they come from
        trust : bool
            whether the caller vouches for them

        Raises
        ------
        EngineError
            where they may not
        """
        ours, theirs = _this_python(), self.description["python"]
        if theirs != ours:
            raise _refused(
                self.location,
                f"its functions were written by {theirs} and cannot be read by {ours}; run the program with that version, or "
                "take its functions from the code at hand: StreamingContext.getOrCreate(..., code=\"new\")",
            )
        if trust:
            return
        if key and self.signature is not None:
            if not hmac.compare_digest(self.signature, _signature(key, self.signed)):
                raise _refused(
                    self.location,
                    "its program was signed with another tidemill.checkpoint.secret, or changed since; nothing in it was run. Give "
                    "the key that wrote it, or trust=True if you know that nobody else can write there",
                )
        elif is_private:
            return
        elif self.signature is not None:
            raise _refused(
                self.location,
                "its program is signed, and this process was not given tidemill.checkpoint.secret. Give the key that wrote it with "
                "--conf, in PYSPARK_SUBMIT_ARGS, or by a SparkContext that is made before getOrCreate; or give trust=True if you "
                "know that nobody else can write there",
            )
        else:
            raise _refused(
                self.location,
                "it is on a store where others may write, and the functions in it are programs that would be run. Set "
                "tidemill.checkpoint.secret, which signs them, from the first start on; or give trust=True if you know that nobody "
                "else can write there",
            )

    def steps(self) -> list[Step]:
        """What the context was told. This runs what the pickles say.

        Raises
        ------
        EngineError
            where functions cannot be unpickled
        """
        try:
            functions = pickle.loads(self.functions)
        except Exception as error:
            raise _refused(
                self.location,
                f"its functions cannot be loaded: {type(error).__name__}: {error}. What they import has to be there as it was; "
                "or take them from the code at hand: StreamingContext.getOrCreate(..., code=\"new\")",
            ) from error
        told = self.description["steps"]
        return [
            Step(each["kind"], _place(each["place"]), tuple(each["parents"]), each["arguments"], tuple(mine))
            for each, mine in zip(told, functions)
        ]

    @property
    def interval_ms(self) -> int:
        """The time between batches."""
        return int(self.description["interval_ms"])


def write(steps: Sequence[Step], sc: SparkContext, interval_ms: int) -> bytes:
    """The program of a context, as it is now: what functions captured is what it is at this moment (behaviour 10.7).

    Raises
    ------
    EngineError
        where a function cannot be pickled; it names the call that the function was given to
    """
    settings, withheld = _settings.kept(sc._conf)
    files, py_files, archives = map(_addresses, (sc._added_files, sc._added_py_files, sc._added_archives))
    added = [*sc._added_files, *sc._added_archives]
    description = {
        "python": _this_python(),
        "interval_ms": interval_ms,
        "settings": settings,
        "withheld": withheld,
        "files": [path for path in files if path not in py_files],
        "py_files": py_files,
        "archives": archives,
        "withheld_files": [_settings.without_credentials(path) for path in added if not _addresses([path])],
        "steps": [
            {"kind": step.kind, "place": step.place, "parents": step.parents, "arguments": step.arguments} for step in steps
        ],
    }
    text = json.dumps(description, ensure_ascii=False, separators=(",", ":")).encode("utf-8", "surrogateescape")
    body = _LENGTH.pack(len(text)) + text + _pickled(steps)
    key = sc._conf.get(_settings.SECRET)
    flags = _SIGNED if key else 0
    head = struct.pack("<HH", _VERSION, flags)
    rest = _signature(key, head + body) + body if key else body
    return _HEAD.pack(_MAGIC, _VERSION, flags, zlib.crc32(rest, zlib.crc32(head))) + rest


def _addresses(paths: Sequence[str]) -> list[str]:
    """Those that hold no credentials."""
    return [path for path in paths if _settings.without_credentials(path) == path]


class _Pickler(cloudpickle.CloudPickler):  # type: ignore[misc]
    """Pickles functions of the driver for another process, which has none of this one's shared values (behaviour 6.15)."""

    def reducer_override(self, obj: Any) -> Any:
        if type(obj) is Broadcast:
            return lost_broadcast, (obj._id,)
        if type(obj) is Accumulator:
            return new_accumulator, (obj.accum_param.zero(obj._value), obj.accum_param)
        return super().reducer_override(obj)


def lost_broadcast(number: int) -> Any:
    """What a checkpoint has in the place of a broadcast: its value was in files of a process that is gone."""
    raise PySparkRuntimeError(
        f"[BROADCAST_VARIABLE_NOT_LOADED] Broadcast variable `{number}` not loaded. A broadcast does not outlive its program: let "
        "the function make it when it first needs it, with rdd.context.broadcast(...)"
    )


def new_accumulator(zero: Any, param: Any) -> Any:
    """What a checkpoint has in the place of an accumulator: another one, which begins anew."""
    from tidemill.context import SparkContext

    context = SparkContext._active_spark_context
    if context is None:
        raise RuntimeError("an accumulator needs an active SparkContext")
    return context.accumulator(zero, param)


def _pickled(steps: Sequence[Step]) -> bytes:
    try:
        return _dumps([step.functions for step in steps])
    except Exception as failure:
        for step in steps:
            try:
                _dumps(step.functions)
            except Exception as error:
                raise _engine.refusal(
                    f"{text_of(step.place)}: with a checkpoint directory functions of streams are written to checkpoints, and "
                    f"this one cannot be pickled: {error}"
                ) from error
        raise _engine.refusal(f"the functions of streams cannot be written to a checkpoint: {failure}") from failure


def _dumps(value: Any) -> bytes:
    file = io.BytesIO()
    _Pickler(file, _PROTOCOL).dump(value)
    return file.getvalue()


def _signature(key: str, signed: bytes) -> bytes:
    return hmac.new(key.encode("utf-8"), signed, hashlib.sha256).digest()


def _this_python() -> str:
    return f"{sys.implementation.name} {sys.version_info[0]}.{sys.version_info[1]}"


def _place(place: list[Any]) -> tuple[str, str, int]:
    name, file, line = place
    return name, file, line


def _refused(location: str, why: str) -> Exception:
    return _engine.refusal(f"Failed to read checkpoint from directory {location}: {why}")
