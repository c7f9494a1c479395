"""Leases of which nobody knows whether they were taken: the store went away in the very commit.

What is under such a lease is nobody's: it is given back by the next claim, and need not wait until the lease
runs out.
"""

from __future__ import annotations

from collections.abc import Collection

MOST = 100
"""Leases remembered; others run out by themselves."""


class Doubts:
    """The leases of one loop that are in doubt, by their names."""

    def __init__(self) -> None:
        self.names: frozenset[str] = frozenset()

    def add(self, name: str) -> None:
        """Remember one."""
        if len(self.names) < MOST:
            self.names |= {name}

    def settle(self, names: Collection[str]) -> None:
        """Forget those whose deliveries or entries are given back."""
        if names:
            self.names = self.names.difference(names)
