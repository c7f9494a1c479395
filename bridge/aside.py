"""Standard error of a process that waits for nobody who reads it.

A pipe whose reader has stopped, or a terminal on which somebody pressed Ctrl-S, takes a while and then
nothing more: whoever writes to it stands still, and with the event loop every sender. So a thread writes. So
much of what it has not written yet is kept; the rest is lost and counted.
"""

from __future__ import annotations

import os
import select
import stat
import threading
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from typing import TextIO

MOST_BYTES = 1024 * 1024
"""How much may wait to be written."""
CLOSING_S = 1.0
"""How long the end of the process waits for it."""


def keeps_waiting(stream: TextIO) -> bool:
    """Return whether a stream may have its writer wait for a reader, as no file does."""
    try:
        mode = os.fstat(stream.fileno()).st_mode
    except (OSError, ValueError):  # closed, or none of the system's
        return False
    return stat.S_ISFIFO(mode) or stat.S_ISSOCK(mode) or stream.isatty()


class Aside:
    """Takes text for a stream, and writes it in a thread.

    `lost` is called in that thread once the stream takes text again, with the number of lines that it has
    not got.
    """

    def __init__(self, stream: TextIO) -> None:
        self.lost: Callable[[int], None] = lambda _lines: None
        self.isatty, self.fileno = stream.isatty, stream.fileno
        self.encoding, self.errors = stream.encoding, stream.errors
        self._waiting: deque[bytes] = deque()
        self._bytes = self._lines = 0
        self._changed = threading.Condition()
        self._thread: threading.Thread | None = None

    def write(self, text: str) -> int:
        """Take text, or lose it; returns at once."""
        written = text.encode(self.encoding, self.errors or "backslashreplace")
        with self._changed:
            if self._bytes + len(written) > MOST_BYTES:
                self._lines += text.count("\n")
                return len(text)
            self._waiting.append(written)
            self._bytes += len(written)
            if self._thread is None:
                self._thread = threading.Thread(target=self._run, name="standard error", daemon=True)
                self._thread.start()
            self._changed.notify_all()
        return len(text)

    def flush(self) -> None:
        """Do nothing: what waits is written as soon as it is taken."""

    def close(self) -> None:
        """Give what waits a moment to be written."""
        with self._changed:
            self._changed.wait_for(lambda: not self._bytes, CLOSING_S)

    def _run(self) -> None:
        while True:
            with self._changed:
                self._changed.wait_for(lambda: self._waiting)
                written = b"".join(self._waiting)
                self._waiting.clear()
            with suppress(OSError):  # its reader has gone
                _write(self.fileno(), written)
            with self._changed:
                self._bytes -= len(written)
                lines, self._lines = self._lines, 0
                self._changed.notify_all()
            if lines:
                self.lost(lines)


def _write(file: int, written: bytes) -> None:
    """Write all, also to what somebody else has told to keep nobody waiting."""
    left = memoryview(written)
    while left:
        try:
            left = left[os.write(file, left) :]
        except BlockingIOError:
            select.select([], [file], [])
