"""Serves an application on an address, and closes it without cutting answers off."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Mapping
from typing import Any

from aiohttp import web
from aiohttp.http_exceptions import HttpProcessingError
from msgspec import Struct

from bridge.core.addresses import url_from_here
from bridge.logs import Log
from bridge.web.connections import Connection, Connections, Handle
from bridge.web.door import TAKER, Doors
from bridge.web.limits import Limits
from bridge.web.porch import Porch
from bridge.web.seldom import Seldom
from bridge.web.shortage import report_shortage

GRACE_S = 5.0
"""Seconds that requests under way have to finish when a listener closes."""


class Listener(Struct, frozen=True):
    """An application that is being served."""

    host: str
    port: int
    _runner: web.AppRunner
    _server: asyncio.Server | Porch
    _doors: Doors | None
    _grace_s: float

    @property
    def url(self) -> str:
        """The address as a URL for a browser on this machine."""
        return url_from_here(self.host, self.port)

    async def close(self) -> None:
        """Take no new connection, let requests under way finish, then close what is left."""
        self._server.close()
        closing = [self._runner.cleanup()]
        if self._doors is not None:
            closing.append(self._doors.close(self._grace_s))
        await asyncio.gather(*closing)


async def listen(
    app: web.Application,
    host: str,
    port: int,
    *,
    log: Log,
    limits: Limits | None = None,
    grace_s: float = GRACE_S,
    lead: Handle | None = None,
) -> Listener:
    """Serve `app`; port 0 takes a free one. Raises OSError with the address when it cannot be bound.

    `lead` answers in its place, if it is given.
    """
    limits = limits or Limits()
    report_shortage(asyncio.get_running_loop(), log)
    runner = web.AppRunner(app, handle_signals=False, shutdown_timeout=grace_s)
    await runner.setup()
    try:
        server, found, doors = await _serve(runner, host, port, log, limits, lead)
    except (OSError, asyncio.CancelledError):
        await runner.cleanup()
        raise
    return Listener(host, found, runner, server, doors, grace_s)


async def _serve(
    runner: web.AppRunner, host: str, port: int, log: Log, limits: Limits, lead: Handle | None
) -> tuple[asyncio.Server | Porch, int, Doors | None]:
    handlers = runner.server
    assert handlers is not None  # noqa: S101 - it is there after `setup`
    loop = asyncio.get_running_loop()
    full = Seldom(log, "connections closed for new ones", loop.time)
    connections = Connections(limits.connections, limits.head_s, full)
    handlers.request_handler = connections.watch(lead or handlers.request_handler)
    options = _options(log, limits)

    def connection() -> Connection:
        return Connection(connections, handlers, options)

    taker = runner.app.get(TAKER)
    if taker is None:
        server = await loop.create_server(connection, host, port, backlog=limits.accepted_at_once)
        _deepen(server, limits.backlog)
        return server, _port(server), None
    doors = Doors(taker, limits, connections, connection)
    bound = await loop.create_server(connection, host, port, start_serving=False)
    found = _port(bound)
    return Porch(doors, _listening(bound, limits.backlog), limits.accepted_at_once), found, doors


def _options(log: Log, limits: Limits) -> Mapping[str, Any]:
    return {
        "access_log": None,
        "logger": _ConnectionLog(log),
        "auto_decompress": False,
        "keepalive_timeout": limits.idle_s,
        "lingering_time": limits.lingering_s,
        "max_line_size": limits.head_line_bytes,
        "max_field_size": limits.head_line_bytes,
        "max_headers": limits.head_lines,
    }


def _port(server: asyncio.Server) -> int:
    port: int = server.sockets[0].getsockname()[1]
    return port


def _listening(bound: asyncio.Server, backlog: int) -> list[socket.socket]:
    """Return the sockets that asyncio has bound to the address, listening, and out of its hands."""
    sockets = [each.dup() for each in bound.sockets]
    bound.close()
    try:
        for each in sockets:
            each.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)  # what is accepted has it from here
            each.listen(backlog)
    except OSError:
        for each in sockets:
            each.close()
        raise
    return sockets


def _deepen(server: asyncio.Server, backlog: int) -> None:
    """Let more connections wait in the kernel than asyncio takes from there in a row.

    For asyncio both are one number, and when files run out it fails that many times in a row.
    """
    for each in server.sockets:
        with each.dup() as same:
            same.listen(backlog)


class _ConnectionLog:
    """Takes what aiohttp would log of a connection.

    Bytes that are no HTTP are answered 400 and are nobody's mistake here: anyone can send them, as often
    as they like, so they are worth a line for developers and not a traceback.
    """

    def __init__(self, log: Log) -> None:
        self._log = log

    def debug(self, message: str, *_: object, **__: object) -> None:
        self._log.debug("connection", note=_bare(message))

    def warning(self, message: str, *_: object, **__: object) -> None:
        self._log.warning("connection", note=_bare(message))

    def exception(self, message: str, *_: object, exc_info: object = None) -> None:
        if isinstance(exc_info, HttpProcessingError):
            self._log.debug("not HTTP", why=type(exc_info).__name__)
        else:
            self._log.error("connection failed", note=_bare(message), exc_info=exc_info)


def _bare(message: str) -> str:
    """Leave out what aiohttp would fill in: the caller's address and bytes."""
    return message.partition("%")[0].strip()
