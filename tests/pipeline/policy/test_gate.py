"""The gate before a channel: rate and breaker, in the store, for several processes."""

from __future__ import annotations

from datetime import datetime, timedelta

import pytest

from bridge.channels.base import ChannelPolicy
from bridge.core.backoff import RetryPolicy
from bridge.core.breaker import BreakerPolicy, Phase
from bridge.core.outcomes import Delivered, Outcome, Reason, Rejected, Retry
from bridge.core.rates import parse_rate
from bridge.core.trouble import Trouble
from bridge.pipeline.gate import LOOK_AGAIN, Gate
from bridge.store import channels, incidents
from bridge.store.database import Connection, Database
from tests.support.clock import START
from tests.support.pipeline import ScriptedChannel

DOWN = Retry(Reason.SERVER, 503, "busy")
GONE = Rejected(Reason.CLIENT, 410, "gone", gone=True)
LATER = START + LOOK_AGAIN
PAUSE = timedelta(seconds=30)


def gate(rate: str | None = None, *, failures: int = 2) -> Gate:
    channel = ScriptedChannel("wins")
    channel.policy = ChannelPolicy(
        RetryPolicy(),
        timedelta(seconds=10),
        4,
        parse_rate(rate) if rate else None,
        BreakerPolicy(failures, PAUSE),
    )
    return Gate(channel)


async def let(
    store: Database, made: Gate, now: datetime = START, limit: int = 4
) -> tuple[int, datetime | None]:
    """Ask for `limit` of an endless queue; return how many came through, and until when the rest waits."""
    found = await store.write(lambda c: made.let(c, now, limit, lambda count: list(range(count))))
    return len(found.items), found.until


async def record(store: Database, made: Gate, outcome: Outcome, now: datetime = START) -> None:
    if follow := made.following(outcome, now):
        await store.write(follow)


async def phase(store: Database) -> Phase:
    return (await store.read(lambda c: channels.read(c, "wins"))).breaker.phase


async def test_a_channel_in_good_order_leaves_no_row(database: Database) -> None:
    """No rate, no trouble: everything is let through, and nothing is written."""
    made = gate()
    assert await let(database, made) == (4, None)
    assert made.following(Delivered(200), START) is None
    assert made.returning(START) is None
    assert made.is_known_free(START)
    assert await database.read(channels.list_all) == {}


async def test_a_rate_lets_through_what_it_allows_and_says_when_the_next_may_go(database: Database) -> None:
    """Two seconds apart for 30 a minute."""
    made = gate("30/min")
    assert await let(database, made) == (1, START + timedelta(seconds=2))
    assert await let(database, made) == (0, START + timedelta(seconds=2))
    assert await let(database, made, START + timedelta(seconds=2)) == (1, START + timedelta(seconds=4))
    assert not made.is_known_free(START)


async def test_a_rate_survives_a_restart_and_is_shared_by_nodes(database: Database) -> None:
    """The state is a row: another gate on the same store starts where the first one was."""
    assert await let(database, gate("1/min")) == (1, START + timedelta(minutes=1))
    assert await let(database, gate("1/min")) == (0, START + timedelta(minutes=1))


async def test_what_is_claimed_and_not_sent_gives_its_place_back(database: Database) -> None:
    """A queue of expired messages passes at once, and none of the live ones waits for them."""
    made = gate("1/min")
    await let(database, made)
    back = made.returning(START)
    assert back is not None
    await database.write(back)
    assert (await let(database, made))[0] == 1


async def test_only_what_was_found_counts(database: Database) -> None:
    """An empty queue uses nothing up."""
    made = gate("1/min")
    nothing: list[int] = []
    found = await database.write(lambda c: made.let(c, START, 4, lambda _count: nothing))
    assert (found.items, found.until) == (nothing, None)
    assert (await let(database, made))[0] == 1


async def test_failures_pause_the_channel_for_every_node(database: Database) -> None:
    """One message tries after the pause; when it arrives, everything goes."""
    mine, other = gate(), gate()
    for each in (mine, other):
        await let(database, each)
    await record(database, mine, DOWN)
    await record(database, other, DOWN)
    until = START + PAUSE
    assert await let(database, mine) == (0, until)
    assert await let(database, other, LATER) == (0, until)
    assert (await let(database, other, until))[0] == 1
    assert (await let(database, mine, until))[0] == 0
    await record(database, other, Delivered(200), until)
    assert await let(database, mine, until) == (4, None)
    assert await phase(database) is Phase.WORKING


async def test_the_first_success_forgets_earlier_failures(database: Database) -> None:
    """Only failures in a row count."""
    made = gate()
    await let(database, made)
    for outcome in (DOWN, Delivered(200), DOWN, Delivered(200)):
        await record(database, made, outcome)
        await let(database, made)
    assert await phase(database) is Phase.WORKING


async def test_a_try_that_is_lost_with_its_process_is_made_again(database: Database) -> None:
    """A crash in the middle of the one try must not leave the channel waiting for ever."""
    made = gate(failures=1)
    await let(database, made)
    await record(database, made, DOWN)
    now = START + PAUSE
    assert (await let(database, made, now))[0] == 1
    count, until = await let(database, gate(), now)
    assert (count, until is not None) == (0, True)
    assert until is not None
    assert (await let(database, gate(), until))[0] == 1


async def test_an_operation_that_is_run_again_comes_to_the_same(database: Database) -> None:
    """A neighbour's failure rolls a batch back; what the gate decided must not be lost by that."""
    made = gate(failures=1)
    await let(database, made)
    await record(database, made, DOWN)
    follow = made.following(Delivered(200), START + PAUSE)
    assert follow is not None

    def twice(connection: Connection) -> None:
        with connection.begin_nested() as inner:
            follow(connection)
            inner.rollback()
        follow(connection)

    await let(database, made, START + PAUSE)
    await database.write(twice)
    assert await phase(database) is Phase.WORKING


@pytest.mark.parametrize("rate", [None, "1/s"])
async def test_a_destination_that_is_gone_stops_the_channel(database: Database, rate: str | None) -> None:
    """Nothing goes until a person says so, and it is noted for the owner."""
    made = gate(rate)
    await let(database, made)
    await record(database, made, GONE)
    assert await let(database, made, START + timedelta(days=30)) == (0, None)
    (incident,) = await database.read(incidents.lasting)
    assert (incident.kind, incident.subject, incident.why) == (Trouble.STOPPED, "wins", "client 410: gone")


async def test_a_pause_is_one_incident_however_often_it_is_tried(database: Database) -> None:
    """It begins with the pause and ends with the first answer."""
    made, now = gate(failures=1), START
    await let(database, made)
    await record(database, made, DOWN)
    for _ in range(4):
        standing = await database.read(lambda c: channels.read(c, "wins"))
        now = standing.breaker.until or now
        await let(database, made, now)
        await record(database, made, DOWN, now)
    (incident,) = await database.read(incidents.lasting)
    assert (incident.kind, incident.started_at, incident.count) == (Trouble.PAUSED, START, 5)
    standing = await database.read(lambda c: channels.read(c, "wins"))
    now = standing.breaker.until or now
    await let(database, made, now)
    await record(database, made, Delivered(200), now)
    assert await database.read(incidents.lasting) == []


async def test_another_process_pauses_the_channel_within_a_moment(database: Database) -> None:
    """A command writes the row; who works on the channel looks at it again soon."""
    made, other = gate(), gate(failures=1)
    await let(database, made)
    await let(database, other)
    await record(database, other, GONE)
    assert (await let(database, made, LATER))[0] == 0
