"""Where threads begin, which message is edited in place, who is at it, and what such messages count."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from msgspec import Struct
from sqlalchemy import Connection, Integer, func, or_, select, update

from bridge.core.outcomes import State
from bridge.core.threads import Addition
from bridge.store.columns import HexId, Instant
from bridge.store.conflicts import insert_or_update
from bridge.store.schema import constant, deliveries, given, new_row, thread_counts, threads


class Standing(Struct, frozen=True):
    """What is known of a thread or an edited message.

    `anchor` is the channel's name for it, None before there is any; `applied` is the `seq` of the last
    delivery whose text it shows.
    """

    anchor: str | None = None
    applied: int | None = None


class Busy(Struct, frozen=True):
    """Another delivery is beginning the thread, or editing the message, at this moment."""

    delivery_id: str


UNKNOWN = Standing()


def find(connection: Connection, key: bytes) -> Standing:
    """Return what is known of a thread."""
    row = connection.execute(_FIND, {"given_key": key}).first()
    return UNKNOWN if row is None else Standing(*row)


def hold(connection: Connection, key: bytes, delivery_id: str, *, now: datetime) -> Standing | Busy:
    """Let a delivery begin the thread or edit the message, and no other until its attempt is recorded.

    Whoever held it before and is not under way any more holds nothing: a process may have ended there.
    """
    connection.execute(_MAKE, {"key": key, "holder": delivery_id, "at": now})
    holder, anchor, applied = connection.execute(_LOCK, {"given_key": key}).one()
    if holder not in (None, delivery_id) and connection.scalar(
        _AT_WORK, {"given_id": holder, "given_now": now}
    ):
        return Busy(holder)
    if holder != delivery_id:
        connection.execute(_HOLD, {"given_key": key, "given_id": delivery_id, "given_now": now})
    return Standing(anchor, applied)


def settle(
    connection: Connection, key: bytes, anchor: str, *, now: datetime, applied: int | None = None
) -> None:
    """Note where a thread begins, or which message is edited, and of which delivery it tells."""
    row = {"key": key, "holder": None, "anchor": anchor, "applied": applied, "at": now}
    connection.execute(_SETTLE, row)


def head(connection: Connection, key: bytes, anchor: str, *, before: str | None, now: datetime) -> None:
    """Let a thread begin at a message that is edited in place, unless it has begun elsewhere.

    `before` is where that message was until now, if anywhere.
    """
    connection.execute(_MAKE, {"key": key, "holder": None, "at": now})
    values = {"given_key": key, "given_anchor": anchor, "given_before": before or "", "given_now": now}
    connection.execute(_HEAD, values)


def is_followed(
    connection: Connection, lane: bytes, rule: str, action: str, *, seq: int, now: datetime
) -> bool:
    """Return whether a later delivery of the same action and lane waits or is under way, held ones aside."""
    values = {
        "given_lane": lane,
        "given_rule": rule,
        "given_action": action,
        "given_seq": seq,
        "given_now": now,
    }
    return connection.scalar(_FOLLOWED, values) is not None


def count(connection: Connection, addition: Addition, *, now: datetime) -> None:
    """Count what has not been counted before."""
    for name, item in addition.items:
        connection.execute(_COUNT, {"key": addition.key, "name": name, "item": item, "at": now})


def counts(connection: Connection, key: bytes) -> dict[str, int]:
    """Return how much was counted, by name."""
    rows: Sequence[Any] = connection.execute(_COUNTS, {"given_key": key}).all()
    return {name: int(number) for name, number in rows}


_THIS = threads.c.key == given("key")
_FIND = select(threads.c.anchor, threads.c.applied).where(_THIS)
_LOCK = select(threads.c.holder, threads.c.anchor, threads.c.applied).where(_THIS).with_for_update()
_MAKE = new_row(threads, threads.c.key)
_HOLD = update(threads).where(_THIS).values(holder=given("id", HexId), at=given("now", Instant))
_AT_WORK = select(deliveries.c.seq).where(
    deliveries.c.id == given("id"),
    deliveries.c.state == constant(State.SENDING),
    deliveries.c.ready_at > given("now"),
)
_SETTLE = insert_or_update(threads, ["key"], ["holder", "anchor", "applied", "at"])
_HEAD = (
    update(threads)
    .where(_THIS, or_(threads.c.anchor.is_(None), threads.c.anchor == given("before")))
    .values(anchor=given("anchor"), at=given("now", Instant))
)
_FOLLOWED = (
    select(deliveries.c.seq)
    .where(
        deliveries.c.lane == given("lane"),
        deliveries.c.ready_at.is_not(None),
        deliveries.c.seq > given("seq"),
        deliveries.c.rule == given("rule"),
        deliveries.c.action == given("action"),
        or_(deliveries.c.held_until.is_(None), deliveries.c.held_until <= given("now")),
    )
    .limit(1)
)
_COUNT = new_row(thread_counts, thread_counts.c.key)
_COUNTS = (
    select(thread_counts.c.name, func.count().cast(Integer))
    .where(thread_counts.c.key == given("key"))
    .group_by(thread_counts.c.name)
)
