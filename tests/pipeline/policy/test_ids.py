"""A delivery's id: made of what is stored with its entry, whoever makes it, and on whichever way."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

import pytest
from msgspec.structs import replace
from sqlalchemy import select, update

from bridge.core.identity import delivery_id
from bridge.core.messages import RenderFailure
from bridge.core.outcomes import State
from bridge.core.rules import Rule, else_name
from bridge.pipeline.ingest import Ingest
from bridge.pipeline.settling import Draft, Entries, Found
from bridge.store import details, views
from bridge.store.database import Connection, Database
from bridge.store.schema import claims, deliveries, inbox
from bridge.store.views import DeliveryFilter, DeliveryRow
from tests.pipeline.test_direct import settled, working
from tests.support.clock import START, FakeClock
from tests.support.pipeline import Pipeline, Says, Unattended, action, channels, completion, rule, until
from tests.support.policy import REFUSED, channel

ODD = START + timedelta(hours=1, microseconds=987_654)
"""Between two milliseconds."""
RULES = [rule("r", action("r", "mail"), action("r", "wins", once_per=("learner.email",)))]


def pipeline_of(database: Database, rules: Sequence[Rule] = RULES, **more: Any) -> Pipeline:
    found = channels(channel("mail"), channel("wins"))
    return Pipeline(database, rules, found, FakeClock(ODD), of_node={"alone": True}, **more)


async def made(database: Database) -> list[tuple[str, list[Any]]]:
    """Return the ids with what they are made of, as the store has it."""
    columns = (
        deliveries.c.id,
        *(inbox.c.key, inbox.c.received_at, deliveries.c.event_index),
        *(deliveries.c.rule, deliveries.c.action, deliveries.c.run),
    )
    query = select(*columns).join_from(deliveries, inbox).order_by(deliveries.c.seq)
    return [(row[0], list(row[1:])) for row in await database.read(lambda c: c.execute(query).all())]


async def check(database: Database, count: int) -> None:
    """Check that so many deliveries have the ids that the stored entry's values make."""
    rows = await made(database)
    assert len(rows) == len({id_ for id_, _ in rows}) == count
    for id_, parts in rows:
        assert id_ == delivery_id(*parts)
        assert id_[:12] == f"{int(ODD.timestamp() * 1000):012x}"


async def test_an_event_that_is_decided_before_it_is_stored(database: Database) -> None:
    """Its id holds the time that is stored with it, not the one of the storing."""
    pipeline, drafted = pipeline_of(database, hide=str), 0
    accept = pipeline.engine.inlet.accept

    def counted(connection: Connection, entries: Entries) -> list[Found]:
        nonlocal drafted
        drafted += sum(isinstance(way, Draft) for _, way in entries)
        return accept(connection, entries)

    pipeline.engine.inlet.accept = counted  # type: ignore[method-assign]
    async with working(pipeline):
        await pipeline.receive(completion("e1"))
        await settled(database, 2)
        await until(lambda: pipeline.engine.is_idle)
        await pipeline.receive(completion("e2", learner={"email": "rui@aluna.example"}))
        await settled(database, 4)
    assert drafted
    await check(database, 4)


class Ticking(FakeClock):
    """A clock on which no two looks are at the same time."""

    def now(self) -> datetime:
        self._now += timedelta(milliseconds=1)
        return self._now


async def test_an_event_that_comes_several_times_at_once(database: Database) -> None:
    """Each copy is decided about with an id of its own, and one of them is stored."""
    wins = channel("wins")
    pipeline = Pipeline(
        *(database, [rule("r", action("r", "wins"))], channels(wins), Ticking(ODD)),
        of_node={"alone": True},
        hide=str,
    )
    async with working(pipeline):
        await pipeline.receive(completion("first"))
        await settled(database, 1)
        await until(lambda: pipeline.engine.is_idle)
        assert await asyncio.gather(*(pipeline.receive(completion("e1")) for _ in range(20))) == [[200]] * 20
        await settled(database, 2)
        await until(lambda: pipeline.engine.is_idle)
    assert wins.texts == ["module.completed first", "module.completed e1"]
    assert len(await made(database)) == 2


