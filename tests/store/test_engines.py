from __future__ import annotations

from datetime import timedelta

import pytest
from sqlalchemy import Connection
from sqlalchemy.exc import DBAPIError, IntegrityError

from bridge.store.engines import Engines, make_engines
from bridge.store.errors import StoreError
from bridge.store.schema import inbox
from tests.support.stored import store_delivery

SECRETIVE = "maria@aluna.example"


@pytest.mark.parametrize(
    ("url", "sentence"),
    [
        ("", "cannot be read"),
        ("bridge.db", "cannot be read"),
        ("postgresql://bridge:hunter2@db.example:fivethousand/bridge", "cannot be read"),
        ("postgresql://bridge:hunter2@hunter3@db.example/bridge", "'@' in its password"),
        ("mysql://localhost/bridge", "cannot be a 'mysql' database"),
        ("sqlite://", "needs a file of its own"),
        ("sqlite:///:memory:", "needs a file of its own"),
        ("sqlite:///file:bridge.db?mode=memory&uri=true", "needs a file of its own"),
    ],
)
def test_what_cannot_be_a_store_is_refused_with_an_example(url: str, sentence: str) -> None:
    """The operator reads what was expected."""
    with pytest.raises(StoreError, match=sentence) as info:
        make_engines(url)
    assert "sqlite:///path/to/bridge.db" in str(info.value)
    assert "hunter" not in str(info.value)


def test_the_old_spelling_of_postgresql_is_understood() -> None:
    """Hosting companies still hand out `postgres://`; the name shown hides the password."""
    engines = make_engines("postgres://bridge:hunter2@db.example/bridge")

    assert engines.writer.dialect.driver == "psycopg"
    assert engines.name == "postgresql://bridge:***@db.example/bridge"
    assert engines.file is None


@pytest.mark.parametrize("secret", ["password", "sslpassword"])
def test_a_secret_among_the_parameters_is_hidden_too(secret: str) -> None:
    """Errors, logs and notices name the store; libpq takes its password here as well."""
    engines = make_engines(f"postgresql://db.example/bridge?user=bridge&{secret}=hunter%262")

    assert engines.name == f"postgresql://db.example/bridge?{secret}=***&user=bridge"


def test_sqlite_commits_reach_the_disk(engines: Engines, backend: str) -> None:
    """Write-ahead log, a flush for every commit, foreign keys, and a log that shrinks again."""
    if backend == "sqlite":
        expected = {
            "journal_mode": "wal",
            "synchronous": 2,
            "foreign_keys": 1,
            "journal_size_limit": 67108864,
        }
        with engines.writer.connect() as connection:
            found = {name: connection.exec_driver_sql(f"PRAGMA {name}").scalar() for name in expected}
        assert found == expected


def test_postgresql_commits_reach_the_disk(store_url: str, backend: str) -> None:
    """Whatever the server's default is, our commits wait for its log; a stricter setting is left alone."""
    if backend == "postgresql":
        for default, expected in (("off", "on"), ("on", "on"), ("remote_apply", "remote_apply")):
            url = store_url.replace("-csearch_path", f"-csynchronous_commit%3D{default}%20-csearch_path")
            engines = make_engines(url, busy_timeout=timedelta(seconds=7))
            with engines.writer.connect() as connection:
                assert connection.exec_driver_sql("SHOW synchronous_commit").scalar() == expected
                assert connection.exec_driver_sql("SHOW lock_timeout").scalar() == "7s"
            engines.dispose()


@pytest.mark.parametrize("backend", ["postgresql"])
def test_what_the_url_says_about_the_connection_holds(store_url: str) -> None:
    """Our own settings are defaults."""
    for url, name in ((store_url, "bridge"), (f"{store_url}&application_name=school", "school")):
        engines = make_engines(url)
        with engines.writer.connect() as connection:
            assert connection.exec_driver_sql("SHOW application_name").scalar() == name
        engines.dispose()


def test_readers_cannot_write(engines: Engines) -> None:
    """Whatever a page or a command asks, it changes nothing."""
    with engines.reader.connect() as connection, pytest.raises(DBAPIError, match=r"(?i)read-?only"):
        store_delivery(connection)


def test_a_reader_sees_one_state(engines: Engines) -> None:
    """Several questions of one read agree, although something is written between them."""

    def count(connection: Connection) -> int:
        return len(connection.execute(inbox.select()).all())

    with engines.reader.begin() as reader:
        assert count(reader) == 0
        with engines.writer.begin() as writer:
            store_delivery(writer)
        assert count(reader) == 0
    with engines.reader.begin() as reader:
        assert count(reader) == 1


def test_errors_do_not_carry_peoples_data(connection: Connection) -> None:
    """A statement's values stay out of the text of its error, which ends in a log."""
    row = {"source": SECRETIVE, "key": None, "delivery_key": SECRETIVE, "learner": SECRETIVE}

    with pytest.raises(IntegrityError) as info:
        connection.execute(inbox.insert(), {**row, "body": b"", "headers": {}})

    assert SECRETIVE not in str(info.value)
