"""The overview: what waits, what is stuck, and how each channel does, as one question to the store."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta

from msgspec import Struct

from bridge.core.outcomes import State
from bridge.core.rates import Rate
from bridge.store import incidents, views
from bridge.store.database import Connection
from bridge.store.incidents import Incident
from bridge.store.views import Backlog, DeliveryFilter, DeliveryRow, EventFilter, EventRow
from bridge.web.standing import ChannelState, read_states

RECENT = timedelta(hours=24)
SHOWN = 8
"""Rows of each short list."""
WAITING = (State.PENDING, State.SENDING)
STUCK = (State.DEAD, State.PARKED, State.EXPIRED)


class ChannelLine(Struct, frozen=True, kw_only=True):
    """One channel; `type` is empty and `state` None when it is no longer in the configuration."""

    name: str
    type: str
    state: ChannelState | None
    delivered: int
    waiting: int
    stuck: int
    oldest_due: datetime | None


class Overview(Struct, frozen=True, kw_only=True):
    """Everything the overview shows."""

    backlog: Backlog
    channels: tuple[ChannelLine, ...]
    stuck: tuple[DeliveryRow, ...]
    recent: tuple[EventRow, ...]
    troubles: tuple[Incident, ...]
    received: int

    @property
    def waiting_count(self) -> int:
        """Deliveries not sent yet."""
        return sum(channel.waiting for channel in self.channels)

    @property
    def stuck_count(self) -> int:
        """Deliveries that need a person."""
        return sum(channel.stuck for channel in self.channels)

    @property
    def oldest_due(self) -> datetime | None:
        """Since when the longest waiting delivery has been due."""
        return min(self.backlog.oldest_due.values(), default=None)


def overview(
    connection: Connection, now: datetime, channels: Mapping[str, str], rates: Mapping[str, Rate]
) -> Overview:
    """Read the overview; `channels` is the type of each configured channel by name."""
    backlog = views.backlog(connection, now=now)
    states = read_states(connection, now, channels, rates)
    lately = views.count_deliveries(connection, since=now - RECENT)
    names = [*channels, *sorted((backlog.deliveries.keys() | lately.keys()) - channels.keys())]
    return Overview(
        backlog=backlog,
        channels=tuple(_line(name, states.get(name), backlog, lately.get(name, {})) for name in names),
        stuck=_stuck(connection),
        troubles=tuple(incidents.lasting(connection)),
        recent=tuple(views.list_events(connection, EventFilter(limit=SHOWN))),
        received=sum(views.count_events(connection, since=now - RECENT).values()),
    )


def _line(
    name: str, state: ChannelState | None, backlog: Backlog, lately: Mapping[State, int]
) -> ChannelLine:
    counts = backlog.deliveries.get(name, {})
    return ChannelLine(
        name=name,
        type=state.type if state else "",
        state=state,
        delivered=lately.get(State.DELIVERED, 0),
        waiting=sum(counts.get(state, 0) for state in WAITING),
        stuck=sum(counts.get(state, 0) for state in STUCK),
        oldest_due=backlog.oldest_due.get(name),
    )


def _stuck(connection: Connection) -> tuple[DeliveryRow, ...]:
    found = [
        row
        for state in STUCK
        for row in views.list_deliveries(connection, DeliveryFilter(state=state, limit=SHOWN))
    ]
    return tuple(sorted(found, key=lambda row: row.updated_at, reverse=True)[:SHOWN])
