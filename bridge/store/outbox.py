"""The outbox: deliveries, payloads, attempts. Every move of a state goes by the table in core/outcomes.py."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Sequence
from dataclasses import fields
from datetime import datetime, timedelta
from typing import Any, Literal

from sqlalchemy import (
    ColumnElement,
    Connection,
    Integer,
    Update,
    and_,
    bindparam,
    case,
    func,
    null,
    or_,
    select,
    update,
)
from sqlalchemy.dialects import postgresql

from bridge.core.messages import Payload
from bridge.core.outcomes import State, sources_of
from bridge.store import memory
from bridge.store.columns import Instant
from bridge.store.deliveries import Attempt, Due, Missing, Moved, NewDelivery, Refused, Taken, Trigger
from bridge.store.inbox import ENTRY_COLUMNS, NOBODY, entry_of
from bridge.store.schema import (
    attempts,
    constant,
    constants,
    deliveries,
    given,
    inbox,
    new_row,
    payloads,
    under,
)

__all__ = [
    "Attempt",
    "Due",
    "Missing",
    "Moved",
    "NewDelivery",
    "Refused",
    "Taken",
    "Trigger",
    "claim_due",
    "discard",
    "discard_unsent",
    "enqueue",
    "expire",
    "next_due",
    "park",
    "park_unrouted",
    "record",
    "release",
    "release_all",
    "retry",
    "store_payload",
]
UNROUTED = "is no longer in the configuration; restore it, then retry"


def enqueue(connection: Connection, new: NewDelivery) -> bool:
    """Store a delivery; False, and nothing written, if this id exists already."""
    row = {name: getattr(new, name) for name in _NEW_FIELDS}
    ready_at = new.due_at if new.state is State.PENDING else None
    row |= {"inbox_seq": new.entry_seq, "updated_at": new.created_at, "ready_at": ready_at}
    row |= {"attempts": 0, "tries": 0, "trigger": "schedule"}
    return connection.execute(_ENQUEUE, row).first() is not None


def claim_due(
    connection: Connection,
    *,
    channel: str,
    now: datetime,
    lease_until: datetime,
    lease: str,
    limit: int,
    busy: Sequence[int] = (),
) -> list[Due]:
    """Lease deliveries that are due, or whose lease ran out, the longest due first.

    One with an earlier delivery of its lane still open is left for later; those in `busy` are left alone.
    """
    wanted = {"given_channel": channel, "given_now": now, "given_limit": limit, "given_busy": (NOBODY, *busy)}
    claimed = connection.scalars(_CLAIM, {**wanted, "given_until": lease_until, "given_lease": lease}).all()
    rows = connection.execute(_DUE, {"given_seqs": claimed}) if claimed else ()
    return [_due_of(row) for row in rows]


def store_payload(connection: Connection, seq: int, *, lease: str, payload: Payload) -> bool:
    """Store what every attempt will send; False, and nothing written, if the lease is lost."""
    if connection.execute(_HELD, {"given_seq": seq, "given_lease": lease}).first() is None:
        return False
    row = {"meta": dict(payload.meta), "cuts": list(payload.cuts), "body": payload.body}
    connection.execute(_STORE_PAYLOAD, {"delivery_seq": seq, **row})
    return True


def record(
    connection: Connection,
    seq: int,
    *,
    lease: str,
    attempt: Attempt,
    state: Literal[State.PENDING, State.DELIVERED, State.DEAD],
    due_at: datetime | None = None,
    reference: str | None = None,
) -> bool:
    """Record an attempt and the state it leads to; False, and nothing written, if the lease is lost.

    `due_at` is the next attempt's time, for PENDING; `reference` is the destination's name for the message.
    """
    if (state is State.PENDING) != (due_at is not None):
        raise ValueError(
            f"a pending delivery needs a time and only a pending one has it, not {state} {due_at}"
        )
    ended_at = attempt.started_at + timedelta(milliseconds=attempt.duration_ms)
    values = {
        "given_number": attempt.number,
        "given_started": attempt.started_at,
        "given_reference": reference,
    }
    if due_at is not None:
        values["given_due"] = due_at
    delivery_id = connection.scalar(
        _RECORD[state], {"given_seq": seq, "given_lease": lease, "given_now": ended_at, **values}
    )
    if delivery_id is None:
        return False
    connection.execute(
        _ADD_ATTEMPT, {"delivery_seq": seq, **{name: getattr(attempt, name) for name in _ATTEMPT_FIELDS}}
    )
    memory.follow(connection, delivery_id, state, now=ended_at)
    return True


def park(connection: Connection, seq: int, *, lease: str, now: datetime, why: str) -> bool:
    """Put a delivery that cannot be made into a message aside for a person; False if the lease is lost."""
    return _end(connection, seq, lease, State.PARKED, now, why)


def park_unrouted(connection: Connection, channels: Collection[str], *, now: datetime) -> dict[str, int]:
    """Park what waits for a channel that is not one of `channels`; returns how many of each.

    What is under way stays, unless its lease ran out.
    """
    return Counter(connection.scalars(_PARK_UNROUTED, {"given_channels": ("", *channels), "given_now": now}))


def expire(connection: Connection, seq: int, *, lease: str, now: datetime, why: str) -> bool:
    """Give a delivery up because its time is over; False, and nothing written, if the lease is lost."""
    return _end(connection, seq, lease, State.EXPIRED, now, why)


def retry(connection: Connection, delivery_id: str, *, now: datetime) -> Moved | Missing | Refused | Taken:
    """Make a waiting, dead, expired or parked delivery due now, with its schedule of retries from the start.

    Its claim is reserved again. An expiry that has passed is dropped: a person asked for it all the same.
    """
    state = connection.scalar(_STATE, {"given_id": delivery_id})
    if state is None:
        return Missing()
    if state not in _RETRIED_FROM:
        return Refused(State(state))
    holder = memory.reserve_again(connection, delivery_id, now=now)
    if holder is not None:
        return Taken(holder)
    connection.execute(_RETRY, {"given_id": delivery_id, "given_now": now})
    return Moved()


def discard(
    connection: Connection, delivery_id: str, *, now: datetime, why: str
) -> Moved | Missing | Refused:
    """Decide that a delivery that is not under way will never be sent."""
    values = {"given_id": delivery_id, "given_now": now, "given_why": why}
    if connection.execute(_DISCARD, values).rowcount == 1:
        memory.follow(connection, delivery_id, State.DISCARDED, now=now)
        return Moved()
    state = connection.scalar(_STATE, {"given_id": delivery_id})
    return Missing() if state is None else Refused(State(state))


def discard_unsent(connection: Connection, entry_seq: int, *, now: datetime, why: str) -> int:
    """Discard what is not sent of an entry's deliveries, before a replay makes them anew; returns how many.

    What is under way stays.
    """
    values = {"given_entry": entry_seq, "given_now": now, "given_why": why}
    discarded = connection.scalars(_DISCARD_UNSENT, values).all()
    for delivery_id in discarded:
        memory.follow(connection, delivery_id, State.DISCARDED, now=now)
    return len(discarded)


def release(connection: Connection, lease: str) -> int:
    """Give back every delivery under a lease whose name begins so, due as before; returns how many."""
    return connection.execute(_RELEASE, {"given_lease": lease}).rowcount


def release_all(connection: Connection) -> int:
    """Give back every delivery; only for a process that is alone on its store. Returns how many."""
    return connection.execute(_RELEASE_ALL).rowcount


def next_due(connection: Connection, channel: str) -> datetime | None:
    """Return when the channel's next delivery can be claimed, also in the past; None if none waits."""
    return connection.scalar(_NEXT_DUE, {"given_channel": channel})


