"""A channel whose destination is down, and one whose destination is gone."""

from __future__ import annotations

import asyncio
import json
from datetime import timedelta

from msgspec.structs import replace

from bridge.core.breaker import Phase
from bridge.core.outcomes import Reason, Rejected, Retry, State
from bridge.store import channels as standings
from bridge.store import details, views
from bridge.store.database import Database
from bridge.store.details import DeliveryDetails
from tests.support.pipeline import Pipeline, ScriptedChannel, action, channels, completion, rule
from tests.support.policy import DOWN, GONE, REFUSED, channel, of_learners


def simple(database: Database, wins: ScriptedChannel) -> Pipeline:
    return Pipeline(database, [rule("r", action("r", "wins"))], channels(wins))


async def phase(database: Database) -> Phase:
    return (await database.read(lambda c: standings.read(c, "wins"))).breaker.phase


async def counts(database: Database) -> dict[State, int]:
    return (await database.read(views.count_deliveries))["wins"]


async def test_a_channel_that_fails_is_paused_with_its_queue(database: Database) -> None:
    """Three of ten are tried; the others wait and have spent no attempt."""
    wins = channel("wins", *[DOWN] * 3, failures=3)
    pipeline = simple(database, wins)
    await pipeline.run(*of_learners(10))
    assert len(wins.sent) == 3
    assert await phase(database) is Phase.PAUSED
    rows = await database.read(lambda c: views.list_deliveries(c, views.DeliveryFilter()))
    assert sorted(row.attempts for row in rows) == [0] * 7 + [1] * 3
    assert await counts(database) == {State.PENDING: 10}


async def test_after_the_pause_one_tries_and_then_everything_goes(database: Database) -> None:
    """While the destination stays down one message goes for each pause; its return frees the rest."""
    wins = channel("wins", *[DOWN] * 5, failures=3)
    pipeline = simple(database, wins)
    await pipeline.run(*of_learners(10))
    pipeline.clock.advance(seconds=29)
    await pipeline.engine.drain()
    assert len(wins.sent) == 3
    pipeline.clock.advance(seconds=1)
    await pipeline.engine.drain()
    assert len(wins.sent) == 4
    pipeline.clock.advance(seconds=60)
    await pipeline.engine.drain()
    assert len(wins.sent) == 5
    pipeline.clock.advance(seconds=120)
    await pipeline.engine.drain()
    assert await phase(database) is Phase.WORKING
    assert await counts(database) == {State.DELIVERED: 10}


async def test_a_pause_survives_a_restart(database: Database) -> None:
    """A crash loop must not hammer a destination that is down."""
    wins = channel("wins", *[DOWN] * 3, failures=3)
    pipeline = simple(database, wins)
    await pipeline.run(*of_learners(10))
    fresh = channel("wins", failures=3)
    await pipeline.restarted(channels=channels(fresh)).engine.drain()
    assert fresh.sent == []


async def test_a_process_that_dies_while_it_tries_leaves_the_try_to_another(database: Database) -> None:
    """No try is lost: after a while the next process makes it."""
    wins = channel("wins", *[DOWN] * 3, failures=3)
    pipeline = simple(database, wins)
    await pipeline.run(*of_learners(4))
    pipeline.clock.advance(seconds=30)

    async def die() -> None:
        raise asyncio.CancelledError

    wins.before_answer = die
    await pipeline.engine.drain()
    assert await phase(database) is Phase.TRYING
    fresh = channel("wins", failures=3)
    after = pipeline.restarted(channels=channels(fresh))
    await after.engine.drain()
    assert fresh.sent == []
    pipeline.clock.advance(minutes=3)
    await after.engine.drain()
    assert await counts(database) == {State.DELIVERED: 4}


async def test_refusals_of_messages_do_not_pause(database: Database) -> None:
    """A destination that answers 400 is there; only the message was wrong."""
    wins = channel("wins", *[REFUSED] * 10, failures=3)
    await simple(database, wins).run(*of_learners(10))
    assert await phase(database) is Phase.WORKING
    assert await counts(database) == {State.DEAD: 10}


