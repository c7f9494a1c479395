"""The short way in: a whole, authentic event that comes in one piece is stored and answered without aiohttp.

Nearly every event comes so. Its connection is a bare socket: asyncio's transport, its task and their way
through the event loop would cost as much as storing the event, where each comes on a connection of its own.
Whatever is anything else goes to aiohttp from its first byte, together with its connection: what it is told
is decided in one place, `bridge.web.hooks`.
"""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Callable, Mapping
from datetime import datetime
from email.utils import format_datetime
from http import HTTPStatus
from typing import Protocol, cast

import orjson
from aiohttp import web

from bridge.pipeline.answer import Answer
from bridge.web.answers import SOFTWARE
from bridge.web.connections import Connections
from bridge.web.limits import Limits
from bridge.web.whole import WholeReader

PREFIX = b"POST /hooks/"
PIECE_BYTES = 64 * 1024
"""How much is read at once; a whole request that is larger goes the long way."""
WAITING_BYTES = 64 * 1024
"""What may come behind a request that is being stored, before its sender is held up."""
LOOKS = 10
"""How often it is looked for senders who take too long, within the time that they have, and once a second."""


class Taker(Protocol):
    """What becomes of a whole request: `bridge.web.hooks.Hooks`."""

    def take(
        self, path: str, headers: Mapping[str, str], body: bytes, told: Callable[[Answer], None]
    ) -> bool:
        """Take it, and call `told` once, later in the event loop; False for what goes the long way.

        No such request has a Content-Encoding.
        """
        ...

    def now(self) -> datetime:
        """Return the time that answers carry."""
        ...


TAKER = web.AppKey("taker", Taker)
"""Where an application says who takes requests on the short way; one without has only the long one."""


class Doors:
    """What the doors of one listener share. `long_way` makes the protocol that takes a connection over."""

    def __init__(
        self,
        taker: Taker,
        limits: Limits,
        connections: Connections,
        long_way: Callable[[], asyncio.Protocol],
    ) -> None:
        self.taker = taker
        self.limits = limits
        self.connections = connections
        self._long_way = long_way
        self._handing_over: set[asyncio.Task[None]] = set()
        self.loop = asyncio.get_running_loop()
        self.reader = WholeReader(limits)
        self.closing = False
        self._open: set[Door] = set()
        self._left = asyncio.Event()
        self._written: dict[tuple[int, int | None, bool], bytes] = {}
        self._until = 0.0
        self.patience_s = min(limits.head_s, limits.idle_s)
        self._look_s = min(1.0, self.patience_s / LOOKS)
        self._timer: asyncio.TimerHandle | None = None

    def open(self, sock: socket.socket) -> None:
        """Open a door to a connection."""
        Door(self, sock).begin()

    def enter(self, door: Door) -> None:
        """Take note of an open connection."""
        self._open.add(door)
        self.connections.enter(door)
        if self._timer is None:
            self._timer = self.loop.call_later(self._look_s, self._look)

    def leave(self, door: Door) -> None:
        """Forget one that is closed or handed over."""
        self._open.discard(door)
        self.connections.leave(door)
        self._left.set()

    def hand_over(self, sock: socket.socket, came: bytes) -> None:
        """Have a connection served on the long way, from what has come on."""
        task = self.loop.create_task(self._hand_over(sock, came))
        self._handing_over.add(task)
        task.add_done_callback(self._handing_over.discard)

    async def _hand_over(self, sock: socket.socket, came: bytes) -> None:
        try:
            sock.getpeername()  # else who has gone would be refused without an address to count it for
            await self.loop.connect_accepted_socket(lambda: _Handed(self, self._long_way(), came), sock)
        except OSError:  # it has gone meanwhile
            sock.close()

    async def close(self, grace_s: float) -> None:
        """Close every connection, those with a request that is being stored after its answer."""
        self.closing = True
        for door in list(self._open):
            door.retire()
        try:
            async with asyncio.timeout(grace_s):
                while self._open:
                    self._left.clear()
                    await self._left.wait()
        except TimeoutError:
            for door in list(self._open):
                door.abort()

    def _look(self) -> None:
        """Cut off whoever takes too long: one timer for all, since one for each connection costs more."""
        now = self.loop.time()
        for door in list(self._open):
            door.look(now)
        self._timer = self.loop.call_later(self._look_s, self._look) if self._open else None

    def written(self, answer: Answer, at: float, *, keeps: bool) -> bytes:
        """Return an answer as it goes over the wire; there are few, and each is written once a second.

        `at` is the event loop's time.
        """
        if at >= self._until:
            self._until, self._written = at + 1, {}
        known = (answer.status, answer.retry_after, keeps)
        written = self._written.get(known)
        if written is None:
            written = self._written[known] = _written(answer, self.taker.now(), keeps=keeps)
        return written


