"""How RDDs are kept: in memory, on disk, and in how many copies; PySpark's `StorageLevel` (rows 1.66 and 1.67)."""

from __future__ import annotations

from typing import Any, ClassVar


class StorageLevel:
    """Where partitions of a persisted RDD or DStream are kept.

    Python records are always kept as bytes, so `MEMORY_ONLY` and its like are serialised levels, as in PySpark. One
    process has one copy of anything: `replication` is remembered, and has no effect.

    >>> from tidemill import StorageLevel
    >>> print(StorageLevel.MEMORY_AND_DISK_2)
    Disk Memory Serialized 2x Replicated
    >>> StorageLevel(False, True, False, False) == StorageLevel.MEMORY_ONLY
    True
    """

    NONE: ClassVar[StorageLevel]
    DISK_ONLY: ClassVar[StorageLevel]
    DISK_ONLY_2: ClassVar[StorageLevel]
    DISK_ONLY_3: ClassVar[StorageLevel]
    MEMORY_ONLY: ClassVar[StorageLevel]
    MEMORY_ONLY_2: ClassVar[StorageLevel]
    MEMORY_AND_DISK: ClassVar[StorageLevel]
    MEMORY_AND_DISK_2: ClassVar[StorageLevel]
    OFF_HEAP: ClassVar[StorageLevel]
    MEMORY_AND_DISK_DESER: ClassVar[StorageLevel]

    def __init__(
        self, useDisk: bool, useMemory: bool, useOffHeap: bool, deserialized: bool, replication: int = 1
    ) -> None:
        self.useDisk = useDisk
        self.useMemory = useMemory
        self.useOffHeap = useOffHeap
        self.deserialized = deserialized
        self.replication = replication

    def _fields(self) -> tuple[bool, bool, bool, bool, int]:
        """The level as the engine takes it."""
        return self.useDisk, self.useMemory, self.useOffHeap, self.deserialized, self.replication

    def __eq__(self, other: Any) -> bool:
        return isinstance(other, StorageLevel) and self._fields() == other._fields()

    # Defining equality alone leaves a class without hashes: so it is in PySpark, and programs cannot tell otherwise.
    __hash__ = None  # type: ignore[assignment]

    def __repr__(self) -> str:
        return "StorageLevel(%s, %s, %s, %s, %s)" % self._fields()

    def __str__(self) -> str:
        words = ""
        words += "Disk " if self.useDisk else ""
        words += "Memory " if self.useMemory else ""
        words += "OffHeap " if self.useOffHeap else ""
        words += "Deserialized " if self.deserialized else "Serialized "
        return words + "%sx Replicated" % self.replication


StorageLevel.NONE = StorageLevel(False, False, False, False)
StorageLevel.DISK_ONLY = StorageLevel(True, False, False, False)
StorageLevel.DISK_ONLY_2 = StorageLevel(True, False, False, False, 2)
StorageLevel.DISK_ONLY_3 = StorageLevel(True, False, False, False, 3)
StorageLevel.MEMORY_ONLY = StorageLevel(False, True, False, False)
StorageLevel.MEMORY_ONLY_2 = StorageLevel(False, True, False, False, 2)
StorageLevel.MEMORY_AND_DISK = StorageLevel(True, True, False, False)
StorageLevel.MEMORY_AND_DISK_2 = StorageLevel(True, True, False, False, 2)
StorageLevel.OFF_HEAP = StorageLevel(True, True, True, False, 1)
StorageLevel.MEMORY_AND_DISK_DESER = StorageLevel(True, True, False, True)
