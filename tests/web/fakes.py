"""What the web tests put in the place of the pipeline, and raw sockets for what no client would send."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from datetime import datetime

from bridge.core.signing import Refused
from bridge.pipeline.answer import Answer
from bridge.sources.base import Authentic, Parsed, Ping, Request, Source, Unsupported, Verdict
from tests.support.loop_time import pass_time

GOOD = {"x-signature": "good", "content-type": "application/json"}
LOOPBACK = "127.0.0.1"
PATIENCE_S = 50.0
SILENCE_S = 16.0
"""Longer than a listener waits for a body, and shorter than it keeps an idle connection."""


class FakeSource:
    """A source whose only right signature is `good`."""

    kept_headers = ()

    def __init__(self, name: str) -> None:
        self.name = name

    def verify(self, request: Request) -> Verdict:
        if request.body == b'{"event":"ping"}':
            return Ping(signed=False)
        if request.headers.get("x-signature") == "good":
            return Authentic(0)
        return Refused("mismatch", "not the word 'good'")

    def delivery_key(self, request: Request) -> str:
        return request.body.hex()

    def parse(self, request: Request) -> Parsed:
        return Unsupported("a fake")

    def outgoing_headers(self, body: bytes) -> dict[str, str]:
        return dict(GOOD)


@dataclass
class Taken:
    """One request that reached the pipeline."""

    source: str
    headers: Mapping[str, str]
    body: bytes


class FakeIngest:
    """Answers as the pipeline does, and keeps what it was given."""

    def __init__(self, clock_now: datetime) -> None:
        self.sources: Mapping[str, Source] = {"eduzz": FakeSource("eduzz"), "escola": FakeSource("escola")}
        self.taken: list[Taken] = []
        self.refused = 0
        self.gate = asyncio.Event()
        self.gate.set()
        self.answer = Answer(200, {"status": "accepted"})
        self.fails_with: Exception | None = None
        self.short = 0
        """How many requests came on the short way."""
        self._taking: set[asyncio.Task[None]] = set()
        self._now = clock_now

    async def receive(self, source: str, headers: Mapping[str, str], body: bytes) -> Answer:
        if self.fails_with is not None:
            raise self.fails_with
        verdict = self.sources[source].verify(Request(headers, body, self._now))
        if isinstance(verdict, Refused):
            self.refused += 1
            return Answer(401, {"status": "refused", "error": "the signature is missing or does not match"})
        self.taken.append(Taken(source, headers, body))
        await self.gate.wait()
        return self.answer

    def take(
        self, source: str, headers: Mapping[str, str], body: bytes, told: Callable[[Answer], None]
    ) -> bool:
        request = Request(headers, body, self._now)
        if self.fails_with is not None or not isinstance(self.sources[source].verify(request), Authentic):
            return False

        async def receive() -> None:
            told(await self.receive(source, headers, body))

        self.short += 1
        task = asyncio.ensure_future(receive())
        self._taking.add(task)
        task.add_done_callback(self._taking.discard)
        return True


@dataclass
class RecordingLog:
    """A log that keeps its lines."""

    lines: list[tuple[str, str, dict[str, object]]] = field(default_factory=list)

    def debug(self, event: str, **fields: object) -> None:
        self.lines.append(("debug", event, fields))

    def info(self, event: str, **fields: object) -> None:
        self.lines.append(("info", event, fields))

    def warning(self, event: str, **fields: object) -> None:
        self.lines.append(("warning", event, fields))

    def error(self, event: str, **fields: object) -> None:
        self.lines.append(("error", event, fields))

    def exception(self, event: str, **fields: object) -> None:
        self.lines.append(("exception", event, fields))

    def levels(self) -> set[str]:
        return {level for level, _, _ in self.lines}


async def converse(port: int, *parts: bytes, answers: int | None = None, half_close: bool = False) -> bytes:
    """Send bytes to a loopback port, then read until so many answers are there or the other side closes.

    Without a number, the event loop's time passes as long as the other side is silent.
    """
    read = patiently if answers is not None else in_its_time
    got = b""
    async with connection(port) as (reader, writer):
        with suppress(ConnectionError):
            for part in parts:
                writer.write(part)
                await writer.drain()
            if half_close:
                writer.write_eof()
            while len(statuses(got)) != answers and (piece := await read(reader.read(65536))):
                got += piece
    return got


async def in_its_time(awaitable: Awaitable[bytes]) -> bytes:
    """Return the result, however long the other side has to wait until it gives one."""
    result = asyncio.ensure_future(awaitable)
    while not result.done():
        await asyncio.wait({result}, timeout=0.01)
        for _ in range(20):  # what has arrived meanwhile is heard before any time is over
            await asyncio.sleep(0)
        if not result.done():
            pass_time(SILENCE_S)
    return await patiently(result)


@asynccontextmanager
async def connection(port: int) -> AsyncIterator[tuple[asyncio.StreamReader, asyncio.StreamWriter]]:
    """Open a connection to a loopback port, and close it in any case."""
    reader, writer = await asyncio.open_connection(LOOPBACK, port)
    try:
        yield reader, writer
    finally:
        writer.close()
        with suppress(ConnectionError):
            await writer.wait_closed()


async def patiently(awaitable: Awaitable[bytes]) -> bytes:
    """Return the result, or fail rather than wait for ever."""
    return await asyncio.wait_for(awaitable, PATIENCE_S)


def statuses(answers: bytes) -> list[int]:
    """Return the statuses of the answers on one connection, in order."""
    return [int(status) for status in re.findall(rb"HTTP/1\.[01] (\d{3}) ", answers)]
