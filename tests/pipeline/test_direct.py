"""The short way: what was just stored is dispatched, and what was just planned is sent, without a claim."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
from sqlalchemy import event

from bridge.core.outcomes import Reason, Retry, State
from bridge.pipeline.inlet import BYTES_AT_WORK
from bridge.store import views
from bridge.store.database import Database
from tests.support.pipeline import Pipeline, ScriptedChannel, action, channels, completion, rule, until


@asynccontextmanager
async def working(pipeline: Pipeline) -> AsyncIterator[Pipeline]:
    """Run the loops until they have found the store empty, and stop them at the end."""
    await pipeline.engine.start()
    await until(lambda: pipeline.engine.is_idle)
    yield pipeline
    await pipeline.engine.stop(1)


def one_rule(database: Database, *scripted: ScriptedChannel, alone: bool = True) -> Pipeline:
    actions = [action("r", channel.name) for channel in scripted]
    return Pipeline(database, [rule("r", *actions)], channels(*scripted), of_node={"alone": alone})


async def states(database: Database) -> list[State]:
    page = await database.read(lambda c: views.list_deliveries(c, views.DeliveryFilter()))
    return [row.state for row in reversed(page)]


async def settled(database: Database, count: int) -> None:
    """Wait until so many deliveries are closed."""
    for _ in range(5_000):
        if (await states(database)).count(State.DELIVERED) >= count:
            return
        await asyncio.sleep(0.002)
    raise TimeoutError


def claims_counted(database: Database) -> list[str]:
    """Return a list that grows with every claim of work."""
    claims: list[str] = []

    def note(_c: object, _cursor: object, statement: str, *_: object) -> None:
        if statement.startswith("WITH") and "UPDATE" in statement:
            claims.append(statement)

    event.listen(database.engine, "before_cursor_execute", note)
    return claims


async def test_an_event_goes_its_whole_way_without_a_claim(database: Database) -> None:
    """Alone on its store, a bridge need not ask for what it has just stored itself."""
    wins, crm = ScriptedChannel("wins"), ScriptedChannel("crm")
    async with working(one_rule(database, wins, crm)) as pipeline:
        claims = claims_counted(database)
        await pipeline.receive(completion())
        await settled(database, 2)
        assert (len(wins.sent), len(crm.sent), claims) == (1, 1, [])


async def test_beside_other_nodes_entries_are_claimed(database: Database) -> None:
    """Only the node whose turn it is dispatches, so that a learner's messages keep their order."""
    wins = ScriptedChannel("wins")
    async with working(one_rule(database, wins, alone=False)) as pipeline:
        claims = claims_counted(database)
        await pipeline.receive(completion())
        await settled(database, 1)
        assert len(claims) >= 1


async def test_one_learners_messages_keep_their_order(database: Database) -> None:
    """The second waits in the store until the first is through, and is sent as soon as it is."""
    first_may_go = asyncio.Event()
    wins = ScriptedChannel("wins")
    wins.before_answer = first_may_go.wait
    async with working(one_rule(database, wins)) as pipeline:
        await pipeline.receive(completion("e1"), completion("e2"), completion("e3"))
        await until(lambda: len(wins.sent) == 1)
        await asyncio.sleep(0.02)
        assert len(wins.sent) == 1
        first_may_go.set()
        await settled(database, 3)
        assert wins.texts == [f"module.completed e{number}" for number in (1, 2, 3)]


async def test_a_message_that_waits_for_its_next_attempt_is_not_overtaken(database: Database) -> None:
    """Order is kept over retries too."""
    wins = ScriptedChannel("wins", Retry(Reason.SERVER, 503))
    async with working(one_rule(database, wins)) as pipeline:
        await pipeline.receive(completion("e1"), completion("e2"))
        await until(lambda: len(wins.sent) == 1)
        pipeline.clock.advance(seconds=11)
        await settled(database, 2)
        assert wins.texts == ["module.completed e1", "module.completed e1", "module.completed e2"]


