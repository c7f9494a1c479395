"""Read-only questions about one event or one delivery: everything the store knows of it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, TypeVar

from msgspec import Struct
from sqlalchemy import Connection, func, select

from bridge.core.breaker import Phase
from bridge.core.identity import entry_key
from bridge.core.messages import Payload
from bridge.core.outcomes import Reason, State
from bridge.store import channels, collected, keys, memory, source_names
from bridge.store.channels import Standing
from bridge.store.deliveries import Attempt
from bridge.store.entries import Entry
from bridge.store.inbox import ENTRY_COLUMNS, entry_of
from bridge.store.memory import Holder
from bridge.store.schema import attempts, deliveries, given, inbox, payloads
from bridge.store.views import (
    EVENT_COLUMNS,
    DeliveryRow,
    EventRow,
    delivery_of,
    event_of,
    select_deliveries,
)

T = TypeVar("T")
ITEMS_SHOWN = 200
"""Deliveries that are listed of those that go out together."""
SEVERAL = 10
"""How many candidates are named when a prefix is not unique."""


class NotFound(Struct, frozen=True):
    """Nothing has this number or id; or of deliveries, an id that begins so."""


class Ambiguous(Struct, frozen=True):
    """Several are called so, or have an id that begins so; `candidates` are the first of them."""

    candidates: tuple[str, ...]


class EventDetails(Struct, frozen=True, kw_only=True):
    """An inbox entry, as it arrived and as it was understood, with its deliveries in order of creation."""

    row: EventRow
    entry: Entry
    deliveries: tuple[DeliveryRow, ...]


class DeliveryDetails(Struct, frozen=True, kw_only=True):
    """A delivery with its attempts in order, what they send, its claim, and the entry it came from.

    `standing` is how its channel does. `items` are the deliveries that go out with it, or went, its own
    among them, the first ones only; `item_count` is how many there are, and 0 for one that is alone. `head`
    is the id of the delivery whose message they are; None while they wait.
    """

    row: DeliveryRow
    attempts: tuple[Attempt, ...]
    payload: Payload | None
    claim: Holder | None
    event: EventRow
    entry: Entry
    standing: Standing
    items: tuple[DeliveryRow, ...] = ()
    item_count: int = 0
    head: str | None = None

    @property
    def waits_for_channel(self) -> bool:
        """Whether it is not sent for now because its channel is paused or stopped."""
        return self.row.state is State.PENDING and self.standing.breaker.phase is not Phase.WORKING


def find_event(connection: Connection, name: str) -> int | NotFound | Ambiguous:
    """Find an event by its number or its whole id; returns its number.

    The id is what the sender calls it, or for a request without one, the digest it is known by. Two sources
    may have the same.
    """
    seq = _by_number(connection, name)
    if seq is not None:
        return seq
    known = keys.find(connection, [entry_key(source, name) for source in source_names.every(connection)])
    named = connection.scalars(_OTHER_ID, {"given_id": name})
    found = sorted({*known.values(), *named})[:SEVERAL]
    return _only([(str(seq), seq) for seq in found])


def find_delivery(connection: Connection, name: str) -> str | NotFound | Ambiguous:
    """Find a delivery by its id, or the beginning of its id that no other has; returns its id."""
    prefix = name.strip().lower()
    if not prefix or len(prefix) > 32 or not set(prefix) <= set("0123456789abcdef"):
        return NotFound()
    bounds = {"given_low": prefix.ljust(32, "0"), "given_high": prefix.ljust(32, "f")}
    return _only([(id_, id_) for id_ in connection.scalars(_DELIVERY_PREFIX, bounds)])


def show_event(connection: Connection, seq: int) -> EventDetails | NotFound:
    """Show everything about an event."""
    found = _entry(connection, seq)
    if found is None:
        return NotFound()
    rows = connection.execute(
        select_deliveries().where(deliveries.c.inbox_seq == seq).order_by(deliveries.c.seq)
    )
    return EventDetails(row=found[0], entry=found[1], deliveries=tuple(delivery_of(row) for row in rows))


def show_delivery(connection: Connection, delivery_id: str) -> DeliveryDetails | NotFound:
    """Show everything about a delivery."""
    found = connection.execute(select_deliveries().where(deliveries.c.id == delivery_id)).first()
    if found is None:
        return NotFound()
    row = delivery_of(found)
    entry = _entry(connection, row.inbox_seq)
    assert entry is not None, "a delivery's foreign key is its entry"  # noqa: S101
    items, count, head = _together(connection, row.seq)
    return DeliveryDetails(
        items=items,
        item_count=count,
        head=head,
        row=row,
        attempts=_attempts(connection, row.seq),
        payload=_payload(connection, row.seq),
        claim=memory.claim_of(connection, delivery_id),
        event=entry[0],
        entry=entry[1],
        standing=channels.read(connection, row.channel),
    )


def _entry(connection: Connection, seq: int) -> tuple[EventRow, Entry] | None:
    row = connection.execute(select(*EVENT_COLUMNS, *ENTRY_COLUMNS).where(inbox.c.seq == seq)).first()
    if row is None:
        return None
    return event_of(row[: len(EVENT_COLUMNS)]), entry_of(row[len(EVENT_COLUMNS) :])


def _together(connection: Connection, seq: int) -> tuple[tuple[DeliveryRow, ...], int, str | None]:
    """Return what goes out with a delivery: the first of them, how many there are, and who their head is."""
    found = collected.place_of(connection, seq)
    if found is None:
        return (), 0, None
    members = collected.members(found)
    count = int(connection.scalar(select(func.count()).select_from(members.subquery())) or 0)
    head = None
    if found.head_seq is not None:
        head = connection.scalar(select(deliveries.c.id).where(deliveries.c.seq == found.head_seq))
    if count < 2:
        return (), 0, head
    rows = connection.execute(
        select_deliveries()
        .where(deliveries.c.seq.in_(members))
        .order_by(inbox.c.occurred_at, deliveries.c.seq)
        .limit(ITEMS_SHOWN)
    )
    return tuple(delivery_of(row) for row in rows), count, head


def _attempts(connection: Connection, seq: int) -> tuple[Attempt, ...]:
    rows = connection.execute(
        select(*_ATTEMPT_COLUMNS).where(attempts.c.delivery_seq == seq).order_by(attempts.c.number)
    )
    return tuple(_attempt_of(dict(zip(_ATTEMPT_FIELDS, row, strict=True))) for row in rows)


def _attempt_of(values: Mapping[str, Any]) -> Attempt:
    reason = values["reason"]
    return Attempt(**{**values, "reason": None if reason is None else Reason(reason)})


def _payload(connection: Connection, seq: int) -> Payload | None:
    row = connection.execute(
        select(payloads.c.body, payloads.c.meta, payloads.c.cuts).where(payloads.c.delivery_seq == seq)
    ).first()
    return None if row is None else Payload(body=row.body, meta=row.meta, cuts=tuple(row.cuts))


def _by_number(connection: Connection, name: str) -> int | None:
    if not (name.isascii() and name.isdigit() and len(name) < 19):  # what a 64-bit number can hold
        return None
    return connection.scalar(select(inbox.c.seq).where(inbox.c.seq == int(name)))


def _only(found: Sequence[tuple[str, T]]) -> T | NotFound | Ambiguous:
    match found:
        case []:
            return NotFound()
        case [(_, one)]:
            return one
        case _:
            return Ambiguous(tuple(name for name, _ in found))


_ATTEMPT_FIELDS = Attempt.__struct_fields__
_ATTEMPT_COLUMNS = tuple(attempts.c[name] for name in _ATTEMPT_FIELDS)

_OTHER_ID = (
    select(inbox.c.seq)
    # The second test is that of the partial index: most events' id is what their entry is known by.
    .where(inbox.c.event_id == given("id"), inbox.c.event_id != inbox.c.delivery_key)
    .order_by(inbox.c.seq)
    .limit(SEVERAL)
)
_DELIVERY_PREFIX = (
    select(deliveries.c.id)
    .where(deliveries.c.id.between(given("low"), given("high")))
    .order_by(deliveries.c.id)
    .limit(SEVERAL)
)