async def test_an_event_that_another_process_reads_back(database: Database) -> None:
    """It was stored and nothing else, and is planned an hour later by whoever finds it."""
    pipeline = pipeline_of(database)
    pipeline.ingest = Ingest(pipeline.node, {"eduzz": pipeline.source}, Unattended())
    await pipeline.receive(completion())
    pipeline.clock.advance(hours=1)
    await pipeline.restarted().engine.drain()
    await check(database, 2)


async def test_a_replay(database: Database) -> None:
    """Another run has other ids, of the same time: that of the event."""
    pipeline = pipeline_of(database, [rule("r", action("r", "mail"))])
    await pipeline.run(completion())
    pipeline.clock.advance(days=1)
    await pipeline.operator.replay(1)
    await pipeline.engine.drain()
    await check(database, 2)


async def test_what_is_sent_instead(database: Database) -> None:
    """In the place of a dead message or of one that cannot be made, however long after the event."""
    dies, fails = action("r", "mail"), action("r", "wins", Says(RenderFailure("text", None, "no name")))
    instead = replace(action("r", "wins"), name=else_name("test:wins", dies.name))
    pipeline = pipeline_of(
        database, [rule("r", replace(dies, otherwise=(instead,)), replace(fails, unmade="en"))]
    )
    pipeline.channels["mail"].script.append(REFUSED)
    await pipeline.receive(completion())
    pipeline.clock.advance(hours=1)
    await pipeline.engine.drain()
    await check(database, 4)
    query = select(deliveries.c.state).order_by(deliveries.c.seq)
    states = await database.read(lambda c: list(c.scalars(query)))
    assert sorted(states) == [State.DEAD, State.DELIVERED, State.DELIVERED, State.PARKED]


@pytest.mark.parametrize("year", [1969, 9999])
async def test_a_clock_that_is_wrong_by_ages_stops_nothing(database: Database, year: int) -> None:
    """Before 1970 the time in the id is nought; afterwards it fits for as long as years have four digits."""
    pipeline = pipeline_of(database, [rule("r", action("r", "mail"))])
    pipeline.clock.jump(days=(ODD.replace(year=year) - ODD).days)
    await pipeline.receive(completion())
    pipeline.clock.jump(days=(ODD - pipeline.clock.now()).days)
    await pipeline.engine.drain()
    ((id_, parts),) = await made(database)
    assert id_ == delivery_id(*parts)
    assert (id_[:12] == "0" * 12) == (year == 1969)


async def test_an_id_from_before_is_as_good_as_any(database: Database) -> None:
    """Such as a digest alone: it is found, has its claim, is retried and given up; what is new is not its."""
    pipeline, old = pipeline_of(database, RULES), "a6ccf9f54ffbb14f79261355a050a794"
    pipeline.channels["wins"].script.append(REFUSED)
    await pipeline.run(completion("e1"))
    (made_now,) = [row for row in await listed(database) if row.state is State.DEAD]
    await database.write(lambda c: rename(c, made_now.id, old))
    assert await database.read(lambda c: details.find_delivery(c, old[:10])) == old
    assert (await pipeline.operator.retry(old)).done
    await pipeline.run(completion("e2"))
    states = {row.id: row.state for row in await listed(database) if row.channel == "wins"}
    assert states == {old: State.DELIVERED}  # `once_per` kept the second event from it
    await pipeline.operator.replay(1)
    await pipeline.engine.drain()
    assert len(await listed(database)) == 4
    assert [key for key, _ in pipeline.channels["wins"].sent] == [made_now.id, old]


async def listed(database: Database) -> list[DeliveryRow]:
    return await database.read(lambda c: views.list_deliveries(c, DeliveryFilter()))


def rename(connection: Connection, id_: str, other: str) -> None:
    """Give a delivery and its claim the id that an earlier version would have made."""
    connection.execute(update(deliveries).where(deliveries.c.id == id_).values(id=other))
    connection.execute(update(claims).where(claims.c.delivery_id == id_).values(delivery_id=other))
