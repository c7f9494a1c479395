"""Rules that fire when something has happened so often."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, time, timedelta

import pytest
from msgspec.structs import replace

from bridge.core.conditions import NOTHING
from bridge.core.outcomes import State
from bridge.core.quiet_hours import Hours, QuietHours
from bridge.core.rules import After, Limit, Rule, Unless, else_name
from bridge.pipeline.node import Point
from bridge.store import memory, views
from bridge.store.database import Database
from bridge.store.schema import tallies
from bridge.store.views import DeliveryFilter, DeliveryRow, EventFilter
from tests.support.clock import START, FakeClock
from tests.support.pipeline import Compiled, Pipeline, ScriptedChannel, action, channels, completion, rule
from tests.support.policy import REFUSED, channel

DAY, HOUR = timedelta(days=1), timedelta(hours=1)
LEARNER = ("learner.email",)
THREE = After(3, by=LEARNER)
IN_TEN_DAYS = After(3, by=LEARNER, within=10 * DAY)
MODULES = After(3, "module.id", LEARNER, 10 * DAY)
SAMPLE = {
    "learner": {"name": "Ciclano da Silva", "email": "learner@eduzz.com"},
    "course": {"hash": "4bba1d18c02755a13ee97521ae61958c3cf9e665", "title": "Curso"},
    "producer": {"name": "Fulano", "email": "fulano@eduzz.com"},
    "createdAt": "2023-05-04T11:59:58Z",
}


def happened(
    event_id: str, days: float = 0, module: str = "3253", email: str = "maria@aluna.example"
) -> dict[str, object]:
    at = (START + days * DAY - HOUR).isoformat().replace("+00:00", "Z")
    learner = {"name": "Maria", "email": email}
    return completion(event_id, createdAt=at, learner=learner, module={"id": module, "title": "Módulo"})


def several(count: int, first: int = 1, **more: str) -> list[dict[str, object]]:
    return [happened(f"e{number}", **more) for number in range(first, first + count)]  # type: ignore[arg-type]


def counting(after: After = THREE, **changes: object) -> Rule:
    made = replace(action("r", "mail"), **changes)
    return replace(rule("r", made), after=after)


def pipeline(database: Database, *rules: Rule, mail: ScriptedChannel | None = None) -> Pipeline:
    return Pipeline(database, rules or [counting()], channels(mail or channel("mail")))


def sent(made: Pipeline) -> list[str]:
    return [text.rpartition(" ")[2] for text in made.channels["mail"].texts]


async def rows(database: Database) -> list[DeliveryRow]:
    found = await database.read(lambda c: views.list_deliveries(c, DeliveryFilter()))
    return sorted(found, key=lambda row: row.seq)


async def skipped(database: Database) -> list[str]:
    """Return why nothing was sent, of each event in the order of their arrival."""
    entries = await database.read(lambda c: views.list_events(c, EventFilter()))
    return [why["why"] for entry in entries[::-1] for why in (entry.summary or {}).get("skipped", ())]


async def counted(database: Database) -> int:
    return len(await database.read(lambda c: c.execute(tallies.select()).all()))


async def test_it_fires_when_the_count_is_reached_and_only_then(database: Database) -> None:
    """Every other event says how far it is; each learner has a count of their own."""
    made = pipeline(database)
    await made.run(*several(2), *several(2, 10, email="Joana@aluna.example"), *several(3, 3))
    assert sent(made) == ["e3"]
    reached = "after: 3 were counted by another event"
    one, two = "after: 1 of 3", "after: 2 of 3"
    assert await skipped(database) == [one, two, one, two, reached, reached]
    await made.run(happened("e12", email="joana@aluna.example"))
    assert sent(made) == ["e3", "e12"]


async def test_without_by_everybody_counts(database: Database) -> None:
    """However many people."""
    made = pipeline(database, counting(After(3)))
    await made.run(*(happened(f"e{number}", email=f"a{number}@aluna.example") for number in range(1, 6)))
    assert sent(made) == ["e3"]


async def test_different_values_are_counted(database: Database) -> None:
    """The same module again is none of them."""
    made = pipeline(database, counting(MODULES))
    await made.run(*(happened(f"e{number}", module=module) for number, module in enumerate("ababacd", 1)))
    assert sent(made) == ["e6"]
    assert "after: 2 of 3 different values of module.id within 10 days" in await skipped(database)


async def test_within_a_sliding_window_it_fires_again_when_it_was_fewer(database: Database) -> None:
    """While the count stays at or above nothing follows."""
    made = pipeline(database, counting(IN_TEN_DAYS))
    for number, day in enumerate((0, 4, 8, 9, 20, 21, 22), 1):
        made.clock.advance(seconds=(START + day * DAY - made.clock.now()).total_seconds())
        await made.run(happened(f"e{number}", day))
    assert sent(made) == ["e3", "e7"]


async def test_a_late_event_counts_where_it_belongs(database: Database) -> None:
    """It makes the third of three in ten days, which were two when they were told."""
    made = pipeline(database, counting(IN_TEN_DAYS))
    made.clock.advance(days=20)
    await made.run(happened("e1", 1), happened("e2", 10))
    await made.run(happened("e3", 19), happened("e4", 5))
    assert sent(made) == ["e4"]
    await made.run(happened("e5", 6), happened("e6", 18))
    assert sent(made) == ["e4", "e6"]


async def test_a_late_event_does_not_fire_what_has_fired(database: Database) -> None:
    """It only makes an old stretch longer."""
    made = pipeline(database, counting(IN_TEN_DAYS))
    made.clock.advance(days=20)
    await made.run(
        *(happened(f"e{day}", day) for day in (10, 11, 12)), happened("e13", 9), happened("e14", 13)
    )
    assert sent(made) == ["e12"]


async def test_once_per_restricts_it_to_once_for_ever(database: Database) -> None:
    """The second time it is reached the claim is taken."""
    made = pipeline(database, counting(IN_TEN_DAYS, once_per=LEARNER))
    for number, day in enumerate((0, 1, 2, 20, 21, 22), 1):
        made.clock.advance(days=START.day + day - made.clock.now().day)
        await made.run(happened(f"e{number}", day))
    assert sent(made) == ["e3"]
    assert "already sent" in (await skipped(database))[-1]


async def test_a_duplicate_counts_once(database: Database) -> None:
    """As the platform sends it again, at once and later."""
    made = pipeline(database)
    first, second = several(2)
    await made.run(first, first, second)
    await made.run(first, second)
    assert sent(made) == []
    await made.run(happened("e3"))
    assert sent(made) == ["e3"]


async def test_a_replay_gives_the_same_decision(database: Database) -> None:
    """Of what fired one more, as with any replay; of what counted nothing, and nothing is counted again."""
    made = pipeline(database, counting(IN_TEN_DAYS))
    await made.run(*several(4))
    for entry in (1, 2, 4):
        await made.operator.replay(entry)
    await made.engine.drain()
    assert sent(made) == ["e3"]
    await made.operator.replay(3)
    await made.engine.drain()
    assert sent(made) == ["e3", "e3"]
    assert await counted(database) == 4


async def test_a_replay_of_what_is_forgotten_fires_nothing(database: Database) -> None:
    """With it everything is forgotten that it was counted with; what fired still fires."""
    made = pipeline(database, counting(IN_TEN_DAYS))
    await made.run(*several(4))
    made.clock.advance(days=100)
    await made.run(happened("e5", 100))
    assert await counted(database) == 2
    for entry in (1, 2, 4, 3):
        await made.operator.replay(entry)
        await made.engine.drain()
    assert sent(made) == ["e3", "e3"]
    assert await counted(database) == 2
    forgotten = "after: what was counted within 10 days with this event is no longer known"
    assert (await skipped(database)).count(forgotten) == 3


async def test_a_restart_forgets_nothing(database: Database) -> None:
    """The count is in the store."""
    made = pipeline(database)
    for event in several(3):
        await made.restarted().run(event)
    assert sent(made) == ["e3"]


class Crash(BaseException):
    """The process ends here."""


@pytest.mark.parametrize("point", [Point.ACCEPTED, Point.PLANNED, Point.DISPATCHED])
@pytest.mark.parametrize("nth", [1, 2, 3])
async def test_a_crash_counts_nothing_twice_and_loses_nothing(
    database: Database, point: Point, nth: int
) -> None:
    """It is one transaction with the deliveries and the entry's end."""
    made = pipeline(database)
    events = several(4)
    await made.run(*events[: nth - 1])

    def reached(here: Point) -> None:
        if here is point:
            raise Crash

    dying = made.restarted(of_node={"reached": reached})
    try:
        await dying.receive(events[nth - 1])
        await dying.engine.drain()
    except Crash:
        await made.receive(events[nth - 1])  # it had no answer
    made.clock.advance(minutes=2)
    await made.restarted().run(*events[nth:])
    assert sent(made) == ["e3"]
    assert await counted(database) == 3


