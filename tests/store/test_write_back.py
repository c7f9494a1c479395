"""SQLite's journal is carried back beside the writer, and stays short however much is written."""

from __future__ import annotations

import shutil
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
from sqlalchemy import Connection

from bridge.store.batches import Batches, Done
from bridge.store.creation import prepare
from bridge.store.database import Database
from bridge.store.engines import JOURNAL_BYTES, Engines, make_engines
from bridge.store.write_back import WriteBack

BIG = 100 * 1024
"""Bytes of a row that takes 25 pages."""


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "bridge.db"


@pytest.fixture
def made(file: Path) -> Iterator[Engines]:
    """An empty store."""
    engines = make_engines(f"sqlite:///{file}")
    prepare(engines)
    yield engines
    engines.dispose()


def stored(connection: Connection, count: int = 1, size: int = 10) -> None:
    """Store settings, which have no other purpose here."""
    connection.exec_driver_sql(
        "WITH RECURSIVE n(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM n WHERE n < ?) "
        "INSERT INTO settings SELECT hex(randomblob(16)), zeroblob(?) FROM n",
        (count, size),
    )


def in_file_alone(file: Path) -> int:
    """Count what the file says without its journal."""
    copy = shutil.copy(file, file.with_name("copy.db"))
    with closing(sqlite3.connect(f"{Path(copy).as_uri()}?immutable=1", uri=True)) as connection:
        count: int = connection.execute("SELECT count(*) FROM settings WHERE key <> 'secret'").fetchone()[0]
    return count


def journal(file: Path) -> int:
    return file.with_name("bridge.db-wal").stat().st_size


def run(batches: Batches, count: int, size: int = 10) -> None:
    assert isinstance(batches.run([lambda c: stored(c, count, size)])[0], Done)


def test_what_is_committed_reaches_the_file(made: Engines, file: Path) -> None:
    """Once there is enough of it, while the writer's connection stays open."""
    write_back = WriteBack(file, enough=100)
    batches = Batches(made.writer, "x", committed=write_back.committed)
    run(batches, 99)
    before = in_file_alone(file)
    run(batches, 1)
    write_back.close()
    assert (before, in_file_alone(file)) == (0, 100)
    batches.close()


def test_the_journal_starts_anew(made: Engines, file: Path) -> None:
    """It does not grow for as long as there are commits, though each comes before the last one is carried."""
    write_back = WriteBack(file, enough=1, most_pages=100)
    batches = Batches(made.writer, "x", committed=write_back.committed)
    for _ in range(200):
        run(batches, 1, BIG)
    assert journal(file) < 100 * BIG
    write_back.close()
    batches.close()


def test_few_big_rows_make_a_journal_too_long(made: Engines, file: Path) -> None:
    """How many there are says little of them."""
    write_back = WriteBack(file)
    batches = Batches(made.writer, "x", committed=write_back.committed)
    size = JOURNAL_BYTES // 8
    for _ in range(30):
        run(batches, 1, size)
    write_back.close()
    assert journal(file) < 2 * JOURNAL_BYTES
    batches.close()


def test_no_file_is_made_where_it_was_removed(made: Engines, file: Path) -> None:
    """And the writer hears of it from its own check."""
    write_back = WriteBack(file, enough=1)
    batches = Batches(made.writer, "x", committed=write_back.committed)
    run(batches, 1)
    file.unlink()
    run(batches, 1)
    run(batches, 1)
    write_back.close()
    assert not file.exists()
    batches.close()


def test_what_is_committed_stands(made: Engines) -> None:
    """Whatever becomes of what follows a commit, it is not run a second time."""

    def fail(_: Connection) -> None:
        raise RuntimeError("can't start new thread")

    batches = Batches(made.writer, "x", committed=fail)
    run(batches, 3)
    with made.reader.connect() as connection:
        assert connection.exec_driver_sql("SELECT count(*) FROM settings").scalar() == 4
    batches.close()


async def test_a_store_has_it_done(file: Path) -> None:
    """With the numbers that are meant for it."""
    database = await Database.open(f"sqlite:///{file}")
    for _ in range(150):
        await database.write(lambda c: stored(c, 10, BIG))
    assert journal(file) < 2 * JOURNAL_BYTES < 1500 * BIG
    await database.close()
    assert in_file_alone(file) == 1500
