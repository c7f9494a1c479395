"""From stored entries to deliveries."""

from __future__ import annotations

import asyncio
import json
from datetime import timedelta

import pytest

from bridge.core.outcomes import Delivered, Reason, Rejected, State
from bridge.core.rules import Rule
from bridge.pipeline.inlet import HANDS
from bridge.pipeline.plan import TRIES_LIMIT
from bridge.store import details, inbox, views
from bridge.store.database import Database
from bridge.store.details import EventDetails
from tests.support.pipeline import Pipeline, ScriptedChannel, action, channels, completion, rule


async def states(database: Database) -> list[State]:
    page = await database.read(lambda c: views.list_deliveries(c, views.DeliveryFilter()))
    return [item.state for item in reversed(page)]


async def event_states(database: Database) -> list[tuple[str, str | None]]:
    page = await database.read(lambda c: views.list_events(c, views.EventFilter()))
    return [(item.state, item.why) for item in reversed(page)]


async def test_every_matching_rules_action_is_its_own_delivery(database: Database) -> None:
    """All matching rules run, and their actions go out independently."""
    wins, crm = ScriptedChannel("wins"), ScriptedChannel("crm")
    rules = [
        rule("a", action("a", "wins"), action("a", "crm")),
        rule("b", action("b", "wins")),
        rule("c", on="x.y"),
    ]
    pipeline = Pipeline(database, rules, channels(wins, crm))
    await pipeline.run(completion())
    assert (len(wins.sent), len(crm.sent)) == (2, 1)
    assert await states(database) == [State.DELIVERED] * 3


async def test_an_event_without_a_rule_is_finished(database: Database) -> None:
    """It is kept, and nothing waits for it."""
    pipeline = Pipeline(database, [], {})
    await pipeline.run(completion())
    assert await event_states(database) == [("done", None)]


async def test_unreadable_bodies_are_parked_and_unsupported_ones_finished(database: Database) -> None:
    """Both are kept; only what may be our fault waits for a person."""
    pipeline = Pipeline(database, [], {})
    await pipeline.run(b"{", b'{"hello": 1}')
    assert [state for state, _ in await event_states(database)] == ["parked", "done"]


async def test_an_error_in_a_rule_parks_its_event_and_no_other(database: Database) -> None:
    """One poisonous entry cannot hold up the rest."""

    class Explodes:
        source = "1 / 0"
        paths = ()

        def holds(self, facts: object) -> bool:
            return bool(1 / 0)

    wins = ScriptedChannel("wins")
    rules = [
        rule("bad", on="nutror.lesson_started", condition=Explodes()),
        rule("good", action("good", "wins")),
    ]
    pipeline = Pipeline(database, rules, channels(wins))
    await pipeline.run({"id": "p", "event": "nutror.lesson_started", "data": {}}, completion())
    assert [state for state, _ in await event_states(database)] == ["parked", "done"]
    assert wins.texts == ["module.completed e1"]
    assert "exception" in {line.level for line in pipeline.log.lines}


def once(channel: ScriptedChannel) -> list[Rule]:
    return [rule("r", action("r", channel.name, once_per=["learner.email", "module.id"]))]


async def test_once_per_sends_one_message_for_ever(database: Database) -> None:
    """Another event of the same learner and module sends nothing, and says why."""
    wins = ScriptedChannel("wins")
    pipeline = Pipeline(database, once(wins), channels(wins))
    await pipeline.run(completion("e1"), completion("e2"))
    await pipeline.restarted().run(completion("e3"))
    assert wins.texts == ["module.completed e1"]
    shown = await database.read(lambda c: details.show_event(c, 2))
    assert isinstance(shown, EventDetails)
    assert "already sent or under way" in str(shown.row.summary)


async def test_once_per_tells_people_and_modules_apart(database: Database) -> None:
    """The key is all the values together; addresses differ in case only for machines."""
    wins = ScriptedChannel("wins")
    pipeline = Pipeline(database, once(wins), channels(wins))
    await pipeline.run(
        completion("e1"),
        completion("e2", learner={"email": "MARIA@aluna.example"}),
        completion("e3", learner={"email": "joana@aluna.example"}),
        completion("e4", module={"id": "9"}),
    )
    assert wins.texts == ["module.completed e1", "module.completed e3", "module.completed e4"]


async def test_fifty_near_duplicates_at_once_send_one_message(database: Database) -> None:
    """The claim is taken in the transaction that creates the delivery."""
    wins = ScriptedChannel("wins")
    pipeline = Pipeline(database, once(wins), channels(wins))
    await asyncio.gather(*(pipeline.receive(completion(f"e{index}")) for index in range(50)))
    await pipeline.engine.drain()
    assert len(wins.sent) == 1


async def test_a_dead_delivery_gives_its_claim_back(database: Database) -> None:
    """The next event may send what the first could not."""
    wins = ScriptedChannel("wins", Rejected(Reason.CLIENT, 400))
    pipeline = Pipeline(database, once(wins), channels(wins))
    await pipeline.run(completion("e1"))
    await pipeline.run(completion("e2"))
    assert await states(database) == [State.DEAD, State.DELIVERED]


async def test_once_per_without_its_value_sends_nothing_and_says_so(database: Database) -> None:
    """A key that cannot be made would be the same for everybody."""
    wins = ScriptedChannel("wins")
    pipeline = Pipeline(database, once(wins), channels(wins))
    await pipeline.run(completion("e1", module=None))
    assert wins.sent == []
    shown = await database.read(lambda c: details.show_event(c, 1))
    assert isinstance(shown, EventDetails)
    assert "which this event does not have" in str(shown.row.summary)


