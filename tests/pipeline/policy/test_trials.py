"""A delivery that ends the process is told from its neighbours, put aside, and told of."""

from __future__ import annotations

import asyncio
import threading

from bridge.core.outcomes import State
from bridge.core.rules import OWNER_RULE
from bridge.pipeline.trials import MOST, WORN, Left, Trials, taken_back
from bridge.store import incidents, views
from bridge.store.database import Connection, Database
from bridge.store.views import DeliveryFilter, DeliveryRow
from tests.support.clock import FakeClock
from tests.support.pipeline import Pipeline, RecordingLog, ScriptedChannel, action, channels, completion, rule
from tests.support.policy import DOWN, channel, of_learners

HANDS = 8
NAMES = ("wins", "crm")


def made(database: Database, *ways: ScriptedChannel) -> Pipeline:
    rules = [rule(f"to {each.name}", action(f"to {each.name}", each.name)) for each in ways]
    return Pipeline(database, rules, channels(*ways))


async def rows(database: Database) -> list[DeliveryRow]:
    found = await database.read(lambda c: views.list_deliveries(c, DeliveryFilter()))
    return sorted(found, key=lambda row: row.seq)


async def started(pipeline: Pipeline, name: str) -> Pipeline:
    """Return the pipeline as the next process has it, after all leases have run out."""
    pipeline.clock.advance(minutes=10)
    living, now = pipeline.restarted(name=name), pipeline.clock.now()
    if not pipeline.database.is_shared:
        left = await pipeline.database.write(lambda c: taken_back(c, now))
        living.node.trials.begin(left, living.log)
    return living


async def lapse_twice(pipeline: Pipeline) -> None:
    """Have an event's deliveries at work in two processes, one after the other, which end by that."""
    await pipeline.receive(completion())
    await pipeline.engine.inlet.worker.drain()
    for life in range(2):
        living = await started(pipeline, f"life-{life}")
        for name in NAMES:
            await living.engine._outlets[name]._claim(HANDS, ())


async def lives(pipeline: Pipeline, poison: str) -> int:
    """Live again and again, each time until the poison is at work, until all is done; return how often."""
    for ends in range(40):
        living = await started(pipeline, f"life-{ends}")
        if await _outlived(living, poison):
            return ends
    raise AssertionError("it never ends")


async def _outlived(living: Pipeline, poison: str) -> bool:
    outlets = [living.engine._outlets[name] for name in living.channels]
    while claimed := [(outlet, found) for outlet in outlets if (found := await outlet._claim(HANDS, ()))]:
        if any(due.id == poison for _, found in claimed for due, _ in found):
            return False
        for outlet, found in claimed:
            await outlet._deliverer.deliver_all(found)
    return True


async def test_what_ends_the_process_is_told_from_its_neighbours(database: Database) -> None:
    """One delivery is put aside; all that were under way with it each time, on any channel, go through."""
    pipeline = made(database, channel("wins"), channel("crm"))
    await pipeline.receive(*of_learners(20))
    await pipeline.engine.inlet.worker.drain()
    poison = (await rows(database))[25]
    assert await lives(pipeline, poison.id) == MOST
    found = await rows(database)
    assert [row.state for row in found].count(State.DELIVERED) == 39
    assert (found[25].state, found[25].why) == (State.PARKED, WORN)
    (trouble,) = await database.read(incidents.lasting)
    assert (trouble.subject, trouble.why, trouble.count) == (poison.rule, WORN, 1)


async def test_it_goes_out_after_a_retry(database: Database) -> None:
    """Once whatever ended the process is mended, and with all its chances."""
    wins = channel("wins")
    pipeline = made(database, wins)
    await pipeline.receive(completion())
    await pipeline.engine.inlet.worker.drain()
    (poison,) = await rows(database)
    await lives(pipeline, poison.id)
    assert wins.sent == []
    assert (await pipeline.operator.retry(poison.id)).done
    assert await lives(pipeline, poison.id) == MOST
    await pipeline.operator.retry(poison.id)
    await pipeline.restarted(name="mended").engine.drain()
    assert len(wins.sent) == 1


