"""Read-only questions for the command line and the admin pages: lists, counts, and what waits."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from msgspec import Struct
from sqlalchemy import Column, ColumnElement, Connection, Select, func, or_, select

from bridge.core.outcomes import State
from bridge.store.columns import folded
from bridge.store.schema import (
    DONE,
    IS_STUCK,
    NEW,
    PARKED,
    attempts,
    constant,
    deliveries,
    given,
    inbox,
)


class EventRow(Struct, frozen=True, kw_only=True):
    """An inbox entry without its headers and body."""

    seq: int
    source: str
    delivery_key: str
    received_at: datetime
    state: str
    run: int
    finished_at: datetime | None
    replayed_at: datetime | None
    why: str | None
    event_id: str | None
    type: str | None
    kind: str | None
    occurred_at: datetime | None
    test: bool | None
    learner: str | None
    summary: Mapping[str, Any] | None


class DeliveryRow(Struct, frozen=True, kw_only=True):
    """A delivery without its payload, with what a list shows of its event and of its last attempt."""

    seq: int
    id: str
    inbox_seq: int
    event_index: int
    run: int
    rule: str
    action: str
    channel: str
    state: State
    created_at: datetime
    updated_at: datetime
    due_at: datetime
    expires_at: datetime | None
    attempts: int
    reference: str | None
    why: str | None
    source: str
    type: str | None
    learner: str | None
    last_reason: str | None = None
    last_answer: str | None = None


class EventFilter(Struct, frozen=True, kw_only=True):
    """Which events to list; None asks for all.

    `type` is a type or a kind, times are of receipt, and `until` is the first that is too late. `before` is
    the `seq` of the last event of the page before.
    """

    state: str | None = None
    source: str | None = None
    type: str | None = None
    learner: str | None = None
    since: datetime | None = None
    until: datetime | None = None
    before: int | None = None
    limit: int = 50


class DeliveryFilter(Struct, frozen=True, kw_only=True):
    """Which deliveries to list; as `EventFilter`, with the times of their making."""

    state: State | None = None
    channel: str | None = None
    rule: str | None = None
    type: str | None = None
    learner: str | None = None
    since: datetime | None = None
    until: datetime | None = None
    before: int | None = None
    limit: int = 50


class Backlog(Struct, frozen=True, kw_only=True):
    """What waits: cheap at any size of the store, so it may be asked often.

    `deliveries` counts by channel and state those that are open or stuck; `oldest_due` says by channel since
    when its longest waiting delivery has been due.
    """

    new: int
    parked: int
    oldest_new: datetime | None
    deliveries: Mapping[str, Mapping[State, int]]
    oldest_due: Mapping[str, datetime]


def list_events(connection: Connection, wanted: EventFilter) -> list[EventRow]:
    """List events, the last received first."""
    conditions = [
        *_same(inbox.c.state, wanted.state),
        *_same(inbox.c.source, wanted.source),
        *_about(wanted.type, wanted.learner),
        *_within(inbox.c.received_at, wanted.since, wanted.until),
        *_after_page(inbox.c.received_at, inbox.c.seq, wanted.before),
    ]
    rows = connection.execute(
        select(*EVENT_COLUMNS)
        .where(*conditions)
        .order_by(inbox.c.received_at.desc(), inbox.c.seq.desc())
        .limit(wanted.limit)
    )
    return [event_of(row) for row in rows]


def list_deliveries(connection: Connection, wanted: DeliveryFilter) -> list[DeliveryRow]:
    """List deliveries, the last made first."""
    conditions = [
        *_same(deliveries.c.state, wanted.state),
        *_same(deliveries.c.channel, wanted.channel),
        *_same(deliveries.c.rule, wanted.rule),
        *_about(wanted.type, wanted.learner),
        *_within(deliveries.c.created_at, wanted.since, wanted.until),
        *_after_page(deliveries.c.created_at, deliveries.c.seq, wanted.before),
    ]
    rows = connection.execute(
        select_deliveries()
        .where(*conditions)
        .order_by(deliveries.c.created_at.desc(), deliveries.c.seq.desc())
        .limit(wanted.limit)
    )
    return [delivery_of(row) for row in rows]


def count_events(connection: Connection, *, since: datetime | None = None) -> dict[str, int]:
    """Count events by state; `since` makes it quick in a big store."""
    rows = connection.execute(
        select(inbox.c.state, func.count())
        .where(*_within(inbox.c.received_at, since, None))
        .group_by(inbox.c.state)
    )
    return dict(rows.all())


def count_deliveries(connection: Connection, *, since: datetime | None = None) -> dict[str, dict[State, int]]:
    """Count deliveries by channel and state; `since` makes it quick in a big store."""
    return _by_channel(connection, *_within(deliveries.c.created_at, since, None))


def count_by_rule(connection: Connection, *, since: datetime) -> dict[str, dict[State, int]]:
    """Count deliveries made since then by rule and state."""
    return _counted_by(connection, deliveries.c.rule, *_within(deliveries.c.created_at, since, None))


def backlog(connection: Connection, *, now: datetime) -> Backlog:
    """Count what is open or stuck, by the indexes that hold nothing else."""
    entries = {state: (count, oldest) for state, count, oldest in connection.execute(_OPEN_EVENTS)}
    new, oldest_new = entries.get(NEW, (0, None))
    counts = _by_channel(connection, deliveries.c.ready_at.is_not(None))
    for channel, states in _by_channel(connection, IS_STUCK).items():
        counts.setdefault(channel, {}).update(states)
    return Backlog(
        new=new,
        parked=entries.get(PARKED, (0, None))[0],
        oldest_new=oldest_new,
        deliveries=counts,
        oldest_due=dict(connection.execute(_OLDEST_DUE, {"given_now": now}).all()),
    )


def select_deliveries() -> Select[Any]:
    """Return the start of a question for `DeliveryRow`s."""
    return select(*_DELIVERY_COLUMNS).join_from(deliveries, inbox, deliveries.c.inbox_seq == inbox.c.seq)


def event_of(row: Sequence[Any]) -> EventRow:
    """Return the event from the values of `EVENT_COLUMNS`."""
    return EventRow(**dict(zip(_EVENT_FIELDS, row, strict=True)))


def delivery_of(row: Sequence[Any]) -> DeliveryRow:
    """Return the delivery from a row of `select_deliveries`."""
    values = dict(zip(_DELIVERY_FIELDS, row, strict=True))
    return DeliveryRow(**{**values, "state": State(values["state"])})


def _by_channel(connection: Connection, *conditions: ColumnElement[bool]) -> dict[str, dict[State, int]]:
    return _counted_by(connection, deliveries.c.channel, *conditions)


def _counted_by(
    connection: Connection, column: Column[Any], *conditions: ColumnElement[bool]
) -> dict[str, dict[State, int]]:
    rows = connection.execute(
        select(column, deliveries.c.state, func.count())
        .where(*conditions)
        .group_by(column, deliveries.c.state)
    )
    counts: dict[str, dict[State, int]] = {}
    for name, state, count in rows:
        counts.setdefault(name, {})[State(state)] = count
    return counts


def _same(column: Column[Any], value: str | None) -> list[ColumnElement[bool]]:
    return [] if value is None else [column == value]


def _about(type_: str | None, learner: str | None) -> list[ColumnElement[bool]]:
    same_type = [] if type_ is None else [or_(inbox.c.type == type_, inbox.c.kind == type_)]
    return same_type + _same(inbox.c.learner, None if learner is None else folded(learner))


def _within(column: Column[Any], since: datetime | None, until: datetime | None) -> list[ColumnElement[bool]]:
    lower = [] if since is None else [column >= since]
    return lower if until is None else [*lower, column < until]


def _after_page(at: Column[Any], seq: Column[Any], before: int | None) -> list[ColumnElement[bool]]:
    if before is None:
        return []
    last = select(at).where(seq == before).correlate(None).scalar_subquery()
    return [at <= last, or_(at < last, seq < before)]


_EVENT_FIELDS = EventRow.__struct_fields__
EVENT_COLUMNS = tuple(inbox.c[name] for name in _EVENT_FIELDS)
"""What `event_of` needs, in this order."""
_DELIVERY_FIELDS = DeliveryRow.__struct_fields__
_LAST_ATTEMPT = {
    f"last_{column.name}": select(column)
    .where(attempts.c.delivery_seq == deliveries.c.seq)
    .order_by(attempts.c.number.desc())
    .limit(1)
    .correlate(deliveries)
    .scalar_subquery()
    .label(f"last_{column.name}")
    for column in (attempts.c.reason, attempts.c.answer)
}
"""Found by the primary key of the attempts, once for each row that is listed."""
_DELIVERY_COLUMNS = tuple(
    _LAST_ATTEMPT[name] if name in _LAST_ATTEMPT else (deliveries if name in deliveries.c else inbox).c[name]
    for name in _DELIVERY_FIELDS
)

_OPEN_EVENTS = (
    select(inbox.c.state, func.count(), func.min(inbox.c.received_at))
    .where(inbox.c.state != constant(DONE))
    .group_by(inbox.c.state)
)
_OLDEST_DUE = (
    select(deliveries.c.channel, func.min(deliveries.c.ready_at))
    .where(deliveries.c.ready_at <= given("now"), deliveries.c.state == constant(State.PENDING))
    .group_by(deliveries.c.channel)
)
