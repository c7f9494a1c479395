"""Engines for one database, one that writes and one that reads, with the settings our promises rest on."""

from __future__ import annotations

import os
import secrets
import sqlite3
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any, cast

from msgspec import Struct
from sqlalchemy import URL, Connection, Engine, ExceptionContext, create_engine, event, make_url
from sqlalchemy.exc import ArgumentError, NoSuchModuleError

from bridge.store import arrays, keys, news, source_names
from bridge.store.errors import StoreError
from bridge.store.listening import Ear
from bridge.store.prepared import run_text

SQLITE_NEEDED = (3, 35)
"""The first SQLite with RETURNING (2021)."""
JOURNAL_BYTES = 64 * 1024 * 1024
"""How long the file of SQLite's log stays. Nothing is carried back by itself: see `store/write_back.py`."""
CACHE_KIB = 2 * 1024
"""A statement for many rows also keeps the pages it changes as they were: in memory, not in a file."""
ALIVE = {"keepalives_idle": 10, "keepalives_interval": 5, "keepalives_count": 3, "tcp_user_timeout": 25_000}
"""A PostgreSQL that is gone without a word is noticed within 25 seconds; Linux alone would wait for hours.

https://www.postgresql.org/docs/current/libpq-connect.html#LIBPQ-KEEPALIVES
"""
# For every NULL that is bound, the driver looks for what adapts None, in three places, unless it finds this.
sqlite3.register_adapter(type(None), cast("Any", {}.get))
EXPECTED = "expected 'sqlite:///path/to/bridge.db' or 'postgresql://user@host/database'"
_SECRETS = {"password", "sslpassword"}
"""What libpq takes as a secret among the parameters of an address: see the page above."""


class Engines(Struct, frozen=True):
    """Both engines of a store. `name` is its URL without the password, `file` is SQLite's file.

    `ear` is how PostgreSQL is listened to for what other processes do.
    """

    writer: Engine
    reader: Engine
    name: str
    file: Path | None
    ear: Ear | None = None

    def dispose(self) -> None:
        """Close every connection."""
        self.reader.dispose()
        self.writer.dispose()


def make_engines(url: str, *, readers: int = 4, busy_timeout: timedelta = timedelta(seconds=5)) -> Engines:
    """Return the engines for `url`; connects to nothing.

    `busy_timeout` is how long a statement waits for a lock that another process holds. Raises `StoreError`
    when the URL is not one of a store, or the database's driver is missing or too old.
    """
    parsed = _parse(url)
    if parsed.get_backend_name() == "sqlite":
        return _sqlite(parsed, readers, busy_timeout)
    return _postgresql(parsed, readers, busy_timeout)


def _parse(url: str) -> URL:
    try:
        parsed = make_url(url)
    except (ArgumentError, ValueError):  # the latter, with a piece of the URL, for a port that is no number
        raise StoreError(f"the store's URL cannot be read: {EXPECTED}") from None
    if "@" in (parsed.host or ""):  # what is shown as the host would be the end of the password
        raise StoreError(f"the store's URL has an '@' in its password, write it as %40: {EXPECTED}")
    backend = parsed.get_backend_name()
    if backend == "postgres":
        return parsed.set(drivername="postgresql")
    if backend not in {"sqlite", "postgresql"}:
        raise StoreError(f"the store cannot be a '{backend}' database: {EXPECTED}")
    return parsed


def _sqlite(url: URL, readers: int, busy_timeout: timedelta) -> Engines:
    if sqlite3.sqlite_version_info < SQLITE_NEEDED:
        raise StoreError(f"this Python brings SQLite {sqlite3.sqlite_version}, the store needs 3.35 or newer")
    if url.database in {None, "", ":memory:"} or str(url.database).startswith("file:"):
        raise StoreError(f"the store needs a file of its own, not '{url}': {EXPECTED}")
    file = Path(str(url.database)).resolve()  # two names of one file have one lock
    writer, reader = _pair(
        url.set(database=str(file)),
        readers,
        {"timeout": busy_timeout.total_seconds(), "isolation_level": None},
        reader_options={},
    )
    event.listen(writer, "connect", _on_connect(file, _write_settings))
    event.listen(writer, "begin", _begin_immediate)
    _when_rolled_back(writer, keys.forget, source_names.forget)
    event.listen(reader, "connect", _on_connect(file, _read_settings))
    event.listen(reader, "begin", _begin)
    return Engines(writer, reader, url.render_as_string(hide_password=True), file)


def _when_rolled_back(writer: Engine, *forget: Callable[[Connection], None]) -> None:
    """Have a connection forget what it knows of the tables when some of it may be undone."""
    for each in forget:
        event.listen(writer, "rollback", each)
        event.listen(writer, "rollback_savepoint", lambda connection, *_, each=each: each(connection))


def make_file(file: Path) -> None:
    """Create an empty database file that only its owner may read; SQLite gives its helpers the same mode."""
    try:
        os.close(os.open(file, os.O_RDWR | os.O_CREAT, 0o600))
    except OSError as error:
        raise StoreError(f"the store's file {file} cannot be opened: {error.strerror}") from error


def _on_connect(file: Path, apply: Callable[[sqlite3.Connection, Path], None]) -> Callable[[Any, Any], None]:
    def on_connect(connection: sqlite3.Connection, _record: object) -> None:
        apply(connection, file)

    return on_connect


