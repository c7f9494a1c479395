"""What has waited gets its message with others, and is sent like what was never claimed."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

from msgspec.structs import replace

from bridge.core.events import Facts
from bridge.core.messages import Payload
from bridge.core.outcomes import Delivered, Reason, Rejected, State
from bridge.core.rules import Action
from bridge.store import details, views
from bridge.store.database import Database
from bridge.store.details import DeliveryDetails
from tests.pipeline.test_direct import settled, states
from tests.pipeline.test_flights import PromptChannel, somebody
from tests.pipeline.test_store_away import Flaky, pass_time
from tests.support.pipeline import Pipeline, ScriptedChannel, action, channels, rule, until

CLAIMED = 4
"""Deliveries that a channel claims at once, which sends one at a time and is not alone on its store."""


@dataclass
class Does:
    """Content that does something as it is made for some events."""

    on: Mapping[str, Callable[[], object]] = field(default_factory=dict)

    def render(self, facts: Facts) -> Mapping[str, object]:
        name = str(facts["id"])
        self.on.get(name, str)()
        return {"text": name, "to": "x"}


def doing(**on: Callable[[], object]) -> Action:
    return replace(action("r", "crm"), content=Does(on))


def bridge(database: Database, crm: ScriptedChannel, act: Action | None = None) -> Pipeline:
    return Pipeline(database, [rule("r", act or action("r", "crm"))], channels(crm))


@asynccontextmanager
async def waiting(pipeline: Pipeline, count: int) -> AsyncIterator[None]:
    """Start with so many deliveries that wait in the store, without messages; stop at the end."""
    await pipeline.operator.pause("crm", "so that they wait")
    await pipeline.run(*map(somebody, range(count)))
    await pipeline.operator.resume("crm")
    await pipeline.engine.start()
    yield
    await pipeline.engine.stop(1)


async def answered(crm: PromptChannel, count: int) -> list[str]:
    """Answer so many messages, one after the other, and return their deliveries' ids in this order."""
    ids = []
    for _ in range(count):
        await until(lambda: crm.under_way)
        ids.append(crm.answer(Delivered(200)))
    return ids


async def payload(database: Database, delivery_id: str) -> Payload | None:
    shown = await database.read(lambda c: details.show_delivery(c, delivery_id))
    assert isinstance(shown, DeliveryDetails)
    return shown.payload


async def in_order(database: Database) -> list[str]:
    """Return the ids of all deliveries, the oldest first."""
    page = await database.read(lambda c: views.list_deliveries(c, views.DeliveryFilter()))
    return [row.id for row in reversed(page)]


async def test_what_has_waited_is_sent_in_its_order_and_without_tasks(database: Database) -> None:
    """However many claims it takes."""
    crm = PromptChannel("crm", hands=1)
    async with waiting(bridge(database, crm), 3 * CLAIMED):
        sent = await answered(crm, 3 * CLAIMED)
        await settled(database, 3 * CLAIMED)
    assert sent == await in_order(database)
    assert crm.sent == []


async def test_every_message_of_a_claim_is_stored_before_the_first_attempt(database: Database) -> None:
    """So that whatever is sent is sent again as it was."""
    crm = PromptChannel("crm", hands=1)
    async with waiting(bridge(database, crm), CLAIMED):
        await until(lambda: crm.under_way)
        assert None not in [await payload(database, id_) for id_ in await in_order(database)]
        await answered(crm, CLAIMED)


async def test_a_message_that_cannot_be_made_holds_up_no_other(database: Database) -> None:
    """It is parked as ever, with what went wrong in the log."""

    def fail() -> None:
        raise RuntimeError("a mistake of ours")

    crm = PromptChannel("crm", hands=1)
    pipeline = bridge(database, crm, doing(e1=fail))
    async with waiting(pipeline, 3):
        await answered(crm, 2)
        await settled(database, 2)
        await until(lambda: pipeline.engine.is_idle)
    assert await states(database) == [State.DELIVERED, State.PARKED, State.DELIVERED]
    assert "delivery parked after an unexpected error" in pipeline.log.events("exception")


async def test_a_channel_that_stops_while_messages_are_made_gets_none_of_them(database: Database) -> None:
    """They go back into the queue."""
    crm = PromptChannel("crm", hands=1)
    last = f"e{CLAIMED + 1}"
    gone = {last: lambda: crm.answer(Rejected(Reason.CLIENT, 410, gone=True))}
    pipeline = bridge(database, crm, doing(**gone))
    async with waiting(pipeline, 2 * CLAIMED):
        await answered(crm, CLAIMED // 2)
        await until(lambda: pipeline.engine.is_idle)
    found = await states(database)
    assert found.count(State.DELIVERED) == CLAIMED // 2
    assert found.count(State.PENDING) == 2 * CLAIMED - CLAIMED // 2
    assert (crm.under_way, crm.sent) == ([], [])


async def test_a_store_that_is_away_while_messages_are_stored_only_delays_them(database: Database) -> None:
    """Each is sent once, when it is back."""
    store, crm = Flaky(database), ScriptedChannel("crm")

    def leave() -> None:
        store.writes_left = 0

    pipeline = bridge(store, crm, doing(e2=leave))
    await pipeline.receive(*map(somebody, range(3)))
    work = asyncio.create_task(pipeline.engine.drain())
    waits = "delivery waits, the store cannot be written"
    await until(lambda: pipeline.log.events("warning").count(waits) == 3)
    assert crm.sent == []
    store.writes_left = None
    await pass_time(pipeline, store, 60)
    await work
    assert sorted(crm.texts) == ["e0", "e1", "e2"]
    assert await states(database) == [State.DELIVERED] * 3
