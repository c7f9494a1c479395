"""What dispatches and delivers by one configuration, and how the next one takes its place.

One way through for the start, a change and the way back: entries are held in the store, what is under way is
finished, and whoever comes begins with what waits. An attempt that takes long goes on beside it.
"""

# ruff: noqa: PLC0415 - imports wait until they are needed, so that receiving begins early

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import TYPE_CHECKING

from msgspec import Struct

from bridge.bootstrap import Services, build_channels, configured_sources, services_of
from bridge.config.loaded import Loaded
from bridge.pipeline.ingest import Ingest
from bridge.pipeline.lobby import Lobby
from bridge.pipeline.node import Node

if TYPE_CHECKING:
    from bridge.channels.base import Channel
    from bridge.channels.http import Shared
    from bridge.pipeline.engine import Engine
    from bridge.pipeline.trouble import Owner
    from bridge.sandbox.sandbox import Sandbox

STOP_DEADLINE_S = 10.0
"""How long deliveries under way may take to finish when the bridge stops."""
PATIENCE_S = 2.0
"""How long another configuration waits for them before it begins; what takes longer goes on beside it."""
SWITCH_MARGIN_S = 5.0
"""How much longer than a channel's time limit that may be."""


class Work(Struct, frozen=True):
    """One configuration at work."""

    loaded: Loaded
    services: Services
    engine: Engine
    switch_s: float
    """How many seconds what is under way may take to finish in all when another one comes."""


class Spoken(Struct):
    """The language of what people see who get messages; the configuration at work says which."""

    locale: str


class Exchange:
    """Has one configuration after the other at work; `work` is None while nothing is dispatched.

    Meanwhile another one may tell the owner of trouble, and do no more.
    """

    def __init__(
        self,
        node: Node,
        lobby: Lobby,
        ingest: Ingest,
        spoken: Spoken,
        shared: Shared,
        sandbox: Sandbox | None = None,
    ) -> None:
        self.node = node
        self.work: Work | None = None
        self._lobby = lobby
        self._ingest = ingest
        self._spoken = spoken
        self._shared = shared
        self._sandbox = sandbox
        self._telling: Work | None = None
        self._late: dict[asyncio.Task[None], Engine] = {}

    async def begin(self, loaded: Loaded) -> None:
        """Exchange what dispatches and delivers; what waits goes on with what comes."""
        self._lobby.hold()
        await self._ingest.settled()
        await self._end_former()
        if self._sandbox is not None:
            _trust(self._sandbox, loaded)
        work = self._made(loaded)
        self._ingest.serve(configured_sources(loaded.config))
        self._spoken.locale = loaded.config.locale
        alarm = work.engine.alarm
        self._lobby.lead_to(work.engine.inlet, alarm.refused, alarm.unstored)
        try:
            await work.engine.start()
        except BaseException:
            self._lobby.hold()
            await work.engine.stop(0)
            raise
        self.work = work

    async def tell(self, loaded: Loaded) -> None:
        """Have the owner told of trouble until a configuration begins; every entry and delivery waits."""
        await self._end_former()
        if self._sandbox is not None:
            _trust(self._sandbox, loaded)
        telling = self._made_to_tell(loaded)
        alarm = telling.engine.alarm
        self._lobby.tell(alarm.refused, alarm.unstored)
        try:
            await telling.engine.start()
        except BaseException:
            await telling.engine.stop(0)
            raise
        self._telling = telling

    @property
    def at_work(self) -> Work | None:
        """What is at work, and be it only to tell the owner."""
        return self.work or self._telling

    async def close(self) -> None:
        """End the work, and what still goes on from before."""
        engines = [*self._late.values(), *([self.at_work.engine] if self.at_work else ())]
        await asyncio.gather(*(engine.stop(STOP_DEADLINE_S) for engine in engines))
        await asyncio.gather(*self._late)

    def look_soon(self) -> None:
        """Have the owner told soon of what was noted."""
        if self.at_work is not None:
            self.at_work.engine.alarm.look_soon()

    async def _end_former(self) -> None:
        former, self.work, self._telling = self.at_work, None, None
        if former is not None:
            await self._end(former)

    async def _end(self, former: Work) -> None:
        ending = await former.engine.hand_over(former.switch_s, PATIENCE_S)
        if not ending.done():
            count = len(former.engine.under_way)
            self.node.log.info("what is being sent goes on as it began", deliveries=count)
        late = asyncio.create_task(self._see_off(ending))
        self._late[late] = former.engine
        late.add_done_callback(self._late.pop)

    async def _see_off(self, ending: asyncio.Task[None]) -> None:
        """Have the present configuration look after what comes of the last attempts of a former one."""
        at_once = ending.done()
        await ending
        if self.work is not None and not at_once:
            await self.work.engine.take_over()

    def _made(self, loaded: Loaded) -> Work:
        from bridge.pipeline.engine import Engine

        services = services_of(loaded, self.node, self._wake)
        channels = build_channels(loaded, self._shared)
        engine = Engine(
            services.node,
            sources=services.sources,
            rules=loaded.rules,
            channels=channels,
            deliver_tests=loaded.config.deliver_tests,
            rulebook=services.rulebook,
            owner=_owner(loaded),
        )
        return Work(loaded, services, engine, _switch_s(channels))

    def _made_to_tell(self, loaded: Loaded) -> Work:
        from bridge.pipeline.telling import Teller

        services = services_of(loaded, self.node, self._wake)
        channels = build_channels(loaded, self._shared)
        teller = Teller(services.node, sources=services.sources, channels=channels, owner=_owner(loaded))
        return Work(loaded, services, teller, _switch_s(channels))

    def _wake(self) -> None:
        if self.work is not None:
            self.work.engine.wake()


def _owner(loaded: Loaded) -> Owner:
    from bridge.pipeline.trouble import Owner

    return Owner(loaded.owner, loaded.config.locale, loaded.config.timezone)


def _switch_s(channels: Mapping[str, Channel]) -> float:
    limits = (each.policy.timeout.total_seconds() for each in channels.values())
    return max(limits, default=0.0) + SWITCH_MARGIN_S


def _trust(sandbox: Sandbox, loaded: Loaded) -> None:
    """Let the webhook stand-in check signatures as a real receiver would."""
    from bridge.channels.webhook_options import WebhookOptions

    for name, options in loaded.config.channels.items():
        if isinstance(options, WebhookOptions) and options.signing_secret:
            sandbox.trust(name, options.signing_secret[0].get_secret_value())
