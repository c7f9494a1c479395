"""Deliveries that a clock which was ahead has left behind."""

from __future__ import annotations

from datetime import timedelta

from sqlalchemy import Connection, select

from bridge.core.outcomes import State
from bridge.store import outbox, setback
from bridge.store.schema import deliveries
from tests.support.stored import LEASE, MINUTE, NOW, SECOND, attempt, claim_due, new_delivery, store_entry

AHEAD = timedelta(hours=8)


def test_only_what_waits_for_a_wrong_clock_is_set_right(connection: Connection) -> None:
    """What is new, what is held for a time of day, and what a right clock has written stay apart."""
    entry, wrong = store_entry(connection), NOW + AHEAD
    made = {
        "waits": new_delivery(entry, 1, created_at=wrong, due_at=wrong + 30 * SECOND),
        "held": new_delivery(entry, 2, created_at=wrong, due_at=wrong, held_until=wrong),
        "right": new_delivery(entry, 3, created_at=NOW, due_at=NOW + AHEAD),
        "other node": new_delivery(entry, 4, created_at=NOW + MINUTE, due_at=NOW + MINUTE),
    }
    for new in made.values():
        outbox.enqueue(connection, new)
    assert setback.any_ahead(connection, now=NOW)
    assert setback.set_right(connection, now=NOW) == 1
    assert not setback.any_ahead(connection, now=NOW)
    times = select(deliveries.c.due_at, deliveries.c.ready_at).order_by(deliveries.c.seq)
    rows = connection.execute(times).all()
    unmoved = [new.due_at for name, new in made.items() if name != "waits"]
    assert [row.due_at for row in rows] == [NOW + 30 * SECOND, *unmoved]
    assert rows[0].ready_at == rows[0].due_at


def test_what_was_tried_by_a_wrong_clock_waits_and_is_given_up_in_time(connection: Connection) -> None:
    """Also what was held before: its next attempt is no time of day, and its limit counts from now."""
    entry, wrong = store_entry(connection), NOW + AHEAD
    held = new_delivery(entry, 1, created_at=NOW, due_at=NOW + MINUTE, held_until=NOW + MINUTE)
    tried = new_delivery(entry, 2, created_at=NOW)
    for new in (held, tried):
        outbox.enqueue(connection, new)
    for due in claim_due(connection, now=wrong):
        made = attempt(started_at=wrong)
        again = wrong + 30 * SECOND
        assert outbox.record(
            connection, due.seq, lease=LEASE, attempt=made, state=State.PENDING, due_at=again
        )
    assert setback.set_right(connection, now=NOW) == 2
    ended = timedelta(milliseconds=attempt().duration_ms)  # what counts is when it was recorded
    times = select(deliveries.c.due_at, deliveries.c.ready_at, deliveries.c.first_at)
    assert connection.execute(times).all() == [(NOW + 30 * SECOND - ended,) * 2 + (NOW - ended,)] * 2


def test_a_first_attempt_by_a_right_clock_stays_where_it_was(connection: Connection) -> None:
    """Only what the wrong one has written moves."""
    wrong = NOW + AHEAD
    early = NOW - MINUTE
    outbox.enqueue(connection, new_delivery(store_entry(connection), 1, created_at=early, due_at=early))
    for number, started in enumerate((early, wrong), 1):
        (due,) = claim_due(connection, now=started)
        made = attempt(number, started_at=started)
        assert outbox.record(
            connection, due.seq, lease=LEASE, attempt=made, state=State.PENDING, due_at=started
        )
    assert setback.set_right(connection, now=NOW) == 1
    assert connection.scalar(select(deliveries.c.first_at)) == early
