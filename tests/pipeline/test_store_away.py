"""What was sent while the store was away is recorded when it is back, and not sent again."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from typing import TypeVar

import pytest

from bridge.clock import Clock
from bridge.core.messages import Message, Payload
from bridge.core.outcomes import Delivered, Reason, Retry, State
from bridge.logs import Log
from bridge.store import details, inbox, views
from bridge.store.database import Connection, Database, News, StoreInDoubt, StoreUnavailable
from bridge.store.deliveries import Attempt
from bridge.store.details import DeliveryDetails
from bridge.store.listening import Listener
from tests.support.pipeline import (
    Pipeline,
    ScriptedChannel,
    action,
    channels,
    completion,
    rule,
    undecided,
    until,
)

T = TypeVar("T")


class Flaky(Database):
    """A store that can be away: `writes_left` is how many writes are still made, None for all."""

    def __init__(self, inner: Database) -> None:
        self.secret = inner.secret
        self.inner = inner
        self.writes_left: int | None = None

    @property
    def is_shared(self) -> bool:
        return self.inner.is_shared

    async def write(self, operation: Callable[[Connection], T], *, weight: int = 1) -> T:
        if self.writes_left == 0:
            raise StoreUnavailable("the disk is full")
        if self.writes_left is not None:
            self.writes_left -= 1
        return await self.inner.write(operation, weight=weight)

    async def read(self, query: Callable[[Connection], T]) -> T:
        return await self.inner.read(query)

    def listener(self, heard: Callable[[News], None], *, clock: Clock, log: Log) -> Listener | None:
        return self.inner.listener(heard, clock=clock, log=log)

    async def settled(self) -> None:
        """Let everything that can run, run, with the writes that it makes."""
        for _ in range(10):
            await self.inner.write(lambda _: None)
            await asyncio.sleep(0)


class Slow(ScriptedChannel):
    """A channel whose destination answers when it is let."""

    def __init__(self) -> None:
        super().__init__("wins", Delivered(200, "ok"))
        self.reached, self.answers = asyncio.Event(), asyncio.Event()
        self.before_answer = self._wait

    async def _wait(self) -> None:
        self.reached.set()
        await self.answers.wait()


async def outcome(database: Database) -> tuple[State, tuple[Attempt, ...]]:
    (row,) = await database.read(lambda c: views.list_deliveries(c, views.DeliveryFilter()))
    shown = await database.read(lambda c: details.show_delivery(c, row.id))
    assert isinstance(shown, DeliveryDetails)
    return shown.row.state, shown.attempts


async def under_way(store: Flaky, wins: Slow) -> Pipeline:
    """Return a running pipeline whose one message stands before the destination's answer."""
    pipeline = Pipeline(store, [rule("r", action("r", "wins"))], channels(wins))
    await pipeline.receive(completion())
    await pipeline.engine.start()
    async with asyncio.timeout(50):
        await wins.reached.wait()
    return pipeline


async def pass_time(pipeline: Pipeline, store: Flaky, seconds: int) -> None:
    for _ in range(seconds):
        pipeline.clock.advance(seconds=1)
        await store.settled()


async def test_a_store_that_is_away_for_longer_than_a_lease_costs_no_second_message(
    database: Database,
) -> None:
    """The result waits in memory, and the loop does not take up its own work again."""
    store, wins = Flaky(database), Slow()
    pipeline = await under_way(store, wins)
    store.writes_left = 0
    wins.answers.set()
    await pass_time(pipeline, store, 125)
    assert "result waits, the store cannot be written" in pipeline.log.events("warning")
    store.writes_left = None
    await pass_time(pipeline, store, 60)
    state, attempts = await outcome(database)
    assert (len(wins.sent), state, [attempt.answer for attempt in attempts]) == (1, State.DELIVERED, ["ok"])
    await pipeline.engine.stop(0.01)


async def test_an_attempt_that_outlasts_its_lease_is_not_started_again(database: Database) -> None:
    """As after a jump of the clock: the one that is under way is the one that counts."""
    store, wins = Flaky(database), Slow()
    pipeline = await under_way(store, wins)
    await pass_time(pipeline, store, 60)
    assert len(wins.sent) == 1
    wins.answers.set()
    await pass_time(pipeline, store, 5)
    state, attempts = await outcome(database)
    assert (len(wins.sent), state, len(attempts)) == (1, State.DELIVERED, 1)
    await pipeline.engine.stop(0.01)


