"""How each channel does: its rate's state and its breaker, one row for a channel that ever had either.

A channel without a row works and has no rate to keep.
"""

from __future__ import annotations

from datetime import datetime

from msgspec import Struct
from sqlalchemy import Connection, func, select

from bridge.core.breaker import FRESH, Breaker, Phase
from bridge.store.conflicts import insert_or_skip, insert_or_update
from bridge.store.lanes import in_lane
from bridge.store.schema import channel_states, deliveries, given


class Standing(Struct, frozen=True):
    """A channel's stored state; `arrival` is its rate's."""

    breaker: Breaker = FRESH
    arrival: datetime | None = None


UNTOUCHED = Standing()
COUNTED = 10_000
"""No more deliveries than this are counted."""


def read(connection: Connection, channel: str) -> Standing:
    """Return how a channel stands."""
    row = connection.execute(_READ, {"given_channel": channel}).first()
    return UNTOUCHED if row is None else _standing(tuple(row))


def lock(connection: Connection, channel: str) -> Standing:
    """Return how a channel stands, and let no other node change it before this transaction's end."""
    row = connection.execute(_LOCK, {"given_channel": channel}).first()
    if row is None:
        # A row that is not there cannot be locked; whoever makes it first lets the others wait.
        connection.execute(_MAKE, _row(channel, UNTOUCHED))
        row = connection.execute(_LOCK, {"given_channel": channel}).one()
    return _standing(tuple(row))


def write(connection: Connection, channel: str, standing: Standing) -> None:
    """Store how a channel stands."""
    connection.execute(_WRITE, _row(channel, standing))


def list_all(connection: Connection) -> dict[str, Standing]:
    """Return the standing of every channel that has a row."""
    return {name: _standing(tuple(row)) for name, *row in connection.execute(_LIST)}


def of_delivery(connection: Connection, delivery_id: str) -> tuple[str, Standing] | None:
    """Return the name of a delivery's channel, and how it stands; None if there is no such delivery."""
    name = connection.scalar(_CHANNEL_OF, {"given_id": delivery_id})
    return None if name is None else (name, read(connection, name))


def waiting(connection: Connection, channel: str) -> int:
    """Return how many deliveries of a channel are not closed; at most `COUNTED`, so that it stays quick."""
    return int(connection.scalar(_WAITING, {"given_channel": channel}) or 0)


def kept_waiting(connection: Connection, channel: str, *, now: datetime) -> int:
    """Return how many deliveries wait for the channel alone: as `waiting`, less what is held for later."""
    return int(connection.scalar(_KEPT_WAITING, {"given_channel": channel, "given_now": now}) or 0)


def _standing(row: tuple[object, ...]) -> Standing:
    arrival, *values = row
    found = dict(zip(_BREAKER, values, strict=True))
    return Standing(Breaker(**{**found, "phase": Phase(str(found["phase"]))}), arrival)  # type: ignore[arg-type]


def _row(channel: str, standing: Standing) -> dict[str, object]:
    breaker = {name: getattr(standing.breaker, name) for name in _BREAKER}
    return {"channel": channel, "arrival": standing.arrival, **breaker}


_BREAKER = Breaker.__struct_fields__
_COLUMNS = (channel_states.c.arrival, *(channel_states.c[name] for name in _BREAKER))
_READ = select(*_COLUMNS).where(channel_states.c.channel == given("channel"))
_LOCK = _READ.with_for_update()
_LIST = select(channel_states.c.channel, *_COLUMNS)
_CHANNEL_OF = select(deliveries.c.channel).where(deliveries.c.id == given("id"))
_OPEN = select(deliveries.c.seq).where(
    deliveries.c.channel == given("channel"), deliveries.c.ready_at.is_not(None)
)
_WAITING = select(func.count()).select_from(_OPEN.limit(COUNTED).subquery("some"))
_KEPT_WAITING = select(func.count()).select_from(
    _OPEN.where(in_lane(deliveries)).limit(COUNTED).subquery("some")
)
_MAKE = insert_or_skip(channel_states)
_WRITE = insert_or_update(channel_states, ["channel"], ["arrival", *_BREAKER])
