"""Nodes on one PostgreSQL hear of each other's work at once: the clock stands, so no poll ever comes."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager
from datetime import timedelta
from typing import Any, TypeVar

import psycopg
import pytest
from sqlalchemy import event, make_url

from bridge.core.outcomes import Reason, Rejected, State
from bridge.pipeline.dispatch import DRAFT_BYTES
from bridge.pipeline.ingest import Ingest
from bridge.pipeline.node import Node, Point
from bridge.pipeline.operate import Operator
from bridge.pipeline.settling import Draft
from bridge.pipeline.worker import POLL_S
from bridge.store import inbox, news, outbox, views
from bridge.store.database import Connection, Database
from bridge.store.listening import AGAIN_S
from bridge.store.turn import seqs_in_turn
from bridge.store.views import DeliveryFilter
from tests.support.clock import START, FakeClock
from tests.support.databases import postgres_server, schema_of
from tests.support.pipeline import (
    Pipeline,
    RecordingLog,
    ScriptedChannel,
    Unattended,
    action,
    channels,
    completion,
    rule,
    until,
)
from tests.support.policy import DOWN, of_learners
from tests.support.policy import channel as with_policy
from tests.support.stored import new_delivery, new_entry

__all__ = ["postgres_server"]

T = TypeVar("T")


@pytest.fixture
def store(postgres_server: str) -> Iterator[str]:
    """An empty database for several nodes."""
    with schema_of(postgres_server) as url:
        yield url


@asynccontextmanager
async def opened(store: str) -> AsyncIterator[Database]:
    database = await Database.open(store)
    try:
        yield database
    finally:
        await database.close()


@asynccontextmanager
async def working(store: str, name: str, wins: ScriptedChannel, clock: FakeClock) -> AsyncIterator[Pipeline]:
    """A node at work that listens, and has nothing left to do."""
    async with opened(store) as database:
        node = Pipeline(
            database, [rule("r", action("r", "wins"))], channels(wins), clock, RecordingLog(), name=name
        )
        await node.engine.start()
        try:
            await until(lambda: listeners(store) > 0 and node.engine.is_idle)
            yield node
        finally:
            await node.engine.stop()


@asynccontextmanager
async def by_hand(store: str, clock: FakeClock) -> AsyncIterator[Operator]:
    """What a command of another process does."""
    async with opened(store) as database:
        yield Operator(Node("command", database, clock, lambda: 0.0, RecordingLog()))


@contextmanager
def administering(store: str) -> Iterator[psycopg.Connection[Any]]:
    dsn = make_url(store).set(drivername="postgresql").render_as_string(hide_password=False)
    with psycopg.connect(dsn, autocommit=True) as connection:
        yield connection


LISTENING = "FROM pg_stat_activity WHERE query = 'LISTEN ' || (" + news.NAME + ")"


def listeners(store: str) -> int:
    with administering(store) as admin:
        found = admin.execute(f"SELECT count(*) {LISTENING}".encode()).fetchone()
        return int(found[0]) if found else 0


def has_heard(node: Pipeline) -> bool:
    """Whether a node was told something since its log was emptied, and has looked."""
    return "other processes have news" in node.log.events("debug") and node.engine.is_idle


async def delivered(database: Database) -> int:
    counts = await database.read(views.count_deliveries)
    return counts.get("wins", {}).get(State.DELIVERED, 0)


async def test_what_one_node_receives_another_takes_up(store: str) -> None:
    """A node that only receives tells the one that works."""
    clock, wins = FakeClock(), ScriptedChannel("wins")
    async with working(store, "works", wins, clock), opened(store) as database:
        receives = Pipeline(database, [], {}, clock, name="receives")
        receives.ingest = Ingest(receives.node, {"eduzz": receives.source}, Unattended())
        assert await receives.receive(*of_learners(3)) == [200] * 3
        await until(lambda: len(wins.sent) == 3)


async def test_two_nodes_share_what_both_receive(store: str) -> None:
    """Whoever's turn it is takes an entry through the rules, and each message goes out once."""
    clock = FakeClock()
    one, two = ScriptedChannel("wins", hands=2), ScriptedChannel("wins", hands=2)
    async with AsyncExitStack() as stack:
        first = await stack.enter_async_context(working(store, "one", one, clock))
        second = await stack.enter_async_context(working(store, "two", two, clock))
        events = of_learners(60)
        await asyncio.gather(first.receive(*events[::2]), second.receive(*events[1::2]))

        async def finish() -> None:
            while await delivered(first.database) < len(events):
                clock.advance(milliseconds=1)  # a node that met the other one claiming looks again soon
                await asyncio.sleep(0.005)

        await asyncio.wait_for(finish(), 50)
        assert clock.now() - START < timedelta(seconds=POLL_S), "no poll was needed"
    assert len({*one.texts, *two.texts}) == len(one.texts) + len(two.texts) == len(events)


