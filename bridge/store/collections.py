"""Deliveries that go out together: who waits with whom, and which of them is the message.

Each waits as a row of its own, with its claim, its limit, its `unless:` and its end. The first that is
claimed when their time has come closes them: it becomes their head, whose message is about all of them, and
the others are merged into it. What comes after that belongs to another message.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from msgspec import Struct
from sqlalchemy import Connection, delete, func, literal_column, null, select, update

from bridge.core.outcomes import State
from bridge.store import memory, watches
from bridge.store.collected import GATHERED, IN_MESSAGE, SEQ, ids_beside
from bridge.store.conflicts import insert_or_skip, insert_or_update
from bridge.store.holds import hold
from bridge.store.many import given_ids, in_parts
from bridge.store.moves import CLOSED, move
from bridge.store.schema import (
    CONFIRMED,
    COPY,
    HEIR,
    ITEM,
    RELEASED,
    RESERVED,
    claims,
    constant,
    deliveries,
    gathered,
    given,
    uses,
)
from bridge.store.schema import (
    watches as watched,
)


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
    found = connection.execute(GATHERED, {"given_seq": seq}).first()
    if found is None:
        return Alone()
    if found.head_seq is not None:
        return Head(found.head_seq, _count(connection, found.head_seq), mine.expires_at)
    hold(connection, found.key)
    if watchful and watches.seen_by(connection, seq) is not None:
        return Overtaken()
    return _closed(connection, seq, mine.id, mine.expires_at, found.key, now, early=early)


def follow(connection: Connection, seq: int, state: State, *, now: datetime) -> None:
    """Do to the claims of what went out with a delivery what its new state asks for; its own is done."""
    found = connection.execute(GATHERED, {"given_seq": seq}).first()
    if found is None or found.head_seq is None or found.part == COPY:
        return
    others = ids_beside(connection, found.head_seq, seq)
    values = {"given_now": now}
    match state:
        case State.DELIVERED:
            in_parts(connection, _CONFIRM, others, values)
        case State.DEAD | State.EXPIRED | State.DISCARDED | State.SUPPRESSED:
            in_parts(connection, _RELEASE, others, values)
            in_parts(connection, _UNCOUNT, others, {})
        case _:
            pass


def follow_named(connection: Connection, delivery_id: str, state: State, *, now: datetime) -> None:
    """Do the same for a delivery that is known by its id."""
    seq = connection.scalar(SEQ, {"given_id": delivery_id})
    if seq is not None:
        follow(connection, seq, state, now=now)


def hand_over(connection: Connection, dead: int, heirs: Sequence[tuple[int, str]]) -> bool:
    """Give what went out with a delivery that died to those sent in its place, the claims to the first.

    They are told by number and id. Returns False if it went out alone, or nobody takes its place.
    """
    found = connection.execute(GATHERED, {"given_seq": dead}).first()
    if found is None or found.head_seq is None or not heirs:
        return False
    for place, (seq, id_) in enumerate(heirs):
        part = COPY if place else HEIR
        row = {"delivery_seq": seq, "key": bytes.fromhex(id_), "head_seq": found.head_seq, "part": part}
        connection.execute(_INHERIT, row)
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
    in_parts(connection, _MERGE, seqs, {"given_now": now, "given_why": f"part of delivery {id_}"})
    under = bytes.fromhex(id_) if early else key
    in_parts(connection, _CLOSE, [seq, *seqs], {"given_head": seq, "given_under": under})
    in_parts(connection, _FORGET, [seq, *seqs], {})
    ends = [expires_at, *(each.expires_at for each in fresh)]
    last = None if None in ends else max(end for end in ends if end is not None)
    connection.execute(_LASTS, {"given_seq": seq, "given_end": last})
    return Head(seq, 1 + len(fresh), last)


def _count(connection: Connection, head: int) -> int:
    return int(connection.scalar(_COUNT, {"given_head": head}) or 0)


_MINE = (
    select(deliveries.c.id, deliveries.c.expires_at)
    .where(deliveries.c.seq == given("seq"), deliveries.c.lease == given("lease"))
    .with_for_update()
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
_MERGE = move(State.MERGED, deliveries.c.seq.in_(given_ids()), **CLOSED, why=given("why"))
_EXPIRE = (
    update(deliveries)
    .where(deliveries.c.seq == given("seq"), deliveries.c.state == constant(State.PENDING))
    .values({"state": constant(State.EXPIRED), **_ENDED})
)
_CLOSE = (
    update(gathered)
    .where(gathered.c.delivery_seq.in_(given_ids()))
    .values(head_seq=given("head"), key=given("under"))
)
_FORGET = delete(watched).where(watched.c.delivery_seq.in_(given_ids()))
_LASTS = update(deliveries).where(deliveries.c.seq == given("seq")).values(expires_at=given("end"))
_COUNT = select(func.count()).select_from(gathered).where(*IN_MESSAGE)
_CONFIRM = (
    update(claims)
    .where(claims.c.delivery_id.in_(given_ids()), claims.c.state == constant(RESERVED))
    .values(state=constant(CONFIRMED), at=given("now"))
)
_RELEASE = (
    update(claims)
    .where(claims.c.delivery_id.in_(given_ids()), claims.c.state == constant(RESERVED))
    .values(state=constant(RELEASED), at=given("now"))
)
_UNCOUNT = delete(uses).where(uses.c.delivery_id.in_(given_ids()))