async def test_a_stop_ends_though_a_result_cannot_be_recorded(database: Database) -> None:
    """At the deadline it is given up, and the log names the message that may go out again."""
    store, wins = Flaky(database), Slow()
    pipeline = await under_way(store, wins)
    store.writes_left = 0
    wins.answers.set()
    await pass_time(pipeline, store, 5)
    async with asyncio.timeout(50):
        await pipeline.engine.stop(0.01)
    (line,) = [line for line in pipeline.log.lines if line.level == "error"]
    assert "may go out again" in line.event
    assert line.fields["delivery"] == wins.sent[0][0]


class Pauses(ScriptedChannel):
    """A channel that pauses, and whose store goes away, while what was claimed is got ready."""

    def __init__(self, store: Flaky) -> None:
        super().__init__("wins")
        self.store = store
        self.pipeline: Pipeline | None = None

    def encode(self, message: Message, settings: Mapping[str, object]) -> Payload:
        if self.pipeline is not None:
            self.pipeline.engine._outlets["wins"]._gate.pauses += 1
            self.store.writes_left = 0
        return super().encode(message, settings)


async def test_a_stop_ends_though_what_was_claimed_cannot_be_given_back(database: Database) -> None:
    """Its lease is given back by whoever starts next, or runs out."""
    store = Flaky(database)
    wins = Pauses(store)
    pipeline = Pipeline(store, [rule("r", action("r", "wins"))], channels(wins))
    await pipeline.receive(completion())
    await pipeline.engine.inlet.worker.drain()
    wins.pipeline = pipeline
    await pipeline.engine.start()
    await until(lambda: "delivery waits, the store cannot be written" in pipeline.log.events("warning"))
    async with asyncio.timeout(50):
        await pipeline.engine.stop(0.01)
    assert wins.sent == []


async def test_a_stop_tries_once_more_to_record(database: Database) -> None:
    """A store that came back between two tries gets the result, before the leases are given back."""
    store, wins = Flaky(database), Slow()
    pipeline = await under_way(store, wins)
    store.writes_left = 0
    wins.answers.set()
    await pass_time(pipeline, store, 5)
    store.writes_left = None
    await pipeline.engine.stop(0.01)
    state, attempts = await outcome(database)
    assert (state, len(attempts)) == (State.DELIVERED, 1)
    assert pipeline.log.events("error") == []


async def test_an_entry_waits_for_the_store_without_being_claimed_again(database: Database) -> None:
    """An outage is not held against the entry, and its deliveries are made once."""
    store, wins = Flaky(database), ScriptedChannel("wins")
    pipeline = Pipeline(store, [rule("r", action("r", "wins"))], channels(wins))
    await pipeline.receive(completion())
    store.writes_left = 1
    work = asyncio.create_task(pipeline.engine.drain())
    await pass_time(pipeline, store, 125)
    assert "entries wait, the store cannot be written" in pipeline.log.events("warning")
    store.writes_left = None
    await pass_time(pipeline, store, 60)
    await work
    assert len(wins.sent) == 1
    await pipeline.operator.replay(1)
    now = pipeline.clock.now()
    claimed = await database.write(lambda c: inbox.claim(c, now=now, lease_until=now, lease="x/1", limit=1))
    assert [entry.tries for entry in claimed or ()] == [1]


async def test_deliveries_of_a_channel_that_is_gone_are_parked_at_the_start(database: Database) -> None:
    """They do not wait for ever in silence; with the channel back a retry sends them."""
    wins = ScriptedChannel("wins")
    pipeline = Pipeline(database, [rule("r", action("r", "wins"))], channels(wins))
    await pipeline.receive(completion())
    await pipeline.engine.inlet.worker.drain()
    renamed = pipeline.restarted(channels=channels(ScriptedChannel("winners")))
    await renamed.engine.start()
    await renamed.engine.stop(0.01)
    assert (await outcome(database))[0] is State.PARKED
    assert "deliveries parked, their channel is no longer in the configuration" in renamed.log.events(
        "warning"
    )
    (row,) = await database.read(lambda c: views.list_deliveries(c, views.DeliveryFilter()))
    restored = renamed.restarted(channels=channels(wins))
    assert (await restored.operator.retry(row.id)).done
    await restored.engine.drain()
    assert len(wins.sent) == 1


