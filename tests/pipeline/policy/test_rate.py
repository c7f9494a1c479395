"""A channel's rate, kept by the whole pipeline."""

from __future__ import annotations

from datetime import timedelta

from sqlalchemy import event

from bridge.core.outcomes import State
from bridge.store import views
from bridge.store.database import Database
from tests.support.clock import START
from tests.support.pipeline import Pipeline, Says, action, channels, completion, rule
from tests.support.policy import DOWN, channel, of_learners


async def test_a_channel_sends_at_its_rate_and_keeps_the_rest(database: Database) -> None:
    """One at once, then one every two seconds for 30 a minute."""
    wins = channel("wins", rate="30/min", hands=4)
    pipeline = Pipeline(database, [rule("r", action("r", "wins"))], channels(wins))
    await pipeline.run(*of_learners(5))
    sent = [len(wins.sent)]
    for _ in range(5):
        pipeline.clock.advance(seconds=2)
        await pipeline.engine.drain()
        sent.append(len(wins.sent))
    assert sent == [1, 2, 3, 4, 5, 5]


async def test_a_rate_survives_a_restart(database: Database) -> None:
    """A new process starts where the old one was, not with a full measure."""
    first, second = channel("wins", rate="1/min"), channel("wins", rate="1/min")
    pipeline = Pipeline(database, [rule("r", action("r", "wins"))], channels(first))
    await pipeline.run(*of_learners(3))
    again = pipeline.restarted(channels=channels(second))
    pipeline.clock.advance(seconds=59)
    await again.engine.drain()
    assert (len(first.sent), len(second.sent)) == (1, 0)
    pipeline.clock.advance(seconds=1)
    await again.engine.drain()
    assert len(second.sent) == 1


async def test_attempts_count_and_not_messages(database: Database) -> None:
    """A destination counts calls: a retry takes a place as well."""
    wins = channel("wins", DOWN, rate="1/min", waits=(1,))
    pipeline = Pipeline(database, [rule("r", action("r", "wins"))], channels(wins))
    await pipeline.run(completion())
    pipeline.clock.advance(seconds=30)
    await pipeline.engine.drain()
    assert len(wins.sent) == 1
    pipeline.clock.advance(seconds=30)
    await pipeline.engine.drain()
    assert len(wins.sent) == 2


async def test_expired_messages_do_not_hold_up_live_ones(database: Database) -> None:
    """What is not sent takes no place: a hundred that came too late pass at one go."""
    late = action("late", "wins", expires=timedelta(hours=1))
    wins = channel("wins", rate="1/h")
    pipeline = Pipeline(database, [rule("late", late)], channels(wins))
    await pipeline.run(*of_learners(20))
    pipeline.clock.advance(hours=2)
    live = pipeline.restarted(
        rules=[rule("late", late), rule("r", action("r", "wins"), on="nutror.lesson_completed")]
    )
    body = completion("e99") | {"event": "nutror.lesson_completed"}
    await live.run(body)
    counts = await database.read(views.count_deliveries)
    assert counts["wins"] == {State.DELIVERED: 2, State.EXPIRED: 19}


async def test_the_order_of_one_learner_holds_at_any_rate(database: Database) -> None:
    """The queue is slow, and nobody overtakes in it."""
    wins = channel("wins", rate="1/s", hands=4)
    pipeline = Pipeline(database, [rule("r", action("r", "wins", Says()))], channels(wins))
    await pipeline.run(*(completion(f"e{number}") for number in range(4)))
    for _ in range(4):
        pipeline.clock.advance(seconds=1)
        await pipeline.engine.drain()
    assert wins.texts == [f"module.completed e{number}" for number in range(4)]
    assert pipeline.clock.now() == START + timedelta(seconds=4)


async def test_a_channel_in_good_order_costs_nothing(database: Database) -> None:
    """However many messages go, the gate's table is read once in half a second, and never written."""
    asked: list[str] = []

    def note(_c: object, _cursor: object, statement: str, *_more: object) -> None:
        if "channel_states" in statement or "incidents" in statement:
            asked.append(statement.split(maxsplit=1)[0])

    event.listen(database.engine, "before_cursor_execute", note)
    wins = channel("wins", failures=3, hands=4)
    pipeline = Pipeline(database, [rule("r", action("r", "wins"))], channels(wins))
    await pipeline.run(*of_learners(50))
    assert len(wins.sent) == 50
    assert asked == ["SELECT"]
    pipeline.clock.advance(seconds=1)
    await pipeline.run(*of_learners(50, first=50))
    assert asked == ["SELECT", "SELECT"]
