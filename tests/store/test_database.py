from __future__ import annotations

import asyncio
import gc
import threading
from collections.abc import AsyncIterator, Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy import Connection, event, select
from sqlalchemy.exc import DBAPIError

from bridge.store import inbox
from bridge.store.database import Database, StoreBusy, StoreUnavailable
from bridge.store.engines import make_engines
from bridge.store.errors import StoreInUse
from bridge.store.schema import inbox as inbox_table
from tests.support.stored import new_entry, store_delivery, store_entry


class Gate:
    """An operation that keeps the writer busy until it is opened."""

    def __init__(self, database: Database) -> None:
        self._entered, self._opened = threading.Event(), threading.Event()
        self._write = asyncio.ensure_future(database.write(self._hold))

    def _hold(self, _connection: Connection) -> None:
        self._entered.set()
        self._opened.wait(30)

    async def reached(self) -> None:
        await asyncio.to_thread(self._entered.wait, 30)

    async def open(self) -> None:
        self._opened.set()
        await self._write


@asynccontextmanager
async def opened(url: str, **options: int | timedelta) -> AsyncIterator[Database]:
    database = await Database.open(url, **options)  # type: ignore[arg-type]
    try:
        yield database
    finally:
        await database.close()


async def names(database: Database) -> list[str]:
    return await database.read(
        lambda c: list(c.scalars(select(inbox_table.c.delivery_key).order_by(inbox_table.c.seq)))
    )


async def test_a_write_is_there_when_it_returns(database: Database) -> None:
    """The next read sees it, on another connection."""
    seq = await database.write(store_entry)

    assert seq == await database.read(lambda c: c.scalar(select(inbox_table.c.seq)))


async def test_writes_that_wait_share_commits(store_url: str) -> None:
    """What gathers while the disk is busy is flushed together, at most so many at once."""
    async with opened(store_url, batch_limit=200) as database:
        commits: list[object] = []
        event.listen(database.engine, "commit", commits.append)
        gate = Gate(database)
        await gate.reached()
        writes = [
            asyncio.ensure_future(database.write(lambda c, n=number: store_entry(c, n)))  # type: ignore[misc]
            for number in range(500)
        ]
        await asyncio.sleep(0)
        await gate.open()
        await asyncio.gather(*writes)

        assert len(await names(database)) == 500
        assert len(commits) == 1 + 3


async def test_writes_of_one_caller_keep_their_order(database: Database) -> None:
    """What was asked first is done first."""
    await asyncio.gather(
        *(database.write(lambda c, n=number: store_entry(c, n)) for number in range(100))  # type: ignore[misc]
    )

    assert await names(database) == [new_entry(number).delivery_key for number in range(100)]


async def test_an_error_reaches_its_caller_only(database: Database) -> None:
    """The others in the same commit hear nothing of it."""

    def bad(connection: Connection) -> None:
        store_entry(connection, 2)
        raise LookupError("mine")

    results = await asyncio.gather(
        database.write(lambda c: store_entry(c, 1)),
        database.write(bad),
        database.write(lambda c: store_entry(c, 3)),
        return_exceptions=True,
    )

    assert [type(result) for result in results] == [int, LookupError, int]
    assert await names(database) == ["evt-1", "evt-3"]


async def test_an_operation_may_even_raise_stop_iteration(database: Database) -> None:
    """A future refuses that one; its caller must not wait for ever."""

    def bad(_connection: Connection) -> None:
        raise StopIteration

    with pytest.raises(RuntimeError, match="StopIteration"):
        await database.write(bad)


async def test_a_full_queue_is_told_at_once(store_url: str) -> None:
    """The receiver answers 503 instead of piling up what it cannot store; then there is room again."""
    async with opened(store_url, queue_limit=3) as database:
        gate = Gate(database)
        await gate.reached()
        waiting = [asyncio.ensure_future(database.write(store_entry)) for _ in range(2)]
        await asyncio.sleep(0)

        with pytest.raises(StoreBusy, match="3 writes are waiting"):
            await database.write(store_entry)
        await gate.open()
        await asyncio.gather(*waiting)

        assert await database.write(store_entry)
    assert issubclass(StoreBusy, StoreUnavailable)


