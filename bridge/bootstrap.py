"""The composition root: a loaded configuration becomes running services, closed in reverse order.

What is not needed to receive is imported when the public port is open, in a thread beside the receiver.
"""

# ruff: noqa: PLC0415 - imports wait until they are needed, so that receiving begins early

from __future__ import annotations

import asyncio
import importlib
import os
import random
import secrets
from collections.abc import AsyncIterator, Callable, Collection, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from functools import cached_property
from ipaddress import ip_network
from itertools import chain
from typing import TYPE_CHECKING

from msgspec import Struct
from prometheus_client import CollectorRegistry

from bridge import __version__
from bridge.channels import registry as channel_registry
from bridge.channels.base import Channel
from bridge.channels.http import Shared
from bridge.channels.webhook_options import WebhookOptions
from bridge.clock import Clock, SystemClock
from bridge.config.load import Loaded
from bridge.logs import Log
from bridge.pipeline.ingest import Ingest
from bridge.pipeline.lobby import Lobby
from bridge.pipeline.node import Node, Point
from bridge.pipeline.operate import Operator
from bridge.pipeline.strays import tell_strays
from bridge.pipeline.unsubscribing import Preferences, Suppressor
from bridge.sources import registry as source_registry
from bridge.sources.base import Source
from bridge.sources.own import OwnSource
from bridge.store import inbox, outbox
from bridge.store.database import Connection, Database
from bridge.web.listener import Listener, listen
from bridge.web.public import public_app

if TYPE_CHECKING:
    from bridge.core.rulebook import Compile
    from bridge.core.rules import Predicate
    from bridge.pipeline.engine import Engine
    from bridge.pipeline.explaining import Explainer
    from bridge.pipeline.rulebook import Rulebook
    from bridge.sandbox.sandbox import Sandbox

LATER = ("bridge.pipeline.engine", "bridge.pipeline.explaining", "bridge.web.admin")
"""What is imported, with all that belongs to it, when the public port is open."""
OF_CHANNELS: Mapping[str, tuple[str, ...]] = {
    "apprise": ("bridge.rendering.markdown",),
    "email": ("bridge.channels.email", "bridge.rendering.markdown", "css_inline"),
    "slack": ("bridge.channels.slack", "bridge.rendering.markdown"),
}
"""What is imported then for channels of a type, so that their first message finds it."""
STOP_DEADLINE_S = 10.0
"""How long deliveries under way may take to finish when the bridge stops."""


@dataclass(frozen=True)
class Services:
    """What every command needs: the store, the sources, and what a person may do."""

    loaded: Loaded
    node: Node
    sources: Mapping[str, Source]
    operator: Operator

    @cached_property
    def rulebook(self) -> Rulebook:
        """The rules as they are kept for explanations."""
        from bridge.pipeline.rulebook import Rulebook

        return Rulebook(self.node, self.loaded.rules, self.loaded.config.timezone, self.loaded.hide)

    @cached_property
    def explainer(self) -> Explainer:
        """What says why an event led to what it led to."""
        from bridge.pipeline.explaining import Explainer

        compile_if = _compile_if(self.loaded)
        return Explainer(
            self.node, self.sources, self.loaded.rules, self.rulebook, compile_if, self.loaded.redact
        )

    @property
    def database(self) -> Database:
        """The store."""
        return self.node.database

    @property
    def clock(self) -> Clock:
        """The clock."""
        return self.node.clock

    @property
    def log(self) -> Log:
        """The log."""
        return self.node.log


class Running(Struct, frozen=True):
    """Where a running bridge can be reached."""

    public_url: str
    admin_url: str
    services: Services


@asynccontextmanager
async def open_services(
    loaded: Loaded,
    *,
    log: Log,
    clock: Clock | None = None,
    alone: bool = False,
    reached: Callable[[Point], None] = lambda _: None,
) -> AsyncIterator[Services]:
    """Open the store for a command; `alone` for a process that takes leases. Raises `StoreError`."""
    database = await Database.open(loaded.config.store.get_secret_value())
    try:
        held = alone and await database.hold_alone()
        if held:
            await database.write(_release_leases)
        name = f"{os.getpid()}-{secrets.token_hex(4)}"
        node = Node(
            name,
            database,
            clock or SystemClock(),
            _chance,
            log,
            alone=held,
            reached=reached,
            catalogue=loaded.catalogue,
            public_url=loaded.config.public_url,
        )
        yield Services(loaded, node, build_sources(loaded), Operator(node))
    finally:
        await database.close()


