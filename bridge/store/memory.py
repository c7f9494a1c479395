"""What rules remember: the claims by which "once" stays once.

A claim is reserved with its delivery, confirmed when that is sent, released when it is given up.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any, Literal, assert_never

from msgspec import Struct
from sqlalchemy import Connection, select, update

from bridge.core.claims import Claim
from bridge.core.outcomes import State
from bridge.store.columns import HexId, Instant
from bridge.store.conflicts import insert_or_skip
from bridge.store.prepared import Prepared
from bridge.store.schema import CONFIRMED, RELEASED, RESERVED, claims, constant, given, new_row


class Holder(Struct, frozen=True, kw_only=True):
    """Who has a claim: reserved for a delivery since `at`, or confirmed then, because it was sent.

    Of one that a delivery has had, `released` since.
    """

    delivery_id: str
    state: Literal["reserved", "confirmed", "released"]
    at: datetime
    label: str


def holder(connection: Connection, key: bytes) -> Holder | None:
    """Return who has the claim `key`, as `claim_key` makes it; None if it is free."""
    return _holder(connection.execute(_HELD, {"given_key": key}).first())


def claim_of(connection: Connection, delivery_id: str) -> Holder | None:
    """Return the claim that a delivery has or has had, which outlives it; None if it never had one."""
    return _holder(connection.execute(_CLAIM_OF, {"given_id": delivery_id}).first())


def holder_of(connection: Connection, claim: Claim) -> Holder | None:
    """Return who has a claim, under whichever of its rule's names."""
    for key in (claim.key, *claim.others):
        found = holder(connection, key)
        if found is not None:
            return found
    return None


def reserve_claim(connection: Connection, claim: Claim, delivery_id: str, *, now: datetime) -> str | None:
    """Reserve a claim for a delivery; returns None, or the id of the other delivery that holds it."""
    for key in claim.others:
        found = connection.scalar(_HOLDER, {"given_key": key})
        if found is not None:
            return found if found != delivery_id else None
    return reserve(
        connection,
        key=claim.key,
        rule=claim.rule,
        action=claim.action,
        label=claim.label,
        delivery_id=delivery_id,
        now=now,
    )


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
    if _RESERVE.first(connection, {**row, "state": RESERVED, "at": now}) is not None:
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
    _CONFIRM.run(connection, {"given_id": delivery_id, "given_now": now})


def confirm_all(connection: Connection, deliveries: Sequence[tuple[str, datetime]]) -> None:
    """Confirm as `confirm` does, for many deliveries and when each was sent."""
    _CONFIRM.send_all(connection, [{"given_id": id_, "given_now": now} for id_, now in deliveries])


def release(connection: Connection, delivery_id: str, *, now: datetime) -> None:
    """Let another delivery have the claim, if this one has one that is not confirmed."""
    connection.execute(_RELEASE, {"given_id": delivery_id, "given_now": now})


def hand_over(connection: Connection, dead_id: str, heir_id: str, *, now: datetime) -> None:
    """Give the claim that a delivery has just released, if it had one, to what is sent in its place."""
    connection.execute(_HAND_OVER, {"given_dead": dead_id, "given_heir": heir_id, "given_now": now})


def follow(connection: Connection, delivery_id: str, state: State, *, now: datetime) -> None:
    """Do to the delivery's claim what its new state asks for; call it in the transaction of the move."""
    match state:
        case State.DELIVERED:
            confirm(connection, delivery_id, now=now)
        case State.DEAD | State.EXPIRED | State.DISCARDED | State.SUPPRESSED:
            release(connection, delivery_id, now=now)
        case State.PENDING | State.SENDING | State.PARKED | State.WITHHELD | State.KEPT | State.MERGED:
            pass
        case never:
            assert_never(never)


def _holder(row: Sequence[Any] | None) -> Holder | None:
    if row is None:
        return None
    delivery_id, state, at, label = row
    return Holder(delivery_id=delivery_id, state=state, at=at, label=label)


_held = claims.alias("held")
_MINE = claims.c.delivery_id == given("id")

_RESERVE = Prepared(
    new_row(claims, claims.c.delivery_id),
    inserted=("key", "rule", "action", "label", "delivery_id", "state", "at"),
    returned=(claims.c.delivery_id,),
)
_HOLDER = select(claims.c.delivery_id).where(
    claims.c.key == given("key"), claims.c.state != constant(RELEASED)
)
_WHOSE = select(claims.c.delivery_id, claims.c.state, claims.c.at, claims.c.label)
_HELD = _WHOSE.where(claims.c.key == given("key"), claims.c.state != constant(RELEASED))
_CLAIM_OF = _WHOSE.where(_MINE)
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
_CONFIRM = Prepared(
    update(claims)
    .where(_MINE, claims.c.state == constant(RESERVED))
    .values(state=constant(CONFIRMED), at=given("now"))
)
_RELEASE = (
    update(claims)
    .where(_MINE, claims.c.state == constant(RESERVED))
    .values(state=constant(RELEASED), at=given("now"))
)
_INHERITED = ("key", "rule", "action", "label")
_HAND_OVER = insert_or_skip(claims).from_select(
    ["delivery_id", "state", "at", *_INHERITED],
    select(
        given("heir", HexId),
        constant(RESERVED),
        given("now", Instant),
        *(claims.c[name] for name in _INHERITED),
    ).where(claims.c.delivery_id == given("dead"), claims.c.state == constant(RELEASED)),
)
