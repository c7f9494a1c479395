"""The start: the store and the public port first, so that events are received, and then all the rest.

What is not needed to receive is loaded when the public port is open, in a thread beside the receiver.
"""

# ruff: noqa: PLC0415 - imports wait until they are needed, so that receiving begins early

from __future__ import annotations

import asyncio
import importlib
from collections.abc import Callable, Collection, Mapping
from contextlib import AsyncExitStack
from ipaddress import ip_network
from itertools import chain
from typing import TYPE_CHECKING

from msgspec import Struct

from bridge import __version__
from bridge.bootstrap import Services, configured_sources, open_node
from bridge.clock import Clock
from bridge.config.loaded import Loaded
from bridge.config.origin import Found, Origin
from bridge.config.reception import Reception
from bridge.logs import Log
from bridge.pipeline.ingest import Ingest
from bridge.pipeline.lobby import Lobby
from bridge.pipeline.node import Node, Point
from bridge.pipeline.unsubscribing import Preferences
from bridge.running.admin import Admin
from bridge.running.exchange import Exchange, Spoken
from bridge.running.following import Follower
from bridge.web.configuration import Configuration
from bridge.web.counting import Counting
from bridge.web.listener import Listener, listen
from bridge.web.public import public_app

if TYPE_CHECKING:
    from bridge.sandbox.sandbox import Sandbox

LATER = ("bridge.pipeline.engine", "bridge.pipeline.explaining", "bridge.web.admin")
"""What is imported, with all that belongs to it, when the public port is open."""
OF_CHANNELS: Mapping[str, tuple[str, ...]] = {
    "apprise": ("bridge.channels.apprise", "bridge.rendering.markdown"),
    "email": ("bridge.channels.email", "bridge.rendering.markdown", "css_inline"),
    "slack": ("bridge.channels.slack", "bridge.rendering.markdown"),
    "webhook": ("bridge.channels.webhook",),
}
"""What is imported then for channels of a type, so that their first message finds it."""


class Running(Struct, frozen=True):
    """Where a running bridge can be reached; `services` is None while it waits for a good configuration."""

    public_url: str
    admin_url: str
    services: Services | None
    configuration: Configuration


async def run(  # noqa: PLR0913 - all but the first four may be left out
    config: Reception,
    origin: Origin,
    *,
    log: Log,
    stop: asyncio.Event,
    reload: asyncio.Event | None = None,
    watch: bool = True,
    sandbox: Sandbox | None = None,
    started: Callable[[Running], None] = lambda _: None,
    clock: Clock | None = None,
    reached: Callable[[Point], None] = lambda _: None,
) -> None:
    """Receive, dispatch, deliver and serve the admin pages until `stop` is set, or a loop ends by itself.

    Receiving begins with `config`, the rest with what `origin` loads: now, when its files change if it is
    to `watch` them, and when `reload` is set. With a `sandbox` they are loaded for its endpoints, and its
    arrivals are shown.
    `reached` is told of each point that work comes by.
    """
    async with AsyncExitStack() as stack:
        store = config.store.get_secret_value()
        node = await stack.enter_async_context(
            open_node(store, log=log, clock=clock, alone=True, reached=reached)
        )
        lobby = Lobby()
        ingest = Ingest(node, configured_sources(config), lobby, lobby.refused, lobby.unstored)
        counting, spoken = Counting(ingest, node.clock), Spoken(config.locale)
        public = await _listen_public(config, node, ingest, counting, spoken)
        stack.push_async_callback(public.close)
        found = await asyncio.to_thread(_loaded_later, origin)
        from bridge.channels.http import Shared

        shared = Shared(node.clock, f"course-bridge/{__version__}")
        stack.push_async_callback(shared.close)
        exchange = Exchange(node, lobby, ingest, spoken, shared, sandbox)
        stack.push_async_callback(exchange.close)
        admin = Admin(config, node, counting, sandbox)
        stack.push_async_callback(admin.close)
        follower = Follower(config, origin, exchange, admin, reload, watch=watch)
        stack.callback(follower.close)
        await follower.begin(found)
        del found  # or it would be there as long as the bridge runs, whatever takes its place
        log.info("bridge is running", version=__version__, public=public.url, admin=admin.url)
        started(_running(public, admin, exchange, follower))
        await follower.serve(stop)
        log.info("bridge is stopping")


def _running(public: Listener, admin: Admin, exchange: Exchange, follower: Follower) -> Running:
    services = exchange.work.services if exchange.work else None
    return Running(public.url, admin.url, services, follower.configuration)


async def _listen_public(
    config: Reception, node: Node, ingest: Ingest, counting: Counting, spoken: Spoken
) -> Listener:
    app = public_app(
        ingest,
        node.clock,
        ready=lambda: node.database.writable,
        log=node.log,
        counting=counting,
        proxies=[ip_network(network) for network in config.listen.trusted_proxies],
        people=Preferences(node),
        locale=lambda: spoken.locale,
    )
    return await listen(app, config.listen.public.host, config.listen.public.port, log=node.log)


def _loaded_later(origin: Origin) -> Found:
    """Load the configuration, and import what is needed to dispatch, to deliver by it, and to show it all."""
    found = origin.load()
    types: Collection[str] = (
        set(found.loaded.config.channel_types().values()) if isinstance(found.loaded, Loaded) else ()
    )
    for name in chain(LATER, *(OF_CHANNELS.get(each, ()) for each in types)):
        importlib.import_module(name)
    return found
