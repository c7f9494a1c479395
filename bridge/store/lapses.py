"""Deliveries whose lease was found without its holder: the process ended, or stood still, while it had them.

What counts is how often that happened in a row: an attempt that came to an outcome begins the count anew.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import Connection, Integer, case, delete, literal_column, select

from bridge.core.outcomes import State
from bridge.store.conflicts import insert_or_update
from bridge.store.many import given_ids, parts_of
from bridge.store.moves import CLOSED, OPEN, THIS, move
from bridge.store.schema import deliveries, given, lapses


def under_lease(connection: Connection) -> list[int]:
    """Return the numbers of deliveries under a lease, of which a process that has just begun has none."""
    return list(connection.scalars(_UNDER_LEASE))


def count(connection: Connection, seqs: Sequence[int]) -> dict[int, int]:
    """Count deliveries whose lease was found without its holder; returns how often for each."""
    times: dict[int, int] = {}
    for some in parts_of(seqs):
        connection.execute(_COUNT, {"given_ids": some})
        times |= {row.delivery_seq: row.count_ for row in connection.execute(_TIMES, {"given_ids": some})}
    return times


def park(connection: Connection, seqs: Sequence[int], *, now: datetime, why: str) -> list[tuple[str, str]]:
    """Put deliveries under a lease aside, whoever has it; returns their ids and rules."""
    values = {"given_now": now, "given_why": why}
    found: list[tuple[str, str]] = []
    for some in parts_of(seqs):
        found += [(row.id, row.rule) for row in connection.execute(_PARK, {**values, "given_ids": some})]
    return found


def suspects(connection: Connection, least: int) -> list[int]:
    """Return the numbers of open deliveries that this has happened to so often."""
    return list(connection.scalars(_SUSPECTS, {"given_least": least}))


def forget(connection: Connection, delivery_id: str) -> None:
    """Begin the count of a delivery anew."""
    connection.execute(_FORGET, {"given_id": delivery_id})


_LEASED = (OPEN, deliveries.c.lease.is_not(None))
_THESE = deliveries.c.seq.in_(given_ids())
_UNDER_LEASE = select(deliveries.c.seq).where(*_LEASED)
_COUNT = insert_or_update(
    lapses,
    ["delivery_seq"],
    ["attempts"],
    also=lambda new: {"count": case((lapses.c.attempts == new.c.attempts, lapses.c["count"] + 1), else_=1)},
).from_select(
    ["delivery_seq", "count", "attempts"],
    select(deliveries.c.seq, literal_column("1", Integer), deliveries.c.attempts).where(_THESE),
)
_TIMES = select(lapses.c.delivery_seq, lapses.c["count"].label("count_")).where(
    lapses.c.delivery_seq.in_(given_ids())
)
_PARK = move(State.PARKED, *_LEASED, _THESE, **CLOSED, why=given("why")).returning(
    deliveries.c.id, deliveries.c.rule
)
_SUSPECTS = (
    select(lapses.c.delivery_seq)
    .join_from(lapses, deliveries, deliveries.c.seq == lapses.c.delivery_seq)
    .where(OPEN, lapses.c["count"] >= given("least"), lapses.c.attempts == deliveries.c.attempts)
)
_FORGET = delete(lapses).where(lapses.c.delivery_seq.in_(select(deliveries.c.seq).where(THIS)))
