"""Many rows as one statement on PostgreSQL: every kind of value arrives, and rows are found by an index."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from typing import Any

import pytest
from msgspec.structs import replace
from sqlalchemy import Column, Connection

from bridge.core.messages import Payload
from bridge.store import inbox, memory, outbox
from bridge.store.arrays import kind_of
from bridge.store.creation import prepare
from bridge.store.deliveries import Due
from bridge.store.engines import make_engines
from bridge.store.entries import Finished, Lease
from bridge.store.schema import deliveries
from bridge.store.schema import inbox as inbox_table
from tests.support.databases import schema_of
from tests.support.stored import (
    FACTS,
    LEASE,
    MINUTE,
    NOW,
    attempt,
    claim_due,
    claim_entries,
    new_delivery,
    new_entry,
)

VALUES: dict[Column[Any], list[Any]] = {
    deliveries.c.seq: [1, None, -(2**63), 2**63 - 1],
    deliveries.c.run: [0, -1, 2**31 - 1, None],
    deliveries.c.lane: [b"", b"\x00\xff", None, bytearray(b"x" * 70_000)],
    deliveries.c.rule: ["", "módulo 1", "NULL", '{"a", \\}', None],
    inbox_table.c.test: [True, None, False],
}
PREPARED_AFTER = 6
"""Runs of a statement until the driver prepares it: https://www.psycopg.org/psycopg3/docs/advanced/prepare.html"""


@pytest.fixture
def on_postgresql(postgres_server: str) -> Iterator[Connection]:
    """A connection inside a transaction on an empty store, with the settings of the one that writes."""
    with schema_of(postgres_server) as url:
        engines = make_engines(url)
        prepare(engines)
        with engines.writer.begin() as connection:
            yield connection
        engines.dispose()


@pytest.mark.parametrize("column", VALUES, ids=lambda column: column.name)
def test_every_kind_of_value_arrives(on_postgresql: Connection, column: Column[Any]) -> None:
    """None as NULL, and no value at all as the empty array."""
    kind = kind_of(column.type, on_postgresql.dialect)
    named = kind.type.compile(on_postgresql.dialect)
    for values in (VALUES[column], []):
        found = on_postgresql.exec_driver_sql(
            f"SELECT * FROM unnest(%(values)s::{named}[])", {"values": kind.packed(values)}
        )
        assert list(found.scalars()) == values


def test_every_row_is_found_by_an_index(on_postgresql: Connection) -> None:
    """Also by a plan that the server made, and keeps, from what it knew of tables with a few rows."""
    for number in range(PREPARED_AFTER):
        take_through(on_postgresql, 10 * number)
    on_postgresql.exec_driver_sql("ANALYZE inbox, deliveries, claims")
    made = on_postgresql.exec_driver_sql(
        "SELECT statement FROM pg_prepared_statements WHERE statement LIKE '%%unnest%%'"
    )
    statements = list(made.scalars())
    assert len(statements) >= 8
    for statement in statements:
        plan = on_postgresql.exec_driver_sql(f"EXPLAIN (GENERIC_PLAN) {statement}").scalars()
        slow = [step for step in plan if any(word in step for word in ("Seq Scan", "Hash", "Merge", "Sort"))]
        assert slow == [], statement


def take_through(connection: Connection, first: int) -> None:
    """Take two entries with a delivery each the long way, and two the short way."""
    new = [new_entry(first + number) for number in range(4)]
    waiting = inbox.accept_all(connection, [(entry, None) for entry in new[:2]])
    finished = Finished(NOW, FACTS, {})
    at_once = inbox.accept_all(connection, [(entry, finished) for entry in new[2:]])
    for entry in claim_entries(connection):
        assert inbox.finish_all(connection, [(entry.seq, LEASE, finished)])
    lease = Lease(LEASE, NOW + MINUTE)
    wanted = [
        (
            new_delivery(accepted.seq, first + number, lane=bytes([first + number]) * 16),
            Payload(body=b"x"),
            lease,
        )
        for number, accepted in enumerate([*waiting, *at_once])
    ]
    assert all(queued and queued.leased for queued in outbox.enqueue_all(connection, wanted))
    for number, (delivery, *_) in enumerate(wanted):
        claim(connection, delivery.id, first + number)
    dues = claim_due(connection, now=NOW + 2 * MINUTE, limit=10)
    assert len(dues) == len(wanted)
    outbox.record_delivered(connection, [(with_questions(due), LEASE, attempt(), None) for due in dues])


def claim(connection: Connection, delivery_id: str, number: int, now: datetime = NOW) -> None:
    """Reserve a claim of its own for a delivery."""
    memory.reserve(
        connection,
        key=bytes([number]) * 16,
        rule="r",
        action="a",
        label="x",
        delivery_id=delivery_id,
        now=now,
    )


def with_questions(due: Due) -> Due:
    """Return a delivery as one with a claim, of a lane in which others may wait."""
    return replace(due, has_claim=True, others_wait=True)
