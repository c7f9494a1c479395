"""Attempts, and what follows from them."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from datetime import timedelta

from bridge.core.backoff import RetryPolicy
from bridge.core.messages import RenderFailure
from bridge.core.outcomes import Delivered, Reason, Rejected, Retry, State
from bridge.store import details, views
from bridge.store.database import Database
from bridge.store.deliveries import Attempt
from bridge.store.details import DeliveryDetails
from tests.support.loop_time import pass_time
from tests.support.pipeline import Pipeline, Says, ScriptedChannel, action, channels, completion, rule, until

BUSY = Retry(Reason.SERVER, 503, "busy")


@dataclass(frozen=True)
class Only:
    """The one delivery there is."""

    id: str
    state: State
    why: str | None
    reference: str | None
    attempts: tuple[Attempt, ...]


async def only(database: Database) -> Only:
    page = await database.read(lambda c: views.list_deliveries(c, views.DeliveryFilter()))
    assert len(page) == 1
    shown = await database.read(lambda c: details.show_delivery(c, page[0].id))
    assert isinstance(shown, DeliveryDetails)
    row = shown.row
    return Only(row.id, row.state, row.why, row.reference, shown.attempts)


def simple(channel: ScriptedChannel, database: Database, content: Says | None = None) -> Pipeline:
    return Pipeline(database, [rule("r", action("r", channel.name, content))], channels(channel))


async def test_a_delivered_message_is_recorded_with_its_answer(database: Database) -> None:
    """The attempt is a row, and the destination's own name for the message is kept."""
    pipeline = simple(ScriptedChannel("wins", Delivered(200, "ok", "171.5")), database)
    await pipeline.run(completion())
    shown = await only(database)
    assert (shown.state, shown.reference) == (State.DELIVERED, "171.5")
    assert [(a.number, a.outcome, a.status, a.answer) for a in shown.attempts] == [
        (1, "delivered", 200, "ok")
    ]


async def test_a_failed_attempt_is_tried_again_on_schedule_with_the_same_bytes(database: Database) -> None:
    """Each attempt is a row; all send identical bytes under one id."""
    wins = ScriptedChannel("wins", BUSY, BUSY)
    pipeline = simple(wins, database)
    await pipeline.run(completion())
    assert len(wins.sent) == 1
    pipeline.clock.advance(seconds=9)
    await pipeline.engine.drain()
    assert len(wins.sent) == 1
    pipeline.clock.advance(seconds=1)
    await pipeline.engine.drain()
    pipeline.clock.advance(seconds=30)
    await pipeline.engine.drain()
    assert len(set(wins.sent)) == 1
    shown = await only(database)
    assert shown.state is State.DELIVERED
    assert [a.outcome for a in shown.attempts] == ["retry", "retry", "delivered"]


async def test_retry_after_is_honoured(database: Database) -> None:
    """The destination is not called before the time it asked for."""
    wins = ScriptedChannel("wins", Retry(Reason.RATE_LIMITED, 429, after=timedelta(hours=1)))
    pipeline = simple(wins, database)
    await pipeline.run(completion())
    pipeline.clock.advance(minutes=59)
    await pipeline.engine.drain()
    assert len(wins.sent) == 1
    pipeline.clock.advance(minutes=1)
    await pipeline.engine.drain()
    assert len(wins.sent) == 2


async def test_a_rejection_is_final_and_waits_for_a_person(database: Database) -> None:
    """Dead deliveries are kept and can be tried again, with the history kept."""
    wins = ScriptedChannel("wins", Rejected(Reason.CLIENT, 400, "no such channel"))
    pipeline = simple(wins, database)
    await pipeline.run(completion())
    dead = await only(database)
    assert dead.state is State.DEAD
    assert (await pipeline.operator.retry(dead.id)).done
    await pipeline.engine.drain()
    shown = await only(database)
    assert (shown.state, [a.outcome for a in shown.attempts]) == (State.DELIVERED, ["rejected", "delivered"])


async def test_a_person_need_not_wait_for_the_next_attempt(database: Database) -> None:
    """After mending the destination a retry makes a waiting delivery due at once."""
    wins = ScriptedChannel("wins", Retry(Reason.SERVER, 503, after=timedelta(hours=6)))
    pipeline = simple(wins, database)
    await pipeline.run(completion())
    waiting = await only(database)
    assert (await pipeline.operator.retry(waiting.id)).done
    await pipeline.engine.drain()
    shown = await only(database)
    assert (shown.state, [a.trigger for a in shown.attempts]) == (State.DELIVERED, ["schedule", "person"])


async def test_giving_up_after_the_schedule_ends(database: Database) -> None:
    """Without an end a broken destination would be called for ever; a person's retry starts over."""
    wins = ScriptedChannel(
        "wins",
        *[BUSY] * 4,
        retry=RetryPolicy(waits=(timedelta(seconds=10),), limit=timedelta(seconds=25), jitter=0),
    )
    pipeline = simple(wins, database)
    await pipeline.run(completion())
    for _ in range(5):
        pipeline.clock.advance(seconds=10)
        await pipeline.engine.drain()
    dead = await only(database)
    assert (dead.state, len(wins.sent)) == (State.DEAD, 3)
    await pipeline.operator.retry(dead.id)
    await pipeline.engine.drain()
    assert (await only(database)).state is State.PENDING


