"""The running bridge: what receives stays as long as it runs, what dispatches goes with each configuration.

What is not needed to receive is loaded when the public port is open, in a thread beside the receiver.
A broken configuration changes nothing: whatever ran before goes on, and without any, events are stored and
wait.
"""

# ruff: noqa: PLC0415 - imports wait until they are needed, so that receiving begins early

from __future__ import annotations

import asyncio
import importlib
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from contextlib import AsyncExitStack
from ipaddress import ip_network
from itertools import chain
from typing import TYPE_CHECKING

from msgspec import Struct
from msgspec.structs import replace
from prometheus_client import CollectorRegistry

from bridge import __version__
from bridge.bootstrap import Services, build_channels, configured_sources, open_node, services_of
from bridge.channels.webhook_options import WebhookOptions
from bridge.clock import Clock
from bridge.config.loaded import Broken, Loaded
from bridge.config.model import Config
from bridge.config.origin import Found, Origin, Settling
from bridge.core.trouble import Trouble
from bridge.logs import Log
from bridge.pipeline.ingest import Ingest
from bridge.pipeline.lobby import Lobby
from bridge.pipeline.node import Node, Point
from bridge.pipeline.operate import Operator
from bridge.pipeline.strays import tell_strays
from bridge.pipeline.unsubscribing import Preferences, Suppressor
from bridge.sources.own import OwnSource
from bridge.store import incidents
from bridge.store.database import Connection, StoreUnavailable
from bridge.web.configuration import Configuration
from bridge.web.listener import Listener, listen
from bridge.web.public import public_app

if TYPE_CHECKING:
    from bridge.channels.http import Shared
    from bridge.pipeline.engine import Engine
    from bridge.sandbox.sandbox import Sandbox
    from bridge.web.desk import Desk

LATER = ("bridge.pipeline.engine", "bridge.pipeline.explaining", "bridge.web.admin")
"""What is imported, with all that belongs to it, when the public port is open."""
OF_CHANNELS: Mapping[str, tuple[str, ...]] = {
    "apprise": ("bridge.channels.apprise", "bridge.rendering.markdown"),
    "email": ("bridge.channels.email", "bridge.rendering.markdown", "css_inline"),
    "slack": ("bridge.channels.slack", "bridge.rendering.markdown"),
    "webhook": ("bridge.channels.webhook",),
}
"""What is imported then for channels of a type, so that their first message finds it."""
STOP_DEADLINE_S = 10.0
"""How long deliveries under way may take to finish when the bridge stops."""
SWITCH_MARGIN_S = 5.0
"""How much longer than a channel's time limit they may take when the configuration changes."""
LOOK_S = 1.0
"""Seconds between looks at the files of the configuration."""


class Running(Struct, frozen=True):
    """Where a running bridge can be reached; `services` is None while it waits for a good configuration."""

    public_url: str
    admin_url: str
    services: Services | None
    configuration: Configuration


async def run(  # noqa: PLR0913 - all but the first four may be left out
    config: Config,
    origin: Origin,
    *,
    log: Log,
    stop: asyncio.Event,
    reload: asyncio.Event | None = None,
    sandbox: Sandbox | None = None,
    started: Callable[[Running], None] = lambda _: None,
    clock: Clock | None = None,
    reached: Callable[[Point], None] = lambda _: None,
) -> None:
    """Receive, dispatch, deliver and serve the admin pages until `stop` is set, or a loop ends by itself.

    Receiving begins with `config`, the rest with what `origin` loads: now, when its files change, and when
    `reload` is set. With a `sandbox` they are loaded for its endpoints, and its arrivals are shown.
    `reached` is told of each point that work comes by.
    """
    async with AsyncExitStack() as stack:
        store = config.store.get_secret_value()
        node = await stack.enter_async_context(
            open_node(store, log=log, clock=clock, alone=True, reached=reached)
        )
        lobby, registry = Lobby(), CollectorRegistry()
        ingest = Ingest(node, configured_sources(config), lobby, lobby.refused)
        public = await _listen_public(config, node, ingest, registry)
        stack.push_async_callback(public.close)
        found = await asyncio.to_thread(_loaded_later, origin)
        from bridge.channels.http import Shared

        shared = Shared(node.clock, f"course-bridge/{__version__}")
        stack.push_async_callback(shared.close)
        bridge = Bridge(
            config,
            origin,
            node,
            lobby=lobby,
            ingest=ingest,
            registry=registry,
            shared=shared,
            sandbox=sandbox,
            wanted=reload,
        )
        stack.push_async_callback(bridge.close)
        running = await bridge.begin(found, public.url)
        log.info("bridge is running", version=__version__, public=public.url, admin=running.admin_url)
        started(running)
        await bridge.serve(stop)
        log.info("bridge is stopping")


