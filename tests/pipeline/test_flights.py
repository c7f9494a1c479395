"""Messages that are sent without a task: the same promises, whatever comes of them."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Mapping
from datetime import UTC, time, timedelta
from typing import Any

import pytest
from msgspec.structs import replace

from bridge.core.conditions import NOTHING
from bridge.core.messages import RECIPIENTS, Message, Payload
from bridge.core.outcomes import Delivered, Outcome, Reason, Rejected, Retry, State
from bridge.core.quiet_hours import Hours, QuietHours
from bridge.core.rules import Unless
from bridge.core.suppressions import Scope, Source, Suppression, address_key
from bridge.store import outbox, suppressions
from bridge.store.database import Database
from tests.pipeline.test_direct import settled, states, working
from tests.support.pipeline import Pipeline, ScriptedChannel, action, channels, completion, rule, until


class PromptChannel(ScriptedChannel):
    """Takes every message at once, and answers when told to."""

    def __init__(self, name: str, *, hands: int = 4) -> None:
        super().__init__(name, hands=hands)
        self.under_way: list[tuple[str, Callable[[Outcome], None]]] = []
        self.at_hand = True

    def send_at_once(self, payload: Payload, delivery_id: str, told: Callable[[Outcome], None]) -> bool:
        if self.at_hand:
            self.under_way.append((delivery_id, told))
        return self.at_hand

    def outcome(self, came: Outcome) -> Outcome:
        if isinstance(came, Delivered) and came.answer == "nonsense":
            raise RuntimeError("a mistake of ours")
        return came

    def answer(self, outcome: Outcome) -> str:
        """Answer what has been under way for longest."""
        delivery_id, told = self.under_way.pop(0)
        told(outcome)
        return delivery_id


def bridge(database: Database, crm: PromptChannel) -> Pipeline:
    return Pipeline(database, [rule("r", action("r", "crm"))], channels(crm), of_node={"alone": True})


def somebody(number: int) -> dict[str, object]:
    """Return an event of a learner of its own."""
    return completion(f"e{number}", learner={"name": "L", "email": f"l{number}@aluna.example"})


async def turned() -> None:
    """Let everything that can run, run."""
    for _ in range(20):
        await asyncio.sleep(0)


async def test_a_message_goes_out_at_once_and_its_answer_is_recorded(database: Database) -> None:
    """Without a task for it; it counts as work until it is recorded."""
    crm = PromptChannel("crm")
    async with working(bridge(database, crm)) as pipeline:
        await pipeline.receive(somebody(1))
        await until(lambda: crm.under_way)
        assert not pipeline.engine.is_idle
        crm.answer(Delivered(200))
        await settled(database, 1)
        await until(lambda: pipeline.engine.is_idle)
        assert crm.sent == []
        assert pipeline.log.events("info").count("attempt finished") == 1


async def test_no_more_are_under_way_than_the_channel_wants(database: Database) -> None:
    """The others have their turn in order, as soon as an answer is there."""
    crm = PromptChannel("crm", hands=2)
    async with working(bridge(database, crm)) as pipeline:
        await pipeline.receive(*(somebody(number) for number in range(5)))
        for left in (2, 2, 2, 2, 1):
            await until(lambda: len(crm.under_way) == left)  # noqa: B023 - called within the turn
            crm.answer(Delivered(200))
        await settled(database, 5)


async def test_a_message_that_cannot_go_at_once_goes_by_a_task(database: Database) -> None:
    """As where no connection is at hand; it keeps its turn."""
    crm = PromptChannel("crm", hands=1)
    crm.at_hand = False
    async with working(bridge(database, crm)) as pipeline:
        await pipeline.receive(somebody(1), somebody(2))
        await settled(database, 2)
        assert len(crm.sent) == 2


@pytest.mark.parametrize(
    "what",
    [
        {"expires": timedelta(hours=1)},
        {"quiet_hours": QuietHours(Hours(time(22), time(8)), UTC)},
        {"unless": Unless(("lesson.completed",), NOTHING, ("learner.email",))},
    ],
    ids=lambda what: next(iter(what)),
)
async def test_what_may_be_held_by_its_rule_goes_by_a_task(database: Database, what: dict[str, Any]) -> None:
    """Which asks whether this is the time for it; without a task nobody would."""
    crm = PromptChannel("crm")
    held = Pipeline(
        database,
        [rule("r", replace(action("r", "crm"), **what))],
        channels(crm),
        of_node={"alone": True},
    )
    async with working(held) as pipeline:
        await pipeline.receive(somebody(1))
        await settled(database, 1)
        assert (len(crm.sent), crm.under_way) == (1, [])


@pytest.mark.parametrize(
    ("outcome", "state"),
    [
        (Retry(Reason.SERVER, 503), State.PENDING),
        (Rejected(Reason.CLIENT, 404), State.DEAD),
        (Delivered(200, "nonsense"), State.PENDING),
    ],
)
async def test_what_is_no_success_is_recorded_as_ever(
    database: Database, outcome: Outcome, state: State
) -> None:
    """With a mistake of ours in reading the answer among it: what was sent is not sent again at once."""
    crm = PromptChannel("crm")
    async with working(bridge(database, crm)) as pipeline:
        await pipeline.receive(somebody(1))
        await until(lambda: crm.under_way)
        crm.answer(outcome)
        await until(lambda: pipeline.engine.is_idle)
        assert await states(database) == [state]
        assert "attempt finished" in pipeline.log.events("info")


async def test_what_waits_for_its_turn_is_not_sent_to_a_channel_that_stopped_meanwhile(
    database: Database,
) -> None:
    """It goes back into the queue that a person decides about."""
    crm = PromptChannel("crm", hands=1)
    async with working(bridge(database, crm)) as pipeline:
        await pipeline.receive(somebody(1), somebody(2))
        await until(lambda: crm.under_way)
        crm.answer(Rejected(Reason.CLIENT, 410, gone=True))
        await until(lambda: pipeline.engine.is_idle)
        assert await states(database) == [State.PENDING, State.PENDING]
        assert (crm.under_way, crm.sent) == ([], [])


async def test_a_result_that_cannot_be_written_with_others_is_written_alone(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What was delivered must not go out again."""
    crm, tries = PromptChannel("crm"), list[int]()

    def lost(_c: object, results: list[object]) -> object:
        tries.append(len(results))
        raise outbox.LeaseLost

    async with working(bridge(database, crm)) as pipeline:
        await pipeline.receive(somebody(1))
        await until(lambda: crm.under_way)
        monkeypatch.setattr(outbox, "record_delivered", lost)
        crm.answer(Delivered(200))
        await settled(database, 1)
        assert tries == [1]
        await until(lambda: pipeline.engine.is_idle)


