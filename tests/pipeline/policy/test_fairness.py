"""No channel delays another."""

from __future__ import annotations

import asyncio

from bridge.store.database import Database
from tests.support.pipeline import Pipeline, ScriptedChannel, action, channels, rule
from tests.support.policy import DOWN, channel, of_learners

EVENTS = 60


async def sends_all(healthy: ScriptedChannel, count: int) -> None:
    """Return when so many messages have arrived."""
    done = asyncio.Event()

    async def look() -> None:
        if len(healthy.sent) >= count:
            done.set()

    healthy.before_answer = look
    if len(healthy.sent) < count:
        await done.wait()


async def test_a_healthy_channel_is_delayed_by_no_other(database: Database) -> None:
    """Beside a dead, a hanging and a flooded channel it sends everything, and no clock moves."""
    never = asyncio.Event()

    async def hang() -> None:
        await never.wait()

    dead = channel("dead", *[DOWN] * EVENTS, failures=5, hands=4)
    slow = channel("slow", hands=4)
    slow.before_answer = hang
    flooded = channel("flooded", rate="1/h", hands=4)
    healthy = channel("healthy", hands=4)
    names = ("dead", "slow", "flooded", "healthy")
    pipeline = Pipeline(
        database,
        [rule(name, action(name, name)) for name in names],
        channels(dead, slow, flooded, healthy),
    )
    await pipeline.engine.start()
    try:
        async with asyncio.timeout(30):
            waiting = asyncio.ensure_future(sends_all(healthy, EVENTS))
            await pipeline.receive(*of_learners(EVENTS))
            await waiting
    finally:
        never.set()
        await pipeline.engine.stop()
    assert len(healthy.sent) == EVENTS
    assert len(flooded.sent) == 1
    assert len(dead.sent) <= 8
    assert len(slow.sent) <= 4
