"""What executors and tasks ask for."""

from __future__ import annotations

from typing import Any, Optional

from tidemill._context.workers import bytes_of


class ExecutorResourceRequest:
    """So much of a resource for each executor."""

    def __init__(self, resourceName: str, amount: int, discoveryScript: str = "", vendor: str = "") -> None:
        self._name = resourceName
        self._amount = amount
        self._discovery_script = discoveryScript
        self._vendor = vendor

    @property
    def resourceName(self) -> str:
        """The resource."""
        return self._name

    @property
    def amount(self) -> int:
        """How much of it; memory in MiB."""
        return self._amount

    @property
    def discoveryScript(self) -> str:
        """The program that finds the devices."""
        return self._discovery_script

    @property
    def vendor(self) -> str:
        """Who makes the devices."""
        return self._vendor


class ExecutorResourceRequests:
    """What each executor asks for.

    >>> from tidemill.resource import ExecutorResourceRequests
    >>> requests = ExecutorResourceRequests().cores(4).memory("2g")
    >>> requests.requests["memory"].amount
    2048
    """

    _CORES = "cores"
    _MEMORY = "memory"
    _OVERHEAD_MEM = "memoryOverhead"
    _PYSPARK_MEM = "pyspark.memory"
    _OFFHEAP_MEM = "offHeap"

    def __init__(self, _jvm: Any = None, _requests: Optional[dict[str, ExecutorResourceRequest]] = None) -> None:
        self._requests: dict[str, ExecutorResourceRequest] = dict(_requests or {})

    def cores(self, amount: int) -> ExecutorResourceRequests:
        """Asks for processors."""
        return self._ask(self._CORES, amount)

    def memory(self, amount: str) -> ExecutorResourceRequests:
        """Asks for memory, as `2g`."""
        return self._ask(self._MEMORY, _mebibytes(amount))

    def memoryOverhead(self, amount: str) -> ExecutorResourceRequests:
        """Asks for memory beside the heap."""
        return self._ask(self._OVERHEAD_MEM, _mebibytes(amount))

    def offheapMemory(self, amount: str) -> ExecutorResourceRequests:
        """Asks for memory off the heap."""
        return self._ask(self._OFFHEAP_MEM, _mebibytes(amount))

    def pysparkMemory(self, amount: str) -> ExecutorResourceRequests:
        """Asks for memory of Python workers."""
        return self._ask(self._PYSPARK_MEM, _mebibytes(amount))

    def resource(
        self, resourceName: str, amount: int, discoveryScript: str = "", vendor: str = ""
    ) -> ExecutorResourceRequests:
        """Asks for devices."""
        self._requests[resourceName] = ExecutorResourceRequest(resourceName, amount, discoveryScript, vendor)
        return self

    @property
    def requests(self) -> dict[str, ExecutorResourceRequest]:
        """All that was asked for, by name."""
        return self._requests

    def _ask(self, name: str, amount: int) -> ExecutorResourceRequests:
        self._requests[name] = ExecutorResourceRequest(name, amount, "", "")
        return self


class TaskResourceRequest:
    """So much of a resource for each task; less than 1 is a share."""

    def __init__(self, resourceName: str, amount: float) -> None:
        self._name = resourceName
        self._amount = float(amount)

    @property
    def resourceName(self) -> str:
        """The resource."""
        return self._name

    @property
    def amount(self) -> float:
        """How much of it."""
        return self._amount


class TaskResourceRequests:
    """What each task asks for.

    >>> from tidemill.resource import TaskResourceRequests
    >>> TaskResourceRequests().cpus(2).requests["cpus"].amount
    2.0
    """

    _CPUS = "cpus"

    def __init__(self, _jvm: Any = None, _requests: Optional[dict[str, TaskResourceRequest]] = None) -> None:
        self._requests: dict[str, TaskResourceRequest] = dict(_requests or {})

    def cpus(self, amount: int) -> TaskResourceRequests:
        """Asks for processors."""
        return self.resource(self._CPUS, amount)

    def resource(self, resourceName: str, amount: float) -> TaskResourceRequests:
        """Asks for devices."""
        self._requests[resourceName] = TaskResourceRequest(resourceName, amount)
        return self

    @property
    def requests(self) -> dict[str, TaskResourceRequest]:
        """All that was asked for, by name."""
        return self._requests


def _mebibytes(text: str) -> int:
    """Memory such as `2g` in MiB, as Spark keeps it."""
    size = bytes_of(text)
    if size is None:
        raise ValueError("invalid format: %s" % text)
    return size >> 20