def _loaded_later(origin: Origin) -> Found:
    """Load the configuration, and import what is needed to dispatch, to deliver by it, and to show it all."""
    found = origin.load()
    types: Collection[str] = (
        set(found.loaded.config.channel_types().values()) if isinstance(found.loaded, Loaded) else ()
    )
    for name in chain(LATER, *(OF_CHANNELS.get(each, ()) for each in types)):
        importlib.import_module(name)
    return found


class _Work(Struct, frozen=True):
    """One configuration at work."""

    loaded: Loaded
    services: Services
    engine: Engine
    switch_s: float
    """How many seconds what is under way may take to finish when another one comes."""


class Bridge:
    """What goes with the configuration: its engine and its admin pages, exchanged when a good one comes."""

    def __init__(  # noqa: PLR0913 - it joins everything
        self,
        first: Config,
        origin: Origin,
        node: Node,
        *,
        lobby: Lobby,
        ingest: Ingest,
        registry: CollectorRegistry,
        shared: Shared,
        sandbox: Sandbox | None = None,
        wanted: asyncio.Event | None = None,
    ) -> None:
        """`wanted` is set by whoever wants the files to be looked at."""
        self.configuration = Configuration(file=str(origin.path))
        self._first = first
        self._origin = origin
        self._node = node
        self._lobby = lobby
        self._ingest = ingest
        self._registry = registry
        self._shared = shared
        self._sandbox = sandbox
        self._wanted = wanted or asyncio.Event()
        self._asking: list[asyncio.Future[Configuration]] = []
        self._password = _password(first)
        self._work: _Work | None = None
        self._admin: Listener | None = None
        self._settling = Settling(frozenset())

    async def begin(self, found: Found, public_url: str) -> Running:
        """Work by what was loaded first, or wait for better; returns where the bridge can be reached."""
        self._settling.loaded = found.signature
        if isinstance(found.loaded, Loaded):
            await self._take(found.loaded, found)
        else:
            await self._refuse(found.loaded)
            await self._open_admin(None)
        admin_url = self._admin.url if self._admin else ""
        services = self._work.services if self._work else None
        return Running(public_url, admin_url, services, self.configuration)

    async def serve(self, stop: asyncio.Event) -> None:
        """Look after the configuration until asked to stop; a loop that ends early is an error."""
        asked = asyncio.create_task(stop.wait())
        watching = asyncio.create_task(self._watch(), name="configuration")
        try:
            while not stop.is_set():
                wanted = asyncio.create_task(self._wanted.wait())
                loops = [watching, *(self._work.engine.watch() if self._work else ())]
                ended, _ = await asyncio.wait([asked, wanted, *loops], return_when=asyncio.FIRST_COMPLETED)
                wanted.cancel()
                for task in ended.intersection(loops):
                    task.result()
                    raise RuntimeError(f"the loop '{task.get_name()}' ended by itself")
                if self._wanted.is_set() and not stop.is_set():
                    await self._reload()
        finally:
            asked.cancel()
            watching.cancel()

    async def reload(self) -> Configuration:
        """Load the files now; returns what came of it, which may still be about to begin."""
        asking: asyncio.Future[Configuration] = asyncio.get_running_loop().create_future()
        self._asking.append(asking)
        self._wanted.set()
        return await asking

    async def close(self) -> None:
        """Close the admin pages and end the work."""
        for asking in self._asking:
            asking.cancel()
        if self._admin is not None:
            await self._admin.close()
        if self._work is not None:
            await self._work.engine.stop(STOP_DEADLINE_S)

    async def _watch(self) -> None:
        """Have the files loaded when they have changed."""
        while True:
            await self._node.clock.sleep(LOOK_S)
            if self._settling.has_settled(await asyncio.to_thread(self._origin.signature)):
                self._wanted.set()

    async def _reload(self) -> None:
        self._wanted.clear()
        asking, self._asking = self._asking, []
        try:
            found = await asyncio.to_thread(self._origin.load)
        except Exception:  # a mistake of ours in reading must not end what runs
            self._node.log.exception("configuration not loaded by a mistake of the bridge")
            _answer(asking, self.configuration)
            return
        self._settling.loaded = found.signature
        if not isinstance(found.loaded, Loaded):
            await self._refuse(found.loaded)
            _answer(asking, self.configuration)
            return
        _answer(asking, self._of(found.loaded, found))
        former = self._work
        try:
            await self._take(found.loaded, found)
        except Exception:  # the former one has worked
            if former is None:
                raise
            self._node.log.exception("new configuration cannot begin, the former one goes on")
            await self._begin(former.loaded)
            await self._open_admin(self._work)

    async def _refuse(self, broken: Broken) -> None:
        """Note a configuration that may not run, once for each text."""
        problems = tuple(str(each) for each in broken.problems if not each.warning)
        if problems == self.configuration.problems:
            return
        now = self._node.clock.now()
        self.configuration = replace(self.configuration, problems=problems, broken_at=now)
        self._node.log.error(self.configuration.sentence, problems=list(problems))
        await self._note(
            lambda c: incidents.happened(c, Trouble.CONFIGURATION, self._file, now=now, why=problems[0])
        )

    async def _take(self, loaded: Loaded, found: Found) -> None:
        """Let a good configuration work in the place of whatever was before."""
        if found.not_kept:
            self._node.log.warning("good configuration not kept for a later start", why=found.not_kept)
        await self._begin(loaded)
        self.configuration = self._of(loaded, found)
        await self._open_admin(self._work)
        now = self._node.clock.now()
        await self._note(lambda c: incidents.ended(c, Trouble.CONFIGURATION, self._file, now=now))
        self._node.log.info("configuration runs", digest=found.digest)
        if self.configuration.restart:
            self._node.log.warning("changes wait for a restart", settings=list(self.configuration.restart))
        await tell_strays(self._node, loaded.rules)

    async def _begin(self, loaded: Loaded) -> None:
        """Exchange what dispatches and delivers: what is under way is finished before, the rest waits."""
        self._lobby.hold()
        await self._ingest.settled()
        if self._work is not None:
            work, self._work = self._work, None
            await work.engine.stop(work.switch_s)
        if self._sandbox is not None:
            _trust(self._sandbox, loaded)
        services = services_of(loaded, self._node, self._wake)
        work = self._made(loaded, services)
        self._ingest.sources = configured_sources(loaded.config)
        self._lobby.lead_to(work.engine.inlet, work.engine.alarm.refused)
        try:
            await work.engine.start()
        except BaseException:
            self._lobby.hold()
            await work.engine.stop(0)
            raise
        self._work = work

    def _made(self, loaded: Loaded, services: Services) -> _Work:
        from bridge.pipeline.engine import Engine
        from bridge.pipeline.trouble import Owner

        channels = build_channels(loaded, self._shared)
        engine = Engine(
            services.node,
            sources=services.sources,
            rules=loaded.rules,
            channels=channels,
            deliver_tests=loaded.config.deliver_tests,
            rulebook=services.rulebook,
            owner=Owner(loaded.owner, loaded.config.locale, loaded.config.timezone),
        )
        limits = (each.policy.timeout.total_seconds() for each in channels.values())
        return _Work(loaded, services, engine, max(limits, default=0.0) + SWITCH_MARGIN_S)

    def _of(self, loaded: Loaded, found: Found) -> Configuration:
        return Configuration(
            file=self._file,
            digest=found.digest,
            since=self._node.clock.now(),
            restart=tuple(_needing_restart(self._first, loaded.config)),
        )

    @property
    def _file(self) -> str:
        return str(self._origin.path)

    async def _note(self, work: Callable[[Connection], None]) -> None:
        try:
            await self._node.database.write(work)
        except StoreUnavailable as error:
            self._node.log.warning("state of the configuration not noted for the owner", why=str(error))
        if self._work is not None:
            self._work.engine.alarm.look_soon()

    def _wake(self) -> None:
        if self._work is not None:
            self._work.engine.wake()

    async def _open_admin(self, work: _Work | None) -> None:
        """Serve the pages of a configuration, where those of the one before were."""
        from bridge.web.admin import admin_app

        address = self._first.listen.admin
        config = work.loaded.config if work else self._first
        if config.listen.admin == address:  # else it was checked for another address
            self._password = _password(config)
        app = admin_app(self._desk(config, work), password=self._password)
        closing = []
        port = address.port
        if self._admin is not None:
            port = self._admin.port
            closing.append(asyncio.create_task(self._admin.close()))
            await asyncio.sleep(0)  # so that it has let go of the port
        self._admin = await listen(app, address.host, port, log=self._node.log)
        await asyncio.gather(*closing)

    def _desk(self, config: Config, work: _Work | None) -> Desk:
        from bridge.config.rule_sentences import RuleSentences
        from bridge.web.desk import Desk

        node, rules = self._node, work.loaded.rules if work else ()
        return Desk(
            store=node.database,
            operator=work.services.operator if work else Operator(node),
            clock=node.clock,
            log=node.log,
            ready=lambda: node.database.writable,
            registry=self._registry,
            zone=config.timezone,
            sources=(*config.sources, OwnSource.name),
            channels=config.channel_types(),
            rates=config.rates(),
            rules=tuple(rule.name for rule in rules),
            formers={rule.name: rule.was for rule in rules if rule.was},
            sentences=RuleSentences(work.loaded) if work else {},
            locale=config.locale,
            explainer=work.services.explainer if work else None,
            suppressor=Suppressor(node),
            mailbox=self._sandbox.arrivals if self._sandbox else None,
            configuration=lambda: self.configuration,
            reload=self.reload,
        )


