"""What an explanation says of messages that are held, withdrawn, limited or only shown."""

from __future__ import annotations

from datetime import timedelta
from zoneinfo import ZoneInfo

from msgspec.structs import replace

from bridge.core.conditions import NOTHING
from bridge.core.explanations import fate_plain
from bridge.core.fates import Fate, Later, Led, Left
from bridge.core.outcomes import State
from bridge.core.rules import After, Limit, Unless
from bridge.core.telling import fate_words
from bridge.pipeline.explaining import Explanation
from bridge.store import details
from bridge.store.database import Database
from bridge.store.details import EventDetails
from tests.support.clock import START
from tests.support.pipeline import Pipeline, ScriptedChannel, action, channels, completion, rule

WEEK = timedelta(days=7)
SAO_PAULO = ZoneInfo("America/Sao_Paulo")
UNLESS = Unless(("lesson.completed",), NOTHING, ("learner.email",))
LESSON = "nutror.lesson_watched"


def made(database: Database, **words: object) -> Pipeline:
    words_of = replace(action("r", "wins"), **words)
    return Pipeline(database, [rule("r", words_of)], channels(ScriptedChannel("wins")), hide=str)


def happened(event_id: str, hours: int = 0, kind: str = "nutror.module_completed") -> dict[str, object]:
    at = (START + timedelta(hours=hours)).isoformat().replace("+00:00", "Z")
    return {**completion(event_id, createdAt=at), "event": kind}


async def fate(pipeline: Pipeline, seq: int = 1, *, now: bool = False) -> Fate | None:
    found = await pipeline.database.read(lambda c: details.show_event(c, seq))
    assert isinstance(found, EventDetails)
    told = await pipeline.explainer.explain(found, now=now)
    assert isinstance(told, Explanation)
    return told.events[0].fates.get(("r", "test:wins"))


async def test_a_held_delivery_says_until_when_and_why(database: Database) -> None:
    """By the rules of then it is there and waits; by those of now it would be sent at that time."""
    pipeline = made(database, delay=WEEK)
    await pipeline.run(happened("e1"))
    then = await fate(pipeline)
    assert isinstance(then, Led)
    assert (then.state, then.until) == (State.PENDING, Later(START + WEEK, "delay of 7 days"))
    assert fate_words(then, SAO_PAULO, 4).endswith(", pending until 11 May 2026 at 09:00 (delay of 7 days)")
    assert fate_plain(then)["until"] == START + WEEK
    later = await fate(pipeline, now=True)
    assert later == Later(START + WEEK, "delay of 7 days")
    assert fate_plain(later) == {"kind": "later", "at": START + WEEK, "why": "delay of 7 days"}
    pipeline.clock.advance(days=7)
    await pipeline.engine.drain()
    sent = await fate(pipeline)
    assert isinstance(sent, Led)
    assert sent.until is None


async def test_what_would_be_too_late_is_left_out(database: Database) -> None:
    """With the words that clash."""
    pipeline = made(database, delay=WEEK, expires=timedelta(days=1))
    await pipeline.run(happened("e1"))
    why = "its time is over before it may be sent: delay of 7 days"
    assert await fate(pipeline) == Left(why)
    assert await fate(pipeline, now=True) == Left(why)


async def test_what_was_overtaken_is_left_out(database: Database) -> None:
    """It names the event that withdraws it."""
    pipeline = made(database, delay=WEEK, unless=UNLESS)
    await pipeline.run(happened("e1", 0, LESSON), happened("e2", -2))
    why = "unless: lesson.completed happened meanwhile, event 1"
    assert await fate(pipeline, 2) == Left(why)
    assert await fate(pipeline, 2, now=True) == Left(why)


async def test_a_limit_that_is_reached_is_told(database: Database) -> None:
    """By the rules of now it is asked for a further message."""
    pipeline = made(database, limit=Limit(1, timedelta(days=1), ("learner.email",)))
    await pipeline.run(happened("e1"), happened("e2"))
    assert await fate(pipeline, 2) == Left("limit: at most 1 in 1 day")
    assert await fate(pipeline, 2, now=True) == Left("limit: at most 1 in 1 day")


async def test_a_rule_that_is_paused_says_so(database: Database) -> None:
    """What comes now would be kept, whatever else it would wait for."""
    pipeline = made(database, delay=WEEK)
    await pipeline.run(happened("e1"))
    await pipeline.operator.pause_rule("r", "by hand")
    why = "it would be kept, its rule is paused; `bridge rules resume` sends what is kept"
    assert await fate(pipeline, now=True) == Left(why)
    led = await fate(pipeline)
    assert isinstance(led, Led)
    assert led.state is State.KEPT


async def test_a_rule_that_only_shows_says_so(database: Database) -> None:
    """Nothing would be sent."""
    pipeline = made(database, shadow=True)
    await pipeline.run(happened("e1"))
    led = await fate(pipeline)
    assert isinstance(led, Led)
    assert led.state is State.WITHHELD
    assert await fate(pipeline, now=True) == Left("shadow: its rule only shows what it would send")


async def test_a_count_says_how_far_it_is(database: Database) -> None:
    """As it was decided then, and as it would be now; of what fired, that it would again."""
    counting = replace(rule("r", action("r", "wins")), after=After(2, by=("learner.email",)))
    pipeline = Pipeline(database, [counting], channels(ScriptedChannel("wins")), hide=str)
    await pipeline.run(happened("e1"), happened("e2"), happened("e3"))
    reached = "after: 2 were counted by another event"
    assert await fate(pipeline) == Left("after: 1 of 2")
    assert await fate(pipeline, now=True) == Left(reached)
    assert isinstance(await fate(pipeline, 2), Led)
    assert await fate(pipeline, 2, now=True) is None
    assert await fate(pipeline, 3) == Left(reached)
    assert await fate(pipeline, 3, now=True) == Left(reached)
