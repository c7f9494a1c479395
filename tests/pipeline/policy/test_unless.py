"""Messages that are withdrawn by what happens while they wait."""

from __future__ import annotations

import asyncio
from datetime import datetime, timedelta

import pytest
from msgspec.structs import replace

from bridge.core.conditions import NOTHING, Condition, compile_when
from bridge.core.outcomes import State
from bridge.core.rules import Rule, Unless
from bridge.pipeline.node import Point
from bridge.store import memory, views
from bridge.store.database import Database
from bridge.store.schema import sightings, watches
from bridge.store.views import DeliveryFilter, DeliveryRow, EventFilter
from tests.support.clock import START
from tests.support.pipeline import Pipeline, ScriptedChannel, action, channels, completion, rule
from tests.support.policy import DOWN, channel

WEEK = timedelta(days=7)
HOUR = timedelta(hours=1)
TRIGGER, LESSON = "nutror.module_completed", "nutror.lesson_watched"


def no_progress(
    on: tuple[str, ...] = ("lesson.completed",),
    when: Condition = NOTHING,
    same: tuple[str, ...] = ("learner.email",),
    trigger: str = "module.completed",
) -> Rule:
    """Return a rule that sends a week after its event, unless such an event comes first."""
    made = action("r", "mail", once_per=("learner.email", "id"))
    return rule("r", replace(made, delay=WEEK, unless=Unless(on, when, same)), on=trigger)


def happened(
    event_id: str,
    at: datetime = START,
    kind: str = TRIGGER,
    email: str = "maria@aluna.example",
    **more: object,
) -> dict[str, object]:
    data = {"createdAt": at.isoformat().replace("+00:00", "Z"), "learner": {"name": "Maria", "email": email}}
    return {**completion(event_id, **data, **more), "event": kind}


def lesson(event_id: str, at: datetime, **more: object) -> dict[str, object]:
    return happened(event_id, at, LESSON, **more)  # type: ignore[arg-type]


def made(database: Database, *rules: Rule, mail: ScriptedChannel | None = None) -> Pipeline:
    return Pipeline(database, rules or [no_progress()], channels(mail or channel("mail")))


async def rows(database: Database) -> list[DeliveryRow]:
    found = await database.read(lambda c: views.list_deliveries(c, DeliveryFilter()))
    return sorted(found, key=lambda row: row.seq)


async def states(database: Database) -> list[State]:
    return [row.state for row in await rows(database)]


async def test_progress_withdraws_the_reminder(database: Database) -> None:
    """At once, with a reason that names the event, and the claim is free."""
    pipeline = made(database)
    await pipeline.run(happened("e1"))
    (row,) = await rows(database)
    assert row.why == "delay of 7 days, unless lesson.completed comes first"
    await pipeline.run(lesson("e2", START + HOUR))
    (row,) = await rows(database)
    assert (row.state, row.why) == (State.DISCARDED, "unless: lesson.completed happened meanwhile, event 2")
    claim = await database.read(lambda c: memory.claim_of(c, row.id))
    assert claim is not None
    assert claim.state == "released"
    pipeline.clock.advance(days=8)
    await pipeline.engine.drain()
    assert pipeline.channels["mail"].sent == []


async def test_without_progress_it_is_sent(database: Database) -> None:
    """Progress of somebody else is none; an address counts the same in capitals."""
    pipeline = made(database)
    await pipeline.run(happened("e1"), happened("e2", email="JOANA@aluna.example"))
    await pipeline.run(lesson("e3", START + HOUR, email="Joana@Aluna.example"))
    pipeline.clock.advance(days=7)
    await pipeline.engine.drain()
    assert await states(database) == [State.DELIVERED, State.DISCARDED]


async def test_what_happened_before_does_not_count(database: Database) -> None:
    """Though it arrives later: platforms repeat for days."""
    pipeline = made(database)
    await pipeline.run(happened("e1"))
    await pipeline.run(lesson("e2", START - HOUR))
    pipeline.clock.advance(days=7)
    await pipeline.engine.drain()
    assert await states(database) == [State.DELIVERED]