async def test_one_persons_full_mailbox_pauses_nothing(database: Database) -> None:
    """Tried again and again for hours while nobody else gets mail, it is still about that person alone."""
    full = Retry(Reason.SERVER, 452, "4.2.2 mailbox full", own=True)
    wins = channel("wins", *[full] * 9, failures=5)
    pipeline = simple(database, wins)
    await pipeline.run(*of_learners(1))
    for _ in range(8):
        pipeline.clock.advance(seconds=10)
        await pipeline.engine.drain()
    assert (len(wins.sent), await phase(database)) == (9, Phase.WORKING)
    await pipeline.run(*of_learners(1, first=1))
    assert len(wins.sent) == 10


async def test_410_stops_the_channel_until_a_person_resumes_it(database: Database) -> None:
    """One request, nothing dead, nothing more for weeks; then everything, the first one included."""
    wins = channel("wins", GONE)
    pipeline = simple(database, wins)
    await pipeline.run(*of_learners(5))
    for _ in range(3):
        pipeline.clock.advance(days=10)
        await pipeline.engine.drain()
    assert len(wins.sent) == 1
    assert await phase(database) is Phase.STOPPED
    assert await counts(database) == {State.PENDING: 5}
    told = await pipeline.operator.resume("wins")
    assert (told.done, told.sentence) == (True, "channel wins sends again")
    await pipeline.engine.drain()
    assert await counts(database) == {State.DELIVERED: 5}
    assert not (await pipeline.operator.resume("wins")).done


async def test_the_answer_that_stopped_it_is_on_record(database: Database) -> None:
    """The delivery shows the attempt and waits."""
    refused = Rejected(Reason.AUTH, 200, "token_revoked: the token was revoked", gone=True)
    await simple(database, channel("wins", refused)).run(completion())
    (row,) = await database.read(lambda c: views.list_deliveries(c, views.DeliveryFilter()))
    shown = await database.read(lambda c: details.show_delivery(c, row.id))
    assert isinstance(shown, DeliveryDetails)
    assert row.state is State.PENDING
    assert [(each.outcome, each.answer) for each in shown.attempts] == [("rejected", refused.answer)]


async def test_a_person_pauses_a_channel(database: Database) -> None:
    """What arrives meanwhile waits; a second pause says that there is nothing to do."""
    wins = channel("wins")
    pipeline = simple(database, wins)
    assert (await pipeline.operator.pause("wins", "moving house")).done
    assert not (await pipeline.operator.pause("wins", "again")).done
    await pipeline.run(*of_learners(3))
    assert wins.sent == []
    await pipeline.operator.resume("wins")
    await pipeline.engine.drain()
    assert len(wins.sent) == 3


async def test_retry_after_holds_the_whole_channel(database: Database) -> None:
    """Who is told to wait 20 seconds does not ask again with the next message."""
    asked = Retry(Reason.RATE_LIMITED, 429, after=timedelta(seconds=20))
    wins = channel("wins", asked, failures=3)
    pipeline = simple(database, wins)
    await pipeline.run(*of_learners(5))
    assert len(wins.sent) == 1
    pipeline.clock.advance(seconds=19)
    await pipeline.engine.drain()
    assert len(wins.sent) == 1
    pipeline.clock.advance(seconds=1)
    await pipeline.engine.drain()
    assert await counts(database) == {State.DELIVERED: 5}


async def test_what_was_claimed_ahead_goes_back_when_the_channel_pauses(database: Database) -> None:
    """With four hands and more at the ready, no more go out than were under way."""
    wins = channel("wins", *[DOWN] * 50, failures=3, hands=2)
    pipeline = simple(database, wins)
    await pipeline.run(*of_learners(30))
    assert len(wins.sent) <= 4
    assert await counts(database) == {State.PENDING: 30}


async def test_without_a_breaker_nothing_is_paused(database: Database) -> None:
    """`breaker: false` leaves every message to its own schedule."""
    wins = channel("wins", *[DOWN] * 10, failures=None)
    await simple(database, wins).run(*of_learners(10))
    assert len(wins.sent) == 10


