"""What is decided about an event before it is stored, so that both are one transaction."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Mapping, Sequence

import pytest
from sqlalchemy import event

from bridge.core.messages import Message, Payload
from bridge.core.outcomes import State
from bridge.pipeline.ingest import Ingest
from bridge.pipeline.settling import Draft, Way
from bridge.pipeline.storing import Storing
from bridge.store import claiming, details, outbox, views
from bridge.store.database import Database
from bridge.store.details import EventDetails
from bridge.store.entries import Lease
from tests.pipeline.test_direct import settled, states, working
from tests.support.loop_time import pass_time
from tests.support.pipeline import (
    Pipeline,
    ScriptedChannel,
    Unattended,
    action,
    channels,
    completion,
    rule,
    undecided,
    until,
)


def alone(database: Database, *scripted: ScriptedChannel, once_per: tuple[str, ...] = ()) -> Pipeline:
    actions = [action("r", channel.name, once_per=once_per) for channel in scripted]
    return Pipeline(database, [rule("r", *actions)], channels(*scripted), of_node={"alone": True}, hide=str)


def commits_counted(database: Database) -> list[object]:
    commits: list[object] = []
    event.listen(database.engine, "commit", commits.append)
    return commits


async def shown(database: Database, seq: int) -> EventDetails:
    found = await database.read(lambda c: details.show_event(c, seq))
    assert isinstance(found, EventDetails)
    return found


async def summary(database: Database, seq: int) -> Mapping[str, object]:
    return (await shown(database, seq)).row.summary or {}


async def first(pipeline: Pipeline, database: Database) -> None:
    """Let the first event through, which stores the rules."""
    await pipeline.receive(completion("first", learner={"email": "first@aluna.example"}))
    await settled(database, len(pipeline.channels))
    await until(lambda: pipeline.engine.is_idle)


async def test_a_delivered_event_waits_for_two_commits(database: Database) -> None:
    """One stores it with what follows from it, one the result."""
    wins = ScriptedChannel("wins")
    async with working(alone(database, wins)) as pipeline:
        await first(pipeline, database)
        commits = commits_counted(database)
        await pipeline.receive(completion())
        await settled(database, 2)
        await until(lambda: pipeline.engine.is_idle)
        assert len(commits) == 2
    found = await shown(database, 2)
    assert (found.row.state, found.row.event_id) == ("done", "e1")
    said = await summary(database, 2)
    assert (said["deliveries"], said["matched"], bool(said["rules"])) == (1, ["r"], True)


async def test_a_stream_of_events_does_not_keep_to_the_way_of_its_first_one(database: Database) -> None:
    """Whatever comes while the rules are stored, soon each is decided before it is stored."""
    wins = ScriptedChannel("wins", hands=32)
    async with working(alone(database, wins)) as pipeline:
        decided: list[bool] = []
        ways = pipeline.engine.inlet.ways
        pipeline.engine.inlet.ways = lambda *of: _noted(decided, ways(*of))  # type: ignore[method-assign]

        async def sender(number: int) -> None:
            for each in range(10):
                email = f"{number}-{each}@aluna.example"
                await pipeline.receive(completion(f"e{number}-{each}", learner={"email": email}))

        await asyncio.gather(*map(sender, range(8)))
        await until(lambda: len(wins.sent) == 80)
        await until(lambda: pipeline.engine.is_idle)
        assert decided[-40:] == [True] * 40


async def test_those_of_one_moment_keep_a_learners_order(database: Database) -> None:
    """They are stored together, and the second waits for the first all the same."""
    gate, wins = asyncio.Event(), ScriptedChannel("wins")
    async with working(alone(database, wins)) as pipeline:
        await first(pipeline, database)
        wins.before_answer = gate.wait
        together = commits_counted(database)
        await asyncio.gather(*(pipeline.receive(completion(name)) for name in ("e1", "e2", "e3")))
        assert len(together) == 1
        await until(lambda: len(wins.sent) == 2)
        await asyncio.sleep(0.02)
        assert len(wins.sent) == 2
        gate.set()
        await settled(database, 4)
        assert wins.texts[1:] == [f"module.completed {name}" for name in ("e1", "e2", "e3")]


async def test_what_an_earlier_life_left_is_not_overtaken_at_a_start(database: Database) -> None:
    """It is still on its way from the store when the next event of its learner comes."""
    wins, may_go = ScriptedChannel("wins"), threading.Event()
    before = alone(database, wins)
    before.ingest = Ingest(before.node, {"eduzz": before.source}, Unattended())
    await before.receive(completion("e1"), completion("e2"))
    pipeline = before.restarted()
    await pipeline.rulebook.kept()
    await pipeline.engine.start()
    event.listen(database.engine, "begin", lambda _: may_go.wait(30))
    posted = asyncio.ensure_future(pipeline.receive(completion("e3")))
    for _ in range(20):
        await asyncio.sleep(0)
    pass_time(2)
    await asyncio.sleep(0.02)
    may_go.set()
    assert await posted == [200]
    await settled(database, 3)
    await pipeline.engine.stop(1)
    assert wins.texts == [f"module.completed {name}" for name in ("e1", "e2", "e3")]


async def test_a_claim_that_is_taken_is_told(database: Database) -> None:
    """What was foreseen is set right in the same transaction."""
    wins = ScriptedChannel("wins")
    async with working(alone(database, wins, once_per=("learner.email",))) as pipeline:
        await first(pipeline, database)
        await pipeline.receive(completion("e1"), completion("e2"))
        await settled(database, 2)
        assert (await summary(database, 2))["deliveries"] == 1
        skipping = await summary(database, 3)
        assert skipping["deliveries"] == 0
        assert "already sent or under way" in str(skipping["skipped"])
        assert len(wins.sent) == 2
        await until(lambda: pipeline.engine.inlet.worker.is_quiet)


async def test_a_duplicate_makes_nothing(database: Database) -> None:
    """Nor does it use up the channel's hands."""
    wins = ScriptedChannel("wins", hands=1)
    async with working(alone(database, wins)) as pipeline:
        await first(pipeline, database)
        for _ in range(50):
            assert await pipeline.receive(completion()) == [200]
        await settled(database, 2)
        await pipeline.receive(completion("e2"))
        await settled(database, 3)
        assert wins.texts[1:] == ["module.completed e1", "module.completed e2"]