async def test_a_wrong_clock_moves_nothing(database: Database) -> None:
    """What counts is when things happened, by the platform's clock; nothing is forgotten in a year ahead."""
    made = pipeline(database, counting(IN_TEN_DAYS))
    made.clock.advance(days=3)
    await made.run(happened("e1", 1))
    made.clock.jump(days=365)
    await made.run(happened("e2", 2))
    made.clock.jump(days=-365)
    await made.run(happened("e3", 3))
    assert sent(made) == ["e3"]


async def test_an_event_from_the_future_counts_from_when_it_was_received(database: Database) -> None:
    """Or it would count for years."""
    made = pipeline(database, counting(IN_TEN_DAYS))
    await made.run(happened("e1", 1000), happened("e2"), happened("e3"))
    assert sent(made) == ["e3"]


async def test_two_nodes_count_together(database: Database) -> None:
    """Whoever dispatches: it fires once, and nothing is lost between them."""
    made = pipeline(database, counting(After(30, by=LEARNER)))
    nodes = [made, made.restarted(), made.restarted(name="node-3")]
    for number in range(60):
        await nodes[number % 3].receive(happened(f"e{number}"))
    await asyncio.gather(*(node.engine.drain() for node in nodes))
    await made.engine.drain()
    assert len(sent(made)) == 1
    assert await counted(database) == 30


