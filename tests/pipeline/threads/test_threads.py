"""Threads and edited messages in Slack, through the whole pipeline to a stand-in, on both databases."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import AsyncIterator, Callable, Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any, cast
from zoneinfo import ZoneInfo

import pytest
from sqlalchemy import select

from bridge.channels.http import Shared
from bridge.channels.slack import SlackChannel
from bridge.channels.slack_options import SANDBOX_TOKEN, SlackOptions
from bridge.core.events import Facts
from bridge.core.messages import Payload, RenderFailure
from bridge.core.outcomes import Outcome, Reason, Rejected, Retry, State
from bridge.core.readable import Chat
from bridge.core.rules import Action, Thread
from bridge.pipeline.node import Point
from bridge.pipeline.threads import BUSY
from bridge.sandbox.sandbox import Sandbox
from bridge.store import threads
from bridge.store.database import Database
from bridge.store.schema import deliveries
from tests.support.channels import SOFTWARE
from tests.support.clock import FakeClock
from tests.support.pipeline import Pipeline, completion, rule, until

SAO_PAULO = ZoneInfo("America/Sao_Paulo")
BY = ("course.id", "date")


@dataclass
class Telling:
    """Content that names the event, or what was counted."""

    text: Callable[[Facts], str] = field(default=lambda facts: f"{facts['id']}")

    def render(self, facts: Facts) -> Mapping[str, object] | RenderFailure:
        return {"text": self.text(facts)}


def _today(facts: Any) -> str:
    return f"{facts['count']} módulos, {facts['counts']['alunos']} alunos"


REPLY = Action(
    rule="r",
    name="slack:wins",
    channel="wins",
    content=Telling(),
    settings={"thread": "replies"},
    thread=Thread(by=BY, zone=SAO_PAULO),
)
HEADER = Action(
    rule="r",
    name="slack:wins#hoje",
    channel="wins",
    content=Telling(_today),
    settings={"thread": "edits"},
    thread=Thread(by=BY, zone=SAO_PAULO, edits=True, counts=(("alunos", "learner.email"),)),
)


class Troubled(SlackChannel):
    """The real channel, before whose calls a test may do something, or answer instead."""

    before: Callable[[Payload], Outcome | None]

    async def send(self, payload: Payload, delivery_id: str) -> Outcome:
        instead = self.before(payload)
        await asyncio.sleep(0)
        return instead or await super().send(payload, delivery_id)


@dataclass
class Stage:
    """A stand-in for Slack, and pipelines that post to it from one store."""

    sandbox: Sandbox
    database: Database
    clock: FakeClock
    shared: Shared
    before: Callable[[Payload], Outcome | None] = field(default=lambda _: None)

    def pipeline(self, *actions: Action, **more: Any) -> Pipeline:
        options = SlackOptions.model_validate(
            {
                "type": "slack",
                "token": SANDBOX_TOKEN,
                "channel": "#conquistas",
                "api_url": self.sandbox.endpoints().slack_api_url,
                "allow_private": True,
                "rate": None,
                "breaker": False,
            }
        )
        channel = Troubled("wins", options, self.shared)
        channel.before = self._before
        channels = cast("Any", {"wins": channel})
        return Pipeline(self.database, [rule("r", *actions)], channels, clock=self.clock, **more)

    def _before(self, payload: Payload) -> Outcome | None:
        return self.before(payload)

    @property
    def chats(self) -> list[Chat]:
        return [cast("Chat", each.content) for each in self.sandbox.arrivals]

    @property
    def said(self) -> list[tuple[str, bool]]:
        """Each message with whether it is a reply."""
        return [(each.paragraphs[0], bool(each.thread)) for each in self.chats]


@pytest.fixture
async def stage(database: Database) -> AsyncIterator[Stage]:
    clock = FakeClock()
    sandbox, shared = Sandbox(clock), Shared(clock, SOFTWARE)
    await sandbox.open()
    made = Stage(sandbox, database, clock, shared)
    yield made
    await shared.close()
    await made.sandbox.close()


def event(
    number: int, *, course: str = "c", at: str = "2026-05-04T11:59:58Z", **more: object
) -> dict[str, object]:
    person = {"name": f"Aluno {number}", "email": f"a{number % 3}@aluna.example"}
    changes = {"learner": person, "course": {"hash": course * 40, "title": "Python"}, "createdAt": at, **more}
    return completion(f"e{number}", **changes)


async def test_the_first_message_of_a_key_begins_the_thread(stage: Stage) -> None:
    """Later ones reply to it; another course has a thread of its own."""
    await stage.pipeline(REPLY).run(event(1), event(2), event(3, course="d"), event(4), event(5, course="d"))
    assert sorted(stage.said) == [("e1", False), ("e2", True), ("e3", False), ("e4", True), ("e5", True)]
    by_text = {each.paragraphs[0]: each.thread for each in stage.chats}
    assert by_text["e2"] == by_text["e4"] != by_text["e5"]


async def test_the_day_is_that_of_the_event_where_the_school_is(stage: Stage) -> None:
    """23:30 in São Paulo is another day than 00:30, and another one than UTC says."""
    late, later = event(1, at="2026-05-05T02:30:00Z"), event(2, at="2026-05-05T03:30:00Z")
    await stage.pipeline(REPLY).run(event(0, at="2026-05-04T15:00:00Z"), late, later)
    assert sorted(stage.said) == [("e0", False), ("e1", True), ("e2", False)]


async def test_a_message_without_the_value_stands_by_itself(stage: Stage) -> None:
    """Nothing is lost for want of a course."""
    await stage.pipeline(REPLY).run(event(1, course=""), event(2, course=""))
    assert sorted(stage.said) == [("e1", False), ("e2", False)]


async def test_a_thread_survives_a_restart_and_is_shared_by_nodes(stage: Stage) -> None:
    """Where it begins stands in the store."""
    first = stage.pipeline(REPLY)
    await first.run(event(1))
    await stage.pipeline(REPLY, name="node-2").run(event(2))
    await first.run(event(3))
    assert stage.said == [("e1", False), ("e2", True), ("e3", True)]


async def test_no_reply_overtakes_a_message_that_is_tried_again(stage: Stage) -> None:
    """The first is not there yet, so the others wait for it, in their order."""
    failing = [Retry(Reason.SERVER), Retry(Reason.SERVER)]
    stage.before = lambda _: failing.pop() if failing else None
    pipeline = stage.pipeline(REPLY)
    await pipeline.run(event(1), event(2), event(3))
    assert stage.said == []
    for _ in range(4):
        stage.clock.advance(minutes=5)
        await pipeline.engine.drain()
    assert stage.said == [("e1", False), ("e2", True), ("e3", True)]


async def test_when_the_first_dies_the_next_begins_the_thread(stage: Stage) -> None:
    """And the first, retried by a person, is a reply."""
    dying = [Rejected(Reason.CLIENT)]
    stage.before = lambda _: dying.pop() if dying else None
    pipeline = stage.pipeline(REPLY)
    await pipeline.run(event(1), event(2), event(3))
    assert stage.said == [("e2", False), ("e3", True)]
    await pipeline.operator.retry(await _id_in(stage.database, State.DEAD))
    await pipeline.engine.drain()
    assert stage.said[2:] == [("e1", True)]


async def test_when_the_first_was_deleted_the_next_begins_a_new_thread(stage: Stage) -> None:
    """Slack knows the message no more; nobody has to notice."""
    pipeline = stage.pipeline(REPLY)
    await pipeline.run(event(1))
    await stage.sandbox.close()
    stage.sandbox = Sandbox(stage.clock)  # which knows nothing of it
    await stage.sandbox.open()
    later = stage.pipeline(REPLY)
    await later.run(event(2), event(3))
    assert stage.said == [("e2", False), ("e3", True)]


@pytest.mark.parametrize("point", [Point.CLAIMED, Point.SENT, Point.RECORDING])
async def test_a_process_that_ends_leaves_one_thread_behind(stage: Stage, point: Point) -> None:
    """Posted and not recorded means posted again, which Slack cannot know; the rest is in one thread."""
    calls = itertools.count()

    def reached(now: Point) -> None:
        if now is point and next(calls) == 0:
            raise asyncio.CancelledError

    broken = stage.pipeline(REPLY, of_node={"reached": reached})
    await broken.run(event(1))
    stage.clock.advance(hours=1)  # past every lease
    after = stage.pipeline(REPLY, name="node-2")
    await after.run(event(2), event(3))
    roots = [text for text, is_reply in stage.said if not is_reply]
    assert roots == ["e1"] * (1 if point is Point.CLAIMED else 2)
    assert [text for text, is_reply in stage.said if is_reply] == ["e2", "e3"]
    last = stage.chats[len(roots) - 1]
    assert {each.thread for each in stage.chats if each.thread} != set()
    assert not last.thread


async def test_two_nodes_at_once_begin_one_thread(stage: Stage) -> None:
    """Forty events of one day, received by two nodes that work at the same time."""
    one, two = stage.pipeline(REPLY), stage.pipeline(REPLY, name="node-2")
    events = [event(number) for number in range(40)]
    await asyncio.gather(one.receive(*events[::2]), two.receive(*events[1::2]))
    for _ in range(20):
        await asyncio.gather(one.engine.drain(), two.engine.drain())
        stage.clock.advance(seconds=3)
    assert sorted(text for text, _ in stage.said) == sorted(f"e{number}" for number in range(40))
    assert sum(not is_reply for _, is_reply in stage.said) == 1
    assert len({each.thread for each in stage.chats}) == 2


async def test_who_begins_a_thread_holds_it(stage: Stage) -> None:
    """Also against a delivery that another node claimed because it could not see the first one's row."""
    key = b"k" * 16
    pipeline = stage.pipeline(REPLY)
    stage.before = lambda _: Retry(Reason.SERVER)
    await pipeline.run(event(1), event(2, course="d"))
    rows = await stage.database.read(lambda c: c.execute(select(deliveries.c.id, deliveries.c.seq)).all())
    (one, seq), (two, _) = rows
    now = stage.clock.now()

    def at_work(connection: Any) -> object:
        values = {"state": State.SENDING, "lease": "x", "ready_at": now + timedelta(minutes=1)}
        return connection.execute(deliveries.update().where(deliveries.c.seq == seq).values(**values))

    await stage.database.write(at_work)
    hold = threads.hold
    assert await stage.database.write(lambda c: hold(c, key, one, now=now)) == threads.UNKNOWN
    assert await stage.database.write(lambda c: hold(c, key, two, now=now)) == threads.Busy(one)
    assert await stage.database.write(lambda c: hold(c, key, one, now=now)) == threads.UNKNOWN
    later = now + timedelta(minutes=2)
    assert await stage.database.write(lambda c: hold(c, key, two, now=later)) == threads.UNKNOWN


