"""What is due: leased in its turn, read, and given its message before the first attempt."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

from msgspec.structs import replace
from sqlalchemy import (
    CTE,
    ColumnElement,
    Connection,
    Integer,
    bindparam,
    case,
    exists,
    func,
    or_,
    select,
)
from sqlalchemy.sql.dml import ReturningUpdate

from bridge.core.messages import Payload
from bridge.core.outcomes import State
from bridge.store import lapses
from bridge.store.arrays import is_not_among
from bridge.store.conflicts import insert_or_update
from bridge.store.deliveries import Due
from bridge.store.entries import Lease
from bridge.store.inbox import NOBODY
from bridge.store.lanes import in_lane
from bridge.store.moves import OPEN, UNDER_LEASE, move
from bridge.store.outbox_rows import DUE_FIELDS, ENTRY_FIELDS, PAYLOAD_COLUMNS, due_of, payload_row
from bridge.store.prepared import Prepared
from bridge.store.schema import claims, deliveries, given, inbox, payloads

Claim = Mapping[str, ReturningUpdate[Any]]
"""The statement that claims, by database."""
LONGEST_LEASE = timedelta(hours=1)
"""A lease that ends later than this was taken by a node whose clock was wrong; another one ends it."""


def claim_due(
    connection: Connection,
    *,
    channel: str,
    now: datetime,
    lease: Lease,
    limit: int,
    busy: Sequence[int] = (),
    alone: bool = False,
) -> list[Due]:
    """Lease deliveries that are due, or whose lease ran out, the longest due first.

    One with an earlier delivery of its lane still open, and not held, is left for later; those in `busy` are
    left alone. `alone` says that no other process makes deliveries.
    """
    return claim_some(
        connection, _CLAIM, {}, channel=channel, now=now, lease=lease, limit=limit, busy=busy, alone=alone
    )


def claim_some(  # noqa: PLR0913 - all but three by name
    connection: Connection,
    claim: Claim,
    which: Mapping[str, object],
    *,
    channel: str,
    now: datetime,
    lease: Lease,
    limit: int,
    busy: Sequence[int] = (),
    alone: bool = False,
) -> list[Due]:
    """Lease as `claim_due` does by one of `claims_of`, whose further parameters are `which`."""
    leased = {"given_channel": channel, "given_until": lease.until, "given_lease": lease.name}
    taking = {**leased, **which, "given_now": now, "given_limit": limit, "given_busy": (NOBODY, *busy)}
    kind = connection.dialect.name
    claimed, lapsed = _taken(connection, claim[kind], kind, taking)
    if claimed:
        rows = _CLAIMED.every_stored(connection, leased)
        found = [due_of(row, until=lease.until, alone=alone) for row in rows if row[0] in claimed]
        return _with_lapses(connection, found, lapsed) if lapsed else found
    if kind == "postgresql":
        far = {"given_channel": channel, "given_far": now + LONGEST_LEASE, "given_now": now}
        connection.execute(_RELEASE_FAR, far)
    return []


def has_run_out(until: datetime, now: datetime) -> bool:
    """Return whether a claim may take what is under a lease until then."""
    return not now < until <= now + LONGEST_LEASE


def store_payload(connection: Connection, seq: int, *, lease: str, payload: Payload) -> bool:
    """Store what every attempt will send; False, and nothing written, if the lease is lost."""
    if _HELD.first(connection, {"given_seq": seq, "given_lease": lease}) is None:
        return False
    _STORE_PAYLOADS.run_stored(connection, [payload_row(seq, payload)])
    return True


def store_payloads(
    connection: Connection,
    made: Mapping[int, Payload],
    *,
    channel: str,
    lease: Lease,
) -> Collection[int]:
    """Store what the attempts of deliveries of one claim will send; returns those that it still has."""
    leased = {"given_channel": channel, "given_until": lease.until, "given_lease": lease.name}
    held = {seq for (seq,) in _STILL_HELD.every_stored(connection, leased)} & made.keys()
    _STORE_PAYLOADS.run_stored(connection, [payload_row(seq, made[seq]) for seq in sorted(held)])
    return held


def next_due(connection: Connection, channel: str, *, now: datetime) -> datetime | None:
    """Return when the channel's next delivery can be claimed, also in the past; None if none waits.

    One that is held until then may find another of its lane under way, and has to wait on.
    """
    return connection.scalar(_NEXT_DUE, {"given_channel": channel, "given_now": now})


def _taken(
    connection: Connection, claim: ReturningUpdate[Any], kind: str, taking: Mapping[str, object]
) -> tuple[set[int], list[int]]:
    """Claim, and return the numbers of what is ours now, and of those among them whose lease ran out.

    A process that is alone on its store has no such: it takes all leases back when it starts.
    """
    rows = connection.execute(claim, taking).all()
    taken_over = [row.seq for row in rows if row.lapsed] if kind == "postgresql" else []
    return {row.seq for row in rows}, taken_over


def _with_lapses(connection: Connection, found: Sequence[Due], lapsed: Sequence[int]) -> list[Due]:
    times = lapses.count(connection, lapsed)
    return [replace(due, lapses=times[due.seq]) if due.seq in times else due for due in found]


_open = deliveries.alias("open")
_OTHER_OPEN = (_open.c.lane == deliveries.c.lane, _open.c.ready_at.is_not(None))
# A scalar subquery, and not NOT EXISTS: PostgreSQL would make that a join, and without statistics a slow one.
_FIRST_OF_LANE = (
    select(func.min(_open.c.seq)).where(*_OTHER_OPEN, in_lane(_open)).correlate(deliveries).scalar_subquery()
)
_THROUGH = (deliveries.c.channel == given("channel"), OPEN)
_ITS_TURN = or_(deliveries.c.lane.is_(None), deliveries.c.seq == _FIRST_OF_LANE)


def _first(which: Sequence[ColumnElement[bool]], *more: ColumnElement[Any]) -> CTE:
    return (
        select(deliveries.c.seq, *more)
        .where(*_THROUGH, _ITS_TURN, deliveries.c.ready_at <= given("now"), *which)
        .order_by(deliveries.c.ready_at, deliveries.c.seq)
        .limit(given("limit", Integer))
        .with_for_update(skip_locked=True, of=deliveries)
        .cte("next")
    )


def _claiming(*which: ColumnElement[bool]) -> ReturningUpdate[Any]:
    first = _first(which)
    chosen = deliveries.c.seq.in_(select(first.c.seq))
    claimed = move(State.SENDING, chosen, lease=given("lease"), ready_at=given("until"))
    return claimed.returning(deliveries.c.seq)


def _taking_over(*which: ColumnElement[bool]) -> ReturningUpdate[Any]:
    """Return the claim that also says whose lease ran out, which SQLite's RETURNING cannot tell."""
    first = _first(which, deliveries.c.lease.is_not(None).label("lapsed"))
    chosen = deliveries.c.seq == first.c.seq
    claimed = move(State.SENDING, chosen, lease=given("lease"), ready_at=given("until"))
    return claimed.returning(deliveries.c.seq, first.c.lapsed)