async def run(
    loaded: Loaded,
    *,
    log: Log,
    stop: asyncio.Event,
    sandbox: Sandbox | None = None,
    started: Callable[[Running], None] = lambda _: None,
    clock: Clock | None = None,
    reached: Callable[[Point], None] = lambda _: None,
) -> None:
    """Receive, dispatch, deliver and serve the admin pages until `stop` is set, or a loop ends by itself.

    With a `sandbox`, the configuration was loaded for its endpoints, and its arrivals are shown. `reached` is
    told of each point that work comes by.
    """
    if sandbox is not None:
        _trust(sandbox, loaded)
    async with AsyncExitStack() as stack:
        services = await stack.enter_async_context(
            open_services(loaded, log=log, clock=clock, alone=True, reached=reached)
        )
        lobby, registry = Lobby(), CollectorRegistry()
        configured = {name: services.sources[name] for name in loaded.config.sources}
        ingest = Ingest(services.node, configured, lobby, lobby.refused)
        public = await _listen_public(loaded, services, ingest, registry)
        stack.push_async_callback(public.close)
        await asyncio.to_thread(_import_later, set(loaded.config.channel_types().values()))
        shared = Shared(services.clock, f"course-bridge/{__version__}")
        stack.push_async_callback(shared.close)
        engine = _engine(loaded, services, shared)
        lobby.lead_to(engine.inlet, engine.alarm.refused)
        await engine.start()
        stack.push_async_callback(engine.stop, STOP_DEADLINE_S)
        operator = Operator(services.node, engine.wake)
        admin = await _listen_admin(loaded, services, operator, registry, sandbox)
        stack.push_async_callback(admin.close)
        log.info("bridge is running", version=__version__, public=public.url, admin=admin.url)
        started(Running(public.url, admin.url, services))
        await tell_strays(services.node, loaded.rules)
        await _until(stop, engine.watch())
        log.info("bridge is stopping")


def _import_later(types: Collection[str]) -> None:
    """Import what is needed to dispatch, to deliver through channels of these types, and to show it all."""
    for name in chain(LATER, *(OF_CHANNELS.get(each, ()) for each in types)):
        importlib.import_module(name)


def _engine(loaded: Loaded, services: Services, shared: Shared) -> Engine:
    from bridge.pipeline.engine import Engine
    from bridge.pipeline.trouble import Owner

    return Engine(
        services.node,
        sources=services.sources,
        rules=loaded.rules,
        channels=build_channels(loaded, shared),
        deliver_tests=loaded.config.deliver_tests,
        rulebook=services.rulebook,
        owner=Owner(loaded.owner, loaded.config.locale, loaded.config.timezone),
    )


def build_sources(loaded: Loaded) -> dict[str, Source]:
    """Return the configured sources by name, and the bridge itself."""
    named = {name: source_registry.build(name, options) for name, options in loaded.config.sources.items()}
    return {**named, OwnSource.name: OwnSource()}


def _compile_if(loaded: Loaded) -> Compile:
    from bridge.core.rulebook import Uncompiled

    def compile_if(source: str) -> Predicate:
        predicate, problems = loaded.renderer.predicate(source)
        return predicate or Uncompiled(source, "; ".join(problem.sentence for problem in problems))

    return compile_if


def build_channels(loaded: Loaded, shared: Shared) -> dict[str, Channel]:
    """Return the configured channels by name; nothing is connected before the first message."""
    return {
        name: channel_registry.build(name, options, shared)
        for name, options in loaded.config.channels.items()
    }


async def _listen_public(
    loaded: Loaded, services: Services, ingest: Ingest, registry: CollectorRegistry
) -> Listener:
    app = public_app(
        ingest,
        services.clock,
        ready=lambda: services.database.writable,
        log=services.log,
        registry=registry,
        proxies=[ip_network(network) for network in loaded.config.listen.trusted_proxies],
        people=Preferences(services.node),
        locale=loaded.config.locale,
    )
    address = loaded.config.listen.public
    return await listen(app, address.host, address.port, log=services.log)


async def _listen_admin(
    loaded: Loaded,
    services: Services,
    operator: Operator,
    registry: CollectorRegistry,
    sandbox: Sandbox | None,
) -> Listener:
    from bridge.config.rule_sentences import RuleSentences
    from bridge.web.admin import admin_app
    from bridge.web.desk import Desk

    config = loaded.config
    password = config.admin_password.get_secret_value() if config.admin_password else None
    desk = Desk(
        store=services.database,
        operator=operator,
        clock=services.clock,
        log=services.log,
        ready=lambda: services.database.writable,
        registry=registry,
        zone=config.timezone,
        sources=(*config.sources, OwnSource.name),
        channels=config.channel_types(),
        rates=config.rates(),
        rules=tuple(rule.name for rule in loaded.rules),
        formers={rule.name: rule.was for rule in loaded.rules if rule.was},
        sentences=RuleSentences(loaded),
        locale=config.locale,
        explainer=services.explainer,
        suppressor=Suppressor(services.node),
        mailbox=sandbox.arrivals if sandbox else None,
    )
    address = config.listen.admin
    return await listen(admin_app(desk, password=password), address.host, address.port, log=services.log)


def _trust(sandbox: Sandbox, loaded: Loaded) -> None:
    """Let the webhook stand-in check signatures as a real receiver would."""
    for name, options in loaded.config.channels.items():
        if isinstance(options, WebhookOptions) and options.signing_secret:
            sandbox.trust(name, options.signing_secret[0].get_secret_value())


async def _until(stop: asyncio.Event, loops: list[asyncio.Task[None]]) -> None:
    """Return when asked to stop; a loop that ends early is an error, not something to limp on without."""
    asked = asyncio.create_task(stop.wait())
    ended, _ = await asyncio.wait([asked, *loops], return_when=asyncio.FIRST_COMPLETED)
    asked.cancel()
    for task in ended - {asked}:
        task.result()
        raise RuntimeError(f"the loop '{task.get_name()}' ended by itself")


def _release_leases(connection: Connection) -> None:
    inbox.release_all(connection)
    outbox.release_all(connection)


def _chance() -> float:
    return random.random()  # noqa: S311 - spreads retries, keeps no secret
