"""The numbered steps by which a store reaches this program's schema; forward only."""

from __future__ import annotations

from msgspec import Struct


class Migrations(Struct, frozen=True):
    """Where the steps are, for alembic, and their numbers in order; the last one is this program's schema."""

    location: str
    revisions: tuple[str, ...]

    @property
    def head(self) -> str:
        """The number of the newest schema."""
        return self.revisions[-1]

    def after(self, revision: str) -> tuple[str, ...]:
        """Return the steps still to take from `revision`."""
        return self.revisions[self.revisions.index(revision) + 1 :]


SHIPPED = Migrations(
    location="bridge.store:migrations",
    revisions=(
        "0001",
        "0002",
        "0003",
        "0004",
        "0005",
        "0006",
        "0007",
        "0008",
        "0009",
        "0010",
        "0011",
        "0012",
    ),
)
"""Stated here, so that an up-to-date store opens without the time it takes to import alembic."""
