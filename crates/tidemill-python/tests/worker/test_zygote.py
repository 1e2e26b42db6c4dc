"""The zygote's own end: whenever the driver dies it goes too, without a word."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
from pathlib import Path

import pytest

BIRTH = "from tidemill.worker import zygote; zygote.main()"


def packet(*fields: str) -> bytes:
    texts = [field.encode() for field in fields]
    return b"".join(len(text).to_bytes(4, "little") + text for text in texts)


@pytest.mark.parametrize("is_told", [False, True])
def test_a_driver_that_dies_while_the_zygote_begins_leaves_nothing_on_the_terminal(
    is_told: bool, tmp_path: Path
) -> None:
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    with ours, theirs:
        if is_told:
            settings = {"driver": str(os.getpid()), "cwd": "/", "broadcasts": str(tmp_path), "files": str(tmp_path)}
            settings.update(memory="1000000000", hard_memory="0")
            pairs = [text for pair in settings.items() for text in pair]
            ours.send(packet("init", *pairs))
        process = subprocess.Popen([sys.executable, "-c", BIRTH], stdin=theirs, stderr=subprocess.PIPE)
        theirs.close()
        ours.close()
        assert process.communicate(timeout=60)[1] == b""
        assert process.returncode == 0
