"""What waiting deliveries watch for, and the events that withdraw them, in whatever order both come.

An event counts for a delivery if it happened after that delivery's own; in the same second, if it was stored
later.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from msgspec import Struct
from sqlalchemy import BigInteger, ColumnElement, Connection, FromClause, and_, delete, exists, or_, select

from bridge.core.outcomes import State
from bridge.core.unless import Sighting, Watch, meanwhile
from bridge.store import decisions, outbox
from bridge.store.columns import Instant
from bridge.store.conflicts import insert_or_skip, insert_or_update
from bridge.store.deliveries import Moved
from bridge.store.schema import constants, deliveries, given, sightings, watches


class Seen(Struct, frozen=True):
    """An event that was seen: its kind, and its entry's number."""

    kind: str
    entry: int


def see(connection: Connection, sighting: Sighting, entry: int, *, now: datetime) -> list[str]:
    """Note an event, and discard the waiting deliveries that it withdraws; returns their ids.

    One that is under way is asked again before it is sent.
    """
    values = {"given_key": sighting.key, "given_at": sighting.at, "given_seq": entry}
    row = {"key": sighting.key, "at": sighting.at, "inbox_seq": entry, "kind": sighting.kind}
    connection.execute(_SEE, row)
    why = meanwhile(sighting.kind, entry)
    waiting = connection.scalars(_WITHDRAWN, values).all()
    withdrawn = [id_ for id_ in waiting if decisions.discard(connection, id_, now=now, why=why) == Moved()]
    connection.execute(_FORGET, values)
    return withdrawn


def watch(connection: Connection, seq: int, watched: Watch, entry: int) -> None:
    """Let a delivery watch from now on; nothing if it does already."""
    row = {"delivery_seq": seq, "key": watched.key, "since": watched.since, "inbox_seq": entry}
    connection.execute(_WATCH, row)


def seen(connection: Connection, watched: Watch, entry: int) -> Seen | None:
    """Return the event, seen before, for which a delivery about the entry's event need not be made."""
    values = {"given_key": watched.key, "given_since": watched.since, "given_seq": entry}
    return _seen(connection.execute(_SEEN, values).first())


def seen_by(connection: Connection, seq: int) -> Seen | None:
    """Return the event for which a delivery must not be sent any more."""
    return _seen(connection.execute(_SEEN_BY, {"given_delivery": seq}).first())


def withdraw(connection: Connection, seq: int, *, lease: str, id_: str, now: datetime, why: str) -> bool:
    """Discard a claimed delivery; False if the lease is lost."""
    if not outbox.give_back(connection, seq, lease=lease):
        return False
    decisions.discard(connection, id_, now=now, why=why)
    return True


def _seen(row: Sequence[Any] | None) -> Seen | None:
    return None if row is None else Seen(*row)


def _is_later(
    at: ColumnElement[Any], entry: ColumnElement[Any], since: ColumnElement[Any], before: ColumnElement[Any]
) -> ColumnElement[bool]:
    return or_(at > since, and_(at == since, entry > before))


def _overtaken(table: FromClause) -> ColumnElement[bool]:
    return and_(
        table.c.key == given("key"),
        _is_later(given("at", Instant), given("seq", BigInteger), table.c.since, table.c.inbox_seq),
    )


_SEE = insert_or_update(
    sightings,
    ["key"],
    ["at", "inbox_seq", "kind"],
    where=lambda new: _is_later(new.c.at, new.c.inbox_seq, sightings.c.at, sightings.c.inbox_seq),
)
_WAITING = deliveries.c.state.in_(constants((State.PENDING, State.PARKED, State.WITHHELD, State.KEPT)))
_WITHDRAWN = (
    select(deliveries.c.id)
    .join_from(watches, deliveries, deliveries.c.seq == watches.c.delivery_seq)
    .where(_overtaken(watches), _WAITING)
    .order_by(deliveries.c.seq)
)
_FORGET = delete(watches).where(
    _overtaken(watches),
    ~exists().where(
        deliveries.c.seq == watches.c.delivery_seq, deliveries.c.state.in_(constants((State.SENDING,)))
    ),
)
_WATCH = insert_or_skip(watches)
_SEEN = select(sightings.c.kind, sightings.c.inbox_seq).where(
    sightings.c.key == given("key"),
    _is_later(sightings.c.at, sightings.c.inbox_seq, given("since"), given("seq")),
)
_SEEN_BY = (
    select(sightings.c.kind, sightings.c.inbox_seq)
    .join_from(watches, sightings, sightings.c.key == watches.c.key)
    .where(
        watches.c.delivery_seq == given("delivery"),
        _is_later(sightings.c.at, sightings.c.inbox_seq, watches.c.since, watches.c.inbox_seq),
    )
)
