"""Messages that wait for their time: delays and quiet hours, on every store."""

from __future__ import annotations

from datetime import UTC, datetime, time, timedelta

from msgspec.structs import replace

from bridge.core.outcomes import State
from bridge.core.quiet_hours import Hours, QuietHours
from bridge.core.rules import Action
from bridge.store import views
from bridge.store.database import Database
from bridge.store.views import DeliveryFilter, DeliveryRow
from tests.support.clock import START, FakeClock
from tests.support.pipeline import Pipeline, Says, action, channels, completion, rule
from tests.support.policy import DOWN, channel

NIGHT = QuietHours(Hours(time(21), time(8)), UTC)
WEEK = timedelta(days=7)
EVENING = datetime(2026, 5, 4, 22, 0, tzinfo=UTC)
MORNING = datetime(2026, 5, 5, 8, 0, tzinfo=UTC)
AT_START = START.isoformat()


def later(
    via: str = "mail",
    *,
    of: str = "r",
    delay: timedelta | None = None,
    quiet: QuietHours | None = None,
    expires: timedelta | None = None,
    once_per: tuple[str, ...] = (),
) -> Action:
    made = action(of, via, expires=expires, once_per=once_per)
    return replace(made, delay=delay, quiet_hours=quiet)


def happened(event_id: str = "e1", at: datetime = START) -> dict[str, object]:
    return completion(event_id, createdAt=at.isoformat().replace("+00:00", "Z"))


async def rows(database: Database) -> list[DeliveryRow]:
    found = await database.read(lambda c: views.list_deliveries(c, DeliveryFilter()))
    return sorted(found, key=lambda row: row.seq)


async def test_a_delayed_message_is_sent_when_its_time_has_come(database: Database) -> None:
    """Not before, also by a process that has been restarted; until then it says what it waits for."""
    mail = channel("mail")
    pipeline = Pipeline(database, [rule("r", later(delay=WEEK))], channels(mail))
    await pipeline.run(happened())
    (row,) = await rows(database)
    assert (row.state, row.due_at, row.why) == (State.PENDING, START + WEEK, "delay of 7 days")
    again = pipeline.restarted()
    pipeline.clock.advance(days=6, hours=23, minutes=59)
    await again.engine.drain()
    assert mail.sent == []
    pipeline.clock.advance(minutes=1)
    await again.engine.drain()
    assert mail.texts == ["module.completed e1"]
    (row,) = await rows(database)
    assert (row.state, row.attempts, row.why) == (State.DELIVERED, 1, None)


async def test_it_is_made_when_it_is_sent(database: Database) -> None:
    """With the template of that day, and about the event as it was stored."""
    mail = channel("mail")
    pipeline = Pipeline(database, [rule("r", later(delay=WEEK))], channels(mail))
    await pipeline.run(happened())
    changed = replace(later(delay=WEEK), content=Says(to="somebody else"))
    pipeline.clock.advance(days=7)
    await pipeline.restarted(rules=[rule("r", changed)]).engine.drain()
    ((_, body),) = mail.sent
    assert b"somebody else" in body
    assert (START + WEEK).isoformat().encode() in body


async def test_an_event_that_arrives_late_has_waited_already(database: Database) -> None:
    """A delay counts from the event."""
    mail = channel("mail")
    pipeline = Pipeline(database, [rule("r", later(delay=timedelta(hours=1)))], channels(mail))
    await pipeline.run(happened(at=START - timedelta(hours=2)))
    assert len(mail.sent) == 1


async def test_quiet_hours_hold_what_happens_in_them(database: Database) -> None:
    """Until they end, and not a moment longer; in the day nothing is held."""
    mail = channel("mail")
    clock = FakeClock(EVENING)
    pipeline = Pipeline(database, [rule("r", later(quiet=NIGHT))], channels(mail), clock)
    await pipeline.run(happened(at=EVENING))
    (row,) = await rows(database)
    assert (row.state, row.due_at, row.why) == (State.PENDING, MORNING, "quiet hours 21:00-08:00")
    clock.advance(hours=9, minutes=59)
    await pipeline.engine.drain()
    assert mail.sent == []
    clock.advance(minutes=1)
    await pipeline.engine.drain()
    await pipeline.run(happened("e2", MORNING))
    assert mail.texts == ["module.completed e1", "module.completed e2"]