async def test_a_delivery_waits_for_another_that_begins_its_thread(stage: Stage) -> None:
    """It spends no attempt; when the other has begun the thread, or has gone, it follows."""
    pipeline = stage.pipeline(REPLY)
    stage.before = lambda _: Retry(Reason.SERVER)
    await pipeline.run(event(1))
    stage.before = lambda _: None
    now = stage.clock.now()
    one, seq, key = await stage.database.read(
        lambda c: c.execute(select(deliveries.c.id, deliveries.c.seq, deliveries.c.lane)).one()
    )
    # As another node sees it that claimed the second before the first was visible.
    under_way = {"state": State.SENDING, "lease": "x", "ready_at": now + timedelta(minutes=1), "lane": None}

    def at_work(connection: Any) -> object:
        connection.execute(deliveries.update().where(deliveries.c.seq == seq).values(**under_way))
        return threads.hold(connection, key, one, now=now)

    await stage.database.write(at_work)
    await pipeline.run(event(2))
    query = select(deliveries.c.state, deliveries.c.why, deliveries.c.attempts).where(deliveries.c.seq > seq)
    assert stage.said == []
    assert await stage.database.read(lambda c: tuple(c.execute(query).one())) == (State.PENDING, BUSY, 0)
    stage.clock.advance(seconds=3)
    await pipeline.engine.drain()
    assert stage.said == []
    for _ in range(3):  # the other one's lease is over; without its lane it stands by itself
        stage.clock.advance(minutes=2)
        await pipeline.engine.drain()
    assert sorted(stage.said) == [("e1", False), ("e2", False)]


