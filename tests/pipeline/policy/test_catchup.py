"""A rule over stored events: what it would have sent, once, at a pace, whatever stops it."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from datetime import UTC, time, timedelta

import pytest
from msgspec.structs import replace

from bridge.core.catchups import reason_of
from bridge.core.conditions import NOTHING
from bridge.core.digests import Digest
from bridge.core.outcomes import State
from bridge.core.rates import Rate
from bridge.core.rules import Limit, Rule, Unless
from bridge.pipeline import foresight
from bridge.pipeline.catchup import CatchupTaken, Runner
from bridge.pipeline.foresight import Foreseen, Foresight
from bridge.store import catchups, details, views
from bridge.store.catchups import Catchup, Span
from bridge.store.database import Connection, Database
from bridge.store.details import DeliveryDetails
from bridge.store.schema import METADATA, tables_of
from bridge.store.views import DeliveryFilter, DeliveryRow
from tests.support.clock import START
from tests.support.pipeline import Compiled, Pipeline, action, channels, completion, rule
from tests.support.policy import channel, of_learners

FAST = Rate(1000, timedelta(seconds=1))
SLOW = Rate(1, timedelta(minutes=1))
HOUR, DAY, WEEK = timedelta(hours=1), timedelta(days=1), timedelta(days=7)
LESSON = "nutror.lesson_watched"
LEARNER = ("learner.email",)


def late(*once_per: str, name: str = "late", **changes: object) -> Rule:
    """Return a rule that did not exist when the events came."""
    made = replace(action(name, "mail", once_per=once_per), **changes)
    return rule(name, made)


def old(
    event_id: str, ago: timedelta, email: str = "maria@aluna.example", kind: str = ""
) -> dict[str, object]:
    at = (START - ago).isoformat().replace("+00:00", "Z")
    made = completion(event_id, createdAt=at, learner={"name": "Maria", "email": email})
    return {**made, "event": kind} if kind else made


async def stored(database: Database, *events: Mapping[str, object] | bytes) -> Pipeline:
    """Return a pipeline that has received events when there was no rule for them."""
    pipeline = Pipeline(database, [], channels(channel("mail", hands=4)))
    await pipeline.run(*events)
    return pipeline


async def span(pipeline: Pipeline, since: timedelta = WEEK, until: timedelta = -HOUR) -> Span:
    last = await pipeline.database.read(catchups.last_entry)
    now = pipeline.clock.now()
    return Span(since=now - since, until=now - until, last_seq=last)


async def begun(pipeline: Pipeline, new: Rule, rate: Rate = FAST, *, over: Span | None = None) -> int:
    over = over or await span(pipeline)
    now = pipeline.clock.now()
    return await pipeline.database.write(lambda c: catchups.begin(c, new.name, over, str(rate), now=now))


def runner(pipeline: Pipeline, new: Rule, rate: Rate = FAST) -> Runner:
    return Runner(pipeline.node, {"eduzz": pipeline.source}, new, pipeline.channels, rate)


async def caught_up(pipeline: Pipeline, new: Rule, *, over: Span | None = None) -> Catchup:
    """Take a rule over what is stored, then restart the bridge with it and send."""
    seq = await begun(pipeline, new, over=over)
    assert await runner(pipeline, new).run(seq) == "done"
    await pipeline.restarted(rules=[*pipeline.rules, new]).engine.drain()
    return await found(pipeline.database, seq)


async def foreseen(pipeline: Pipeline, new: Rule) -> Foreseen:
    over = await span(pipeline)
    return await Foresight(pipeline.node, {"eduzz": pipeline.source}, new).foresee(over)


async def found(database: Database, seq: int) -> Catchup:
    row = await database.read(lambda c: catchups.find(c, seq))
    assert row is not None
    return row


async def rows(database: Database) -> list[DeliveryRow]:
    listed = await database.read(lambda c: views.list_deliveries(c, DeliveryFilter(limit=500)))
    return sorted(listed, key=lambda row: row.seq)


def counted(counts: Mapping[str, int], *names: str) -> list[int]:
    return [counts.get(name, 0) for name in names]


async def everything(database: Database) -> dict[str, int]:
    def count(connection: Connection) -> dict[str, int]:
        return {
            table.name: len(connection.execute(table.select()).all())
            for table in tables_of(connection.dialect.name)
        }

    return await database.read(count)


async def test_a_new_rule_sends_what_it_would_have_sent(database: Database) -> None:
    """Each message once, under the id that it would have had, through the running bridge."""
    pipeline = await stored(database, *of_learners(5))
    done = await caught_up(pipeline, late())
    assert counted(done.counts, "events", "matched", "messages") == [5, 5, 5]
    assert (done.state, done.word(pipeline.clock.now())) == ("done", "done")
    assert pipeline.channels["mail"].texts == [f"module.completed e{number}" for number in range(5)]
    ids = {row.id for row in await rows(database)}
    other = Pipeline(database, [late()], channels(channel("mail")), clock=pipeline.clock)
    await other.operator.replay(1)
    await database.write(lambda c: c.execute(METADATA.tables["inbox"].update().values(run=1)))
    await other.engine.drain()
    assert {row.id for row in await rows(database)} == ids


async def test_what_the_rule_has_handled_is_not_sent_again(database: Database) -> None:
    """With `once_per` or without, sent or given up, in this run or another, under this name or the last."""
    first = Pipeline(database, [late(name="early")], channels(channel("mail")))
    await first.run(*of_learners(4))
    await first.operator.replay(1)
    await first.engine.drain()
    sent = len(first.channels["mail"].sent)
    renamed = late(name="early", rule_was=("other",))
    (made,) = renamed.actions
    again = replace(rule("now", replace(made, rule="now", rule_was=("early",))), was=("early",))
    for each in (late(name="early"), again):
        done = await caught_up(first, each)
        assert counted(done.counts, "matched", "messages", "handled") == [4, 0, 4]
    assert len(first.channels["mail"].sent) == sent == 5


async def test_once_is_once(database: Database) -> None:
    """Among the stored events, and with what was sent before."""
    pipeline = await stored(database, *of_learners(3), *of_learners(3), completion("x"), completion("y"))
    new = late(*LEARNER)
    running = pipeline.restarted(rules=[new])
    await running.run(completion("z"))
    before = await foreseen(pipeline, new)
    assert (before.messages, before.people, counted(before.counts, "claimed", "handled")) == (3, 3, [2, 1])
    done = await caught_up(pipeline, new)
    assert counted(done.counts, "messages", "claimed", "handled") == [3, 2, 1]
    assert len(pipeline.channels["mail"].sent) == 4


async def test_words_over_time_hold(database: Database) -> None:
    """What is too old is left out, an old delay is over, one of now is kept."""
    pipeline = await stored(database, old("e1", 3 * DAY, "a@aluna.example"), old("e2", HOUR))
    expiring = await caught_up(pipeline, late(name="expiring", expires=DAY))
    assert counted(expiring.counts, "messages", "expired") == [1, 1]
    before = await foreseen(pipeline, late(name="later", delay=2 * DAY))
    assert (before.messages, before.later) == (2, 1)
    await caught_up(pipeline, late(name="later", delay=2 * DAY))
    held = [row for row in await rows(database) if row.rule == "later"]
    assert [row.state for row in held] == [State.DELIVERED, State.PENDING]
    assert held[1].due_at == START + 2 * DAY - HOUR


async def test_what_has_happened_since_withdraws_it(database: Database) -> None:
    """Though the rule did not watch then, and also of after the span."""
    maria, rui, ana = (f"{name}@aluna.example" for name in ("maria", "rui", "ana"))
    pipeline = await stored(
        database,
        old("e1", 3 * DAY, maria),
        old("e2", 3 * DAY, rui),
        old("e3", 3 * DAY, ana),
        old("e4", 2 * DAY, maria, LESSON),
        old("e5", 4 * DAY, rui, LESSON),
    )
    pipeline.clock.advance(days=1)
    await pipeline.run({**old("e6", -DAY / 2, ana, LESSON)})
    new = late(delay=DAY, unless=Unless(("lesson.completed",), NOTHING, LEARNER))
    over = await span(pipeline, until=DAY - HOUR)
    before = await Foresight(pipeline.node, {"eduzz": pipeline.source}, new).foresee(over)
    assert counted(before.counts, "events", "messages", "withdrawn") == [5, 1, 2]
    done = await caught_up(pipeline, new, over=over)
    assert counted(done.counts, "events", "messages", "withdrawn") == [5, 1, 2]
    assert [row.learner for row in await rows(database)] == [rui]


async def test_a_limit_holds(database: Database) -> None:
    """What is sent together counts together."""
    pipeline = await stored(database, completion("e1"), completion("e2"), *of_learners(2, first=5))
    new = late(limit=Limit(1, DAY, LEARNER))
    assert counted((await foreseen(pipeline, new)).counts, "messages", "limited") == [3, 1]
    assert counted((await caught_up(pipeline, new)).counts, "messages", "limited") == [3, 1]


async def test_a_limit_counts_each_message_from_when_it_is_due(database: Database) -> None:
    """So what a delay spreads over days is not too much, and what was sent before counts with it."""
    days = [old(f"e{number}", number * DAY) for number in (4, 3, 2, 1)]
    new = late(limit=Limit(1, DAY, LEARNER), delay=5 * DAY)
    pipeline = await stored(database, *days)
    assert counted((await foreseen(pipeline, new)).counts, "messages", "limited") == [4, 0]
    assert counted((await caught_up(pipeline, new)).counts, "messages", "limited") == [4, 0]


async def test_a_limit_counts_what_was_sent_before_with_what_would_be_sent(database: Database) -> None:
    """Foreseen is what is done."""
    new = late(limit=Limit(3, DAY))
    first = Pipeline(database, [new], channels(channel("mail", hands=4)))
    await first.run(*of_learners(2))
    pipeline = await stored(database, *of_learners(3, first=5))
    assert counted((await foreseen(pipeline, new)).counts, "messages", "limited") == [1, 2]
    assert counted((await caught_up(pipeline, new)).counts, "messages", "limited") == [1, 2]


async def test_a_shadow_rule_shows_what_it_collects_as_one_message(database: Database) -> None:
    """At the time of its digest, as it would have been sent."""
    pipeline = await stored(database, *of_learners(3))
    new = late(shadow=True, digest=Digest(time(18), UTC))
    await caught_up(pipeline, new)
    pipeline.clock.advance(hours=7)
    await pipeline.restarted(rules=[new]).engine.drain()
    assert [row.state for row in await rows(database)] == [State.WITHHELD, State.MERGED, State.MERGED]
    assert pipeline.channels["mail"].sent == []


async def test_a_shadow_rule_shows_its_messages(database: Database) -> None:
    """Composed, and never sent."""
    pipeline = await stored(database, completion("e1"))
    await caught_up(pipeline, late(shadow=True))
    (row,) = await rows(database)
    assert row.state is State.WITHHELD
    shown = await database.read(lambda c: details.show_delivery(c, row.id))
    assert isinstance(shown, DeliveryDetails)
    assert shown.payload is not None
    assert pipeline.channels["mail"].sent == []


async def test_the_platforms_test_events_are_left_out(database: Database) -> None:
    """Also where they would be delivered: they are about sample people."""
    sample = {"name": "Ciclano da Silva", "email": "learner@eduzz.com"}
    course = {"hash": "4bba1d18c02755a13ee97521ae61958c3cf9e665", "title": "Curso"}
    producer = {"name": "Fulano", "email": "fulano@eduzz.com"}
    test = completion(
        "e1", learner=sample, course=course, producer=producer, createdAt="2023-05-04T11:59:58Z"
    )
    pipeline = await stored(database, test, completion("e2"))
    done = await caught_up(pipeline, late())
    assert counted(done.counts, "events", "matched", "messages") == [2, 1, 1]


async def test_why_messages_are_left_out_is_counted(database: Database) -> None:
    """What an event lacks, and what does not match, too."""
    pipeline = await stored(database, completion("e1"), old("e2", HOUR, kind=LESSON), b"[]")
    assert counted((await caught_up(pipeline, late("note.id"))).counts, "matched", "lacking") == [1, 1]
    never = late(name="never", condition=Compiled("false"))
    assert counted((await caught_up(pipeline, never)).counts, "matched", "messages") == [1, 0]
    assert reason_of("something else") == "other"
    assert reason_of("its time is over before it may be sent: delay of 7 days") == "expired"


async def test_only_the_span_is_looked_at(database: Database) -> None:
    """By when events were received."""
    pipeline = await stored(database, completion("e1"))
    pipeline.clock.advance(days=2)
    await pipeline.run(completion("e2", module={"id": "1"}))
    pipeline.clock.advance(days=2)
    await pipeline.run(completion("e3", module={"id": "2"}))
    done = await caught_up(pipeline, late(), over=await span(pipeline, 3 * DAY, DAY))
    assert counted(done.counts, "events", "messages") == [1, 1]
    assert pipeline.channels["mail"].texts == ["module.completed e2"]


async def test_foresight_writes_nothing_and_comes_true(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Page by page, with samples; where there are too many to tell apart, it says so."""
    monkeypatch.setattr(catchups, "PAGE", 3)
    pipeline = await stored(database, *of_learners(10), completion("x"), completion("y"))
    new, was = late(*LEARNER), await everything(database)
    before = await foreseen(pipeline, new)
    assert await everything(database) == was
    assert (before.messages, before.people, before.at_most) == (11, 11, False)
    assert [each.event.id for each in before.samples] == ["e0", "e1", "e2"]
    assert dict(before.counts) == {k: v for k, v in (await caught_up(pipeline, new)).counts.items() if v}
    monkeypatch.setattr(foresight, "REMEMBERED", 5)
    many = await foreseen(pipeline, late("id", name="another"))
    assert (many.messages, many.people, many.at_most) == (12, 5, True)