async def test_several_that_were_held_go_out_as_one_before_what_follows(database: Database) -> None:
    """What happens at the moment at which the quiet hours end is a message of its own, and comes after."""
    mail = channel("mail", hands=4)
    clock = FakeClock(EVENING)
    pipeline = Pipeline(database, [rule("r", later(quiet=NIGHT))], channels(mail), clock)
    for number in range(4):
        await pipeline.run(happened(f"e{number}", EVENING))
        clock.advance(minutes=1)
    clock.advance(hours=9, minutes=56)
    await pipeline.run(happened("e4", MORNING))
    assert mail.texts == ["module.completed e3", "module.completed e4"]


async def test_what_is_held_holds_nobody_up(database: Database) -> None:
    """A reminder for next week lets today's messages to the same learner pass."""
    mail = channel("mail")
    rules = [rule("later", later(of="later", delay=WEEK)), rule("now", action("now", "mail"))]
    pipeline = Pipeline(database, rules, channels(mail))
    await pipeline.run(happened("e1"))
    await pipeline.run(happened("e2"))
    assert mail.texts == ["module.completed e1", "module.completed e2"]
    pipeline.clock.advance(days=7)
    await pipeline.engine.drain()
    assert len(mail.sent) == 4


async def test_a_retry_that_falls_into_the_night_waits_for_the_morning(database: Database) -> None:
    """The bytes are made, the hour is wrong: no attempt is spent on it."""
    mail = channel("mail", DOWN, waits=(3600,))
    clock = FakeClock(EVENING - timedelta(hours=1, minutes=30))
    pipeline = Pipeline(database, [rule("r", later(quiet=NIGHT))], channels(mail), clock)
    await pipeline.run(happened(at=clock.now()))
    assert len(mail.sent) == 1
    clock.advance(hours=1)
    await pipeline.engine.drain()
    (row,) = await rows(database)
    assert (row.state, row.due_at, row.attempts) == (State.PENDING, MORNING, 1)
    assert row.why == "quiet hours 21:00-08:00"
    clock.advance(hours=10, minutes=30)
    await pipeline.engine.drain()
    assert [body for _, body in mail.sent] == [mail.sent[0][1]] * 2
    assert [row.state for row in await rows(database)] == [State.DELIVERED]


async def test_an_outage_that_ends_in_the_night_wakes_nobody(database: Database) -> None:
    """Due at noon, found at ten in the evening, sent in the morning."""
    mail = channel("mail")
    pipeline = Pipeline(database, [rule("r", later(quiet=NIGHT))], channels(mail))
    await pipeline.receive(happened())
    await pipeline.engine.inlet.worker.drain()
    pipeline.clock.advance(hours=10)
    await pipeline.restarted().engine.drain()
    assert mail.sent == []
    assert [row.due_at for row in await rows(database)] == [MORNING]


async def test_what_was_put_aside_before_its_time_waits_for_it_when_it_is_mended(database: Database) -> None:
    """Its channel was gone for an hour: who retries it wants it mended, not sent a week early."""
    mail = channel("mail")
    pipeline = Pipeline(database, [rule("r", later(delay=WEEK))], channels(mail))
    await pipeline.run(happened())
    await _without_channels(pipeline)
    (row,) = await rows(database)
    assert (row.state, row.due_at) == (State.PARKED, START + WEEK)
    pipeline.clock.advance(hours=1)
    again = pipeline.restarted()
    told = await again.operator.retry(row.id)
    assert (told.done, told.sentence) == (
        True,
        f"delivery {row.id} waits for its time again; another `bridge deliveries retry` sends it now",
    )
    await again.engine.drain()
    (row,) = await rows(database)
    assert mail.sent == []
    assert (row.state, row.due_at, row.why) == (State.PENDING, START + WEEK, "as before it was put aside")
    pipeline.clock.advance(days=7)
    await again.engine.drain()
    assert len(mail.sent) == 1


async def test_a_second_retry_does_not_wait(database: Database) -> None:
    """Whoever asks for one that waits means now."""
    mail = channel("mail")
    pipeline = Pipeline(database, [rule("r", later(delay=WEEK))], channels(mail))
    await pipeline.run(happened())
    await _without_channels(pipeline)
    (row,) = await rows(database)
    again = pipeline.restarted()
    await again.operator.retry(row.id)
    assert (await again.operator.retry(row.id)).sentence.endswith("is tried again now")
    await again.engine.drain()
    assert len(mail.sent) == 1


