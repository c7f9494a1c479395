"""Both listeners on loopback ports: the public one before a fake pipeline, the admin one before a store."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import aiohttp
import pytest
from msgspec.structs import replace

from bridge.pipeline.node import Node
from bridge.pipeline.operate import Operator
from bridge.store.database import Database
from bridge.web.admin import admin_app
from bridge.web.desk import Desk
from bridge.web.door import TAKER
from bridge.web.limits import Limits
from bridge.web.listener import Listener, listen
from bridge.web.public import public_app
from tests.support.clock import FakeClock
from tests.web.fakes import LOOPBACK, FakeIngest, RecordingLog
from tests.web.stocked import KINDS, RULE, SENTENCES


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


@pytest.fixture
def ingest(clock: FakeClock) -> FakeIngest:
    return FakeIngest(clock.now())


@pytest.fixture
def log() -> RecordingLog:
    return RecordingLog()


@pytest.fixture
async def serve(
    ingest: FakeIngest, clock: FakeClock, log: RecordingLog
) -> AsyncIterator[Callable[..., Awaitable[Listener]]]:
    """Start a public listener with given limits; it is closed after the test. `door` opens the short way."""
    async with AsyncExitStack() as stack:

        async def start(limits: Limits | None = None, *, door: bool = True, **options: Any) -> Listener:
            options = {"ready": lambda: True, **options}
            app = public_app(ingest, clock, log=log, limits=limits, **options)
            if not door:
                del app[TAKER]
            listener = await listen(app, LOOPBACK, 0, log=log, limits=limits, grace_s=1.0)
            stack.push_async_callback(listener.close)
            return listener

        yield start


@pytest.fixture
async def http() -> AsyncIterator[aiohttp.ClientSession]:
    async with aiohttp.ClientSession() as session:
        yield session


@pytest.fixture
async def database(tmp_path: Path) -> AsyncIterator[Database]:
    opened = await Database.open(f"sqlite:///{tmp_path / 'bridge.db'}")
    yield opened
    await opened.close()


@pytest.fixture
def desk(database: Database, clock: FakeClock, log: RecordingLog) -> Desk:
    return Desk(
        store=database,
        operator=Operator(Node("test", database, clock, lambda: 0.5, log)),
        clock=clock,
        log=log,
        ready=lambda: True,
        zone=ZoneInfo("America/Sao_Paulo"),
        sources=("eduzz",),
        channels=KINDS,
        rules=(RULE,),
        sentences={RULE: SENTENCES},
        locale="pt_BR",
    )


@pytest.fixture
async def serve_admin(desk: Desk, log: RecordingLog) -> AsyncIterator[Callable[..., Awaitable[Listener]]]:
    """Start an admin listener; it is closed after the test."""
    async with AsyncExitStack() as stack:

        async def start(password: str | None = None, **changes: Any) -> Listener:
            app = admin_app(replace(desk, **changes), password=password)
            listener = await listen(app, LOOPBACK, 0, log=log, grace_s=1.0)
            stack.push_async_callback(listener.close)
            return listener

        yield start