async def test_one_message_is_edited_in_place(stage: Stage) -> None:
    """It counts events and different values, each once, also when an event is replayed."""
    pipeline = stage.pipeline(HEADER)
    for number in range(5):
        await pipeline.run(event(number))
    (chat,) = stage.chats
    assert chat.paragraphs == ("5 módulos, 3 alunos",)
    assert chat.edits == 4
    await pipeline.run(event(3))  # a duplicate
    await pipeline.operator.replay(4)
    await pipeline.engine.drain()
    assert [each.paragraphs for each in stage.chats] == [("5 módulos, 3 alunos",)]
    await pipeline.run(event(9, at="2026-05-06T12:00:00Z"))
    assert [each.paragraphs[0] for each in stage.chats] == ["5 módulos, 3 alunos", "1 módulos, 1 alunos"]


async def test_many_events_at_once_are_one_edit(stage: Stage) -> None:
    """What a newer text would undo at once is not sent, and says so."""
    pipeline = stage.pipeline(HEADER)
    await pipeline.run(*(event(number) for number in range(30)))
    (chat,) = stage.chats
    assert chat.paragraphs == ("30 módulos, 3 alunos",)
    assert chat.edits < 5
    states = await stage.database.read(lambda c: set(c.scalars(select(deliveries.c.state))))
    assert states == {State.DELIVERED}


