"""Where entries go while nothing dispatches: into the store, and no further.

The public port is open before the rest is there, since senders should not wait for what only sending needs,
and stays open while one configuration follows another.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from datetime import datetime
from typing import TYPE_CHECKING

from bridge.store import inbox

if TYPE_CHECKING:
    from bridge.pipeline.inlet import Inlet
    from bridge.pipeline.settling import Draft, Entries, Stored
    from bridge.store.database import Connection
    from bridge.store.entries import Accepted, Entry, Lease, NewEntry


class Lobby:
    """An `Intake` that leases nothing, until it leads to one that does, and that finds what was stored."""

    def __init__(self) -> None:
        self._inlet: Inlet | None = None
        self._before: Inlet | None = None
        self._refused: Callable[[str, str], Awaitable[None]] = _nobody_hears
        self._unstored: Callable[[str], None] = _nobody_minds

    async def refused(self, source: str, why: str) -> None:
        """Pass on a wrong signature."""
        await self._refused(source, why)

    def unstored(self, why: str) -> None:
        """Pass on that an event was not stored."""
        self._unstored(why)

    def lead_to(
        self,
        inlet: Inlet,
        refused: Callable[[str, str], Awaitable[None]],
        unstored: Callable[[str], None],
    ) -> None:
        """Give the rest to an inlet that is about to start.

        `refused` hears of wrong signatures, `unstored` of events that were not stored.
        """
        self._inlet = inlet
        self._refused = refused
        self._unstored = unstored

    def hold(self) -> None:
        """Give nothing more to the inlet; it still hears what becomes of entries that it knows."""
        self._before, self._inlet = self._inlet or self._before, None

    def accept(self, connection: Connection, entries: Entries) -> Sequence[tuple[Accepted, Stored | None]]:
        """Store entries, and what follows from them if that is known."""
        inlet = self._inlet or self._before  # it may be asked about entries with drafts while it is held
        if inlet is not None:
            return inlet.accept(connection, entries)
        as_they_came = [(entry, None) for entry, _ in entries]
        return [(accepted, {}) for accepted in inbox.accept_all(connection, as_they_came)]

    async def settled(self) -> None:
        """Return when entries may come."""
        if self._inlet is not None:
            await self._inlet.settled()

    def draft(self, entry: NewEntry, content: object, now: datetime) -> Draft | None:
        """Return what shall become of an entry; None while nobody can know."""
        return None if self._inlet is None else self._inlet.draft(entry, content, now)

    def follow(self, draft: Draft, seq: int, stored: Stored) -> None:
        """Go on with an entry that was stored with its draft."""
        self._there.follow(draft, seq, stored)

    def drop(self, draft: Draft) -> None:
        """Forget a draft that was not stored."""
        self._there.drop(draft)

    def reserve(self) -> Lease | None:
        """Return a lease; None while nobody would dispatch what is stored under it."""
        return None if self._inlet is None else self._inlet.reserve()

    def begin(self, entry: Entry, lease: Lease) -> None:
        """Dispatch an entry that was stored under a lease."""
        self._there.begin(entry, lease)

    def let_go(self) -> None:
        """Give a lease back that nothing was stored under."""
        self._there.let_go()

    def wake(self) -> None:
        """Say that an entry waits in the store; whoever comes looks there first."""
        if self._inlet is not None:
            self._inlet.wake()

    @property
    def _there(self) -> Inlet:
        inlet = self._inlet or self._before
        if inlet is None:
            raise AssertionError("an entry was leased to a bridge that does not dispatch yet")
        return inlet


async def _nobody_hears(_source: str, _why: str) -> None:
    """Do nothing: trouble is not watched for yet."""


def _nobody_minds(_why: str) -> None:
    """Do nothing: trouble is not watched for yet."""