async def test_more_than_there_are_hands_for_waits_in_the_store_in_order(database: Database) -> None:
    """What is refused by the short way is claimed, oldest first."""
    gate = asyncio.Event()
    wins = ScriptedChannel("wins", hands=2)
    wins.before_answer = gate.wait
    names = [f"e{number}" for number in range(20)]
    async with working(one_rule(database, wins)) as pipeline:
        for name in names:
            await pipeline.receive(completion(name, learner={"email": f"{name}@aluna.example"}))
        await until(lambda: len(wins.sent) == 2)
        gate.set()
        await settled(database, 20)
        assert wins.texts == [f"module.completed {name}" for name in names]


async def test_a_duplicate_gives_its_hand_back(database: Database) -> None:
    """A platform that repeats itself does not use up the hands."""
    wins = ScriptedChannel("wins")
    async with working(one_rule(database, wins)) as pipeline:
        for _ in range(200):
            await pipeline.receive(completion())
        await settled(database, 1)
        assert pipeline.engine.inlet.worker.reserve()
        pipeline.engine.inlet.worker.let_go()
        assert len(wins.sent) == 1


async def test_the_first_events_are_not_overtaken_while_the_rules_are_kept(database: Database) -> None:
    """The rules are stored with the first event; those that come meanwhile are dispatched in their order."""
    wins = ScriptedChannel("wins")
    pipeline = Pipeline(
        database,
        [rule("r", action("r", "wins"))],
        channels(wins),
        hide=str,
        of_node={"alone": True},
    )
    async with working(pipeline):
        posts = []
        for number in range(12):
            posts.append(asyncio.ensure_future(pipeline.receive(completion(f"e{number}"))))
            await asyncio.sleep(0.001)
        await asyncio.gather(*posts)
        await settled(database, 12)
        assert wins.texts == [f"module.completed e{number}" for number in range(12)]


async def test_a_stop_leaves_its_work_to_others_at_once(database: Database) -> None:
    """What was claimed is given back: nobody waits for a lease to run out, and no clock moves."""
    never, wins, other = asyncio.Event(), ScriptedChannel("wins"), ScriptedChannel("wins")
    wins.before_answer = never.wait
    pipeline = one_rule(database, wins)
    await pipeline.engine.start()
    await until(lambda: pipeline.engine.is_idle)
    await pipeline.receive(completion())
    await until(lambda: wins.sent)
    await pipeline.engine.stop(0.01)
    await pipeline.restarted(channels=channels(other)).engine.drain()
    assert [id_ for id_, _ in other.sent] == [id_ for id_, _ in wins.sent]


async def test_large_entries_wait_in_the_store_and_not_in_memory(database: Database) -> None:
    """However many come at once, 16 MiB of them are at work; all are dispatched, in their order."""
    wins = ScriptedChannel("wins")
    at_work: list[int] = []
    pipeline = one_rule(database, wins)

    def look(_: object) -> None:
        worked = pipeline.engine.inlet.worker.at_work
        at_work.append(sum(len(entry.body) for entry, _ in worked))

    pipeline = Pipeline(database, pipeline.rules, pipeline.channels, of_node={"alone": True, "reached": look})
    events = [completion(f"e{number}", padding="x" * 1_000_000) for number in range(40)]
    async with working(pipeline):
        tasks = [asyncio.create_task(pipeline.receive(each)) for each in events]
        assert [await task for task in tasks] == [[200]] * 40
        await settled(database, 40)
    assert 0 < max(at_work) <= BYTES_AT_WORK
    assert wins.texts == [f"module.completed e{number}" for number in range(40)]


@pytest.mark.parametrize("large", [0, 1, 3])
async def test_a_large_entry_is_not_overtaken_by_small_ones(database: Database, large: int) -> None:
    """It takes the longer way, and one learner's messages keep their order all the same."""
    wins = ScriptedChannel("wins")
    events = [completion(f"e{number}", padding="x" * 100_000 * (number == large)) for number in range(6)]
    async with working(one_rule(database, wins)) as pipeline:
        tasks = [asyncio.create_task(pipeline.receive(each)) for each in events]
        assert [await task for task in tasks] == [[200]] * 6
        await settled(database, 6)
    assert wins.texts == [f"module.completed e{number}" for number in range(6)]
