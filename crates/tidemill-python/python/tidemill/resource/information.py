"""A kind of device and the addresses of those that are there."""

from __future__ import annotations


class ResourceInformation:
    """A kind of device ("gpu") and the addresses of those that a task has.

    >>> from tidemill.resource import ResourceInformation
    >>> ResourceInformation("gpu", ["0"]).addresses
    ['0']
    """

    def __init__(self, name: str, addresses: list[str]) -> None:
        self._name = name
        self._addresses = addresses

    @property
    def name(self) -> str:
        """The kind."""
        return self._name

    @property
    def addresses(self) -> list[str]:
        """The addresses."""
        return self._addresses
