"""What follows when a delivery dies: what its `else:` asks for is sent instead, and the owner hears of it.

Both are written in the transaction of the death.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime

from bridge.core.events import Event, Facts
from bridge.core.identity import delivery_id
from bridge.core.outcomes import State
from bridge.core.rules import OWNER_RULE, Action, PredicateFailed
from bridge.core.threads import lane_for
from bridge.core.trouble import Trouble
from bridge.pipeline.compose import Actions, Unready
from bridge.pipeline.node import Node
from bridge.pipeline.register import known_event
from bridge.sources.base import Source
from bridge.store import collections, incidents, limits, memory, outbox
from bridge.store.database import Connection
from bridge.store.deliveries import Attempt, Due, NewDelivery


async def planned(
    node: Node, actions: Actions, sources: Mapping[str, Source], due: Due, now: datetime
) -> list[NewDelivery]:
    """Return the deliveries that take the place of `due`; their ids are the same however often it dies."""
    action = actions.get((due.rule, due.action))
    if action is None or not action.otherwise:
        return []
    entry = due.entry
    event = await known_event(node, sources, entry, due.event_index)
    if isinstance(event, Unready):
        node.log.warning("else left out, the event cannot be read", delivery=due.id, why=event.why)
        return []
    facts, secret = event.facts(), node.database.secret
    return [
        NewDelivery(
            id=delivery_id(entry.key, entry.received_at, due.event_index, each.rule, each.name, due.run),
            entry_seq=due.entry.seq,
            event_index=due.event_index,
            run=due.run,
            rule=each.rule,
            action=each.name,
            channel=each.channel,
            lane=lane_for(secret, each, event, facts),
            created_at=now,
            due_at=now,
            expires_at=_end(due, action, each, event),
            held_until=now if due.held_until is not None else None,
        )
        for each in action.otherwise
        if _holds(each, facts, due, node)
    ]


def follow_death(
    connection: Connection, dead: Due, attempt: Attempt, instead: Sequence[NewDelivery], now: datetime
) -> None:
    """Store what takes the place of a delivery that has just died, and note the death for the owner.

    The first in its place takes over the claim: once is once, whichever way it went. A notice to the owner
    that dies is no news to them.
    """
    made = [(each, queued) for each in instead if (queued := outbox.enqueue(connection, each)) is not None]
    if made:
        memory.hand_over(connection, dead.id, made[0][0].id, now=now)
        limits.hand_over(connection, dead.id, made[0][0].id)
    if dead.held_until is not None:
        heirs = [(queued.seq, each.id) for each, queued in made]
        if not collections.hand_over(connection, dead.seq, heirs):
            collections.follow(connection, dead.seq, State.DEAD, now=now)
    if dead.rule != OWNER_RULE:
        status = f" {attempt.status}" if attempt.status is not None else ""
        incidents.happened(connection, Trouble.DEAD, dead.channel, now=now, why=f"{attempt.reason}{status}")


def _end(due: Due, action: Action, instead: Action, event: Event) -> datetime | None:
    """Return until when it is worth sending; about several events, what it stands in for has their end."""
    if due.held_until is not None and instead.expires == action.expires:
        return due.expires_at
    return event.occurred_at + instead.expires if instead.expires else None


def _holds(action: Action, facts: Facts, due: Due, node: Node) -> bool:
    try:
        return action.condition is None or action.condition.holds(facts)
    except PredicateFailed as error:
        node.log.warning(
            "else left out, its condition failed", delivery=due.id, action=action.name, why=str(error)
        )
        return False
