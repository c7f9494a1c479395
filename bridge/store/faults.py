"""What a database error means for a write: the store is out of reach, or the operation itself is wrong.

Codes: https://www.sqlite.org/rescode.html and https://www.postgresql.org/docs/current/errcodes-appendix.html
"""

from __future__ import annotations

import sqlite3
from enum import Enum, auto

from sqlalchemy.exc import DBAPIError, DisconnectionError, OperationalError
from sqlalchemy.exc import TimeoutError as PoolTimeout

from bridge.store.errors import StoreUnavailable


class Fault(Enum):
    """The five ways in which a transaction fails."""

    LOST = auto()
    """The connection is gone."""
    UNAVAILABLE = auto()
    """The database says it cannot write, or cannot write in time."""
    CONFLICT = auto()
    """Another transaction was in the way; the same operation may succeed at once."""
    CHANGED = auto()
    """A table, or the right to it, is not there: somebody restores a backup, or has forgotten a grant.

    Our statements are fixed, so no row can be the reason; operations on other tables may succeed.
    """
    OWN = auto()
    """The operation's own error."""


_SQLITE_UNAVAILABLE = frozenset(
    {
        sqlite3.SQLITE_PERM,
        sqlite3.SQLITE_BUSY,
        sqlite3.SQLITE_LOCKED,
        sqlite3.SQLITE_NOMEM,
        sqlite3.SQLITE_READONLY,
        sqlite3.SQLITE_IOERR,
        sqlite3.SQLITE_CORRUPT,
        sqlite3.SQLITE_FULL,
        sqlite3.SQLITE_CANTOPEN,
        sqlite3.SQLITE_PROTOCOL,
        sqlite3.SQLITE_NOTADB,
    }
)
_DAMAGED = "the file is damaged: stop the bridge and restore a backup, docs/how-to/upgrade-and-back-up.md"
_SQLITE_ADVICE = {
    sqlite3.SQLITE_CORRUPT: _DAMAGED,
    sqlite3.SQLITE_NOTADB: _DAMAGED,
    sqlite3.SQLITE_FULL: "make room on its disk",
    sqlite3.SQLITE_IOERR: "look after its disk",
    sqlite3.SQLITE_READONLY: "let this user write the file and its folder",
    sqlite3.SQLITE_CANTOPEN: "it has to be a file that this user may write, in a folder where it may, too",
    sqlite3.SQLITE_BUSY: "another program has been writing to it for long",
}
_PG_CONFLICT = ("40001", "40P01", "55P03")  # serialization failure, deadlock, lock_timeout
_PG_CHANGED = ("42501", "42P01", "42703", "3F000")  # no right; no such table, column, schema
_PG_UNAVAILABLE = ("08", "25006", "53", "57", "58", "XX")  # class, or whole code
_NO_CONNECTION = "check that the server runs, and the address, database, user and password in `store:`"
_PG_ADVICE = {
    "42501": "the user in `store:` has to own the tables and to have CREATE in their schema, "
    "or to be granted SELECT, INSERT, UPDATE and DELETE on all of them",
    "42P01": "if a backup is being restored, all goes on when it is there; else restore one",
    "42703": "the tables are not this version's: see that all nodes have the same version",
    "25006": "the server takes no writes, as a standby does, or one set to read-only; "
    "name the primary in `store:`",
}
"""What to do, by the code."""


def fault_of(error: BaseException) -> Fault:
    """Say what `error`, raised inside a transaction, means."""
    if isinstance(error, (PoolTimeout, StoreUnavailable)):
        return Fault.UNAVAILABLE
    if isinstance(error, DisconnectionError):
        return Fault.LOST
    if not isinstance(error, DBAPIError):
        return Fault.OWN
    if error.connection_invalidated:
        return Fault.LOST
    if isinstance(error.orig, sqlite3.Error):
        return _sqlite(error.orig)
    state = getattr(error.orig, "sqlstate", None)
    if state is None and isinstance(error, OperationalError):  # no connection: no server said why
        return Fault.UNAVAILABLE
    return _postgresql(state)


def reason(error: BaseException) -> str:
    """Return the database's own sentence, without the statement and its values, and what to do if we know."""
    inner = error.orig if isinstance(error, DBAPIError) else error
    lines = str(inner).strip().splitlines()
    said = lines[0] if lines else type(inner).__name__
    advice = _sqlite_advice(inner) if isinstance(inner, sqlite3.Error) else _postgresql_advice(error)
    return f"{said}; {advice}" if advice else said


def _sqlite_advice(error: sqlite3.Error) -> str:
    return _SQLITE_ADVICE.get(getattr(error, "sqlite_errorcode", 0) & 0xFF, "")


def _postgresql_advice(error: BaseException) -> str:
    if not isinstance(error, DBAPIError):
        return ""
    state = getattr(error.orig, "sqlstate", None)
    if state is None:
        is_ours = isinstance(error, OperationalError) and not error.connection_invalidated
        return _NO_CONNECTION if is_ours else ""
    return _PG_ADVICE.get(state, "")


def _sqlite(error: sqlite3.Error) -> Fault:
    # The driver's own errors ("interface misuse") carry no code.
    code = getattr(error, "sqlite_errorcode", 0)
    return Fault.UNAVAILABLE if code & 0xFF in _SQLITE_UNAVAILABLE else Fault.OWN


def _postgresql(state: str | None) -> Fault:
    if state is None:
        return Fault.OWN
    if state in _PG_CONFLICT:
        return Fault.CONFLICT
    if state in _PG_CHANGED:
        return Fault.CHANGED
    return Fault.UNAVAILABLE if state.startswith(_PG_UNAVAILABLE) else Fault.OWN
