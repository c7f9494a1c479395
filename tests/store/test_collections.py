"""Putting deliveries together that wait for the same moment, on every store."""

from __future__ import annotations

from datetime import timedelta

from sqlalchemy import Connection

from bridge.core.outcomes import State
from bridge.core.unless import Sighting, Watch
from bridge.store import collected, collections, details, watches
from bridge.store.collections import Alone, Head, Lost, Overtaken
from bridge.store.details import DeliveryDetails
from tests.support.stored import LEASE, MINUTE, NOW, claim_due, store_delivery

KEY, WATCHED = b"k" * 16, b"w" * 16


def waiting(connection: Connection, number: int, *, watch: bool = False, **changes: object) -> str:
    """Store a delivery that is due and goes out with the others; returns its id."""
    made = store_delivery(connection, number, **changes)
    found = shown(connection, made.id)
    collections.add(connection, found.row.seq, KEY)
    if watch:
        watches.watch(connection, found.row.seq, Watch(WATCHED, NOW - MINUTE), found.row.inbox_seq)
    return made.id


def shown(connection: Connection, id_: str) -> DeliveryDetails:
    found = details.show_delivery(connection, id_)
    assert isinstance(found, DeliveryDetails)
    return found


def states(connection: Connection, *ids: str) -> list[State]:
    return [shown(connection, id_).row.state for id_ in ids]


def test_the_first_becomes_the_message_of_all(connection: Connection) -> None:
    """And is found again as that, however often it is asked."""
    first, second, third = (waiting(connection, number) for number in range(3))
    due, *_ = claim_due(connection, limit=1)
    assert due.id == first
    closed = collections.close(connection, due.seq, lease=LEASE, now=NOW)
    assert closed == Head(due.seq, 3, None)
    assert collections.close(connection, due.seq, lease=LEASE, now=NOW) == closed
    assert states(connection, first, second, third) == [State.SENDING, State.MERGED, State.MERGED]
    assert collections.is_closed(connection, KEY)
    assert claim_due(connection) == []
    assert [item.entry.seq for item in collected.items(connection, due.seq, 2, 10**6)] == [2, 3]
    assert len(collected.items(connection, due.seq, 10, 1)) == 1


def test_one_that_waits_alone_is_left_alone(connection: Connection) -> None:
    """As is one whose lease another has."""
    store_delivery(connection)
    (due,) = claim_due(connection)
    assert collections.close(connection, due.seq, lease=LEASE, now=NOW) == Alone()
    assert collections.close(connection, due.seq, lease="another", now=NOW) == Lost()


def test_what_is_over_expires_and_the_last_end_counts(connection: Connection) -> None:
    """The message is worth sending as long as its youngest."""
    ends = [NOW + MINUTE, NOW, NOW + 3 * MINUTE]
    first, second, third = (waiting(connection, number, expires_at=end) for number, end in enumerate(ends))
    due, *_ = claim_due(connection, limit=1)
    assert collections.close(connection, due.seq, lease=LEASE, now=NOW) == Head(due.seq, 2, ends[2])
    assert states(connection, first, second, third) == [State.SENDING, State.EXPIRED, State.MERGED]
    assert shown(connection, first).row.expires_at == ends[2]


def test_what_its_unless_names_stops_the_first_alone(connection: Connection) -> None:
    """Nothing is closed, so the next one becomes the message; and without `unless` it means nothing."""
    waiting(connection, 0, watch=True)
    waiting(connection, 1)
    due, *_ = claim_due(connection, limit=1)
    seen = Sighting(WATCHED, NOW, "lesson.completed")
    assert watches.see(connection, seen, 99, now=NOW) == []
    assert collections.close(connection, due.seq, lease=LEASE, now=NOW) == Overtaken()
    assert not collections.is_closed(connection, KEY)
    heedless = collections.close(connection, due.seq, lease=LEASE, now=NOW, watchful=False)
    assert heedless == Head(due.seq, 2, None)


def test_what_a_person_sends_early_leaves_its_time_to_the_others(connection: Connection) -> None:
    """The key is not closed by it."""
    waiting(connection, 0)
    due, *_ = claim_due(connection, limit=1)
    assert collections.close(connection, due.seq, lease=LEASE, now=NOW, early=True) == Head(due.seq, 1, None)
    assert not collections.is_closed(connection, KEY)
    late = waiting(connection, 1, due_at=NOW + timedelta(hours=1))
    assert shown(connection, late).head is None