def claims_of(*which: ColumnElement[bool]) -> Claim:
    """Return the statements, by database, that claim of a channel what also passes these tests."""
    return {
        "sqlite": _claiming(deliveries.c.seq.not_in(bindparam("given_busy", expanding=True)), *which),
        "postgresql": _taking_over(is_not_among(deliveries.c.seq, "busy"), *which),
    }


_CLAIM = claims_of()
# By what the claim has written, which an index finds: a list of numbers would be part of the text.
_UNDER_IT = (*_THROUGH, deliveries.c.ready_at == given("until"), deliveries.c.lease == given("lease"))
OF_CLAIM = (
    select(
        *(deliveries.c[name] for name in DUE_FIELDS),
        payloads.c.body,
        payloads.c.meta,
        payloads.c.cuts,
        exists().where(claims.c.delivery_id == deliveries.c.id),
        exists().where(*_OTHER_OPEN, _open.c.seq != deliveries.c.seq),
        *(inbox.c[name] for name in ENTRY_FIELDS),
    )
    .join_from(deliveries, inbox, deliveries.c.inbox_seq == inbox.c.seq)
    .outerjoin(payloads, payloads.c.delivery_seq == deliveries.c.seq)
    .where(*_UNDER_IT)
    .order_by(deliveries.c.due_at, deliveries.c.seq)
)
"""What is under a claim; `outbox_rows.due_of` reads it."""
_CLAIMED = Prepared(OF_CLAIM)
_STILL_HELD = Prepared(select(deliveries.c.seq).where(*_UNDER_IT).with_for_update())
_HELD = Prepared(select(deliveries.c.seq).where(*UNDER_LEASE).with_for_update(), returned=(deliveries.c.seq,))
_STORE_PAYLOADS = Prepared(
    insert_or_update(payloads, ["delivery_seq"], ["meta", "cuts", "body"]),
    inserted=PAYLOAD_COLUMNS,
)
# It was due when it was claimed, whatever that clock said.
_RELEASE_FAR = move(
    State.PENDING,
    deliveries.c.channel == given("channel"),
    deliveries.c.ready_at > given("far"),
    deliveries.c.lease.is_not(None),
    due_at=case((deliveries.c.due_at > given("now"), given("now")), else_=deliveries.c.due_at),
    ready_at=given("now"),
)
_NEXT_DUE = (
    select(deliveries.c.ready_at)
    .where(*_THROUGH, or_(_ITS_TURN, deliveries.c.held_until > given("now")))
    .order_by(deliveries.c.ready_at, deliveries.c.seq)
    .limit(1)
)
