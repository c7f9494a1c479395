"""The owner is told of trouble: once when it starts, once when it is over."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from dataclasses import replace as remade
from datetime import UTC, timedelta
from typing import TypeVar

import pytest
from msgspec.structs import replace

from bridge.core.breaker import Phase
from bridge.core.events import Facts
from bridge.core.messages import RenderFailure
from bridge.core.outcomes import Outcome, State
from bridge.core.rules import OWNER_RULE, Action, else_name
from bridge.core.trouble import SOURCE
from bridge.pipeline.trouble import Owner
from bridge.sources.own import SAMPLE
from bridge.store import channels as standings
from bridge.store import details, incidents, views
from bridge.store.database import Connection, Database, StoreUnavailable
from bridge.store.views import DeliveryFilter, EventFilter
from tests.support.pipeline import (
    Pipeline,
    Says,
    ScriptedChannel,
    action,
    channels,
    completion,
    rule,
    until,
)
from tests.support.policy import DOWN, GONE, REFUSED, channel, of_learners

T = TypeVar("T")


@dataclass
class Notice:
    """Content that says what the owner is told."""

    def render(self, facts: Facts) -> Mapping[str, object]:
        data = facts["data"]
        assert isinstance(data, Mapping)
        return {"text": f"{facts['kind']}: {data['title']}", "to": "x"}


def telling(name: str = "desk") -> Action:
    return replace(action(OWNER_RULE, name), content=Notice())


def watched(database: Database, *scripted: ScriptedChannel, owner: Action | None = None) -> Pipeline:
    """Return a pipeline that sends by `wins` and tells the owner by `desk`."""
    return Pipeline(
        database,
        [rule("r", action("r", "wins"))],
        channels(*scripted),
        owner=Owner(owner or telling(), "en", UTC),
    )


async def told_of(database: Database, seq: int) -> dict[str, object]:
    """Return what a notice holds."""
    shown = await database.read(lambda c: details.show_event(c, seq))
    assert isinstance(shown, details.EventDetails)
    data: dict[str, object] = json.loads(shown.entry.body)["data"]
    return data


async def look(pipeline: Pipeline) -> None:
    """Look for trouble as the bridge does, and send what follows."""
    await pipeline.engine.alarm.look()
    await pipeline.engine.drain()


async def test_a_pause_and_its_end_are_told_once_each(database: Database) -> None:
    """However long it lasts and however often it is tried in between."""
    wins, desk = channel("wins", *[DOWN] * 6, failures=3), channel("desk")
    pipeline = watched(database, wins, desk)
    await pipeline.run(*of_learners(8))
    for _ in range(4):
        await look(pipeline)
        pipeline.clock.advance(minutes=2)
        await pipeline.engine.drain()
    assert desk.texts == ["trouble.started: The channel wins is paused"]
    pipeline.clock.advance(minutes=5)
    await pipeline.engine.drain()
    for _ in range(3):
        await look(pipeline)
    assert desk.texts[1:] == ["trouble.ended: The channel wins works again"]
    assert not await database.read(incidents.any_open)


async def test_a_channel_that_comes_and_goes_is_not_told_each_time(database: Database) -> None:
    """The second pause within an hour is over when the channel has worked for one; then all is as before."""
    wins, desk = channel("wins", failures=2), channel("desk")
    pipeline = watched(database, wins, desk)

    async def come_and_go(number: int) -> None:
        wins.script[:] = [DOWN, DOWN]
        await pipeline.run(*of_learners(2, 2 * number))
        await look(pipeline)
        pipeline.clock.advance(minutes=1)
        await pipeline.engine.drain()
        await look(pipeline)
        pipeline.clock.advance(minutes=1)

    for number in range(30):
        await come_and_go(number)
    paused, works = (
        "trouble.started: The channel wins is paused",
        "trouble.ended: The channel wins works again",
    )
    assert desk.texts == [paused, works, paused]
    assert len(wins.sent) == 30 * 4
    pipeline = pipeline.restarted()
    pipeline.clock.advance(minutes=60)
    await look(pipeline)
    await look(pipeline)
    assert desk.texts[3:] == [works]
    pipeline.clock.advance(minutes=2)
    await come_and_go(99)
    assert desk.texts[4:] == [paused, works]


async def test_what_waits_for_a_time_of_its_own_does_not_wait_for_the_channel(database: Database) -> None:
    """Nobody is told that reminders of next week go out now."""
    later = replace(action("later", "wins"), delay=timedelta(days=7))
    wins, desk = channel("wins", DOWN, DOWN, failures=2, waits=(3600,)), channel("desk")
    rules = [rule("r", action("r", "wins")), rule("later", later, on="nutror.lesson_viewed")]
    pipeline = remade(watched(database, wins, desk), rules=rules)
    for number in range(5):
        await pipeline.run({**completion(f"later{number}"), "event": "nutror.lesson_viewed"})
    await pipeline.run(*of_learners(3))
    await look(pipeline)
    pipeline.clock.advance(minutes=1)
    await pipeline.engine.drain()
    await look(pipeline)
    told = [
        (await told_of(database, event.seq))["waiting"]
        for event in await database.read(lambda c: views.list_events(c, EventFilter(source=SOURCE)))
    ]
    assert set(told) == {2, 3}  # two wait for their next attempt when the third has gone out
    assert [each.partition(":")[0] for each in desk.texts] == ["trouble.started", "trouble.ended"]


async def test_a_channel_that_is_gone_is_told_with_what_waits_and_what_to_do(database: Database) -> None:
    """In words a person understands; it is over when they resume it."""
    wins, desk = channel("wins", GONE), channel("desk")
    pipeline = watched(database, wins, desk)
    await pipeline.run(*of_learners(4))
    await look(pipeline)
    (event,) = await database.read(lambda c: views.list_events(c, EventFilter(source=SOURCE)))
    assert (event.type, event.kind) == ("bridge.channel_stopped", "trouble.started")
    shown = await database.read(lambda c: details.show_event(c, event.seq))
    assert isinstance(shown, details.EventDetails)
    body, sample = json.loads(shown.entry.body), json.loads(SAMPLE)
    assert (body.keys(), body["data"].keys()) == (sample.keys(), sample["data"].keys())
    assert body["data"]["waiting"] == 4
    assert desk.texts == ["trouble.started: The channel wins is stopped and needs you"]
    await pipeline.operator.resume("wins")
    await look(pipeline)
    assert desk.texts[1:] == ["trouble.ended: The channel wins works again"]


async def test_a_hundred_dead_deliveries_are_one_message(database: Database) -> None:
    """Over is when none has died for an hour; then the next one is news."""
    wins, desk = channel("wins", *[REFUSED] * 101), channel("desk")
    pipeline = watched(database, wins, desk)
    await pipeline.run(*of_learners(100))
    await look(pipeline)
    await look(pipeline)
    assert desk.texts == ["trouble.started: Messages through wins are being given up"]
    pipeline.clock.advance(hours=1)
    await look(pipeline)
    assert desk.texts[1:] == ["trouble.ended: No more messages through wins are given up"]
    await pipeline.run(completion("again"))
    await look(pipeline)
    assert len(desk.texts) == 3


async def test_wrong_signatures_are_told_when_there_are_several(database: Database) -> None:
    """One or two may be anybody; the third in a short time is told, and a flood is one message."""
    desk = channel("desk")
    pipeline = watched(database, channel("wins"), desk)
    body = json.dumps(completion()).encode()
    headers = {**pipeline.source.outgoing_headers(body), "x-signature": "00" * 32}
    for number in range(40):
        answer = await pipeline.ingest.receive("eduzz", headers, body)
        assert answer.status == 401
        await look(pipeline)
        assert len(desk.sent) == (number >= 2)
    assert desk.texts == ["trouble.started: Events for eduzz are refused: their signature is wrong"]
    pipeline.clock.advance(hours=1)
    await look(pipeline)
    assert desk.texts[1:] == ["trouble.ended: No more events for eduzz are refused"]


async def test_wrong_signatures_that_come_now_and_then_are_not_over(database: Database) -> None:
    """For an hour there was none, the notice says; so it is, and the number is the true one."""
    desk = channel("desk")
    pipeline = watched(database, channel("wins"), desk)
    body = json.dumps(completion()).encode()
    headers = {**pipeline.source.outgoing_headers(body), "x-signature": "00" * 32}

    async def come(times: int) -> None:
        for _ in range(times):
            await pipeline.ingest.receive("eduzz", headers, body)
        await look(pipeline)

    await come(2)
    await come(1)
    await come(2)
    for _ in range(20):
        pipeline.clock.advance(minutes=11)
        await come(1)
    await come(2)
    pipeline.clock.advance(minutes=59)
    await look(pipeline)
    (incident,) = await database.read(incidents.lasting)
    assert (incident.count, len(desk.texts)) == (27, 1)
    pipeline.clock.advance(minutes=1)
    await look(pipeline)
    assert desk.texts[1:] == ["trouble.ended: No more events for eduzz are refused"]
    await come(2)
    assert (len(desk.texts), await database.read(incidents.lasting)) == (2, [])


async def test_requests_without_a_signature_are_nobodys_trouble(database: Database) -> None:
    """The internet knocks at every door."""
    pipeline = watched(database, channel("wins"), channel("desk"))
    for _ in range(20):
        await pipeline.ingest.receive("eduzz", {}, b"{}")
    assert not await database.read(incidents.any_open)


async def test_a_crash_between_noting_and_telling_tells_once(database: Database) -> None:
    """The incident is a row, and so is the notice: another process goes on from there."""
    wins, desk = channel("wins", GONE), channel("desk")
    pipeline = watched(database, wins, desk)
    await pipeline.run(completion())
    await pipeline.engine.alarm.look()
    again = pipeline.restarted()
    await look(again)
    await look(pipeline)
    assert len(desk.sent) == 1


async def test_another_way_is_taken_while_the_owners_channel_is_in_trouble(database: Database) -> None:
    """What is to say that a channel is down must not wait in its queue."""
    mail = telling("wins")
    spare = replace(telling("desk"), name=else_name("test:desk", mail.name))
    wins, desk = channel("wins", GONE), channel("desk")
    pipeline = watched(database, wins, desk, owner=replace(mail, otherwise=(spare,)))
    await pipeline.run(completion())
    await look(pipeline)
    assert desk.texts == ["trouble.started: The channel wins is stopped and needs you"]


async def test_without_another_way_the_notice_waits(database: Database) -> None:
    """It is kept, shown on the admin pages, and goes out with the rest."""
    wins = channel("wins", GONE)
    pipeline = watched(database, wins, owner=telling("wins"))
    await pipeline.run(completion())
    await look(pipeline)
    rows = await database.read(lambda c: views.list_deliveries(c, DeliveryFilter(rule=OWNER_RULE)))
    assert [row.state for row in rows] == [State.PENDING]
    assert len(await database.read(incidents.lasting)) == 1
    assert pipeline.log.events("error") == ["trouble"]


async def test_a_notice_that_dies_is_no_trouble_to_tell_of(database: Database) -> None:
    """Else each notice would make the next one."""
    desk = channel("desk", *[REFUSED] * 5)
    pipeline = watched(database, channel("wins", REFUSED), desk)
    await pipeline.run(completion())
    for _ in range(3):
        await look(pipeline)
    assert len(desk.sent) == 1


async def test_without_an_owner_trouble_is_an_event_all_the_same(database: Database) -> None:
    """It is logged, shown, and rules may be about it."""
    wins, desk = channel("wins", GONE), channel("desk")
    about = rule("about", action("about", "desk"), on="bridge.*")
    pipeline = Pipeline(database, [rule("r", action("r", "wins")), about], channels(wins, desk))
    await pipeline.run(completion())
    await look(pipeline)
    assert desk.texts[0].startswith("trouble.started incident-")
    assert pipeline.log.events("error") == ["trouble"]


class Away(Database):
    """A store that cannot be written while `away`."""

    def __init__(self, inner: Database) -> None:
        self.secret = inner.secret
        self.inner = inner
        self.away = False

    @property
    def is_shared(self) -> bool:
        return self.inner.is_shared

    @property
    def writable(self) -> bool:
        return not self.away

    async def write(self, operation: Callable[[Connection], T], *, weight: int = 1) -> T:
        if self.away:
            raise StoreUnavailable("the disk is full")
        return await self.inner.write(operation, weight=weight)

    async def read(self, query: Callable[[Connection], T]) -> T:
        return await self.inner.read(query)


async def test_a_store_that_could_not_be_written_is_told_of_when_it_can(database: Database) -> None:
    """It cannot be noted before; the log says so at once, and the message says from when to when."""
    away, desk = Away(database), channel("desk")
    pipeline = watched(away, channel("wins"), desk)
    await look(pipeline)
    away.away = True
    for _ in range(3):
        await pipeline.engine.alarm.look()
        pipeline.clock.advance(minutes=1)
    said = "the store cannot be used, the owner is told when it can"
    assert pipeline.log.events("error") == [said]
    away.away = False
    await look(pipeline)
    await look(pipeline)
    assert desk.texts == ["trouble.ended: The store could not be written"]
    (event,) = await database.read(lambda c: views.list_events(c, EventFilter(source=SOURCE)))
    shown = await database.read(lambda c: details.show_event(c, event.seq))
    assert isinstance(shown, details.EventDetails)
    data = json.loads(shown.entry.body)["data"]
    assert "2026-05-04 12:00 to 2026-05-04 12:03" in data["text"]


async def test_a_template_that_fails_is_told_once(database: Database) -> None:
    """The messages are put aside, and the owner hears which rule it is and where in the template."""
    desk = channel("desk")
    failing = replace(action("r", "wins"), content=Says(RenderFailure("templates/x.md", 3, "no such name")))
    pipeline = Pipeline(
        database,
        [rule("r", failing)],
        channels(channel("wins"), desk),
        owner=Owner(telling(), "en", UTC),
    )
    await pipeline.run(*of_learners(5))
    for _ in range(2):
        await look(pipeline)
    assert desk.texts == ["trouble.started: Messages of the rule r cannot be made"]
    (incident,) = await database.read(incidents.lasting)
    assert (incident.subject, incident.count, incident.why) == ("r", 5, "templates/x.md:3: no such name")


async def test_an_event_that_cannot_be_read_is_told_once_and_again_when_it_is_over(
    database: Database,
) -> None:
    """It was answered 200, so nobody else would ever say so; the notice has the command that mends it."""
    desk = channel("desk")
    pipeline = watched(database, channel("wins"), desk)
    for number in range(5):
        assert await pipeline.receive(b"broken %d" % number) == [200]
        await pipeline.engine.drain()
        await look(pipeline)
    assert desk.texts == ["trouble.started: Events from eduzz cannot be processed"]
    (incident,) = await database.read(incidents.lasting)
    assert (incident.subject, incident.count) == ("eduzz", 5)
    (told,) = await database.read(lambda c: views.list_events(c, EventFilter(source=SOURCE)))
    shown = await database.read(lambda c: details.show_event(c, told.seq))
    assert isinstance(shown, details.EventDetails)
    commands = json.loads(shown.entry.body)["data"]["commands"]
    assert commands[1] == "bridge events replay --state parked --source eduzz"
    pipeline.clock.advance(hours=1)
    await look(pipeline)
    assert desk.texts[1:] == ["trouble.ended: No more events from eduzz are put aside"]


@pytest.mark.parametrize(
    ("outcome", "title"),
    [
        (REFUSED, "Messages through wins are being given up"),
        (GONE, "The channel wins is stopped and needs you"),
        (DOWN, "The channel wins is paused"),
        (None, "Messages of the rule r cannot be made"),
    ],
)
async def test_the_watch_looks_at_once_when_something_breaks(
    database: Database, outcome: Outcome | None, title: str
) -> None:
    """No clock moves, so no look of its own ever comes."""
    desk, wins = channel("desk"), channel("wins", *[outcome] * 5 if outcome else [], failures=1)
    pipeline = watched(database, wins, desk)
    if outcome is None:
        failing = replace(
            action("r", "wins"), content=Says(RenderFailure("templates/x.md", 3, "no such name"))
        )
        pipeline = remade(pipeline, rules=[rule("r", failing)])
    await pipeline.engine.start()
    try:
        await until(lambda: pipeline.engine.is_idle)
        await asyncio.sleep(0.02)  # the watch's first look
        await pipeline.receive(completion())
        await until(lambda: desk.texts)
    finally:
        await pipeline.engine.stop()
    assert desk.texts == [f"trouble.started: {title}"]


async def test_the_watch_looks_at_once_when_an_event_is_put_aside(database: Database) -> None:
    """It was answered 200, and the platform will never know."""
    desk = channel("desk")
    pipeline = watched(database, channel("wins"), desk)
    await pipeline.engine.start()
    try:
        await until(lambda: pipeline.engine.is_idle)
        await asyncio.sleep(0.02)  # the watch's first look
        await pipeline.receive(b"broken")
        await until(lambda: desk.texts)
    finally:
        await pipeline.engine.stop()
    assert desk.texts == ["trouble.started: Events from eduzz cannot be processed"]


async def test_what_waits_for_a_channel_that_is_gone_is_told(database: Database) -> None:
    """Parked at a start, it would otherwise wait for somebody to read the log."""
    desk, to_old = channel("desk"), [rule("r", action("r", "old"))]
    before = remade(watched(database, channel("wins"), channel("old", *[DOWN] * 3)), rules=to_old)
    await before.run(*of_learners(2))
    after = watched(database, channel("wins"), desk)
    await after.engine.start()
    try:
        await until(lambda: desk.texts)
    finally:
        await after.engine.stop()
    assert desk.texts == ["trouble.started: Messages of the rule r cannot be made"]
    (incident,) = await database.read(incidents.lasting)
    said = "the channel 'old' is no longer in the configuration; restore it, then retry"
    assert (incident.count, incident.why) == (2, said)


@pytest.mark.parametrize("broken", [DOWN, GONE])
async def test_the_trouble_of_a_channel_ends_with_it(database: Database, broken: Outcome) -> None:
    """It is shown as broken no longer, and nobody hears that it works; if it comes back it breaks anew."""
    desk, to_old = channel("desk"), [rule("r", action("r", "old"))]
    before = remade(
        watched(database, channel("wins"), channel("old", broken, failures=1), desk), rules=to_old
    )
    await before.run(completion())
    await look(before)
    assert len(desk.texts) == 1
    after = watched(database, channel("wins"), desk)
    await after.engine.start()
    await after.engine.stop()
    assert [each.kind for each in await database.read(incidents.lasting)] == ["deliveries_parked"]
    await look(after.restarted())
    assert len(desk.texts) == 2
    back = remade(watched(database, channel("old", broken, failures=1), desk), rules=to_old)
    await back.run(completion("e2"))
    await look(back)
    assert desk.texts == [
        desk.texts[0],
        "trouble.started: Messages of the rule r cannot be made",
        desk.texts[0],
    ]


async def test_what_a_person_paused_stays_so_though_it_was_not_configured_for_a_while(
    database: Database,
) -> None:
    """They would not expect it to send again by an edit."""
    before = watched(database, channel("wins"), channel("old"))
    await before.operator.pause("old", "moving house")
    after = watched(database, channel("wins"), channel("desk"))
    await after.engine.start()
    await after.engine.stop()
    standing = await database.read(lambda c: standings.read(c, "old"))
    assert standing.breaker.phase is Phase.STOPPED


async def test_a_store_that_failed_for_a_moment_is_told_of_once_an_hour(database: Database) -> None:
    """Senders were told to come back, so somebody has to hear of it, also if it worked at every look."""
    away, desk = Away(database), channel("desk")
    pipeline = watched(away, channel("wins"), desk)

    async def moment(event: str) -> None:
        away.away = True
        assert await pipeline.receive(completion(event)) == [503]
        away.away = False
        await look(pipeline)

    await look(pipeline)
    await moment("e1")
    assert desk.texts == ["trouble.ended: The store could not be written"]
    for _ in range(10):
        pipeline.clock.advance(minutes=5)
        await moment("e1")
    assert len(desk.texts) == 1
    pipeline.clock.advance(minutes=10)
    await moment("e1")
    assert len(desk.texts) == 2


async def test_nodes_that_share_a_store_tell_of_it_once(database: Database) -> None:
    """Each has noticed; only what lasted longer for one of them is told by that one too."""
    desk, one, two = channel("desk"), Away(database), Away(database)
    first = watched(one, channel("wins"), desk)
    second = remade(watched(two, channel("wins"), desk), name="node-2", clock=first.clock)

    async def both() -> None:
        await look(first)
        await look(second)

    for times in (1, 2):
        one.away = two.away = True
        for _ in range(6):
            await first.engine.alarm.look()
            first.clock.advance(seconds=15)
            await second.engine.alarm.look()
            first.clock.advance(seconds=15)
        one.away = False
        await look(first)
        first.clock.advance(seconds=30)
        two.away = False
        await both()
        await both()
        assert desk.texts == ["trouble.ended: The store could not be written"] * times
        first.clock.advance(minutes=5)
    one.away = two.away = True
    await both()
    one.away = False
    await both()
    first.clock.advance(minutes=10)
    two.away = False
    await both()
    assert len(desk.texts) == 4


async def test_a_short_failure_was_told_of_however_many_processes_have_seen_one(database: Database) -> None:
    """Once an hour, by any node, before a restart or after it; a wrong clock hides no long one."""
    desk = channel("desk")
    for minute in range(3):
        away = Away(database)
        pipeline = watched(away, channel("wins"), desk)
        pipeline.clock.advance(minutes=10 * minute)
        away.away = True
        assert await pipeline.receive(completion("e1")) == [503]
        away.away = False
        await look(pipeline)
    assert len(desk.texts) == 1
    pipeline.clock.advance(days=-1)
    away.away = True
    await look(pipeline)
    away.away = False
    await look(pipeline)
    assert len(desk.texts) == 2
