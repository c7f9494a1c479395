"""Rules that suddenly want to send more than usual: paused, their deliveries kept, a person asked."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from datetime import UTC, datetime, time, timedelta
from typing import Any

import pytest
from msgspec.structs import replace

from bridge.core.conditions import NOTHING
from bridge.core.digests import Digest
from bridge.core.events import Facts
from bridge.core.halts import GIVEN_UP, KEPT, Halt
from bridge.core.outcomes import State
from bridge.core.quiet_hours import Hours, QuietHours
from bridge.core.rates import Rate
from bridge.core.rules import After, Limit, Rule, Unless, else_name
from bridge.core.trouble import Trouble
from bridge.pipeline import deciding
from bridge.pipeline.halts import Patrol
from bridge.pipeline.node import Point
from bridge.store import halts, incidents, memory, views
from bridge.store.database import Database
from bridge.store.schema import rule_paces
from bridge.store.views import DeliveryFilter, DeliveryRow
from tests.support.clock import START, FakeClock
from tests.support.pipeline import Pipeline, ScriptedChannel, action, channels, completion, rule, until
from tests.support.policy import DOWN, REFUSED, channel, of_learners

HOUR, DAY = timedelta(hours=1), timedelta(days=1)
THREE = Rate(3, HOUR)
LEARNER = ("learner.email",)
SAMPLE = {
    "learner": {"name": "Ciclano da Silva", "email": "learner@eduzz.com"},
    "course": {"hash": "4bba1d18c02755a13ee97521ae61958c3cf9e665", "title": "Curso"},
    "producer": {"name": "Fulano", "email": "fulano@eduzz.com"},
    "createdAt": "2023-05-04T11:59:58Z",
}


def braked(above: Rate | None = THREE, name: str = "r", **changes: object) -> Rule:
    made = replace(action(name, "mail"), **changes)
    return replace(rule(name, made), pause_above=above)


def pipeline(database: Database, *rules: Rule, mail: ScriptedChannel | None = None) -> Pipeline:
    return Pipeline(database, rules or [braked()], channels(mail or channel("mail")))


def sent(made: Pipeline) -> list[str]:
    return [text.rpartition(" ")[2] for text in made.channels["mail"].texts]


async def one_by_one(made: Pipeline, *events: dict[str, object]) -> None:
    """Let each event come when all that followed from the one before is done."""
    for event in events:
        await made.run(event)


async def rows(database: Database) -> list[DeliveryRow]:
    found = await database.read(lambda c: views.list_deliveries(c, DeliveryFilter(limit=1000)))
    return sorted(found, key=lambda row: row.seq)


async def states(database: Database) -> list[State]:
    return [row.state for row in await rows(database)]


async def halt(database: Database, name: str = "r") -> Halt:
    return (await database.read(lambda c: halts.states(c, [name])))[name].halt


async def troubles(database: Database) -> list[tuple[Trouble, str, str]]:
    found = await database.read(incidents.lasting)
    return [(each.kind, each.subject, each.why) for each in found]


async def test_what_is_too_much_pauses_the_rule(database: Database) -> None:
    """So many go out, the rest is kept, and the owner is asked once."""
    made = pipeline(database)
    await one_by_one(made, *of_learners(6))
    assert sent(made) == ["e0", "e1", "e2"]
    assert await states(database) == [State.DELIVERED] * 3 + [State.KEPT] * 3
    assert {row.why for row in await rows(database) if row.state is State.KEPT} == {KEPT}
    assert await halt(database) is Halt.PAUSED
    assert await troubles(database) == [(Trouble.RULE, "r", "pause_above: 3/h")]
    assert await made.engine.alarm.look() == 1
    await one_by_one(made, *of_learners(2, first=10))
    assert await made.engine.alarm.look() == 0
    assert "rule is paused, its deliveries are kept" in made.log.events("warning")


async def test_a_burst_is_kept_whole(database: Database) -> None:
    """What was made before the one too many, and still waits, is part of what the person is asked about."""
    made = pipeline(database)
    await made.run(*of_learners(6))
    assert sent(made) == []
    assert await states(database) == [State.KEPT] * 6
    await made.operator.resume_rule("r")
    await made.engine.drain()
    assert len(sent(made)) == 6


async def test_as_many_as_it_may_in_each_period_pause_nothing(database: Database) -> None:
    """The period slides: the third may be an hour after the first three, not before."""
    made = pipeline(database)
    for number in range(9):
        await made.run(*of_learners(1, first=number))
        made.clock.advance(minutes=20)
    assert len(sent(made)) == 9
    assert await halt(database) is Halt.WORKING
    await made.run(*of_learners(2, first=20))
    assert await halt(database) is Halt.PAUSED


async def test_what_waits_when_it_is_paused_is_kept_too(database: Database) -> None:
    """It was made before, and is what the person is asked about."""
    made = pipeline(database, braked(delay=DAY))
    await made.run(*of_learners(4))
    assert await states(database) == [State.KEPT] * 4
    first, *_, last = await rows(database)
    assert (first.why, last.why) == (f"{KEPT}; delay of 1 day",) * 2
    made.clock.advance(days=2)
    await made.engine.drain()
    assert sent(made) == []


async def test_resumed_everything_goes_out_in_order(database: Database) -> None:
    """What was kept first, and the count begins anew."""
    made = pipeline(database)
    await one_by_one(made, *(completion(f"e{number}") for number in range(6)))
    told = await made.operator.resume_rule("r")
    assert told.sentence == "rule r works again; 3 kept deliveries go out"
    await made.run(completion("e6"))
    assert sent(made) == [f"e{number}" for number in range(7)]
    assert await halt(database) is Halt.WORKING
    assert await troubles(database) == []
    assert [row.why for row in await rows(database)] == [None] * 7
    await one_by_one(made, *(completion(f"e{number}") for number in (7, 8, 9)))
    assert await states(database) == [State.DELIVERED] * 9 + [State.KEPT]


async def test_discarded_everything_is_given_up_and_the_rule_works(database: Database) -> None:
    """The claims are free for what comes later."""
    made = pipeline(database, braked(once_per=LEARNER))
    await one_by_one(made, *of_learners(5))
    told = await made.operator.discard_rule("r")
    assert told.sentence == "rule r works again; 2 kept deliveries are given up"
    given_up = (await rows(database))[3:]
    assert [(row.state, row.why) for row in given_up] == [(State.DISCARDED, GIVEN_UP)] * 2
    claims = await database.read(lambda c: [memory.claim_of(c, row.id) for row in given_up])
    assert [claim and claim.state for claim in claims] == ["released"] * 2
    again = [{**event, "id": f"again-{number}"} for number, event in enumerate(of_learners(2, first=3))]
    await one_by_one(made, *again)
    assert sent(made) == ["e0", "e1", "e2", "again-0", "again-1"]


async def test_a_person_pauses_any_rule(database: Database) -> None:
    """Without a number as well; nobody is asked, since somebody knows."""
    made = pipeline(database, braked(None))
    await made.run(*of_learners(1))
    told = await made.operator.pause_rule("r", "the template is being mended")
    assert (told.done, told.sentence) == (True, "rule r is paused; its deliveries are kept")
    assert not (await made.operator.pause_rule("r", "again")).done
    await made.run(*of_learners(2, first=1))
    assert await states(database) == [State.DELIVERED, State.KEPT, State.KEPT]
    state = (await database.read(lambda c: halts.states(c, ["r"])))["r"]
    assert (state.halt, state.since, state.why, state.kept) == (
        Halt.PAUSED,
        START,
        "the template is being mended",
        2,
    )
    assert await troubles(database) == []
    await made.operator.resume_rule("r")
    await made.engine.drain()
    assert sent(made) == ["e0", "e1", "e2"]


async def test_a_rule_that_works_has_nothing_to_decide(database: Database) -> None:
    """Both say so."""
    made = pipeline(database)
    for told in (await made.operator.resume_rule("r"), await made.operator.discard_rule("r")):
        assert (told.done, told.sentence) == (False, "rule r is not paused")


async def test_what_is_under_way_is_kept_before_its_next_attempt(database: Database) -> None:
    """Its first failed before the pause."""
    mail = channel("mail", DOWN, waits=(60,))
    made = pipeline(database, mail=mail)
    await made.run(*of_learners(1))
    made.clock.advance(seconds=10)
    await made.operator.pause_rule("r", "x")
    made.clock.advance(minutes=5)
    await made.engine.drain()
    assert len(mail.sent) == 1
    (row,) = await rows(database)
    assert (row.state, row.attempts) == (State.KEPT, 1)


async def test_what_was_claimed_before_the_pause_is_not_sent(database: Database) -> None:
    """It is asked once more when its turn comes, and keeps its place."""
    mail = channel("mail", hands=1)
    made = pipeline(database, braked(None), mail=mail)

    async def meanwhile() -> None:
        mail.before_answer = nothing
        await made.operator.pause_rule("r", "x")

    async def nothing() -> None:
        """Do nothing."""

    mail.before_answer = meanwhile
    await made.run(*of_learners(3))
    assert sent(made) == ["e0"]
    assert await states(database) == [State.DELIVERED, State.KEPT, State.KEPT]


async def test_a_person_sends_a_single_one_all_the_same(database: Database) -> None:
    """`deliveries retry` and `discard` decide about one."""
    made = pipeline(database)
    await one_by_one(made, *of_learners(5))
    kept = [row.id for row in await rows(database) if row.state is State.KEPT]
    assert (await made.operator.retry(kept[0])).done
    assert (await made.operator.discard(kept[1], "no")).done
    await made.engine.drain()
    assert await states(database) == [State.DELIVERED] * 4 + [State.DISCARDED]
    assert await halt(database) is Halt.PAUSED


async def test_other_rules_go_on_for_the_same_learner(database: Database) -> None:
    """What is kept is out of its lane, and takes its place again when it is sent."""
    made = pipeline(database, braked(), braked(None, "s"))
    await one_by_one(made, *(completion(f"e{number}") for number in range(5)))
    assert len([row for row in await rows(database) if row.rule == "s" and row.state is State.DELIVERED]) == 5
    await made.operator.resume_rule("r")
    await made.engine.drain()
    assert await states(database) == [State.DELIVERED] * 10


async def test_actions_count_each(database: Database) -> None:
    """What is counted are messages, not events."""
    two = (action("r", "mail"), action("r", "wins"))
    made = Pipeline(
        database, [replace(rule("r", *two), pause_above=THREE)], channels(channel("mail"), channel("wins"))
    )
    await one_by_one(made, *of_learners(3))
    assert await states(database) == [State.DELIVERED] * 2 + [State.KEPT] * 4


async def test_tests_and_shadows_do_not_count(database: Database) -> None:
    """Nothing of them is sent, so nothing of them is too much."""
    made = pipeline(database, braked(), braked(name="s", shadow=True))
    await made.run(*(completion(f"t{number}", **SAMPLE) for number in range(5)))
    await made.run(*of_learners(3))
    assert sent(made) == ["e0", "e1", "e2"]
    assert await halt(database) is Halt.WORKING
    await made.run(*of_learners(1, first=9))
    withheld = [row for row in await rows(database) if row.state is State.WITHHELD]
    assert len(withheld) == 10 + 4
    assert await halt(database, "s") is Halt.WORKING


async def test_the_owners_notices_are_never_kept(database: Database) -> None:
    """Whoever is to decide must be asked."""
    made = pipeline(database)
    await made.run(*of_learners(9))
    assert await database.read(halts.halted) == frozenset({"r"})


async def test_a_duplicate_counts_once(database: Database) -> None:
    """As the platform sends it again."""
    made = pipeline(database)
    await made.run(*of_learners(3), *of_learners(3), *of_learners(3))
    assert len(sent(made)) == 3
    assert await halt(database) is Halt.WORKING


async def test_a_replay_takes_the_place_of_what_was_kept(database: Database) -> None:
    """It is kept in its turn."""
    made = pipeline(database)
    await one_by_one(made, *of_learners(4))
    await made.operator.replay(4)
    await made.engine.drain()
    assert await states(database) == [State.DELIVERED] * 3 + [State.DISCARDED, State.KEPT]


async def test_a_restart_forgets_neither_the_count_nor_the_pause(database: Database) -> None:
    """Both are in the store."""
    made = pipeline(database)
    await one_by_one(made, *of_learners(2))
    again = made.restarted()
    await one_by_one(again, *of_learners(2, first=2))
    assert await states(database) == [State.DELIVERED] * 3 + [State.KEPT]
    last = made.restarted(rules=[braked(None)])
    await last.run(*of_learners(1, first=4))
    assert await states(database) == [State.DELIVERED] * 3 + [State.KEPT] * 2


class Crash(BaseException):
    """The process ends here."""


@pytest.mark.parametrize("point", [Point.ACCEPTED, Point.PLANNED, Point.DISPATCHED])
async def test_a_crash_around_the_one_too_many(database: Database, point: Point) -> None:
    """The pause, and what is kept, are one transaction with the deliveries."""
    made = pipeline(database)
    await made.run(*of_learners(3))

    def reached(here: Point) -> None:
        if here is point:
            raise Crash

    dying = made.restarted(of_node={"reached": reached})
    event = of_learners(1, first=3)
    try:
        await dying.receive(*event)
        await dying.engine.drain()
    except Crash:
        await made.receive(*event)  # it had no answer
    made.clock.advance(minutes=2)
    await made.restarted().run(*of_learners(1, first=4))
    assert await states(database) == [State.DELIVERED] * 3 + [State.KEPT] * 2
    assert await troubles(database) == [(Trouble.RULE, "r", "pause_above: 3/h")]


@pytest.mark.parametrize("decision", [Halt.RESUMING, Halt.DISCARDING])
async def test_a_decision_that_was_stopped_half_way_goes_on(database: Database, decision: Halt) -> None:
    """What comes meanwhile is kept behind the rest; asked again, it does the rest."""
    made = pipeline(database)
    await one_by_one(made, *(completion(f"e{number}") for number in range(8)))
    now = made.clock.now()
    await database.write(lambda c: halts.begin(c, "r", decision))
    assert await database.write(lambda c: halts.follow(c, "r", decision, 2, now=now)) == 2
    again = made.restarted()
    await again.run(completion("e8"))
    assert await halt(database) is decision
    moved = State.DELIVERED if decision is Halt.RESUMING else State.DISCARDED
    assert await states(database) == [State.DELIVERED] * 3 + [moved] * 2 + [State.KEPT] * 4
    told = await (again.operator.resume_rule if moved is State.DELIVERED else again.operator.discard_rule)(
        "r"
    )
    assert told.sentence.startswith("rule r works again; 4 kept deliveries")
    await again.engine.drain()
    assert await states(database) == [State.DELIVERED] * 3 + [moved] * 6
    if moved is State.DELIVERED:
        assert sent(made) == [f"e{number}" for number in range(9)]


async def test_many_are_moved_in_steps(database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    """None is left behind at the edge of a step."""
    monkeypatch.setattr(deciding, "STEP", 2)
    made = pipeline(database)
    await one_by_one(made, *of_learners(7))
    assert "4 kept deliveries go out" in (await made.operator.resume_rule("r")).sentence
    await made.engine.drain()
    assert await states(database) == [State.DELIVERED] * 7


async def test_a_wrong_clock_pauses_nothing_for_long(database: Database) -> None:
    """What was made by a clock a year ahead does not count when it is right; set back a little, it counts."""
    made = pipeline(database)
    made.clock.jump(days=365)
    await made.run(*of_learners(3))
    made.clock.jump(days=-365)
    await made.run(*of_learners(3, first=3))
    assert await halt(database) is Halt.WORKING
    made.clock.jump(minutes=-30)
    await made.run(*of_learners(1, first=6))
    assert await halt(database) is Halt.PAUSED


async def test_no_more_than_so_many_go_out_with_several_nodes(database: Database) -> None:
    """Whoever makes and sends them, in whatever burst."""
    made = pipeline(database, braked(Rate(10, HOUR)))
    nodes = [made, made.restarted(), made.restarted(name="node-3")]
    events = of_learners(45)
    for number, node in enumerate(nodes):
        await node.receive(*events[number::3])
    await asyncio.gather(*(node.engine.drain() for node in nodes))
    for node in nodes:
        await node.engine.drain()
    assert len(sent(made)) <= 10
    found = await states(database)
    assert found.count(State.KEPT) == 45 - len(sent(made))
    assert len(await troubles(database)) == 1


async def test_another_node_learns_of_a_pause_and_of_its_end(database: Database) -> None:
    """Within a second, and what it kept by old news is asked of the store."""
    made, other = pipeline(database, braked(None)), pipeline(database, braked(None))
    await made.operator.pause_rule("r", "x")
    await other.run(*of_learners(1))
    assert await states(database) == [State.KEPT]
    await made.operator.resume_rule("r")
    await other.receive(*of_learners(1, first=1))
    await other.engine.inlet.worker.drain()
    assert await states(database) == [State.PENDING, State.PENDING]
    assert "r" in other.node.halts
    await other.engine.drain()
    assert len(sent(other)) == 2
    assert "r" not in other.node.halts


async def test_the_store_is_asked_every_second(database: Database) -> None:
    """By a loop of its own, that ends when it is told."""
    made = pipeline(database, braked(None))
    patrol = Patrol(made.node.halts, database, made.clock, made.log)
    running = asyncio.create_task(patrol.run())
    await until(lambda: made.clock.sleeping)
    await database.write(lambda c: halts.pause(c, "r", now=made.clock.now(), why="x"))
    assert "r" not in made.node.halts
    made.clock.advance(seconds=1)
    await until(lambda: "r" in made.node.halts)
    patrol.stop()
    await running


async def test_few_rows_are_left_of_the_count(database: Database) -> None:
    """As many as may be made in a period."""
    made = pipeline(database)
    for number in range(10):
        await made.run(*of_learners(1, first=number))
        made.clock.advance(hours=1)
    assert len(await database.read(lambda c: c.execute(rule_paces.select()).all())) == 3


async def test_what_expires_meanwhile_is_not_sent(database: Database) -> None:
    """Whoever decides late decides about less."""
    made = pipeline(database, braked(expires=6 * HOUR))
    await one_by_one(made, *of_learners(5))
    made.clock.advance(hours=7)
    await made.operator.resume_rule("r")
    await made.engine.drain()
    assert await states(database) == [State.DELIVERED] * 3 + [State.EXPIRED] * 2


async def test_what_waits_for_its_time_waits_on(database: Database) -> None:
    """Resumed before its delay is over it is held again until then."""
    made = pipeline(database, braked(delay=DAY))
    await made.run(*of_learners(4))
    await made.operator.resume_rule("r")
    assert await states(database) == [State.PENDING] * 4
    await made.engine.drain()
    assert sent(made) == []
    made.clock.advance(days=1)
    await made.engine.drain()
    assert len(sent(made)) == 4


async def test_quiet_hours_hold_what_is_resumed_in_them(database: Database) -> None:
    """A person who decides at night wakes nobody."""
    evening = datetime(2026, 5, 4, 20, 0, tzinfo=UTC)
    night = QuietHours(Hours(time(21), time(8)), UTC)
    made = Pipeline(database, [braked(quiet_hours=night)], channels(channel("mail")), FakeClock(evening))
    await one_by_one(made, *of_learners(5))
    made.clock.advance(hours=2)
    await made.operator.resume_rule("r")
    await made.engine.drain()
    assert len(sent(made)) == 3
    made.clock.advance(hours=10)
    await made.engine.drain()
    assert len(sent(made)) == 5


async def test_unless_withdraws_what_is_kept(database: Database) -> None:
    """Nobody has to decide about a reminder that nobody needs any more."""
    unless = Unless(("lesson.completed",), NOTHING, LEARNER)
    made = pipeline(database, braked(delay=DAY, unless=unless))
    await made.run(*of_learners(4))
    lesson = of_learners(1)[0]
    moved = dict(lesson["data"]) | {"createdAt": "2026-05-04T12:30:00Z"}  # type: ignore[call-overload]
    await made.run({**lesson, "id": "l1", "event": "nutror.lesson_watched", "data": moved})
    assert await states(database) == [State.DISCARDED] + [State.KEPT] * 3


async def test_what_a_limit_or_a_claim_forbids_does_not_count(database: Database) -> None:
    """Only what is made counts."""
    limit = Limit(1, DAY, LEARNER)
    made = pipeline(database, braked(limit=limit), braked(name="s", once_per=LEARNER))
    for number in range(5):
        await made.run(completion(f"e{number}"))
    assert await halt(database, "r") is Halt.WORKING
    assert await halt(database, "s") is Halt.WORKING
    assert await states(database) == [State.DELIVERED] * 2


async def test_what_is_kept_has_its_claim_and_counts_for_its_limit(database: Database) -> None:
    """It is under way as far as others are concerned."""
    made = pipeline(database, braked(once_per=LEARNER, limit=Limit(1, DAY, LEARNER)))
    await one_by_one(made, *of_learners(4))
    again = [{**event, "id": "again"} for event in of_learners(1, first=3)]
    await one_by_one(made, *again)
    assert await states(database) == [State.DELIVERED] * 3 + [State.KEPT]


async def test_a_count_that_is_reached_counts_as_a_message(database: Database) -> None:
    """With `after` most events make none."""
    after = After(2, by=LEARNER)
    made = pipeline(database, replace(braked(), after=after))
    for turn in "ab":
        await one_by_one(made, *({**event, "id": f"{event['id']}{turn}"} for event in of_learners(5)))
    assert await states(database) == [State.DELIVERED] * 3 + [State.KEPT] * 2
    await made.operator.replay(10)
    await made.engine.drain()
    assert (await states(database))[-2:] == [State.DISCARDED, State.KEPT]


async def test_what_is_sent_instead_is_kept_with_its_rule(database: Database) -> None:
    """It is the rule's, too, when its first way failed after the pause."""
    parent = braked().actions[0]
    instead = replace(action("r", "wins"), name=else_name("test:wins", parent.name))
    mail, wins = channel("mail"), channel("wins")
    made = Pipeline(
        database,
        [replace(rule("r", replace(parent, otherwise=(instead,))), pause_above=THREE)],
        channels(mail, wins),
    )
    mail.script.append(REFUSED)

    async def meanwhile() -> None:
        await made.operator.pause_rule("r", "x")

    mail.before_answer = meanwhile
    await made.run(*of_learners(1))
    assert await states(database) == [State.DEAD, State.KEPT]
    await made.operator.resume_rule("r")
    await made.engine.drain()
    assert len(wins.sent) == 1