async def test_a_stop_waits_for_what_is_under_way_and_begins_nothing(database: Database) -> None:
    """What waits for its turn is given back, due as before."""
    crm = PromptChannel("crm", hands=1)
    pipeline = bridge(database, crm)
    await pipeline.engine.start()
    await until(lambda: pipeline.engine.is_idle)
    await pipeline.receive(somebody(1), somebody(2))
    await until(lambda: crm.under_way)
    stopping = asyncio.create_task(pipeline.engine.stop(30))
    await turned()
    crm.answer(Delivered(200))
    await stopping
    assert await states(database) == [State.DELIVERED, State.PENDING]
    assert crm.under_way == []


async def test_an_answer_after_the_deadline_of_a_stop_counts_no_more(database: Database) -> None:
    """The lease is given back, and whoever takes it up sends the message with the same id."""
    crm = PromptChannel("crm")
    pipeline = bridge(database, crm)
    await pipeline.engine.start()
    await until(lambda: pipeline.engine.is_idle)
    await pipeline.receive(somebody(1))
    await until(lambda: crm.under_way)
    await pipeline.engine.stop(0.01)
    assert await states(database) == [State.PENDING]
    before = crm.answer(Delivered(200))
    assert await states(database) == [State.PENDING]
    after = pipeline.restarted()
    await after.engine.start()
    await until(lambda: crm.under_way)
    assert crm.answer(Delivered(200)) == before
    await settled(database, 1)
    await after.engine.stop(1)


async def test_what_is_under_way_stays_with_the_engine_that_sends_it(database: Database) -> None:
    """Its lease is not given back while another engine begins: it would send the message again."""
    crm = PromptChannel("crm")
    pipeline = bridge(database, crm)
    await pipeline.engine.start()
    await until(lambda: pipeline.engine.is_idle)
    await pipeline.receive(somebody(1))
    await until(lambda: crm.under_way)
    ending = await pipeline.engine.hand_over(30, 0.01)
    async with working(pipeline.restarted()):
        assert len(crm.under_way) == 1
        assert await states(database) == [State.SENDING]
        crm.answer(Delivered(200))
        await ending
        assert await states(database) == [State.DELIVERED]


async def test_a_message_with_its_bytes_is_taken_up_again_without_a_task(database: Database) -> None:
    """A retry, that is: claimed when its time has come."""
    crm = PromptChannel("crm")
    async with working(bridge(database, crm)) as pipeline:
        await pipeline.receive(somebody(1))
        await until(lambda: crm.under_way)
        first = crm.answer(Retry(Reason.SERVER, 503))
        await until(lambda: pipeline.engine.is_idle)

        def comes_with_time() -> bool:
            pipeline.clock.advance(seconds=1)
            return bool(crm.under_way)

        await until(comes_with_time)
        assert crm.answer(Delivered(200)) == first
        await settled(database, 1)
        assert crm.sent == []


