"""What can be wrong with the store as a whole; an operation's own errors pass through unchanged."""

from __future__ import annotations


class StoreError(Exception):
    """The store cannot be used; the text says which store, what is wrong and what to do."""


class StoreUnavailable(StoreError):
    """The store cannot be written or read just now: disk full, locked, read-only, connection lost.

    Nothing is broken for good: the next call tries again. Whether a write that failed like this was
    committed is known only for SQLite (it was not); on PostgreSQL the connection may have gone after
    the commit, so ask the store before repeating what must not happen twice.
    """


class StoreBusy(StoreUnavailable):
    """More writes are waiting than the queue may hold."""


class StoreInUse(StoreError):
    """Another `bridge run` has this SQLite file."""


class SchemaMismatch(StoreError):
    """The database was written by a newer bridge, or by another program."""
