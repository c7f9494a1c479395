"""The outbox: deliveries, payloads, attempts. Every move of a state goes by the table in core/outcomes.py."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import datetime
from typing import Literal

from sqlalchemy import (
    Connection,
    bindparam,
    func,
    literal_column,
    null,
    select,
)

from bridge.core.messages import Payload
from bridge.core.outcomes import State
from bridge.store import memory
from bridge.store.columns import Instant
from bridge.store.deliveries import (
    Attempt,
    Due,
    NewDelivery,
    Queued,
    Recorded,
)
from bridge.store.entries import Lease
from bridge.store.lanes import is_taken, send_taken, send_taken_before
from bridge.store.moves import CLOSED, OPEN, THIS, UNDER_LEASE, move
from bridge.store.news import tell_of_channel
from bridge.store.numbers import send_next_seqs
from bridge.store.outbox_rows import (
    ATTEMPT_COLUMNS,
    DELIVERED_GIVEN,
    DELIVERY_COLUMNS,
    LEASED_COLUMNS,
    PAYLOAD_COLUMNS,
    SUCCESS_COLUMNS,
    DeliveryRows,
    attempt_row,
    delivered_rows,
    ended_at,
    payload_row,
)
from bridge.store.prepared import Prepared, one_trip
from bridge.store.schema import (
    attempts,
    constant,
    deliveries,
    given,
    new_row,
    payloads,
    under,
)

_PENDING, _KEPT = State.PENDING, State.KEPT  # see `core.outcomes.State`


class LeaseLost(Exception):
    """Another worker took something over; what was written with it is rolled back."""


def enqueue(
    connection: Connection, new: NewDelivery, *, payload: Payload | None = None, lease: Lease | None = None
) -> Queued | None:
    """Store a delivery, with what it will send if that is known; None if this id exists already.

    With a lease, a pending one is claimed at once, unless another delivery of its lane is still open. One
    that is held until later must not have a lease.
    """
    return enqueue_all(connection, [(new, payload, lease)])[0]


def enqueue_all(
    connection: Connection, wanted: Sequence[tuple[NewDelivery, Payload | None, Lease | None]]
) -> list[Queued | None]:
    """Store deliveries as `enqueue` does one after the other, with one statement for all."""
    with one_trip(connection):
        numbers = send_next_seqs(connection, deliveries, len(wanted))
        found = send_taken_before(connection, wanted)
    seqs, lanes = numbers(), found()
    made, queued, bodies = DeliveryRows(), [], []
    for seq, (new, payload, offered) in zip(seqs, wanted, strict=True):
        pending, lane = new.state is _PENDING, new.lane
        lease = offered if pending and lane not in lanes else None
        made.add(seq, new, lease)
        if payload is not None:
            bodies.append(payload_row(seq, payload))
        queued.append(Queued(seq, leased=lease is not None, kept=new.state is _KEPT))
        if pending and lane is not None and new.held_until is None:
            lanes.add(lane)
        if offered is None and pending and new.due_at <= new.created_at:
            tell_of_channel(connection, new.channel)
    if _ENQUEUE.run_stored(connection, made.rows) + _LEASED.run_stored(connection, made.leased) == len(seqs):
        _ADD_PAYLOAD.run_stored(connection, bodies)
        return [*queued]
    is_new = {seq for seq, (new, *_) in zip(seqs, wanted, strict=True) if _seq_of(connection, new) == seq}
    _ADD_PAYLOAD.run_stored(connection, [row for row in bodies if row[0] in is_new])
    return [each if each.seq in is_new else None for each in queued]


def record(
    connection: Connection,
    seq: int,
    *,
    lease: str,
    attempt: Attempt,
    state: Literal[State.PENDING, State.DELIVERED, State.DEAD],
    due_at: datetime | None = None,
    reference: str | None = None,
) -> Recorded | None:
    """Record an attempt and the state it leads to; None, and nothing written, if the lease is lost.

    `due_at` is the next attempt's time, for PENDING; `reference` is the destination's name for the message.
    """
    if (state is State.PENDING) != (due_at is not None):
        raise ValueError(
            f"a pending delivery needs a time and only a pending one has it, not {state} {due_at}"
        )
    now = ended_at(attempt)
    values = {
        "given_number": attempt.number,
        "given_started": attempt.started_at,
        "given_reference": reference,
    }
    if due_at is not None:
        values["given_due"] = due_at
    found = _RECORD[state].first(
        connection, {"given_seq": seq, "given_lease": lease, "given_now": now, **values}
    )
    if found is None:
        return None
    delivery_id, lane = found
    _ADD_ATTEMPT.run_stored(connection, [attempt_row(seq, attempt)])
    memory.follow(connection, delivery_id, state, now=now)
    return Recorded(lane_waits=is_taken(connection, lane, now))


def record_delivered(
    connection: Connection, results: Sequence[tuple[Due, str, Attempt, str | None]]
) -> list[Recorded]:
    """Record that deliveries under these leases were sent, with the destination's names for the messages.

    Raises `LeaseLost` if not all leases are still ours: then each is to be recorded on its own.
    """
    moves, tried, claims = [], [], []
    asked: dict[bytes, datetime] = {}
    for due, lease, attempt, reference in results:
        move_row, attempt_row = delivered_rows(due.seq, lease, attempt, reference)
        moves.append(move_row)
        tried.append(attempt_row)
        if due.has_claim:
            claims.append((due.id, ended_at(attempt)))
        if due.others_wait and due.lane is not None:
            asked[due.lane] = ended_at(attempt)
    with one_trip(connection):
        moved = _DELIVERED.send_stored(connection, moves)
        _ADD_SUCCESS.send_stored(connection, tried)
        memory.confirm_all(connection, claims)
        found = send_taken(connection, asked)
    if moved() != len(moves):
        raise LeaseLost
    taken = found()
    return [_WAITED_FOR if due.others_wait and due.lane in taken else _DONE for due, _, _, _ in results]


def park(connection: Connection, seq: int, *, lease: str, now: datetime, why: str) -> bool:
    """Put a delivery that cannot be made into a message aside for a person; False if the lease is lost."""
    return _end(connection, seq, lease, State.PARKED, now, why)


def expire(connection: Connection, seq: int, *, lease: str, now: datetime, why: str) -> bool:
    """Give a delivery up because its time is over; False, and nothing written, if the lease is lost."""
    return _end(connection, seq, lease, State.EXPIRED, now, why)


def withhold(connection: Connection, seq: int, *, lease: str, now: datetime, why: str) -> bool:
    """End a claimed delivery that is only shown; False, and nothing written, if the lease is lost."""
    return _end(connection, seq, lease, State.WITHHELD, now, why)


def suppress(connection: Connection, seq: int, *, lease: str, now: datetime, why: str) -> bool:
    """Do not send what its people must not get; False, and nothing written, if the lease is lost."""
    return _end(connection, seq, lease, State.SUPPRESSED, now, why)


def give_back(connection: Connection, seq: int, *, lease: str) -> bool:
    """Give one delivery back, due as before; False if the lease is lost."""
    return connection.execute(_GIVE_BACK, {"given_seq": seq, "given_lease": lease}).rowcount == 1


def hold(connection: Connection, seq: int, *, lease: str, now: datetime, until: datetime, why: str) -> bool:
    """Let a claimed delivery wait for a time, and no other for it; False if the lease is lost.

    No attempt is counted.
    """
    values = {"given_seq": seq, "given_lease": lease, "given_now": now, "given_due": until, "given_why": why}
    return connection.execute(_HOLD, values).rowcount == 1


def release(connection: Connection, lease: str, busy: Collection[int] = ()) -> int:
    """Give back every delivery under a lease whose name begins so, due as before; returns how many.

    Those in `busy` stay under their lease.
    """
    channels = connection.scalars(_RELEASE, {"given_lease": lease, "given_busy": busy or (0,)}).all()
    for channel in set(channels):
        tell_of_channel(connection, channel)
    return len(channels)


def give_back_all(connection: Connection, lease: str, busy: Collection[int] = ()) -> int:
    """Give back every delivery under the lease of this name, due as before; returns how many.

    Those in `busy` stay under it.
    """
    return connection.execute(_GIVE_BACK_ALL, {"given_lease": lease, "given_busy": busy or (0,)}).rowcount


def release_all(connection: Connection) -> int:
    """Give back every delivery; only for a process that is alone on its store. Returns how many."""
    return connection.execute(_RELEASE_ALL).rowcount


def _seq_of(connection: Connection, new: NewDelivery) -> int | None:
    found: int | None = connection.scalar(_SEQ, {"given_id": new.id})
    return found


def _end(connection: Connection, seq: int, lease: str, state: State, now: datetime, why: str) -> bool:
    values = {"given_seq": seq, "given_lease": lease, "given_now": now, "given_why": why}
    delivery_id = connection.scalar(_END[state], values)
    if delivery_id is None:
        return False
    memory.follow(connection, delivery_id, state, now=now)
    return True


_WAITED_FOR, _DONE = Recorded(lane_waits=True), Recorded(lane_waits=False)
_TRIED = {
    "attempts": given("number"),
    "tries": deliveries.c.tries + literal_column("1"),
    "first_at": func.coalesce(deliveries.c.first_at, given("started", Instant)),
    "reference": given("reference"),
    "trigger": constant("schedule"),
    "why": null(),
}
_UNTRIED = {"attempts": literal_column("0"), "tries": literal_column("0"), "trigger": constant("schedule")}
_ENQUEUE = Prepared(new_row(deliveries), inserted=DELIVERY_COLUMNS, fixed=_UNTRIED)
_LEASED = Prepared(
    new_row(deliveries), inserted=LEASED_COLUMNS, fixed={**_UNTRIED, "state": constant(State.SENDING)}
)
_ADD_PAYLOAD = Prepared(payloads.insert(), inserted=PAYLOAD_COLUMNS)
_AGAIN = {"due_at": given("due"), "ready_at": given("due")}
_WHOSE = (deliveries.c.id, deliveries.c.lane)
_DELIVERED = Prepared(move(State.DELIVERED, *UNDER_LEASE, **CLOSED, **_TRIED), given=DELIVERED_GIVEN)
_RECORD = {
    state: Prepared(move(state, *UNDER_LEASE, **then, **_TRIED).returning(*_WHOSE), returned=_WHOSE)
    for state, then in ((State.PENDING, _AGAIN), (State.DELIVERED, CLOSED), (State.DEAD, CLOSED))
}
_ADD_ATTEMPT = Prepared(attempts.insert(), inserted=ATTEMPT_COLUMNS)
_ADD_SUCCESS = Prepared(attempts.insert(), inserted=SUCCESS_COLUMNS, fixed={"outcome": constant("delivered")})
_END = {
    target: move(target, *UNDER_LEASE, **CLOSED, why=given("why")).returning(deliveries.c.id)
    for target in (State.PARKED, State.EXPIRED, State.WITHHELD, State.SUPPRESSED)
}
_HOLD = move(
    State.PENDING,
    *UNDER_LEASE,
    due_at=given("due"),
    ready_at=given("due"),
    held_until=given("due"),
    why=given("why"),
)
_SEQ = select(deliveries.c.seq).where(THIS)
_RELEASE_ALL = move(
    State.PENDING,
    OPEN,
    deliveries.c.lease.is_not(None),
    ready_at=deliveries.c.due_at,
    updated_at=deliveries.c.updated_at,
)
_GIVE_BACK = move(
    State.PENDING, *UNDER_LEASE, ready_at=deliveries.c.due_at, updated_at=deliveries.c.updated_at
)
_NOT_BUSY = deliveries.c.seq.not_in(bindparam("given_busy", expanding=True))
_RELEASE = _RELEASE_ALL.where(under(deliveries.c.lease), _NOT_BUSY).returning(deliveries.c.channel)
_GIVE_BACK_ALL = _RELEASE_ALL.where(deliveries.c.lease == given("lease"), _NOT_BUSY)