async def test_a_retry_by_a_command_goes_out_at_once(store: str) -> None:
    """`bridge deliveries retry` in another process."""
    clock, wins = FakeClock(), ScriptedChannel("wins", Rejected(Reason.CLIENT, 400, "no"))
    async with working(store, "works", wins, clock) as node, by_hand(store, clock) as operator:
        await node.receive(completion())
        await until(lambda: wins.sent and node.engine.is_idle)
        (dead,) = await node.database.read(lambda c: views.list_deliveries(c, DeliveryFilter()))
        assert dead.state is State.DEAD
        assert (await operator.retry(dead.id)).done
        await until(lambda: len(wins.sent) == 2)


async def test_a_replay_by_a_command_is_taken_up_at_once(store: str) -> None:
    """`bridge events replay` in another process."""
    clock, wins = FakeClock(), ScriptedChannel("wins")
    async with working(store, "works", wins, clock) as node, by_hand(store, clock) as operator:
        await node.receive(completion())
        await until(lambda: wins.sent and node.engine.is_idle)
        assert (await operator.replay(1)).done
        await until(lambda: len(wins.sent) == 2)


async def test_a_pause_by_a_command_holds_the_next_message(store: str) -> None:
    """The node found the channel in good order this very second, and would not have asked; resuming sends."""
    clock, wins = FakeClock(), ScriptedChannel("wins")
    async with working(store, "works", wins, clock) as node, by_hand(store, clock) as operator:
        await node.receive(completion("e1"))
        await until(lambda: wins.sent and node.engine.is_idle)
        node.log.lines.clear()
        await operator.pause("wins", "the team is away")
        await until(lambda: has_heard(node))
        await node.receive(completion("e2"))
        await until(lambda: "event dispatched" in node.log.events("info") and node.engine.is_idle)
        assert len(wins.sent) == 1
        await operator.resume("wins")
        await until(lambda: len(wins.sent) == 2)


async def test_a_breaker_that_opens_is_told(store: str) -> None:
    """Nobody has to find out by a message of its own: two are told of as due, one went without a detour."""
    clock, failing = FakeClock(), with_policy("wins", *[DOWN] * 3, failures=3)
    heard: list[news.News] = []
    async with working(store, "works", failing, clock) as node, opened(store) as other:
        listener = other.listener(heard.append, clock=clock, log=RecordingLog())
        assert listener is not None
        task = asyncio.create_task(listener.run())
        await until(lambda: heard)
        for each in of_learners(3):
            await node.receive(each)
            await until(lambda: node.engine.is_idle)
        await until(lambda: sum("wins" in told.channels for told in heard) == 3)
        task.cancel()


async def test_a_node_that_was_deaf_looks_and_hears_again(store: str) -> None:
    """Its connection is cut; when it is back, what was missed is found, and what is new is heard."""
    clock, wins = FakeClock(), ScriptedChannel("wins")
    async with working(store, "works", wins, clock) as node, opened(store) as database:
        with administering(store) as admin:
            admin.execute(f"SELECT pg_terminate_backend(pid) {LISTENING}".encode())
        await until(lambda: "other nodes are not heard" in " ".join(node.log.events("warning")))
        clock.advance(seconds=AGAIN_S)
        await until(lambda: "other nodes are heard again" in node.log.events("info"))
        await until(lambda: node.engine.is_idle)
        receives = Pipeline(database, [], {}, clock, name="receives")
        await receives.receive(completion())
        await until(lambda: wins.sent)


