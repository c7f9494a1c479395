"""Kept connections to web servers, by place, and the exchange of one request for one answer on them.

A request goes out once: a kept connection that has ended is replaced before anything is written, never after.
"""

from __future__ import annotations

import asyncio
import ssl
from functools import partial
from typing import NamedTuple

from bridge.channels.sockets import Sockets
from bridge.channels.wire import Answers, Reply, Told, Wire

IDLE_S = 15.0
"""How long a connection is kept without a request; servers wait a minute or so, some only seconds."""
MOST_KEPT = 256
"""How many connections are kept in all."""


class Place(NamedTuple):
    """Where connections lead; `private` whether they may reach private addresses, so it is never mixed."""

    tls: bool
    host: str
    port: int
    private: bool


class Pool:
    """Exchanges requests for answers; made outside an event loop, used inside one."""

    def __init__(self, sockets: Sockets, *, idle_s: float = IDLE_S) -> None:
        self._sockets = sockets
        self._idle_s = idle_s
        self._answers = Answers()
        self._idle: dict[Place, list[Wire]] = {}
        self._room = MOST_KEPT
        """How many more connections may be kept."""
        self._sweeper: asyncio.TimerHandle | None = None
        self._trust: ssl.SSLContext | None = None

    async def exchange(self, place: Place, request: bytes, *, deadline: float) -> Reply:
        """Send a request once and return what was answered by `deadline`, by the loop's clock.

        Raises OSError, TimeoutError among them, `NoAnswer` or `NotHttp`.
        """
        wire = self._taken(place)
        if wire is None:
            async with asyncio.timeout_at(deadline):
                wire = await self._opened(place)
        came: asyncio.Future[Reply] = wire.loop.create_future()
        wire.exchange(request, deadline, partial(_settle, came))
        try:
            return await came
        except asyncio.CancelledError:
            wire.give_up()
            raise

    def exchange_at_once(self, place: Place, request: bytes, limit_s: float, told: Told) -> bool:
        """Send a request once over a kept connection and have `told` called; say whether there was one.

        It is called when the request is answered, or after `limit_s` seconds at the latest.
        """
        wire = self._taken(place)
        if wire is None:
            return False
        wire.exchange(request, wire.loop.time() + limit_s, told)
        return True

    async def close(self) -> None:
        """Close every connection that is kept; those in use are closed when their exchange ends."""
        if self._sweeper is not None:
            self._sweeper.cancel()
            self._sweeper = None
        for wires in self._idle.values():
            for wire in wires:
                wire.give_up()
            wires.clear()
        self._room = 0
        await asyncio.sleep(0)  # the transports give their sockets back in the loop's next turn

    def _taken(self, place: Place) -> Wire | None:
        """Return the connection that was used last, if it is still good."""
        wires = self._idle.get(place)
        while wires:
            wire = wires.pop()
            self._room += 1
            if wire.is_ready:
                return wire
            wire.give_up()
        return None

    def _keep(self, wires: list[Wire], wire: Wire) -> None:
        """Keep a connection whose exchange has ended with others to its place, if it is still good."""
        if not wire.keeps or not self._room:
            wire.give_up()
            return
        wires.append(wire)
        self._room -= 1
        if self._sweeper is None:
            self._sweeper = wire.loop.call_later(self._idle_s, self._sweep)

    def _sweep(self) -> None:
        """Close what nobody has used since the last time, and come again while anything is left."""
        for wires in self._idle.values():
            for wire in [wire for wire in wires if not wire.fresh]:
                wire.give_up()
                wires.remove(wire)
                self._room += 1
            for wire in wires:
                wire.fresh = False
        loop = asyncio.get_running_loop()
        self._sweeper = loop.call_later(self._idle_s, self._sweep) if self._room < MOST_KEPT else None

    async def _opened(self, place: Place) -> Wire:
        loop = asyncio.get_running_loop()
        trust = await self._trusted() if place.tls else None
        wires = self._idle.setdefault(place, [])
        connected = await self._sockets.connected(place.host, place.port, private=place.private)
        try:
            _, wire = await loop.create_connection(
                lambda: Wire(loop, self._answers, partial(self._keep, wires)),
                sock=connected,
                ssl=trust,
                server_hostname=place.host.rstrip(".") if trust else None,
            )
        except BaseException:
            connected.close()
            raise
        return wire

    async def _trusted(self) -> ssl.SSLContext:
        """Return what the system trusts; reading it takes a while, so it is read once, and aside."""
        if self._trust is None:
            trust = await asyncio.to_thread(ssl.create_default_context)
            trust.set_alpn_protocols(["http/1.1"])
            self._trust = trust
        return self._trust


def _settle(future: asyncio.Future[Reply], came: Reply | Exception) -> None:
    if future.done():  # cancelled
        return
    if isinstance(came, Exception):
        future.set_exception(came)
    else:
        future.set_result(came)
