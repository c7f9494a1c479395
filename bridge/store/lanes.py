"""Lanes: what goes through one channel to one learner, one after the other; who is in one, and who waits."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime

from sqlalchemy import ColumnElement, Connection, FromClause, literal_column, or_, select

from bridge.core.messages import Payload
from bridge.core.outcomes import State
from bridge.store.columns import Instants
from bridge.store.deliveries import NewDelivery
from bridge.store.entries import Lease
from bridge.store.moves import OPEN
from bridge.store.prepared import Later, Prepared
from bridge.store.schema import deliveries, given

_PENDING = State.PENDING  # see `core.outcomes.State`


def in_lane(table: FromClause) -> ColumnElement[bool]:
    """Return the test that a row is not held for later: what is does not count in its lane."""
    return or_(table.c.held_until.is_(None), table.c.held_until <= given("now"))


def is_taken(connection: Connection, lane: bytes | None, now: datetime) -> bool:
    """Return whether an open delivery is in the lane; what is held until later is not."""
    return lane is not None and _LANE.first(connection, {"given_lane": lane, "given_now": now}) is not None


def send_taken(connection: Connection, lanes: Mapping[bytes, datetime]) -> Later[set[bytes]]:
    """Ask which of these lanes are taken, each at its time."""
    at = Instants()
    rows = [(bytearray(lane), at.stored(now)) for lane, now in lanes.items()]
    found = _LANE.send_finds(connection, rows)
    return lambda: {lane for lane, is_taken in zip(lanes, found(), strict=True) if is_taken}


def send_taken_before(
    connection: Connection, wanted: Sequence[tuple[NewDelivery, Payload | None, Lease | None]]
) -> Later[set[bytes]]:
    """Ask which lanes of those that could be sent at once are taken by what is stored."""
    asked = {
        new.lane: new.created_at
        for new, _, lease in wanted
        if new.lane is not None and lease is not None and new.state is _PENDING
    }
    return send_taken(connection, asked) if asked else set


_LANE = Prepared(
    select(deliveries.c.seq)
    .where(deliveries.c.lane == given("lane"), OPEN, in_lane(deliveries))
    .limit(literal_column("1")),
    given=("given_lane", "given_now"),
    returned=(deliveries.c.seq,),
)
