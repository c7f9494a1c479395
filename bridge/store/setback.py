"""What a clock that was ahead has left behind: deliveries whose time lies as far ahead as it did.

A row that changed later than now was written by such a clock, and its time is set back by as much.
"""

from __future__ import annotations

from datetime import datetime, timedelta

from sqlalchemy import BigInteger, Connection, case, or_, select, type_coerce, update

from bridge.core.durations import SKEW
from bridge.store.columns import Instant
from bridge.store.moves import OPEN
from bridge.store.schema import deliveries, given


def any_ahead(connection: Connection, *, now: datetime, skew: timedelta = SKEW) -> bool:
    """Return whether anything waits for a clock that was ahead, by more than nodes' clocks may differ."""
    return connection.execute(_ANY, {"given_limit": now + skew}).first() is not None


def set_right(connection: Connection, *, now: datetime, skew: timedelta = SKEW) -> int:
    """Let what waits for a clock that was ahead wait as long as it was to; returns how many deliveries."""
    values = {"given_limit": now + skew, "given_now": now, "given_micros": Instant.stored(now)}
    return connection.execute(_SET_RIGHT, values).rowcount


_AHEAD = (
    OPEN,
    deliveries.c.updated_at > given("limit", Instant),
    deliveries.c.lease.is_(None),
    # What is held waits for a time of day; once that has come, a later one is that of its next attempt.
    or_(deliveries.c.held_until.is_(None), deliveries.c.held_until < deliveries.c.due_at),
)
_TOO_MUCH = type_coerce(deliveries.c.updated_at, BigInteger) - given("micros", BigInteger)
_ANY = select(deliveries.c.seq).where(*_AHEAD).limit(1)
_SET_RIGHT = (
    update(deliveries)
    .where(*_AHEAD)
    .values(
        due_at=type_coerce(deliveries.c.due_at, BigInteger) - _TOO_MUCH,
        ready_at=type_coerce(deliveries.c.ready_at, BigInteger) - _TOO_MUCH,
        # Tried first by that clock, it would not be given up before its time has come again.
        first_at=case(
            (
                deliveries.c.first_at > given("now"),
                type_coerce(deliveries.c.first_at, BigInteger) - _TOO_MUCH,
            ),
            else_=type_coerce(deliveries.c.first_at, BigInteger),
        ),
        updated_at=given("now", Instant),
    )
)
