"""A clock that somebody sets, forth or back: nothing is lost or repeated, and nobody waits for ever."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from msgspec.structs import replace as replace_action

from bridge.core.outcomes import Delivered, Reason, Retry, State
from bridge.pipeline.node import Point
from bridge.store import views
from bridge.store.database import Database
from bridge.store.views import DeliveryFilter
from tests.faults.world import Crash
from tests.support.clock import FakeClock
from tests.support.databases import postgres_server, schema_of
from tests.support.pipeline import (
    Pipeline,
    ScriptedChannel,
    action,
    channels,
    completion,
    database_url,
    rule,
)
from tests.support.policy import channel, of_learners

__all__ = ["postgres_server"]

JUMPS = [-400, -3, 3, 400]
"""Days."""


@pytest.fixture
async def database(tmp_path: Path) -> AsyncIterator[Database]:
    opened = await Database.open(database_url(tmp_path))
    yield opened
    await opened.close()


def bridge_of(database: Database, wins: ScriptedChannel) -> Pipeline:
    return Pipeline(database, [rule("r", action("r", "wins"))], channels(wins))


async def states(database: Database) -> set[State]:
    listed = await database.read(lambda c: views.list_deliveries(c, DeliveryFilter()))
    return {row.state for row in listed}


@pytest.mark.parametrize("days", JUMPS)
async def test_what_comes_after_a_jump_goes_out_at_once(database: Database, days: int) -> None:
    """Whatever the time of day says, a new event of a new learner does not wait."""
    wins = ScriptedChannel("wins")
    bridge = bridge_of(database, wins)
    await bridge.run(completion("e1"))
    bridge.clock.jump(days=days)
    await bridge.run(completion("e2", learner={"email": "joana@aluna.example"}))
    assert wins.texts == ["module.completed e1", "module.completed e2"]


@pytest.mark.parametrize("days", JUMPS)
async def test_a_jump_during_an_attempt_repeats_nothing(database: Database, days: int) -> None:
    """The lease may have run out by the clock; the attempt that is under way is the one that counts."""
    wins = ScriptedChannel("wins")
    bridge = bridge_of(database, wins)

    async def jump() -> None:
        bridge.clock.jump(days=days)

    wins.before_answer = jump
    await bridge.run(completion("e1"))
    bridge.clock.advance(days=1)
    await bridge.engine.drain()
    assert len(wins.sent) == 1
    assert await states(database) == {State.DELIVERED}


@pytest.mark.parametrize("days", JUMPS)
async def test_a_retry_survives_a_jump(database: Database, days: int) -> None:
    """When the clock is right again the retry goes out, at its time at the latest."""
    wins = ScriptedChannel("wins", Retry(Reason.SERVER, 500), Delivered(200))
    bridge = bridge_of(database, wins)
    await bridge.run(completion("e1"))
    bridge.clock.jump(days=days)
    await bridge.engine.drain()
    bridge.clock.jump(days=-days)
    bridge.clock.advance(minutes=1)
    await bridge.engine.drain()
    assert len(wins.sent) == 2
    assert await states(database) == {State.DELIVERED}


@pytest.mark.parametrize("days", JUMPS)
async def test_a_pause_after_a_jump_is_heeded(database: Database, days: int) -> None:
    """What a process has seen of a channel is no news for longer because the clock went back."""
    wins = ScriptedChannel("wins")
    bridge = bridge_of(database, wins)
    await bridge.run(completion("e1"))
    bridge.clock.jump(days=days)
    await bridge.operator.pause("wins", "a test")
    bridge.clock.advance(minutes=1)
    await bridge.run(completion("e2", learner={"email": "joana@aluna.example"}))
    assert wins.texts == ["module.completed e1"]


@pytest.mark.parametrize("days", JUMPS)
@pytest.mark.parametrize("policy", [{"rate": "1/s"}, {"failures": 1}])
async def test_no_channel_waits_for_a_clock_that_was_wrong(
    database: Database, policy: dict[str, Any], days: int
) -> None:
    """What its rate and its pause have stored is told from what the right clock could have."""
    wins = channel("wins", Retry(Reason.SERVER, 500) if "failures" in policy else Delivered(200), **policy)
    bridge = bridge_of(database, wins)
    await bridge.run(completion("e1"))
    bridge.clock.jump(days=days)
    await bridge.run(*of_learners(3))
    for _ in range(3):
        bridge.clock.advance(minutes=1)
        await bridge.engine.drain()
    assert {f"module.completed e{number}" for number in range(3)} <= set(wins.texts)


@pytest.mark.parametrize("restarts", [False, True])
@pytest.mark.parametrize("hours", [8, 9_000])
async def test_what_waits_for_a_clock_that_was_ahead_is_set_right(
    database: Database, hours: int, *, restarts: bool
) -> None:
    """A retry and a queue wait as long as they were to, not until the time of day comes again."""
    fails, slow = channel("fails", Retry(Reason.SERVER, 500)), channel("slow", rate="1/min")
    bridge = Pipeline(database, [rule("r", action("r", "fails"), action("r", "slow"))], channels(fails, slow))
    bridge.clock.jump(hours=hours)
    await bridge.engine.alarm.look()
    await bridge.run(*of_learners(3))
    assert (len(fails.sent), len(slow.sent)) == (3, 1)
    bridge.clock.jump(hours=-hours)
    bridge = bridge.restarted() if restarts else bridge
    await bridge.engine.alarm.look()
    bridge.clock.advance(seconds=9)
    await bridge.engine.drain()
    assert len(fails.sent) == 3
    bridge.clock.advance(seconds=1)
    await bridge.engine.drain()
    assert len(fails.sent) == 4
    for _ in range(3):
        bridge.clock.advance(minutes=1)
        await bridge.engine.drain()
    assert (len(slow.sent), await states(database)) == (3, {State.DELIVERED})
    assert bridge.log.events("warning")[0] == "the clock was set back, what waited for it does not"


@pytest.mark.parametrize("seconds", [45, 61, 80])
@pytest.mark.parametrize("alone", [True, False])
async def test_a_small_step_back_is_set_right_where_there_is_one_clock(
    database: Database, seconds: int, *, alone: bool
) -> None:
    """Within half a minute; beside other nodes, whose clocks differ, so little may be one of them."""
    wins = channel("wins", Retry(Reason.SERVER, 500))
    bridge = Pipeline(database, [rule("r", action("r", "wins"))], channels(wins), of_node={"alone": alone})
    await bridge.engine.alarm.look()
    await bridge.run(*of_learners(1))
    bridge.clock.jump(seconds=-seconds)
    bridge.clock.advance(seconds=30)
    await bridge.engine.alarm.look()
    bridge.clock.advance(seconds=9)
    await bridge.engine.drain()
    assert len(wins.sent) == 1
    bridge.clock.advance(seconds=1)
    await bridge.engine.drain()
    assert len(wins.sent) == (2 if alone else 1)


async def test_a_right_clock_changes_nothing_that_waits(database: Database) -> None:
    """A look costs nothing, and neither a retry nor what is held for later moves."""
    later = replace_action(action("r", "wins"), delay=timedelta(days=7))
    wins = ScriptedChannel("wins")
    bridge = Pipeline(database, [rule("r", later)], channels(wins))
    await bridge.run(completion("e1"))
    for days in (1, -1):
        bridge.clock.jump(days=days)
        await bridge.engine.alarm.look()
    bridge.clock.advance(days=6, hours=23)
    await bridge.engine.drain()
    assert wins.sent == []
    bridge.clock.advance(hours=1)
    await bridge.engine.drain()
    assert len(wins.sent) == 1


@pytest.mark.parametrize("days", JUMPS)
async def test_a_running_bridge_goes_on_through_a_jump(database: Database, days: int) -> None:
    """Its waits are by elapsed time, so no poll is skipped and none comes too often."""
    wins = ScriptedChannel("wins")
    bridge = bridge_of(database, wins)
    await bridge.engine.start()
    bridge.clock.jump(days=days)
    await bridge.receive(completion("e1"))
    async with asyncio.timeout(50):
        while not wins.sent:
            bridge.clock.advance(seconds=1)
            await asyncio.sleep(0.001)
    await bridge.engine.stop(1)
    assert await states(database) == {State.DELIVERED}


@pytest.mark.parametrize("point", [Point.PLANNED, Point.CLAIMED])
async def test_what_a_node_with_a_wrong_clock_held_is_taken_over(point: Point, postgres_server: str) -> None:
    """Days ahead, it died; its leases end by the others' clocks as if it had had the right time."""

    def reached(here: Point) -> None:
        if here is point:
            raise Crash

    with schema_of(postgres_server) as url:
        database = await Database.open(url)
        wins, wrong = ScriptedChannel("wins"), FakeClock()
        wrong.jump(days=3)
        dies = replace(bridge_of(database, wins), clock=wrong, of_node={"reached": reached})
        await dies.receive(completion("e1"))
        await dies.engine.drain()
        lives = replace(bridge_of(database, wins), name="node-2")
        await lives.receive(completion("e2", learner={"email": "joana@aluna.example"}))
        for _ in range(2):
            lives.clock.advance(minutes=10)
            await lives.engine.drain()
        assert sorted(wins.texts) == ["module.completed e1", "module.completed e2"]
        await database.close()