class Odd(ScriptedChannel):
    """A channel whose payload for one event cannot be stored."""

    def encode(self, message: Message, settings: Mapping[str, object]) -> Payload:
        made = super().encode(message, settings)
        return Payload(body=made.body, meta={"odd": object()}) if b"odd" in made.body else made


async def test_what_cannot_be_written_costs_no_event(database: Database) -> None:
    """The event is stored as it came, answered, and parked with the mistake; its neighbours go on."""
    wins = Odd("wins")
    async with working(alone(database, wins)) as pipeline:
        await first(pipeline, database)
        posts = [
            pipeline.receive(completion(name, learner={"email": f"{name}@aluna.example"}))
            for name in ("e1", "odd", "e2")
        ]
        assert await asyncio.gather(*posts) == [[200]] * 3
        await settled(database, 3)
        await until(lambda: pipeline.engine.is_idle)
        page = await database.read(lambda c: views.list_events(c, views.EventFilter(source="eduzz")))
        assert {row.event_id or row.delivery_key: row.state for row in page} == {
            "first": "done",
            "e1": "done",
            "odd": "parked",
            "e2": "done",
        }


async def test_a_mistake_in_deciding_costs_no_event(database: Database) -> None:
    """Whatever the parser or a rule raises: the event is stored as it came, and parked."""
    wins = ScriptedChannel("wins")
    pipeline = alone(database, wins)

    class Broken:
        def parse(self, _request: object) -> object:
            raise RecursionError("a bug")

    async with working(pipeline):
        await first(pipeline, database)
        pipeline.engine.inlet._dispatcher._planner._sources = {"eduzz": Broken()}  # type: ignore[dict-item]
        assert await pipeline.receive(completion()) == [200]
        await until(lambda: "entry parked" in pipeline.log.events("warning"))
        assert (await shown(database, 2)).row.state == "parked"


