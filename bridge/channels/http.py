"""Sessions over HTTP that channels share: guarded addresses, no redirects, bounded answers; and bare sockets.

The limits are properties of the sessions, so they hold for whoever uses one, libraries included.
"""

from __future__ import annotations

import asyncio
import contextlib
import socket
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from ipaddress import ip_address

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
    ThreadedResolver,
)
from aiohttp.abc import AbstractResolver, ResolveResult

from bridge.channels.answers import Answer, NoAnswer, RedirectRefused, failure, readable
from bridge.channels.guard import AllowPrivate, guarded_socket, is_allowed
from bridge.clock import Clock
from bridge.core.outcomes import Rejected, Retry

ANSWER_BYTES = 1024 * 1024
"""How much of an answer is read. Slack repeats a message of up to 40,000 characters, twice and escaped."""
CONNECT_S = 10.0
"""How long making a connection to one address may take."""
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
    """What channels share: two sessions made at first use, one of which may reach private addresses.

    A session never decides whom it serves: `session` gives the second one only for a host that the
    channel is allowed, and neither follows a redirect to another.
    """

    def __init__(self, clock: Clock, software: str, resolver: AbstractResolver | None = None) -> None:
        """`software` is the User-Agent; `resolver` replaces the system's name resolution."""
        self.clock = clock
        self.software = software
        self._resolver = resolver
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
        private = is_allowed(host, allow)
        refused: OSError = OSError("the host name has no address")
        for found in await self._resolved(host, port):
            try:
                return await _connected(found, private=private)
            except OSError as error:
                refused = error
        raise refused

    async def close(self) -> None:
        """Close every connection of the sessions."""
        for session in self._sessions.values():
            await session.close()
        self._sessions.clear()

    def _made(self, *, private: bool) -> ClientSession:
        connector = TCPConnector(
            limit=0,  # channels limit themselves
            socket_factory=partial(guarded_socket, private=private),
            resolver=self._names(),
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

    def _names(self) -> AbstractResolver:
        if self._resolver is None:
            self._resolver = ThreadedResolver()
        return self._resolver

    async def _resolved(self, host: str, port: int) -> Sequence[ResolveResult]:
        try:
            family = socket.AF_INET if ip_address(host).version == 4 else socket.AF_INET6
        except ValueError:
            return await self._names().resolve(host, port, socket.AF_UNSPEC)
        return [ResolveResult(hostname=host, host=host, port=port, family=family, proto=0, flags=0)]


@dataclass(frozen=True, slots=True)
class Request:
    """One request; `secrets` are hidden wherever its answer repeats them."""

    method: str
    url: str = field(repr=False)
    headers: Mapping[str, str] = field(repr=False)
    body: bytes = field(repr=False)
    secrets: tuple[str, ...] = field(default=(), repr=False)


async def exchanged(session: ClientSession, request: Request, *, limit_s: float) -> Answer | Retry | Rejected:
    """Send one request and return the answer, or what came instead; never raises but for cancellation.

    The status line decides: an answer that breaks off behind it, or does not end, still is one.
    """
    deadline = asyncio.get_running_loop().time() + limit_s
    try:
        async with asyncio.timeout_at(deadline):
            response = await session.request(
                request.method, request.url, headers=request.headers, data=request.body
            )
    except (ClientError, OSError, ValueError) as error:
        return failure(error)
    body = await _beginning(response, deadline)
    return Answer(response.status, response.headers.get("Retry-After"), readable(body, request.secrets))


async def _beginning(response: ClientResponse, deadline: float) -> bytes:
    try:
        async with asyncio.timeout_at(deadline), response:
            return await response.read()
    except (ClientError, OSError):
        return b""


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


async def _connected(found: ResolveResult, *, private: bool) -> socket.socket:
    address = (found["host"], found["port"])
    made = guarded_socket((found["family"], socket.SOCK_STREAM, found["proto"], "", address), private=private)
    try:
        made.settimeout(0)
        async with asyncio.timeout(CONNECT_S):
            await asyncio.get_running_loop().sock_connect(made, address)
    except BaseException:
        made.close()
        raise
    return made
