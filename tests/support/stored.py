"""Entries and deliveries for tests of the store: short to make, all different unless told otherwise."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta

from msgspec.structs import replace
from sqlalchemy import Connection

from bridge.core.identity import delivery_id, entry_key
from bridge.core.outcomes import Reason
from bridge.store import claiming, inbox, outbox
from bridge.store.deliveries import Attempt, Due, NewDelivery
from bridge.store.entries import Entry, EntryFacts, Finished, Lease, NewEntry

NOW = datetime(2026, 11, 23, 12, 0, tzinfo=UTC)
SECOND = timedelta(seconds=1)
MINUTE = timedelta(minutes=1)
LEASE = "worker-1"
FACTS = EntryFacts(
    event_id="evt-0",
    type="nutror.module_completed",
    kind="module.completed",
    occurred_at=NOW - MINUTE,
    learner_email="Maria@Aluna.example",
    test=False,
)


def new_entry(number: int = 0, **changes: object) -> NewEntry:
    """Return request number `number` of a sender."""
    name = f"evt-{number}"
    entry = NewEntry(
        source="eduzz",
        key=entry_key("eduzz", name),
        delivery_key=name,
        headers={"content-type": "application/json"},
        body=b'{"id": "%d"}' % number,
        received_at=NOW + number * SECOND,
    )
    return replace(entry, **changes)


def new_delivery(entry_seq: int, number: int = 0, **changes: object) -> NewDelivery:
    """Return delivery number `number` for an entry."""
    delivery = NewDelivery(
        id=delivery_id(b"entry", NOW + number * SECOND, number, "parabens", "email:learners", 1),
        entry_seq=entry_seq,
        event_index=0,
        run=1,
        rule="parabens",
        action="email:learners",
        channel="learners",
        created_at=NOW + number * SECOND,
        due_at=NOW,
    )
    return replace(delivery, **changes)


def attempt(number: int = 1, **changes: object) -> Attempt:
    """Return attempt number `number`, which was not answered in time."""
    made = Attempt(
        number=number,
        started_at=NOW + number * MINUTE,
        duration_ms=1500,
        outcome="retry",
        reason=Reason.TIMEOUT,
    )
    return replace(made, **changes)


def store_entry(connection: Connection, number: int = 0, **changes: object) -> int:
    """Store a request and return its number in the inbox."""
    return inbox.accept(connection, new_entry(number, **changes)).seq


def store_delivery(connection: Connection, number: int = 0, **changes: object) -> NewDelivery:
    """Store a delivery with an entry of its own."""
    made = new_delivery(store_entry(connection, number), number, **changes)
    assert outbox.enqueue(connection, made)
    return made


def claim_entries(
    connection: Connection, *, now: datetime = NOW, lease: str = LEASE, limit: int = 10
) -> list[Entry]:
    """Claim entries for a minute."""
    return inbox.claim(connection, now=now, lease_until=now + MINUTE, lease=lease, limit=limit) or []


def finish_entry(
    connection: Connection,
    seq: int,
    *,
    lease: str = LEASE,
    now: datetime = NOW,
    facts: EntryFacts = FACTS,
    summary: Mapping[str, object] | None = None,
) -> bool:
    """Close a claimed entry; False if the lease is lost."""
    return inbox.finish_all(connection, [(seq, lease, Finished(now, facts, summary or {}))])


def claim_due(
    connection: Connection,
    *,
    now: datetime = NOW,
    lease: str = LEASE,
    limit: int = 10,
    channel: str = "learners",
) -> list[Due]:
    """Claim due deliveries for a minute."""
    return claiming.claim_due(
        connection, channel=channel, now=now, lease=Lease(lease, now + MINUTE), limit=limit
    )