class Door:
    """One connection, for as long as everything that comes over it is of the usual kind."""

    __slots__ = ("_behind", "_doors", "_due", "_keeps", "_sock", "_storing", "_watched")

    def __init__(self, doors: Doors, sock: socket.socket) -> None:
        self._doors = doors
        self._sock = sock
        self._due = doors.loop.time() + doors.patience_s
        self._storing = False
        self._keeps = True
        self._behind = b""
        self._watched = False

    def begin(self) -> None:
        """Take what has come already, which mostly is the request; who does not send one soon is cut off."""
        self._doors.enter(self)
        self._read()

    def retire(self) -> None:
        """Take nothing more; close, at once or after the answer that is under way."""
        if not self._storing:
            self.abort()

    def abort(self) -> None:
        """Close at once."""
        if self._sock.fileno() >= 0:
            self._unwatch()
            self._sock.close()
            self._doors.leave(self)

    def look(self, now: float) -> None:
        """Give up a sender whose time is over, by the loop's clock; while we store, it is our turn."""
        if self._due <= now and not self._storing:
            self.abort()

    # ---- what comes ----

    def _read(self) -> None:
        try:
            data = self._sock.recv(PIECE_BYTES, socket.MSG_DONTWAIT)
        except BlockingIOError:
            self._watch()
            return
        except OSError:  # it has gone; what is being stored is stored all the same
            self.abort()
            return
        if self._storing:
            self._wait_behind(data)
        elif data:
            self._take(data)
        else:
            self.abort()

    def _take(self, data: bytes) -> None:
        """Take a request, or hand it and its connection over."""
        doors = self._doors
        if data.startswith(PREFIX) and doors.reader.read(data) and self._is_taken(doors.reader):
            self._keeps = doors.reader.keeps
            self._storing = True
            doors.connections.attend(self)
        else:
            self._unwatch()
            doors.leave(self)
            doors.hand_over(self._sock, data)

    def _is_taken(self, reader: WholeReader) -> bool:
        """Give on what the reader has read; what raises is answered, and told of, on the long way."""
        try:
            return self._doors.taker.take(reader.path, reader.headers, reader.body, self._told)
        except Exception:  # noqa: BLE001 - it is not for this sender's neighbours, nor for the event loop
            return False

    def _wait_behind(self, data: bytes) -> None:
        """Keep what comes before its turn; after its end, nothing does."""
        self._behind += data
        if not data:
            self._keeps = False
        if not data or len(self._behind) > WAITING_BYTES:
            self._unwatch()

    def _told(self, answer: Answer) -> None:
        self._storing = False
        if self._sock.fileno() < 0:  # it was closed meanwhile
            return
        doors = self._doors
        keeps, now = self._keeps and not doors.closing, doors.loop.time()
        if not (self._is_sent(doors.written(answer, now, keeps=keeps)) and keeps):
            self.abort()
            return
        doors.connections.wait(self)
        self._due = now + doors.limits.idle_s
        self._watch()
        if self._behind:
            behind, self._behind = self._behind, b""
            self._take(behind)

    def _is_sent(self, written: bytes) -> bool:
        """Send; False for who has gone, or has left so many answers unread that there is no room for one."""
        try:
            return self._sock.send(written, socket.MSG_DONTWAIT) == len(written)
        except OSError:
            return False

    def _watch(self) -> None:
        """Be told of what comes from now on; nobody asks the kernel for that before something is missing."""
        if not self._watched:
            self._watched = True
            self._doors.loop.add_reader(self._sock.fileno(), self._read)

    def _unwatch(self) -> None:
        if self._watched:
            self._watched = False
            self._doors.loop.remove_reader(self._sock.fileno())


class _Handed(asyncio.Protocol):
    """Gives a connection on to the protocol of the long way, and what has come before more is read."""

    def __init__(self, doors: Doors, protocol: asyncio.Protocol, came: bytes) -> None:
        self._doors = doors
        self._protocol = protocol
        self._came = came

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Step back."""
        if self._doors.closing:
            cast("asyncio.Transport", transport).abort()
            return
        transport.set_protocol(self._protocol)
        self._protocol.connection_made(transport)
        if not transport.is_closing():
            self._protocol.data_received(self._came)


def _written(answer: Answer, now: datetime, *, keeps: bool) -> bytes:
    body = orjson.dumps(dict(answer.body))
    status = HTTPStatus(answer.status)
    lines = [
        f"HTTP/1.1 {status.value} {status.phrase}",
        "Content-Type: application/json",
        f"Server: {SOFTWARE}",
        f"Content-Length: {len(body)}",
        f"Date: {format_datetime(now, usegmt=True)}",
    ]
    if answer.retry_after is not None:
        lines.append(f"Retry-After: {answer.retry_after}")
    if not keeps:
        lines.append("Connection: close")
    return "\r\n".join([*lines, "", ""]).encode("ascii") + body
