"""Profiles: what the executors and tasks of an RDD ask for."""

from __future__ import annotations

import itertools
from typing import Any, Optional, Union

from tidemill.resource.requests import (
    ExecutorResourceRequest,
    ExecutorResourceRequests,
    TaskResourceRequest,
    TaskResourceRequests,
)

_numbers = itertools.count(1)


class ResourceProfile:
    """What the executors and tasks of an RDD ask for; made by `ResourceProfileBuilder`."""

    def __init__(
        self,
        _java_resource_profile: Any = None,
        _exec_req: Optional[dict[str, ExecutorResourceRequest]] = None,
        _task_req: Optional[dict[str, TaskResourceRequest]] = None,
    ) -> None:
        self._id = next(_numbers)
        self._executor = dict(_exec_req or {})
        self._task = dict(_task_req or {})

    @property
    def id(self) -> int:
        """The number of the profile."""
        return self._id

    @property
    def executorResources(self) -> dict[str, ExecutorResourceRequest]:
        """What executors ask for, by name."""
        return self._executor

    @property
    def taskResources(self) -> dict[str, TaskResourceRequest]:
        """What tasks ask for, by name."""
        return self._task


class ResourceProfileBuilder:
    """Gathers requests into a profile.

    >>> from tidemill.resource import ResourceProfileBuilder, TaskResourceRequests
    >>> profile = ResourceProfileBuilder().require(TaskResourceRequests().cpus(2)).build
    >>> profile.taskResources["cpus"].amount
    2.0
    """

    def __init__(self) -> None:
        self._executor: dict[str, ExecutorResourceRequest] = {}
        self._task: dict[str, TaskResourceRequest] = {}

    def require(self, resourceRequest: Union[ExecutorResourceRequests, TaskResourceRequests]) -> ResourceProfileBuilder:
        """Adds requests."""
        if isinstance(resourceRequest, TaskResourceRequests):
            self._task.update(resourceRequest.requests)
        else:
            self._executor.update(resourceRequest.requests)
        return self

    def clearExecutorResourceRequests(self) -> None:
        """Forgets what executors ask for."""
        self._executor = {}

    def clearTaskResourceRequests(self) -> None:
        """Forgets what tasks ask for."""
        self._task = {}

    @property
    def executorResources(self) -> dict[str, ExecutorResourceRequest]:
        """What executors ask for so far."""
        return self._executor

    @property
    def taskResources(self) -> dict[str, TaskResourceRequest]:
        """What tasks ask for so far."""
        return self._task

    @property
    def build(self) -> ResourceProfile:
        """The profile."""
        return ResourceProfile(_exec_req=self._executor, _task_req=self._task)
