"""What channels share: sessions over HTTP for libraries, a pool of connections for our own requests, sockets.

The limits are properties of what is given out, so they hold for whoever uses it, libraries included:
guarded addresses, no redirects, bounded answers, no proxy.
"""

from __future__ import annotations

import contextlib
import socket
from functools import partial

from aiohttp import (
    ClientConnectorError,
    ClientError,
    ClientHandlerType,
    ClientOSError,
    ClientRequest,
    ClientResponse,
    ClientSession,
    ClientTimeout,
    DummyCookieJar,
    ServerDisconnectedError,
    TCPConnector,
)
from aiohttp.abc import AbstractResolver

from bridge.channels.answers import NoAnswer, RedirectRefused
from bridge.channels.guard import AllowPrivate, guarded_socket, is_allowed
from bridge.channels.pool import Pool
from bridge.channels.sockets import CONNECT_S, Sockets
from bridge.clock import Clock

ANSWER_BYTES = 1024 * 1024
"""How much of an answer is read. Slack repeats a message of up to 40,000 characters, twice and escaped."""
_REDIRECTS = frozenset({301, 302, 303, 307, 308})


class BoundedResponse(ClientResponse):
    """A response of which at most `ANSWER_BYTES` are read; one that breaks off is what came of it."""

    async def read(self) -> bytes:
        """Return the beginning of the body; unless it was all, the connection is closed."""
        if self._body is None:
            body = bytearray()
            with contextlib.suppress(ClientError):
                while len(body) < ANSWER_BYTES and (chunk := await self.content.readany()):
                    body += chunk
            self._body = bytes(body[:ANSWER_BYTES])
            if not self.content.at_eof():
                self.close()
        return self._body


class Shared:
    """A pool, and two sessions made at first use, one of which may reach private addresses.

    A session never decides whom it serves: `session` gives the second one only for a host that the
    channel is allowed, and neither follows a redirect to another.
    """

    def __init__(self, clock: Clock, software: str, resolver: AbstractResolver | None = None) -> None:
        """`software` is the User-Agent; `resolver` replaces the system's name resolution."""
        self.clock = clock
        self.software = software
        self._sockets = Sockets(resolver)
        self.pool = Pool(self._sockets)
        self._sessions: dict[bool, ClientSession] = {}

    def session(self, host: str, allow: AllowPrivate) -> ClientSession:
        """Return the session for requests to `host`; call it for each request, and keep nothing."""
        private = is_allowed(host, allow)
        session = self._sessions.get(private)
        if session is None or session.closed:
            session = self._sessions[private] = self._made(private=private)
        return session

    async def connected(self, host: str, port: int, allow: AllowPrivate) -> socket.socket:
        """Return a socket connected to the first address of `host` that answers.

        Raises `Blocked` if the guard refused all of them, else the last OSError.
        """
        return await self._sockets.connected(host, port, private=is_allowed(host, allow))

    async def close(self) -> None:
        """Close every connection of the sessions and the pool."""
        await self.pool.close()
        for session in self._sessions.values():
            await session.close()
        self._sessions.clear()

    def _made(self, *, private: bool) -> ClientSession:
        connector = TCPConnector(
            limit=0,  # channels limit themselves
            socket_factory=partial(guarded_socket, private=private),
            resolver=self._sockets.resolver,
        )
        return ClientSession(
            connector=connector,
            cookie_jar=DummyCookieJar(),
            headers={"User-Agent": self.software, "Accept-Encoding": "identity"},
            middlewares=(_one_answer,),
            response_class=BoundedResponse,
            timeout=ClientTimeout(total=None, sock_connect=CONNECT_S),
            trust_env=False,
        )


async def _one_answer(request: ClientRequest, handler: ClientHandlerType) -> ClientResponse:
    """Let a request have one answer, whatever aiohttp would do: follow redirects, send a PUT again."""
    try:
        response = await handler(request)
    except ClientConnectorError:
        raise
    except (ClientOSError, ServerDisconnectedError) as error:
        raise NoAnswer(str(error)) from error
    if response.status in _REDIRECTS:
        response.close()
        raise RedirectRefused(response.status)
    return response