async def test_nothing_is_told_of_what_was_rolled_back(store: str) -> None:
    """Nor with the next commit."""
    clock, wins = FakeClock(), ScriptedChannel("wins")
    heard: list[news.News] = []
    async with working(store, "works", wins, clock), opened(store) as one, opened(store) as two:
        listener = one.listener(heard.append, clock=clock, log=RecordingLog())
        assert listener is not None
        task = asyncio.create_task(listener.run())
        await until(lambda: heard)

        def fail(connection: Connection) -> None:
            news.tell_of_channel(connection, "undone")
            raise LookupError

        with pytest.raises(LookupError):
            await two.write(fail)
        await two.write(lambda c: news.tell_of_channel(c, "done"))
        await until(lambda: len(heard) > 1)
        task.cancel()
    assert heard[1:] == [news.News(entries=False, channels=frozenset({"done"}))]


async def test_a_node_is_not_told_what_it_did_itself(store: str) -> None:
    """It knows; and what others say in one transaction comes in one piece."""
    heard: list[news.News] = []
    async with opened(store) as one, opened(store) as two:
        listener = one.listener(heard.append, clock=FakeClock(), log=RecordingLog())
        assert listener is not None
        task = asyncio.create_task(listener.run())
        await until(lambda: heard)

        def store_both(connection: Connection) -> None:
            seq = inbox.accept(connection, new_entry(1)).seq
            outbox.enqueue(connection, new_delivery(seq, 1, channel="wins"))

        await one.write(lambda c: inbox.accept(c, new_entry(0)))
        await two.write(store_both)
        await until(lambda: len(heard) > 1)
        task.cancel()
    assert heard == [news.EVERYTHING, news.News(entries=True, channels=frozenset({"wins"}))]


async def prepared(node: Pipeline, wins: ScriptedChannel) -> None:
    """Let the first event through, which stores the rules; the next may be decided before it is stored."""
    await node.receive(completion(f"first of {node.name}", learner={"email": f"{node.name}@aluna.example"}))
    await until(lambda: wins.sent and node.engine.is_idle)
    wins.sent.clear()
    node.log.lines.clear()


def silence(database: Database) -> None:
    """Let nobody hear of what is written, as when news get lost."""
    write = database.write

    async def silently(operation: Callable[[Connection], T], *, weight: int = 1) -> T:
        def written(connection: Connection) -> T:
            value = operation(connection)
            news.forget(connection)
            return value

        return await write(written, weight=weight)

    database.write = silently  # type: ignore[method-assign]


def refused(node: Pipeline) -> list[object]:
    """Return a list that grows with every draft of a node that was not stored."""
    dispatcher, dropped = node.engine.inlet._dispatcher, list[object]()
    drop = dispatcher.drop

    def noted(draft: Draft) -> None:
        dropped.append(draft)
        drop(draft)

    dispatcher.drop = noted  # type: ignore[method-assign]
    return dropped


async def test_a_node_decides_before_it_stores(store: str) -> None:
    """One commit stores the event with what follows from it, one the result."""
    clock, wins = FakeClock(), ScriptedChannel("wins")
    async with working(store, "one", wins, clock) as node:
        await prepared(node, wins)
        commits: list[object] = []
        event.listen(node.database.engine, "commit", commits.append)
        await node.receive(completion())
        await until(lambda: wins.sent and node.engine.is_idle)
        assert len(commits) == 2


async def test_what_another_node_has_stored_comes_first(store: str) -> None:
    """It waits for its rules, untold of: what was decided about a later event does not count."""
    clock, wins = FakeClock(), ScriptedChannel("wins")
    async with working(store, "works", wins, clock) as node, opened(store) as database:
        await prepared(node, wins)
        dropped = refused(node)
        silence(database)
        assert await Pipeline(database, [], {}, clock, name="receives").receive(completion("e1")) == [200]
        assert not wins.sent
        assert await node.receive(completion("e2")) == [200]
        await until(lambda: len(wins.sent) == 2)
        assert wins.texts == ["module.completed e1", "module.completed e2"]
        assert len(dropped) == 1
        await until(lambda: node.engine.inlet.worker.is_quiet)


async def test_what_another_node_has_taken_over_is_left_to_it(store: str) -> None:
    """Its own lease ran out while it decided: a sentence for each in the log, and no mistake of ours."""
    clock, wins = FakeClock(), ScriptedChannel("wins")

    def take_over(point: Point) -> None:
        if point is Point.PLANNED:
            with administering(store) as admin:
                admin.execute("UPDATE inbox SET lease = 'other/1'")

    async with opened(store) as database:
        node = Pipeline(
            database, [rule("r", action("r", "wins"))], channels(wins), clock, of_node={"reached": take_over}
        )
        node.ingest = Ingest(node.node, {"eduzz": node.source}, Unattended())
        assert await node.receive(*of_learners(3)) == [200] * 3
        await node.engine.drain()
    assert not wins.sent
    assert node.log.events("exception") == []
    assert (
        node.log.events("warning")
        == ["entry is under its lease no more: another node has it, or it is done"] * 3
    )


