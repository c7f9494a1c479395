"""The lock by which one `bridge run` has a SQLite file to itself; it goes when the process does."""

from __future__ import annotations

import fcntl
import os
from pathlib import Path

from bridge.store.errors import StoreError, StoreInUse


class Alone:
    """An exclusive lock on `<database>.lock`.

    A file of its own, because closing any handle of the database file would drop SQLite's own locks on it.
    The file stays when the lock goes: removing it would let two processes lock two different files.
    """

    def __init__(
        self, database: Path, advice: str = "stop it first, or give this one a store of its own"
    ) -> None:
        """Take it; raises `StoreInUse`, with this advice, when another process has it."""
        self._path = database.with_name(database.name + ".lock")
        self._database = database
        self._handle = self._open()
        try:
            fcntl.flock(self._handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            owner = os.pread(self._handle, 32, 0).decode("ascii", "replace").strip() or "unknown"
            os.close(self._handle)
            raise StoreInUse(
                f"another bridge (process {owner}) is running on {database}; {advice}"
            ) from error
        os.ftruncate(self._handle, 0)
        os.pwrite(self._handle, f"{os.getpid()}\n".encode(), 0)

    def release(self) -> None:
        """Let another bridge run."""
        os.close(self._handle)

    def _open(self) -> int:
        try:
            return os.open(self._path, os.O_RDWR | os.O_CREAT, 0o600)
        except OSError as error:
            raise StoreError(f"the store's lock {self._path} cannot be opened: {error.strerror}") from error
