"""The load generator: raw sockets and ready bytes, so that it costs little beside what it measures."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

HOST = "127.0.0.1"
_END = b"\r\n\r\n"
_LENGTH = b"content-length:"


@dataclass(frozen=True, slots=True)
class Run:
    """What a run of requests came to; latencies in seconds, in the order of the answers."""

    began: float
    seconds: float
    latencies: Sequence[float]
    failures: int

    @property
    def rate(self) -> float:
        """Requests per second."""
        return len(self.latencies) / self.seconds


def request_bytes(
    port: int, path: str, headers: Mapping[str, str], body: bytes, *, close: bool = False
) -> bytes:
    """Return one POST as it goes over the wire (RFC 9112)."""
    lines = [f"POST {path} HTTP/1.1", f"Host: {HOST}:{port}", f"Content-Length: {len(body)}"]
    lines += [f"{name}: {value}" for name, value in headers.items()]
    if close:
        lines.append("Connection: close")
    return "\r\n".join([*lines, "", ""]).encode("latin-1") + body


async def post_all(port: int, requests: Sequence[bytes], *, connections: int, close: bool = False) -> Run:
    """Send all over so many connections, each waiting for its answer; `close` opens one per request."""
    load = _Load(port, iter(requests), close=close)
    began = time.perf_counter()
    await asyncio.gather(*(load.connect() for _ in range(min(connections, len(requests)))))
    await load.finished(len(requests))
    return Run(began, time.perf_counter() - began, load.latencies, load.failures)


async def post_paced(port: int, requests: Sequence[bytes], *, per_second: float) -> Run:
    """Send so many a second, answered or not; a latency begins when its request was due."""
    load = _Load(port, iter(()), close=False)
    began = time.perf_counter()
    for number, request in enumerate(requests):
        due = began + number / per_second
        await asyncio.sleep(due - time.perf_counter())
        await load.send(request, due)
    await load.finished(len(requests))
    return Run(began, time.perf_counter() - began, load.latencies, load.failures)


class _Load:
    """What is left to send, and what came back."""

    def __init__(self, port: int, waiting: Iterator[bytes], *, close: bool) -> None:
        self.waiting = waiting
        self.close = close
        self.latencies: list[float] = []
        self.failures = 0
        self._port = port
        self._news = asyncio.Event()
        self._opening: set[asyncio.Task[None]] = set()
        self._idle: list[_Connection] = []

    async def connect(self) -> None:
        """Open a connection, which sends by itself as long as anything waits."""
        request = next(self.waiting, None)
        if request is not None:
            await self._open(request, time.perf_counter())

    async def send(self, request: bytes, began: float) -> None:
        """Send over a connection that has nothing to do, or over a new one."""
        if self._idle:
            self._idle.pop().post(request, began)
        else:
            await self._open(request, began)

    def answered(self, connection: _Connection, status: int, seconds: float) -> None:
        """Take an answer down, and give the connection its next request; status 0 if it broke before."""
        self.latencies.append(seconds)
        self.failures += status not in {200, 202, 204}
        self._news.set()
        if self.close or not status:
            connection.end()
            task = asyncio.ensure_future(self.connect())
            self._opening.add(task)
            task.add_done_callback(self._opening.discard)
        elif request := next(self.waiting, None):
            connection.post(request, time.perf_counter())
        else:
            self._idle.append(connection)

    async def finished(self, count: int) -> None:
        """Return when so many answers are in, and close what is open."""
        while len(self.latencies) < count:
            self._news.clear()
            await self._news.wait()
        for connection in self._idle:
            connection.end()

    async def _open(self, request: bytes, began: float) -> None:
        loop = asyncio.get_running_loop()
        _, connection = await loop.create_connection(lambda: _Connection(self), HOST, self._port)
        connection.post(request, began)


class _Connection(asyncio.Protocol):
    """Sends a request and waits for the whole answer."""

    def __init__(self, load: _Load) -> None:
        self._load = load
        self._transport: asyncio.Transport | None = None
        self._began: float | None = None
        self._received = b""
        self._needed = 0

    def post(self, request: bytes, began: float) -> None:
        """Send; the one before must have been answered."""
        self._began, self._received, self._needed = began, b"", 0
        if self._transport is not None:
            self._transport.write(request)

    def end(self) -> None:
        """Close."""
        if self._transport is not None:
            self._transport.close()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        if isinstance(transport, asyncio.Transport):
            self._transport = transport

    def data_received(self, data: bytes) -> None:
        self._received += data
        if not self._needed and (end := self._received.find(_END)) > 0:
            self._needed = end + len(_END) + content_length(self._received[:end])
        if self._needed and len(self._received) >= self._needed:
            self._answered(int(self._received[9:12]))

    def connection_lost(self, _: Exception | None) -> None:
        if self._began is not None:
            self._answered(0)

    def _answered(self, status: int) -> None:
        began, self._began = self._began, None
        self._load.answered(self, status, time.perf_counter() - (began or 0))


def content_length(head: bytes) -> int:
    """Return the length of the body that a head announces, 0 where it announces none."""
    start = head.lower().find(_LENGTH)
    return int(head[start + len(_LENGTH) :].split(b"\r\n", 1)[0]) if start > 0 else 0
