"""What whoever follows the files writes down for the owner, when that cannot be written at once."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

from bridge.channels.http import Shared
from bridge.config.load import load
from bridge.config.loaded import Broken, Loaded
from bridge.config.located import Located
from bridge.config.origin import Found, Origin
from bridge.core.trouble import Trouble
from bridge.pipeline.ingest import Ingest
from bridge.pipeline.lobby import Lobby
from bridge.pipeline.node import Node
from bridge.running.admin import Admin
from bridge.running.exchange import Exchange, Spoken
from bridge.running.following import LOOK_S, Follower
from bridge.store import incidents
from bridge.store.database import Connection, Database, StoreUnavailable
from bridge.web.counting import Counting
from tests.support.clock import FakeClock
from tests.support.pipeline import RecordingLog, database_url

T = TypeVar("T")
CONFIG = """\
listen: { public: "127.0.0.1:0", admin: "127.0.0.1:0" }
sources:
  eduzz: { type: eduzz, secrets: ["${SECRET}"] }
rules: []
"""


class Away:
    """A store that cannot be written for a while."""

    def __init__(self, inner: Database) -> None:
        self.inner = inner
        self.away = True

    def __getattr__(self, name: str) -> Any:
        return getattr(self.inner, name)

    async def write(self, operation: Callable[[Connection], T], *, weight: int = 1) -> T:
        if self.away:
            raise StoreUnavailable("the disk is full")
        return await self.inner.write(operation, weight=weight)


async def test_what_cannot_be_noted_at_once_is_noted_later(tmp_path: Path) -> None:
    """The owner of a bridge that waits is told when the store is there again."""
    path = tmp_path / "config.yaml"
    path.write_text(CONFIG, "utf-8")
    good = load(path, {"SECRET": "a-secret-for-tests"})
    assert isinstance(good, Loaded)
    broken = Found(Broken((Located(str(path), 1, 1, (), "it is broken"),)), "", frozenset())
    database = await Database.open(database_url(tmp_path))
    clock, log, stop = FakeClock(), RecordingLog(), asyncio.Event()
    away: Any = Away(database)
    node, lobby = Node("node", away, clock, lambda: 0.0, log), Lobby()
    ingest, shared = Ingest(node, {}, lobby, lobby.refused, lobby.unstored), Shared(clock, "tests")
    exchange = Exchange(node, lobby, ingest, Spoken("en"), shared)
    admin = Admin(good.config, node, Counting(ingest, clock))
    follower = Follower(good.config, Origin(path, lambda: good), exchange, admin, watch=False)
    try:
        await follower.begin(broken)
        serving = asyncio.create_task(follower.serve(stop))
        for _ in range(3):
            await asyncio.sleep(0)
            clock.advance(seconds=LOOK_S)
        assert log.events("warning") == ["state of the configuration not noted for the owner"]
        away.away = False
        found: list[incidents.Incident] = []
        while not found:
            clock.advance(seconds=LOOK_S)
            await asyncio.sleep(0)
            found = await database.read(incidents.lasting)
        assert [(each.kind, each.subject, each.count) for each in found] == [(Trouble.WAITING, str(path), 1)]
        stop.set()
        await serving
    finally:
        await admin.close()
        await shared.close()
        await database.close()