def _end(connection: Connection, seq: int, lease: str, state: State, now: datetime, why: str) -> bool:
    values = {"given_seq": seq, "given_lease": lease, "given_now": now, "given_why": why}
    delivery_id = connection.scalar(_END[state], values)
    if delivery_id is None:
        return False
    memory.follow(connection, delivery_id, state, now=now)
    return True


def _due_of(row: Sequence[Any]) -> Due:
    mine, (body, meta, cuts), entry = row[:_MINE], row[_MINE : _MINE + 3], row[_MINE + 3 :]
    payload = None if body is None else Payload(body=body, meta=meta, cuts=tuple(cuts))
    return Due(**dict(zip(_DUE_FIELDS, mine, strict=True)), payload=payload, entry=entry_of(entry))


def _move(target: State, *conditions: ColumnElement[bool], **values: object) -> Update:
    return (
        update(deliveries)
        .where(*conditions, deliveries.c.state.in_(constants(sources_of(target))))
        .values({"state": constant(target), "updated_at": given("now"), "lease": null(), **values})
    )


_NEW_FIELDS = tuple(field.name for field in fields(NewDelivery) if field.name != "entry_seq")
_ATTEMPT_FIELDS = tuple(field.name for field in fields(Attempt))
_DUE_FIELDS = tuple(field.name for field in fields(Due) if field.name not in {"payload", "entry"})
_MINE = len(_DUE_FIELDS)
_RETRIED_FROM = tuple(state for state in sources_of(State.PENDING) if state is not State.SENDING)

