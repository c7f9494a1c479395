from __future__ import annotations

from datetime import timedelta

import pytest
from sqlalchemy import Connection

from bridge.core.messages import Payload
from bridge.core.outcomes import State
from bridge.store import claiming, details, memory, outbox
from bridge.store.deliveries import Due
from bridge.store.details import DeliveryDetails
from bridge.store.entries import Lease
from tests.support.stored import (
    MINUTE,
    NOW,
    SECOND,
    claim_due,
    new_delivery,
    new_entry,
    store_delivery,
    store_entry,
)

LANE = b"l" * 16


def claimed(connection: Connection, lease: str = "one/1", *, limit: int = 9, alone: bool = True) -> list[Due]:
    lease_of = Lease(lease, NOW + MINUTE)
    return claiming.claim_due(
        connection, channel="learners", now=NOW, lease=lease_of, limit=limit, alone=alone
    )


def body_of(connection: Connection, delivery_id: str) -> bytes | None:
    shown = details.show_delivery(connection, delivery_id)
    assert isinstance(shown, DeliveryDetails)
    return None if shown.payload is None else shown.payload.body


def test_a_claimed_delivery_is_read_as_it_was_stored(connection: Connection) -> None:
    """With its entry, whatever characters the headers have."""
    headers = {"x-name": "a\ud800b", "content-type": "application/json"}
    new = new_delivery(
        store_entry(connection, headers=headers), lane=LANE, expires_at=NOW + 2 * MINUTE, event_index=3
    )
    assert outbox.enqueue(connection, new)

    (due,) = claimed(connection)
    entry = new_entry(headers=headers)
    assert (due.id, due.lane, due.event_index, due.run) == (new.id, LANE, 3, 1)
    assert (due.due_at, due.expires_at, due.held_until) == (NOW, NOW + 2 * MINUTE, None)
    assert (due.attempts, due.tries, due.first_at, due.trigger) == (0, 0, None, "schedule")
    assert (due.payload, due.leased_until) == (None, NOW + MINUTE)
    assert (due.entry.headers, due.entry.body, due.entry.key) == (headers, entry.body, entry.key)
    assert (due.entry.received_at, due.entry.run, due.entry.tries) == (NOW, 1, 0)


def test_it_says_what_has_to_be_asked_when_it_is_sent(connection: Connection) -> None:
    """Whether it has a claim, and whether another delivery waits for its lane, held or not."""
    first = store_delivery(connection, 0, lane=LANE)
    store_delivery(connection, 1, lane=LANE, due_at=NOW + MINUTE, held_until=NOW + MINUTE)
    plain = store_delivery(connection, 2, lane=b"m" * 16)
    memory.reserve(connection, key=b"k" * 16, rule="r", action="a", label="x", delivery_id=plain.id, now=NOW)

    found = {due.id: (due.has_claim, due.others_wait) for due in claimed(connection)}
    assert found == {first.id: (False, True), plain.id: (True, False)}


def test_beside_other_nodes_a_lane_has_to_be_asked_about_always(connection: Connection) -> None:
    """What they make meanwhile, this one hears nothing of."""
    store_delivery(connection, lane=LANE)
    (due,) = claimed(connection, alone=False)
    assert due.others_wait


def test_two_claims_that_end_together_are_told_apart(connection: Connection) -> None:
    """Each returns what it has taken itself."""
    one, other = store_delivery(connection, 0), store_delivery(connection, 1)
    assert [due.id for due in claimed(connection, "one/1", limit=1)] == [one.id]
    assert [due.id for due in claimed(connection, "one/2")] == [other.id]
    assert [due.id for due in claimed(connection, "one/1")] == []


def test_messages_are_stored_for_what_the_claim_still_has(connection: Connection) -> None:
    """Not for what was ended, or given back and claimed by another."""
    kept, ended, lost = (store_delivery(connection, number) for number in range(3))
    lease = Lease("one/1", NOW + MINUTE)
    seqs = {due.id: due.seq for due in claimed(connection)}
    outbox.park(connection, seqs[ended.id], lease=lease.name, now=NOW, why="x")
    outbox.give_back(connection, seqs[lost.id], lease=lease.name)
    claimed(connection, "other/1")

    made = {seq: Payload(body=id_.encode()) for id_, seq in seqs.items()}
    assert set(claiming.store_payloads(connection, made, channel="learners", lease=lease)) == {seqs[kept.id]}
    assert body_of(connection, kept.id) == kept.id.encode()
    assert (body_of(connection, ended.id), body_of(connection, lost.id)) == (None, None)


def test_a_message_takes_the_place_of_one_that_was_stored_and_never_sent(connection: Connection) -> None:
    """As when the process ended in between."""
    delivery = store_delivery(connection)
    (due,) = claimed(connection)
    lease = Lease("one/1", NOW + MINUTE)
    for body in (b"first", b"second"):
        made = {due.seq: Payload(body=body)}
        assert claiming.store_payloads(connection, made, channel="learners", lease=lease)
    assert body_of(connection, delivery.id) == b"second"


@pytest.mark.parametrize(
    ("ends_in", "has"),
    [
        (timedelta(0), True),
        (SECOND, False),
        (timedelta(hours=1), False),
        (timedelta(hours=1, seconds=1), True),
        (-MINUTE, True),
    ],
)
def test_a_lease_may_be_over_by_the_clock_or_by_a_clock_that_was_wrong(ends_in: timedelta, has: bool) -> None:
    """What is at work here has to be named to a claim then, and only then."""
    assert claiming.has_run_out(NOW + ends_in, NOW) == has


def test_nothing_is_claimed_that_has_been_ended(connection: Connection) -> None:
    """A claim finds nothing, and says so."""
    store_delivery(connection)
    (due,) = claim_due(connection)
    outbox.park(connection, due.seq, lease="worker-1", now=NOW, why="x")
    assert claimed(connection) == []
    shown = details.show_delivery(connection, due.id)
    assert isinstance(shown, DeliveryDetails)
    assert shown.row.state is State.PARKED
