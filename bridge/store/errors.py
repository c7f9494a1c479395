"""What can be wrong with the store as a whole; an operation's own errors pass through unchanged."""

from __future__ import annotations


class StoreError(Exception):
    """The store cannot be used; the text says which store, what is wrong and what to do."""


class StoreUnavailable(StoreError):
    """The store cannot be written or read just now: disk full, locked, read-only, connection lost.

    Nothing is broken for good: the next call tries again. A write that failed like this was not committed,
    unless it is `StoreInDoubt`.
    """


class StoreInDoubt(StoreUnavailable):
    """It failed in the very commit, so nobody knows whether that was made.

    On PostgreSQL the connection may have gone after the commit: ask the store before repeating what must not
    happen twice. SQLite has not committed, but for a disk that fails as it is told to flush.
    """


class StoreBusy(StoreUnavailable):
    """More writes are waiting than the queue may hold."""


class StoreInUse(StoreError):
    """Another `bridge run` has this SQLite file."""


class SchemaMismatch(StoreError):
    """The database was written by a newer bridge, or by another program."""
