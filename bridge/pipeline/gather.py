"""Messages about several events: joining those that wait, closing them when their time has come, their facts.

A delivery that no rule ever held back costs nothing here.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime

from msgspec.structs import replace

from bridge.core.digests import Gathering
from bridge.core.events import Event, Facts
from bridge.core.rules import Action
from bridge.core.timing import From, gathering_of
from bridge.pipeline.compose import Unready, together
from bridge.pipeline.node import Node
from bridge.pipeline.patience import until_read, until_written
from bridge.pipeline.register import known_event
from bridge.sources.base import Source
from bridge.store import collected, collections
from bridge.store.collections import Alone, Head, Lost, Overtaken
from bridge.store.database import Connection
from bridge.store.deliveries import Due, NewDelivery
from bridge.store.holds import hold

MOST_ITEMS = 500
"""Events that one message tells of; `count` says how many there are."""
LARGEST = 8 * 1024 * 1024
"""Bytes of stored requests that are read for one message."""
_WAITING = "delivery waits, the store cannot be used"


def join(
    connection: Connection, new: NewDelivery, gathering: Gathering | None
) -> tuple[NewDelivery, bytes | None]:
    """Return a new delivery with the time and the key under which it waits, and a key if with others.

    What comes after its message was put together belongs to the next one. Nobody closes the one it joins
    before the transaction ends.
    """
    while gathering is not None:
        hold(connection, gathering.key)
        if not collections.is_closed(connection, gathering.key):
            return new, gathering.key
        following = gathering.following()
        if following is None:
            break
        gathering, why = following
        new = replace(new, due_at=gathering.at, held_until=gathering.at, why=why)
    return new, None


def regroup(connection: Connection, secret: bytes, due: Due, action: Action | None, until: datetime) -> None:
    """Let what quiet hours hold only now go out with what they hold anyway, unless it was made already."""
    if action is None or action.digest is not None or due.payload is not None:
        return
    gathering = gathering_of(secret, action, {}, due.lane, From(until, joint=True))
    if isinstance(gathering, Gathering):
        hold(connection, gathering.key)
        collections.add(connection, due.seq, gathering.key)


async def closed(node: Node, due: Due, lease: str, action: Action | None) -> Due | Overtaken | Lost:
    """Put a claimed delivery together with those that wait with it; return it as it is then."""
    now, asked = node.clock.now(), due.trigger == "person"
    watchful = action is not None and action.unless is not None and not asked
    found = await until_written(
        node,
        lambda c: collections.close(c, due.seq, lease=lease, now=now, early=asked, watchful=watchful),
        _WAITING,
        delivery=due.id,
    )
    match found:
        case Alone():
            return due
        case Head(of=of, count=count, expires_at=expires_at):
            if count > 1:
                node.log.info("deliveries merged", delivery=due.id, rule=due.rule, items=count)
            return replace(due, expires_at=expires_at, head=of, count=count)
        case _:
            return found


async def facts_of(node: Node, sources: Mapping[str, Source], due: Due) -> Facts | Unready:
    """Return what a message is made of: the newest event's facts, and those of all as `items`."""
    if due.head is None:
        event = await known_event(node, sources, due.entry, due.event_index)
        return event if isinstance(event, Unready) else event.facts()
    of = due.head
    items = await until_read(
        node, lambda c: collected.items(c, of, MOST_ITEMS, LARGEST), _WAITING, delivery=due.id
    )
    read = [await known_event(node, sources, item.entry, item.event_index) for item in items]
    return _joined(node, due, read)


def _joined(node: Node, due: Due, read: Sequence[Event | Unready]) -> Facts | Unready:
    events = sorted((each for each in read if isinstance(each, Event)), key=_when)
    for each in read:
        if isinstance(each, Unready):
            node.log.warning("item left out, its event cannot be read", delivery=due.id, why=each.why)
    if not events:
        return next((each for each in read if isinstance(each, Unready)), Unready("it is about no event"))
    return together([event.facts() for event in events], due.count)


def _when(event: Event) -> datetime:
    return event.occurred_at
