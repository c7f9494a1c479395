"""The dispatcher at work: what waits in the inbox is claimed, what was just stored is dispatched directly."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from itertools import accumulate

from msgspec.structs import replace

from bridge.pipeline import suspects
from bridge.pipeline.dispatch import DRAFT_BYTES, Dispatcher
from bridge.pipeline.doubts import Doubts
from bridge.pipeline.node import Node
from bridge.pipeline.settling import Draft, Entries, Found, Way, accept_all
from bridge.pipeline.worker import Worker
from bridge.store import inbox
from bridge.store.database import Connection, StoreInDoubt
from bridge.store.entries import Entry, Lease

HANDS = 256
TOGETHER = 16
"""Entries that are written in one go; more would keep the event loop for too long."""
BYTES_AT_WORK = 16 * 1024 * 1024
"""How much of stored bodies is in memory to be dispatched; what is more waits in the store."""
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
        self._most = HANDS
        """How many entries are claimed at once: fewer while they are large."""
        self._doubts = Doubts()
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

    async def settled(self) -> None:
        """Let what is under way end first, if that takes a moment only and everything is quick after it.

        Otherwise a stream of events would keep to the way of its first one, which had to store the rules.
        """
        if self._may_draft and self.worker.settles and not self._takes_its_time:
            await self.worker.settled(MOMENT_S)

    def ways(self, entries: Sequence[Entry], now: datetime | None) -> Sequence[Way]:
        """Return what entries are stored with: drafts, see `Dispatcher.drafts`, not behind any that waits.

        What waits for other nodes is seen when they are stored.
        """
        ways: list[Way] = []
        if now is not None and self._may_draft and self.worker.is_quiet:
            ways += self._dispatcher.drafts(entries, now)
            self._takes_its_time = len(ways) < len(entries) and self._dispatcher.is_ready
        while len(ways) < len(entries):
            ways.append(self._reserve(entries[len(ways)]))
        return ways

    def accept(self, connection: Connection, entries: Entries) -> list[Found]:
        """Store entries, and what follows from those with a draft."""
        return accept_all(connection, entries, self._node.database.secret)

    def hand_on(self, entries: Entries, found: Sequence[Found] | BaseException) -> None:
        """Go on with entries that were stored, or forget them."""
        if isinstance(found, BaseException):
            for _, way in entries:
                self._forget(way)
                if isinstance(found, StoreInDoubt):
                    self._doubt(way)
            return
        for (entry, way), (accepted, stored) in zip(entries, found, strict=True):
            if way is None or accepted.duplicate:
                self._forget(way)
            elif isinstance(way, Lease):
                self.worker.begin((replace(entry, seq=accepted.seq), way.name))
            elif stored is None:
                self._dispatcher.drop(way)
                self.worker.wake()
            else:
                self._dispatcher.follow(way, accepted.seq, stored)

    def _reserve(self, entry: Entry) -> Lease | None:
        """Return a lease for an entry that is dispatched as soon as it is stored, or None.

        A large one waits in the store, and not in memory, until it is its turn. Only a process that is alone
        on its store gives one: of several, the one whose turn it is dispatches everything, in the order of
        the entries.
        """
        if len(entry.body) > DRAFT_BYTES:
            self.worker.stay_behind()
            return None
        if not self._node.alone or not self.worker.reserve(in_order=True):
            return None
        return Lease(self._lease(), self._node.clock.now() + LEASE_FOR)

    def _forget(self, way: Way) -> None:
        """Give back what an entry was to be stored with; without anything, it may wait in the store."""
        if way is None:
            self.worker.wake()
        elif isinstance(way, Lease):
            self.worker.let_go()
        else:
            self._dispatcher.drop(way)

    def _doubt(self, way: Way) -> None:
        """Look for what may be stored all the same, and has nobody who is at it."""
        if isinstance(way, Draft):
            self._dispatcher.doubt(way.plan)
        elif way is not None:
            self._doubts.add(way.name)
            self.worker.wake()

    async def _claim(self, limit: int, busy: Sequence[tuple[Entry, str]]) -> Sequence[tuple[Entry, str]]:
        seqs = [entry.seq for entry, _ in busy]
        if any(suspects.is_suspect(entry) for entry, _ in busy):
            self.worker.stay_behind()
            return ()
        room = BYTES_AT_WORK - sum(len(entry.body) for entry, _ in busy)
        if room <= 0:
            self.worker.stay_behind()
            return ()
        limit = min(limit, self._most)
        now, lease, doubtful = self._node.clock.now(), self._lease(), self._doubts.names

        def claim(connection: Connection) -> tuple[Sequence[Entry], bool] | None:
            for name in doubtful:
                inbox.give_back_all(connection, name)
            claimed = inbox.claim(
                connection, now=now, lease_until=now + LEASE_FOR, lease=lease, limit=limit, busy=seqs
            )
            return None if claimed is None else _apart(connection, claimed, room, idle=not busy)

        try:
            found = await self._node.database.write(claim)
        except StoreInDoubt:
            self._doubts.add(lease)
            raise
        self._doubts.settle(doubtful)
        if found is None:
            self.worker.wake_at(now + NEXT_TURN)
            return ()
        entries, more = found
        self._most = max(1, len(entries)) if more else min(2 * self._most, HANDS)
        if more or len(entries) == limit:
            self.worker.stay_behind()
        return [(entry, lease) for entry in entries]


def _apart(
    connection: Connection, claimed: Sequence[Entry], room: int, *, idle: bool
) -> tuple[Sequence[Entry], bool]:
    """Put back what may not be at work beside others, and return the rest, and whether anything was."""
    taken = _fitting(suspects.to_take(claimed, idle=idle), room, idle=idle)
    if len(taken) == len(claimed):
        return claimed, False
    inbox.put_back(connection, [entry.seq for entry in claimed[len(taken) :]])
    return taken, True


def _fitting(claimed: Sequence[Entry], room: int, *, idle: bool) -> Sequence[Entry]:
    """Return the first of claimed entries whose bodies have room together; one always has, if alone."""
    for place, size in enumerate(accumulate(len(entry.body) for entry in claimed)):
        if size > room:
            return claimed[: max(place, idle)]
    return claimed
