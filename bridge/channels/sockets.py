"""Sockets to hosts: names looked up, addresses guarded and tried in order; and connections given up."""

from __future__ import annotations

import asyncio
import contextlib
import socket
from collections.abc import Sequence
from ipaddress import ip_address
from typing import cast

from aiohttp import ThreadedResolver
from aiohttp.abc import AbstractResolver, ResolveResult

from bridge.channels.guard import guarded_socket

CONNECT_S = 10.0
"""How long making a connection to one address may take."""
NAMES_S = 10.0
"""How long the addresses of a name are remembered; each is guarded anew with each connection."""


class Sockets:
    """Makes connected sockets for whoever speaks a protocol of its own."""

    def __init__(self, resolver: AbstractResolver | None = None) -> None:
        """`resolver` replaces the system's name resolution."""
        self._resolver = resolver
        self._known: dict[str, tuple[float, Sequence[ResolveResult]]] = {}
        self._asked: dict[str, asyncio.Task[Sequence[ResolveResult]]] = {}
        """Names that are being looked up: once for all who want to know."""

    @property
    def resolver(self) -> AbstractResolver:
        """What looks up names, made when it is first needed."""
        if self._resolver is None:
            self._resolver = ThreadedResolver()
        return self._resolver

    async def connected(self, host: str, port: int, *, private: bool) -> socket.socket:
        """Return a socket connected to the first address of `host` that answers.

        Raises `Blocked` if the guard refused all of them, else the last OSError.
        """
        refused: OSError = OSError("the host name has no address")
        for found in await self._addresses(host):
            try:
                return await _connected(found, port, private=private)
            except OSError as error:
                refused = error
        self._known.pop(host, None)  # it may have moved
        raise refused

    async def _addresses(self, host: str) -> Sequence[ResolveResult]:
        with contextlib.suppress(ValueError):
            family = socket.AF_INET if ip_address(host).version == 4 else socket.AF_INET6
            return [ResolveResult(hostname=host, host=host, port=0, family=family, proto=0, flags=0)]
        now = asyncio.get_running_loop().time()
        until, known = self._known.get(host, (0.0, ()))
        if now < until:
            return known
        asked = self._asked.get(host)
        if asked is None:
            # A question takes one of the few threads that all channels share, and keeps it as long as a name
            # server is silent, whoever still waits.
            asked = self._asked[host] = asyncio.create_task(self._looked_up(host))
            asked.add_done_callback(_seen)
        return await asyncio.shield(asked)

    async def _looked_up(self, host: str) -> Sequence[ResolveResult]:
        try:
            found = await self.resolver.resolve(host, 0, socket.AF_UNSPEC)
        finally:
            del self._asked[host]
        self._known[host] = (asyncio.get_running_loop().time() + NAMES_S, found)
        return found


def given_up(transport: asyncio.BaseTransport | None) -> None:
    """Close a connection at once, without waiting for the other side's leave."""
    if transport is not None:
        # Early releases of Python 3.11 raise it for a TLS connection that is gone already.
        with contextlib.suppress(AttributeError):
            cast("asyncio.WriteTransport", transport).abort()


def _seen(asked: asyncio.Task[Sequence[ResolveResult]]) -> None:
    """Take note of an error: whoever asked may have gone."""
    if not asked.cancelled():
        asked.exception()


async def _connected(found: ResolveResult, port: int, *, private: bool) -> socket.socket:
    address = (found["host"], port)
    made = guarded_socket((found["family"], socket.SOCK_STREAM, found["proto"], "", address), private=private)
    try:
        made.settimeout(0)
        async with asyncio.timeout(CONNECT_S):
            await asyncio.get_running_loop().sock_connect(made, address)
    except BaseException:
        made.close()
        raise
    return made