async def test_a_template_that_fails_parks_its_delivery_with_the_line(database: Database) -> None:
    """Nothing is lost: after the fix a retry sends it."""
    wins = ScriptedChannel("wins")
    broken = Says(RenderFailure("templates/x.md", 7, "'learner.name' is absent in this event"))
    pipeline = simple(wins, database, broken)
    await pipeline.run(completion())
    parked = await only(database)
    assert (parked.state, parked.why) == (
        State.PARKED,
        "templates/x.md:7: 'learner.name' is absent in this event",
    )
    broken.failure = None
    await pipeline.operator.retry(parked.id)
    await pipeline.engine.drain()
    assert len(wins.sent) == 1


async def test_replay_sends_a_parked_delivery_after_the_fix(database: Database) -> None:
    """The replay replaces the parked delivery and takes over its claim."""
    wins = ScriptedChannel("wins")
    content = Says(RenderFailure("x.md", 1, "absent"))
    once = action("r", "wins", content, once_per=["learner.email"])
    pipeline = Pipeline(database, [rule("r", once)], channels(wins))
    await pipeline.run(completion())
    content.failure = None
    await pipeline.operator.replay(1)
    await pipeline.engine.drain()
    assert len(wins.sent) == 1


async def test_a_message_that_cannot_be_encoded_is_dead_at_once(database: Database) -> None:
    """No network call is made for a message without a recipient."""
    wins = ScriptedChannel("wins")
    pipeline = simple(wins, database, Says(to=""))
    await pipeline.run(completion())
    shown = await only(database)
    assert (shown.state, wins.sent) == (State.DEAD, [])
    assert shown.attempts[0].answer == "there is no recipient"


async def test_an_expired_delivery_is_not_sent(database: Database) -> None:
    """`expires` counts from the event, and is checked again before every attempt."""
    wins = ScriptedChannel("wins", BUSY, BUSY, BUSY)
    late = action("r", "wins", expires=timedelta(seconds=30))
    pipeline = Pipeline(database, [rule("r", late)], channels(wins))
    await pipeline.run(completion())
    pipeline.clock.advance(seconds=60)
    await pipeline.engine.drain()
    assert (len(wins.sent), (await only(database)).state) == (1, State.EXPIRED)


async def test_a_rule_that_is_gone_parks_its_waiting_deliveries(database: Database) -> None:
    """A changed configuration loses nothing that was promised."""
    wins = ScriptedChannel("wins")
    pipeline = simple(wins, database)
    await pipeline.receive(completion())
    await pipeline.engine.inlet.worker.drain()
    await pipeline.restarted(rules=[]).engine.drain()
    shown = await only(database)
    assert shown.state is State.PARKED
    assert "no longer has the action" in str(shown.why)


async def test_a_channel_that_raises_is_tried_again(database: Database) -> None:
    """A bug in a channel is an outcome with a traceback in the log, not a lost message."""
    wins = ScriptedChannel("wins")
    pipeline = simple(wins, database)

    async def explode() -> None:
        raise RuntimeError("bug")

    wins.before_answer = explode
    await pipeline.run(completion())
    shown = await only(database)
    assert (shown.state, shown.attempts[0].outcome) == (State.PENDING, "retry")
    assert "channel raised" in pipeline.log.events("exception")


async def test_a_worker_that_lost_its_lease_writes_nothing(database: Database) -> None:
    """Another worker took over meanwhile: its result counts, and both used one delivery id."""
    slow, fast = (
        ScriptedChannel("wins", Delivered(200, "slow")),
        ScriptedChannel("wins", Delivered(200, "fast")),
    )
    first = simple(slow, database)
    second = first.restarted(channels=channels(fast))

    async def overtake() -> None:
        first.clock.advance(minutes=10)
        await second.engine.drain()

    slow.before_answer = overtake
    await first.run(completion())
    shown = await only(database)
    assert [a.answer for a in shown.attempts] == ["fast"]
    assert slow.sent == fast.sent
    assert "result not recorded, the lease was lost" in first.log.events("warning")


async def test_a_channel_that_never_answers_ends_with_its_time_limit(database: Database) -> None:
    """Whatever a channel forgets to limit itself: the attempt is a time-out, and the next one delivers."""
    never, wins = asyncio.Event(), ScriptedChannel("wins")
    wins.before_answer = never.wait
    pipeline = simple(wins, database)
    await pipeline.receive(completion())
    work = asyncio.create_task(pipeline.engine.drain())
    await until(lambda: wins.sent)
    pass_time(wins.policy.timeout.total_seconds())
    async with asyncio.timeout(30):
        await work
    (attempt,) = (await only(database)).attempts
    assert (attempt.outcome, attempt.reason) == ("retry", Reason.TIMEOUT)
    never.set()
    pipeline.clock.advance(seconds=10)
    await pipeline.engine.drain()
    assert (await only(database)).state is State.DELIVERED
