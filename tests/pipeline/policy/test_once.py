"""`once_per` under many at once, on two nodes, and wherever a process ends: exactly one message."""

from __future__ import annotations

import asyncio
import contextlib
from collections import Counter
from collections.abc import AsyncIterator, Mapping

import pytest

from bridge.pipeline.node import Point
from bridge.store import claims, views
from bridge.store.claims import ClaimFilter
from bridge.store.database import Database
from bridge.store.views import DeliveryFilter
from tests.support.pipeline import Pipeline, action, channels, completion, rule
from tests.support.policy import channel

AT_ONCE = 50
SAME = ("joão@aluna.example", "JOÃO@ALUNA.EXAMPLE", " João@Aluna.Example ", "joÃo@aluna.EXAMPLE")
"""One person: an address counts the same in capitals."""
OTHERS = ("joao@aluna.example", "joão@aluno.example", "joão.@aluna.example")
"""Three more: an accent in an address makes another mailbox."""
MODULES: tuple[object, ...] = ("3253", 3253)
"""One module, as text and as a number."""
MAY_REPEAT = {Point.SENT, Point.RECORDING}
"""The one window: the destination has it, and that is not recorded; the same id goes out again."""


class Crash(BaseException):
    """The process ends here."""


@pytest.fixture
async def other(store_url: str) -> AsyncIterator[Database]:
    """The same store, opened once more, as another process has it."""
    opened = await Database.open(store_url)
    yield opened
    await opened.close()


def made(database: Database) -> Pipeline:
    once = rule("once", action("once", "mail", once_per=("learner.email", "module.id")))
    return Pipeline(database, [once], channels(channel("mail", hands=4)))


def near_duplicates(count: int = AT_ONCE) -> list[dict[str, object]]:
    """Return events with ids of their own of one learner and module, however these are written."""
    return [
        completion(
            f"e{number}",
            learner={"name": f"João {number}", "email": SAME[number % len(SAME)]},
            module={"id": MODULES[number % len(MODULES)], "title": f"Funções {number}"},
        )
        for number in range(count)
    ]


def different() -> list[dict[str, object]]:
    """Return events that are not the same: of other people, and of another module."""
    people = [
        completion(f"o{number}", learner={"name": "João", "email": email})
        for number, email in enumerate(OTHERS)
    ]
    return [*people, completion("m", learner={"name": "João", "email": SAME[0]}, module={"id": "3254"})]


async def post(pipeline: Pipeline, *events: Mapping[str, object]) -> None:
    """Post all at once, as a platform that repeats itself does."""
    answers = await asyncio.gather(*(pipeline.receive(event) for event in events))
    assert [status for answer in answers for status in answer] == [200] * len(events)


async def held(database: Database) -> int:
    rows = await database.read(lambda c: claims.list_claims(c, ClaimFilter(limit=500)))
    return sum(row.state != "released" for row in rows)


async def test_fifty_of_the_same_event_are_one(database: Database) -> None:
    """Stored once, sent once, answered 200 each time."""
    pipeline = made(database)
    await post(pipeline, *[completion("e1")] * AT_ONCE)
    await pipeline.engine.drain()
    assert len(pipeline.channels["mail"].sent) == 1
    assert len(await database.read(lambda c: views.list_deliveries(c, DeliveryFilter()))) == 1


async def test_fifty_near_duplicates_are_one(database: Database) -> None:
    """Whatever differs but the values of `once_per`; what differs there is another message."""
    pipeline = made(database)
    await post(pipeline, *near_duplicates(), *different())
    await pipeline.engine.drain()
    assert len(pipeline.channels["mail"].sent) == 1 + len(different())
    assert await held(database) == 1 + len(different())


async def test_two_nodes_at_once_send_one(database: Database, other: Database) -> None:
    """Each receives half, and both dispatch and deliver all the time."""
    first = made(database)
    second = made(other).restarted(clock=first.clock, channels=first.channels)
    events = near_duplicates()
    for _ in range(2):
        await asyncio.gather(
            post(first, *events[::2]),
            post(second, *events[1::2]),
            *(each.engine.drain() for each in (first, second, first, second)),
        )
        first.clock.advance(minutes=10)
    await asyncio.gather(first.engine.drain(), second.engine.drain())
    assert len(first.channels["mail"].sent) == 1
    assert await held(database) == 1
    entries = await database.read(views.count_events)
    assert entries == {"done": AT_ONCE}


@pytest.mark.parametrize("nth", [1, 2])
@pytest.mark.parametrize("point", [point for point in Point if point is not Point.GATHERED])
async def test_wherever_the_process_ends_one_is_sent(database: Database, point: Point, nth: int) -> None:
    """Among fifty near-duplicates, and taken up by another process when the leases have run out."""
    seen: Counter[Point] = Counter()
    ended = asyncio.Event()

    def reached(here: Point) -> None:
        seen[here] += 1
        if here is point and seen[here] >= nth:  # from then on nothing of this process lives
            ended.set()
            raise Crash

    dying = made(database).restarted(of_node={"reached": reached})
    for event in near_duplicates():
        with contextlib.suppress(Crash):
            await dying.receive(event)
    with contextlib.suppress(Crash):
        await dying.engine.drain()
    heir = dying.restarted(of_node={})
    await post(heir, *near_duplicates(), *different())
    for _ in range(3):
        await heir.engine.drain()
        heir.clock.advance(minutes=10)
    sent = Counter(id_ for id_, _ in heir.channels["mail"].sent)
    assert len(sent) == 1 + len(different())
    assert max(sent.values()) <= (2 if point in MAY_REPEAT else 1)
    assert await held(database) == 1 + len(different())
    assert ended.is_set() or (nth == 2 and point not in {Point.ACCEPTED, Point.PLANNED})
