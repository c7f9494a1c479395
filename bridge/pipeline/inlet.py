"""The dispatcher at work: what waits in the inbox is claimed, what was just stored is dispatched directly."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime, timedelta

from bridge.pipeline import suspects
from bridge.pipeline.dispatch import Dispatcher
from bridge.pipeline.node import Node
from bridge.pipeline.settling import Draft, Entries, Stored, accept_all
from bridge.pipeline.worker import Worker
from bridge.store import inbox
from bridge.store.database import Connection
from bridge.store.entries import Accepted, Entry, Lease, NewEntry

HANDS = 256
TOGETHER = 16
"""Entries that are written in one go; more would keep the event loop for too long."""
MOMENT_S = 1.0
LEASE_FOR = timedelta(seconds=60)
NEXT_TURN = timedelta(milliseconds=20)
"""When to look again after finding another node just taking entries; its transaction is about that long."""


class Inlet:
    """The dispatcher's loop, and the `Intake` of new entries; `lease` returns a new name for each claim."""

    def __init__(self, node: Node, dispatcher: Dispatcher, lease: Callable[[], str]) -> None:
        self._node = node
        self._lease = lease
        self._dispatcher = dispatcher
        self._takes_its_time = False
        self._may_draft = node.alone or node.database.is_shared
        self.worker: Worker[tuple[Entry, str]] = Worker(
            "dispatch",
            claim=self._claim,
            handle=dispatcher.dispatch,
            hands=HANDS,
            together=TOGETHER,
            clock=node.clock,
            log=node.log,
        )

    def accept(self, connection: Connection, entries: Entries) -> list[tuple[Accepted, Stored | None]]:
        """Store entries, and what follows from those with a draft."""
        return accept_all(connection, entries, self._node.database.secret)

    def draft(self, entry: NewEntry, content: object, now: datetime) -> Draft | None:
        """Decide about an entry before it is stored, see `Dispatcher.draft`; not behind any that waits.

        What waits for other nodes is seen when it is stored.
        """
        if not (self._may_draft and self.worker.is_quiet):
            return None
        draft = self._dispatcher.draft(entry, content, now)
        self._takes_its_time = draft is None and self._dispatcher.is_ready
        return draft

    async def settled(self) -> None:
        """Let what is under way end first, if that takes a moment only and everything is quick after it.

        Otherwise a stream of events would keep to the way of its first one, which had to store the rules.
        """
        if self._may_draft and self.worker.settles and not self._takes_its_time:
            await self.worker.settled(MOMENT_S)

    def follow(self, draft: Draft, seq: int, stored: Stored) -> None:
        """Go on with what was stored together with its entry."""
        self._dispatcher.follow(draft, seq, stored)

    def drop(self, draft: Draft) -> None:
        """Forget a draft that was not stored."""
        self._dispatcher.drop(draft)

    def reserve(self) -> Lease | None:
        """Return a lease for an entry that is dispatched as soon as it is stored, or None.

        Only a process that is alone on its store gives one: of several, the one whose turn it is dispatches
        everything, in the order of the entries.
        """
        if not self._node.alone or not self.worker.reserve(in_order=True):
            return None
        return Lease(self._lease(), self._node.clock.now() + LEASE_FOR)

    def begin(self, entry: Entry, lease: Lease) -> None:
        """Dispatch an entry that was stored under this lease."""
        self.worker.begin((entry, lease.name))

    def let_go(self) -> None:
        """Give a lease back that nothing was stored under."""
        self.worker.let_go()

    def wake(self) -> None:
        """Say that an entry waits in the store."""
        self.worker.wake()

    async def _claim(self, limit: int, busy: Sequence[tuple[Entry, str]]) -> Sequence[tuple[Entry, str]]:
        seqs = [entry.seq for entry, _ in busy]
        if any(suspects.is_suspect(entry) for entry, _ in busy):
            self.worker.stay_behind()
            return ()
        now, lease = self._node.clock.now(), self._lease()

        def claim(connection: Connection) -> tuple[Sequence[Entry], bool] | None:
            claimed = inbox.claim(
                connection, now=now, lease_until=now + LEASE_FOR, lease=lease, limit=limit, busy=seqs
            )
            return None if claimed is None else _apart(connection, claimed, idle=not busy)

        found = await self._node.database.write(claim)
        if found is None:
            self.worker.wake_at(now + NEXT_TURN)
            return ()
        entries, more = found
        if more:
            self.worker.stay_behind()
        return [(entry, lease) for entry in entries]


def _apart(connection: Connection, claimed: Sequence[Entry], *, idle: bool) -> tuple[Sequence[Entry], bool]:
    """Put back what may not be at work beside others, and return the rest, and whether anything was."""
    taken = suspects.to_take(claimed, idle=idle)
    if len(taken) == len(claimed):
        return claimed, False
    inbox.put_back(connection, [entry.seq for entry in claimed[len(taken) :]])
    return taken, True
