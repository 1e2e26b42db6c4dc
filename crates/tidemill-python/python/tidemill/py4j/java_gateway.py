"""Names that programs import for annotations and `isinstance`; nothing is ever an instance of them."""

from __future__ import annotations


class JavaObject:
    """An object of a JVM: there are none."""


class JavaGateway:
    """A way to a JVM: there is none."""


__all__ = ["JavaGateway", "JavaObject"]
