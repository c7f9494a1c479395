from __future__ import annotations

import shutil
import sqlite3
import stat
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from alembic.config import Config
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, text

import bridge.store.migrations
from bridge.store.alone import Alone
from bridge.store.creation import Plan, migrate, plan, prepare
from bridge.store.engines import Engines, make_engines
from bridge.store.errors import SchemaMismatch, StoreError, StoreInUse, StoreUnavailable
from bridge.store.migrations import SHIPPED, Migrations
from bridge.store.schema import version
from bridge.store.upgrade import upgrade
from tests.support.stored import store_delivery

SECOND_STEP = """
import sqlalchemy as sa
from alembic import op
revision = "0900"
down_revision = "{head}"
def upgrade():
    with op.batch_alter_table("inbox", recreate="auto") as table:
        table.alter_column("source", new_column_name="platform", existing_type=sa.Text())
    {more}
"""

CATALOGUE = (
    """
    SELECT table_name, column_name, ordinal_position, data_type, is_nullable, column_default,
        character_maximum_length, collation_name, is_identity, identity_generation
    FROM information_schema.columns WHERE table_schema = current_schema() ORDER BY 1, 2
    """,
    """
    SELECT indexname, replace(indexdef, current_schema() || '.', '')
    FROM pg_indexes WHERE schemaname = current_schema() ORDER BY 1
    """,
    """
    SELECT conrelid::regclass::text, conname, pg_get_constraintdef(oid)
    FROM pg_constraint WHERE connamespace = current_schema()::regnamespace ORDER BY 1, 2
    """,
)


def shape(connection: Connection) -> list[tuple[object, ...]]:
    """Return all that the database itself says of the tables in it."""
    if connection.dialect.name == "sqlite":
        rows = connection.exec_driver_sql("SELECT type, name, tbl_name, sql FROM sqlite_master ORDER BY 1, 2")
        return [(*row[:3], " ".join((row.sql or "").replace('"', "").split())) for row in rows]
    return [tuple(row) for question in CATALOGUE for row in connection.exec_driver_sql(question)]


@pytest.fixture
def longer(tmp_path: Path) -> Migrations:
    """The shipped migrations and one more, which renames a column that others' foreign keys depend on."""
    return with_second_step(tmp_path, "pass")


def with_second_step(folder: Path, more: str) -> Migrations:
    shipped = Path(bridge.store.migrations.__file__).parent
    copy = folder / "migrations"
    shutil.copytree(shipped, copy, ignore=shutil.ignore_patterns("__pycache__", "__init__.py"))
    (copy / "versions" / "0900_platform.py").write_text(SECOND_STEP.format(more=more, head=SHIPPED.head))
    return Migrations(str(copy), (*SHIPPED.revisions, "0900"))


def test_a_migrated_store_is_the_same_as_a_fresh_one(backend: str, store_url: str, tmp_path: Path) -> None:
    """Whoever comes from an old version has the very tables that a new installation has."""
    engines = make_engines(store_url)
    with engines.writer.connect() as connection:
        with connection.begin() as transaction:
            upgrade(connection, SHIPPED, lambda _step: None)
            migrated = shape(connection)
            transaction.rollback()
        assert shape(connection) == []
    prepare(engines)
    with engines.reader.connect() as connection:
        assert shape(connection) == migrated
    engines.dispose()


def test_the_program_knows_its_migrations() -> None:
    """The numbers it states are those of the files, so that no step is forgotten."""
    config = Config()
    config.set_main_option("script_location", SHIPPED.location)
    scripts = ScriptDirectory.from_config(config)

    assert [script.revision for script in reversed(list(scripts.walk_revisions()))] == list(SHIPPED.revisions)
    assert scripts.get_current_head() == SHIPPED.head


def test_a_fresh_store_has_a_secret_that_stays(store_url: str) -> None:
    """Claims and lanes are digests under it: another secret would forget what was sent."""
    first, again = make_engines(store_url), make_engines(store_url)

    secret = prepare(first)

    assert len(secret) == 32
    assert prepare(again) == secret
    first.dispose()
    again.dispose()


