"""What follows when a destination takes a message for some of its people: the rest is tried again alone.

From then on the message counts as sent: its claim is final, nothing is sent in its place, and whoever has it
does not get it again.
"""

from __future__ import annotations

from datetime import datetime

from bridge.core.messages import RECIPIENTS, TAKEN
from bridge.core.outcomes import Partly, Rejected, Retry, State
from bridge.core.rules import OWNER_RULE
from bridge.core.trouble import Trouble
from bridge.store import collections, incidents, memory, remaining
from bridge.store.database import Connection
from bridge.store.deliveries import Attempt, Due


def partly(due: Due, outcome: Retry | Rejected) -> Partly | None:
    """Return who has a delivery's message after an outcome, and who is left; None while nobody has it."""
    if due.payload is None:
        return None
    before, now = due.payload.taken, outcome.partly if isinstance(outcome, Retry) else None
    if now is not None:
        return Partly((*before, *now.taken), now.left)
    return Partly(before, due.payload.recipients) if before else None


def remember(connection: Connection, due: Due, found: Partly, now: datetime) -> None:
    """Store who is left, and make the claims final, in the transaction that records the attempt."""
    if due.payload is None or due.payload.taken == found.taken:
        return
    meta = {**due.payload.meta, RECIPIENTS: list(found.left), TAKEN: list(found.taken)}
    remaining.store(connection, due.seq, meta)
    memory.reserve_again(connection, due.id, now=now)  # what a death has released a moment ago
    memory.confirm(connection, due.id, now=now)
    if due.held_until is not None:
        collections.follow(connection, due.seq, State.DELIVERED, now=now)


def follow_death(connection: Connection, dead: Due, attempt: Attempt, found: Partly, now: datetime) -> None:
    """Say for how many it was given up, and note that for the owner; nothing is sent in its place."""
    remaining.say(connection, dead.seq, why(found))
    if dead.rule != OWNER_RULE:
        status = f" {attempt.status}" if attempt.status is not None else ""
        cause = f"{attempt.reason}{status}, for some of its recipients"
        incidents.happened(connection, Trouble.DEAD, dead.channel, now=now, why=cause)


def why(found: Partly) -> str:
    """Return for how many a message was given up; it names nobody."""
    left, taken = len(found.left), len(found.taken)
    gone = "1 of its recipients" if left == 1 else f"{left} of its recipients"
    have = "1 other has it" if taken == 1 else f"{taken} others have it"
    return f"given up for {gone}; {have}"
