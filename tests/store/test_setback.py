"""Deliveries that a clock which was ahead has left behind."""

from __future__ import annotations

from datetime import timedelta

from sqlalchemy import Connection, select

from bridge.store import outbox, setback
from bridge.store.schema import deliveries
from tests.support.stored import MINUTE, NOW, SECOND, new_delivery, store_entry

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
