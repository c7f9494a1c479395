"""The store as the event loop sees it: writes that return when they are on disk, reads beside them."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import TypeVar, cast

from sqlalchemy import Connection, Engine

from bridge.clock import Clock
from bridge.logs import Log
from bridge.store.alone import Alone
from bridge.store.batches import Batches
from bridge.store.creation import prepare
from bridge.store.engines import Engines, make_engines
from bridge.store.errors import StoreBusy, StoreInDoubt, StoreUnavailable
from bridge.store.faults import Fault, fault_of, reason
from bridge.store.listening import Listener
from bridge.store.migrations import SHIPPED, Migrations
from bridge.store.news import News
from bridge.store.presence import Presence
from bridge.store.write_back import WriteBack
from bridge.store.writer import Writer

__all__ = [
    "Connection",
    "Database",
    "News",
    "StoreBusy",
    "StoreInDoubt",
    "StoreUnavailable",
]

T = TypeVar("T")
BUSY_TIMEOUT = timedelta(seconds=5)


class Database:
    """One store, opened by `open` and closed by `close`; belongs to the event loop that opened it.

    `secret` is 32 random bytes made with the store, the key of every digest of personal data in it.
    """

    def __init__(
        self,
        engines: Engines,
        readers: ThreadPoolExecutor,
        secret: bytes,
        writer: Writer,
        write_back: WriteBack | None,
    ) -> None:
        self.secret = secret
        self._engines = engines
        self._readers = readers
        self._writer = writer
        self._write_back = write_back
        self._alone: Alone | None = None

    @classmethod
    async def open(
        cls,
        url: str,
        *,
        queue_limit: int = 10_000,
        batch_limit: int = 256,
        readers: int = 4,
        busy_timeout: timedelta = BUSY_TIMEOUT,
        migrations: Migrations = SHIPPED,
    ) -> Database:
        """Open the store at `url`; an empty one is made, an older one is migrated.

        `queue_limit` is how many writes may wait, `batch_limit` how many may share a commit, `busy_timeout`
        how long a statement waits for another process. Raises `SchemaMismatch`, `StoreUnavailable` or
        `StoreError`.
        """
        engines = make_engines(url, readers=readers, busy_timeout=busy_timeout)
        pool = ThreadPoolExecutor(readers, thread_name_prefix="store-reader")
        try:
            secret = await asyncio.get_running_loop().run_in_executor(
                pool, lambda: prepare(engines, migrations=migrations)
            )
        except BaseException:
            pool.shutdown(wait=False)
            engines.dispose()
            raise
        write_back = None
        if engines.file is None:
            batches = Batches(engines.writer, engines.name)
        else:
            write_back = WriteBack(engines.file)
            check = Presence(engines.file).check
            batches = Batches(engines.writer, engines.name, check, write_back.committed)
        writer = Writer(batches, queue_limit=queue_limit, batch_limit=batch_limit)
        return cls(engines, pool, secret, writer, write_back)

    @property
    def engine(self) -> Engine:
        """The engine that writes, for listening to its events; its one connection belongs to the writer."""
        return self._engines.writer

    @property
    def writable(self) -> bool:
        """Whether the last write could be made, for health checks; the workers' polls keep it fresh."""
        return self._writer.works

    @property
    def is_shared(self) -> bool:
        """Whether several processes may work on this store, and agree in it whose turn it is: PostgreSQL."""
        return self._engines.file is None

    async def write(self, operation: Callable[[Connection], T], *, weight: int = 1) -> T:
        """Run `operation` in the writer's next transaction and return its value after the commit.

        The operation shares its transaction with others, runs in another thread, returns plain values, and
        may be run again from the start when the transaction fails: it changes nothing but the database. What
        it raises undoes it alone, and is raised here. `weight` is how many writes it counts for. A
        cancelled caller's write may still be committed.
        Raises `StoreBusy` when too many writes wait, `StoreUnavailable` when the store cannot be written, and
        `StoreInDoubt` where nobody knows whether it was.
        """
        return cast(T, await self._writer.submit(operation, weight))

    async def read(self, query: Callable[[Connection], T]) -> T:
        """Run `query` on a connection that only reads, in one snapshot; raises `StoreUnavailable`."""
        return await asyncio.get_running_loop().run_in_executor(self._readers, self._read, query)

    def listener(self, heard: Callable[[News], None], *, clock: Clock, log: Log) -> Listener | None:
        """Return what hears of other processes' work, to be run as a task; None where nobody is told: SQLite.

        `heard` is called in the event loop.
        """
        ear = self._engines.ear
        return None if ear is None else Listener(ear, heard, clock=clock, log=log)

    async def hold_alone(self) -> bool:
        """Make sure that no other bridge runs on this store, until `close`.

        Returns True for SQLite, where one process runs a store and may call every lease its own, and False
        for PostgreSQL, which serves several. Raises `StoreInUse` when another process was first.
        """
        if self._engines.file is None:
            return False
        if self._alone is None:
            self._alone = await asyncio.to_thread(Alone, self._engines.file)
        return True

    async def close(self) -> None:
        """Commit what waits, end the threads, close every connection."""
        await self._writer.close()
        if self._write_back is not None:
            await asyncio.to_thread(self._write_back.close)
        await asyncio.to_thread(self._readers.shutdown)
        await asyncio.to_thread(self._engines.dispose)
        if self._alone is not None:
            self._alone.release()
            self._alone = None

    def _read(self, query: Callable[[Connection], T]) -> T:
        try:
            with self._engines.reader.begin() as connection:
                return query(connection)
        except Exception as error:
            if fault_of(error) is Fault.OWN:
                raise
            raise StoreUnavailable(
                f"the store {self._engines.name} cannot be read: {reason(error)}"
            ) from error