async def test_a_cancelled_caller_leaves_no_trouble(store_url: str) -> None:
    """Its write may stand, the writer lives on, and nothing is complained of in the log."""
    complaints: list[object] = []
    asyncio.get_running_loop().set_exception_handler(lambda _loop, context: complaints.append(context))

    def bad(_connection: Connection) -> None:
        raise LookupError("nobody asks")

    async with opened(store_url) as database:
        gate = Gate(database)
        await gate.reached()
        tasks = [asyncio.ensure_future(database.write(operation)) for operation in (store_entry, bad)]
        await asyncio.sleep(0)
        for task in tasks:
            task.cancel()
        await gate.open()
        assert all(
            isinstance(result, asyncio.CancelledError)
            for result in await asyncio.gather(*tasks, return_exceptions=True)
        )
        assert await database.write(lambda c: store_entry(c, 2))
        assert await names(database) == ["evt-0", "evt-2"]
        forgotten = database._writer.submit(bad)
        await asyncio.wait({forgotten})
    tasks.clear()
    del forgotten
    gc.collect()
    await asyncio.sleep(0)
    assert complaints == []


async def test_the_event_loop_runs_while_the_store_waits(tmp_path: Path) -> None:
    """Another process that holds the lock delays writes, not the answers to pings."""
    url = f"sqlite:///{tmp_path / 'bridge.db'}"
    async with opened(url) as database:
        other = make_engines(url)
        with other.writer.begin():
            write = asyncio.ensure_future(database.write(store_entry))
            for _ in range(1000):
                await asyncio.sleep(0)
            assert not write.done()
            assert await names(database) == []
        assert await write
        other.dispose()


async def test_a_store_that_is_locked_too_long_is_unavailable(tmp_path: Path) -> None:
    """And available again as soon as the lock is gone."""
    url = f"sqlite:///{tmp_path / 'bridge.db'}"
    async with opened(url, busy_timeout=timedelta(milliseconds=50)) as database:
        other = make_engines(url)
        with other.writer.begin():
            with pytest.raises(StoreUnavailable, match=r"bridge\.db cannot be written: database is locked"):
                await database.write(store_entry)
            assert await names(database) == []
        assert await database.write(store_entry)
        other.dispose()


