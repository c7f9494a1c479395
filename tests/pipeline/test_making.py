"""Messages that take long to make: nobody who waits for an answer waits for them."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC

import pytest
from msgspec.structs import replace

from bridge.core.events import Facts
from bridge.core.messages import RenderFailure
from bridge.core.outcomes import State
from bridge.core.quiet_hours import QuietHours, parse_hours
from bridge.store import views
from bridge.store.database import Database
from bridge.store.details import DeliveryDetails, show_delivery
from tests.pipeline.test_direct import settled, states, working
from tests.support.pipeline import (
    Pipeline,
    Says,
    ScriptedChannel,
    action,
    channels,
    completion,
    rule,
    until,
)

PATIENCE_S = 20


@dataclass
class Laborious(Says):
    """Content that remembers in which thread it was asked for, and takes its time beside the event loop."""

    error: Exception | None = None
    threads: list[int] = field(default_factory=list)
    may_end: threading.Event = field(default_factory=threading.Event)

    def render(self, facts: Facts) -> Mapping[str, object] | RenderFailure:
        here = threading.get_ident()
        self.threads.append(here)
        if here != threading.main_thread().ident:
            assert self.may_end.wait(PATIENCE_S)
        if self.error is not None:
            raise self.error
        return super().render(facts)

    @property
    def beside(self) -> list[bool]:
        """Whether each was made beside the event loop."""
        return [each != threading.main_thread().ident for each in self.threads]


def school(database: Database, content: Says, *, shadow: bool = False) -> tuple[Pipeline, ScriptedChannel]:
    """Return a bridge that congratulates with this content, and tells the CRM, which takes no time."""
    mail, crm = ScriptedChannel("mail", hands=32), ScriptedChannel("crm")
    congratulates = replace(action("r", "mail", content), shadow=shadow, laborious=True)
    rules = [rule("r", congratulates), rule("tells", action("tells", "crm"))]
    return Pipeline(database, rules, channels(mail, crm), of_node={"alone": True}), mail


def event(number: int) -> dict[str, object]:
    """Return a completion of a learner of its own."""
    return completion(f"e{number}", learner={"name": "Ana", "email": f"ana-{number}@aluna.example"})


async def begun(content: Laborious, count: int = 1) -> None:
    """Wait until so many messages were begun."""
    await until(lambda: len(content.threads) >= count)


async def test_senders_are_answered_while_a_message_takes_its_time(database: Database) -> None:
    """The long ones are made one after the other beside the event loop; others go out meanwhile."""
    content = Laborious()
    pipeline, mail = school(database, content)
    crm = pipeline.channels["crm"]
    async with working(pipeline):
        assert await pipeline.receive(*(event(number) for number in range(8))) == [200] * 8
        await begun(content)
        assert await pipeline.receive(*(event(number) for number in range(8, 12))) == [200] * 4
        await settled(database, 12)
        assert (len(crm.sent), mail.sent) == (12, [])
        content.may_end.set()
        await settled(database, 24)
    assert content.beside == [True] * 12
    assert sorted(mail.texts) == sorted(f"module.completed e{number}" for number in range(12))


async def test_what_waits_in_the_store_is_made_beside_the_event_loop(database: Database) -> None:
    """A backlog is claimed many at a time."""
    content = Laborious()
    content.may_end.set()
    pipeline, mail = school(database, content)
    await pipeline.run(*(event(number) for number in range(8)))
    assert content.beside == [True] * 8
    assert len(set(mail.texts)) == len(mail.texts) == 8


async def test_what_tells_of_several_events_is_made_beside_the_event_loop(database: Database) -> None:
    """There may be hundreds of them."""
    content = Laborious()
    content.may_end.set()
    mail = ScriptedChannel("mail")
    hours = parse_hours("11:00-13:00")
    assert hours is not None
    quiet = replace(action("r", "mail", content), quiet_hours=QuietHours(hours, UTC))
    pipeline = Pipeline(database, [rule("r", quiet)], channels(mail))
    await pipeline.run(completion("e0"), completion("e1"))
    pipeline.clock.advance(hours=2)
    await pipeline.engine.drain()
    assert (content.beside, len(mail.sent)) == ([True], 1)
    await pipeline.run(completion("e2"))
    assert (content.beside, len(mail.sent)) == ([True, False], 2)


async def test_one_learners_messages_keep_their_order(database: Database) -> None:
    """Quick or slow, here or beside: of one learner the first comes first."""
    content = Laborious()
    content.may_end.set()
    pipeline, mail = school(database, content)
    async with working(pipeline):
        assert await pipeline.receive(*(completion(f"e{number}") for number in range(6))) == [200] * 6
        await settled(database, 12)
    assert mail.texts == [f"module.completed e{number}" for number in range(6)]


async def test_what_is_only_shown_is_made_beside_the_event_loop(database: Database) -> None:
    """A rule in shadow mode makes its messages when it decides; its senders have their answer by then."""
    content = Laborious()
    pipeline, mail = school(database, content, shadow=True)
    async with working(pipeline):
        assert await pipeline.receive(*(event(number) for number in range(3))) == [200] * 3
        await begun(content)
        assert await pipeline.receive(event(3)) == [200]
        content.may_end.set()
        while (await states(database)).count(State.WITHHELD) < 4:  # noqa: ASYNC110 - a store tells nobody
            await asyncio.sleep(0.001)
    assert content.beside == [True] * 4
    assert mail.sent == []
    page = await database.read(lambda c: views.list_deliveries(c, views.DeliveryFilter()))
    assert all([await _payload(database, row.id) for row in page if row.channel == "mail"])


async def _payload(database: Database, delivery: str) -> object:
    found = await database.read(lambda c: show_delivery(c, delivery))
    assert isinstance(found, DeliveryDetails)
    return found.payload


@pytest.mark.parametrize("shadow", [False, True], ids=["sent", "only shown"])
async def test_a_failure_of_what_takes_long_is_a_failure_like_any_other(
    database: Database, *, shadow: bool
) -> None:
    """The message is parked with its reason; of one that is only shown nothing is shown."""
    content = Laborious(failure=RenderFailure("templates/a.md", 3, "'x' is undefined"))
    content.may_end.set()
    pipeline, mail = school(database, content, shadow=shadow)
    await pipeline.run(event(0), event(1))
    counted = await database.read(views.count_deliveries)
    assert counted["mail"] == {State.WITHHELD if shadow else State.PARKED: 2}
    assert mail.sent == []


@pytest.mark.parametrize("shadow", [False, True], ids=["sent", "only shown"])
async def test_a_mistake_of_ours_parks_what_takes_long_and_nothing_else(
    database: Database, *, shadow: bool
) -> None:
    """As one in the event loop does; the bridge goes on."""
    content = Laborious(error=RuntimeError("broken"))
    content.may_end.set()
    pipeline, mail = school(database, content, shadow=shadow)
    await pipeline.run(event(0))
    content.error = None
    await pipeline.run(event(1), event(2))
    counted = await database.read(views.count_deliveries)
    shown = await database.read(views.count_events)
    if shadow:
        assert (counted["mail"], shown) == ({State.WITHHELD: 2}, {"done": 2, "parked": 1})
    else:
        assert counted["mail"] == {State.DELIVERED: 2, State.PARKED: 1}
    assert len(mail.sent) == (0 if shadow else 2)


async def test_a_stop_waits_for_no_message_that_is_being_made(database: Database) -> None:
    """It is not sent, its lease is given back, and the next process makes and sends it, once."""
    content = Laborious()
    pipeline, mail = school(database, content)
    async with working(pipeline):
        assert await pipeline.receive(*(event(number) for number in range(3))) == [200] * 3
        await begun(content)
        await settled(database, 3)
        async with asyncio.timeout(PATIENCE_S):
            await pipeline.engine.stop(0)
    assert mail.sent == []
    content.may_end.set()
    await pipeline.restarted().engine.drain()
    assert sorted(mail.texts) == [f"module.completed e{number}" for number in range(3)]