async def test_what_outlived_some_ends_goes_through(database: Database) -> None:
    """One after the other, also through several channels, and without waiting for anybody."""
    wins, crm = channel("wins"), channel("crm")
    pipeline = made(database, wins, crm)
    await pipeline.receive(*of_learners(5))
    await pipeline.engine.inlet.worker.drain()
    for life in range(3):
        living = await started(pipeline, f"life-{life}")
        for name in NAMES:
            await living.engine._outlets[name]._claim(HANDS, ())
    await (await started(pipeline, "last")).engine.drain()
    assert (len(wins.sent), len(crm.sent)) == (5, 5)


async def test_a_suspect_waits_for_no_other_for_ever(database: Database) -> None:
    """Neither for one whose channel is gone meanwhile, nor for one whose destination is down."""
    wins, crm = channel("wins", DOWN), channel("crm")
    pipeline = made(database, wins, crm)
    await lapse_twice(pipeline)
    living = await started(pipeline, "last")
    await living.engine._outlets["wins"]._claim(HANDS, ())  # its loop is heard of no more
    assert await living.engine._outlets["crm"]._claim(HANDS, ()) == []
    living.clock.advance(minutes=5)
    assert len(await living.engine._outlets["crm"]._claim(HANDS, ())) == 1


async def test_channels_that_look_at_the_same_time_try_one(database: Database) -> None:
    """As all do when the bridge starts."""
    pipeline = made(database, channel("wins"), channel("crm"))
    await lapse_twice(pipeline)
    living = await started(pipeline, "last")
    found = await asyncio.gather(*(living.engine._outlets[name]._claim(HANDS, ()) for name in NAMES))
    assert sorted(map(len, found)) == [0, 1]


async def test_what_a_claim_had_before_it_was_run_again_holds_nobody(database: Database) -> None:
    """Another write undid the transaction, and the channel paused before it was run once more."""
    pipeline = made(database, channel("wins"), channel("crm"))
    await lapse_twice(pipeline)
    living = await started(pipeline, "last")
    wins, crm = (living.engine._outlets[name] for name in NAMES)
    await wins._claim(0, ())  # it finds the channel in good order
    await pipeline.operator.pause("wins", "for a while")
    queued = threading.Event()

    def undo(_: Connection) -> None:
        wins._gate.forget()
        raise ValueError

    first = asyncio.create_task(database.write(lambda _: queued.wait(10)))
    claim = asyncio.create_task(wins._claim(HANDS, ()))
    undone = asyncio.create_task(database.write(undo))
    await asyncio.sleep(0)
    queued.set()
    found = await asyncio.gather(first, claim, undone, return_exceptions=True)
    assert (found[1], type(found[2])) == ([], ValueError)
    assert len(await crm._claim(HANDS, ())) == 1


def test_a_claim_that_fails_leaves_the_turn_to_others() -> None:
    """The store was away: nobody is at work."""
    trials, log, now = Trials(), RecordingLog(), FakeClock().now()
    trials.begin(Left([1, 2], []), log)
    first = trials.look("wins", (), now, log)
    assert (first.barred, trials.look("crm", (), now, log).barred) == ((), {1, 2})
    first.give_up()
    assert trials.look("crm", (), now, log).barred == ()


async def test_the_owner_is_not_told_of_their_own_notices(database: Database) -> None:
    """That would be news of news."""
    pipeline = Pipeline(database, [rule(OWNER_RULE, action(OWNER_RULE, "wins"))], channels(channel("wins")))
    await pipeline.receive(completion())
    await pipeline.engine.inlet.worker.drain()
    (poison,) = await rows(database)
    await lives(pipeline, poison.id)
    assert (await rows(database))[0].state is State.PARKED
    assert await database.read(incidents.lasting) == []
