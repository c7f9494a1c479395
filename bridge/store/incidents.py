"""What broke, since when, and what the owner was told of it: one row from the first sign to the last word."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

from msgspec import Struct
from sqlalchemy import (
    BigInteger,
    Connection,
    Integer,
    and_,
    delete,
    exists,
    func,
    null,
    or_,
    select,
    type_coerce,
    update,
)

from bridge.core.trouble import COMES_AND_GOES, Trouble
from bridge.store.columns import Instant
from bridge.store.conflicts import insert_or_update
from bridge.store.schema import constant, given, incidents

_MICROSECOND = timedelta(microseconds=1)


class Incident(Struct, frozen=True, kw_only=True):
    """One thing that broke. `subject` is the channel or source; `why` the latest cause in its own words."""

    seq: int
    kind: Trouble
    subject: str
    started_at: datetime
    last_at: datetime
    count: int
    why: str
    told_at: datetime | None
    ended_at: datetime | None


def happened(
    connection: Connection, kind: Trouble, subject: str, *, now: datetime, why: str, count: int = 1
) -> None:
    """Note a sign of trouble: the first one starts an incident, the others are counted in it."""
    values = {"kind": kind, "subject": subject, "started_at": now, "last_at": now, "count": count, "why": why}
    connection.execute(_HAPPENED, values)


def lasts(connection: Connection, kind: Trouble, subject: str, *, now: datetime, count: int) -> bool:
    """Note further signs, the last one at `now`, of what is trouble already; False if it is not."""
    values = {"given_kind": kind, "given_subject": subject, "given_now": now, "given_count": count}
    return connection.execute(_LASTED, values).rowcount == 1


def ended(connection: Connection, kind: Trouble, subject: str, *, now: datetime) -> None:
    """Note that the trouble is over, if there was any."""
    connection.execute(_ENDED, {"given_kind": kind, "given_subject": subject, "given_now": now})


def goes_on(connection: Connection, kind: Trouble, subject: str) -> None:
    """Take back the end of a trouble, if the owner was not told of it yet."""
    connection.execute(_GOES_ON, {"given_kind": kind, "given_subject": subject})


def replaced(connection: Connection, kind: Trouble, subject: str, *, now: datetime) -> None:
    """Close what has become something else, of which the owner is told instead."""
    connection.execute(_REPLACED, {"given_kind": kind, "given_subject": subject, "given_now": now})


def last_end(connection: Connection, kind: Trouble, subject: str) -> datetime | None:
    """Return when such a trouble was over the last time; None if it never was."""
    found: datetime | None = connection.scalar(_LAST_END, {"given_kind": kind, "given_subject": subject})
    return found


def forget(connection: Connection, kind: Trouble, subject: str) -> None:
    """Take back what was noted of a trouble that lasts, as if it had never happened."""
    connection.execute(_FORGET, {"given_kind": kind, "given_subject": subject})


def quieted(connection: Connection, kind: Trouble, *, since: datetime, now: datetime) -> list[str]:
    """End the incidents of a kind that gave no sign after `since`; returns their subjects."""
    values = {"given_kind": kind, "given_since": since, "given_now": now}
    return list(connection.scalars(_QUIETED, values))


def any_open(connection: Connection) -> bool:
    """Return whether anything is broken, or still to be told."""
    return connection.execute(_ANY_OPEN).first() is not None


def untold(connection: Connection, limit: int, *, quiet: timedelta, now: datetime) -> list[Incident]:
    """Return the incidents of whose start or end the owner is to be told, oldest first.

    What comes and goes, and began again less than `quiet` after it had ended before, is over when it has
    stayed away for so long.
    """
    values = {"given_limit": limit, "given_since": now - quiet, "given_quiet": quiet // _MICROSECOND}
    return [_incident(row) for row in connection.execute(_UNTOLD, values)]


def told(connection: Connection, incident: Incident, *, now: datetime) -> bool:
    """Note that the owner is told of what `incident` shows; False if another node was first."""
    statement = _TOLD_END if incident.ended_at is not None else _TOLD_START
    return connection.execute(statement, {"given_seq": incident.seq, "given_now": now}).rowcount == 1


def lasting(connection: Connection, limit: int = 50) -> list[Incident]:
    """Return what is broken now, oldest first."""
    return [_incident(row) for row in connection.execute(_LASTING, {"given_limit": limit})]


def _incident(row: Sequence[Any]) -> Incident:
    found = dict(zip(_FIELDS, row, strict=True))
    return Incident(**{**found, "kind": Trouble(found["kind"])})


_FIELDS = Incident.__struct_fields__
_COLUMNS = tuple(incidents.c[name] for name in _FIELDS)
_LASTS = incidents.c.ended_at.is_(None)
_OPEN = incidents.c.closed_at.is_(None)

_HAPPENED = insert_or_update(
    incidents,
    ["kind", "subject"],
    ["last_at", "why"],
    also=lambda new: {"count": incidents.c["count"] + new.c["count"]},
    among=_LASTS,
)
_THIS = (incidents.c.kind == given("kind"), incidents.c.subject == given("subject"))
_ENDED = update(incidents).where(*_THIS, _LASTS).values(ended_at=given("now"))
_LASTED = (
    update(incidents)
    .where(*_THIS, _LASTS)
    .values(last_at=given("now"), count=incidents.c["count"] + given("count", Integer))
)
_LAST_END = select(func.max(incidents.c.ended_at)).where(*_THIS)
_FORGET = delete(incidents).where(*_THIS, _LASTS)
_LATEST = select(func.max(incidents.c.seq)).where(*_THIS, _OPEN).scalar_subquery()
_GOES_ON = update(incidents).where(incidents.c.seq == _LATEST, _OPEN).values(ended_at=null())
_REPLACED = (
    update(incidents)
    .where(*_THIS, _OPEN)
    .values(
        ended_at=func.coalesce(incidents.c.ended_at, given("now", Instant)),
        told_at=func.coalesce(incidents.c.told_at, given("now", Instant)),
        closed_at=given("now", Instant),
    )
)
_QUIETED = (
    update(incidents)
    .where(incidents.c.kind == given("kind"), incidents.c.last_at <= given("since"), _LASTS)
    .values(ended_at=given("now"))
    .returning(incidents.c.subject)
)
_ANY_OPEN = select(incidents.c.seq).where(_OPEN).limit(1)
_before = incidents.alias("before")
_CAME_AGAIN = exists().where(
    _before.c.kind == incidents.c.kind,
    _before.c.subject == incidents.c.subject,
    _before.c.seq < incidents.c.seq,
    type_coerce(_before.c.ended_at, BigInteger)
    > type_coerce(incidents.c.started_at, BigInteger) - given("quiet", BigInteger),
)
_IS_OVER = or_(
    incidents.c.ended_at <= given("since"),
    and_(incidents.c.ended_at.is_not(None), or_(incidents.c.kind != constant(COMES_AND_GOES), ~_CAME_AGAIN)),
)
_UNTOLD = (
    select(*_COLUMNS)
    .where(_OPEN, or_(and_(incidents.c.told_at.is_(None), _LASTS), _IS_OVER))
    .order_by(incidents.c.seq)
    .limit(given("limit"))
)
_TOLD_START = (
    update(incidents)
    .where(incidents.c.seq == given("seq"), incidents.c.told_at.is_(None))
    .values(told_at=given("now"))
)
_TOLD_END = (
    update(incidents)
    .where(incidents.c.seq == given("seq"), _OPEN, incidents.c.ended_at.is_not(None))  # still
    .values(
        told_at=func.coalesce(incidents.c.told_at, given("now", Instant)),
        closed_at=given("now", Instant),
    )
)
_LASTING = select(*_COLUMNS).where(_OPEN, _LASTS).order_by(incidents.c.seq).limit(given("limit"))