async def test_what_happened_after_counts_though_it_arrived_first(database: Database) -> None:
    """The reminder is never made; its event says why."""
    pipeline = made(database)
    await pipeline.run(lesson("e1", START))
    await pipeline.run(happened("e2", START - HOUR))
    assert await rows(database) == []
    entry = (await database.read(lambda c: views.list_events(c, EventFilter())))[0]
    assert entry.summary is not None
    (skipped,) = entry.summary["skipped"]
    assert skipped["why"] == "unless: lesson.completed happened meanwhile, event 1"


async def test_an_event_from_the_future_does_not_rule_for_years(database: Database) -> None:
    """It counts from when it was received: a reminder that begins later is made and sent."""
    pipeline = made(database)
    await pipeline.run(lesson("e1", START + 1000 * WEEK))
    pipeline.clock.advance(hours=1)
    await pipeline.run(happened("e2", START + HOUR))
    pipeline.clock.advance(days=7)
    await pipeline.engine.drain()
    assert await states(database) == [State.DELIVERED]


async def test_an_older_event_does_not_hide_a_newer_one(database: Database) -> None:
    """Of what was seen the latest counts, in whatever order it came."""
    pipeline = made(database)
    await pipeline.run(lesson("e1", START), lesson("e2", START - 5 * HOUR))
    await pipeline.run(happened("e3", START - HOUR))
    assert await rows(database) == []


async def test_each_lesson_puts_the_reminder_off(database: Database) -> None:
    """The same kind starts and withdraws it: one reminder, and none withdraws itself."""
    pipeline = made(database, no_progress(trigger="lesson.completed"))
    for number in range(3):
        await pipeline.run(lesson(f"e{number}", START + number * HOUR))
    assert await states(database) == [State.DISCARDED, State.DISCARDED, State.PENDING]
    pipeline.clock.advance(days=7, hours=2)
    await pipeline.engine.drain()
    assert len(pipeline.channels["mail"].sent) == 1


async def test_of_two_in_the_same_second_the_one_stored_later_counts(database: Database) -> None:
    """Platforms tell seconds; two reminders for one pause would be one too many."""
    pipeline = made(database, no_progress(trigger="lesson.completed"))
    await pipeline.run(lesson("e1", START), lesson("e2", START))
    assert await states(database) == [State.DISCARDED, State.PENDING]


async def test_a_replay_is_not_progress(database: Database) -> None:
    """The event is seen again, and its own reminder made again."""
    pipeline = made(database, no_progress(trigger="lesson.completed"))
    await pipeline.run(lesson("e1", START))
    await pipeline.operator.replay(1)
    await pipeline.engine.drain()
    assert await states(database) == [State.DISCARDED, State.PENDING]


async def test_only_what_fits_its_conditions_counts(database: Database) -> None:
    """`when:` under `unless:` asks as it does under a rule, and `same` may be about more than the person."""
    python, problems = compile_when({"course.title": {"prefix": "Python"}}, ())
    assert problems == []
    pipeline = made(database, no_progress(when=python, same=("learner.email", "course.id")))
    await pipeline.run(happened("e1"))
    await pipeline.run(lesson("e2", START + HOUR, course={"hash": "c" * 40, "title": "Java"}))
    await pipeline.run(lesson("e3", START + HOUR, course={"hash": "d" * 40, "title": "Python"}))
    assert await states(database) == [State.PENDING]
    await pipeline.run(lesson("e4", START + HOUR))
    assert await states(database) == [State.DISCARDED]


async def test_without_the_value_nothing_is_sent_and_nothing_withdrawn(database: Database) -> None:
    """A reminder that nothing could withdraw is not made, visibly."""
    (action_,) = no_progress().actions
    pipeline = made(database, rule("r", replace(action_, once_per=())))
    await pipeline.run(completion("e1", learner={"name": "Maria"}))
    (entry,) = await database.read(lambda c: views.list_events(c, EventFilter()))
    assert entry.summary is not None
    (skipped,) = entry.summary["skipped"]
    assert skipped["why"] == "unless needs 'learner.email', which this event does not have"
    await pipeline.run({**completion("e2", learner={"name": "Maria"}), "event": LESSON})
    assert await database.read(lambda c: c.execute(sightings.select()).all()) == []


