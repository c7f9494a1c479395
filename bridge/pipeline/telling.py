"""Tells the owner of trouble, and does no more, while there is no configuration to work by."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from datetime import datetime

from bridge.channels.base import Channel
from bridge.core.routing import Router
from bridge.pipeline.engine import AnyWorker, Engine
from bridge.pipeline.node import Node
from bridge.pipeline.patience import until_read, until_written
from bridge.pipeline.plan import Planner
from bridge.pipeline.settling import consequences
from bridge.pipeline.trouble import Owner
from bridge.sources.base import Source
from bridge.store import notices
from bridge.store.entries import Entry
from bridge.store.notices import Notices

_WAITING = "notices wait, the store cannot be used"


class Teller(Engine):
    """An engine that dispatches nothing, and delivers the notices of trouble that are made meanwhile.

    The owner's rule alone decides about a notice, and its entry stays as it came: the rules, once they are
    there, take it up like every other one, and what it has led to already has its id, so it is not sent
    again.
    """

    def __init__(
        self, node: Node, *, sources: Mapping[str, Source], channels: Mapping[str, Channel], owner: Owner
    ) -> None:
        self._notices = Notices(actions=[each.name for each in owner.ways()])
        claim_due = self._notices.claim_due
        super().__init__(node, sources=sources, rules=(), channels=channels, owner=owner, claim_due=claim_due)
        self._planner = Planner(node, sources, Router(owner.rules()), {})
        self._made = asyncio.Event()
        self._planning: asyncio.Task[None] | None = None

    async def start(self) -> None:
        """Open the channels, and start the loops; what was left untold is told first."""
        await super().start()
        self._planning = asyncio.create_task(self._run(), name="notices")
        self._tasks.append(self._planning)

    async def stop(self, deadline_s: float = 10.0) -> None:
        """Plan nothing more, and stop as any engine does."""
        if self._planning is not None:
            self._planning.cancel()
        await super().stop(deadline_s)

    def _workers(self) -> list[AnyWorker]:
        return [outlet.worker for outlet in self._outlets.values()]

    def _wake_inlet(self) -> None:
        self._made.set()

    async def _park_unrouted(self) -> None:
        """Leave all deliveries as they are: which channels there are is not known now."""

    async def _run(self) -> None:
        while True:
            self._made.clear()
            await self._plan_all()
            await self._made.wait()

    async def _plan_all(self) -> None:
        """Make the deliveries of all notices that have none, and have them sent."""
        entries = await until_read(self._node, notices.waiting, _WAITING)
        now, known = self._node.clock.now(), self._notices.entries
        for entry in entries:
            if entry.seq not in known:
                await self._plan(entry, now)
        self._notices.entries = {entry.seq for entry in entries}
        self.wake()

    async def _plan(self, entry: Entry, now: datetime) -> None:
        """Make the deliveries of a notice; where a mistake of ours prevents it, the others are told."""
        secret = self._node.database.secret
        try:
            events = self._planner.read(entry)
            plan = self._planner.plan(entry, events, now) if isinstance(events, tuple) else None
            if plan is not None:
                await until_written(
                    self._node, lambda c: consequences(c, plan, entry, now, secret, again=False), _WAITING
                )
        except Exception:  # receiving must not end by it
            self._node.log.exception("notice not told", entry=entry.seq)
