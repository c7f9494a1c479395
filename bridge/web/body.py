"""Reads a request's raw body within limits of size and time."""

from __future__ import annotations

import asyncio
from collections import OrderedDict

from aiohttp import StreamReader, web
from aiohttp.http_exceptions import HttpProcessingError
from msgspec import Struct

from bridge.web.connections import waiting_for_sender
from bridge.web.limits import Limits


class Unread(Struct, frozen=True):
    """A body that is not taken: the status to answer, and why."""

    status: int
    why: str
    retry_after: int | None = None


_RETRY_AFTER_S = 10
_CROWDED = Unread(503, "too many bodies are on their way at once", _RETRY_AFTER_S)
_BROKEN = Unread(400, "the body ended early or its chunks are not well formed")


class BodyReader:
    """Reads bodies for one application; `hurry` ends the reading of those still on their way, for good."""

    def __init__(self, limits: Limits) -> None:
        self._limit = limits.body_bytes
        self._patience_s = limits.body_s
        self._late = Unread(408, f"the body did not arrive within {limits.body_s:g} seconds")
        self._large = Unread(413, f"a body has at most {limits.body_bytes} bytes")
        self._arriving = _Arriving(limits.unfinished_bytes)

    async def read(self, request: web.BaseRequest) -> bytes | Unread:
        """Return the body as it was sent, or why not; reads no further than the limit."""
        if (request.content_length or 0) > self._limit:
            return self._large
        content = request.content
        if not content.is_eof() and request.transport is None:  # the sender went before its turn
            return _BROKEN
        try:
            # Nearly every webhook is here as a whole by now, and needs no timer.
            if content.is_eof() and content.exception() is None:
                body = content.read_nowait()
            else:
                with waiting_for_sender(request):
                    body = await self._collect(content)
        except _GivenUp:
            return _CROWDED
        except TimeoutError:
            return self._late
        except (web.RequestPayloadError, HttpProcessingError, ConnectionError):
            return _BROKEN
        return body if len(body) <= self._limit else self._large

    def hurry(self) -> None:
        """Answer every sender whose body is not here yet 408: a listener that closes gets no more of it."""
        self._arriving.hurry()

    async def _collect(self, content: StreamReader) -> bytes:
        body = bytearray()
        timeout = asyncio.timeout(self._patience_s)
        try:
            async with timeout:
                self._arriving.begin(timeout)
                while len(body) <= self._limit and (chunk := await content.readany()):
                    body += chunk
                    self._arriving.grow(timeout, len(chunk))
        except TimeoutError:
            if timeout not in self._arriving:
                raise _GivenUp from None
            raise
        finally:
            self._arriving.end(timeout)
        return bytes(body)


class _GivenUp(Exception):
    """The body gave way to others."""


class _Arriving:
    """The bodies that are still on their way: how much of each is here, the one begun longest ago first.

    When there is more than `room` bytes of them, the first gives way: whoever sends at a usual speed is
    done long before that is his.
    """

    def __init__(self, room: int) -> None:
        self._room = room
        self._total = 0
        self._hurried = False
        self._held: OrderedDict[asyncio.Timeout, int] = OrderedDict()

    def __contains__(self, timeout: asyncio.Timeout) -> bool:
        return timeout in self._held

    def begin(self, timeout: asyncio.Timeout) -> None:
        self._held[timeout] = 0
        if self._hurried:
            timeout.reschedule(asyncio.get_running_loop().time())

    def grow(self, timeout: asyncio.Timeout, size: int) -> None:
        if timeout in self._held:
            self._held[timeout] += size
            self._total += size
        now = asyncio.get_running_loop().time()
        while self._total > self._room:
            first, held = self._held.popitem(last=False)
            self._total -= held
            first.reschedule(now)

    def end(self, timeout: asyncio.Timeout) -> None:
        self._total -= self._held.pop(timeout, 0)

    def hurry(self) -> None:
        self._hurried = True
        now = asyncio.get_running_loop().time()
        for timeout in self._held:
            timeout.reschedule(now)
