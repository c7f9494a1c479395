"""Where connections come in: each is a bare socket here, until its first bytes have come.

A sender that asks for the end of its connection with its only request is answered on that socket. A
connection's transport, its task, its future and five calls through the loop would cost more than to store the
event that comes on it. All others get their transport now, with what has come.
"""

from __future__ import annotations

import asyncio
import contextlib
import socket
from collections.abc import Sequence

from bridge.pipeline.ingest import Answer
from bridge.web.door import Doors

PIECE_BYTES = 64 * 1024
"""How much is read at once; a whole request that is larger takes a transport."""
RETRY_S = 1.0
"""When to take connections again after there was no room for one, as asyncio has it."""
_AT_ONCE = socket.MSG_DONTWAIT


class Porch:
    """Takes the connections of one listener, from `sockets` that listen without waiting.

    At most so many are taken in a row. Belongs to the event loop it was made in.
    """

    def __init__(self, doors: Doors, sockets: Sequence[socket.socket], at_once: int) -> None:
        self._doors = doors
        self._loop = doors.loop
        self._sockets = sockets
        self._at_once = at_once
        self._led_in: set[asyncio.Task[None]] = set()
        for each in sockets:
            self._watch(each)

    def close(self) -> None:
        """Take no new connection."""
        sockets, self._sockets = self._sockets, ()
        for each in sockets:
            self._loop.remove_reader(each.fileno())
            each.close()

    def lead_in(self, sock: socket.socket, came: bytes) -> None:
        """Give a connection its transport, and its door what has come."""
        task = self._loop.create_task(self._lead_in(sock, came))
        self._led_in.add(task)
        task.add_done_callback(self._led_in.discard)

    async def _lead_in(self, sock: socket.socket, came: bytes) -> None:
        try:
            await self._loop.connect_accepted_socket(lambda: self._doors.door(came), sock)
        except OSError:  # it has gone meanwhile
            sock.close()

    def _watch(self, listening: socket.socket) -> None:
        if listening.fileno() >= 0:  # else it was closed meanwhile
            self._loop.add_reader(listening.fileno(), self._accept, listening)

    def _accept(self, listening: socket.socket) -> None:
        for _ in range(self._at_once):
            try:
                sock, _ = listening.accept()
            except (BlockingIOError, InterruptedError, ConnectionAbortedError):
                return
            except OSError as error:
                self._pause(listening, error)
                return
            Caller(self, self._doors, sock)

    def _pause(self, listening: socket.socket, error: OSError) -> None:
        """Tell of a want of files or memory as asyncio does, and look again in a moment."""
        said = {"message": "socket.accept() failed", "exception": error, "socket": listening}
        self._loop.call_exception_handler(said)
        self._loop.remove_reader(listening.fileno())
        self._loop.call_later(RETRY_S, self._watch, listening)


class Caller:
    """One connection without a transport: it waits for its first bytes, or is answered and ends."""

    __slots__ = ("_doors", "_due", "_porch", "_sock", "_storing")

    def __init__(self, porch: Porch, doors: Doors, sock: socket.socket) -> None:
        self._porch = porch
        self._doors = doors
        self._sock = sock
        self._due = doors.loop.time() + doors.patience_s
        self._storing = False
        doors.loop.add_reader(sock.fileno(), self._read)
        doors.enter(self)

    def retire(self) -> None:
        """Take nothing more; close, at once or after the answer that is under way."""
        if not self._storing:
            self._end()

    def abort(self) -> None:
        """Close at once."""
        self._end()

    def look(self, now: float) -> None:
        """Give up a sender whose time is over, by the loop's clock; while we store, it is our turn."""
        if self._due <= now and not self._storing:
            self._end()

    def _read(self) -> None:
        """Take a request that is to be the only one, or lead the connection in."""
        try:
            data = self._sock.recv(PIECE_BYTES, _AT_ONCE)
        except BlockingIOError:
            return
        except OSError:
            data = b""
        if not data:
            self._end()
            return
        doors = self._doors
        doors.loop.remove_reader(self._sock.fileno())
        if doors.reads(data) and not doors.reader.keeps and doors.takes(self._told):
            self._storing = True
            doors.connections.attend(self)
        else:
            doors.leave(self)
            self._porch.lead_in(self._sock, data)

    def _told(self, answer: Answer) -> None:
        sock, doors = self._sock, self._doors
        if sock.fileno() < 0:  # closed meanwhile
            return
        with contextlib.suppress(OSError):  # it has gone, and will ask again
            # Nothing was sent before, so there is room for all of it.
            sock.send(doors.written(answer, doors.loop.time(), keeps=False), _AT_ONCE)
        self._end()

    def _end(self) -> None:
        sock = self._sock
        if sock.fileno() >= 0:
            if not self._storing:
                self._doors.loop.remove_reader(sock.fileno())
            sock.close()
            self._doors.leave(self)