SAMPLE_PEOPLE = {
    "learner": {"name": "Ciclano da Silva", "email": "learner@eduzz.com"},
    "producer": {"name": "Fulano da Silva", "email": "fulano@eduzz.com"},
    "createdAt": "2023-09-25T19:18:29Z",
}


@pytest.mark.parametrize(("deliver", "expected"), [(False, State.WITHHELD), (True, State.DELIVERED)])
async def test_the_platforms_own_test_event_is_shown_and_stays_in_the_house(
    database: Database, deliver: bool, expected: State
) -> None:
    """It runs through the rules, takes no claim, and leaves only when asked to."""
    wins = ScriptedChannel("wins", Delivered(200))
    pipeline = Pipeline(database, once(wins), channels(wins), deliver_tests=deliver)
    await pipeline.run(completion("t1", **SAMPLE_PEOPLE))
    assert await states(database) == [expected]
    assert len(wins.sent) == int(deliver)


async def test_replay_sends_again_only_what_no_claim_forbids(database: Database) -> None:
    """A replay is a new run of the rules with new deliveries; `once_per` still holds."""
    wins, crm = ScriptedChannel("wins"), ScriptedChannel("crm")
    rules = [*once(wins), rule("plain", action("plain", "crm"))]
    pipeline = Pipeline(database, rules, channels(wins, crm))
    await pipeline.run(completion())
    result = await pipeline.operator.replay(1)
    assert result.done
    await pipeline.engine.drain()
    assert (len(wins.sent), len(crm.sent)) == (1, 2)
    assert len({delivery for delivery, _ in crm.sent}) == 2


async def die_with(pipeline: Pipeline, times: int) -> None:
    """Claim what waits, and end without a word, so many times."""
    for number in range(times):
        now = pipeline.clock.now()
        await pipeline.database.write(
            lambda c, now=now, lease=f"dead/{number}": inbox.claim(  # type: ignore[misc]
                c, now=now, lease_until=now + timedelta(minutes=1), lease=lease, limit=10
            )
        )
        pipeline.clock.advance(minutes=1)


async def test_an_entry_that_ends_its_process_again_and_again_is_parked(database: Database) -> None:
    """A crash that one entry causes does not come back for ever; a replay gives it its chances again."""
    wins = ScriptedChannel("wins")
    pipeline = Pipeline(database, [rule("r", action("r", "wins"))], channels(wins))
    await pipeline.receive(completion())
    await die_with(pipeline, 5)
    await pipeline.engine.drain()
    ((state, why),) = await event_states(database)
    assert (state, wins.sent) == ("parked", [])
    assert str(why).startswith("taken up 5 times without finishing")
    await pipeline.operator.replay(1)
    await pipeline.engine.drain()
    assert len(wins.sent) == 1


async def lives(pipeline: Pipeline, *, poison: bytes) -> int:
    """Live again and again, each time until the poison is at work, until all is done; return how often."""
    for ends in range(30):
        inlet = pipeline.restarted(name=f"life-{ends}").engine.inlet
        while claimed := await inlet._claim(HANDS, ()):
            if any(entry.body == poison and entry.tries <= TRIES_LIMIT for entry, _ in claimed):
                break
            await inlet._dispatcher.dispatch(claimed)
        else:
            return ends
        pipeline.clock.advance(minutes=2)
    raise AssertionError("it never ends")


async def test_what_ends_the_process_is_told_from_its_neighbours(database: Database) -> None:
    """One entry is parked, and all that were taken up with it each time go through."""
    wins = ScriptedChannel("wins")
    pipeline = Pipeline(database, [rule("r", action("r", "wins"))], channels(wins))
    bodies = [json.dumps(completion(f"e{number}")).encode() for number in range(40)]
    await pipeline.receive(*bodies)
    assert await lives(pipeline, poison=bodies[20]) == TRIES_LIMIT
    found = [state for state, _ in await event_states(database)]
    assert (found.index("parked"), found.count("done")) == (20, 39)
    await pipeline.engine.drain()
    others = [number for number in range(40) if number != 20]
    assert wins.texts == [f"module.completed e{number}" for number in others]


async def test_an_entry_that_outlived_some_crashes_goes_through(database: Database) -> None:
    """A power cut or two are no reason to park anything."""
    wins = ScriptedChannel("wins")
    pipeline = Pipeline(database, [rule("r", action("r", "wins"))], channels(wins))
    await pipeline.receive(completion())
    await die_with(pipeline, 4)
    await pipeline.engine.drain()
    assert len(wins.sent) == 1


async def test_an_entry_is_taken_up_alone_only_while_it_is_at_work(database: Database) -> None:
    """Nothing comes beside it or before it, and what waits behind it comes as soon as it is done."""
    wins = ScriptedChannel("wins")
    pipeline = Pipeline(database, [rule("r", action("r", "wins"))], channels(wins))
    await pipeline.receive(*(completion(f"e{number}") for number in range(3)))
    await die_with(pipeline, 2)
    await pipeline.receive(completion("e3"))
    inlet = pipeline.engine.inlet
    (first,) = await inlet._claim(HANDS, ())
    assert await inlet._claim(HANDS, [first]) == ()
    assert not inlet.worker.reserve()
    await inlet._dispatcher.dispatch([first])
    (second,) = await inlet._claim(HANDS, ())
    assert (first[0].seq, second[0].seq, second[0].tries) == (1, 2, 3)
    await inlet._dispatcher.dispatch([second])
    await pipeline.engine.drain()
    assert wins.texts == [f"module.completed e{number}" for number in range(4)]