class PersonalChannel(PromptChannel):
    """Sends to the address of the learner."""

    def encode(self, message: Message, settings: Mapping[str, object]) -> Payload:
        return replace(super().encode(message, settings), meta={RECIPIENTS: ["maria@aluna.example"]})


@pytest.mark.parametrize(("waits_s", "is_let_go"), [(4, True), (6, False)])
async def test_people_are_asked_about_again_where_a_message_has_waited_for_its_turn(
    database: Database, waits_s: int, is_let_go: bool
) -> None:
    """What was asked when it was stored is good for a moment, with or without a task."""
    mails = PersonalChannel("crm", hands=1)
    async with working(bridge(database, mails)) as pipeline:
        await pipeline.receive(somebody(1), somebody(2))
        await until(lambda: mails.under_way)
        off = Suppression(
            key=address_key(database.secret, "maria@aluna.example"),
            source=Source.OPERATOR,
            scope=Scope.EVERYTHING,
            at=pipeline.clock.now(),
        )
        await database.write(lambda c: suppressions.add(c, off))
        pipeline.clock.jump(seconds=waits_s)
        mails.answer(Delivered(200))
        await until(lambda: bool(mails.under_way) is is_let_go and pipeline.engine.is_idle is not is_let_go)
        if is_let_go:
            mails.answer(Delivered(200))
            await settled(database, 2)
        assert await states(database) == [State.DELIVERED, State.DELIVERED if is_let_go else State.SUPPRESSED]
        assert mails.sent == []


@pytest.mark.parametrize("at_hand", [True, False])
async def test_what_another_node_took_over_while_this_one_stood_still_is_not_sent_by_it(
    database: Database, *, at_hand: bool
) -> None:
    """Neither without a task nor with one: its lease was over before its turn came."""
    slow, quick = PromptChannel("crm", hands=1), PromptChannel("crm")
    slow.at_hand = at_hand
    answered = asyncio.Event()
    slow.before_answer = answered.wait
    node = Pipeline(database, [rule("r", action("r", "crm"))], channels(slow))
    async with working(node):
        await node.receive(somebody(1), somebody(2))
        await until(lambda: len(slow.under_way) + len(slow.sent) == 1)
        await until(lambda: len(node.engine.under_way) == 2)
        node.clock.jump(hours=2)
        other = node.restarted(channels=channels(quick))
        quick.at_hand = False
        await other.engine.drain()
        assert len(quick.sent) == 2
        if at_hand:
            slow.answer(Delivered(200))
        answered.set()
        await until(lambda: not node.engine.under_way)
        assert len(slow.under_way) + len(slow.sent) == (0 if at_hand else 1)
        assert await states(database) == [State.DELIVERED, State.DELIVERED]


async def test_what_is_under_way_for_longer_than_its_lease_goes_on_under_a_new_one(
    database: Database,
) -> None:
    """As when the clock was set forward: nothing is lost, and nothing goes out twice."""
    crm = PromptChannel("crm", hands=1)
    async with working(bridge(database, crm)) as pipeline:
        await pipeline.receive(somebody(1), somebody(2), somebody(3))
        await until(lambda: crm.under_way)
        pipeline.clock.jump(hours=2)
        seen = []
        for _ in range(3):
            await until(lambda: crm.under_way)
            seen.append(crm.answer(Delivered(200)))
        await settled(database, 3)
        assert len(set(seen)) == 3
        assert crm.sent == []


async def test_what_is_claimed_before_it_is_known_to_be_stored_is_sent_once(database: Database) -> None:
    """The process stood still while it was stored, for longer than the lease that it was stored under."""
    crm = PromptChannel("crm")
    async with working(bridge(database, crm)) as pipeline:
        goes_on = threading.Event()
        held = asyncio.create_task(database.write(lambda _: goes_on.wait()))
        event = asyncio.create_task(pipeline.receive(somebody(1)))
        await turned()
        pipeline.clock.jump(hours=2)
        pipeline.clock.advance(seconds=1)  # the look that finds it
        await turned()
        goes_on.set()
        await asyncio.gather(held, event)
        await until(lambda: crm.under_way)
        await turned()
        assert len(crm.under_way) == 1
        crm.answer(Delivered(200))
        await settled(database, 1)
        await until(lambda: pipeline.engine.is_idle)
        assert (crm.under_way, crm.sent) == ([], [])