def test_many_who_open_a_fresh_store_at_once_make_it_once(store_url: str) -> None:
    """Several nodes start together; one makes the tables, all see the same secret."""

    def open_it(_number: int) -> bytes:
        engines = make_engines(store_url)
        try:
            return prepare(engines)
        finally:
            engines.dispose()

    with ThreadPoolExecutor(6) as pool:
        assert len(set(pool.map(open_it, range(6)))) == 1


def test_an_older_store_is_migrated_with_its_rows(store_url: str, longer: Migrations) -> None:
    """Rebuilding a table on SQLite must not delete what refers to it."""
    engines = make_engines(store_url)
    secret = prepare(engines)
    with engines.writer.begin() as connection:
        store_delivery(connection)
    steps: list[str] = []

    assert plan(store_url, migrations=longer) == Plan(SHIPPED.head, "0900", ("0900",))
    assert prepare(engines, progress=steps.append, migrations=longer) == secret

    assert steps == ["0900"]
    assert plan(store_url, migrations=longer) == Plan("0900", "0900", ())
    with engines.writer.begin() as connection:
        joined = text("SELECT platform FROM inbox JOIN deliveries ON inbox_seq = inbox.seq")
        assert connection.scalars(joined).all() == ["eduzz"]
        if connection.dialect.name == "sqlite":
            assert connection.exec_driver_sql("PRAGMA foreign_keys").scalar() == 1
    engines.dispose()


def test_a_migration_that_fails_leaves_the_store_as_it_was(store_url: str, tmp_path: Path) -> None:
    """All steps of an upgrade are one transaction."""
    engines = make_engines(store_url)
    prepare(engines)
    with engines.reader.connect() as connection:
        before = shape(connection)

    with pytest.raises(StoreUnavailable, match="no_such_table"):
        migrate(store_url, migrations=with_second_step(tmp_path, 'op.drop_table("no_such_table")'))

    with engines.reader.connect() as connection:
        assert shape(connection) == before
    engines.dispose()


def test_a_migration_that_would_orphan_rows_is_undone(tmp_path: Path) -> None:
    """Foreign keys are not enforced while tables are rebuilt on SQLite, so they are checked at the end."""
    url = f"sqlite:///{tmp_path / 'bridge.db'}"
    engines = make_engines(url)
    prepare(engines)
    with engines.writer.begin() as connection:
        store_delivery(connection)
    engines.dispose()

    with pytest.raises(StoreError, match="without the rows they refer to"):
        migrate(url, migrations=with_second_step(tmp_path, 'op.execute("DELETE FROM inbox")'))

    assert plan(url) == Plan(SHIPPED.head, SHIPPED.head, ())


def test_a_store_is_not_migrated_under_a_bridge_that_runs(tmp_path: Path, longer: Migrations) -> None:
    """It would go on as before, and store an event again that no unique index refuses any more."""
    file = tmp_path / "bridge.db"
    url = f"sqlite:///{file}"
    migrate(url)
    bridge = Alone(file)

    with pytest.raises(StoreInUse, match="another bridge"):
        migrate(url, migrations=longer)
    assert plan(url, migrations=longer).current == SHIPPED.head

    bridge.release()
    migrate(url, migrations=longer)
    assert plan(url, migrations=longer).current == "0900"
    Alone(file).release()


def test_a_newer_store_is_refused(engines: Engines, store_url: str) -> None:
    """An old program must not write into tables it does not know."""
    with engines.writer.begin() as connection:
        connection.execute(version.update().values(version_num="0999"))

    with pytest.raises(SchemaMismatch, match=r"schema 0999.* up to 0012.*newer bridge"):
        prepare(engines)
    with pytest.raises(SchemaMismatch):
        plan(store_url)


def test_a_database_of_another_program_is_refused(backend: str, store_url: str) -> None:
    """Tables without our number are somebody else's."""
    engines = make_engines(store_url)
    with engines.writer.begin() as connection:
        connection.exec_driver_sql("CREATE TABLE inbox (letter TEXT)")

    with pytest.raises(SchemaMismatch, match=r"another program.*'inbox'"):
        prepare(engines)
    engines.dispose()