async def advanced(pipeline: Pipeline, task: asyncio.Task[object], seconds: Iterable[float]) -> None:
    """Let time pass whenever the task sleeps."""
    for step in seconds:
        for _ in range(10_000):
            if task.done() or pipeline.clock.sleeping:
                break
            await asyncio.sleep(0.001)
        pipeline.clock.advance(seconds=step)


async def test_it_keeps_to_its_pace(database: Database) -> None:
    """What leads to no message takes no time."""
    pipeline = await stored(database, *of_learners(4), completion("x"), completion("y"))
    new, made = late(*LEARNER), []
    seq = await begun(pipeline, new, SLOW)
    task = asyncio.create_task(runner(pipeline, new, SLOW).run(seq))
    await advanced(pipeline, task, [15] * 20)
    assert await task == "done"
    made = [row.created_at for row in await rows(database)]
    assert [at - made[0] for at in made] == [number * timedelta(minutes=1) for number in range(5)]


async def test_a_stop_loses_and_repeats_nothing(database: Database) -> None:
    """By Ctrl-C, or from another terminal; it goes on where it was."""
    pipeline = await stored(database, *of_learners(5))
    new = late()
    seq = await begun(pipeline, new, SLOW)
    task = asyncio.create_task(runner(pipeline, new, SLOW).run(seq))
    await advanced(pipeline, task, [15] * 6)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    job = await found(database, seq)
    assert (job.state, job.counts["messages"]) == ("stopped", 2)
    again = asyncio.create_task(runner(pipeline, new, SLOW).run(seq))
    await advanced(pipeline, again, [15] * 2)
    with pytest.raises(CatchupTaken):
        await runner(pipeline.restarted(), new).run(seq)
    assert await database.write(lambda c: catchups.stop(c, seq, now=pipeline.clock.now()))
    await advanced(pipeline, again, [15] * 6)
    assert await again == "stopped"
    assert await runner(pipeline, new).run(seq) == "done"
    with pytest.raises(CatchupTaken):
        await runner(pipeline, new).run(seq)
    await pipeline.restarted(rules=[new]).engine.drain()
    assert Counter(pipeline.channels["mail"].texts) == {f"module.completed e{n}": 1 for n in range(5)}


