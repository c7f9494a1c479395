"""A TCP proxy in front of a real server that does to connections what networks do to them."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import struct
from collections.abc import Iterator
from dataclasses import dataclass, field
from types import TracebackType
from typing import Literal, Self, assert_never

LOOPBACK = "127.0.0.1"
CHUNK = 65536
Way = Literal["up", "down"]
"""`up` is from the client to the server."""


@dataclass(frozen=True)
class Pass:
    """Carry everything."""


@dataclass(frozen=True)
class Refuse:
    """Drop every connection and take no new one."""


@dataclass(frozen=True)
class Reset:
    """Carry so many bytes one way, and reset the connection in the place of the next one.

    Counted from the moment at which `after` has gone up; `down=0` is an answer that never arrives.
    """

    up: int | None = None
    down: int | None = None
    after: bytes = b""


@dataclass(frozen=True)
class Stall:
    """Keep connections, and carry nothing until told otherwise."""


@dataclass(frozen=True)
class BlackHole:
    """Take everything, and let nothing arrive."""


@dataclass(frozen=True)
class Drip:
    """Carry `size` bytes each way every so many seconds."""

    size: int
    every_s: float


Mode = Pass | Refuse | Reset | Stall | BlackHole | Drip


class _Cut(Exception):
    """The connection is to be reset."""


@dataclass
class _Link:
    """One connection, and what it has carried."""

    client: asyncio.StreamWriter
    server: asyncio.StreamWriter
    recent: bytes = b""
    armed: bool = False
    carried: dict[Way, int] = field(default_factory=lambda: {"up": 0, "down": 0})

    def reset(self) -> None:
        for writer in (self.client, self.server):
            # The peer may have closed it, and asyncio let go of its socket, a moment ago.
            with contextlib.suppress(OSError):
                writer.get_extra_info("socket").setsockopt(
                    socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0)
                )
            writer.transport.abort()


class Proxy:
    """Listens on a port of its own and carries to `target`; `set` changes how, also for open connections."""

    def __init__(self, target: int | str) -> None:
        """`target` is a port of this machine, or the path of a socket."""
        self.connections = 0
        self.mode: Mode = Pass()
        self._target = target
        self._flowing = asyncio.Event()
        self._flowing.set()
        self._links: list[_Link] = []
        self._server: asyncio.Server | None = None
        self._tasks: set[asyncio.Task[None]] = set()

    async def __aenter__(self) -> Self:
        # Bound and never listening, it keeps the port ours while connections are refused.
        self._place = _bound(0)
        self.port: int = self._place.getsockname()[1]
        await self._listen()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            await self.set(Refuse())
            for task in self._tasks:
                task.cancel()
            await asyncio.gather(*self._tasks, return_exceptions=True)
        finally:
            self._place.close()

    async def set(self, mode: Mode) -> None:
        """Do this from now on."""
        self.mode = mode
        for link in self._links:
            link.armed, link.recent, link.carried = False, b"", {"up": 0, "down": 0}
        if isinstance(mode, Stall):
            self._flowing.clear()
        else:
            self._flowing.set()
        if isinstance(mode, Refuse):
            await self._close()
        elif self._server is None:
            await self._listen()

    def cut(self) -> None:
        """Reset every connection there is."""
        for link in tuple(self._links):
            link.reset()

    async def _listen(self) -> None:
        self._server = await asyncio.start_server(self._accept, sock=_bound(self.port))

    async def _close(self) -> None:
        if self._server is not None:
            self._server.close()
            self.cut()
            self._server = None

    def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        task = asyncio.ensure_future(self._carry(reader, writer))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _carry(self, from_client: asyncio.StreamReader, client: asyncio.StreamWriter) -> None:
        try:
            from_server, server = await self._reach()
        except OSError:
            client.transport.abort()
            return
        link = _Link(client, server)
        self._links.append(link)
        try:
            await asyncio.gather(
                self._pump(link, "up", from_client, server), self._pump(link, "down", from_server, client)
            )
        except (_Cut, OSError):
            link.reset()
        finally:
            self._links.remove(link)
            for writer in (client, server):
                writer.close()

    async def _reach(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        if isinstance(self._target, str):
            return await asyncio.open_unix_connection(self._target)
        return await asyncio.open_connection(LOOPBACK, self._target)

    async def _pump(
        self, link: _Link, way: Way, source: asyncio.StreamReader, sink: asyncio.StreamWriter
    ) -> None:
        while data := await source.read(CHUNK):
            await self._flowing.wait()
            await self._pass_on(link, way, data, sink)
        await self._flowing.wait()
        with contextlib.suppress(OSError):
            sink.write_eof()

    async def _pass_on(self, link: _Link, way: Way, data: bytes, sink: asyncio.StreamWriter) -> None:
        match self.mode:
            case Reset() as mode:
                for piece in _until_cut(link, way, data, mode):
                    sink.write(piece)
                    await sink.drain()
            case Drip(size=size, every_s=every_s):
                for start in range(0, len(data), size):
                    sink.write(data[start : start + size])
                    await asyncio.sleep(every_s)
            case Pass() | Stall():
                sink.write(data)
                await sink.drain()
            case Refuse() | BlackHole():
                pass
            case never:
                assert_never(never)


def _until_cut(link: _Link, way: Way, data: bytes, mode: Reset) -> Iterator[bytes]:
    """Yield what may pass; raise `_Cut` where the connection ends."""
    if not link.armed:
        before = len(link.recent)
        link.recent += data if way == "up" else b""
        found = link.recent.find(mode.after)
        link.armed = found >= 0
        passed = max(0, found + len(mode.after) - before) if link.armed and way == "up" else 0
        if not link.armed or passed:
            yield data[: passed or None]
            data = data[passed:] if passed else b""
    allowed = mode.up if way == "up" else mode.down
    if allowed is None:
        yield data
        return
    yield data[: max(0, allowed - link.carried[way])]
    link.carried[way] += len(data)
    if link.carried[way] > allowed:
        raise _Cut


def _bound(port: int) -> socket.socket:
    made = socket.socket()
    made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    made.bind((LOOPBACK, port))
    made.setblocking(False)
    return made