async def test_what_is_under_way_is_asked_before_each_attempt(database: Database) -> None:
    """An event that comes between two attempts withdraws the second."""
    mail = channel("mail", DOWN, waits=(60,))
    pipeline = made(database, mail=mail)
    await pipeline.run(happened("e1"))

    async def meanwhile() -> None:
        mail.before_answer = nothing
        await pipeline.receive(lesson("e2", START + HOUR))
        await pipeline.engine.inlet.worker.drain()

    async def nothing() -> None:
        """Do nothing."""

    mail.before_answer = meanwhile
    pipeline.clock.advance(days=7)
    await pipeline.engine.drain()
    pipeline.clock.advance(minutes=2)
    await pipeline.engine.drain()
    assert len(mail.sent) == 1
    (row,) = await rows(database)
    assert (row.state, row.attempts) == (State.DISCARDED, 1)
    assert row.why == "unless: lesson.completed happened meanwhile, event 2"


async def test_nothing_is_kept_of_what_is_over(database: Database) -> None:
    """A learner who does a lesson a day leaves one row, not one for each."""
    pipeline = made(database, no_progress(trigger="lesson.completed"))
    for number in range(5):
        await pipeline.run(lesson(f"e{number}", START + number * HOUR))
    assert len(await database.read(lambda c: c.execute(watches.select()).all())) == 1
    assert len(await database.read(lambda c: c.execute(sightings.select()).all())) == 1


async def test_two_nodes_agree(database: Database) -> None:
    """The event arrives at one, the reminder is due at the other."""
    pipeline = made(database)
    other = pipeline.restarted()
    await pipeline.run(happened("e1"), happened("e2", email="joana@aluna.example"))
    pipeline.clock.advance(days=7)
    await pipeline.receive(lesson("e3", START + HOUR))
    await other.engine.inlet.worker.drain()
    await asyncio.gather(other.engine.drain(), pipeline.engine.drain())
    assert await states(database) == [State.DISCARDED, State.DELIVERED]


class Crash(BaseException):
    """The process ends here."""


@pytest.mark.parametrize("point", [Point.PLANNED, Point.DISPATCHED])
async def test_a_crash_around_the_event_loses_no_withdrawal(database: Database, point: Point) -> None:
    """It is one transaction with all else that follows from the event."""
    pipeline = made(database)
    await pipeline.run(happened("e1"))

    def reached(here: Point) -> None:
        if here is point:
            raise Crash

    dying = pipeline.restarted(of_node={"reached": reached})
    await dying.receive(lesson("e2", START + HOUR))
    await dying.engine.drain()
    assert await states(database) == [State.DISCARDED if point is Point.DISPATCHED else State.PENDING]
    pipeline.clock.advance(minutes=2)
    await pipeline.restarted().engine.drain()
    assert await states(database) == [State.DISCARDED]


async def test_the_platforms_test_event_withdraws_nothing(database: Database) -> None:
    """It is about a sample person, and leaves nothing behind."""
    sample = {"name": "Ciclano da Silva", "email": "learner@eduzz.com"}
    course = {"hash": "4bba1d18c02755a13ee97521ae61958c3cf9e665", "title": "Curso"}
    producer = {"name": "Fulano", "email": "fulano@eduzz.com"}
    test = completion(
        "e1", learner=sample, course=course, producer=producer, createdAt="2023-05-04T11:59:58Z"
    )
    await made(database).run({**test, "event": LESSON})
    (entry,) = await database.read(lambda c: views.list_events(c, EventFilter()))
    assert entry.test
    assert await database.read(lambda c: c.execute(sightings.select()).all()) == []
