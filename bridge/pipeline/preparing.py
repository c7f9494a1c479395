"""Messages of claimed deliveries: made together and stored with one write, before any of them is sent.

Each by itself would need a task to wait for its write, and a task to be sent. What is out of the ordinary
about a delivery, its making that takes long among it, leaves it as it is: `bridge.pipeline.deliver` does for
it what is to be done.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence
from typing import TypeVar

from msgspec import Struct
from msgspec.structs import replace

from bridge.channels.base import Channel
from bridge.core.events import Event
from bridge.core.messages import Payload
from bridge.core.rules import Action
from bridge.pipeline import suppression, threads
from bridge.pipeline.admission import Admission
from bridge.pipeline.compose import Actions, Unready, compose, event_of
from bridge.pipeline.node import Node
from bridge.pipeline.register import Place, known
from bridge.sources.base import Source
from bridge.store import claiming
from bridge.store.database import Connection
from bridge.store.deliveries import Due
from bridge.store.entries import Lease

T = TypeVar("T")
R = TypeVar("R")
AT_ONCE = 16
"""Messages that are made in one go; more would keep the event loop for too long."""


class _Ordinary(Struct, frozen=True):
    """A delivery that needs nothing but its message: of which action, about which event."""

    due: Due
    action: Action
    event: Event


class Preparing:
    """Makes the messages of one channel's deliveries."""

    def __init__(
        self,
        node: Node,
        channel: Channel,
        actions: Actions,
        sources: Mapping[str, Source],
        admission: Admission,
    ) -> None:
        self._node = node
        self._channel = channel
        self._actions = actions
        self._sources = sources
        self._admission = admission

    async def prepared(self, claimed: Sequence[Due], lease: Lease) -> Sequence[Due]:
        """Return what was claimed under a lease, with the messages that are stored now."""
        try:
            ordinary = await self._known(await _few_at_once(self._ordinary, claimed))
            made = dict(await _few_at_once(self._made, ordinary))
            return await self._stored(claimed, made, lease) if made else claimed
        except Exception:  # noqa: BLE001 - it is so again for the delivery at fault, in its task
            return claimed

    def _ordinary(self, due: Due) -> _Ordinary | None:
        action = self._actions.get((due.rule, due.action))
        if due.payload is not None or due.held_until is not None:
            return None
        if action is None or action.shadow or action.laborious:
            return None
        if threads.place_of(action, due) is not None or not self._admission.is_free(due):
            return None
        event = event_of(due.entry, due.event_index, self._sources)
        return None if isinstance(event, Unready) else _Ordinary(due, action, event)

    async def _known(self, ordinary: Sequence[_Ordinary]) -> Sequence[_Ordinary]:
        """Return the same with what the catalogue adds to the events."""
        node = self._node
        if all(node.catalogue.of(each.event) is None for each in ordinary):
            return ordinary

        def recall(connection: Connection) -> list[Event]:
            return [
                known(
                    connection,
                    node.database.secret,
                    node.catalogue,
                    Place(each.due.entry.seq, each.due.event_index),
                    each.event,
                )
                for each in ordinary
            ]

        events = await node.database.read(recall)
        return [replace(each, event=event) for each, event in zip(ordinary, events, strict=True)]

    def _made(self, each: _Ordinary) -> tuple[int, Payload] | None:
        composed = compose(
            action=each.action,
            channel=self._channel,
            facts=each.event.facts(),
            delivery_id=each.due.id,
            at=self._node.clock.now(),
            house=self._node.house,
        )
        return (each.due.seq, composed) if isinstance(composed, Payload) else None

    async def _stored(
        self, claimed: Sequence[Due], made: Mapping[int, Payload], lease: Lease
    ) -> Sequence[Due]:
        asked_at, name, secret = self._node.clock.now(), self._channel.name, self._node.database.secret

        def store(connection: Connection) -> tuple[Mapping[int, Payload], set[int]]:
            held = claiming.store_payloads(connection, made, channel=name, lease=lease)
            ours = {seq: made[seq] for seq in held}
            return ours, {
                seq for seq, payload in ours.items() if suppression.is_for_all(connection, secret, payload)
            }

        ours, for_all = await self._node.database.write(store)
        return [
            replace(due, payload=ours[due.seq], asked_at=asked_at if due.seq in for_all else None)
            if due.seq in ours
            else due
            for due in claimed
        ]


async def _few_at_once(make: Callable[[T], R | None], items: Sequence[T]) -> list[R]:
    """Return what is made of those of which something can be made."""
    made = []
    for first in range(0, len(items), AT_ONCE):
        made += [
            found for item in items[first : first + AT_ONCE] if (found := _tried(make, item)) is not None
        ]
        await asyncio.sleep(0)
    return made


def _tried(make: Callable[[T], R | None], item: T) -> R | None:
    try:
        return make(item)
    except Exception:  # noqa: BLE001 - it is so again in its task, which records it
        return None