class Crash(BaseException):
    """The process ends here."""


async def test_what_is_interrupted_is_gone_on_with(database: Database) -> None:
    """When the lease of the process that is gone has run out."""
    pipeline = await stored(database, *of_learners(5))
    new = late()
    seq = await begun(pipeline, new)
    now = pipeline.clock.now()
    await database.write(lambda c: catchups.take(c, seq, "gone/catchup", now=now, until=now + HOUR))
    with pytest.raises(CatchupTaken):
        await runner(pipeline, new).run(seq)
    assert (await found(database, seq)).word(now) == "running"
    pipeline.clock.advance(hours=2)
    assert (await found(database, seq)).word(pipeline.clock.now()) == "interrupted"
    assert await runner(pipeline, new).run(seq) == "done"


@pytest.mark.parametrize("nth", [1, 2, 4])
async def test_an_error_leaves_it_to_be_gone_on_with(database: Database, nth: int) -> None:
    """Whatever it is: each step is one transaction."""
    pipeline = await stored(database, *of_learners(5))
    new, steps = late(), iter(range(1, 100))
    seq = await begun(pipeline, new, SLOW)

    def progress(_: Catchup) -> None:
        if next(steps) == nth:
            raise Crash

    task = asyncio.create_task(runner(pipeline, new, SLOW).run(seq, progress))
    await advanced(pipeline, task, [15] * 30)
    with pytest.raises(Crash):
        await task
    assert await runner(pipeline, new).run(seq) == "done"
    assert (await found(database, seq)).counts["messages"] == 5
    assert len(await rows(database)) == 5


