"""What is sent instead of a delivery that dies."""

from __future__ import annotations

from datetime import timedelta

import pytest
from msgspec.structs import replace

from bridge.core.outcomes import State
from bridge.core.rules import Action, Rule, else_name
from bridge.pipeline.node import Point
from bridge.store import views
from bridge.store.database import Database
from bridge.store.views import DeliveryFilter, DeliveryRow
from tests.support.pipeline import Compiled, Pipeline, Says, action, channels, completion, rule
from tests.support.policy import DOWN, REFUSED, channel


def with_else(*instead: Action, once_per: tuple[str, ...] = ()) -> list[Rule]:
    """Return a rule that sends by `mail`, and these instead if that dies."""
    parent = action("r", "mail", once_per=once_per)
    named = tuple(replace(each, name=else_name(each.name, parent.name)) for each in instead)
    return [rule("r", replace(parent, otherwise=named))]


async def rows(database: Database) -> list[DeliveryRow]:
    found = await database.read(lambda c: views.list_deliveries(c, DeliveryFilter()))
    return sorted(found, key=lambda row: row.seq)


async def test_a_dead_delivery_is_replaced(database: Database) -> None:
    """What stands under `else:` goes out at once, through its own channel, about the same event."""
    mail, wins = channel("mail", REFUSED), channel("wins")
    pipeline = Pipeline(database, with_else(action("r", "wins")), channels(mail, wins))
    await pipeline.run(completion())
    dead, instead = await rows(database)
    assert (dead.state, instead.state) == (State.DEAD, State.DELIVERED)
    assert (instead.action, instead.channel) == ("test:wins (else of test:mail)", "wins")
    assert instead.inbox_seq == dead.inbox_seq
    assert wins.texts == ["module.completed e1"]


async def test_nothing_is_sent_instead_of_what_arrives(database: Database) -> None:
    """Nor while there is hope: a retry is no death."""
    mail, wins = channel("mail", DOWN), channel("wins")
    pipeline = Pipeline(database, with_else(action("r", "wins")), channels(mail, wins))
    await pipeline.run(completion())
    pipeline.clock.advance(seconds=10)
    await pipeline.engine.drain()
    assert [row.state for row in await rows(database)] == [State.DELIVERED]


async def test_a_message_that_nobody_can_get_is_replaced_too(database: Database) -> None:
    """A learner without an address: the e-mail dies before it is tried."""
    wins = channel("wins")
    parent = replace(action("r", "mail", Says(to="")), otherwise=(action("r", "wins"),))
    await Pipeline(database, [rule("r", parent)], channels(channel("mail"), wins)).run(completion())
    assert len(wins.sent) == 1


async def test_what_expires_is_not_replaced(database: Database) -> None:
    """Then nobody should be told any more."""
    mail, wins = channel("mail", DOWN, waits=(7200,)), channel("wins")
    parent = replace(action("r", "mail", expires=timedelta(hours=1)), otherwise=(action("r", "wins"),))
    pipeline = Pipeline(database, [rule("r", parent)], channels(mail, wins))
    await pipeline.run(completion())
    pipeline.clock.advance(hours=3)
    await pipeline.engine.drain()
    assert [row.state for row in await rows(database)] == [State.EXPIRED]


@pytest.mark.parametrize(("condition", "sent"), [("true", 1), ("false", 0)])
async def test_it_has_conditions_of_its_own(database: Database, condition: str, sent: int) -> None:
    """`if:` of an `else:` is asked when it is needed."""
    wins = channel("wins")
    instead = replace(action("r", "wins"), condition=Compiled(condition))
    rules = with_else(instead)
    await Pipeline(database, rules, channels(channel("mail", REFUSED), wins)).run(completion())
    assert len(wins.sent) == sent


async def test_the_claim_goes_to_what_is_sent_instead(database: Database) -> None:
    """Once is once: the next event of the kind sends nothing, and the dead one cannot come back beside it."""
    mail, wins = channel("mail", REFUSED), channel("wins")
    rules = with_else(action("r", "wins"), once_per=("learner.email", "module.id"))
    pipeline = Pipeline(database, rules, channels(mail, wins))
    await pipeline.run(completion("e1"), completion("e2"))
    assert (len(mail.sent), len(wins.sent)) == (1, 1)
    dead, _ = await rows(database)
    told = await pipeline.operator.retry(dead.id)
    assert not told.done
    assert "would be a second" in told.sentence


async def test_if_that_dies_too_the_claim_is_free_again(database: Database) -> None:
    """Nobody has been told anything, so the next event may."""
    mail, wins = channel("mail", REFUSED), channel("wins", REFUSED)
    rules = with_else(action("r", "wins"), once_per=("learner.email",))
    pipeline = Pipeline(database, rules, channels(mail, wins))
    await pipeline.run(completion("e1"))
    await pipeline.run(completion("e2"))
    assert (len(mail.sent), len(wins.sent)) == (2, 1)


async def test_a_second_death_makes_nothing_new(database: Database) -> None:
    """A person's retry that fails again does not tell the learner twice."""
    mail, wins = channel("mail", REFUSED, REFUSED), channel("wins")
    pipeline = Pipeline(database, with_else(action("r", "wins")), channels(mail, wins))
    await pipeline.run(completion())
    dead, _ = await rows(database)
    assert (await pipeline.operator.retry(dead.id)).done
    await pipeline.engine.drain()
    assert (len(mail.sent), len(wins.sent)) == (2, 1)


class Crash(BaseException):
    """The process ends here."""


@pytest.mark.parametrize("point", [Point.SENT, Point.RECORDING])
async def test_a_crash_around_the_death_sends_it_once(database: Database, point: Point) -> None:
    """The death and what follows from it are one transaction: both, or neither and then both."""
    mail, wins = channel("mail", REFUSED, REFUSED), channel("wins")
    armed = True

    def reached(here: Point) -> None:
        nonlocal armed
        if armed and here is point:
            armed = False
            raise Crash

    rules = with_else(action("r", "wins"))
    pipeline = Pipeline(database, rules, channels(mail, wins), of_node={"reached": reached})
    await pipeline.receive(completion())
    await pipeline.engine.drain()
    assert wins.sent == []
    again = pipeline.restarted(of_node={})
    pipeline.clock.advance(minutes=5)
    await again.engine.drain()
    assert len(wins.sent) == 1
    assert [row.state for row in await rows(database)] == [State.DEAD, State.DELIVERED]
