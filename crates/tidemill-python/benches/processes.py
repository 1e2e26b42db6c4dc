"""What a program and all processes that it started use: memory and processor time, from /proc."""
from __future__ import annotations

import os
from pathlib import Path

_TICKS = os.sysconf("SC_CLK_TCK")


def tree(pid: int) -> list[int]:
    """`pid` and the processes below it."""
    parents: dict[int, list[int]] = {}
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            fields = _stat(int(entry.name))
            if fields:
                parents.setdefault(int(fields[1]), []).append(int(entry.name))
    found = [pid]
    for process in found:
        found.extend(parents.get(process, ()))
    return found


def proportional_bytes(pid: int) -> int:
    """Memory of the tree of `pid`: each page's share (PSS), so that what processes share counts once."""
    total = 0
    for process in tree(pid):
        try:
            lines = Path(f"/proc/{process}/smaps_rollup").read_text().splitlines()
        except OSError:
            continue  # It has ended meanwhile.
        total += sum(int(line.split()[1]) << 10 for line in lines if line.startswith("Pss:"))
    return total


def processor_seconds(pid: int) -> float:
    """What the tree of `pid` has used of the processors, with its ended children."""
    ticks = 0
    for process in tree(pid):
        fields = _stat(process)
        if fields:
            ticks += sum(map(int, fields[11:15]))
    return ticks / _TICKS


def _stat(pid: int) -> list[str]:
    """The fields of /proc/PID/stat behind the name; empty if the process has ended."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
    except OSError:
        return []
