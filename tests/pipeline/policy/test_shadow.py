"""Rules that only show what they would send."""

from __future__ import annotations

from datetime import timedelta

from msgspec.structs import replace

from bridge.core.conditions import NOTHING
from bridge.core.outcomes import State
from bridge.core.rules import Limit, Rule, Unless
from bridge.store import details, views
from bridge.store.database import Database
from bridge.store.details import DeliveryDetails
from bridge.store.views import DeliveryFilter, DeliveryRow
from tests.support.clock import START
from tests.support.pipeline import Pipeline, action, channels, completion, rule
from tests.support.policy import channel

ONCE = ("learner.email",)


def shadow(**changes: object) -> Rule:
    return rule("r", replace(action("r", "mail"), shadow=True, **changes))


async def rows(database: Database) -> list[DeliveryRow]:
    found = await database.read(lambda c: views.list_deliveries(c, DeliveryFilter()))
    return sorted(found, key=lambda row: row.seq)


async def test_it_does_everything_but_the_sending(database: Database) -> None:
    """Beside a real one; the message can be read."""
    mail = channel("mail")
    rules = [shadow(), rule("live", action("live", "mail"))]
    pipeline = Pipeline(database, rules, channels(mail))
    await pipeline.run(completion())
    assert mail.texts == ["module.completed e1"]
    hidden, _ = await rows(database)
    assert (hidden.state, hidden.why) == (State.WITHHELD, "shadow: its rule only shows what it would send")
    shown = await database.read(lambda c: details.show_delivery(c, hidden.id))
    assert isinstance(shown, DeliveryDetails)
    assert shown.payload is not None
    assert b"module.completed e1" in shown.payload.body
    pipeline.clock.advance(days=30)
    await pipeline.restarted().engine.drain()
    assert len(mail.sent) == 1


async def test_it_remembers_as_a_live_one_would(database: Database) -> None:
    """`once_per`, `limit` and `unless` hold among what is shown, and `delay` says when it would be."""
    words = {"once_per": ONCE, "delay": timedelta(days=7)}
    pipeline = Pipeline(database, [shadow(**words)], channels(channel("mail")))
    await pipeline.run(completion("e1", createdAt=START.isoformat()), completion("e2"))
    (row,) = await rows(database)
    assert row.due_at == START + timedelta(days=7)
    assert row.why == "shadow: its rule only shows what it would send; delay of 7 days"


async def test_a_limit_holds_among_what_is_shown(database: Database) -> None:
    """It would have sent one."""
    pipeline = Pipeline(database, [shadow(limit=Limit(1, timedelta(days=1)))], channels(channel("mail")))
    await pipeline.run(completion("e1"), completion("e2"))
    assert len(await rows(database)) == 1


async def test_what_would_have_been_withdrawn_is(database: Database) -> None:
    """The list shows what would have gone out, and not more."""
    unless = Unless(("lesson.completed",), NOTHING, ONCE)
    made = shadow(delay=timedelta(days=7), unless=unless)
    pipeline = Pipeline(database, [made], channels(channel("mail")))
    await pipeline.run(completion("e1"), {**completion("e2"), "event": "nutror.lesson_watched"})
    (row,) = await rows(database)
    assert row.state is State.DISCARDED
    assert row.why == "unless: lesson.completed happened meanwhile, event 2"


async def test_a_rule_that_goes_live_starts_anew(database: Database) -> None:
    """What was only shown was not sent, so it forbids nothing."""
    mail = channel("mail")
    words = {"once_per": ONCE, "limit": Limit(1, timedelta(days=1))}
    pipeline = Pipeline(database, [shadow(**words)], channels(mail))
    await pipeline.run(completion("e1"))
    live = rule("r", replace(shadow(**words).actions[0], shadow=False))
    await pipeline.restarted(rules=[live]).run(completion("e2"))
    assert mail.texts == ["module.completed e2"]
