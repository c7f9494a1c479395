"""A store that is full, read-only or gone: senders are told, and nothing that was answered 200 is lost."""

from __future__ import annotations

import asyncio
import json
import resource
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import aiohttp
import pytest
from sqlalchemy import event, select

from bridge.core.outcomes import State
from bridge.core.trouble import SOURCE
from bridge.store import views
from bridge.store.database import Database
from bridge.store.schema import inbox
from bridge.store.views import DeliveryFilter
from tests.faults.crashes import configuration, post, set_up
from tests.faults.crashes import event as body_of
from tests.support.destinations import Destination, destination
from tests.support.life import Fate, Life
from tests.support.pipeline import (
    Pipeline,
    ScriptedChannel,
    action,
    channels,
    completion,
    database_url,
    rule,
)

PATIENCE_S = 20
ROOM = 256 * 1024
"""Bytes of a file on a disk that is nearly full."""


async def test_a_full_disk_is_told_to_senders_until_there_is_room(tmp_path: Path) -> None:
    """A real process on a disk that fills up: 503, then 200 again, and what was 200 arrives once.

    The owner hears of it, however soon there was room again or the bridge was stopped.
    """
    async with destination("webhook") as target, aiohttp.ClientSession() as session:
        set_up(tmp_path, configuration(target, target.port, database_url(tmp_path)))
        life = Life(tmp_path, Fate(file_bytes=ROOM))
        assert await life.start(), life.log()
        accepted = await posted_until(session, life, 503)
        room = (resource.RLIM_INFINITY, resource.RLIM_INFINITY)
        resource.prlimit(life.pid, resource.RLIMIT_FSIZE, room)
        accepted += await posted_until(session, life, 200, first=accepted)
        assert await life.stop() == 0, life.log()
        assert await told_of(tmp_path) == ["bridge.store_unwritable"]
        life = Life(tmp_path)
        assert await life.start(), life.log()
        await arrived(target, {f"each e{number}" for number in range(accepted)})
        assert await life.stop() == 0, life.log()
        texts = [each.text for each in target.arrived()]
        assert len(texts) == len(set(texts))


async def test_a_store_that_becomes_read_only_loses_nothing(tmp_path: Path) -> None:
    """In the middle of the work: senders get 503, results wait, and nothing goes out twice."""
    database = await Database.open(database_url(tmp_path))
    wins = ScriptedChannel("wins")
    bridge = Pipeline(database, [rule("r", action("r", "wins"))], channels(wins))
    switch = ReadOnly(database)

    async def to_read_only() -> None:
        switch.on = len(wins.sent) == 1

    wins.before_answer = to_read_only
    assert await bridge.receive(completion("e1")) == [200]
    work = asyncio.create_task(bridge.engine.drain())
    async with asyncio.timeout(PATIENCE_S):
        while not bridge.log.events("warning"):  # noqa: ASYNC110 - only the log tells
            await asyncio.sleep(0.001)
        assert await bridge.receive(completion("e2")) == [503]
        switch.on = False
        while not work.done():
            bridge.clock.advance(seconds=1)
            await asyncio.sleep(0.001)
        assert await bridge.receive(completion("e2")) == [200]
        await bridge.engine.drain()
    assert wins.texts == ["module.completed e1", "module.completed e2"]
    listed = await database.read(lambda c: views.list_deliveries(c, DeliveryFilter()))
    assert {row.state for row in listed} == {State.DELIVERED}
    await database.close()


class ReadOnly:
    """Makes the writer's connections refuse to write, as those to a read-only file do, while it is `on`."""

    def __init__(self, database: Database) -> None:
        self.on = False
        event.listen(database.engine, "begin", self._begin)

    def _begin(self, connection: object) -> None:
        connection.exec_driver_sql(f"PRAGMA query_only = {'ON' if self.on else 'OFF'}")  # type: ignore[attr-defined]


@pytest.mark.parametrize("what", ["file", "folder"])
async def test_a_start_on_a_read_only_store_says_so(what: str, tmp_path: Path) -> None:
    """It ends with a sentence that names the file, and the next start with the right to write works."""
    async with destination("webhook") as target, aiohttp.ClientSession() as session:
        set_up(tmp_path, configuration(target, target.port, database_url(tmp_path)))
        first = Life(tmp_path, Fate())
        assert await first.start(), first.log()
        await posted_until(session, first, 200)
        assert await first.stop() == 0
        with read_only(tmp_path, what):
            refused = Life(tmp_path, Fate(obeys_permissions=True))
            assert not await refused.start()
            assert "bridge.db" in refused.log().splitlines()[-1]
        again = Life(tmp_path, Fate())
        assert await again.start(), again.log()
        assert await posted_until(session, again, 200, first=1) == 1
        await arrived(target, {"each e0", "each e1"})
        assert await again.stop() == 0


async def test_a_store_that_is_deleted_takes_nothing_more(tmp_path: Path) -> None:
    """No request is answered 200 that would be gone with the file; put back, it is used again."""
    async with destination("webhook") as target, aiohttp.ClientSession() as session:
        set_up(tmp_path, configuration(target, target.port, database_url(tmp_path)))
        life = Life(tmp_path, Fate())
        assert await life.start(), life.log()
        assert await posted_until(session, life, 200) == 1
        await arrived(target, {"each e0", "once L0"})
        move(tmp_path, tmp_path / "elsewhere")
        assert await posted_until(session, life, 503, first=1) == 0
        move(tmp_path / "elsewhere", tmp_path)
        assert await posted_until(session, life, 200, first=1) == 1
        await arrived(target, {"each e1", "once L1"})
        assert await life.stop() == 0, life.log()
        assert len(target.arrived()) == 4


async def told_of(folder: Path) -> list[str]:
    """Return the types of the notices to the owner."""
    database = await Database.open(database_url(folder))
    notices = select(inbox.c.body).where(inbox.c.source == SOURCE)
    bodies = await database.read(lambda c: c.scalars(notices).all())
    await database.close()
    return [json.loads(body)["event"] for body in bodies]


def move(here: Path, there: Path) -> None:
    """Move a store's files to another folder."""
    there.mkdir(exist_ok=True)
    for file in tuple(here.glob("bridge.db*")):
        shutil.move(file, there)


@contextmanager
def read_only(folder: Path, what: str) -> Iterator[None]:
    """Let nobody write a store, or make a file in its folder."""
    locked = {"file": folder / "bridge.db", "folder": folder}[what]
    before = locked.stat().st_mode
    locked.chmod(0o444 if what == "file" else 0o555)
    try:
        yield
    finally:
        locked.chmod(before)


async def posted_until(session: aiohttp.ClientSession, life: Life, status: int, first: int = 0) -> int:
    """Post events until one is answered so; return how many were answered 200."""
    accepted = 0
    async with asyncio.timeout(PATIENCE_S):
        while True:
            answer = await post(session, life.url, body_of(first + accepted))
            assert answer in (200, 503)
            accepted += answer == 200
            if answer == status:
                return accepted


async def arrived(target: Destination, texts: set[str]) -> None:
    """Wait until all of these have arrived."""
    async with asyncio.timeout(PATIENCE_S):
        while not texts <= {each.text for each in target.arrived()}:  # noqa: ASYNC110 - a server tells nobody
            await asyncio.sleep(0.01)
