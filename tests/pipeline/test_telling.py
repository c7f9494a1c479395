"""While no configuration works the owner is told of trouble, and nothing else happens to what waits."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC

import pytest
from msgspec.structs import replace

from bridge.core.events import Facts
from bridge.core.rules import OWNER_RULE, Action, Rule, else_name
from bridge.core.trouble import Trouble
from bridge.pipeline.telling import Teller
from bridge.pipeline.trouble import Owner
from bridge.sources.own import OwnSource
from bridge.store import incidents, views
from bridge.store.database import Database
from bridge.store.views import DeliveryFilter, EventFilter
from tests.support.clock import START
from tests.support.pipeline import Pipeline, ScriptedChannel, action, channels, completion, rule, until
from tests.support.policy import DOWN, REFUSED, channel

FILE = "config.yaml"


_OWNERS = f"rule = '{OWNER_RULE}'"
_ABORT = "SELECT RAISE(ABORT, 'no')"
REFUSE = {
    "sqlite": (
        f"CREATE TRIGGER refuse BEFORE INSERT ON deliveries WHEN NEW.{_OWNERS} BEGIN {_ABORT}; END",
        "DROP TRIGGER refuse",
    ),
    "postgresql": (
        f"ALTER TABLE deliveries ADD CONSTRAINT refuse CHECK (NOT {_OWNERS})",
        "ALTER TABLE deliveries DROP CONSTRAINT refuse",
    ),
}
"""What makes the store refuse what goes to the owner, and what ends that."""


@dataclass
class Notice:
    """Content that says what the owner is told."""

    def render(self, facts: Facts) -> Mapping[str, object]:
        data = facts["data"]
        assert isinstance(data, Mapping)
        return {"text": f"{facts['kind']}: {data['title']}", "to": "x"}


def owner(*instead: str, desk: str = "desk") -> Owner:
    """Return an owner who is told through a channel, and otherwise through others."""
    first = replace(action(OWNER_RULE, desk), content=Notice())
    others = (replace(action(OWNER_RULE, name), content=Notice()) for name in instead)
    named = tuple(replace(each, name=else_name(each.name, first.name)) for each in others)
    return Owner(replace(first, otherwise=named), "en", UTC)


def pipeline(database: Database, *scripted: ScriptedChannel, own: tuple[Action, ...] = ()) -> Pipeline:
    """Return a whole bridge that sends learners' messages by two channels, of which one tells the owner."""
    of_trouble = [Rule(name="own", on=("trouble.*",), when=rule("own").when, actions=own)] if own else []
    rules = [rule("r", action("r", "desk"), action("r", "wins")), *of_trouble]
    return Pipeline(database, rules, channels(*scripted), owner=owner())


@asynccontextmanager
async def telling(
    made: Pipeline, *scripted: ScriptedChannel, who: Owner | None = None
) -> AsyncIterator[Teller]:
    """Run what only tells the owner, over the store of a pipeline."""
    sources = {OwnSource.name: OwnSource()}
    teller = Teller(made.node, sources=sources, channels=channels(*scripted), owner=who or owner())
    await teller.start()
    try:
        yield teller
    finally:
        await teller.stop()


async def broken(database: Database, teller: Teller) -> None:
    """Note that the file is broken, as whoever follows it does."""
    await database.write(lambda c: incidents.happened(c, Trouble.WAITING, FILE, now=START, why="why"))
    teller.alarm.look_soon()


async def states(database: Database) -> dict[tuple[str, str], str]:
    found = await database.read(lambda c: views.list_deliveries(c, DeliveryFilter()))
    return {(each.rule, each.channel): str(each.state) for each in found}


TOLD = f"trouble.started: Nothing is sent: {FILE} is broken"


async def test_only_the_notice_goes_out(database: Database) -> None:
    """What waits for its channel, or for one that is not there now, is left as it is; and so are events."""
    desk, wins = channel("desk", DOWN), channel("wins", DOWN)
    whole = pipeline(database, desk, wins)
    await whole.run(completion("e1"))
    whole.clock.advance(hours=1)
    before = await states(database)
    assert before == {("r", "desk"): "pending", ("r", "wins"): "pending"}
    desk.sent.clear()
    async with telling(whole, desk) as teller:
        await broken(database, teller)
        await until(lambda: desk.sent)
        await until(lambda: teller.is_idle)
        assert desk.texts == [TOLD]
        assert await states(database) == before | {(OWNER_RULE, "desk"): "delivered"}
    entries = await database.read(lambda c: views.list_events(c, EventFilter(state="new")))
    assert [each.source for each in entries] == ["bridge"]


