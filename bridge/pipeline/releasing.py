"""Letting claims go, for a person: what `once_per` has taken may be sent once more."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime

from bridge.core.identity import ID_SHOWN
from bridge.pipeline.node import Node
from bridge.pipeline.told import Told
from bridge.store import claims
from bridge.store.claims import ClaimFilter, ClaimRow, Place
from bridge.store.database import Connection

MEANING = "the next such event is sent again"
"""What a released claim comes to."""


async def release_claim(node: Node, delivery_id: str) -> Told:
    """Let one delivery's claim go."""
    now = node.clock.now()
    done, row = await node.database.write(lambda connection: _release(connection, delivery_id, now))
    node.log.info("release of a claim asked for", delivery=delivery_id, done=done)
    if row is None:
        return Told(done=False, sentence=f"delivery {delivery_id} has no claim")
    if done:
        return Told(done=True, sentence=f"the claim of delivery {delivery_id} is free: {MEANING}")
    if row.kept:
        return Told(done=False, sentence=why_kept(row))
    return Told(done=False, sentence=f"the claim of delivery {delivery_id} is free already")


async def release_claims(
    node: Node, wanted: ClaimFilter, progress: Callable[[int], None] = lambda _: None
) -> int:
    """Let all go that a filter selects and nothing under way needs; returns how many.

    In short transactions, so that it may be stopped at any time and begun again; `progress` is told of each.
    """
    now, total = node.clock.now(), 0
    place: Place | None = None
    while True:
        released, place = await node.database.write(
            lambda connection, after=place: claims.release_some(  # type: ignore[misc]
                connection, wanted, after, now=now
            )
        )
        total += released
        progress(released)
        if place is None:
            node.log.info("claims released", claims=total)
            return total


def why_kept(row: ClaimRow) -> str:
    """Return why a claim stays with its delivery, and what would free it."""
    return (
        f"delivery {row.delivery_id} is {row.delivery} and keeps its claim; "
        f"`bridge deliveries discard {row.delivery_id[:ID_SHOWN]}` gives both up"
    )


def _release(connection: Connection, delivery_id: str, now: datetime) -> tuple[bool, ClaimRow | None]:
    done = claims.release_one(connection, delivery_id, now=now)
    return done, claims.find_claim(connection, delivery_id)