async def _listen_public(config: Config, node: Node, ingest: Ingest, registry: CollectorRegistry) -> Listener:
    app = public_app(
        ingest,
        node.clock,
        ready=lambda: node.database.writable,
        log=node.log,
        registry=registry,
        proxies=[ip_network(network) for network in config.listen.trusted_proxies],
        people=Preferences(node),
        locale=config.locale,
    )
    return await listen(app, config.listen.public.host, config.listen.public.port, log=node.log)


def _needing_restart(first: Config, config: Config) -> Iterator[str]:
    """Yield the settings that differ from those the listeners and the store were opened with."""
    if first.store != config.store:
        yield "store"
    if first.listen.public != config.listen.public:
        yield "listen.public"
    if first.listen.admin != config.listen.admin:
        yield "listen.admin"
    if first.listen.trusted_proxies != config.listen.trusted_proxies:
        yield "listen.trusted_proxies"


def _password(config: Config) -> str | None:
    return config.admin_password.get_secret_value() if config.admin_password else None


def _answer(asking: Iterable[asyncio.Future[Configuration]], configuration: Configuration) -> None:
    for each in asking:
        if not each.done():
            each.set_result(configuration)


def _trust(sandbox: Sandbox, loaded: Loaded) -> None:
    """Let the webhook stand-in check signatures as a real receiver would."""
    for name, options in loaded.config.channels.items():
        if isinstance(options, WebhookOptions) and options.signing_secret:
            sandbox.trust(name, options.signing_secret[0].get_secret_value())
