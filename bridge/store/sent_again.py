"""Messages of several deliveries that are sent again, without what others have told of meanwhile."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import Connection, Executable, delete, select, update

from bridge.core.outcomes import State
from bridge.store.collected import GATHERED, SEQ, ids_beside
from bridge.store.many import given_ids, in_parts, parts_of
from bridge.store.schema import (
    COPY,
    LEFT,
    RELEASED,
    RESERVED,
    claims,
    constant,
    deliveries,
    gathered,
    given,
    payloads,
)


def reserve_again(connection: Connection, delivery_id: str, *, now: datetime) -> None:
    """Reserve again what those in a message released; one whose claim is taken by now is left out of it."""
    found = _message(connection, delivery_id)
    if found is None:
        return
    seq, head = found
    others = ids_beside(connection, head, seq)
    in_parts(connection, _RESERVE_AGAIN, others, {"given_now": now})
    _leave(connection, seq, delivery_id, _those(connection, _TAKEN, others, given_id=delivery_id), now=now)


def go_without(connection: Connection, delivery_id: str, *, now: datetime) -> bool:
    """Leave out of a message what its own delivery is about, since another one has told of it.

    Returns False, and changes nothing, if there is nothing else that the message could tell of.
    """
    found = _message(connection, delivery_id)
    if found is None:
        return False
    seq, head = found
    if not _those(connection, _FREE, ids_beside(connection, head, seq)):
        return False
    own = connection.scalars(_ID, {"given_seq": head}).all()
    _leave(connection, seq, delivery_id, own, now=now)
    return True


def _message(connection: Connection, delivery_id: str) -> tuple[int, int] | None:
    """Return the numbers of a delivery and of its message's head; None if it is alone, or a copy of one."""
    seq = connection.scalar(SEQ, {"given_id": delivery_id})
    found = connection.execute(GATHERED, {"given_seq": seq}).first() if seq is not None else None
    if seq is None or found is None or found.head_seq is None or found.part == COPY:
        return None
    return seq, found.head_seq


def _leave(connection: Connection, seq: int, delivery_id: str, left: Sequence[str], *, now: datetime) -> None:
    """Let a message tell of these no more, and be made anew."""
    if not left:
        return
    why = f"left out of delivery {delivery_id}, since another one has taken its once_per"
    in_parts(connection, _LEAVE, left, {})
    in_parts(connection, _SAY, left, {"given_now": now, "given_why": why})
    connection.execute(_UNMAKE, {"given_seq": seq})


def _those(connection: Connection, which: Executable, ids: Sequence[str], **given: object) -> list[str]:
    return [
        each for some in parts_of(ids) for each in connection.scalars(which, {**given, "given_ids": some})
    ]


_held = claims.alias("held")
_ID = select(deliveries.c.id).where(deliveries.c.seq == given("seq"))
_IS_RELEASED = (claims.c.delivery_id.in_(given_ids()), claims.c.state == constant(RELEASED))
_HOLDING = (
    select(_held.c.delivery_id)
    .where(_held.c.key == claims.c.key, _held.c.state != constant(RELEASED))
    .correlate(claims)
)
_RESERVE_AGAIN = (
    update(claims).where(*_IS_RELEASED, ~_HOLDING.exists()).values(state=constant(RESERVED), at=given("now"))
)
_FREE = select(claims.c.delivery_id).where(*_IS_RELEASED, ~_HOLDING.exists())
# What is sent instead has the claim of the first in its message, which is not taken from it by that.
_TAKEN = select(claims.c.delivery_id).where(
    *_IS_RELEASED, _HOLDING.where(_held.c.delivery_id != given("id")).exists()
)
_LEAVE = (
    update(gathered)
    .where(gathered.c.delivery_seq.in_(select(deliveries.c.seq).where(deliveries.c.id.in_(given_ids()))))
    .values(part=constant(LEFT))
)
_SAY = (
    update(deliveries)
    .where(deliveries.c.id.in_(given_ids()), deliveries.c.state == constant(State.MERGED))
    .values(updated_at=given("now"), why=given("why"))
)
_UNMAKE = delete(payloads).where(payloads.c.delivery_seq == given("seq"))