def _write_settings(connection: sqlite3.Connection, file: Path) -> None:
    (mode,) = connection.execute("PRAGMA journal_mode = WAL").fetchone()
    if mode != "wal":
        raise StoreError(
            f"{file} is on a file system that cannot share memory between processes (journal mode '{mode}'); "
            "put the store on a local disk, or use PostgreSQL"
        )
    connection.executescript(
        f"""
        PRAGMA synchronous = FULL;
        PRAGMA fullfsync = ON;
        PRAGMA foreign_keys = ON;
        PRAGMA journal_size_limit = {JOURNAL_BYTES};
        PRAGMA cache_size = -{CACHE_KIB};
        PRAGMA temp_store = MEMORY;
        PRAGMA wal_autocheckpoint = 0;
        {keys.RECENT}
        """
    )


def _read_settings(connection: sqlite3.Connection, _file: Path) -> None:
    connection.execute("PRAGMA query_only = ON")


def _begin_immediate(connection: Connection) -> None:
    # One that reads first and writes later can be refused without a wait for the lock (SQLITE_BUSY_SNAPSHOT).
    run_text(connection, "BEGIN IMMEDIATE")  # for every batch, without what Core makes of a statement


def _begin(connection: Connection) -> None:
    connection.exec_driver_sql("BEGIN")


# Who has got a lock must see what its last holder has committed, whatever the server's default is.
_FRESH = {"default_transaction_isolation": "read committed"}


def _postgresql(url: URL, readers: int, busy_timeout: timedelta) -> Engines:
    ours: dict[str, object] = {"connect_timeout": 10, "application_name": "bridge", **ALIVE}
    arguments = {name: value for name, value in ours.items() if name not in url.query}
    # A read may ask several questions; together they must see one state.
    options = {"isolation_level": "REPEATABLE READ", "pool_pre_ping": True}
    try:
        writer, reader = _pair(url, readers, arguments, reader_options=options)
    except (NoSuchModuleError, ModuleNotFoundError) as error:
        raise StoreError(
            f"the PostgreSQL driver is missing ({error}): install course-bridge[postgres]"
        ) from error
    # Every statement that writes has an index for its rows. With statistics from before a burst of events the
    # planner would rather sort the whole backlog for each claim.
    # Of many rows that are given at once, each is looked up: a plan that was made while a table was small,
    # and is kept, must not read all of it when it is big.
    habits = {
        "enable_bitmapscan": "off",
        "enable_seqscan": "off",
        "enable_hashjoin": "off",
        "enable_mergejoin": "off",
    }
    event.listen(
        writer,
        "connect",
        _session(busy_timeout, {"default_transaction_read_only": "off", **_FRESH, **habits}),
    )
    event.listen(reader, "connect", _session(busy_timeout, {"default_transaction_read_only": "on"}))
    event.listen(writer, "handle_error", _without_details)
    event.listen(reader, "handle_error", _without_details)
    teller = secrets.token_hex(4)
    event.listen(writer, "commit", news.sayer(teller))
    event.listen(writer, "rollback", news.forget)
    _when_rolled_back(writer, source_names.forget)
    positional, named = writer.dialect.create_connect_args(url)
    ear = Ear(positional, {**named, **arguments}, teller)
    return Engines(writer, reader, _shown(url), None, ear)


def _shown(url: URL) -> str:
    """Return an address without its secrets, wherever they stand in it."""
    hidden = url.update_query_dict(dict.fromkeys(_SECRETS & url.query.keys(), "***"))
    return hidden.render_as_string(hide_password=True).replace("%2A%2A%2A", "***")


def _without_details(context: ExceptionContext) -> None:
    # PostgreSQL's DETAIL quotes the row, which is people's data.
    for error in (context.original_exception, context.sqlalchemy_exception):
        if error is not None and error.args:
            error.args = (str(error.args[0]).partition("\n")[0], *error.args[1:])


def _pair(
    url: URL, readers: int, arguments: dict[str, object], *, reader_options: dict[str, object]
) -> tuple[Engine, Engine]:
    # Values of statements are people's data; they stay out of the texts of errors.
    options: dict[str, Any] = {"connect_args": arguments, "max_overflow": 0, "hide_parameters": True}
    writer = create_engine(url, pool_size=1, **options)
    return writer, create_engine(url, pool_size=readers, **options, **reader_options)


def _session(busy_timeout: timedelta, own: dict[str, str]) -> Callable[[Any, Any], None]:
    settings = {
        "statement_timeout": "30s",
        "lock_timeout": f"{busy_timeout // timedelta(milliseconds=1)}ms",
        "idle_in_transaction_session_timeout": "60s",
        "timezone": "UTC",
        "client_encoding": "UTF8",  # as `arrays` sends it
        **own,
    }

    def on_connect(connection: Any, _record: object) -> None:  # noqa: ANN401 - psycopg may not be installed
        connection.autocommit = True
        for name, value in settings.items():
            connection.execute("SELECT set_config(%s, %s, false)", (name, value))
        # "Answered 200 means on disk" must not depend on the server's defaults; stricter ones are left alone.
        connection.execute(
            "SELECT set_config('synchronous_commit', 'on', false) "
            "WHERE current_setting('synchronous_commit') = 'off'"
        )
        connection.autocommit = False
        arrays.teach(connection)

    return on_connect
