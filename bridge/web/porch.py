"""Where connections come in: they are taken from the kernel here, and each gets its door."""

from __future__ import annotations

import socket
from collections.abc import Sequence

from bridge.web.door import Doors

RETRY_S = 1.0
"""When to take connections again after there was no room for one, as asyncio has it."""


class Porch:
    """Takes the connections of one listener, from `sockets` that listen without waiting.

    At most so many are taken in a row. Belongs to the event loop it was made in.
    """

    def __init__(self, doors: Doors, sockets: Sequence[socket.socket], at_once: int) -> None:
        self._doors = doors
        self._loop = doors.loop
        self._sockets = sockets
        self._at_once = at_once
        for each in sockets:
            self._watch(each)

    def close(self) -> None:
        """Take no new connection."""
        sockets, self._sockets = self._sockets, ()
        for each in sockets:
            self._loop.remove_reader(each.fileno())
            each.close()

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
            self._doors.open(sock)

    def _pause(self, listening: socket.socket, error: OSError) -> None:
        """Tell of a want of files or memory as asyncio does, and look again in a moment."""
        said = {"message": "socket.accept() failed", "exception": error, "socket": listening}
        self._loop.call_exception_handler(said)
        self._loop.remove_reader(listening.fileno())
        self._loop.call_later(RETRY_S, self._watch, listening)