_OPEN = deliveries.c.ready_at.is_not(None)
_THIS = deliveries.c.id == given("id")
_UNDER_LEASE = (deliveries.c.seq == given("seq"), deliveries.c.lease == given("lease"))
_CLOSED = {"ready_at": null()}
_TRIED = {
    "attempts": given("number"),
    "tries": deliveries.c.tries + 1,
    "first_at": func.coalesce(deliveries.c.first_at, given("started", Instant)),
    "reference": given("reference"),
    "trigger": constant("schedule"),
    "why": null(),
}
_open = deliveries.alias("open")
# A scalar subquery, and not NOT EXISTS: PostgreSQL would make that a join, and without statistics a slow one.
_FIRST_OF_LANE = (
    select(func.min(_open.c.seq))
    .where(_open.c.lane == deliveries.c.lane, _open.c.ready_at.is_not(None))
    .correlate(deliveries)
    .scalar_subquery()
)
_CLAIMABLE = and_(
    deliveries.c.channel == given("channel"),
    _OPEN,
    or_(deliveries.c.lane.is_(None), deliveries.c.seq == _FIRST_OF_LANE),
)

_ENQUEUE = new_row(deliveries, deliveries.c.seq)
_NEXT = (
    select(deliveries.c.seq)
    .where(
        _CLAIMABLE,
        deliveries.c.ready_at <= given("now"),
        deliveries.c.seq.not_in(bindparam("given_busy", expanding=True)),
    )
    .order_by(deliveries.c.ready_at, deliveries.c.seq)
    .limit(given("limit", Integer))
    .with_for_update(skip_locked=True, of=deliveries)
    .cte("next")
)
_CLAIM = _move(
    State.SENDING, deliveries.c.seq.in_(select(_NEXT.c.seq)), lease=given("lease"), ready_at=given("until")
).returning(deliveries.c.seq)
_DUE = (
    select(
        *(deliveries.c[name] for name in _DUE_FIELDS),
        payloads.c.body,
        payloads.c.meta,
        payloads.c.cuts,
        *ENTRY_COLUMNS,
    )
    .join_from(deliveries, inbox, deliveries.c.inbox_seq == inbox.c.seq)
    .outerjoin(payloads, payloads.c.delivery_seq == deliveries.c.seq)
    .where(deliveries.c.seq.in_(bindparam("given_seqs", expanding=True)))
    .order_by(deliveries.c.due_at, deliveries.c.seq)
)
_HELD = select(deliveries.c.seq).where(*_UNDER_LEASE).with_for_update()
_insert_payload = postgresql.insert(payloads)
_STORE_PAYLOAD = _insert_payload.on_conflict_do_update(
    index_elements=[payloads.c.delivery_seq],
    set_={name: _insert_payload.excluded[name] for name in ("meta", "cuts", "body")},
)
_RECORD = {
    State.PENDING: _move(
        State.PENDING, *_UNDER_LEASE, due_at=given("due"), ready_at=given("due"), **_TRIED
    ).returning(deliveries.c.id),
    State.DELIVERED: _move(State.DELIVERED, *_UNDER_LEASE, **_CLOSED, **_TRIED).returning(deliveries.c.id),
    State.DEAD: _move(State.DEAD, *_UNDER_LEASE, **_CLOSED, **_TRIED).returning(deliveries.c.id),
}
_ADD_ATTEMPT = attempts.insert()
_END = {
    target: _move(target, *_UNDER_LEASE, **_CLOSED, why=given("why")).returning(deliveries.c.id)
    for target in (State.PARKED, State.EXPIRED)
}
_PARK_UNROUTED = _move(
    State.PARKED,
    _OPEN,
    deliveries.c.channel.not_in(bindparam("given_channels", expanding=True)),
    or_(deliveries.c.state == constant(State.PENDING), deliveries.c.ready_at <= given("now")),
    **_CLOSED,
    why=constant("channel ''") + deliveries.c.channel + constant("'' ") + constant(UNROUTED),
).returning(deliveries.c.channel)
_STATE = select(deliveries.c.state).where(_THIS)
_RETRY = _move(
    State.PENDING,
    _THIS,
    deliveries.c.state != constant(State.SENDING),
    due_at=given("now"),
    ready_at=given("now"),
    expires_at=case((deliveries.c.expires_at <= given("now"), null()), else_=deliveries.c.expires_at),
    first_at=null(),
    tries=0,
    trigger=constant("person"),
    why=null(),
)
_DISCARD_UNSENT = _move(
    State.DISCARDED, deliveries.c.inbox_seq == given("entry"), **_CLOSED, why=given("why")
).returning(deliveries.c.id)
_DISCARD = _move(State.DISCARDED, _THIS, **_CLOSED, why=given("why"))
_RELEASE_ALL = _move(
    State.PENDING,
    _OPEN,
    deliveries.c.lease.is_not(None),
    ready_at=deliveries.c.due_at,
    updated_at=deliveries.c.updated_at,
)
_RELEASE = _RELEASE_ALL.where(under(deliveries.c.lease))
_NEXT_DUE = (
    select(deliveries.c.ready_at).where(_CLAIMABLE).order_by(deliveries.c.ready_at, deliveries.c.seq).limit(1)
)
