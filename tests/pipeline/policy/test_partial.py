"""A mail server takes a message for some of its people: the others are tried again, and only they."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, time

import pytest
from msgspec.structs import replace

from bridge.core.digests import Digest
from bridge.core.events import Facts
from bridge.core.outcomes import State
from bridge.core.rules import Action, Rule, else_name
from bridge.core.suppressions import Scope
from bridge.pipeline.node import Point
from bridge.pipeline.unsubscribing import Suppressor
from bridge.store import details, incidents, memory, suppressions, views
from bridge.store.database import Database
from bridge.store.details import DeliveryDetails
from bridge.store.suppressions import SuppressionFilter
from bridge.store.views import DeliveryFilter
from bridge.web.shown import shares
from tests.support.channels import mail, opened
from tests.support.clock import FakeClock
from tests.support.pipeline import Pipeline, action, channels, completion, rule
from tests.support.policy import channel
from tests.support.smtp_server import SmtpServer

MARIA, RUI, ANA = "maria@aluna.example", "rui@escola.example", "ana@escola.example"
BUSY, UNKNOWN = "450 4.2.0 greylisted", "550 5.1.1 unknown"
RETRY = {"waits": ["10s", "30s"], "limit": "45s", "jitter": 0}


@dataclass
class Letter:
    """Content of an e-mail for three people."""

    def render(self, facts: Facts) -> Mapping[str, object]:
        return {"to.0": MARIA, "cc.0": RUI, "bcc.0": ANA, "subject": "Oi", "body": f"about {facts['id']}"}


def mails(**changes: object) -> Action:
    return replace(action("r", "wins", once_per=("learner.email",)), content=Letter(), **changes)


@asynccontextmanager
async def mailing(
    database: Database, server: SmtpServer, rules: list[Rule] | None = None, **options: object
) -> AsyncIterator[Pipeline]:
    """Give a pipeline that mails through the server."""
    clock = FakeClock()
    raw = mail(server.url, **{"retry": RETRY, **options})
    async with opened("email", raw, clock=clock) as made:
        ways = {**channels(channel("instead")), "wins": made}
        yield Pipeline(database, rules or [rule("r", mails())], ways, clock)  # type: ignore[arg-type]


async def only(database: Database, index: int = 0) -> DeliveryDetails:
    page = await database.read(lambda c: views.list_deliveries(c, DeliveryFilter()))
    named = sorted(page, key=lambda row: row.seq)[index]
    shown = await database.read(lambda c: details.show_delivery(c, named.id))
    assert isinstance(shown, DeliveryDetails)
    return shown


def reached(server: SmtpServer) -> list[tuple[str, ...]]:
    return [each.recipients for each in server.mails]


@pytest.mark.parametrize("pipelining", [False, True])
async def test_who_was_refused_for_now_gets_it_later_and_nobody_twice(
    database: Database, pipelining: bool
) -> None:
    """Same bytes, with all names in its header; the next try is for the one who is left."""
    server = SmtpServer(refuse={RUI: BUSY}, pipelining=pipelining)
    async with server, mailing(database, server) as pipeline:
        await pipeline.run(completion())
        waiting = await only(database)
        assert (waiting.row.state, shares(waiting)) == (State.PENDING, ((MARIA, ANA), (RUI,)))
        server.refuse = {}
        pipeline.clock.advance(seconds=10)
        await pipeline.restarted().engine.drain()
        done = await only(database)
        pipeline.clock.advance(days=1)
        await pipeline.engine.drain()
    assert (done.row.state, [each.outcome for each in done.attempts]) == (
        State.DELIVERED,
        ["retry", "delivered"],
    )
    assert reached(server) == [(MARIA, ANA), (RUI,)]
    assert server.mails[0].content == server.mails[1].content
    assert server.mails[1].message["to"] == MARIA
    assert shares(done) == ((), ())


async def test_the_schedule_ends_for_those_who_are_left(database: Database) -> None:
    """It is dead, says for whom, the owner hears of it, and a retry is for them alone."""
    instead = replace(action("r", "instead"), name=else_name("test:instead", "test:wins"))
    rules = [rule("r", mails(otherwise=(instead,)))]
    async with (
        SmtpServer(refuse={RUI: BUSY, ANA: BUSY}) as server,
        mailing(database, server, rules) as pipeline,
    ):
        await pipeline.run(completion())
        for seconds in (10, 30):
            pipeline.clock.advance(seconds=seconds)
            await pipeline.engine.drain()
        dead = await only(database)
        assert (dead.row.state, dead.row.why) == (
            State.DEAD,
            "given up for 2 of its recipients; 1 other has it",
        )
        assert shares(dead) == ((MARIA,), (RUI, ANA))
        (trouble,) = await database.read(incidents.lasting)
        assert (trouble.subject, trouble.why) == ("wins", "server 450, for some of its recipients")
        held = await database.read(lambda c: memory.claim_of(c, dead.row.id))
        assert held is not None
        assert held.state == "confirmed"
        await pipeline.run(completion("e2"))  # the same learner: once is once
        server.refuse = {ANA: BUSY}
        assert (await pipeline.operator.retry(dead.row.id)).done
        await pipeline.engine.drain()
        assert shares(await only(database)) == ((MARIA, RUI), (ANA,))
        server.refuse = {}
        pipeline.clock.advance(seconds=10)
        await pipeline.engine.drain()
        rows = await database.read(lambda c: views.list_deliveries(c, DeliveryFilter()))
        assert [row.state for row in rows] == [State.DELIVERED]  # and nothing in its place
    assert reached(server) == [(MARIA,), (RUI,), (ANA,)]


async def test_a_schedule_without_a_second_try_ends_at_once(database: Database) -> None:
    """What is dead after its first try was sent all the same: its claim stays."""
    once, server = {"waits": ["10s"], "limit": "1s"}, SmtpServer(refuse={RUI: BUSY})
    async with server, mailing(database, server, retry=once) as pipeline:
        await pipeline.run(completion(), completion("e2"))
        dead = await only(database)
    assert (dead.row.state, shares(dead)) == (State.DEAD, ((MARIA, ANA), (RUI,)))
    assert reached(server) == [(MARIA, ANA)]
    assert len(await database.read(lambda c: views.list_deliveries(c, DeliveryFilter()))) == 1


async def test_who_is_left_may_turn_out_not_to_exist(database: Database) -> None:
    """The address goes on the list when the server says so, and the delivery says who has it."""
    async with SmtpServer(refuse={RUI: BUSY, ANA: UNKNOWN}) as server, mailing(database, server) as pipeline:
        await pipeline.run(completion())
        assert await bounced(database) == [ANA]
        server.refuse = {RUI: UNKNOWN}
        pipeline.clock.advance(seconds=10)
        await pipeline.engine.drain()
        dead = await only(database)
        assert (dead.row.state, dead.row.why) == (
            State.DEAD,
            "given up for 1 of its recipients; 1 other has it",
        )
        assert await bounced(database) == [ANA, RUI]


async def test_who_is_left_may_unsubscribe_meanwhile(database: Database) -> None:
    """Then nobody is left."""
    async with SmtpServer(refuse={RUI: BUSY}) as server, mailing(database, server) as pipeline:
        await pipeline.run(completion())
        await Suppressor(pipeline.node).add(RUI, "asked for it", Scope.EVERYTHING)
        pipeline.clock.advance(seconds=10)
        await pipeline.engine.drain()
        row = (await only(database)).row
        held = await database.read(lambda c: memory.claim_of(c, row.id))
    assert row.state is State.SUPPRESSED
    assert held is not None
    assert held.state == "confirmed"
    assert reached(server) == [(MARIA, ANA)]


async def test_one_mailbox_does_not_pause_the_channel(database: Database) -> None:
    """The server is up: it took the message for the others."""
    server = SmtpServer(refuse={RUI: BUSY})
    async with server, mailing(database, server, breaker={"failures": 1}) as pipeline:
        people = [completion(f"e{each}", learner={"email": f"{each}@aluna.example"}) for each in range(3)]
        await pipeline.run(*people)
    assert reached(server) == [(MARIA, ANA)] * 3


async def test_a_message_of_several_events_is_sent_for_all_of_them(database: Database) -> None:
    """The claims of all that went out with it are final, though it dies for one of its people."""
    rules = [rule("r", mails(digest=Digest(time(18), UTC, by=()), once_per=("module.id",)))]
    events = [completion(f"e{each}", module={"id": str(each)}) for each in range(2)]
    async with SmtpServer(refuse={RUI: BUSY}) as server, mailing(database, server, rules) as pipeline:
        await pipeline.run(*events)
        pipeline.clock.advance(hours=12)
        await pipeline.engine.drain()
        for seconds in (10, 30):
            pipeline.clock.advance(seconds=seconds)
            await pipeline.engine.drain()
        rows = await database.read(lambda c: views.list_deliveries(c, DeliveryFilter()))
        assert {row.state for row in rows} == {State.MERGED, State.DEAD}
        held = await database.read(lambda c: [memory.claim_of(c, row.id) for row in rows])
        assert [each.state for each in held if each] == ["confirmed", "confirmed"]
        server.refuse = {}
        (dead,) = (row for row in rows if row.state is State.DEAD)
        assert (await pipeline.operator.retry(dead.id)).done
        await pipeline.engine.drain()
    assert reached(server) == [(MARIA, ANA), (RUI,)]
    assert server.mails[0].content == server.mails[1].content


class Crash(BaseException):
    """The process ends here."""


@pytest.mark.parametrize("point", [Point.SENT, Point.RECORDING])
async def test_a_crash_before_it_is_recorded_repeats_no_more_than_the_one_try(
    database: Database, point: Point
) -> None:
    """Those who were taken get it again under its id, as after any yes that was not recorded."""

    def reached_point(here: Point) -> None:
        if here is point:
            raise Crash

    async with SmtpServer(refuse={RUI: BUSY}) as server, mailing(database, server) as pipeline:
        dying = pipeline.restarted(of_node={"reached": reached_point})
        await dying.run(completion())
        pipeline.clock.advance(minutes=10)
        living = pipeline.restarted()
        await living.engine.drain()
        server.refuse = {}
        pipeline.clock.advance(seconds=10)
        await living.engine.drain()
    assert reached(server) == [(MARIA, ANA), (MARIA, ANA), (RUI,)]
    assert len({each.message["message-id"] for each in server.mails}) == 1


async def bounced(database: Database) -> list[str]:
    found = await database.read(lambda c: suppressions.list_suppressions(c, SuppressionFilter()))
    return sorted(each.suppression.address or "" for each in found)