def test_tables_of_others_may_stand_beside_ours_on_postgresql(backend: str, store_url: str) -> None:
    """A PostgreSQL database may be shared; a SQLite file may not."""
    engines = make_engines(store_url)
    with engines.writer.begin() as connection:
        connection.exec_driver_sql("CREATE TABLE letters (letter TEXT)")

    if backend == "postgresql":
        assert prepare(engines)
    else:
        with pytest.raises(SchemaMismatch, match="'letters'"):
            prepare(engines)
    engines.dispose()


def test_planning_changes_nothing(tmp_path: Path) -> None:
    """`bridge migrate --check` on a store that is not there says so and does not make one."""
    url = f"sqlite:///{tmp_path / 'bridge.db'}"

    assert plan(url) == Plan(None, SHIPPED.head, SHIPPED.revisions)
    assert list(tmp_path.iterdir()) == []


def test_migrate_makes_a_store_and_says_what_it_found(store_url: str) -> None:
    """The first call finds nothing, the second nothing to do."""
    assert migrate(store_url).current is None
    assert migrate(store_url) == Plan(SHIPPED.head, SHIPPED.head, ())


def test_only_the_owner_may_read_the_files(tmp_path: Path) -> None:
    """Names and addresses of people are in them, in the write-ahead log too."""
    engines = make_engines(f"sqlite:///{tmp_path / 'bridge.db'}")
    prepare(engines)
    with engines.writer.begin() as connection:
        store_delivery(connection)

    modes = {file.name: stat.S_IMODE(file.stat().st_mode) for file in tmp_path.iterdir()}

    assert modes == dict.fromkeys(("bridge.db", "bridge.db-wal", "bridge.db-shm"), 0o600)
    engines.dispose()


def test_a_folder_that_is_not_there_is_named(tmp_path: Path) -> None:
    """A mistyped path is told, not created."""
    engines = make_engines(f"sqlite:///{tmp_path / 'nowhere' / 'bridge.db'}")

    with pytest.raises(StoreError, match=r"nowhere/bridge\.db cannot be opened: No such file"):
        prepare(engines)
    engines.dispose()


def test_a_file_that_is_no_database_is_told(tmp_path: Path) -> None:
    """SQLite's own words, with the store's name and what to do."""
    (tmp_path / "bridge.db").write_bytes(b"hello" * 1000)
    engines = make_engines(f"sqlite:///{tmp_path / 'bridge.db'}")

    with pytest.raises(StoreUnavailable, match="file is not a database; the file is damaged: stop"):
        prepare(engines)
    engines.dispose()


def test_a_server_out_of_reach_is_told_without_the_password() -> None:
    """The text goes to logs and terminals."""
    engines = make_engines("postgresql://bridge:hunter2@127.0.0.1:1/bridge")

    with pytest.raises(
        StoreUnavailable, match=r"bridge:\*\*\*@127\.0\.0\.1:1/bridge cannot be opened"
    ) as info:
        prepare(engines)
    assert "hunter2" not in str(info.value)
    engines.dispose()


def test_an_up_to_date_store_opens_without_alembic(tmp_path: Path) -> None:
    """A restart listens at once: what takes long to import is imported for a migration only."""
    url = f"sqlite:///{tmp_path / 'bridge.db'}"
    program = f"""
import sys
from bridge.store.creation import migrate, prepare
from bridge.store.engines import make_engines
migrate({url!r})
engines = make_engines({url!r})
prepare(engines)
engines.dispose()
print(sorted(name for name in sys.modules if name in ("alembic", "psycopg", "mako")))
"""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)

    assert done.stdout.strip() == "[]"


def test_a_store_from_a_terminal_is_readable_by_other_tools(tmp_path: Path) -> None:
    """Whoever opens the file with `sqlite3` finds plain tables."""
    migrate(f"sqlite:///{tmp_path / 'bridge.db'}")

    connection = sqlite3.connect(tmp_path / "bridge.db")
    names = {name for (name,) in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")}
    connection.close()

    assert {"settings", "inbox", "deliveries", "payloads", "attempts", "claims"} <= names
