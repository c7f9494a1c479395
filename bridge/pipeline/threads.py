"""A delivery that belongs with others: when it may go, what it continues, and what becomes known by it.

The lane of such a delivery is its thread, so its messages go one after the other. That is not enough where
several nodes work on one store: rows become visible in another order than that of their numbers. Whoever
begins a thread or edits a message therefore holds it in the store while the attempt lasts.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta

from msgspec import Struct
from msgspec.structs import replace

from bridge.core.formers import memory_names
from bridge.core.identity import edited_key
from bridge.core.messages import ANCHOR, Payload
from bridge.core.outcomes import Delivered, Outcome
from bridge.core.rules import Action
from bridge.pipeline.gate import Following
from bridge.pipeline.node import Node
from bridge.pipeline.patience import until_read, until_written
from bridge.store import threads
from bridge.store.database import Connection
from bridge.store.deliveries import Due
from bridge.store.threads import Busy, Standing

LOOK_AGAIN = timedelta(seconds=2)
"""How long a delivery waits for another one that is beginning its thread."""
OUTDONE = "nothing sent: a newer text of this message takes its place"
BUSY = "another message of its thread is under way"


class Place(Struct, frozen=True):
    """Where a delivery belongs: the key of its thread, and that of the message it edits, if it edits one."""

    thread: bytes
    edited: bytes | None

    @property
    def key(self) -> bytes:
        """The key under which its own anchor is kept."""
        return self.edited or self.thread


def place_of(action: Action | None, due: Due) -> Place | None:
    """Return where a delivery belongs; None for one that stands by itself."""
    if action is None or action.thread is None or due.lane is None:
        return None
    return Place(due.lane, edited_key(due.lane, *memory_names(action)) if action.thread.edits else None)


async def counts(node: Node, place: Place, due: Due) -> Mapping[str, int]:
    """Return what the message that a delivery edits counts by now."""
    waiting = "delivery waits, the store cannot be read"
    return await until_read(node, lambda c: threads.counts(c, place.key), waiting, delivery=due.id)


async def is_outdone(node: Node, place: Place, due: Due) -> bool:
    """Return whether a newer text of the same message is out, or about to go."""
    if place.edited is None:
        return False
    now, key = node.clock.now(), place.edited

    def look(connection: Connection) -> bool:
        found = threads.find(connection, key)
        if found.anchor is None:
            return False  # it comes first, so that the replies after it find the thread that it begins
        if found.applied is not None and found.applied > due.seq:
            return True
        return threads.is_followed(connection, place.thread, due.rule, due.action, seq=due.seq, now=now)

    return await until_read(node, look, "delivery waits, the store cannot be read", delivery=due.id)


async def taken(node: Node, place: Place, due: Due) -> Standing | Busy:
    """Return what a delivery continues, once it is sure that no other begins or edits it meanwhile."""
    waiting = "delivery waits, the store cannot be read"
    found = await until_read(node, lambda c: threads.find(c, place.key), waiting, delivery=due.id)
    if place.edited is None and found.anchor is not None:
        return found  # a reply changes nothing that others go by
    return await until_written(
        node,
        lambda c: threads.hold(c, place.key, due.id, now=node.clock.now()),
        "delivery waits, the store cannot be written",
        delivery=due.id,
    )


def continuing(payload: Payload, standing: Standing) -> Payload:
    """Return the payload with what it continues beside it."""
    if standing.anchor is None:
        return payload
    return replace(payload, meta={**payload.meta, ANCHOR: standing.anchor})


def following(
    place: Place, due: Due, standing: Standing, outcome: Outcome, now: datetime, then: Following | None
) -> Following | None:
    """Return what to do in the transaction that records an outcome, `then` included."""
    anchor = outcome.anchor if isinstance(outcome, Delivered) else None
    if anchor is None or (place.edited is None and anchor == standing.anchor):
        return then

    def follow(connection: Connection) -> None:
        if then is not None:
            then(connection)
        applied = due.seq if place.edited else None
        threads.settle(connection, place.key, anchor, now=now, applied=applied)
        if place.edited and anchor != standing.anchor:
            threads.head(connection, place.thread, anchor, before=standing.anchor, now=now)

    return follow