async def test_two_at_once_send_once(database: Database, store_url: str) -> None:
    """Two catch-ups of one rule on two nodes, while the bridge runs and an event is replayed."""
    pipeline = await stored(database, *of_learners(30))
    new = late()
    other = await Database.open(store_url)
    try:
        second = pipeline.restarted(database=other, rules=[new])
        seqs = [await begun(pipeline, new), await begun(pipeline, new)]
        await asyncio.gather(
            runner(pipeline, new).run(seqs[0]),
            runner(second, new).run(seqs[1]),
            second.engine.drain(),
            second.operator.replay(7),
        )
        pipeline.clock.advance(minutes=10)
        await second.engine.drain()
    finally:
        await other.close()
    made = [row for row in await rows(database) if row.state is State.DELIVERED and row.inbox_seq != 7]
    assert len(made) == 29
    assert max(Counter(id_ for id_, _ in pipeline.channels["mail"].sent).values()) == 1


async def test_what_is_replayed_meanwhile_is_left_to_the_bridge(database: Database) -> None:
    """It goes through all rules as it is: both would send it otherwise."""
    pipeline = await stored(database, completion("e1"))
    new = late()
    seq, replayed = await begun(pipeline, new), False
    read = pipeline.database.read

    class Replaying:
        """A store in which the event is replayed just after it was read for the last time."""

        secret = pipeline.database.secret
        write = pipeline.database.write

        @staticmethod
        async def read(query: Callable[[Connection], object]) -> object:
            nonlocal replayed
            result = await read(query)
            if isinstance(result, list) and result and type(result[0]).__name__ == "Judged" and not replayed:
                replayed = True
                await pipeline.operator.replay(1)
            return result

    node = replace(pipeline.node, database=Replaying())
    made = Runner(node, {"eduzz": pipeline.source}, new, pipeline.channels, FAST)
    assert await made.run(seq) == "done"
    assert counted((await found(database, seq)).counts, "messages", "busy") == [0, 1]
    await pipeline.restarted(rules=[new]).engine.drain()
    assert len(pipeline.channels["mail"].sent) == 1
