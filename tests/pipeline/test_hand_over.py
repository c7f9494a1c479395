"""One configuration follows another while a destination hangs: nobody waits, nothing is sent twice."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence

import pytest

from bridge.core.outcomes import Reason, Retry
from bridge.store.database import Database
from tests.support.pipeline import Pipeline, ScriptedChannel, action, channels, rule, until
from tests.support.policy import channel, of_learners

LONG_S = 60.0


class House:
    """Two channels, of which one hangs until `answer` is set, and what each engine sent through them."""

    def __init__(self, database: Database, slow: ScriptedChannel, alone: bool) -> None:
        self.slow, self.fast = slow, ScriptedChannel("fast")
        self.later = {"slow": channel("slow", hands=slow.policy.concurrency), "fast": ScriptedChannel("fast")}
        self.answer = asyncio.Event()
        self.slow.before_answer = self.answer.wait
        rules = [rule("r", action("r", "slow"), action("r", "fast"))]
        of_node = {"alone": alone}
        self.before = Pipeline(database, rules, channels(self.slow, self.fast), of_node=of_node)
        self.after = self.before.restarted(channels=self.later)

    async def change(self) -> asyncio.Task[None]:
        """Let the second engine follow the first; returns the end of what the first has under way."""
        ending = await self.before.engine.hand_over(LONG_S, 0.01)
        await self.after.engine.start()
        return ending

    async def end(self, ending: asyncio.Task[None]) -> None:
        """Let the destination answer, and the second engine look after what was left."""
        self.answer.set()
        await ending
        await self.after.engine.take_over()


def events(sent: Sequence[str]) -> list[str]:
    return [text.rpartition(" ")[2] for text in sent]


@pytest.fixture(params=[True, False])
def alone(request: pytest.FixtureRequest) -> bool:
    """Whether the process has the store for itself, and takes short ways."""
    return bool(request.param)


async def test_an_attempt_that_hangs_keeps_nobody_waiting(database: Database, alone: bool) -> None:
    """Other channels and other learners go on; what follows it in its lane comes after it, and once."""
    house = House(database, channel("slow", hands=2), alone)
    first, second, other = *of_learners(1), *of_learners(1), *of_learners(1, 7)
    second = {**second, "id": "e1"}
    await house.before.engine.start()
    await house.before.receive(first)
    await until(lambda: house.slow.sent and house.fast.sent)
    ending = await house.change()
    assert not ending.done()
    await house.after.receive(second, other)
    await until(lambda: events(house.later["fast"].texts) == ["e1", "e7"])
    await until(lambda: events(house.later["slow"].texts) == ["e7"])
    await house.end(ending)
    await until(lambda: events(house.later["slow"].texts) == ["e7", "e1"])
    await house.after.engine.stop()
    assert (events(house.slow.texts), events(house.fast.texts)) == (["e0"], ["e0"])


async def test_what_waits_behind_it_is_not_lost(database: Database, alone: bool) -> None:
    """Claimed already, and not begun: it is sent by the next one, and once."""
    house = House(database, channel("slow", hands=1), alone)
    await house.before.engine.start()
    await house.before.receive(*of_learners(5))
    await until(lambda: house.slow.sent and len(house.fast.sent) == 5)
    ending = await house.change()
    await house.end(ending)
    await until(lambda: len(house.later["slow"].sent) == 4)
    await house.after.engine.stop()
    assert sorted(events([*house.slow.texts, *house.later["slow"].texts])) == [f"e{n}" for n in range(5)]


async def test_what_fails_then_is_tried_again_by_the_next_one(database: Database, alone: bool) -> None:
    house = House(database, channel("slow", Retry(Reason.SERVER, 503, "busy")), alone)
    await house.before.engine.start()
    await house.before.receive(*of_learners(1))
    await until(lambda: house.slow.sent)
    ending = await house.change()
    await house.end(ending)
    house.after.clock.advance(seconds=11)
    house.after.engine.wake()
    await until(lambda: house.later["slow"].sent)
    await house.after.engine.stop()


async def test_what_fails_then_is_parked_if_its_channel_is_gone(database: Database, alone: bool) -> None:
    """Nobody else would ever look at it."""
    house = House(database, channel("slow", Retry(Reason.SERVER, 503, "busy")), alone)
    del house.later["slow"]
    await house.before.engine.start()
    await house.before.receive(*of_learners(1))
    await until(lambda: house.slow.sent)
    ending = await house.change()
    await house.end(ending)
    said = [line for line in house.after.log.lines if "no longer in the configuration" in line.event]
    assert [line.fields for line in said] == [{"channel": "slow", "deliveries": 1}]
    await house.after.engine.stop()


async def test_a_stop_gives_it_no_more_time_than_anything_else(database: Database, alone: bool) -> None:
    """It is cut off, and goes on after the next start."""
    house = House(database, channel("slow"), alone)
    await house.before.engine.start()
    await house.before.receive(*of_learners(1))
    await until(lambda: house.slow.sent)
    ending = await house.change()
    await asyncio.gather(house.before.engine.stop(0.01), house.after.engine.stop(0.01))
    await ending
    third = house.after.restarted(channels=channels(ScriptedChannel("slow"), ScriptedChannel("fast")))
    await third.engine.drain()
    assert _texts(third.channels) == {"slow": ["e0"], "fast": []}


async def test_an_exchange_ends_when_what_is_under_way_does(database: Database, alone: bool) -> None:
    """Mostly at once: then nothing goes on beside the next one."""
    house = House(database, channel("slow"), alone)
    house.answer.set()
    await house.before.engine.start()
    await house.before.receive(*of_learners(1))
    ending = await house.before.engine.hand_over(LONG_S, LONG_S)
    assert ending.done()


def _texts(found: Mapping[str, ScriptedChannel]) -> dict[str, list[str]]:
    return {name: events(each.texts) for name, each in found.items()}
