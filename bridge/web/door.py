"""The short way in: a whole, authentic event that comes in one piece is stored and answered without aiohttp.

Nearly every event comes so. Whatever is anything else goes to aiohttp from its first byte, together with its
connection: what it is told is decided in one place, `bridge.web.hooks`.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from datetime import datetime
from email.utils import format_datetime
from http import HTTPStatus
from typing import Protocol, cast

import orjson
from aiohttp import web

from bridge.pipeline.ingest import Answer
from bridge.web.answers import SOFTWARE
from bridge.web.connections import Abortable, Connections
from bridge.web.limits import Limits
from bridge.web.whole import WholeReader

PREFIX = b"POST /hooks/"
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


class Visitor(Abortable, Protocol):
    """A connection that is open on the short way: a door, or a socket without one (`bridge.web.porch`)."""

    def retire(self) -> None:
        """Take nothing more; close, at once or after the answer that is under way."""
        ...

    def look(self, now: float) -> None:
        """Give up a sender whose time is over, by the loop's clock."""
        ...


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
        self.long_way = long_way
        self.loop = asyncio.get_running_loop()
        self.reader = WholeReader(limits)
        self.closing = False
        self._open: set[Visitor] = set()
        self._left = asyncio.Event()
        self._written: dict[tuple[int, int | None, bool], bytes] = {}
        self._until = 0.0
        self.patience_s = min(limits.head_s, limits.idle_s)
        self._look_s = min(1.0, self.patience_s / LOOKS)
        self._timer: asyncio.TimerHandle | None = None

    def door(self, came: bytes = b"") -> Door:
        """Return the protocol of a new connection, over which this has come already."""
        return Door(self, came)

    def enter(self, visitor: Visitor) -> None:
        """Take note of an open connection."""
        self._open.add(visitor)
        self.connections.enter(visitor)
        if self._timer is None:
            self._timer = self.loop.call_later(self._look_s, self._look)

    def leave(self, visitor: Visitor) -> None:
        """Forget one that is closed or handed over."""
        self._open.discard(visitor)
        self.connections.leave(visitor)
        self._left.set()

    def reads(self, data: bytes) -> bool:
        """Return whether it is a whole request of the usual kind; `reader` has what it says."""
        return data.startswith(PREFIX) and self.reader.read(data)

    def takes(self, told: Callable[[Answer], None]) -> bool:
        """Give on what the reader has read; what raises is answered, and told of, on the long way."""
        reader = self.reader
        try:
            return self.taker.take(reader.path, reader.headers, reader.body, told)
        except Exception:  # noqa: BLE001 - it is not for this sender's neighbours, nor for the event loop
            return False

    async def close(self, grace_s: float) -> None:
        """Close every connection, those with a request that is being stored after its answer."""
        self.closing = True
        for visitor in list(self._open):
            visitor.retire()
        try:
            async with asyncio.timeout(grace_s):
                while self._open:
                    self._left.clear()
                    await self._left.wait()
        except TimeoutError:
            for visitor in list(self._open):
                visitor.abort()

    def _look(self) -> None:
        """Cut off whoever takes too long: one timer for all, since one for each connection costs more."""
        now = self.loop.time()
        for visitor in list(self._open):
            visitor.look(now)
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


class Door(asyncio.Protocol):
    """One connection, for as long as everything that comes over it is of the usual kind."""

    __slots__ = ("_behind", "_blocked", "_doors", "_due", "_keeps", "_storing", "_transport")

    def __init__(self, doors: Doors, came: bytes = b"") -> None:
        self._doors = doors
        self._transport: asyncio.Transport | None = None
        self._due = 0.0
        self._storing = False
        self._keeps = True
        self._blocked = False
        self._behind = came

    def retire(self) -> None:
        """Take nothing more; close, at once or after the answer that is under way."""
        if not self._storing and self._transport is not None:
            self._transport.close()

    def abort(self) -> None:
        """Close at once, whatever is still to be written."""
        if self._transport is not None:
            self._transport.abort()

    def look(self, now: float) -> None:
        """Give up a sender whose time is over, by the loop's clock; while we store, it is our turn."""
        if self._due <= now and not self._storing:
            self.abort()

    # ---- what the event loop calls ----

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Begin; who does not send a request soon is cut off."""
        self._transport = cast("asyncio.Transport", transport)
        self._due = self._doors.loop.time() + self._doors.patience_s
        self._doors.enter(self)
        if self._doors.closing:  # it came in while the listener was closed
            self._transport.abort()
        elif self._behind and not transport.is_closing():
            self._go_on()

    def data_received(self, data: bytes) -> None:
        """Take a request, or hand it and its connection over."""
        doors = self._doors
        if self._storing or self._blocked:
            self._wait_behind(data)
            return
        if doors.closing:
            return
        if doors.reads(data) and doors.takes(self._told):
            self._keeps = doors.reader.keeps
            self._storing = True
            doors.connections.attend(self)
        else:
            self._hand_over(data)

    def eof_received(self) -> bool:
        """Stay open for an answer that is under way."""
        self._keeps = False
        return self._storing

    def pause_writing(self) -> None:
        """Take no more from who does not read its answers."""
        self._blocked = True
        if self._transport is not None:
            self._transport.pause_reading()

    def resume_writing(self) -> None:
        """Go on."""
        self._blocked = False
        self._go_on()

    def connection_lost(self, exc: BaseException | None) -> None:  # noqa: ARG002 - why is not what matters
        """End; what is being stored is stored all the same."""
        self._leave()

    # ---- one request ----

    def _told(self, answer: Answer) -> None:
        self._storing = False
        transport, doors = self._transport, self._doors
        if transport is None:
            return
        keeps, now = self._keeps and not doors.closing, doors.loop.time()
        transport.write(doors.written(answer, now, keeps=keeps))
        if not keeps:
            transport.close()
            return
        doors.connections.wait(self)
        self._due = now + doors.limits.idle_s
        if self._behind:
            self._go_on()

    def _wait_behind(self, data: bytes) -> None:
        self._behind += data
        if len(self._behind) > WAITING_BYTES and self._transport is not None:
            self._transport.pause_reading()

    def _go_on(self) -> None:
        if self._storing or self._blocked or self._transport is None:
            return
        behind, self._behind = self._behind, b""
        self._transport.resume_reading()
        if behind:
            self.data_received(behind)

    def _hand_over(self, data: bytes) -> None:
        transport = self._transport
        if transport is None:
            return
        self._leave()
        protocol = self._doors.long_way()
        transport.set_protocol(protocol)
        protocol.connection_made(transport)
        protocol.data_received(data)

    def _leave(self) -> None:
        self._transport = None
        self._doors.leave(self)


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
