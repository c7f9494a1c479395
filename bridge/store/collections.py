"""Deliveries that go out together: who waits with whom, and which of them is the message.

Each waits as a row of its own, with its claim, its limit, its `unless:` and its end. The first that is
claimed when their time has come closes them: it becomes their head, whose message is about all of them, and
the others are merged into it. What comes after that belongs to another message.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import Any

from msgspec import Struct
from sqlalchemy import (
    BindParameter,
    Connection,
    Executable,
    Integer,
    Select,
    and_,
    bindparam,
    delete,
    func,
    literal_column,
    null,
    select,
    text,
    update,
)

from bridge.core.outcomes import State
from bridge.store import memory, watches
from bridge.store.conflicts import insert_or_skip, insert_or_update
from bridge.store.inbox import ENTRY_COLUMNS, Entry, entry_of
from bridge.store.moves import CLOSED, move
from bridge.store.schema import (
    CONFIRMED,
    COPY,
    HEIR,
    ITEM,
    LEFT,
    RELEASED,
    RESERVED,
    claims,
    constant,
    constants,
    deliveries,
    gathered,
    given,
    inbox,
    payloads,
    uses,
)
from bridge.store.schema import watches as watched

TOGETHER = 1000
"""Rows that one statement names."""


class Alone(Struct, frozen=True):
    """It waits with no others."""


class Overtaken(Struct, frozen=True):
    """What its own `unless:` names has happened; it is not to be sent, and nothing was closed."""


class Lost(Struct, frozen=True):
    """Its lease is another one's; nothing was written."""


class Head(Struct, frozen=True):
    """It is the message of `count` deliveries, its own among them, which is worth sending until `expires_at`.

    `of` is the number under which its items are found.
    """

    of: int
    count: int
    expires_at: datetime | None


class Item(Struct, frozen=True):
    """One event that a message is about: its stored entry, and which of the entry's events."""

    entry: Entry
    event_index: int


def hold(connection: Connection, key: bytes) -> None:
    """Let nobody else add to or close what has this key until the transaction ends."""
    if connection.dialect.name == "postgresql":
        connection.execute(_HOLD, {"key": int.from_bytes(key[:8], "big", signed=True)})


def is_closed(connection: Connection, key: bytes) -> bool:
    """Return whether what goes out under a key has been put together already."""
    return connection.execute(_IS_CLOSED, {"given_key": key}).first() is not None


def add(connection: Connection, seq: int, key: bytes) -> None:
    """Let a waiting delivery go out with those of a key; one that was closed stays where it is."""
    connection.execute(_ADD, {"delivery_seq": seq, "key": key, "head_seq": None, "part": ITEM})


def close(
    connection: Connection,
    seq: int,
    *,
    lease: str,
    now: datetime,
    early: bool = False,
    watchful: bool = True,
) -> Alone | Overtaken | Lost | Head:
    """Make a claimed delivery the message of all that wait with it; the same again if it is that already.

    Those whose time is over expire. Unless it is `watchful`, an event that it watches for means nothing. With
    `early`, because a person did not want to wait, what comes before
    their time belongs to another message of that time.
    """
    mine = connection.execute(_MINE, {"given_seq": seq, "given_lease": lease}).first()
    if mine is None:
        return Lost()
    found = connection.execute(_GATHERED, {"given_seq": seq}).first()
    if found is None:
        return Alone()
    if found.head_seq is not None:
        return Head(found.head_seq, _count(connection, found.head_seq), mine.expires_at)
    hold(connection, found.key)
    if watchful and watches.seen_by(connection, seq) is not None:
        return Overtaken()
    return _closed(connection, seq, mine.id, mine.expires_at, found.key, now, early=early)


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
    found = connection.execute(_GATHERED, {"given_seq": seq}).first()
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


def follow(connection: Connection, seq: int, state: State, *, now: datetime) -> None:
    """Do to the claims of what went out with a delivery what its new state asks for; its own is done."""
    found = connection.execute(_GATHERED, {"given_seq": seq}).first()
    if found is None or found.head_seq is None or found.part == COPY:
        return
    others = _ids(connection, found.head_seq, seq)
    values = {"given_now": now}
    match state:
        case State.DELIVERED:
            _each(connection, _CONFIRM, others, values)
        case State.DEAD | State.EXPIRED | State.DISCARDED | State.SUPPRESSED:
            _each(connection, _RELEASE, others, values)
            _each(connection, _UNCOUNT, others, {})
        case _:
            pass


def follow_named(connection: Connection, delivery_id: str, state: State, *, now: datetime) -> None:
    """Do the same for a delivery that is known by its id."""
    seq = connection.scalar(_SEQ, {"given_id": delivery_id})
    if seq is not None:
        follow(connection, seq, state, now=now)


