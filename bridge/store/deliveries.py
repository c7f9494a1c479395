"""What goes into the outbox and what comes out of it, as values."""

from __future__ import annotations

from datetime import datetime
from typing import Literal

from msgspec import Struct
from msgspec.structs import replace

from bridge.core.halts import KEPT, KEPT_AND
from bridge.core.messages import Payload
from bridge.core.outcomes import Reason, State
from bridge.store.entries import Entry

Trigger = Literal["schedule", "person"]


class NewDelivery(Struct, kw_only=True):
    """A delivery to store. `id` is its `delivery_id`; `lane` is its `lane_key`, or None where order is free.

    `state` is PENDING or KEPT; or, with a `why`, WITHHELD for what is shown and never sent, or SUPPRESSED for
    what its people must not get. `held_until` is its `due_at` where a rule keeps it for later, with a `why`;
    until then it is not in its lane. `entry_seq` is 0 as long as its entry is not stored.
    """

    id: str
    entry_seq: int
    event_index: int
    run: int
    rule: str
    action: str
    channel: str
    created_at: datetime
    due_at: datetime
    lane: bytes | None = None
    expires_at: datetime | None = None
    state: Literal[State.PENDING, State.WITHHELD, State.KEPT, State.SUPPRESSED] = State.PENDING
    why: str | None = None
    held_until: datetime | None = None


def as_kept(new: NewDelivery) -> NewDelivery:
    """Return the same delivery of a rule that is paused."""
    return replace(new, state=State.KEPT, why=KEPT_AND + new.why if new.why else KEPT)


class Queued(Struct, frozen=True):
    """A delivery that is stored now; `leased` if it was free to be sent at once, by whoever stored it.

    One that is `kept` waits for a person to decide about its rule. One that is `to_claim` was offered to be
    sent at once, and may be sent, but not as it was offered.
    """

    seq: int
    leased: bool
    kept: bool = False
    to_claim: bool = False


class Recorded(Struct, frozen=True):
    """An attempt that is stored now; `lane_waits` if the lane has another open delivery that is not held."""

    lane_waits: bool


class Due(Struct, frozen=True, kw_only=True):
    """A delivery under our lease.

    `attempts` counts all so far; `tries` those since it was made, or since a person retried it, and
    `first_at` is when the first of these was. `trigger` says who asked for the next. `held_until` is until
    when a rule has kept it back; such a one may go out with others: then `head` is the number under which
    its items are found, and `count` how many there are. `asked_at` is when it was stored with a payload that
    all its people may get; None where that is not known. `has_claim` and `others_wait` are False where it is
    known that it never had a claim, and that who made it hears of it when another delivery has to wait for
    its lane. `lapses` is how often its lease ran out before, if this claim took it over.
    """

    seq: int
    id: str
    event_index: int
    run: int
    rule: str
    action: str
    channel: str
    lane: bytes | None
    due_at: datetime
    expires_at: datetime | None
    first_at: datetime | None = None
    attempts: int = 0
    tries: int = 0
    trigger: Trigger = "schedule"
    held_until: datetime | None = None
    payload: Payload | None
    leased_until: datetime
    entry: Entry
    head: int | None = None
    count: int = 1
    asked_at: datetime | None = None
    has_claim: bool = True
    others_wait: bool = True
    lapses: int = 0


class Attempt(Struct, frozen=True, kw_only=True):
    """One try: its number from 1, and what came of it; `answer` is how the destination's answer began."""

    number: int
    started_at: datetime
    duration_ms: int
    outcome: Literal["delivered", "retry", "rejected"]
    reason: Reason | None = None
    status: int | None = None
    answer: str = ""
    trigger: Trigger = "schedule"


class Moved(Struct, frozen=True):
    """The delivery now has the state that was asked for."""


class Waits(Struct, frozen=True):
    """The delivery is pending again, and waits for the time at which its rule sends it."""


class Missing(Struct, frozen=True):
    """There is no such delivery."""


class Refused(Struct, frozen=True):
    """The delivery stays in `state`, from which this move is not allowed."""

    state: State


class Taken(Struct, frozen=True):
    """Meanwhile another delivery, `by`, was made under the same `once_per`; this one would be a second."""

    by: str
