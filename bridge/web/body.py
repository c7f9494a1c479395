"""Reads a request's raw body within limits of size and time."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass

from aiohttp import StreamReader, web
from aiohttp.http_exceptions import HttpProcessingError

from bridge.web.limits import Limits


@dataclass(frozen=True, slots=True)
class Unread:
    """A body that is not taken: the status to answer, and why."""

    status: int
    why: str


_BROKEN = Unread(400, "the body ended early or its chunks are not well formed")


class BodyReader:
    """Reads bodies for one application; `hurry` ends the reading of those still on their way."""

    def __init__(self, limits: Limits) -> None:
        self._limit = limits.body_bytes
        self._patience_s = limits.body_s
        self._late = Unread(408, f"the body did not arrive within {limits.body_s:g} seconds")
        self._large = Unread(413, f"a body has at most {limits.body_bytes} bytes")
        self._reading: set[asyncio.Timeout] = set()

    async def read(self, request: web.BaseRequest) -> bytes | Unread:
        """Return the body as it was sent, or why not; reads no further than the limit."""
        if (request.content_length or 0) > self._limit:
            return self._large
        content = request.content
        try:
            # Nearly every webhook is here as a whole by now, and needs no timer.
            if content.is_eof() and content.exception() is None:
                body = content.read_nowait()
            else:
                body = await self._collect(content)
        except TimeoutError:
            return self._late
        except (web.RequestPayloadError, HttpProcessingError, ConnectionError):
            return _BROKEN
        return body if len(body) <= self._limit else self._large

    def hurry(self) -> None:
        """Answer every sender whose body is not here yet 408: a listener that closes gets no more of it."""
        now = asyncio.get_running_loop().time()
        for timeout in self._reading:
            timeout.reschedule(now)

    async def _collect(self, content: StreamReader) -> bytes:
        body = bytearray()
        async with asyncio.timeout(self._patience_s) as timeout:
            self._reading.add(timeout)
            try:
                while len(body) <= self._limit and (chunk := await content.readany()):
                    body += chunk
            finally:
                self._reading.discard(timeout)
        return bytes(body)
