"""Whatever the network does to PostgreSQL: who is answered 200 is stored, and each message goes out once."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
from sqlalchemy import URL, make_url

from bridge.core.outcomes import State
from bridge.store import views
from bridge.store.database import Database
from bridge.store.views import DeliveryFilter
from tests.support.databases import postgres_server, schema_of
from tests.support.pipeline import Pipeline, ScriptedChannel, action, channels, completion, rule
from tests.support.proxy import BlackHole, Drip, Mode, Pass, Proxy, Refuse, Reset, Stall

__all__ = ["postgres_server"]

NO_HANG_S = 20
COMMIT_UNANSWERED = Reset(down=0, after=b"COMMIT")
"""The server has committed, and its word of that does not arrive."""

TROUBLE = [
    pytest.param(Refuse(), id="refused"),
    pytest.param(Reset(up=0), id="reset at the first byte"),
    pytest.param(Reset(up=300), id="reset in a statement"),
    pytest.param(Reset(down=0), id="reset before an answer"),
    pytest.param(Reset(down=30), id="reset in an answer"),
    pytest.param(COMMIT_UNANSWERED, id="reset before the commit's answer"),
]


@pytest.mark.parametrize("mode", TROUBLE)
async def test_a_request_is_answered_503_until_it_can_be_stored(mode: Mode, postgres_server: str) -> None:
    """The sender who repeats it is answered 200 when the store is back, and one message goes out."""
    async with behind_proxy(postgres_server) as (bridge, wins, proxy):
        await bridge.run(completion("e1"))
        await proxy.set(mode)
        assert await answered(bridge, "e2") == 503
        await bridge.engine.drain()
        await proxy.set(Pass())
        assert await answered(bridge, "e2") == 200
        await finished(bridge)
        assert sorted(wins.texts) == ["module.completed e1", "module.completed e2"]


@pytest.mark.parametrize("mode", TROUBLE)
async def test_a_result_waits_for_the_store(mode: Mode, postgres_server: str) -> None:
    """Lost while the destination was answering, and back later: recorded, and not sent again."""
    async with behind_proxy(postgres_server) as (bridge, wins, proxy):
        wins.before_answer = lambda: proxy.set(mode)
        await bridge.receive(completion("e1"))
        work = asyncio.create_task(bridge.engine.drain())
        async with asyncio.timeout(NO_HANG_S):
            while not any("waits, the store" in event for event in bridge.log.events("warning")):  # noqa: ASYNC110
                await asyncio.sleep(0.01)  # only the log tells
        await proxy.set(Pass())
        async with asyncio.timeout(NO_HANG_S):
            while not work.done():
                bridge.clock.advance(seconds=1)
                await asyncio.sleep(0.01)
        await finished(bridge)
        assert wins.texts == ["module.completed e1"]


@pytest.mark.parametrize("mode", [Stall(), Drip(2000, 0.001)], ids=["stalled", "drips"])
async def test_a_slow_store_loses_nothing(mode: Mode, postgres_server: str) -> None:
    """What waits for a store that says nothing for a while is done when it speaks again."""
    async with behind_proxy(postgres_server) as (bridge, wins, proxy):
        await bridge.run(completion("e1"))
        await proxy.set(mode)
        waiting = asyncio.create_task(answered(bridge, "e2"))
        await asyncio.wait({waiting}, timeout=0.2)
        await proxy.set(Pass())
        assert await waiting == 200
        await finished(bridge)
        assert sorted(wins.texts) == ["module.completed e1", "module.completed e2"]


async def test_a_connection_into_nowhere_is_given_up_when_it_breaks(postgres_server: str) -> None:
    """Requests that waited on it are answered 503, and the next one finds a new connection."""
    async with behind_proxy(postgres_server) as (bridge, wins, proxy):
        await bridge.run(completion("e1"))
        await proxy.set(BlackHole())
        waiting = asyncio.create_task(answered(bridge, "e2"))
        await asyncio.wait({waiting}, timeout=0.2)
        assert not waiting.done()
        await proxy.set(Refuse())
        assert await waiting == 503
        await proxy.set(Pass())
        assert await answered(bridge, "e2") == 200
        await finished(bridge)
        assert sorted(wins.texts) == ["module.completed e1", "module.completed e2"]


@asynccontextmanager
async def behind_proxy(server: str) -> AsyncIterator[tuple[Pipeline, ScriptedChannel, Proxy]]:
    """Yield a bridge whose store is behind a proxy."""
    with schema_of(server) as url:
        async with Proxy(target(make_url(url))) as proxy:
            database = await Database.open(through(make_url(url), proxy.port))
            wins = ScriptedChannel("wins")
            try:
                yield Pipeline(database, [rule("r", action("r", "wins"))], channels(wins)), wins, proxy
            finally:
                await database.close()


def target(url: URL) -> int | str:
    """Return the port that a server listens on, or its socket's path."""
    folder = url.query.get("host")
    return f"{folder}/.s.PGSQL.{url.port or 5432}" if folder else url.port or 5432


def through(url: URL, port: int) -> str:
    """Return the URL of the same database behind a port of this machine."""
    query = {name: value for name, value in url.query.items() if name != "host"}
    moved = url.set(host="127.0.0.1", port=port, query={**query, "sslmode": "disable"})
    return moved.render_as_string(hide_password=False)


async def answered(bridge: Pipeline, event_id: str) -> int:
    """Post an event and return the answer's status."""
    async with asyncio.timeout(NO_HANG_S):
        (status,) = await bridge.receive(completion(event_id))
    return status


async def finished(bridge: Pipeline) -> None:
    """Let time pass until every event is done and every message delivered."""
    async with asyncio.timeout(NO_HANG_S):
        while True:
            await bridge.engine.drain()
            events = await bridge.database.read(views.count_events)
            listed = await bridge.database.read(lambda c: views.list_deliveries(c, DeliveryFilter()))
            if events.keys() == {"done"} and {row.state for row in listed} == {State.DELIVERED}:
                return
            bridge.clock.advance(minutes=2)
