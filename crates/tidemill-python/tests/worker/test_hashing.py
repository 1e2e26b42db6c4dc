"""The hash that decides a key's partition: figures of the real PySpark 3.5.9 under PYTHONHASHSEED=0."""

from __future__ import annotations

import os
import subprocess
import sys
from typing import Any

import pytest
from tidemill.worker import hashing

# behaviour 3.23
EVERYWHERE = [
    (None, 0), (0, 0), (1, 1), (-1, -2), (-2, -2), (7, 7), (2**61 - 1, 0), (2**61, 1), (2**70, 512), (-(2**70), -512),
    (True, 1), (False, 0), (0.0, 0), (-0.0, 0), (1.0, 1), (1.5, 1152921504606846977), (-1.5, -1152921504606846977),
    (1e300, 1224995262755759164), (float("inf"), 314159), (float("-inf"), -314159),
    ((), 3430008), ((1,), 3430019290026), ((None,), 3430018290025), ((None, 1), 3430028580079870073),
    ((-1,), 9223368606834485779), (((),), 1), (((1, 2), 3), 1031013823351644674), ((1, 2, 3), 6160245872019252139),
    ((-1, -2, 0.5), 1395647349015017295), ((True, None, (None,)), 7163612641070529019),
]  # fmt: skip
SINCE_311 = [
    ("", 0), ("a", 4644417185603328019), ("tidemill", 8878728379340392872), ("é", 6047309291227476195),
    ("中文", 501833946989431548), ("😀", -3536540696076613844), (("a", 1), 102774922574124034),
    (("a", ("b", None)), 1448104471556345709), (b"", 0), (b"a", 4644417185603328019),
    (b"\xff\x00", 7217110220190950386),
]  # fmt: skip


@pytest.mark.parametrize("key, expected", EVERYWHERE)
def test_keys_whose_hash_has_no_seed(key: Any, expected: int) -> None:
    assert hashing._hash(key) == expected


@pytest.mark.skipif(
    sys.version_info < (3, 11), reason="Python hashes text in another way before 3.11, and PySpark follows it"
)
def test_text_under_the_seed_of_workers() -> None:
    program = f"from tidemill.worker.hashing import portable_hash as h\nprint([h(k) for k, _ in {SINCE_311!r}])"
    environment = dict(os.environ, PYTHONHASHSEED="0")
    printed = subprocess.run(
        [sys.executable, "-c", program], env=environment, stdout=subprocess.PIPE, check=True
    ).stdout
    assert printed.decode().strip() == repr([expected for _, expected in SINCE_311])


def test_a_driver_asks_the_engine(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(hashing, "_native", None)
    assert hashing.portable_hash(7) == 7
    hashing.use_native(lambda key: 42)
    assert hashing.portable_hash("a") == 42


def test_a_key_without_a_hash_is_an_error() -> None:
    with pytest.raises(TypeError, match="unhashable"):
        hashing.portable_hash(([],))
