"""What a database's error means: whether a sender shall come again, or an operation is at fault."""

from __future__ import annotations

import sqlite3

import psycopg
import pytest
from sqlalchemy.exc import DBAPIError, OperationalError

from bridge.store.faults import Fault, fault_of, reason

AWAY = (
    "SQLITE_PERM",
    "SQLITE_BUSY",
    "SQLITE_BUSY_SNAPSHOT",
    "SQLITE_LOCKED",
    "SQLITE_NOMEM",
    "SQLITE_READONLY",
    "SQLITE_READONLY_DBMOVED",
    "SQLITE_IOERR",
    "SQLITE_IOERR_WRITE",
    "SQLITE_IOERR_FSYNC",
    "SQLITE_CORRUPT",
    "SQLITE_FULL",
    "SQLITE_CANTOPEN",
    "SQLITE_PROTOCOL",
    "SQLITE_NOTADB",
)
OURS = ("SQLITE_CONSTRAINT_UNIQUE", "SQLITE_TOOBIG", "SQLITE_MISMATCH", "SQLITE_ERROR", "SQLITE_MISUSE")


def of_sqlite(code: str) -> DBAPIError:
    error = sqlite3.OperationalError("as the driver says it")
    error.sqlite_errorcode = getattr(sqlite3, code)
    return OperationalError("SELECT 1", {}, error)


@pytest.mark.parametrize("code", AWAY)
def test_a_disk_that_fails_is_no_fault_of_an_event(code: str) -> None:
    """Its sender is told to come again: an event must not be put aside for a bad disk."""
    assert fault_of(of_sqlite(code)) is Fault.UNAVAILABLE


@pytest.mark.parametrize(
    ("code", "advice"),
    [
        ("SQLITE_NOTADB", "restore a backup, docs/how-to/upgrade-and-back-up.md"),
        ("SQLITE_CORRUPT", "restore a backup, docs/how-to/upgrade-and-back-up.md"),
        ("SQLITE_CORRUPT_INDEX", "restore a backup, docs/how-to/upgrade-and-back-up.md"),
        ("SQLITE_FULL", "make room on its disk"),
        ("SQLITE_IOERR_WRITE", "look after its disk"),
        ("SQLITE_READONLY", "let this user write the file and its folder"),
        ("SQLITE_CANTOPEN", "a file that this user may write, in a folder where it may, too"),
        ("SQLITE_BUSY", "another program has been writing to it for long"),
    ],
)
def test_what_can_be_done_about_the_file_is_said(code: str, advice: str) -> None:
    """SQLite says what is wrong, and whoever reads that at night what to do."""
    said = reason(of_sqlite(code))
    assert said.startswith("as the driver says it; ")
    assert said.endswith(advice)


def test_an_error_that_is_no_files_is_said_as_it_is() -> None:
    """A server out of reach, or a mistake of ours: nobody has to look after a disk."""
    assert reason(of_sqlite("SQLITE_MISUSE")) == "as the driver says it"
    assert reason(DBAPIError("SELECT 1", {}, psycopg.OperationalError("gone\nfor good"))) == "gone"


@pytest.mark.parametrize("code", OURS)
def test_an_operations_own_error_is_not_taken_for_the_disks(code: str) -> None:
    """Else one bad row would be tried for ever."""
    assert fault_of(of_sqlite(code)) is Fault.OWN


@pytest.mark.parametrize(
    ("error", "means"),
    [
        (psycopg.errors.DiskFull, Fault.UNAVAILABLE),
        (psycopg.errors.IoError, Fault.UNAVAILABLE),
        (psycopg.errors.TooManyConnections, Fault.UNAVAILABLE),
        (psycopg.errors.AdminShutdown, Fault.UNAVAILABLE),
        (psycopg.errors.CannotConnectNow, Fault.UNAVAILABLE),
        (psycopg.errors.QueryCanceled, Fault.UNAVAILABLE),
        (psycopg.errors.ReadOnlySqlTransaction, Fault.UNAVAILABLE),
        (psycopg.errors.ConnectionException, Fault.UNAVAILABLE),
        (psycopg.errors.DataCorrupted, Fault.UNAVAILABLE),
        (psycopg.errors.SerializationFailure, Fault.CONFLICT),
        (psycopg.errors.DeadlockDetected, Fault.CONFLICT),
        (psycopg.errors.LockNotAvailable, Fault.CONFLICT),
        (psycopg.errors.UniqueViolation, Fault.OWN),
        (psycopg.errors.StringDataRightTruncation, Fault.OWN),
        (psycopg.errors.UndefinedTable, Fault.CHANGED),
        (psycopg.errors.UndefinedColumn, Fault.CHANGED),
        (psycopg.errors.InvalidSchemaName, Fault.CHANGED),
        (psycopg.errors.InsufficientPrivilege, Fault.CHANGED),
    ],
)
def test_postgresql_says_by_a_code_whose_fault_it_is(error: type[psycopg.Error], means: Fault) -> None:
    """Whole classes of codes are the server's."""
    assert fault_of(DBAPIError("SELECT 1", {}, error("as the server says it"))) is means