class Faulty(ScriptedChannel):
    """A channel that cannot make one message, for a mistake of ours."""

    def encode(self, message: Message, settings: Mapping[str, object]) -> Payload:
        made = super().encode(message, settings)
        if b"odd" in made.body:
            raise RuntimeError("a bug")
        return made


async def test_a_mistake_in_deciding_costs_no_channel_its_hands(database: Database) -> None:
    """Neither the one that fails nor the one that was asked before it, however often it happens."""
    wins, crm = ScriptedChannel("wins", hands=1), Faulty("crm", hands=1)
    async with working(alone(database, wins, crm)) as pipeline:
        await first(pipeline, database)
        for number in range(40):
            email = f"{number}@aluna.example"
            assert await pipeline.receive(completion(f"odd{number}", learner={"email": email})) == [200]
        await until(
            lambda: pipeline.log.events("exception").count("entry parked after an unexpected error") == 40
        )
        await pipeline.receive(completion("e1"))
        await settled(database, 4)
        assert (wins.texts[1:], crm.texts[1:]) == (["module.completed e1"], ["module.completed e1"])


@pytest.mark.parametrize("drafts", [True, False])
async def test_what_is_stored_after_its_sender_was_put_off_goes_on_at_once(
    database: Database, *, drafts: bool
) -> None:
    """A slow disk makes nothing wait for the end of a lease that nobody works under."""
    wins, may_go = ScriptedChannel("wins"), threading.Event()
    async with working(alone(database, wins)) as pipeline:
        await first(pipeline, database)
        if not drafts:
            undecided(pipeline.engine.inlet)
        answer = pipeline.ingest._answer
        pipeline.ingest._storing = Storing(pipeline.node, pipeline.engine.inlet, answer, limit_s=0.05)
        slow = asyncio.ensure_future(database.write(lambda _: may_go.wait(30)))
        assert await pipeline.receive(completion("e1")) == [503]
        may_go.set()
        await slow
        await settled(database, 2)
        # The disk is quick again.
        pipeline.ingest._storing = Storing(pipeline.node, pipeline.engine.inlet, answer)
        assert wins.texts[1:] == ["module.completed e1"]
        assert await pipeline.receive(completion("e1"), completion("e2")) == [200, 200]
        await settled(database, 3)
        assert wins.texts[2:] == ["module.completed e2"]
        await until(lambda: pipeline.engine.inlet.worker.is_quiet)


async def test_a_result_whose_lease_is_lost_harms_no_other(database: Database) -> None:
    """Results of one moment are recorded together, unless one of them is not ours any more."""
    gate = asyncio.Event()
    wins = ScriptedChannel("wins")
    async with working(alone(database, wins)) as pipeline:
        await first(pipeline, database)
        wins.before_answer = gate.wait
        for name in ("e1", "e2", "e3"):
            await pipeline.receive(completion(name, learner={"email": f"{name}@aluna.example"}))
        await until(lambda: len(wins.sent) == 4)
        lost = wins.sent[2][0]
        await database.write(lambda c: outbox.release(c, pipeline.name))
        await database.write(
            lambda c: [
                claiming.claim_due(
                    c,
                    channel="wins",
                    now=pipeline.clock.now(),
                    lease=Lease("another", pipeline.clock.now()),
                    limit=9,
                )
            ]
        )
        gate.set()
        await until(lambda: len(pipeline.log.events("warning")) == 3)
        assert pipeline.log.events("warning") == ["result not recorded, the lease was lost"] * 3
        assert lost
        assert (await states(database)).count(State.DELIVERED) == 1


def _noted(decided: list[bool], ways: Sequence[Way]) -> Sequence[Way]:
    decided += (isinstance(way, Draft) for way in ways)
    return ways
