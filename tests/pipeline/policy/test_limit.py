"""At most so many messages in any period."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, time, timedelta

from msgspec.structs import replace

from bridge.core.outcomes import State
from bridge.core.quiet_hours import Hours, QuietHours
from bridge.core.rules import Limit, Rule, else_name
from bridge.store import views
from bridge.store.database import Database
from bridge.store.schema import uses
from bridge.store.views import DeliveryFilter, DeliveryRow, EventFilter
from tests.support.clock import FakeClock
from tests.support.pipeline import Pipeline, ScriptedChannel, action, channels, completion, rule
from tests.support.policy import REFUSED, channel, of_learners

DAY = timedelta(days=1)
LEARNER = ("learner.email",)


def limited(most: int = 1, per: timedelta = DAY, by: tuple[str, ...] = LEARNER, **changes: object) -> Rule:
    made = replace(action("r", "mail"), limit=Limit(most, per, by), **changes)
    return rule("r", made)


def pipeline(database: Database, made: Rule, mail: ScriptedChannel | None = None) -> Pipeline:
    return Pipeline(database, [made], channels(mail or channel("mail")))


async def states(database: Database) -> list[State]:
    found: list[DeliveryRow] = await database.read(lambda c: views.list_deliveries(c, DeliveryFilter()))
    return [row.state for row in sorted(found, key=lambda row: row.seq)]


async def test_no_more_than_so_many_in_a_period(database: Database) -> None:
    """The event says why the next one was left out; others have a count of their own."""
    made = pipeline(database, limited(most=2))
    await made.run(*(completion(f"e{number}") for number in range(4)), *of_learners(1, first=50))
    assert len(made.channels["mail"].sent) == 3
    entries = await database.read(lambda c: views.list_events(c, EventFilter()))
    (skipped,) = (entries[1].summary or {})["skipped"]
    assert skipped["why"] == "limit: at most 2 in 1 day"


async def test_the_period_begins_with_each_message(database: Database) -> None:
    """Not at midnight: two in two minutes would be two in a day."""
    made = pipeline(database, limited())
    await made.run(completion("e1"))
    made.clock.advance(hours=23, minutes=59)
    await made.run(completion("e2"))
    assert len(made.channels["mail"].sent) == 1
    made.clock.advance(minutes=1)
    await made.restarted().run(completion("e3"))
    assert len(made.channels["mail"].sent) == 2


async def test_without_by_it_is_over_all(database: Database) -> None:
    """However many people."""
    made = pipeline(database, limited(most=3, by=()))
    await made.run(*of_learners(8))
    assert len(made.channels["mail"].sent) == 3


async def test_what_was_given_up_does_not_count(database: Database) -> None:
    """Nobody has been told anything, so the next event may."""
    made = pipeline(database, limited(), channel("mail", REFUSED))
    await made.run(completion("e1"))
    await made.run(completion("e2"), completion("e3"))
    assert await states(database) == [State.DEAD, State.DELIVERED]


async def test_what_is_sent_instead_counts(database: Database) -> None:
    """Whichever way a message went, it was one."""
    parent = limited().actions[0]
    instead = replace(action("r", "wins"), name=else_name("test:wins", parent.name))
    wins = channel("wins")
    made = Pipeline(
        database,
        [rule("r", replace(parent, otherwise=(instead,)))],
        channels(channel("mail", REFUSED), wins),
    )
    await made.run(completion("e1"))
    await made.run(completion("e2"))
    assert await states(database) == [State.DEAD, State.DELIVERED]


async def test_what_is_held_counts_from_when_it_is_sent(database: Database) -> None:
    """Two evenings are two mornings, and one message each."""
    evening = datetime(2026, 5, 4, 23, 0, tzinfo=UTC)
    night = QuietHours(Hours(time(21), time(8)), UTC)
    mail = channel("mail")
    made = Pipeline(database, [limited(quiet_hours=night)], channels(mail), FakeClock(evening))
    await made.run(completion("e1"), completion("e2"))
    made.clock.advance(hours=9)
    await made.engine.drain()
    made.clock.advance(hours=14)
    await made.run(completion("e3"), completion("e4"))
    made.clock.advance(hours=10)
    await made.engine.drain()
    assert mail.texts == ["module.completed e1", "module.completed e3"]


async def test_a_replay_of_what_was_sent_is_one_more(database: Database) -> None:
    """And what a replay replaces counts no more."""
    made = pipeline(database, limited(delay=timedelta(days=30)))
    await made.run(completion("e1"))
    await made.operator.replay(1)
    await made.engine.drain()
    assert await states(database) == [State.DISCARDED, State.PENDING]


async def test_two_nodes_count_together(database: Database) -> None:
    """Whoever dispatches, the count is one."""
    made = pipeline(database, limited(most=2))
    other = made.restarted()
    await made.receive(completion("e1"), completion("e2"), completion("e3"), completion("e4"))
    await asyncio.gather(made.engine.drain(), other.engine.drain())
    await made.engine.drain()
    assert len(made.channels["mail"].sent) == 2


async def test_counts_that_are_over_are_forgotten(database: Database) -> None:
    """A learner leaves no more rows than the limit lets through."""
    made = pipeline(database, limited())
    for number in range(4):
        await made.run(completion(f"e{number}"))
        made.clock.advance(days=1)
    assert len(await database.read(lambda c: c.execute(uses.select()).all())) == 1


async def test_without_the_value_nothing_is_sent(database: Database) -> None:
    """Visibly, as with `once_per`."""
    made = pipeline(database, limited())
    await made.run(completion("e1", learner={"name": "Maria"}))
    (entry,) = await database.read(lambda c: views.list_events(c, EventFilter()))
    (skipped,) = (entry.summary or {})["skipped"]
    assert skipped["why"] == "limit needs 'learner.email', which this event does not have"
