"""What goes into the outbox and what comes out of it, as values."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime
from typing import Final, Literal

from bridge.core.halts import KEPT, KEPT_AND
from bridge.core.messages import Payload
from bridge.core.outcomes import Reason, State
from bridge.store.inbox import Entry

Trigger = Literal["schedule", "person"]


# What every event makes is frozen by the type checker, through `Final`; see `bridge.core.events`.


@dataclass(slots=True, kw_only=True)
class NewDelivery:
    """A delivery to store. `id` is its `delivery_id`; `lane` is its `lane_key`, or None where order is free.

    `state` is PENDING or KEPT; or, with a `why`, WITHHELD for what is shown and never sent, or SUPPRESSED for
    what its people must not get. `held_until` is its `due_at` where a rule keeps it for later, with a `why`;
    until then it is not in its lane. `entry_seq` is 0 as long as its entry is not stored.
    """

    id: Final[str]
    entry_seq: int
    event_index: Final[int]
    run: Final[int]
    rule: Final[str]
    action: Final[str]
    channel: Final[str]
    created_at: Final[datetime]
    due_at: Final[datetime]
    lane: Final[bytes | None] = None
    expires_at: Final[datetime | None] = None
    state: Final[Literal[State.PENDING, State.WITHHELD, State.KEPT, State.SUPPRESSED]] = State.PENDING
    why: Final[str | None] = None
    held_until: Final[datetime | None] = None


def as_kept(new: NewDelivery) -> NewDelivery:
    """Return the same delivery of a rule that is paused."""
    return replace(new, state=State.KEPT, why=KEPT_AND + new.why if new.why else KEPT)


@dataclass(slots=True)
class Queued:
    """A delivery that is stored now; `leased` if it was free to be sent at once, by whoever stored it.

    One that is `kept` waits for a person to decide about its rule.
    """

    seq: Final[int]
    leased: Final[bool]
    kept: Final[bool] = False


@dataclass(frozen=True, slots=True)
class Recorded:
    """An attempt that is stored now; `lane_waits` if the lane has another open delivery that is not held."""

    lane_waits: bool


@dataclass(slots=True, kw_only=True)
class Due:
    """A delivery under our lease.

    `attempts` counts all so far; `tries` those since it was made, or since a person retried it, and
    `first_at` is when the first of these was. `trigger` says who asked for the next. `held_until` is until
    when a rule has kept it back; such a one may go out with others: then `head` is the number under which
    its items are found, and `count` how many there are. A `fresh` one was made a moment ago, in a transaction
    that asked whether its people may be written to. `has_claim` and `others_wait` are False where it is known
    that it never had a claim, and that who made it hears of it when another delivery has to wait for its
    lane.
    """

    seq: Final[int]
    id: Final[str]
    event_index: Final[int]
    run: Final[int]
    rule: Final[str]
    action: Final[str]
    channel: Final[str]
    lane: Final[bytes | None]
    due_at: Final[datetime]
    expires_at: Final[datetime | None]
    first_at: Final[datetime | None]
    attempts: Final[int]
    tries: Final[int]
    trigger: Final[Trigger]
    held_until: Final[datetime | None] = None
    payload: Final[Payload | None]
    entry: Final[Entry]
    head: Final[int | None] = None
    count: Final[int] = 1
    fresh: Final[bool] = False
    has_claim: Final[bool] = True
    others_wait: Final[bool] = True


@dataclass(slots=True, kw_only=True)
class Attempt:
    """One try: its number from 1, and what came of it; `answer` is how the destination's answer began."""

    number: Final[int]
    started_at: Final[datetime]
    duration_ms: Final[int]
    outcome: Final[Literal["delivered", "retry", "rejected"]]
    reason: Final[Reason | None] = None
    status: Final[int | None] = None
    answer: Final[str] = ""
    trigger: Final[Trigger] = "schedule"


@dataclass(frozen=True, slots=True)
class Moved:
    """The delivery now has the state that was asked for."""


@dataclass(frozen=True, slots=True)
class Missing:
    """There is no such delivery."""


@dataclass(frozen=True, slots=True)
class Refused:
    """The delivery stays in `state`, from which this move is not allowed."""

    state: State


@dataclass(frozen=True, slots=True)
class Taken:
    """Meanwhile another delivery, `by`, was made under the same `once_per`; this one would be a second."""

    by: str
