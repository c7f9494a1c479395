"""When there is something to do again: what a clock that jumps goes by."""

from __future__ import annotations

from datetime import timedelta

from bridge.core.outcomes import State
from bridge.store import views
from bridge.store.database import Database
from tests.support.clock import START
from tests.support.pipeline import Pipeline, ScriptedChannel, action, channels, completion, rule
from tests.support.policy import DOWN, GONE, PAUSE, channel, of_learners


def telling(database: Database, *wins: ScriptedChannel) -> Pipeline:
    return Pipeline(database, [rule("r", *(action("r", each.name) for each in wins))], channels(*wins))


async def jump(pipeline: Pipeline) -> list[float]:
    """Go from one moment of work to the next until nothing waits; returns the seconds after the start."""
    moments: list[float] = []
    while (moment := await pipeline.engine.next_at()) is not None:
        moments.append((moment - START).total_seconds())
        pipeline.clock.advance(seconds=moments[-1] - (pipeline.clock.now() - START).total_seconds())
        await pipeline.engine.drain()
    return moments


async def test_nothing_waits_for_ever_when_all_is_sent(database: Database) -> None:
    pipeline = telling(database, channel("wins"))
    assert await pipeline.engine.next_at() is None
    await pipeline.run(completion())
    assert await pipeline.engine.next_at() is None


async def test_the_next_try_of_any_channel_is_next(database: Database) -> None:
    """Of several channels the first that has something to do."""
    slow, fast = channel("wins", DOWN, waits=(60,)), channel("crm", DOWN, DOWN, waits=(10, 30))
    pipeline = telling(database, slow, fast)
    await pipeline.run(completion())
    assert await jump(pipeline) == [10, 40, 60]
    assert (len(slow.sent), len(fast.sent)) == (2, 3)


async def test_what_waits_for_its_turn_is_next_when_it_is_its_turn(database: Database) -> None:
    """What is due already and held back by a rate, or by a pause, is next when that lets it through."""
    paced = telling(database, channel("wins", rate="1/min"))
    await paced.run(*of_learners(3))
    assert await jump(paced) == [60, 120]


async def test_a_paused_channel_is_next_when_its_pause_ends(database: Database) -> None:
    wins = channel("wins", DOWN, failures=1, waits=(1,))
    pipeline = telling(database, wins)
    await pipeline.run(*of_learners(2))
    moments = await jump(pipeline)
    assert timedelta(seconds=moments[0]) == PAUSE
    assert len(wins.sent) == 3


async def test_what_waits_for_a_person_is_not_next(database: Database) -> None:
    """A channel that is stopped has work, and no time at which it could be done."""
    pipeline = telling(database, channel("wins", GONE))
    await pipeline.run(*of_learners(2))
    assert await pipeline.engine.next_at() is None
    waiting = await database.read(lambda c: views.list_deliveries(c, views.DeliveryFilter()))
    assert {row.state for row in waiting} == {State.PENDING}
