"""One configuration at work: the dispatcher's loop and a loop per channel, started and stopped together.

A loop per channel keeps a slow or dead destination from delaying any other.
"""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import Mapping, Sequence
from datetime import timedelta

from bridge.channels.base import Channel
from bridge.core.routing import Router
from bridge.core.rules import Rule
from bridge.pipeline.compose import actions_of
from bridge.pipeline.deliver import Deliverer
from bridge.pipeline.dispatch import Dispatcher
from bridge.pipeline.node import Node
from bridge.pipeline.worker import Worker
from bridge.sources.base import Source
from bridge.store import inbox, outbox
from bridge.store.database import Connection, StoreUnavailable
from bridge.store.deliveries import Due
from bridge.store.inbox import Entry

DISPATCH_HANDS = 64
DISPATCH_LEASE = timedelta(seconds=60)


class Engine:
    """Dispatches and delivers until stopped."""

    def __init__(
        self,
        node: Node,
        *,
        sources: Mapping[str, Source],
        rules: Sequence[Rule],
        channels: Mapping[str, Channel],
        deliver_tests: bool = False,
    ) -> None:
        self._node = node
        self._channels = channels
        self._tasks: list[asyncio.Task[None]] = []
        self._claims = itertools.count(1)
        dispatcher = Dispatcher(
            node, sources, Router(rules), self._wake_channels, deliver_tests=deliver_tests
        )
        self._dispatch = Worker(
            "dispatch",
            claim=self._claim_entries,
            handle=lambda leased: dispatcher.dispatch(*leased),
            hands=DISPATCH_HANDS,
            clock=node.clock,
            log=node.log,
        )
        actions = actions_of(rules)
        self._deliver = {
            name: self._delivery_worker(Deliverer(node, channel, actions, sources))
            for name, channel in channels.items()
        }

    async def start(self) -> None:
        """Open the channels, park what no channel will take, and start every loop."""
        for channel in self._channels.values():
            await channel.open()
        await self._park_unrouted()
        self._tasks = [asyncio.create_task(worker.run(), name=worker.name) for worker in self._workers()]

    async def stop(self, deadline_s: float = 10.0) -> None:
        """Take no new work, let what runs finish until the deadline, give back leases and connections."""
        await asyncio.gather(*(worker.stop(deadline_s) for worker in self._workers()))
        await asyncio.gather(*self._tasks, return_exceptions=True)
        try:
            await self._node.database.write(self._release)
        except StoreUnavailable as error:
            self._node.log.warning("leases not given back, they run out by themselves", why=str(error))
        for name, channel in self._channels.items():
            try:
                await channel.close()
            except Exception:  # the other channels are closed all the same
                self._node.log.exception("channel not closed", channel=name)

    async def drain(self) -> None:
        """Dispatch and deliver everything that is due now, then return; for use without `start`."""
        while any([await worker.drain() for worker in self._workers()]):
            pass

    def wake(self) -> None:
        """Look at once for new entries and due deliveries."""
        for worker in self._workers():
            worker.wake()

    def wake_dispatch(self) -> None:
        """Look at once for new entries."""
        self._dispatch.wake()

    def watch(self) -> list[asyncio.Task[None]]:
        """Return the running loops, so that their owner notices when one ends early."""
        return list(self._tasks)

    def _workers(self) -> list[Worker[tuple[Entry, str]] | Worker[tuple[Due, str]]]:
        return [self._dispatch, *self._deliver.values()]

    def _wake_channels(self, names: frozenset[str]) -> None:
        for name in names & self._deliver.keys():
            self._deliver[name].wake()

    def _lease(self) -> str:
        """Return a name for one claim: a task that outlives its lease must not pass for the next holder."""
        return f"{self._node.name}/{next(self._claims)}"

    async def _park_unrouted(self) -> None:
        """Say which deliveries wait for a channel that is gone; nobody else would ever look at them."""
        now = self._node.clock.now()
        try:
            parked = await self._node.database.write(
                lambda connection: outbox.park_unrouted(connection, self._channels, now=now)
            )
        except StoreUnavailable as error:
            self._node.log.warning("deliveries of channels that are gone not looked for", why=str(error))
            return
        for channel, count in sorted(parked.items()):
            self._node.log.warning(
                "deliveries parked, their channel is no longer in the configuration",
                channel=channel,
                deliveries=count,
            )

    async def _claim_entries(
        self, limit: int, busy: Sequence[tuple[Entry, str]]
    ) -> Sequence[tuple[Entry, str]]:
        seqs = [entry.seq for entry, _ in busy]
        now, lease = self._node.clock.now(), self._lease()
        entries = await self._node.database.write(
            lambda connection: inbox.claim(
                connection,
                now=now,
                lease_until=now + DISPATCH_LEASE,
                lease=lease,
                limit=limit,
                busy=seqs,
            )
        )
        return [(entry, lease) for entry in entries]

    def _delivery_worker(self, deliverer: Deliverer) -> Worker[tuple[Due, str]]:
        async def claim(limit: int, busy: Sequence[tuple[Due, str]]) -> Sequence[tuple[Due, str]]:
            seqs = [due.seq for due, _ in busy]
            now, lease = self._node.clock.now(), self._lease()
            deliveries = await self._node.database.write(
                lambda connection: outbox.claim_due(
                    connection,
                    channel=deliverer.channel.name,
                    now=now,
                    lease_until=now + deliverer.lease_for,
                    lease=lease,
                    limit=limit,
                    busy=seqs,
                )
            )
            return [(due, lease) for due in deliveries]

        return Worker(
            f"deliver {deliverer.channel.name}",
            claim=claim,
            handle=lambda leased: deliverer.deliver(*leased),
            hands=deliverer.channel.policy.concurrency,
            clock=self._node.clock,
            log=self._node.log,
        )

    def _release(self, connection: Connection) -> None:
        inbox.release(connection, f"{self._node.name}/")
        outbox.release(connection, f"{self._node.name}/")
