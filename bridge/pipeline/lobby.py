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
    from bridge.pipeline.settling import Entries, Found, Way
    from bridge.store.database import Connection
    from bridge.store.entries import Entry


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
        self._before, self._inlet = None, inlet  # nothing is left of what came before
        self.tell(refused, unstored)

    def tell(self, refused: Callable[[str, str], Awaitable[None]], unstored: Callable[[str], None]) -> None:
        """Say who hears of wrong signatures and of events that were not stored, as in `lead_to`."""
        self._refused = refused
        self._unstored = unstored

    def hold(self) -> None:
        """Give nothing more to the inlet; it still hears what becomes of entries that it knows."""
        self._before, self._inlet = self._inlet or self._before, None

    async def settled(self) -> None:
        """Return when entries may come."""
        if self._inlet is not None:
            await self._inlet.settled()

    def ways(self, entries: Sequence[Entry], now: datetime | None) -> Sequence[Way]:
        """Return what entries are stored with: nothing while nobody would go on with them."""
        return [None] * len(entries) if self._inlet is None else self._inlet.ways(entries, now)

    def accept(self, connection: Connection, entries: Entries) -> Sequence[Found]:
        """Store entries, and what follows from them if that is known."""
        inlet = self._inlet or self._before  # it may be asked about entries with drafts while it is held
        if inlet is not None:
            return inlet.accept(connection, entries)
        as_they_came = [(entry, None) for entry, _ in entries]
        return [(accepted, {}) for accepted in inbox.accept_all(connection, as_they_came)]

    def hand_on(self, entries: Entries, found: Sequence[Found] | BaseException) -> None:
        """Go on with what was stored; whoever comes looks into the store first."""
        if self._inlet is not None:
            self._inlet.hand_on(entries, found)
        elif self._before is not None:
            self._before.hand_on(*_of_its_own(entries, found))


def _of_its_own(
    entries: Entries, found: Sequence[Found] | BaseException
) -> tuple[Entries, Sequence[Found] | BaseException]:
    """Return what an inlet that is held knows of: it may not look for what waits in the store."""
    own = [index for index, (_, way) in enumerate(entries) if way is not None]
    outcomes = found if isinstance(found, BaseException) else [found[index] for index in own]
    return [entries[index] for index in own], outcomes


async def _nobody_hears(_source: str, _why: str) -> None:
    """Do nothing: trouble is not watched for yet."""


def _nobody_minds(_why: str) -> None:
    """Do nothing: trouble is not watched for yet."""