async def test_an_old_text_never_covers_a_newer_one(stage: Stage) -> None:
    """A person retries what died before the newer one went out."""
    dying = [Rejected(Reason.CLIENT)]
    stage.before = lambda _: dying.pop() if dying else None
    pipeline = stage.pipeline(HEADER)
    await pipeline.run(event(1))
    await pipeline.run(event(2))
    await pipeline.operator.retry(await _id_in(stage.database, State.DEAD))
    await pipeline.engine.drain()
    (chat,) = stage.chats
    assert (chat.paragraphs, chat.edits) == (("2 módulos, 2 alunos",), 0)


async def test_a_message_that_was_deleted_is_posted_anew(stage: Stage) -> None:
    """And edited from then on."""
    pipeline = stage.pipeline(HEADER)
    await pipeline.run(event(1))
    await stage.sandbox.close()
    stage.sandbox = Sandbox(stage.clock)
    await stage.sandbox.open()
    later = stage.pipeline(HEADER)
    await later.run(event(2))
    await later.run(event(3))
    (chat,) = stage.chats
    assert (chat.paragraphs, chat.edits) == (("3 módulos, 3 alunos",), 1)


async def test_replies_stand_below_the_edited_message_of_the_same_key(stage: Stage) -> None:
    """The day's header, and the day's completions in its thread."""
    pipeline = stage.pipeline(HEADER, REPLY)
    for number in range(4):
        await pipeline.run(event(number))
    assert stage.said == [("4 módulos, 3 alunos", False), *((f"e{number}", True) for number in range(4))]
    assert len({each.thread for each in stage.chats}) == 2


async def test_two_nodes_edit_one_message_to_the_newest_text(stage: Stage) -> None:
    """The last text has everything."""
    one, two = stage.pipeline(HEADER), stage.pipeline(HEADER, name="node-2")
    events = [event(number) for number in range(40)]
    await asyncio.gather(one.receive(*events[::2]), two.receive(*events[1::2]))
    for _ in range(20):
        await asyncio.gather(one.engine.drain(), two.engine.drain())
        stage.clock.advance(seconds=3)
    (chat,) = stage.chats
    assert chat.paragraphs == ("40 módulos, 3 alunos",)


async def test_running_loops_keep_a_thread_together(stage: Stage) -> None:
    """Not drained but started, as in operation."""
    one, two = stage.pipeline(HEADER, REPLY), stage.pipeline(HEADER, REPLY, name="node-2")
    await one.engine.start()
    await two.engine.start()
    await asyncio.gather(
        one.receive(*(event(number) for number in range(0, 20, 2))),
        two.receive(*(event(number) for number in range(1, 20, 2))),
    )
    await until(lambda: len(stage.chats) >= 21 and stage.chats[0] is not None)
    await until(lambda: any("20 módulos" in each.paragraphs[0] for each in stage.chats))
    await one.engine.stop()
    await two.engine.stop()
    assert sum(not is_reply for _, is_reply in stage.said) == 1


async def _id_in(database: Database, state: State) -> str:
    query = select(deliveries.c.id).where(deliveries.c.state == state)
    return str(await database.read(lambda c: c.scalar(query)))
