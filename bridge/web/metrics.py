"""`/metrics`: what is counted in this process, and the store's backlog, counted when Prometheus asks."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from datetime import datetime

from aiohttp import web
from msgspec import Struct

from bridge.store import channels, incidents, views
from bridge.store.channels import Standing
from bridge.store.database import StoreUnavailable
from bridge.store.incidents import Incident
from bridge.store.views import Backlog
from bridge.web.counting import Answered
from bridge.web.desk import Desk


class Measured(Struct, frozen=True):
    """What there is to tell; `backlog` is None if the store could not be read.

    `channels` are all that are configured, `answered` what senders were told.
    """

    at: datetime
    channels: tuple[str, ...]
    answered: Sequence[Answered]
    backlog: Backlog | None = None
    standings: Mapping[str, Standing] = {}
    troubles: Sequence[Incident] = ()


class Metrics:
    """The handler of `/metrics`."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk

    async def handle(self, _: web.Request) -> web.Response:
        """Answer with everything in the text format; a store that is away is itself a measurement."""
        content_type, body = await asyncio.to_thread(_exposed, await self._measured())
        return web.Response(body=body, headers={"Content-Type": content_type, "Cache-Control": "no-store"})

    async def _measured(self) -> Measured:
        desk = self._desk
        now, names, answered = desk.clock.now(), tuple(desk.channels), desk.answered()
        try:
            read = await desk.store.read(
                lambda c: (views.backlog(c, now=now), channels.list_all(c), incidents.lasting(c))
            )
        except StoreUnavailable:
            return Measured(now, names, answered)
        return Measured(now, names, answered, *read)


def _exposed(measured: Measured) -> tuple[str, bytes]:
    # A bridge that nobody measures does without Prometheus's library and the web server that comes with it.
    from bridge.web.exposition import exposed  # noqa: PLC0415

    return exposed(measured)
