"""The folder of one context: files of broadcasts, files that were added, the place where barriers meet."""

from __future__ import annotations

import os
from typing import Optional


class PrivateFolder:
    """A folder that only this user may read, and that goes with its context."""

    def __init__(self, local_dir: Optional[str]) -> None:
        parent = (local_dir or "").split(",")[0].strip() or None
        if parent is not None:
            os.makedirs(parent, exist_ok=True)
        self._owner = os.getpid()
        import tempfile

        self.path = tempfile.mkdtemp(prefix="tidemill-%d-" % self._owner, dir=parent)
        self.broadcasts = self._room("broadcasts")
        self.files = self._room("files")

    @property
    def is_mine(self) -> bool:
        """Whether this process made the folder; a process forked from it must leave it alone."""
        return os.getpid() == self._owner

    def remove(self) -> None:
        """Removes it with all that is in it; a second call does nothing."""
        if self.is_mine:
            import shutil

            shutil.rmtree(self.path, ignore_errors=True)

    def _room(self, name: str) -> str:
        path = os.path.join(self.path, name)
        os.mkdir(path)
        return path
