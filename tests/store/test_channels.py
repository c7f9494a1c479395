"""How channels do, as rows."""

from __future__ import annotations

from datetime import timedelta

from msgspec.structs import replace
from sqlalchemy import Connection

from bridge.core.breaker import Breaker, Phase
from bridge.store import channels, decisions
from bridge.store.channels import UNTOUCHED, Standing
from tests.support.stored import NOW, SECOND, store_delivery

PAUSED = Standing(
    Breaker(Phase.PAUSED, failures=5, pauses=2, since=NOW, until=NOW + 30 * SECOND, why="server 503: busy"),
    NOW + timedelta(microseconds=7),
)


def test_a_channel_without_a_row_works(connection: Connection) -> None:
    """No row is made by looking."""
    assert channels.read(connection, "learners") == UNTOUCHED
    assert channels.list_all(connection) == {}


def test_what_is_written_is_read(connection: Connection) -> None:
    """To the microsecond, and again after a change."""
    channels.write(connection, "learners", PAUSED)
    assert channels.read(connection, "learners") == PAUSED
    assert channels.lock(connection, "learners") == PAUSED
    channels.write(connection, "learners", replace(PAUSED, arrival=None))
    assert channels.list_all(connection) == {"learners": replace(PAUSED, arrival=None)}


def test_a_row_is_made_to_be_locked(connection: Connection) -> None:
    """So that of two nodes that see a channel for the first time one waits for the other."""
    assert channels.lock(connection, "learners") == UNTOUCHED
    assert channels.list_all(connection) == {"learners": UNTOUCHED}


def test_what_waits_is_counted(connection: Connection) -> None:
    """Only what is not closed, and only of this channel."""
    for number in range(3):
        store_delivery(connection, number)
    store_delivery(connection, 4, channel="wins")
    closed = store_delivery(connection, 5)
    decisions.discard(connection, closed.id, now=NOW, why="by hand")
    assert channels.waiting(connection, "learners") == 3
