"""A server on loopback that answers each request with the very bytes a test gives it."""

from __future__ import annotations

import asyncio
import contextlib
import ssl
from collections import deque
from dataclasses import dataclass, field
from types import TracebackType
from typing import Self

GOOD = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"


@dataclass(frozen=True)
class Words:
    """One answer; `ends` closes the connection behind it."""

    said: bytes = GOOD
    one_by_one: bool = False
    ends: bool = False
    endless: bytes = b""
    """Said again and again behind the answer."""


@dataclass
class RawServer:
    """Says the script's next words after each request, and `GOOD` when the script has ended."""

    script: deque[Words] = field(default_factory=deque)
    tls: ssl.SSLContext | None = None
    host: str = "127.0.0.1"

    def __post_init__(self) -> None:
        self.requests: list[bytes] = []
        self.connections = 0
        self.asked = asyncio.Event()
        self.left = asyncio.Event()
        """Set when a client has closed its connection."""
        self._server: asyncio.Server | None = None
        self._writers: set[asyncio.StreamWriter] = set()
        self._tasks: set[asyncio.Task[None]] = set()

    @property
    def port(self) -> int:
        assert self._server
        port: int = self._server.sockets[0].getsockname()[1]
        return port

    async def __aenter__(self) -> Self:
        self._server = await asyncio.start_server(self._serve, self.host, 0, ssl=self.tls)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        assert self._server
        self._server.close()
        for writer in self._writers:
            writer.transport.abort()
        await asyncio.gather(*self._tasks)
        await self._server.wait_closed()

    async def say(self, words: bytes) -> None:
        """Say something on every open connection that nobody asked for."""
        for writer in self._writers:
            writer.write(words)
            await writer.drain()

    def hang_up(self) -> None:
        """Close every connection from this side."""
        for writer in self._writers:
            writer.transport.abort()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task
        self._tasks.add(task)
        self._writers.add(writer)
        self.connections += 1
        with contextlib.suppress(asyncio.IncompleteReadError, ConnectionError):
            while await self._exchange(reader, writer):
                pass
        self.left.set()
        self._writers.discard(writer)
        writer.transport.abort()

    async def _exchange(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bool:
        head = await reader.readuntil(b"\r\n\r\n")
        lines = head.lower().split(b"\r\n")
        length = next(int(line[15:]) for line in lines if line.startswith(b"content-length:"))
        self.requests.append(head + await reader.readexactly(length))
        self.asked.set()
        words = self.script.popleft() if self.script else Words()
        for part in (
            [words.said[at : at + 1] for at in range(len(words.said))] if words.one_by_one else [words.said]
        ):
            writer.write(part)
            await writer.drain()
            await asyncio.sleep(0)
        while words.endless:
            writer.write(words.endless)
            await writer.drain()
        return not words.ends
