"""Entries on their way to the disk: those of one moment are stored together, then handed on."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Protocol

from msgspec import Struct

from bridge.pipeline.gathering import gathered
from bridge.pipeline.node import Node, Point
from bridge.store.database import StoreBusy, StoreUnavailable
from bridge.store.entries import Accepted, Entry, Lease, NewEntry, as_claimed

if TYPE_CHECKING:  # receiving must not wait for what only sending needs
    from bridge.pipeline.settling import Draft, Entries, Stored
    from bridge.store.database import Connection

    _Found = tuple[Accepted, Stored | None] | BaseException

STORE_LIMIT_S = 10.0
"""How long a sender waits for the store."""
TOGETHER = 256
"""Entries that are stored with one statement at most."""
Told = Callable[[Accepted | BaseException], None]
"""What is called when an entry is on disk, or why it may not be; it raises nothing."""


class Intake(Protocol):
    """Where stored entries go next: `bridge.pipeline.inlet`."""

    def accept(self, connection: Connection, entries: Entries) -> Sequence[tuple[Accepted, Stored | None]]:
        """Store entries, and what follows from those with a draft; called in the store's thread.

        None for a draft says that its entry is stored as it came.
        """
        ...

    async def settled(self) -> None:
        """Return when entries may come; within a moment, mostly at once."""
        ...

    def draft(self, entry: NewEntry, content: object, now: datetime) -> Draft | None:
        """Return what shall become of an entry, to be stored with it; a draft obliges to `follow` or `drop`.

        To be stored before anything else is awaited. None if it is to be stored first.
        """
        ...

    def follow(self, draft: Draft, seq: int, stored: Stored) -> None:
        """Go on with what was stored with its draft under this number, and these deliveries."""
        ...

    def drop(self, draft: Draft) -> None:
        """Forget a draft that was not stored."""
        ...

    def reserve(self) -> Lease | None:
        """Return a lease to store an entry under, or None if it has to wait its turn in the store.

        A lease obliges to call `begin` or `let_go`; None obliges to store before anything else is awaited.
        """
        ...

    def begin(self, entry: Entry, lease: Lease) -> None:
        """Dispatch an entry that was stored under this lease."""
        ...

    def let_go(self) -> None:
        """Give a lease back that nothing was stored under."""
        ...

    def wake(self) -> None:
        """Say that an entry waits in the store."""
        ...


class Arrival(Struct, frozen=True):
    """An entry to store, what its source has read in it, and who waits for it."""

    entry: NewEntry
    content: object
    told: Told


class Storing:
    """Stores what arrives; `intake` is told of what is new."""

    def __init__(self, node: Node, intake: Intake, limit_s: float = STORE_LIMIT_S) -> None:
        self._node = node
        self._intake = intake
        self._limit_s = limit_s
        self._arrived: list[Arrival] = []
        self._writing: set[asyncio.Task[None]] = set()

    def store(self, arrival: Arrival) -> None:
        """Store an entry with what else arrives in this turn of the event loop, and tell."""
        self._arrived.append(arrival)
        if len(self._arrived) == 1:
            task = asyncio.get_running_loop().create_task(self._store_arrived())
            self._writing.add(task)
            task.add_done_callback(self._writing.discard)

    async def settled(self) -> None:
        """Return when what is being stored now is stored and handed on."""
        if self._writing:
            await asyncio.wait(set(self._writing))

    async def _store_arrived(self) -> None:
        await self._intake.settled()
        await gathered(self._arrived, TOGETHER)
        arrived, self._arrived = self._arrived, []
        parts = [arrived[first : first + TOGETHER] for first in range(0, len(arrived), TOGETHER)]
        if len(parts) == 1:
            await self._store(arrived)
        else:
            await asyncio.gather(*map(self._store, parts))

    async def _store(self, arrived: Sequence[Arrival], *, drafts: bool = True) -> None:
        """Store together; where that fails for a mistake of ours, or for want of room, each on its own.

        On its own, an entry is stored as it came: what was decided about it may be the mistake.
        """
        now = self._node.clock.now() if drafts else None
        rows = [(each.entry, self._way(each, now)) for each in arrived]
        put_off = _PutOff(arrived, self._limit_s)
        found: Sequence[_Found]
        try:
            found = await self._node.database.write(lambda c: self._intake.accept(c, rows), weight=len(rows))
        except asyncio.CancelledError:
            found = [StoreUnavailable("the bridge is stopping")] * len(rows)
        except Exception as error:  # noqa: BLE001 - whatever it is belongs to those who wait
            found = [error] * len(rows)
        put_off.end()
        again = (drafts or len(arrived) > 1) and _is_for_some(found[0]) and not put_off.happened
        for each, (_, way), outcome in zip(arrived, rows, found, strict=True):
            self._hand_on(each, way, outcome)
            if not (again or put_off.happened):
                each.told(self._passed(outcome))
        if again:
            await asyncio.gather(*(self._store([each], drafts=False) for each in arrived))

    def _way(self, arrival: Arrival, now: datetime | None) -> Draft | Lease | None:
        draft = None if now is None else self._intake.draft(arrival.entry, arrival.content, now)
        return draft or self._intake.reserve()

    def _passed(self, outcome: _Found) -> Accepted | BaseException:
        if isinstance(outcome, BaseException):
            return outcome
        try:
            self._node.reached(Point.ACCEPTED)
        except BaseException as error:  # noqa: BLE001 - a test that ends the process here
            return error
        return outcome[0]

    def _hand_on(
        self,
        arrival: Arrival,
        way: Draft | Lease | None,
        outcome: _Found,
    ) -> None:
        """Say what is stored: it is at hand, and need not be read back from the store."""
        if way is None:
            self._intake.wake()
        elif isinstance(outcome, BaseException) or outcome[0].duplicate:
            if isinstance(way, Lease):
                self._intake.let_go()
            else:
                self._intake.drop(way)
        else:
            accepted, stored = outcome
            if isinstance(way, Lease):
                self._intake.begin(as_claimed(arrival.entry, accepted.seq, arrival.content), way)
            elif stored is None:
                self._intake.drop(way)
                self._intake.wake()
            else:
                self._intake.follow(way, accepted.seq, stored)


class _PutOff:
    """Tells those who wait that they shall come again, once the store has taken too long.

    What is written after all goes on like anything else, and their repetition is a duplicate.
    """

    __slots__ = ("_arrived", "_timer", "happened")

    def __init__(self, arrived: Sequence[Arrival], limit_s: float) -> None:
        self.happened = False
        self._arrived = arrived
        self._timer = asyncio.get_running_loop().call_later(limit_s, self._tell)

    def end(self) -> None:
        """Put nobody off any more."""
        self._timer.cancel()

    def _tell(self) -> None:
        self.happened = True
        for each in self._arrived:
            each.told(TimeoutError())


def _is_for_some(outcome: _Found) -> bool:
    """Return whether some of those that were stored together may be stored all the same."""
    if isinstance(outcome, StoreUnavailable):
        return isinstance(outcome, StoreBusy)
    return isinstance(outcome, BaseException)