async def test_an_entry_that_could_not_be_stored_leaves_the_short_way_open(database: Database) -> None:
    """Hands are given back though nothing came for them: 200 refused events use none up."""
    store, wins = Flaky(database), ScriptedChannel("wins")
    pipeline = Pipeline(store, [rule("r", action("r", "wins"))], channels(wins), of_node={"alone": True})
    await pipeline.engine.start()
    await until(lambda: pipeline.engine.is_idle)
    store.writes_left = 0
    assert set(await pipeline.receive(*(completion(f"e{number}") for number in range(200)))) == {503}
    store.writes_left = None
    assert pipeline.engine.inlet.worker.reserve()
    pipeline.engine.inlet.worker.let_go()
    await pipeline.engine.stop(0.01)


@pytest.mark.parametrize("alone", [True, False])
async def test_what_waits_for_the_store_is_not_overtaken_when_it_is_back(
    database: Database, *, alone: bool
) -> None:
    """An event whose deliveries could not be written is dispatched before its learner's next one."""
    store, wins = Flaky(database), ScriptedChannel("wins")
    pipeline = Pipeline(store, [rule("r", action("r", "wins"))], channels(wins), of_node={"alone": alone})
    undecided(pipeline.engine.inlet)
    await pipeline.engine.start()
    await until(lambda: pipeline.engine.is_idle)
    store.writes_left = 1 if alone else 2  # it is stored, and claimed
    assert await pipeline.receive(completion("e1")) == [200]
    await until(lambda: "entries wait, the store cannot be written" in pipeline.log.events("warning"))
    store.writes_left = None
    assert await pipeline.receive(completion("e2")) == [200]
    await store.settled()
    await pass_time(pipeline, store, 5)
    await until(lambda: len(wins.sent) == 2)
    assert wins.texts == ["module.completed e1", "module.completed e2"]
    await pipeline.engine.stop(1)


class Doubtful(Flaky):
    """A store that may be lost right after a commit: `lost` says of which operations, each once."""

    def __init__(self, inner: Database) -> None:
        super().__init__(inner)
        self.lost: list[str] = []

    async def write(self, operation: Callable[[Connection], T], *, weight: int = 1) -> T:
        found = await super().write(operation, weight=weight)
        name = operation.__qualname__
        if any(each in name for each in self.lost) and found:
            self.lost.clear()
            raise StoreInDoubt("the server was restarted")
        return found


@pytest.mark.parametrize(
    ("lost", "status", "drafts"),
    [
        ("Storing._store", 503, True),
        ("Storing._store", 503, False),
        ("Inlet._claim", 200, True),
        ("Dispatcher._written", 200, True),
        ("Outlet._claim", 200, True),
    ],
)
async def test_what_a_lost_commit_has_leased_goes_out_at_once(
    database: Database, lost: str, status: int, *, drafts: bool
) -> None:
    """It need not wait until the lease runs out, which takes minutes; and it goes out once."""
    store, wins = Doubtful(database), ScriptedChannel("wins")
    pipeline = Pipeline(
        store, [rule("r", action("r", "wins"))], channels(wins), of_node={"alone": lost == "Storing._store"}
    )
    if not drafts:
        undecided(pipeline.engine.inlet)
    await pipeline.engine.start()
    await until(lambda: pipeline.engine.is_idle)
    if lost == "Outlet._claim":  # so that it has to be claimed
        wins.script.append(Retry(Reason.SERVER, 503))
        await pipeline.receive(completion())
        await until(lambda: wins.sent)
        await until(lambda: pipeline.engine.is_idle)
        pipeline.clock.advance(seconds=9)
        wins.sent.clear()
        store.lost.append(lost)
    else:
        store.lost.append(lost)
        assert await pipeline.receive(completion()) == [status]
    for _ in range(5):
        pipeline.clock.advance(seconds=1)
        await store.settled()
    await until(lambda: pipeline.engine.is_idle)
    assert (store.lost, len(wins.sent)) == ([], 1)
    state, _ = await outcome(database)
    assert state is State.DELIVERED
    await pipeline.engine.stop(0.01)
