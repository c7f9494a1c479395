"""What stands in a message of several deliveries, and where each of them stands."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from msgspec import Struct
from sqlalchemy import Connection, Integer, Select, and_, func, select

from bridge.core.outcomes import State
from bridge.store.entries import Entry
from bridge.store.inbox import ENTRY_COLUMNS, entry_of
from bridge.store.many import given_ids, parts_of
from bridge.store.schema import ITEM, constant, constants, deliveries, gathered, given, inbox


class Item(Struct, frozen=True):
    """One event that a message is about: its stored entry, and which of the entry's events."""

    entry: Entry
    event_index: int


def items(connection: Connection, head: int, most: int, largest: int) -> list[Item]:
    """Return what a message is about, in the order in which it happened: the newest `most` at most.

    Of those, so many of the newest as `largest` bytes of stored requests hold, and one in any case.
    """
    chosen: list[tuple[int, int]] = []
    size = 0
    for entry, index, length in connection.execute(_ITEMS, {"given_head": head, "given_limit": most}):
        size += length
        if chosen and size > largest:
            break
        chosen.append((entry, index))
    entries = dict(_entries(connection, sorted({entry for entry, _ in chosen})))
    return [Item(entries[entry], index) for entry, index in reversed(chosen)]


class Place(Struct, frozen=True):
    """Where a delivery stands: the key under which it waits, or the number of the one it went out with."""

    key: bytes
    head_seq: int | None
    part: str


def place_of(connection: Connection, seq: int) -> Place | None:
    """Return where a delivery stands among those that go out together; None for one that is alone."""
    found = connection.execute(GATHERED, {"given_seq": seq}).first()
    return None if found is None else Place(*found)


def members(place: Place) -> Select[tuple[int]]:
    """Return the question for the numbers of those that are, or will be, in the message of a place."""
    if place.head_seq is not None:
        chosen = and_(gathered.c.head_seq == place.head_seq, gathered.c.part == constant(ITEM))
    else:
        waiting = and_(gathered.c.key == place.key, gathered.c.head_seq.is_(None))
        chosen = and_(waiting, deliveries.c.state.in_(constants((State.PENDING, State.SENDING))))
    return (
        select(gathered.c.delivery_seq)
        .join_from(gathered, deliveries, deliveries.c.seq == gathered.c.delivery_seq)
        .where(chosen)
    )


def ids_beside(connection: Connection, head: int, seq: int) -> Sequence[str]:
    """Return the ids of the deliveries in a message, but for one of them."""
    return connection.scalars(OTHERS, {"given_head": head, "given_seq": seq}).all()


def _entries(connection: Connection, seqs: Sequence[int]) -> Iterator[tuple[int, Entry]]:
    for some in parts_of(seqs):
        for row in connection.execute(_ENTRIES, {"given_ids": some}):
            entry = entry_of(row)
            yield entry.seq, entry


IN_MESSAGE = (gathered.c.head_seq == given("head"), gathered.c.part == constant(ITEM))
SEQ = select(deliveries.c.seq).where(deliveries.c.id == given("id"))
GATHERED = select(gathered.c.key, gathered.c.head_seq, gathered.c.part).where(
    gathered.c.delivery_seq == given("seq")
)
_ITEMS = (
    select(deliveries.c.inbox_seq, deliveries.c.event_index, func.length(inbox.c.body))
    .join_from(gathered, deliveries, deliveries.c.seq == gathered.c.delivery_seq)
    .join(inbox, inbox.c.seq == deliveries.c.inbox_seq)
    .where(*IN_MESSAGE)
    .order_by(inbox.c.occurred_at.desc(), deliveries.c.seq.desc())
    .limit(given("limit", Integer))
)
_ENTRIES = select(*ENTRY_COLUMNS).where(inbox.c.seq.in_(given_ids()))
OTHERS = (
    select(deliveries.c.id)
    .join_from(gathered, deliveries, deliveries.c.seq == gathered.c.delivery_seq)
    .where(*IN_MESSAGE, deliveries.c.seq != given("seq"))
    .order_by(deliveries.c.seq)
)