def hand_over(connection: Connection, dead: int, heirs: Sequence[tuple[int, str]]) -> bool:
    """Give what went out with a delivery that died to those sent in its place, the claims to the first.

    They are told by number and id. Returns False if it went out alone, or nobody takes its place.
    """
    found = connection.execute(_GATHERED, {"given_seq": dead}).first()
    if found is None or found.head_seq is None or not heirs:
        return False
    for place, (seq, id_) in enumerate(heirs):
        part = COPY if place else HEIR
        row = {"delivery_seq": seq, "key": bytes.fromhex(id_), "head_seq": found.head_seq, "part": part}
        connection.execute(_INHERIT, row)
    return True


def reserve_again(connection: Connection, delivery_id: str, *, now: datetime) -> None:
    """Reserve again what those in a message released; one whose claim is taken by now is left out of it."""
    seq = connection.scalar(_SEQ, {"given_id": delivery_id})
    found = connection.execute(_GATHERED, {"given_seq": seq}).first() if seq is not None else None
    if seq is None or found is None or found.head_seq is None or found.part == COPY:
        return
    others = _ids(connection, found.head_seq, seq)
    _each(connection, _RESERVE_AGAIN, others, {"given_now": now})
    _leave(connection, seq, delivery_id, _those(connection, _TAKEN, others, given_id=delivery_id), now=now)


def go_without(connection: Connection, delivery_id: str, *, now: datetime) -> bool:
    """Leave out of a message what its own delivery is about, since another one has told of it.

    Returns False, and changes nothing, if there is nothing else that the message could tell of.
    """
    seq = connection.scalar(_SEQ, {"given_id": delivery_id})
    found = connection.execute(_GATHERED, {"given_seq": seq}).first() if seq is not None else None
    if seq is None or found is None or found.head_seq is None or found.part == COPY:
        return False
    if not _those(connection, _FREE, _ids(connection, found.head_seq, seq)):
        return False
    own = connection.scalars(_ID, {"given_seq": found.head_seq}).all()
    _leave(connection, seq, delivery_id, own, now=now)
    return True


def _closed(
    connection: Connection,
    seq: int,
    id_: str,
    expires_at: datetime | None,
    key: bytes,
    now: datetime,
    *,
    early: bool,
) -> Head:
    waiting = connection.execute(_WAITING, {"given_key": key, "given_seq": seq}).all()
    late = [each for each in waiting if each.expires_at is not None and each.expires_at <= now]
    fresh = [each for each in waiting if each.expires_at is None or each.expires_at > now]
    for each in late:
        why = f"not sent by {each.expires_at.isoformat(timespec='seconds')}"
        connection.execute(_EXPIRE, {"given_seq": each.seq, "given_now": now, "given_why": why})
        memory.follow(connection, each.id, State.EXPIRED, now=now)
    seqs = [each.seq for each in fresh]
    _each(connection, _MERGE, seqs, {"given_now": now, "given_why": f"part of delivery {id_}"})
    under = bytes.fromhex(id_) if early else key
    _each(connection, _CLOSE, [seq, *seqs], {"given_head": seq, "given_under": under})
    _each(connection, _FORGET, [seq, *seqs], {})
    ends = [expires_at, *(each.expires_at for each in fresh)]
    last = None if None in ends else max(end for end in ends if end is not None)
    connection.execute(_LASTS, {"given_seq": seq, "given_end": last})
    return Head(seq, 1 + len(fresh), last)


def _leave(connection: Connection, seq: int, delivery_id: str, left: Sequence[str], *, now: datetime) -> None:
    """Let a message tell of these no more, and be made anew."""
    if not left:
        return
    why = f"left out of delivery {delivery_id}, since another one has taken its once_per"
    _each(connection, _LEAVE, left, {})
    _each(connection, _SAY, left, {"given_now": now, "given_why": why})
    connection.execute(_UNMAKE, {"given_seq": seq})


def _those(connection: Connection, which: Executable, ids: Sequence[str], **given: object) -> list[str]:
    return [each for some in _parts(ids) for each in connection.scalars(which, {**given, "given_ids": some})]


def _count(connection: Connection, head: int) -> int:
    return int(connection.scalar(_COUNT, {"given_head": head}) or 0)


def _ids(connection: Connection, head: int, seq: int) -> Sequence[str]:
    return connection.scalars(_OTHERS, {"given_head": head, "given_seq": seq}).all()


def _entries(connection: Connection, seqs: Sequence[int]) -> Iterator[tuple[int, Entry]]:
    for some in _parts(seqs):
        for row in connection.execute(_ENTRIES, {"given_ids": some}):
            entry = entry_of(row)
            yield entry.seq, entry


def _each(connection: Connection, statement: Executable, ids: Sequence[Any], values: dict[str, Any]) -> None:
    for some in _parts(ids):
        connection.execute(statement, {**values, "given_ids": some})


def _named() -> BindParameter[Sequence[object]]:
    return bindparam("given_ids", expanding=True)


