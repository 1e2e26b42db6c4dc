"""What a `DStream` can do, a file for each theme."""
from __future__ import annotations
