"""Carries what SQLite's log holds back into its file, beside the thread that writes.

SQLite itself does it within a commit, and all who wait for the store wait for it: a third of a second among a
million rows, where each event changes pages of its own.

One checkpoint runs at a time, and only when something was committed after the last one had ended. One that
has nothing to carry must not meet the writer as it starts the log anew: SQLite before 3.51.3 may lose
what is written then (https://sqlite.org/wal.html#walresetbug).
"""

from __future__ import annotations

import contextlib
import os
import sqlite3
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import Any

from sqlalchemy import Connection

from bridge.store.engines import JOURNAL_BYTES

ENOUGH = 4_000
"""Changed rows after which it is worth while: those of some 500 events."""
MOST_PAGES = 8_000
"""From how many pages on (32 MiB) the log is to start anew, for which the writer has to wait a moment."""


class WriteBack:
    """Follows the commits of one thread that writes to a file; `close` it when there are no more."""

    def __init__(self, file: Path, *, enough: int = ENOUGH, most_pages: int = MOST_PAGES) -> None:
        self._existing = file.as_uri() + "?mode=rw"  # no new file where it was removed
        self._wal = f"{file}-wal"
        self._enough = enough
        self._most_pages = most_pages
        self._executor = ThreadPoolExecutor(1, thread_name_prefix="store-write-back")
        self._under_way: Future[int] | None = None
        self._changes = 0
        self._since = 0
        self._pages = 0

    def committed(self, connection: Connection) -> None:
        """See to what there is to do after a commit of the thread; raises nothing."""
        raw: Any = connection.connection.dbapi_connection
        self._count(raw.total_changes)
        carried = self._under_way
        if carried is not None:
            if carried.done():
                self._under_way = None
                self._pages = carried.result()
        elif self._pages > self._most_pages:
            self._pages = self._since = 0
            _checkpoint(raw)  # the little that came during the last one and since; then there is nothing left
        elif self._since >= self._enough or self._is_long():
            self._since = 0
            self._under_way = self._executor.submit(self._carry)

    def close(self) -> None:
        """Wait for what is under way."""
        self._executor.shutdown()

    def _count(self, changes: int) -> None:
        """Count changed rows; a new connection begins at 0."""
        self._since += changes - self._changes if changes >= self._changes else changes
        self._changes = changes

    def _is_long(self) -> bool:
        """Return whether few rows made the log longer than it stays when it starts anew."""
        try:
            return os.stat(self._wal).st_size > JOURNAL_BYTES  # noqa: PTH116 - asked after every commit
        except OSError:
            return False

    def _carry(self) -> int:
        """Carry back what is committed now; returns how many pages the log had, or 0 if it cannot be."""
        with contextlib.suppress(sqlite3.Error):  # the file is away
            connection = sqlite3.connect(self._existing, uri=True)
            with contextlib.closing(connection):
                connection.executescript("PRAGMA synchronous = FULL; PRAGMA fullfsync = ON;")
                return _checkpoint(connection)
        return 0


def _checkpoint(connection: sqlite3.Connection) -> int:
    """Carry back as much as can be without waiting for anybody; where it fails, the next one does it."""
    with contextlib.suppress(sqlite3.Error):
        _, pages, _ = connection.execute("PRAGMA wal_checkpoint(PASSIVE)").fetchone()
        return int(pages)
    return 0