def _parts(ids: Sequence[Any]) -> Iterator[list[Any]]:
    for first in range(0, len(ids), TOGETHER):
        yield list(ids[first : first + TOGETHER])


_IN_MESSAGE = (gathered.c.head_seq == given("head"), gathered.c.part == constant(ITEM))
_held = claims.alias("held")

_HOLD = text("SELECT pg_advisory_xact_lock(:key)")
_MINE = (
    select(deliveries.c.id, deliveries.c.expires_at)
    .where(deliveries.c.seq == given("seq"), deliveries.c.lease == given("lease"))
    .with_for_update()
)
_SEQ = select(deliveries.c.seq).where(deliveries.c.id == given("id"))
_ID = select(deliveries.c.id).where(deliveries.c.seq == given("seq"))
_GATHERED = select(gathered.c.key, gathered.c.head_seq, gathered.c.part).where(
    gathered.c.delivery_seq == given("seq")
)
_IS_CLOSED = (
    select(gathered.c.delivery_seq)
    .where(gathered.c.key == given("key"), gathered.c.head_seq.is_not(None))
    .limit(literal_column("1"))
)
_ADD = insert_or_update(gathered, ["delivery_seq"], ["key"], where=lambda _: gathered.c.head_seq.is_(None))
_INHERIT = insert_or_skip(gathered)
# What another transaction is about to withdraw is not waited for: it waits for us, to add to the same key.
_WAITING = (
    select(deliveries.c.seq, deliveries.c.id, deliveries.c.expires_at)
    .join_from(gathered, deliveries, deliveries.c.seq == gathered.c.delivery_seq)
    .where(
        gathered.c.key == given("key"),
        gathered.c.head_seq.is_(None),
        deliveries.c.state == constant(State.PENDING),
        deliveries.c.seq != given("seq"),
    )
    .order_by(deliveries.c.seq)
    .with_for_update(skip_locked=True, of=deliveries)
)
_ENDED = {"updated_at": given("now"), "ready_at": null(), "lease": null(), "why": given("why")}
_MERGE = move(State.MERGED, deliveries.c.seq.in_(_named()), **CLOSED, why=given("why"))
_EXPIRE = (
    update(deliveries)
    .where(deliveries.c.seq == given("seq"), deliveries.c.state == constant(State.PENDING))
    .values({"state": constant(State.EXPIRED), **_ENDED})
)
_CLOSE = (
    update(gathered)
    .where(gathered.c.delivery_seq.in_(_named()))
    .values(head_seq=given("head"), key=given("under"))
)
_FORGET = delete(watched).where(watched.c.delivery_seq.in_(_named()))
_LASTS = update(deliveries).where(deliveries.c.seq == given("seq")).values(expires_at=given("end"))
_COUNT = select(func.count()).select_from(gathered).where(*_IN_MESSAGE)
_ITEMS = (
    select(deliveries.c.inbox_seq, deliveries.c.event_index, func.length(inbox.c.body))
    .join_from(gathered, deliveries, deliveries.c.seq == gathered.c.delivery_seq)
    .join(inbox, inbox.c.seq == deliveries.c.inbox_seq)
    .where(*_IN_MESSAGE)
    .order_by(inbox.c.occurred_at.desc(), deliveries.c.seq.desc())
    .limit(given("limit", Integer))
)
_ENTRIES = select(*ENTRY_COLUMNS).where(inbox.c.seq.in_(_named()))
_OTHERS = (
    select(deliveries.c.id)
    .join_from(gathered, deliveries, deliveries.c.seq == gathered.c.delivery_seq)
    .where(*_IN_MESSAGE, deliveries.c.seq != given("seq"))
    .order_by(deliveries.c.seq)
)
_CONFIRM = (
    update(claims)
    .where(claims.c.delivery_id.in_(_named()), claims.c.state == constant(RESERVED))
    .values(state=constant(CONFIRMED), at=given("now"))
)
_RELEASE = (
    update(claims)
    .where(claims.c.delivery_id.in_(_named()), claims.c.state == constant(RESERVED))
    .values(state=constant(RELEASED), at=given("now"))
)
_IS_RELEASED = (claims.c.delivery_id.in_(_named()), claims.c.state == constant(RELEASED))
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
_UNCOUNT = delete(uses).where(uses.c.delivery_id.in_(_named()))
_LEAVE = (
    update(gathered)
    .where(gathered.c.delivery_seq.in_(select(deliveries.c.seq).where(deliveries.c.id.in_(_named()))))
    .values(part=constant(LEFT))
)
_SAY = (
    update(deliveries)
    .where(deliveries.c.id.in_(_named()), deliveries.c.state == constant(State.MERGED))
    .values(updated_at=given("now"), why=given("why"))
)
_UNMAKE = delete(payloads).where(payloads.c.delivery_seq == given("seq"))
