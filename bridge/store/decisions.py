"""What is decided about deliveries that are not under way: by a person, a replay, an `unless`, at a start."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection
from datetime import datetime

from sqlalchemy import (
    Connection,
    bindparam,
    case,
    exists,
    null,
    or_,
    select,
)

from bridge.core.outcomes import State, sources_of
from bridge.core.rules import OWNER_RULE
from bridge.core.trouble import Trouble
from bridge.store import incidents, lapses, memory
from bridge.store.deliveries import (
    Missing,
    Moved,
    Refused,
    Taken,
    Waits,
)
from bridge.store.lanes import in_lane
from bridge.store.moves import CLOSED, OPEN, THIS, move
from bridge.store.news import tell_of_channel
from bridge.store.schema import (
    constant,
    deliveries,
    gathered,
    given,
)

BEFORE = "as before it was put aside"
UNROUTED = "is no longer in the configuration; restore it, then retry"


def retry(
    connection: Connection, delivery_id: str, *, now: datetime, claims: bool = True
) -> Moved | Waits | Missing | Refused | Taken:
    """Make a waiting, dead, expired or parked delivery due now, with its schedule of retries from the start.

    One that was parked while its rule kept it for later waits for that time again, and is looked at then like
    any other: the cause is mended, and a reminder is not wanted a week early.

    Its claim is reserved again, unless it `claims` nothing: its message is about others only. An expiry that
    has passed is dropped: a person asked for it all the same.
    """
    found = connection.execute(_STANDING, {"given_id": delivery_id}).first()
    if found is None:
        return Missing()
    state, held_until = found
    if state not in _RETRIED_FROM:
        return Refused(State(state))
    holder = memory.reserve_again(connection, delivery_id, now=now) if claims else None
    if holder is not None:
        return Taken(holder)
    lapses.forget(connection, delivery_id)
    early = state == State.PARKED and held_until is not None and held_until > now
    again = _WAIT_AGAIN if early else _RETRY
    channel = connection.scalar(again, {"given_id": delivery_id, "given_now": now})
    tell_of_channel(connection, str(channel))
    return Waits() if early else Moved()


def discard(
    connection: Connection, delivery_id: str, *, now: datetime, why: str
) -> Moved | Missing | Refused:
    """Decide that a delivery that is not under way will never be sent."""
    values = {"given_id": delivery_id, "given_now": now, "given_why": why}
    if connection.execute(_DISCARD, values).rowcount == 1:
        memory.follow(connection, delivery_id, State.DISCARDED, now=now)
        return Moved()
    state = connection.scalar(_STATE, {"given_id": delivery_id})
    return Missing() if state is None else Refused(State(state))


def discard_unsent(connection: Connection, entry_seq: int, *, now: datetime, why: str) -> int:
    """Discard what is not sent of an entry's deliveries, before a replay makes them anew; returns how many.

    What is under way stays, and a message that was made about other events as well.
    """
    values = {"given_entry": entry_seq, "given_now": now, "given_why": why}
    discarded = connection.scalars(_DISCARD_UNSENT, values).all()
    for delivery_id in discarded:
        memory.follow(connection, delivery_id, State.DISCARDED, now=now)
    return len(discarded)


def try_again(connection: Connection, channel: str, *, now: datetime) -> int:
    """Make due now what waits for another attempt through a channel, with its schedule from the start.

    What was not tried yet is due as it is, and what is held for later keeps its time. Returns how many.
    """
    return connection.execute(_TRY_AGAIN, {"given_channel": channel, "given_now": now}).rowcount


def park_unrouted(connection: Connection, channels: Collection[str], *, now: datetime) -> dict[str, int]:
    """Park what waits for a channel that is not one of `channels`; returns how many of each.

    What is under way stays, unless its lease ran out. The owner is to hear of it.
    """
    values = {"given_channels": ("", *channels), "given_now": now}
    parked = Counter((channel, rule) for channel, rule in connection.execute(_PARK_UNROUTED, values))
    for (channel, rule), count in parked.items():
        if rule != OWNER_RULE:
            why = f"the channel '{channel}' {UNROUTED}"
            incidents.happened(connection, Trouble.PARKED, rule, now=now, why=why, count=count)
    return Counter(channel for channel, _ in parked.elements())


_RETRIED_FROM = tuple(state for state in sources_of(State.PENDING) if state is not State.SENDING)
_STATE = select(deliveries.c.state).where(THIS)
_STANDING = select(deliveries.c.state, deliveries.c.held_until).where(THIS)
_RETRY = move(
    State.PENDING,
    THIS,
    deliveries.c.state != constant(State.SENDING),
    due_at=given("now"),
    ready_at=given("now"),
    expires_at=case((deliveries.c.expires_at <= given("now"), null()), else_=deliveries.c.expires_at),
    first_at=null(),
    tries=0,
    held_until=case((deliveries.c.held_until > given("now"), given("now")), else_=deliveries.c.held_until),
    trigger=constant("person"),
    why=null(),
).returning(deliveries.c.channel)
_TRY_AGAIN = move(
    State.PENDING,
    deliveries.c.channel == given("channel"),
    OPEN,
    deliveries.c.lease.is_(None),
    deliveries.c.tries > 0,
    in_lane(deliveries),
    due_at=given("now"),
    ready_at=given("now"),
    first_at=null(),
    tries=0,
)
_WAIT_AGAIN = move(
    State.PENDING,
    THIS,
    deliveries.c.state == constant(State.PARKED),
    due_at=deliveries.c.held_until,
    ready_at=deliveries.c.held_until,
    first_at=null(),
    tries=0,
    why=constant(BEFORE),
).returning(deliveries.c.channel)
_DISCARD = move(State.DISCARDED, THIS, **CLOSED, why=given("why"))
_DISCARD_UNSENT = move(
    State.DISCARDED,
    deliveries.c.inbox_seq == given("entry"),
    # What else goes out with it is not of this entry.
    ~exists().where(gathered.c.head_seq == deliveries.c.seq, gathered.c.delivery_seq != deliveries.c.seq),
    **CLOSED,
    why=given("why"),
).returning(deliveries.c.id)
_PARK_UNROUTED = move(
    State.PARKED,
    OPEN,
    deliveries.c.channel.not_in(bindparam("given_channels", expanding=True)),
    or_(deliveries.c.state == constant(State.PENDING), deliveries.c.ready_at <= given("now")),
    **CLOSED,
    why=constant("channel ''") + deliveries.c.channel + constant("'' ") + constant(UNROUTED),
).returning(deliveries.c.channel, deliveries.c.rule)
