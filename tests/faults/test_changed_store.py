"""A PostgreSQL in which somebody else is at work: tables or rights that are gone for a while, and back.

Nobody who is answered 200 is forgotten, no loop ends, no message goes out twice, and what is said names the
store, what is missing and what to do.
"""

from __future__ import annotations

import uuid
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from typing import Any

import psycopg
import pytest
from sqlalchemy import make_url

from bridge.core.outcomes import State
from bridge.store import views
from bridge.store.creation import prepare
from bridge.store.database import Database, StoreUnavailable
from bridge.store.engines import make_engines
from bridge.store.views import DeliveryFilter
from tests.support.clock import FakeClock
from tests.support.databases import postgres_server, schema_of
from tests.support.pipeline import Pipeline, ScriptedChannel, action, channels, completion, rule, until

__all__ = ["postgres_server"]


@dataclass(frozen=True)
class Shop:
    """A schema, the role that the bridge has there, and a connection of the administrator's."""

    url: str
    role: str
    admin: psycopg.Connection[Any]

    def run(self, statement: str) -> None:
        self.admin.execute(statement.format(role=self.role).encode())


@pytest.fixture
def shop(postgres_server: str) -> Iterator[Shop]:
    """An empty schema whose tables the bridge makes and owns as a role without special rights."""
    role = f"bridge_{uuid.uuid4().hex}"
    with schema_of(postgres_server) as url, administering(url) as admin:
        admin.execute(f"CREATE ROLE {role}".encode())
        admin.execute(f"GRANT CREATE, USAGE ON SCHEMA {schema(url)} TO {role}".encode())
        try:
            yield Shop(f"{url}%20-crole%3D{role}", role, admin)
        finally:
            admin.execute(f"DROP OWNED BY {role}; DROP ROLE {role}".encode())


def schema(url: str) -> str:
    return str(make_url(url).query["options"]).partition("=")[2]


@contextmanager
def administering(url: str) -> Iterator[psycopg.Connection[Any]]:
    dsn = make_url(url).set(drivername="postgresql").render_as_string(hide_password=False)
    with psycopg.connect(dsn, autocommit=True) as connection:
        yield connection


@asynccontextmanager
async def working(shop: Shop, wins: ScriptedChannel) -> AsyncIterator[Pipeline]:
    """A bridge at work that has let its first event through."""
    database = await Database.open(shop.url)
    bridge = Pipeline(database, [rule("r", action("r", "wins"))], channels(wins), FakeClock())
    await bridge.engine.start()
    try:
        assert await bridge.receive(completion("e0")) == [200]
        await until(lambda: len(wins.sent) == 1 and bridge.engine.is_idle)
        yield bridge
    finally:
        await bridge.engine.stop()
        await database.close()


AWAY = [
    pytest.param("ALTER TABLE inbox RENAME TO away", "ALTER TABLE away RENAME TO inbox", id="inbox away"),
    pytest.param(
        "ALTER TABLE deliveries RENAME TO away", "ALTER TABLE away RENAME TO deliveries", id="deliveries away"
    ),
    pytest.param(
        "ALTER TABLE inbox RENAME COLUMN body TO was",
        "ALTER TABLE inbox RENAME COLUMN was TO body",
        id="column away",
    ),
    pytest.param(
        "REVOKE ALL ON inbox, deliveries FROM {role}",
        "GRANT ALL ON inbox, deliveries TO {role}",
        id="no right",
    ),
    pytest.param(
        "REVOKE INSERT, UPDATE ON inbox FROM {role}",
        "GRANT INSERT, UPDATE ON inbox TO {role}",
        id="only reading",
    ),
]


@pytest.mark.parametrize(("take", "give_back"), AWAY)
async def test_an_event_is_answered_503_until_the_table_is_back(
    take: str, give_back: str, shop: Shop
) -> None:
    """No loop of the bridge ends; the sender that comes again is answered 200, and one message goes out."""
    wins = ScriptedChannel("wins")
    async with working(shop, wins) as bridge:
        shop.run(take)
        assert await bridge.receive(completion("e1")) == [503]
        await looks(bridge, "no work taken, the store cannot be used")
        shop.run(give_back)
        assert await bridge.receive(completion("e1")) == [200]
        await done(bridge, lambda: len(wins.sent) == 2)
        assert wins.texts == ["module.completed e0", "module.completed e1"]
        assert not any(task.done() for task in bridge.engine.watch())


@pytest.mark.parametrize(
    ("take", "give_back"),
    [
        ("ALTER TABLE attempts RENAME TO away", "ALTER TABLE away RENAME TO attempts"),
        ("REVOKE ALL ON attempts FROM {role}", "GRANT ALL ON attempts TO {role}"),
    ],
)
async def test_a_result_waits_for_its_table(take: str, give_back: str, shop: Shop) -> None:
    """Gone while the destination was answering: recorded when it is back, and not sent again."""
    wins = ScriptedChannel("wins")
    async with working(shop, wins) as bridge:

        async def take_away() -> None:
            shop.run(take)

        wins.before_answer = take_away
        assert await bridge.receive(completion("e1")) == [200]
        await until(lambda: any("waits, the store" in said for said in bridge.log.events("warning")))
        shop.run(give_back)
        await done(bridge, lambda: bridge.engine.is_idle)
        assert wins.texts == ["module.completed e0", "module.completed e1"]
        listed = await bridge.database.read(lambda c: views.list_deliveries(c, DeliveryFilter()))
        assert {row.state for row in listed} == {State.DELIVERED}


async def test_what_is_missing_is_said_with_what_to_do(shop: Shop) -> None:
    """Not as a fault of the bridge."""
    wins = ScriptedChannel("wins")
    async with working(shop, wins) as bridge:
        shop.run("REVOKE ALL ON inbox FROM {role}")
        with pytest.raises(
            StoreUnavailable, match="permission denied for table inbox; the user in `store:` has"
        ):
            await bridge.database.read(views.count_events)
        shop.run("GRANT ALL ON inbox TO {role}")


def test_a_role_that_may_make_no_tables_is_told_what_it_needs(shop: Shop) -> None:
    """As PostgreSQL 15 and later have it for everyone but a database's owner."""
    shop.run("REVOKE CREATE ON SCHEMA " + schema_of_role(shop) + " FROM {role}")
    engines = make_engines(shop.url)
    with pytest.raises(
        StoreUnavailable, match=r"permission denied for schema .*; the user in `store:` has to own"
    ):
        prepare(engines)
    engines.dispose()


def schema_of_role(shop: Shop) -> str:
    return schema(shop.url).partition(" ")[0]


async def looks(bridge: Pipeline, said: str) -> None:
    """Let time pass until a look at the store has found it out of use."""
    await until(lambda: passed(bridge) and said in bridge.log.events("warning"))


async def done(bridge: Pipeline, true: Callable[[], bool]) -> None:
    """Let time pass until something is true."""
    await until(lambda: passed(bridge) and true())


def passed(bridge: Pipeline) -> bool:
    bridge.clock.advance(milliseconds=200)
    return True