async def test_the_rules_see_the_notice_later_and_the_owner_does_not_again(database: Database) -> None:
    desk, wins = channel("desk"), channel("wins")
    whole = pipeline(database, desk, wins, own=(replace(action("own", "wins"), content=Notice()),))
    async with telling(whole, desk) as teller:
        await broken(database, teller)
        await until(lambda: desk.sent)
    again = whole.restarted()
    await again.engine.drain()
    assert (desk.texts, wins.texts) == ([TOLD], [TOLD])
    await database.write(lambda c: incidents.ended(c, Trouble.WAITING, FILE, now=again.clock.now()))
    await again.engine.alarm.look()
    await again.engine.drain()
    assert len(desk.texts) == len(wins.texts) == 2


async def test_a_restart_meanwhile_tells_nothing_twice(database: Database) -> None:
    """And a notice that could not be sent goes on to be tried."""
    desk = channel("desk", DOWN)
    whole = pipeline(database, desk, channel("wins"))
    async with telling(whole, desk) as teller:
        await broken(database, teller)
        await until(lambda: desk.sent)
    whole.clock.advance(minutes=1)
    for _ in range(2):
        async with telling(whole.restarted(), desk) as teller:
            await broken(database, teller)
            await until(lambda: len(desk.sent) == 2)
            await until(lambda: teller.is_idle)
    assert desk.texts == [TOLD, TOLD]
    assert len({delivery for delivery, _ in desk.sent}) == 1


async def test_a_notice_that_dies_is_told_otherwise(database: Database) -> None:
    desk, wins = channel("desk", REFUSED), channel("wins")
    whole = pipeline(database, desk, wins)
    async with telling(whole, desk, wins, who=owner("wins")) as teller:
        await broken(database, teller)
        await until(lambda: wins.sent)
    assert wins.texts == [TOLD]


async def test_what_an_earlier_owner_waits_for_is_left_alone(database: Database) -> None:
    """It is not parked because nobody here knows its action."""
    desk, wins = channel("desk", DOWN), channel("wins")
    whole = pipeline(database, desk, wins)
    async with telling(whole, desk) as teller:
        await broken(database, teller)
        await until(lambda: desk.sent)
        await until(lambda: teller.is_idle)
    whole.clock.advance(hours=1)
    async with telling(whole.restarted(), desk, wins, who=owner(desk="wins")) as teller:
        await asyncio.sleep(0)
        await until(lambda: teller.is_idle)
    assert (await states(database))[OWNER_RULE, "desk"] == "pending"
    assert not wins.sent


@pytest.mark.parametrize("times", [3])
async def test_forged_requests_are_told_of(database: Database, times: int) -> None:
    desk = channel("desk")
    whole = pipeline(database, desk, channel("wins"))
    async with telling(whole, desk) as teller:
        for _ in range(times):
            await teller.alarm.refused("eduzz", "wrong signature")
        await until(lambda: desk.sent)
    assert "signature" in desk.texts[0]


async def test_a_notice_that_cannot_be_made_ends_nothing(database: Database) -> None:
    """A store that refuses its delivery stands for a mistake of ours; the next notice is told."""
    desk = channel("desk")
    whole = pipeline(database, desk, channel("wins"))
    refuse, allow = REFUSE["postgresql" if database.is_shared else "sqlite"]
    await database.write(lambda c: c.exec_driver_sql(refuse))
    async with telling(whole, desk) as teller:
        await broken(database, teller)
        await until(lambda: "notice not told" in whole.log.events("exception"))
        assert not any(task.done() for task in teller.watch())
        await database.write(lambda c: c.exec_driver_sql(allow))
        await database.write(
            lambda c: incidents.happened(c, Trouble.UNLISTED, "3251", now=START, why="the last")
        )
        teller.alarm.look_soon()
        await until(lambda: desk.sent)
    assert len(desk.texts) == 1
    assert "3251" in desk.texts[0]
