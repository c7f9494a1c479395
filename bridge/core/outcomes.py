"""What a delivery attempt can come to, and the one table of legal moves between delivery states."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from enum import StrEnum

from msgspec import Struct


class Reason(StrEnum):
    """Why an attempt did not deliver; a closed list, so it can label a metric."""

    AUTH = "auth"
    RATE_LIMITED = "rate_limited"
    CLIENT = "client"
    SERVER = "server"
    TIMEOUT = "timeout"
    CONNECTION = "connection"
    BLOCKED = "blocked"
    INVALID = "invalid"
    CANCELLED = "cancelled"


class Delivered(Struct, frozen=True):
    """The destination accepted the message; `reference` is its own name for it (a Slack `ts`), if any.

    `anchor` is what later messages continue, in the channel's own words: where the thread begins in which
    this one stands, or this one itself where it is edited in place. None where nothing can be continued.
    `bounced` are addresses, among those it was for, that do not exist.
    """

    status: int | None = None
    answer: str = ""
    reference: str | None = None
    anchor: str | None = None
    bounced: tuple[str, ...] = ()


class Partly(Struct, frozen=True):
    """A message that was taken for some of its addresses: those that have it, and those to be tried again."""

    taken: tuple[str, ...]
    left: tuple[str, ...]


class Retry(Struct, frozen=True):
    """Not delivered, worth another try; `after` is what the destination asked for.

    `partly` says for whom it was taken all the same: the next try is for those who are left alone. `bounced`
    are addresses that do not exist. `own` says that the answer is about this message's people, a full mailbox
    for example: the destination is there, and takes what is for others.
    """

    reason: Reason
    status: int | None = None
    answer: str = ""
    after: timedelta | None = None
    partly: Partly | None = None
    bounced: tuple[str, ...] = ()
    own: bool = False


class Rejected(Struct, frozen=True):
    """Not delivered, and the same bytes will not be accepted later either.

    `gone` says that the answer is not about the message: the destination takes nothing at all until a person
    has mended something, so its channel stops. `bounced` are addresses that do not exist.
    """

    reason: Reason
    status: int | None = None
    answer: str = ""
    gone: bool = False
    bounced: tuple[str, ...] = ()


Outcome = Delivered | Retry | Rejected
ANSWER_LIMIT = 500
"""Characters of a destination's answer that are kept with an attempt."""


class State(StrEnum):
    """Where a delivery stands.

    A member that is asked for with every event stands in a constant of the module that asks: Python 3.11
    takes as long to look one up as to call something. So it is with the other enumerations.
    """

    PENDING = "pending"
    SENDING = "sending"
    DELIVERED = "delivered"
    DEAD = "dead"
    EXPIRED = "expired"
    PARKED = "parked"
    WITHHELD = "withheld"
    MERGED = "merged"
    """It goes out with others, as a part of another delivery's message."""
    KEPT = "kept"
    """Its rule is paused; a person decides about all that it keeps."""
    DISCARDED = "discarded"
    SUPPRESSED = "suppressed"


MOVES: Mapping[State, frozenset[State]] = {
    State.PENDING: frozenset(
        {State.PENDING, State.SENDING, State.EXPIRED, State.PARKED, State.KEPT, State.MERGED, State.DISCARDED}
    ),
    State.SENDING: frozenset(
        {
            State.PENDING,
            State.DELIVERED,
            State.DEAD,
            State.EXPIRED,
            State.PARKED,
            State.SENDING,
            State.WITHHELD,
            State.KEPT,
            State.SUPPRESSED,
        }
    ),
    State.DELIVERED: frozenset(),
    State.DEAD: frozenset({State.PENDING, State.DISCARDED}),
    State.EXPIRED: frozenset({State.PENDING, State.DISCARDED}),
    State.PARKED: frozenset({State.PENDING, State.DISCARDED}),
    State.WITHHELD: frozenset({State.DISCARDED}),
    State.MERGED: frozenset(),
    State.KEPT: frozenset({State.PENDING, State.DISCARDED}),
    State.DISCARDED: frozenset(),
    State.SUPPRESSED: frozenset({State.PENDING, State.DISCARDED}),
}
"""From each state, the states that may follow.

`sending` to `sending` is a lease that was taken over, `pending` to `pending` a person who will not wait.
"""


def sources_of(target: State) -> tuple[State, ...]:
    """Return the states from which a delivery may move to `target`, in declaration order."""
    return tuple(state for state in State if target in MOVES[state])
