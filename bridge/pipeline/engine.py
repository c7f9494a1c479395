"""One configuration at work: the dispatcher's loop and a loop per channel, started and stopped together.

A loop per channel keeps a slow or dead destination from delaying any other.
"""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import Mapping, Sequence
from datetime import datetime

from bridge.channels.base import Channel
from bridge.core.routing import Router
from bridge.core.rules import Rule
from bridge.pipeline.compose import actions_of
from bridge.pipeline.dispatch import Dispatcher
from bridge.pipeline.gate import forget_all_but
from bridge.pipeline.halts import Patrol
from bridge.pipeline.inlet import Inlet
from bridge.pipeline.node import Node
from bridge.pipeline.outlet import ClaimDue, Outlet
from bridge.pipeline.plan import Planner
from bridge.pipeline.recording import Reports
from bridge.pipeline.register import Register
from bridge.pipeline.rulebook import Rulebook
from bridge.pipeline.trouble import NOBODY, Alarm, Owner
from bridge.pipeline.worker import Worker
from bridge.sources.base import Source
from bridge.store import claiming, decisions, inbox, outbox
from bridge.store.database import Connection, News, StoreUnavailable
from bridge.store.deliveries import Due
from bridge.store.entries import Entry

LOOPS_S = 2.0
"""How long the loops may take to end when what is under way has ended, or was given up."""
AnyWorker = Worker[tuple[Entry, str]] | Worker[tuple[Due, str]]


