"""The open connections of one listener: how many there may be, and which gives way to a new one.

Every open connection is an open file, and a process has only so many. Anyone may open connections, so
those that only wait are closed, the longest waiting first, rather than that new senders are kept out.
"""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from collections.abc import Awaitable, Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any, Protocol

from aiohttp import web

from bridge.web.seldom import Seldom

Handle = Callable[[web.BaseRequest], Awaitable[web.StreamResponse]]


class Abortable(Protocol):
    """An open connection."""

    def abort(self) -> None:
        """Close at once."""
        ...


class Connections:
    """At most `most` connections; `full` is told of each that is closed for a new one."""

    def __init__(self, most: int, head_s: float, full: Seldom) -> None:
        self.head_s = head_s
        self._most = most
        self._full = full
        self._open: set[Abortable] = set()
        self._waiting: OrderedDict[Abortable, None] = OrderedDict()

    def enter(self, connection: Abortable) -> None:
        """Take a new connection in; when there are too many, one that waits is closed, or else this one."""
        self._open.add(connection)
        self.wait(connection)
        if len(self._open) > self._most:
            self._make_room()

    def leave(self, connection: Abortable) -> None:
        """Forget a connection that is closed."""
        self._open.discard(connection)
        self._waiting.pop(connection, None)

    def wait(self, connection: Abortable) -> None:
        """Note that it is the sender's turn from now on."""
        if connection in self._open:
            self._waiting[connection] = None
            self._waiting.move_to_end(connection)

    def attend(self, connection: Abortable) -> None:
        """Note that it is our turn, so that the connection may not be closed."""
        self._waiting.pop(connection, None)

    def watch(self, handle: Handle) -> Handle:
        """Return `handle`, attending to the connection of a request while it is answered."""

        async def watched(request: web.BaseRequest) -> web.StreamResponse:
            connection = request.protocol
            if not isinstance(connection, Connection):
                return await handle(request)
            connection.attend()
            try:
                return await handle(request)
            finally:
                connection.wait()

        return watched

    def _make_room(self) -> None:
        longest = next(iter(self._waiting))
        self.leave(longest)
        longest.abort()
        self._full.happened(most=self._most)


class Connection(web.RequestHandler):
    """One connection, from its opening to its end."""

    __slots__ = ("_connections", "_line", "_patience")

    def __init__(self, connections: Connections, server: web.Server, options: Mapping[str, Any]) -> None:
        super().__init__(server, loop=asyncio.get_running_loop(), **options)
        self._connections = connections
        self._line: asyncio.BaseTransport | None = None
        self._patience: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Begin; who does not send a whole request head soon is cut off."""
        super().connection_made(transport)
        self._line = transport
        loop = asyncio.get_running_loop()
        self._patience = loop.call_later(self._connections.head_s, self.abort)
        self._connections.enter(self)

    def connection_lost(self, exc: BaseException | None) -> None:
        """End."""
        self._heard()
        self._line = None
        self._connections.leave(self)
        super().connection_lost(exc)

    def attend(self) -> None:
        """It is our turn: a request is here."""
        self._heard()
        self._connections.attend(self)

    def wait(self) -> None:
        """It is the sender's turn."""
        self._connections.wait(self)

    def abort(self) -> None:
        """Close at once, whatever is still to be written."""
        if isinstance(self._line, asyncio.WriteTransport):
            self._line.abort()

    def _heard(self) -> None:
        if self._patience is not None:
            self._patience.cancel()
            self._patience = None


@contextmanager
def waiting_for_sender(request: web.BaseRequest) -> Iterator[None]:
    """Let the connection of a request be closed for a new one meanwhile: its body is still on its way."""
    connection = request.protocol
    if not isinstance(connection, Connection):
        yield
        return
    connection.wait()
    try:
        yield
    finally:
        connection.attend()
