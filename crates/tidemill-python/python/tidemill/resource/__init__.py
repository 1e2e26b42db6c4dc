"""Requests for devices and processors; PySpark's `pyspark.resource`.

On one machine there is nothing to request: profiles are kept and read back, and have no effect.
"""

from __future__ import annotations

from tidemill.resource.information import ResourceInformation
from tidemill.resource.profile import ResourceProfile, ResourceProfileBuilder
from tidemill.resource.requests import (
    ExecutorResourceRequest,
    ExecutorResourceRequests,
    TaskResourceRequest,
    TaskResourceRequests,
)

__all__ = [
    "ExecutorResourceRequest",
    "ExecutorResourceRequests",
    "ResourceInformation",
    "ResourceProfile",
    "ResourceProfileBuilder",
    "TaskResourceRequest",
    "TaskResourceRequests",
]