class Engine:
    """Dispatches and delivers until stopped; `inlet` takes new entries, `alarm` tells of trouble."""

    def __init__(  # noqa: PLR0913 - all but one by name
        self,
        node: Node,
        *,
        sources: Mapping[str, Source],
        rules: Sequence[Rule],
        channels: Mapping[str, Channel],
        deliver_tests: bool = False,
        rulebook: Rulebook | None = None,
        owner: Owner = NOBODY,
        claim_due: ClaimDue = claiming.claim_due,
    ) -> None:
        self._node = node
        self._channels = channels
        self._tasks: list[asyncio.Task[None]] = []
        self._listening: asyncio.Task[None] | None = None
        self._claims = itertools.count(1)
        self.alarm = Alarm(node, owner, self._wake_inlet)
        rules = [*rules, *owner.rules()]
        actions = actions_of(rules)
        reports = Reports(self._wake_outlet, self.alarm.look_soon)
        self._outlets = {
            name: Outlet(node, channel, actions, sources, self._lease, reports, claim_due)
            for name, channel in channels.items()
        }
        planner = Planner(node, sources, Router(rules), self._outlets, deliver_tests=deliver_tests)
        register = Register(node, self._wake_inlet, self.alarm.look_soon, deliver_tests=deliver_tests)
        dispatcher = Dispatcher(node, register, planner, self._outlets, rulebook, self.alarm.look_soon)
        self._patrol = Patrol(node.halts, node.database, node.clock, node.log)
        self.inlet = Inlet(node, dispatcher, self._lease)

    async def start(self) -> None:
        """Open the channels, park what no channel will take, and start every loop."""
        for channel in self._channels.values():
            await channel.open()
        await self._park_unrouted()
        await self._patrol.look()
        self._tasks = [asyncio.create_task(worker.run(), name=worker.name) for worker in self._workers()]
        self._tasks.append(asyncio.create_task(self.alarm.run(), name="alarm"))
        self._listen()
        self._tasks.append(asyncio.create_task(self._patrol.run(), name="paused rules"))

    async def stop(self, deadline_s: float = 10.0) -> None:
        """Take no new work, let what runs finish until the deadline, give back leases and connections."""
        self.alarm.stop()
        if self._listening is not None:
            self._listening.cancel()
        self._patrol.stop()
        outlets = (outlet.stop(deadline_s) for outlet in self._outlets.values())
        await asyncio.gather(self.inlet.worker.stop(deadline_s), *outlets)
        await self._end_loops()
        await self._give_back()
        for name, channel in self._channels.items():
            try:
                await channel.close()
            except Exception:  # the other channels are closed all the same
                self._node.log.exception("channel not closed", channel=name)

    async def hand_over(self, deadline_s: float, patience_s: float) -> asyncio.Task[None]:
        """Stop, and return when another engine may begin: attempts that take longer go on beside it.

        They keep their leases, and so their place before others of their lane. The task ends with the last.
        """
        ending = asyncio.create_task(self.stop(deadline_s), name="attempts that take longer")
        await asyncio.wait([ending], timeout=patience_s)
        if not ending.done():
            await self.inlet.worker.stop(deadline_s)  # of two that dispatch, one would overtake the other
            await asyncio.gather(*self._tasks, return_exceptions=True)
            await self._give_back(self.under_way)
        return ending

    async def take_over(self) -> None:
        """Look after what another engine has left, now that its last attempt is recorded."""
        await self._park_unrouted()
        self.wake()

    @property
    def under_way(self) -> list[int]:
        """The numbers of the deliveries that are sent now."""
        return [due.seq for outlet in self._outlets.values() for due, _ in outlet.worker.at_work]

    async def drain(self) -> None:
        """Dispatch and deliver everything that is due now, then return; for use without `start`."""
        await self._patrol.look()
        while any([await worker.drain() for worker in self._workers()]):
            pass

    async def next_at(self) -> datetime | None:
        """Return when there is something to send again; to be asked after `drain`. None if nothing waits."""
        now = self._node.clock.now()
        found = [await outlet.next_at(now) for outlet in self._outlets.values()]
        return min((moment for moment in found if moment is not None), default=None)

    def wake(self) -> None:
        """Look at once for new entries and due deliveries."""
        for worker in self._workers():
            worker.wake()

    @property
    def is_idle(self) -> bool:
        """Whether every loop runs, and nothing is at work or known to wait."""
        return all(worker.is_idle for worker in self._workers())

    def watch(self) -> list[asyncio.Task[None]]:
        """Return the running loops, so that their owner notices when one ends early."""
        return list(self._tasks)

    def _workers(self) -> list[AnyWorker]:
        return [self.inlet.worker, *(outlet.worker for outlet in self._outlets.values())]

    def _listen(self) -> None:
        """Hear of what other processes do, where the store tells."""
        node = self._node
        listener = node.database.listener(self._heed, clock=node.clock, log=node.log)
        if listener is not None:
            self._listening = asyncio.create_task(listener.run(), name="news")
            self._tasks.append(self._listening)

    def _heed(self, news: News) -> None:
        channels = [name for name in self._outlets if news.concerns(name)]
        self._node.log.debug("other processes have news", entries=news.entries, channels=channels)
        if news.entries:
            self.inlet.worker.wake()
        for name in channels:
            self._outlets[name].heed()

    def _wake_inlet(self) -> None:
        self.inlet.worker.wake()

    def _wake_outlet(self, channel: str) -> None:
        if channel in self._outlets:
            self._outlets[channel].worker.wake()

    def _lease(self) -> str:
        """Return a name for one claim: a task that outlives its lease must not pass for the next holder."""
        return f"{self._node.name}/{next(self._claims)}"

    async def _park_unrouted(self) -> None:
        """Say which deliveries wait for a channel that is gone; nobody else would ever look at them."""
        now = self._node.clock.now()

        def park(connection: Connection) -> Mapping[str, int]:
            forget_all_but(connection, self._channels, now)
            return decisions.park_unrouted(connection, self._channels, now=now)

        try:
            parked = await self._node.database.write(park)
        except StoreUnavailable as error:
            self._node.log.warning("deliveries of channels that are gone not looked for", why=str(error))
            return
        for channel, count in sorted(parked.items()):
            self._node.log.warning(
                "deliveries parked, their channel is no longer in the configuration",
                channel=channel,
                deliveries=count,
            )

    async def _end_loops(self) -> None:
        """Return when every loop has ended; one that waits for a store that is away is cancelled."""
        if self._tasks:
            await asyncio.wait(self._tasks, timeout=LOOPS_S)
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _give_back(self, busy: Sequence[int] = ()) -> None:
        """Give back every lease, but of deliveries that are `busy`."""
        try:
            await self._node.database.write(lambda connection: self._release(connection, busy))
        except StoreUnavailable as error:
            self._node.log.warning("leases not given back, they run out by themselves", why=str(error))

    def _release(self, connection: Connection, busy: Sequence[int]) -> None:
        inbox.release(connection, f"{self._node.name}/")
        outbox.release(connection, f"{self._node.name}/", busy)