async def test_reads_see_one_state_and_change_nothing(database: Database) -> None:
    """A query's own error is its caller's; a write through a reader is refused."""
    await database.write(store_entry)

    with pytest.raises(ZeroDivisionError):
        await database.read(lambda _c: 1 // 0)
    with pytest.raises(StoreUnavailable, match=r"cannot be read: .*(?i:read-?only)"):
        await database.read(lambda c: store_entry(c, 2))
    assert await names(database) == ["evt-0"]


async def test_reads_run_beside_a_write(database: Database) -> None:
    """A page does not wait for the writer."""
    gate = Gate(database)
    await gate.reached()

    assert await names(database) == []

    await gate.open()


async def test_closing_commits_what_waits(store_url: str) -> None:
    """Callers that are still waiting get their answer; later ones are told that the store is closed."""
    database = await Database.open(store_url)
    gate = Gate(database)
    await gate.reached()
    write = asyncio.ensure_future(database.write(store_entry))
    await asyncio.sleep(0)
    closing = asyncio.ensure_future(database.close())
    await asyncio.sleep(0)
    with pytest.raises(StoreUnavailable, match="closed"):
        await database.write(store_entry)
    await gate.open()
    await closing

    assert await write
    async with opened(store_url) as again:
        assert await names(again) == ["evt-0"]


async def test_one_bridge_runs_on_a_sqlite_file(tmp_path: Path) -> None:
    """A second one is told which process is in its way; after a close the file is free."""
    url = f"sqlite:///{tmp_path / 'bridge.db'}"
    async with opened(url) as first, opened(url) as second:
        assert await first.hold_alone()
        assert await first.hold_alone()
        with pytest.raises(StoreInUse, match=r"another bridge \(process \d+\) is running on .*bridge\.db"):
            await second.hold_alone()
        assert await second.write(store_entry), "commands may write all the same"
    async with opened(url) as third:
        assert await third.hold_alone()


async def test_a_file_has_one_lock_under_all_its_names(tmp_path: Path) -> None:
    """A symbolic link to the file, or to its folder, is no way around."""
    folder = tmp_path / "data"
    folder.mkdir()
    (tmp_path / "folder").symlink_to(folder)
    (tmp_path / "link.db").symlink_to(folder / "bridge.db")
    async with opened(f"sqlite:///{folder / 'bridge.db'}") as first:
        assert await first.hold_alone()
        for name in ("link.db", "folder/bridge.db"):
            async with opened(f"sqlite:///{tmp_path / name}") as second:
                with pytest.raises(StoreInUse, match="another bridge"):
                    await second.hold_alone()


def remove(file: Path) -> None:
    """Take the file away, with what belongs to it."""
    for part in file.parent.glob(f"{file.name}*"):
        part.unlink()


def replace(file: Path) -> None:
    """Put another file at its place."""
    remove(file)
    file.write_bytes(b"")


@pytest.mark.parametrize("harm", [remove, replace])
async def test_a_file_that_is_no_longer_there_is_not_written(
    tmp_path: Path, harm: Callable[[Path], None]
) -> None:
    """Nothing is acknowledged that nobody would find after a restart; no new file is made in silence."""
    file = tmp_path / "bridge.db"
    async with opened(f"sqlite:///{file}") as database:
        await database.write(store_entry)
        harm(file)
        for _ in range(2):
            with pytest.raises(
                StoreUnavailable, match=r"removed or replaced.*bridge\.db.*restart the bridge"
            ):
                await database.write(lambda c: store_entry(c, 1))
            assert not database.writable
    assert not file.exists() or file.stat().st_size == 0


async def test_a_file_that_is_put_back_is_written_again(tmp_path: Path) -> None:
    """The same file at its place is the store."""
    file = tmp_path / "bridge.db"
    async with opened(f"sqlite:///{file}") as database:
        file.rename(tmp_path / "aside")
        with pytest.raises(StoreUnavailable):
            await database.write(store_entry)
        (tmp_path / "aside").rename(file)
        assert await database.write(store_entry)
        assert database.writable


@pytest.mark.parametrize("backend", ["postgresql"])
async def test_several_bridges_run_on_postgresql(store_url: str) -> None:
    """None of them may take the others' leases for its own."""
    async with opened(store_url) as first, opened(store_url) as second:
        assert not await first.hold_alone()
        assert not await second.hold_alone()


async def test_the_secret_is_the_stores(store_url: str) -> None:
    """Opened again, by another process or after years, it is the same."""
    async with opened(store_url) as first:
        secret = first.secret
    async with opened(store_url) as again:
        assert again.secret == secret
    assert len(secret) == 32


async def test_a_store_can_be_used_from_one_loop_after_another(store_url: str) -> None:
    """Opening and closing leaves no thread behind."""
    before = threading.active_count()
    # The loop's own for `to_thread` would else be as many as happened to be wanted at once.
    asyncio.get_running_loop().set_default_executor(ThreadPoolExecutor(1))
    for number in range(3):
        async with opened(store_url) as database:
            await database.write(lambda c, n=number: store_delivery(c, n))  # type: ignore[misc]
            await names(database)

    left = [thread.name for thread in threading.enumerate() if thread.name.startswith("store-")]
    assert left == []
    assert threading.active_count() <= before + 1, "the loop's own"


async def test_accepting_is_idempotent_across_databases(store_url: str) -> None:
    """Two nodes that get the same request at once store it once."""
    async with opened(store_url) as first, opened(store_url) as second:
        answers = await asyncio.gather(
            *(
                database.write(lambda c, n=number: inbox.accept(c, new_entry(n)))  # type: ignore[misc]
                for number in range(30)
                for database in (first, second)
            )
        )
        assert sum(not answer.duplicate for answer in answers) == 30
        assert len(await names(first)) == 30


class Strange(Exception):
    """A driver's error that is not as errors are."""

    sqlstate = 5


async def test_an_error_that_cannot_be_understood_is_its_callers(database: Database) -> None:
    """The thread that writes goes on: without it, everybody would wait for ever."""

    def failing(_: Connection) -> None:
        raise DBAPIError("SELECT 1", None, Strange())

    async with asyncio.timeout(20):
        with pytest.raises(AttributeError):
            await database.write(failing)
        assert await database.write(store_entry)
