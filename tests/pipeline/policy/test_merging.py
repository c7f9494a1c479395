"""What quiet hours hold for one person and one rule goes out as one message, on every store."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Sequence
from datetime import UTC, datetime, time, timedelta, timezone

from msgspec.structs import replace

from bridge.core.catalogue import Catalogue, Course
from bridge.core.conditions import NOTHING
from bridge.core.outcomes import State
from bridge.core.quiet_hours import Hours, QuietHours
from bridge.core.rules import Action, Limit, Unless
from bridge.store.database import Database
from tests.pipeline.policy.test_digest import Lists, claims_of, happened, rows, said, states
from tests.support.clock import FakeClock
from tests.support.pipeline import Pipeline, action, channels, completion, rule
from tests.support.policy import DOWN, REFUSED, channel

NIGHT = QuietHours(Hours(time(21), time(8)), UTC)
EVENING = datetime(2026, 5, 4, 22, 0, tzinfo=UTC)
MORNING = datetime(2026, 5, 5, 8, 0, tzinfo=UTC)
HOUR = timedelta(hours=1)
JOANA = {"name": "Joana", "email": "joana@aluna.example"}


def held(
    of: str = "r",
    *,
    quiet: QuietHours | None = NIGHT,
    delay: timedelta | None = None,
    expires: timedelta | None = None,
    once_per: Sequence[str] = (),
    unless: Unless | None = None,
    limit: Limit | None = None,
    otherwise: tuple[Action, ...] = (),
) -> Action:
    made = replace(action(of, "mail", once_per=once_per, expires=expires), content=Lists())
    return replace(made, quiet_hours=quiet, delay=delay, unless=unless, limit=limit, otherwise=otherwise)


async def to_morning(pipeline: Pipeline, at: datetime = MORNING) -> None:
    pipeline.clock.advance(seconds=(at - pipeline.clock.now()).total_seconds())
    await pipeline.engine.drain()


async def test_several_held_for_one_person_become_one_message(database: Database) -> None:
    """When the quiet hours end, about all of them in their order; of each it says where it went."""
    mail = channel("mail", hands=4)
    pipeline = Pipeline(database, [rule("r", held())], channels(mail), FakeClock(EVENING))
    await pipeline.run(happened("e1", EVENING), happened("e2", EVENING + HOUR))
    await pipeline.run(happened("e3", EVENING, learner=JOANA))
    await to_morning(pipeline)
    assert sorted(said(mail.sent)) == ["e1 e2", "e3"]
    assert await states(database) == [State.DELIVERED, State.MERGED, State.DELIVERED]
    found = await rows(database)
    assert found[1].why == f"part of delivery {found[0].id}"


async def test_only_messages_of_the_same_rule_and_action_are_merged(database: Database) -> None:
    """Another rule says something else."""
    mail = channel("mail")
    rules = [rule("a", held("a")), rule("b", held("b"), replace(held("b"), name="test:mail#more"))]
    pipeline = Pipeline(database, rules, channels(mail), FakeClock(EVENING))
    await pipeline.run(happened("e1", EVENING), happened("e2", EVENING))
    await to_morning(pipeline)
    assert said(mail.sent) == ["e1 e2"] * 3


async def test_without_a_person_nothing_is_merged(database: Database) -> None:
    """Nobody can say that two messages are for the same one."""
    mail = channel("mail")
    pipeline = Pipeline(database, [rule("r", held())], channels(mail), FakeClock(EVENING))
    await pipeline.run(happened("e1", EVENING, learner=None), happened("e2", EVENING, learner=None))
    await to_morning(pipeline)
    assert said(mail.sent) == ["e1", "e2"]


async def test_two_nights_are_two_messages(database: Database) -> None:
    """What is held together ends together."""
    mail = channel("mail")
    pipeline = Pipeline(database, [rule("r", held())], channels(mail), FakeClock(EVENING))
    for number in range(2):
        await pipeline.run(happened(f"e{number}", pipeline.clock.now()))
        pipeline.clock.advance(hours=10)
        await pipeline.restarted().engine.drain()
        pipeline.clock.advance(hours=14)
    assert said(mail.sent) == ["e0", "e1"]


async def test_a_delay_that_ends_in_the_night_is_merged_with_what_is_held(database: Database) -> None:
    """And one that ends in the day is not, though both are due at the same moment."""
    mail = channel("mail")
    words = held(delay=timedelta(days=1))
    pipeline = Pipeline(database, [rule("r", words)], channels(mail), FakeClock(EVENING))
    for event_id, back in (("e1", 0), ("e2", 2)):
        await pipeline.run(happened(event_id, EVENING - back * HOUR / 2))
    await to_morning(pipeline, MORNING + timedelta(days=1))
    assert said(mail.sent) == ["e2 e1"]
    free = replace(words, quiet_hours=None)
    free_pipeline = pipeline.restarted(rules=[rule("free", replace(free, rule="free"))])
    await free_pipeline.run(happened("e3", pipeline.clock.now()), happened("e4", pipeline.clock.now()))
    free_pipeline.clock.advance(days=1)
    await free_pipeline.engine.drain()
    assert said(mail.sent)[1:] == ["e3", "e4"]


async def test_what_is_found_in_the_night_only_when_it_is_sent_is_merged_too(database: Database) -> None:
    """An outage that ends in the night: due at noon, sent in the morning, as one."""
    mail = channel("mail")
    pipeline = Pipeline(database, [rule("r", held())], channels(mail))
    await pipeline.receive(happened("e1"), happened("e2"))
    await pipeline.engine.inlet.worker.drain()
    pipeline.clock.advance(hours=10)
    await pipeline.restarted().run(happened("e3", EVENING))
    assert mail.sent == []
    await to_morning(pipeline)
    assert said(mail.sent) == ["e1 e2 e3"]


async def test_what_was_tried_before_the_night_stays_by_itself(database: Database) -> None:
    """Its bytes may have arrived: they are sent again as they were."""
    mail = channel("mail", DOWN, waits=(3600,))
    before = EVENING - 1.5 * HOUR
    pipeline = Pipeline(database, [rule("r", held())], channels(mail), FakeClock(before))
    await pipeline.run(happened("e1", before))
    pipeline.clock.advance(hours=1)
    await pipeline.run(happened("e2", pipeline.clock.now()), happened("e3", pipeline.clock.now()))
    await to_morning(pipeline)
    assert said(mail.sent) == ["e1", "e1", "e2 e3"]


async def test_duplicates_and_replays_add_nothing(database: Database) -> None:
    """The same event is in the message once."""
    mail = channel("mail")
    pipeline = Pipeline(database, [rule("r", held())], channels(mail), FakeClock(EVENING))
    await pipeline.run(happened("e1", EVENING), happened("e2", EVENING + HOUR), happened("e1", EVENING))
    assert (await pipeline.operator.replay(2)).done
    await pipeline.engine.drain()
    await to_morning(pipeline)
    assert said(mail.sent) == ["e1 e2"]


async def test_each_keeps_its_own_end_and_its_own_unless(database: Database) -> None:
    """What is over in the morning, or withdrawn in the night, is left out."""
    mail = channel("mail")
    unless = Unless(("lesson.completed",), NOTHING, ("learner.email", "module.id"))
    words = held(expires=11 * HOUR, unless=unless, delay=timedelta(minutes=1))
    pipeline = Pipeline(database, [rule("r", words)], channels(mail), FakeClock(EVENING))
    for number in range(3):
        module = {"id": str(number), "title": "M"}
        await pipeline.run(happened(f"e{number}", EVENING + number * HOUR, module=module))
    moved = happened("e9", EVENING + 3 * HOUR, module={"id": "1", "title": "M"})
    await pipeline.run({**moved, "event": "nutror.lesson_watched"})
    await to_morning(pipeline, MORNING + HOUR)
    assert said(mail.sent) == ["e2"]
    assert sorted(await states(database)) == [State.DELIVERED, State.DISCARDED, State.EXPIRED]


async def test_their_claims_share_the_end_of_the_message(database: Database) -> None:
    """Confirmed together, or released together."""
    for outcome, ended in ((None, "confirmed"), (REFUSED, "released")):
        mail = channel("mail", *([outcome] if outcome else []))
        of = f"rule-{ended}"
        words = held(of, once_per=["learner.email", "id"])
        pipeline = Pipeline(database, [rule(of, words)], channels(mail), FakeClock(EVENING))
        await pipeline.run(happened(f"{of}-1", EVENING), happened(f"{of}-2", EVENING))
        mine = [row for row in await rows(database) if row.rule == of]
        assert await claims_of(database, mine) == ["reserved"] * 2
        await to_morning(pipeline)
        assert await claims_of(database, mine) == [ended] * 2


async def test_what_is_sent_instead_is_about_the_same(database: Database) -> None:
    """In its own channel, at once."""
    mail, chat = channel("mail", REFUSED), channel("chat")
    instead = replace(action("r", "chat"), name="test:chat (else of test:mail)", content=Lists())
    pipeline = Pipeline(
        database, [rule("r", held(otherwise=(instead,)))], channels(mail, chat), FakeClock(EVENING)
    )
    await pipeline.run(happened("e1", EVENING), happened("e2", EVENING))
    await to_morning(pipeline)
    assert said(mail.sent) == said(chat.sent) == ["e1 e2"]


async def test_a_person_who_will_not_wait_sends_what_is_held(database: Database) -> None:
    """What comes later in the night goes out in the morning."""
    mail = channel("mail")
    pipeline = Pipeline(database, [rule("r", held())], channels(mail), FakeClock(EVENING))
    await pipeline.run(happened("e1", EVENING), happened("e2", EVENING))
    assert (await pipeline.operator.retry((await rows(database))[0].id)).done
    await pipeline.engine.drain()
    await pipeline.run(happened("e3", EVENING), happened("e4", EVENING))
    assert said(mail.sent) == ["e1 e2"]
    await to_morning(pipeline)
    assert said(mail.sent) == ["e1 e2", "e3 e4"]


async def test_two_nodes_send_one_message(database: Database) -> None:
    """Both look at the moment at which the quiet hours end."""
    mail = channel("mail", hands=4)
    pipeline = Pipeline(database, [rule("r", held())], channels(mail), FakeClock(EVENING))
    nodes = [pipeline, pipeline.restarted(name="node-2")]
    for number in range(12):
        learner = {"name": "L", "email": f"l{number % 3}@aluna.example"}
        await nodes[number % 2].run(happened(f"e{number}", EVENING + number * HOUR / 60, learner=learner))
    pipeline.clock.advance(hours=10)
    await asyncio.gather(*(node.engine.drain() for node in nodes))
    await pipeline.engine.drain()
    assert sorted(said(mail.sent)) == sorted(
        " ".join(f"e{number}" for number in range(first, 12, 3)) for first in range(3)
    )


async def test_a_restart_and_a_crash_change_nothing(database: Database) -> None:
    """Ended after it was put together, before it was sent."""
    mail = channel("mail")

    class Ended(BaseException):
        """The process ends."""

    def ends(point: object) -> None:
        if str(point) == "gathered":
            raise Ended

    pipeline = Pipeline(database, [rule("r", held())], channels(mail), FakeClock(EVENING))
    await pipeline.run(happened("e1", EVENING))
    await pipeline.restarted().run(happened("e2", EVENING))
    pipeline.clock.advance(hours=10)
    await pipeline.restarted(of_node={"reached": ends}).engine.drain()
    assert mail.sent == []
    pipeline.clock.advance(hours=1)
    await pipeline.restarted().engine.drain()
    assert said(mail.sent) == ["e1 e2"]


async def test_the_night_of_a_course_is_that_of_its_zone(database: Database) -> None:
    """Its learners live elsewhere; asked again before it is sent."""
    mail = channel("mail")
    course = Course("python", "c" * 40, None, ("1",), zone=timezone(9 * HOUR))
    clock = FakeClock(datetime(2026, 5, 4, 22, 30, tzinfo=UTC))  # 07:30 there, night here
    pipeline = Pipeline(
        database,
        [rule("r", held())],
        channels(mail),
        clock,
        of_node={"catalogue": Catalogue({course.id: course})},
    )
    await pipeline.run(happened("e1", clock.now()), happened("e2", clock.now()))
    await pipeline.run(happened("e3", clock.now(), course={"hash": "d" * 40, "title": "Outro"}))
    assert mail.sent == []
    clock.advance(minutes=30)
    await pipeline.engine.drain()
    assert said(mail.sent) == ["e1 e2"]
    await to_morning(pipeline)
    assert said(mail.sent) == ["e1 e2", "e3"]


async def test_a_limit_counts_each_of_them(database: Database) -> None:
    """As if each were a message of its own."""
    mail = channel("mail")
    words = held(limit=Limit(2, timedelta(days=1), ("learner.email",)))
    pipeline = Pipeline(database, [rule("r", words)], channels(mail), FakeClock(EVENING))
    await pipeline.run(*(happened(f"e{number}", EVENING + number * HOUR) for number in range(3)))
    await to_morning(pipeline)
    assert said(mail.sent) == ["e0 e1"]


async def test_what_arrives_after_it_was_put_together_goes_out_by_itself(database: Database) -> None:
    """A node whose clock is ahead has sent it already."""
    mail = channel("mail")
    pipeline = Pipeline(database, [rule("r", held())], channels(mail), FakeClock(EVENING))
    await pipeline.run(happened("e1", EVENING))
    await pipeline.restarted(clock=FakeClock(MORNING)).engine.drain()
    await pipeline.run(completion("e2", createdAt="2026-05-04T22:30:00Z"))
    await to_morning(pipeline)
    assert said(mail.sent) == ["e1", "e2"]
    assert json.loads(mail.sent[1][1])["count"] == 1
