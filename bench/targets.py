"""The stand-ins that messages are sent to: they answer at little cost and remember when each came."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

from bench.load import HOST, content_length

_END = b"\r\n\r\n"
_NO_CONTENT = b"HTTP/1.1 204 No Content\r\nContent-Length: 0\r\n\r\n"
_SLACK_BODY = b'{"ok":true,"channel":"C0123456789","ts":"1763900000.000100"}'
_SLACK = (
    b"HTTP/1.1 200 OK\r\nContent-Type: application/json; charset=utf-8\r\n"
    b"Content-Length: %d\r\n\r\n%s" % (len(_SLACK_BODY), _SLACK_BODY)
)

_OFFERS = (
    b"250-mail.example\r\n250-PIPELINING\r\n250-8BITMIME\r\n250-SMTPUTF8\r\n"
    b"250-ENHANCEDSTATUSCODES\r\n250 SIZE 10485760\r\n"
)
"""What Postfix and Exim offer as they are installed, as far as it matters here (RFC 2920 for the first)."""


@dataclass(slots=True)
class Arrivals:
    """What came in: when, by `time.perf_counter`, and the body."""

    port: int = 0
    came: list[tuple[float, bytes]] = field(default_factory=list)
    _wanted: int = 0
    _reached: asyncio.Event = field(default_factory=asyncio.Event)

    @property
    def count(self) -> int:
        """How many there are."""
        return len(self.came)

    def add(self, body: bytes) -> None:
        """Take one down."""
        self.came.append((time.perf_counter(), body))
        if len(self.came) >= self._wanted:
            self._reached.set()

    def forget(self) -> None:
        """Give the bodies back to memory; what came still counts."""
        self.came = [(at, b"") for at, _ in self.came]

    async def until(self, count: int, *, patience_s: float = 30.0) -> None:
        """Return once so many came in all; raises `TimeoutError` when nothing more comes for so long."""
        while self.count < count:
            before = self.count
            self._wanted = count
            self._reached.clear()
            try:
                async with asyncio.timeout(patience_s):
                    await self._reached.wait()
            except TimeoutError:
                if self.count == before:
                    raise


@asynccontextmanager
async def webhook_target(*, answers: bool = True) -> AsyncIterator[Arrivals]:
    """Take webhooks, and answer each with 204, or none of them."""
    async with _serving(lambda arrivals: _Http(arrivals, _NO_CONTENT if answers else b"")) as arrivals:
        yield arrivals


@asynccontextmanager
async def slack_target() -> AsyncIterator[Arrivals]:
    """Stand in for Slack's Web API: every call succeeds."""
    async with _serving(lambda arrivals: _Http(arrivals, _SLACK)) as arrivals:
        yield arrivals


@asynccontextmanager
async def smtp_target(seconds: float = 0.0) -> AsyncIterator[Arrivals]:
    """Take e-mail (RFC 5321) without checking any of it, each in so many seconds."""
    async with _serving(lambda arrivals: _Smtp(arrivals, seconds)) as arrivals:
        yield arrivals


@asynccontextmanager
async def _serving(protocol: Callable[[Arrivals], asyncio.Protocol]) -> AsyncIterator[Arrivals]:
    arrivals = Arrivals()
    loop = asyncio.get_running_loop()
    server = await loop.create_server(lambda: protocol(arrivals), HOST, 0, backlog=1024)
    arrivals.port = server.sockets[0].getsockname()[1]
    try:
        yield arrivals
    finally:
        server.close()


class _Answering(asyncio.Protocol):
    """Gathers what is received until it is enough for an answer."""

    def __init__(self, arrivals: Arrivals) -> None:
        self.arrivals = arrivals
        self.received = b""
        self.transport: asyncio.Transport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        if isinstance(transport, asyncio.Transport):
            self.transport = transport

    def say(self, answer: bytes) -> None:
        if self.transport is not None:
            self.transport.write(answer)


class _Http(_Answering):
    def __init__(self, arrivals: Arrivals, answer: bytes) -> None:
        super().__init__(arrivals)
        self._answer = answer

    def data_received(self, data: bytes) -> None:
        self.received += data
        while (end := self.received.find(_END)) > 0:
            begin = end + len(_END)
            needed = begin + content_length(self.received[:end])
            if len(self.received) < needed:
                return
            self.arrivals.add(self.received[begin:needed])
            self.received = self.received[needed:]
            self.say(self._answer)


class _Smtp(_Answering):
    """The words of one session, in whatever pieces they come."""

    def __init__(self, arrivals: Arrivals, seconds: float) -> None:
        super().__init__(arrivals)
        self._seconds = seconds
        self._in_data = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        super().connection_made(transport)
        self.say(b"220 mail.example ESMTP\r\n")

    def data_received(self, data: bytes) -> None:
        self.received += data
        while (end := self.received.find(b"\r\n.\r\n" if self._in_data else b"\r\n")) >= 0:
            if self._in_data:
                self.arrivals.add(self.received[:end])
                self.received = self.received[end + 5 :]
                self._in_data = False
                self._taken()
            else:
                word, self.received = self.received[:end], self.received[end + 2 :]
                self._command(word[:4].upper())

    def _taken(self) -> None:
        if self._seconds:
            asyncio.get_running_loop().call_later(self._seconds, self.say, b"250 2.0.0 taken\r\n")
        else:
            self.say(b"250 2.0.0 taken\r\n")

    def _command(self, word: bytes) -> None:
        if word == b"EHLO":
            self.say(_OFFERS)
        elif word == b"DATA":
            self._in_data = True
            self.say(b"354 go on\r\n")
        elif word == b"QUIT":
            self.say(b"221 2.0.0 bye\r\n")
            if self.transport is not None:
                self.transport.close()
        else:
            self.say(b"250 2.0.0 fine\r\n")
