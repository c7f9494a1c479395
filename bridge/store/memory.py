"""What rules remember: the claims by which "once" stays once.

A claim is reserved with its delivery, confirmed when that is sent, released when it is given up.
"""

from __future__ import annotations

from datetime import datetime
from typing import assert_never

from sqlalchemy import Connection, select, update

from bridge.core.outcomes import State
from bridge.store.schema import CONFIRMED, RELEASED, RESERVED, claims, constant, given, new_row


def reserve(
    connection: Connection,
    *,
    key: bytes,
    rule: str,
    action: str,
    label: str,
    delivery_id: str,
    now: datetime,
) -> str | None:
    """Reserve `key` for a delivery; returns None, or the id of the other delivery that holds it.

    `key` is a `claim_key`; `label` says in words what is claimed.
    """
    row = {"key": key, "rule": rule, "action": action, "label": label, "delivery_id": delivery_id}
    if connection.execute(_RESERVE, {**row, "state": RESERVED, "at": now}).first() is not None:
        return None
    holder = connection.scalar(_HOLDER, {"given_key": key})
    if holder is None:
        return reserve_again(connection, delivery_id, now=now)
    return None if holder == delivery_id else holder


def reserve_again(connection: Connection, delivery_id: str, *, now: datetime) -> str | None:
    """Reserve again what this delivery released, if anything; returns None, or who holds it now."""
    holder = connection.scalar(_SUCCESSOR, {"given_id": delivery_id})
    if holder is None:
        connection.execute(_RESERVE_AGAIN, {"given_id": delivery_id, "given_now": now})
    return holder


def confirm(connection: Connection, delivery_id: str, *, now: datetime) -> None:
    """Make the delivery's claim, if it has one, final: it was sent."""
    connection.execute(_CONFIRM, {"given_id": delivery_id, "given_now": now})


def release(connection: Connection, delivery_id: str, *, now: datetime) -> None:
    """Let another delivery have the claim, if this one has one that is not confirmed."""
    connection.execute(_RELEASE, {"given_id": delivery_id, "given_now": now})


def follow(connection: Connection, delivery_id: str, state: State, *, now: datetime) -> None:
    """Do to the delivery's claim what its new state asks for; call it in the transaction of the move."""
    match state:
        case State.DELIVERED:
            confirm(connection, delivery_id, now=now)
        case State.DEAD | State.EXPIRED | State.DISCARDED:
            release(connection, delivery_id, now=now)
        case State.PENDING | State.SENDING | State.PARKED | State.WITHHELD:
            pass
        case never:
            assert_never(never)


_held = claims.alias("held")
_MINE = claims.c.delivery_id == given("id")

_RESERVE = new_row(claims, claims.c.delivery_id)
_HOLDER = select(claims.c.delivery_id).where(
    claims.c.key == given("key"), claims.c.state != constant(RELEASED)
)
_SUCCESSOR = (
    select(_held.c.delivery_id)
    .join_from(claims, _held, _held.c.key == claims.c.key)
    .where(_MINE, claims.c.state == constant(RELEASED), _held.c.state != constant(RELEASED))
)
_RESERVE_AGAIN = (
    update(claims)
    .where(_MINE, claims.c.state == constant(RELEASED))
    .values(state=constant(RESERVED), at=given("now"))
)
_CONFIRM = (
    update(claims)
    .where(_MINE, claims.c.state == constant(RESERVED))
    .values(state=constant(CONFIRMED), at=given("now"))
)
_RELEASE = (
    update(claims)
    .where(_MINE, claims.c.state == constant(RESERVED))
    .values(state=constant(RELEASED), at=given("now"))
)