async def test_what_was_put_aside_and_has_come_due_meanwhile_is_sent_at_once(database: Database) -> None:
    """Its time is over, and nothing else is left to wait for."""
    mail = channel("mail")
    pipeline = Pipeline(database, [rule("r", later(delay=WEEK))], channels(mail))
    await pipeline.run(happened())
    await _without_channels(pipeline)
    (row,) = await rows(database)
    pipeline.clock.advance(days=8)
    again = pipeline.restarted()
    assert (await again.operator.retry(row.id)).sentence.endswith("is tried again now")
    await again.engine.drain()
    assert len(mail.sent) == 1


async def _without_channels(pipeline: Pipeline) -> None:
    """Start and stop a bridge whose configuration has the rule's channel under another name."""
    renamed = pipeline.restarted(channels=channels(channel("post")))
    await renamed.engine.start()
    await renamed.engine.stop(0.01)


async def test_quiet_hours_of_today_are_kept_and_not_those_of_then(database: Database) -> None:
    """Whoever writes them into the configuration means what is waiting too."""
    mail = channel("mail")
    pipeline = Pipeline(database, [rule("r", later(delay=timedelta(hours=10)))], channels(mail))
    await pipeline.run(happened())
    pipeline.clock.advance(hours=10)
    await pipeline.restarted(rules=[rule("r", later(quiet=NIGHT))]).engine.drain()
    assert mail.sent == []
    pipeline.clock.advance(hours=10)
    await pipeline.restarted(rules=[rule("r", later(quiet=NIGHT))]).engine.drain()
    assert len(mail.sent) == 1


async def test_what_would_be_too_late_in_the_morning_is_never_made(database: Database) -> None:
    """And leaves its claim to the next event."""
    mail = channel("mail")
    clock = FakeClock(EVENING)
    words = later(quiet=NIGHT, expires=timedelta(hours=2), once_per=("learner.email",))
    pipeline = Pipeline(database, [rule("r", words)], channels(mail), clock)
    await pipeline.run(happened(at=EVENING))
    assert await rows(database) == []
    (entry,) = await database.read(lambda c: views.list_events(c, views.EventFilter()))
    assert entry.summary is not None
    (skipped,) = entry.summary["skipped"]
    assert skipped["why"] == "its time is over before it may be sent: quiet hours 21:00-08:00"
    clock.advance(hours=10)
    await pipeline.run(happened("e2", MORNING))
    assert len(mail.sent) == 1


async def test_what_expires_in_the_night_expires_at_once(database: Database) -> None:
    """A retry in quiet hours whose time is over before they end does not wait to be told so."""
    mail = channel("mail", DOWN, waits=(3600,))
    clock = FakeClock(EVENING - timedelta(hours=1, minutes=30))
    words = later(quiet=NIGHT, expires=timedelta(hours=3))
    pipeline = Pipeline(database, [rule("r", words)], channels(mail), clock)
    await pipeline.run(happened(at=clock.now()))
    clock.advance(hours=1)
    await pipeline.engine.drain()
    (row,) = await rows(database)
    assert row.state is State.EXPIRED
    assert len(mail.sent) == 1


async def test_a_person_who_will_not_wait_need_not(database: Database) -> None:
    """A retry by hand sends what is held, at any hour."""
    mail = channel("mail")
    clock = FakeClock(EVENING)
    pipeline = Pipeline(database, [rule("r", later(quiet=NIGHT))], channels(mail), clock)
    await pipeline.run(happened(at=EVENING))
    (row,) = await rows(database)
    assert (await pipeline.operator.retry(row.id)).done
    await pipeline.engine.drain()
    assert len(mail.sent) == 1


async def test_a_held_message_can_be_given_up(database: Database) -> None:
    """Its claim is free again."""
    mail = channel("mail")
    words = later(delay=WEEK, once_per=("learner.email",))
    pipeline = Pipeline(database, [rule("r", words)], channels(mail))
    await pipeline.run(happened())
    (row,) = await rows(database)
    assert (await pipeline.operator.discard(row.id, "not wanted")).done
    await pipeline.run(happened("e2"))
    assert [row.state for row in await rows(database)] == [State.DISCARDED, State.PENDING]


async def test_two_processes_send_it_once(database: Database) -> None:
    """Whoever looks first when its time has come."""
    mail = channel("mail")
    pipeline = Pipeline(database, [rule("r", later(delay=WEEK))], channels(mail))
    other = pipeline.restarted()
    await pipeline.run(happened())
    pipeline.clock.advance(days=7)
    await other.engine.drain()
    await pipeline.engine.drain()
    assert len(mail.sent) == 1