async def test_a_channels_rate_paces_what_is_resumed(database: Database) -> None:
    """All of it goes out, as fast as the channel lets it."""
    made = pipeline(database, mail=channel("mail", rate="1/s"))
    await made.run(*of_learners(6))
    await made.operator.resume_rule("r")
    await made.engine.drain()
    first = len(sent(made))
    for _ in range(8):
        made.clock.advance(seconds=1)
        await made.engine.drain()
    assert first < 3
    assert len(sent(made)) == 6


class Lists:
    """Content that says which events a message is about."""

    def render(self, facts: Facts) -> Mapping[str, object]:
        items: Any = facts["items"]
        return {"text": " ".join(str(item["id"]) for item in items), "to": "x"}


@pytest.mark.parametrize("hours", [1, 12])
async def test_what_a_digest_collects_is_kept_and_goes_out_together(database: Database, hours: int) -> None:
    """Resumed before its time it waits for it; after that, it is one message all the same."""
    daily = Digest(time(18), UTC)
    made = pipeline(database, braked(digest=daily, content=Lists()))
    await one_by_one(made, *of_learners(5))
    assert await states(database) == [State.KEPT] * 5
    made.clock.advance(hours=hours)
    await made.engine.drain()
    assert made.channels["mail"].sent == []
    await made.operator.resume_rule("r")
    await made.engine.drain()
    assert len(made.channels["mail"].sent) == int(hours > 6)
    made.clock.advance(hours=12)
    await made.engine.drain()
    assert made.channels["mail"].texts == ["e0 e1 e2 e3 e4"]


async def test_a_digest_that_is_given_up_frees_what_it_claimed(database: Database) -> None:
    """Every event may be told of once more."""
    made = pipeline(database, braked(digest=Digest(time(18), UTC), content=Lists(), once_per=LEARNER))
    await one_by_one(made, *of_learners(4))
    await made.operator.discard_rule("r")
    ids = [row.id for row in await rows(database)]
    claims = await database.read(lambda c: [memory.claim_of(c, id_) for id_ in ids])
    assert [claim and claim.state for claim in claims] == ["released"] * 4
