"""Brings a database to this program's schema: makes it, finds it right, migrates it, or refuses it."""

from __future__ import annotations

import secrets
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from datetime import timedelta
from itertools import chain

from msgspec import Struct
from sqlalchemy import Connection, insert, inspect, select, text
from sqlalchemy.exc import SQLAlchemyError

from bridge.store.alone import Alone
from bridge.store.engines import Engines, make_engines, make_file
from bridge.store.errors import SchemaMismatch, StoreError, StoreUnavailable
from bridge.store.faults import reason
from bridge.store.migrations import SHIPPED, Migrations
from bridge.store.schema import METADATA, settings, tables_of, version

SECRET = "secret"  # noqa: S105 - the name of the setting
SECRET_BYTES = 32
_ADVISORY_LOCK = 0x6272_6964_6765  # "bridge" in ASCII


class Plan(Struct, frozen=True):
    """What separates a store from this program: its schema's number (None: empty) and the steps to take."""

    current: str | None
    head: str
    steps: tuple[str, ...]


def plan(url: str, *, migrations: Migrations = SHIPPED) -> Plan:
    """Say which migrations `url` needs, changing nothing. Raises as `prepare` does."""
    engines = make_engines(url)
    try:
        with _opening(engines.name):
            return _plan(engines, migrations)
    finally:
        engines.dispose()


def migrate(
    url: str, *, progress: Callable[[str], None] = lambda _step: None, migrations: Migrations = SHIPPED
) -> Plan:
    """Make or migrate the store at `url`; returns what was needed. Raises as `prepare` does."""
    engines = make_engines(url, busy_timeout=timedelta(seconds=30))
    try:
        with _opening(engines.name):
            needed = _plan(engines, migrations)
        prepare(engines, progress=progress, migrations=migrations)
    finally:
        engines.dispose()
    return needed


def prepare(
    engines: Engines,
    *,
    progress: Callable[[str], None] = lambda _step: None,
    migrations: Migrations = SHIPPED,
) -> bytes:
    """Make sure that the schema is this program's, and return the store's secret.

    Raises `SchemaMismatch` for a database of a newer bridge or of another program, `StoreUnavailable` for one
    that cannot be reached or written, `StoreInUse` for a SQLite file that has to be migrated while a bridge
    runs on it, `StoreError` for one that cannot be a store.
    """
    with _opening(engines.name):
        if _plan(engines, migrations).current == migrations.head:
            with engines.reader.begin() as connection:
                secret = _secret(connection)
            if secret is not None:
                return secret
        return _bring_forward(engines, migrations, progress)


@contextmanager
def _opening(name: str) -> Iterator[None]:
    """Turn what a database says into a sentence of the store."""
    try:
        yield
    except SQLAlchemyError as error:
        raise StoreUnavailable(f"the store {name} cannot be opened: {reason(error)}") from error


def _plan(engines: Engines, migrations: Migrations) -> Plan:
    current = None
    if engines.file is None or engines.file.exists():
        with engines.reader.begin() as connection:
            current = _current(connection, engines.name, migrations)
    steps = migrations.revisions if current is None else migrations.after(current)
    return Plan(current, migrations.head, steps)


def _current(connection: Connection, name: str, migrations: Migrations) -> str | None:
    if not inspect(connection).has_table(version.name):
        _refuse_strangers(connection, name)
        return None
    current: str | None = connection.scalar(select(version.c.version_num))
    if current not in migrations.revisions:
        raise SchemaMismatch(
            f"the store {name} has schema {current}, this program knows schemas up to {migrations.head}: "
            "it was written by a newer bridge; install that version, or restore a backup"
        )
    return current


def _refuse_strangers(connection: Connection, name: str) -> None:
    found = set(inspect(connection).get_table_names())
    # A SQLite file is ours alone; a PostgreSQL database may hold other tables too.
    strangers = (
        found
        if connection.dialect.name == "sqlite"
        else found & {table.name for table in tables_of("postgresql")}
    )
    if strangers:
        raise SchemaMismatch(
            f"the database {name} belongs to another program (it has a table '{min(strangers)}' and no "
            f"'{version.name}'); give the bridge a database of its own"
        )


def _bring_forward(engines: Engines, migrations: Migrations, progress: Callable[[str], None]) -> bytes:
    if engines.file is not None and not engines.file.exists():
        make_file(engines.file)
    with ExitStack() as held, engines.writer.connect() as connection:
        _suspend_cascades(connection)
        with connection.begin():
            _lock(connection)
            # Another process may have done it all between our look and our lock.
            current = _current(connection, engines.name, migrations)
            if current is None:
                _create(connection)
                connection.execute(insert(version).values(version_num=migrations.head))
            elif current != migrations.head:
                if engines.file is not None:
                    # One that runs on as it was would write what the new schema does not allow.
                    held.callback(
                        Alone(engines.file, "stop it first, since the store has to be migrated").release
                    )
                _upgrade(connection, migrations, progress)
            secret = _secret(connection) or _new_secret(connection)
        connection.invalidate()  # so that the next one has its settings as they should be
    return secret


def _create(connection: Connection) -> None:
    # The condition of an index goes by each database's name. To say PostgreSQL's in schema.py would load its
    # dialect, and that is larger than all of ours, for every store.
    tables = tables_of(connection.dialect.name)
    for index in chain.from_iterable(table.indexes for table in tables):
        index.dialect_options[connection.dialect.name]["where"] = index.dialect_options["sqlite"]["where"]
    METADATA.create_all(connection, tables)


def _suspend_cascades(connection: Connection) -> None:
    # A migration that rebuilds a table drops the old one, and SQLite would delete all rows that refer to it.
    # The setting cannot change in a transaction, so it goes past SQLAlchemy, which would begin one.
    if connection.dialect.name == "sqlite":
        raw = connection.connection.dbapi_connection
        if raw is not None:
            raw.cursor().execute("PRAGMA foreign_keys = OFF")


def _lock(connection: Connection) -> None:
    if connection.dialect.name == "postgresql":
        connection.execute(text("SELECT pg_advisory_xact_lock(:number)"), {"number": _ADVISORY_LOCK})
        connection.execute(text("SET LOCAL statement_timeout = 0"))


def _upgrade(connection: Connection, migrations: Migrations, progress: Callable[[str], None]) -> None:
    from bridge.store.upgrade import upgrade  # noqa: PLC0415 - alembic takes half a second to import

    upgrade(connection, migrations, progress)
    if connection.dialect.name == "sqlite":
        broken = connection.exec_driver_sql("PRAGMA foreign_key_check").first()
        if broken is not None:
            raise StoreError(
                f"the migration would leave rows without the rows they refer to: {broken}; undone"
            )


def _secret(connection: Connection) -> bytes | None:
    return connection.scalar(select(settings.c.value).where(settings.c.key == SECRET))


def _new_secret(connection: Connection) -> bytes:
    secret = secrets.token_bytes(SECRET_BYTES)
    connection.execute(insert(settings).values(key=SECRET, value=secret))
    return secret