async def test_what_is_decided_waits_its_turn(store: str) -> None:
    """While another node takes entries, an event is stored and answered, and goes the long way."""
    clock, wins = FakeClock(), ScriptedChannel("wins")
    async with working(store, "works", wins, clock) as node, opened(store) as other:
        await prepared(node, wins)
        dropped, taken, may_end = refused(node), threading.Event(), threading.Event()

        def take_turn(connection: Connection) -> bool:
            ours = seqs_in_turn(connection, 1) is not None
            taken.set()
            return may_end.wait(30) and ours

        turn = asyncio.ensure_future(other.write(take_turn))
        await until(taken.is_set)
        assert await node.receive(completion()) == [200]
        assert len(dropped) == 1
        assert not wins.sent
        may_end.set()
        assert await turn
        clock.advance(milliseconds=20)
        await until(lambda: wins.sent)


async def test_a_lane_is_kept_by_nodes_that_decide_before_they_store(store: str) -> None:
    """What one node sends is not answered yet: what the other one makes for the same learner waits for it."""
    clock, gate = FakeClock(), asyncio.Event()
    one, two = ScriptedChannel("wins"), ScriptedChannel("wins")
    one.before_answer = two.before_answer = gate.wait
    async with working(store, "one", one, clock) as first, working(store, "two", two, clock) as second:

        def dispatched() -> int:
            return sum(node.log.events("info").count("event dispatched") for node in (first, second))

        async def come_by(holds: Callable[[], bool]) -> None:
            while not holds():
                clock.advance(milliseconds=1)  # a node that met the other one claiming looks again soon
                await asyncio.sleep(0.005)

        await first.receive(completion("e1"))
        await asyncio.wait_for(come_by(lambda: len(one.sent) + len(two.sent) == 1), 20)
        await second.receive(completion("e2"))
        await asyncio.wait_for(come_by(lambda: dispatched() == 2), 20)
        assert len(one.sent) + len(two.sent) == 1
        gate.set()
        await asyncio.wait_for(come_by(lambda: len(one.sent) + len(two.sent) == 2), 20)


async def test_every_learner_keeps_an_order_across_nodes_under_load(store: str) -> None:
    """Each event goes to the other node once the one before is answered, while others' events come too."""
    clock, learners, each = FakeClock(), 6, 10
    one, two = ScriptedChannel("wins"), ScriptedChannel("wins")
    two.sent = one.sent
    async with working(store, "one", one, clock) as first, working(store, "two", two, clock) as second:
        nodes = (first, second)

        async def learn(learner: int) -> None:
            email = {"email": f"learner-{learner}@aluna.example"}
            for number in range(each):
                node = nodes[(learner + number) % 2]
                assert await node.receive(completion(f"{learner}:{number}", learner=email)) == [200]

        async def finish() -> None:
            learning = asyncio.gather(*map(learn, range(learners)))
            while await delivered(first.database) < learners * each:
                clock.advance(milliseconds=1)  # a node that met the other one claiming looks again soon
                await asyncio.sleep(0.005)
            await learning

        await asyncio.wait_for(finish(), 50)
    sent = [text.removeprefix("module.completed ").split(":") for text in one.texts]
    for learner in range(learners):
        assert [int(number) for who, number in sent if who == str(learner)] == list(range(each))


async def test_what_has_to_wait_is_not_overtaken_by_what_came_with_it(store: str) -> None:
    """Of events that are stored together, none is decided about before an earlier one that cannot be yet."""
    clock, wins = FakeClock(), ScriptedChannel("wins")
    async with working(store, "one", wins, clock) as node:
        await prepared(node, wins)
        large = completion("e1", note="x" * DRAFT_BYTES)
        await asyncio.gather(node.receive(large), node.receive(completion("e2")))
        await until(lambda: len(wins.sent) == 2 and node.engine.is_idle)
        assert wins.texts == ["module.completed e1", "module.completed e2"]
