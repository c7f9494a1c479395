"""The addresses that get no messages: by a keyed digest, so that it stays true when the address is erased.

One address may be on the list for several reasons; each is lifted by itself.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from msgspec import Struct
from sqlalchemy import ColumnElement, Connection, delete, literal_column, or_, select

from bridge.core.messages import RECIPIENTS
from bridge.core.suppressions import Scope, Source, Suppression
from bridge.store.conflicts import insert_or_update
from bridge.store.prepared import Prepared
from bridge.store.schema import constant, deliveries, given, payloads, suppressions


class SuppressionRow(Struct, frozen=True, kw_only=True):
    """A suppression with its number, by which a list is paged."""

    seq: int
    suppression: Suppression


class SuppressionFilter(Struct, frozen=True, kw_only=True):
    """Which to list; None asks for all.

    `key` is that of an address that was asked for, `address` a part of those that are kept. `before` is the
    `seq` of the last one of the page before.
    """

    source: Source | None = None
    scope: Scope | None = None
    key: bytes | None = None
    address: str | None = None
    since: datetime | None = None
    until: datetime | None = None
    before: int | None = None
    limit: int = 50


def find(connection: Connection, key: bytes, *, optional: bool) -> Suppression | None:
    """Return a reason not to write to an address; `optional` messages have more of them than others."""
    row = (_FIND_ANY if optional else _FIND_ALL).first(connection, {"given_key": key})
    return None if row is None else _suppression(row)


def of_address(connection: Connection, key: bytes) -> list[Suppression]:
    """Return every reason for which an address is on the list."""
    return [_suppression(row) for row in connection.execute(_OF, {"given_key": key})]


def add(connection: Connection, new: Suppression) -> None:
    """Put an address on the list, or say anew why it is there."""
    row = {name: getattr(new, name) for name in _FIELDS}
    connection.execute(_ADD, {**row, "delivery_id": new.delivery})


def listed(connection: Connection, keys: Sequence[bytes]) -> set[bytes]:
    """Return which of these keys are on the list, for whatever reason and scope."""
    found = _IS_LISTED.send_finds(connection, [(bytearray(key),) for key in keys])()
    return {key for key, is_there in zip(keys, found, strict=True) if is_there}


def add_all(connection: Connection, new: Sequence[Suppression]) -> None:
    """Put several addresses on the list."""
    for each in new:
        add(connection, each)


def lift(connection: Connection, key: bytes, source: Source | None = None) -> list[Source]:
    """Take an address off the list, for one reason or for all; returns for which it was there."""
    which = [source] if source else list(Source)
    return [
        each for each in which if connection.execute(_LIFT, {"given_key": key, "given_source": each}).rowcount
    ]


def addressees(connection: Connection, delivery: str) -> Sequence[str]:
    """Return the addresses that a delivery was for, as long as its message is kept."""
    meta = connection.scalar(_META, {"given_id": delivery})
    found = meta.get(RECIPIENTS) if isinstance(meta, dict) else None
    return [str(each) for each in found] if isinstance(found, list) else []


def list_suppressions(connection: Connection, wanted: SuppressionFilter) -> list[SuppressionRow]:
    """List suppressions, the newest entry first."""
    rows = connection.execute(
        select(suppressions.c.seq, *_COLUMNS)
        .where(*_conditions(wanted))
        .order_by(suppressions.c.seq.desc())
        .limit(wanted.limit)
    )
    return [SuppressionRow(seq=seq, suppression=_suppression(rest)) for seq, *rest in rows]


def _conditions(wanted: SuppressionFilter) -> list[ColumnElement[bool]]:
    columns, conditions = suppressions.c, []
    if wanted.source is not None:
        conditions.append(columns.source == wanted.source)
    if wanted.scope is not None:
        conditions.append(columns.scope == wanted.scope)
    if wanted.since is not None:
        conditions.append(columns.at >= wanted.since)
    if wanted.until is not None:
        conditions.append(columns.at < wanted.until)
    if wanted.before is not None:
        conditions.append(columns.seq < wanted.before)
    if wanted.address is not None:
        part = columns.address.contains(wanted.address.strip().lower(), autoescape=True)
        conditions.append(or_(part, columns.key == wanted.key) if wanted.key else part)
    return conditions


def _suppression(row: Sequence[Any]) -> Suppression:
    key, source, scope, at, address, delivery, why = row
    return Suppression(
        key=key,
        source=Source(source),
        scope=Scope(scope),
        at=at,
        address=address,
        delivery=delivery,
        why=why,
    )


_FIELDS = ("key", "source", "scope", "at", "address", "why")
_COLUMNS = tuple(
    suppressions.c[name] for name in ("key", "source", "scope", "at", "address", "delivery_id", "why")
)
_OF = select(*_COLUMNS).where(suppressions.c.key == given("key")).order_by(suppressions.c.seq)
_FIND_ANY = Prepared(_OF, returned=_COLUMNS)
_FIND_ALL = Prepared(_OF.where(suppressions.c.scope == constant(Scope.EVERYTHING)), returned=_COLUMNS)
_IS_LISTED = Prepared(
    select(suppressions.c.seq).where(suppressions.c.key == given("key")).limit(literal_column("1")),
    given=("given_key",),
)
_ADD = insert_or_update(suppressions, ["key", "source"], ["scope", "at", "address", "delivery_id", "why"])
_LIFT = delete(suppressions).where(
    suppressions.c.key == given("key"), suppressions.c.source == given("source")
)
_META = (
    select(payloads.c.meta)
    .join_from(deliveries, payloads, payloads.c.delivery_seq == deliveries.c.seq)
    .where(deliveries.c.id == given("id"))
)