async def test_a_retry_says_that_the_channel_has_to_go_on_first(database: Database) -> None:
    """Else a person would wait for what cannot come."""
    wins = channel("wins", REFUSED, GONE)
    pipeline = simple(database, wins)
    await pipeline.run(*of_learners(2))
    (dead,) = await database.read(lambda c: views.list_deliveries(c, views.DeliveryFilter(state=State.DEAD)))
    told = await pipeline.operator.retry(dead.id)
    assert told.done
    assert told.sentence.endswith(
        "waits: channel wins is stopped; `bridge channels resume wins` lets it go on"
    )
    await pipeline.operator.resume("wins")
    assert (await pipeline.operator.retry(dead.id)).sentence.endswith("is tried again now")


async def test_a_channel_that_was_asked_for_silence_goes_on_when_a_person_says_so(
    database: Database,
) -> None:
    """The destination was mended, or had no reason to ask for an hour."""
    wins = channel("wins", Retry(Reason.RATE_LIMITED, 429, after=timedelta(days=900)), failures=3)
    pipeline = simple(database, wins)
    await pipeline.run(*of_learners(3))
    (dead,) = await database.read(lambda c: views.list_deliveries(c, views.DeliveryFilter(state=State.DEAD)))
    told = await pipeline.operator.retry(dead.id)
    held = "channel wins is held, its destination asked for silence; `bridge channels resume wins`"
    assert told.sentence.endswith(f"is due, and waits: {held} lets it go on")
    await pipeline.engine.drain()
    assert len(wins.sent) == 1
    assert (await pipeline.operator.resume("wins")).done
    assert not (await pipeline.operator.resume("wins")).done
    await pipeline.engine.drain()
    assert await counts(database) == {State.DELIVERED: 3}


async def test_what_waited_for_a_person_has_its_whole_schedule_before_it(database: Database) -> None:
    """Stopped for longer than the three days that retries go on, one more failure is not the end."""
    wins = channel("wins", DOWN, GONE, DOWN, failures=9)
    pipeline = simple(database, wins)
    await pipeline.run(completion())
    pipeline.clock.advance(seconds=10)
    await pipeline.engine.drain()
    assert await phase(database) is Phase.STOPPED
    pipeline.clock.advance(days=4)
    await pipeline.operator.resume("wins")
    await pipeline.engine.drain()
    assert (await counts(database), len(wins.sent)) == ({State.PENDING: 1}, 3)
    pipeline.clock.advance(seconds=10)
    await pipeline.engine.drain()
    assert await counts(database) == {State.DELIVERED: 1}


async def test_what_waits_for_its_next_attempt_goes_out_when_a_person_resumes_the_channel(
    database: Database,
) -> None:
    """They know that the destination is back, and need not wait eight hours for it; reminders do wait."""
    wins = channel("wins", *[DOWN] * 4, failures=4, waits=(8 * 3600,))
    later = replace(action("later", "wins"), delay=timedelta(days=7))
    rules = [rule("r", action("r", "wins")), rule("later", later, on="nutror.lesson_viewed")]
    pipeline = Pipeline(database, rules, channels(wins))
    await pipeline.run({**completion("later"), "event": "nutror.lesson_viewed"}, *of_learners(6))
    assert len(wins.sent) == 4
    assert (await pipeline.operator.resume("wins")).done
    await pipeline.engine.drain()
    assert await counts(database) == {State.DELIVERED: 6, State.PENDING: 1}
    events = [json.loads(body)["text"].split()[1] for _, body in wins.sent[4:]]
    assert sorted(events) == [f"e{number}" for number in range(6)]


async def test_resuming_sends_nothing_twice_that_is_under_way(database: Database) -> None:
    """One that was being tried keeps its lease."""
    wins = channel("wins", DOWN, DOWN, failures=2, waits=(1,))
    pipeline = simple(database, wins)
    await pipeline.run(*of_learners(2))
    pipeline.clock.advance(seconds=30)

    async def resumed() -> None:
        wins.before_answer = _nothing
        await pipeline.operator.resume("wins")

    wins.before_answer = resumed
    await pipeline.engine.drain()
    assert await counts(database) == {State.DELIVERED: 2}
    assert len(wins.sent) == 4


async def _nothing() -> None:
    """Do nothing."""
