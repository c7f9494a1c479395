"""Statements that move deliveries to another state, by the table in core/outcomes.py."""

from __future__ import annotations

from sqlalchemy import (
    ColumnElement,
    Update,
    null,
    update,
)

from bridge.core.outcomes import State, sources_of
from bridge.store.schema import (
    constant,
    constants,
    deliveries,
    given,
)

OPEN = deliveries.c.ready_at.is_not(None)
THIS = deliveries.c.id == given("id")
UNDER_LEASE = (deliveries.c.seq == given("seq"), deliveries.c.lease == given("lease"))
CLOSED = {"ready_at": null()}


def move(target: State, *conditions: ColumnElement[bool], **values: object) -> Update:
    """Return the statement that moves what these conditions name, and may be moved, and sets these values."""
    return (
        update(deliveries)
        .where(*conditions, deliveries.c.state.in_(constants(sources_of(target))))
        .values({"state": constant(target), "updated_at": given("now"), "lease": null(), **values})
    )
