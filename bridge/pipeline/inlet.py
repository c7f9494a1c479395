"""The dispatcher at work: what waits in the inbox is claimed, what was just stored is dispatched directly."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import timedelta

from bridge.pipeline.dispatch import Dispatcher
from bridge.pipeline.node import Node
from bridge.pipeline.worker import Worker
from bridge.store import inbox
from bridge.store.inbox import Entry, Lease

HANDS = 256
TOGETHER = 16
"""Entries that are written in one go; more would keep the event loop for too long."""
LEASE_FOR = timedelta(seconds=60)
NEXT_TURN = timedelta(milliseconds=20)
"""When to look again after finding another node just taking entries; its transaction is about that long."""


class Inlet:
    """The dispatcher's loop, and the `Intake` of new entries; `lease` returns a new name for each claim."""

    def __init__(self, node: Node, dispatcher: Dispatcher, lease: Callable[[], str]) -> None:
        self._node = node
        self._lease = lease
        self.worker: Worker[tuple[Entry, str]] = Worker(
            "dispatch",
            claim=self._claim,
            handle=dispatcher.dispatch,
            hands=HANDS,
            together=TOGETHER,
            clock=node.clock,
            log=node.log,
        )

    def reserve(self) -> Lease | None:
        """Return a lease for an entry that is dispatched as soon as it is stored, or None.

        Only a process that is alone on its store gives one: of several, the one whose turn it is dispatches
        everything, in the order of the entries.
        """
        if not self._node.alone or not self.worker.reserve():
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
        now, lease = self._node.clock.now(), self._lease()
        entries = await self._node.database.write(
            lambda connection: inbox.claim(
                connection, now=now, lease_until=now + LEASE_FOR, lease=lease, limit=limit, busy=seqs
            )
        )
        if entries is None:
            self.worker.wake_at(now + NEXT_TURN)
            return ()
        return [(entry, lease) for entry in entries]
