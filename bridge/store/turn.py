"""Whose turn it is to take entries through the rules: on PostgreSQL one node at a time does."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from enum import Enum, auto

from sqlalchemy import (
    CTE,
    Boolean,
    ColumnElement,
    Connection,
    ScalarSelect,
    case,
    exists,
    false,
    func,
    literal_column,
    not_,
    select,
)

from bridge.store.arrays import is_not_among
from bridge.store.numbers import next_seqs, send_next_seqs
from bridge.store.prepared import Prepared, one_trip
from bridge.store.schema import DONE, IS_WAITING, NEW, constant, given, inbox, under

LONGEST_LEASE = timedelta(minutes=5)
"""A lease that ends later than this was taken by a node whose clock was wrong, and binds nobody."""
OLDEST = 256
"""How many open entries are looked at for other nodes' leases: the oldest ones are claimed first."""


class Turn(Enum):
    """Whose turn it is to take entries through the rules: one node at a time does."""

    OURS = auto()
    THEIRS = auto()
    """Another node's leases run; it hears of what was stored since."""
    OPEN = auto()
    """Another node takes entries in this very moment, and may have missed the latest ones."""


def whose_turn(connection: Connection, now: datetime, lease: str) -> Turn:
    """Return whose turn it is to claim; `lease` is one of the node that asks.

    What is ours is ours until the transaction ends. On SQLite whoever claims is alone.
    """
    if connection.dialect.name != "postgresql":
        return Turn.OURS
    node = lease[: lease.rfind("/") + 1] or lease
    values = {"given_now": now, "given_far": now + LONGEST_LEASE, "given_lease": node}
    # Who need not ask must not hold the lock: a node that is woken in vain would be in the others' way.
    if connection.execute(_OTHERS, values).first() is not None:
        return Turn.THEIRS
    # The lock ends with the transaction, so whoever gets it next sees the leases of the one before.
    if not connection.scalar(_LOCK):
        return Turn.OPEN
    return Turn.OURS if connection.execute(_OTHERS, values).first() is None else Turn.THEIRS


def seqs_in_turn(connection: Connection, count: int) -> Sequence[int] | None:
    """Return numbers for entries that may be stored with what the rules have decided about them.

    None if something that is stored has to go through the rules before. On PostgreSQL it is this node's turn
    until the end of the transaction, if there are numbers: nobody else claims, or stores what it has decided
    about. On SQLite, whoever is alone knows without asking.
    """
    if connection.dialect.name != "postgresql":
        return next_seqs(connection, inbox, count)
    with one_trip(connection):
        turn = _TAKE_TURN.send(connection, {})
        # The second statement sees what was committed before the lock was given.
        waiting = _ANY_WAITS.send(connection, {})
        seqs = send_next_seqs(connection, inbox, count)
    return seqs() if turn() == (True,) and waiting() is None else None


def passed_by(claimed: CTE) -> ScalarSelect[int]:
    """Return the first entry whose holder is just finishing it though its lease is over; NULL for none.

    A claim does not wait for it, but what comes after it has to. What is locked without having been under a
    lease is somebody else's doing, and holds up nothing.
    """
    waiting = inbox.alias("waiting")
    return (
        select(func.min(waiting.c.seq))
        .where(
            waiting.c.state == constant(NEW),  # as `IS_WAITING` has it
            waiting.c.state != constant(DONE),
            waiting.c.leased_until <= given("now"),
            is_not_among(waiting.c.seq, "busy"),
            waiting.c.seq.not_in(select(claimed.c.seq)),
            waiting.c.seq < select(func.max(claimed.c.seq)).scalar_subquery(),
        )
        .scalar_subquery()
    )


# The table's number, because a database may hold several stores, each in a schema of its own.
_BRID = 0x6272_6964 << 32  # "brid" in ASCII
_LOCK_NUMBER: ColumnElement[int] = literal_column(f"{_BRID} + CAST('inbox'::regclass AS oid)::bigint")
_LOCK = select(func.pg_try_advisory_xact_lock(_LOCK_NUMBER))
_ANY = select(inbox.c.seq).where(IS_WAITING).limit(literal_column("1"))
_ANY_WAITS = Prepared(_ANY, returned=(inbox.c.seq,))
_TAKE_TURN = Prepared(
    # Who sees that something waits does not take the lock from those who are about to claim it.
    select(case((exists(_ANY), false()), else_=func.pg_try_advisory_xact_lock(_LOCK_NUMBER))),
    returned=(literal_column("turn", Boolean),),
)
_OLDEST = (
    select(inbox.c.lease, inbox.c.leased_until)
    .where(IS_WAITING)
    .order_by(inbox.c.seq)
    .limit(OLDEST)
    .subquery("oldest")
)
_OTHERS = (
    select(_OLDEST.c.lease)
    .where(
        _OLDEST.c.leased_until > given("now"),
        _OLDEST.c.leased_until <= given("far"),
        not_(under(_OLDEST.c.lease)),
    )
    .limit(1)
)