async def test_a_key_with_huge_counts_stays_small(database: Database) -> None:
    """A count that is reached for ever keeps no more rows, and a value that comes all day leaves few."""
    made = pipeline(database, counting(), replace(counting(MODULES, rule="s"), name="s"))
    await made.run(*several(40))
    assert await counted(database) <= 3 + 2
    assert sent(made) == ["e3"]


async def test_what_counts_no_more_is_forgotten(database: Database) -> None:
    """Twice as long as it may matter, and a month for what comes late."""
    made = pipeline(database, counting(IN_TEN_DAYS))
    for number in range(20):
        await made.run(happened(f"e{number}", number * 11))
        made.clock.advance(days=11)
    assert await counted(database) <= 6


async def test_an_event_counts_whatever_its_actions_ask(database: Database) -> None:
    """Only what the rule itself asks decides; the action's own `if:` is asked of the event that fires."""
    never = action("r", "mail")
    made = pipeline(
        database,
        replace(rule("r", replace(never, condition=Compiled("false"))), after=THREE),
        replace(rule("s", action("s", "mail"), condition=Compiled("false")), after=THREE),
    )
    await made.run(*several(3))
    assert sent(made) == []
    assert await counted(database) == 3


@pytest.mark.parametrize(
    ("after", "path"),
    [(THREE, "learner.email"), (After(3, "lesson.id"), "lesson.id"), (After(3, by=("data.x",)), "data.x")],
)
async def test_without_the_value_it_is_not_counted(database: Database, after: After, path: str) -> None:
    """Visibly, as with `limit`."""
    made = pipeline(database, counting(after))
    await made.run(completion("e1", learner={"name": "Maria"}, lesson={"title": "Aula"}))
    assert await skipped(database) == [f"after needs '{path}', which this event does not have"]
    assert await counted(database) == 0


async def test_the_platforms_test_events_count_nothing(database: Database) -> None:
    """They are shown, as they are without `after`."""
    made = pipeline(database)
    await made.run(*(completion(f"t{number}", **SAMPLE) for number in range(3)))
    assert await counted(database) == 0
    assert [row.state for row in await rows(database)] == [State.WITHHELD] * 3


async def test_a_shadow_rule_counts_for_itself(database: Database) -> None:
    """When it goes live it starts anew."""
    shadow = pipeline(database, counting(shadow=True))
    await shadow.run(*several(3))
    assert [row.state for row in await rows(database)] == [State.WITHHELD]
    live = Pipeline(database, [counting()], shadow.channels, shadow.clock)
    await live.run(happened("e4"))
    assert sent(live) == []


async def test_a_delayed_message_is_sent_though_things_were_undone(database: Database) -> None:
    """What was counted was counted; `unless` is the word for what withdraws a message."""
    made = pipeline(database, counting(delay=DAY))
    await made.run(*several(3))
    await made.run({**happened("u1"), "event": "nutror.module_uncompleted"})
    made.clock.advance(days=2)
    await made.engine.drain()
    assert sent(made) == ["e3"]


async def test_delay_and_unless_start_with_the_event_that_fires(database: Database) -> None:
    """And what `unless` names withdraws the message."""
    unless = Unless(("lesson.completed",), NOTHING, LEARNER)
    made = pipeline(database, counting(delay=DAY, unless=unless))
    await made.run(*several(3))
    (row,) = await rows(database)
    assert row.due_at == START + DAY - HOUR
    await made.run({**happened("l1", 0.01), "event": "nutror.lesson_watched"})
    assert [row.state for row in await rows(database)] == [State.DISCARDED]


async def test_what_expires_has_been_counted(database: Database) -> None:
    """The event fires too late to be told, and does not fire again."""
    made = pipeline(database, counting(expires=timedelta(minutes=30)))
    await made.run(*several(4))
    assert sent(made) == []
    assert (await skipped(database))[-1] == "after: 3 were counted by another event"
    assert [row.state for row in await rows(database)] == [State.EXPIRED]


async def test_quiet_hours_hold_what_fires(database: Database) -> None:
    """It goes out in the morning."""
    evening = datetime(2026, 5, 4, 23, 0, tzinfo=UTC)
    night = QuietHours(Hours(time(21), time(8)), UTC)
    made = Pipeline(database, [counting(quiet_hours=night)], channels(channel("mail")), FakeClock(evening))
    await made.run(*several(3))
    assert sent(made) == []
    made.clock.advance(hours=9)
    await made.engine.drain()
    assert sent(made) == ["e3"]


async def test_a_limit_is_asked_of_what_fires_only(database: Database) -> None:
    """What was only counted takes nothing from it."""
    made = pipeline(database, counting(After(2, by=LEARNER, within=HOUR), limit=Limit(1, 10 * DAY, LEARNER)))
    for number, day in enumerate((0, 0, 1, 1, 12, 12), 1):
        made.clock.advance(seconds=(START + day * DAY - made.clock.now()).total_seconds())
        await made.run(happened(f"e{number}", day))
    assert sent(made) == ["e2", "e6"]
    assert "limit: at most 1 in 10 days" in await skipped(database)


async def test_what_died_is_sent_otherwise_and_not_counted_again(database: Database) -> None:
    """`else:` stands in, the claim goes with it."""
    parent = counting(once_per=LEARNER).actions[0]
    instead = replace(action("r", "wins"), name=else_name("test:wins", parent.name))
    wins = channel("wins")
    made = Pipeline(
        database,
        [replace(rule("r", replace(parent, otherwise=(instead,))), after=THREE)],
        channels(channel("mail", REFUSED), wins),
    )
    await made.run(*several(5))
    assert [row.state for row in await rows(database)] == [State.DEAD, State.DELIVERED]
    ids = [row.id for row in await rows(database)]
    claims = await database.read(lambda c: [memory.claim_of(c, id_) for id_ in ids])
    assert [claim and claim.state for claim in claims] == ["released", "confirmed"]


async def test_two_rules_count_for_themselves(database: Database) -> None:
    """One at three, one at five."""
    five = replace(rule("s", action("s", "mail")), after=After(5, by=LEARNER))
    made = pipeline(database, counting(), five)
    await made.run(*several(6))
    assert sorted(sent(made)) == ["e3", "e5"]
