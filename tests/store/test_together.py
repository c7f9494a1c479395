"""Many rows with one statement: the same comes of it as of one after the other."""

from __future__ import annotations

import asyncio
import traceback
from datetime import timedelta

import pytest
from msgspec.structs import replace
from sqlalchemy import Connection
from sqlalchemy.exc import IntegrityError

from bridge.core.messages import Payload
from bridge.core.outcomes import State
from bridge.store import details, inbox, outbox
from bridge.store.database import Database
from bridge.store.deliveries import Attempt, Due
from bridge.store.details import DeliveryDetails, EventDetails
from bridge.store.entries import Finished, Lease
from bridge.store.numbers import next_seqs
from bridge.store.outbox import LeaseLost
from bridge.store.schema import deliveries
from bridge.store.schema import inbox as inbox_table
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
    store_delivery,
    store_entry,
)

LANE = b"l" * 16
MINE = Lease("node/1", NOW + MINUTE)


def test_numbers_only_grow(connection: Connection) -> None:
    """Whether rows are stored with them, by themselves, or not at all."""
    first = list(next_seqs(connection, inbox_table, 3))
    assert first == sorted(set(first))
    stored = store_entry(connection)
    again = list(next_seqs(connection, inbox_table, 2))
    assert stored < again[0] < again[1]


def test_what_is_stored_together_keeps_its_order_and_knows_its_duplicates(connection: Connection) -> None:
    """Also those of the same go."""
    before = store_entry(connection, 1)
    found = inbox.accept_all(connection, [(new_entry(number), None) for number in (2, 1, 3, 2)])
    assert [accepted.duplicate for accepted in found] == [False, True, False, True]
    assert (found[1].seq, found[3].seq) == (before, found[0].seq)
    assert found[0].seq < found[2].seq
    assert [entry.key for entry in claim_entries(connection)] == [new_entry(n).key for n in (1, 2, 3)]


def test_an_entry_that_is_finished_at_birth_is_never_claimed(connection: Connection) -> None:
    """It says what was found in it, as one that was finished later does, and may be replayed."""
    ways = [Finished(NOW, FACTS, {"matched": ["r"]}), None]
    found = inbox.accept_all(connection, [(new_entry(number), way) for number, way in enumerate(ways)])
    assert [entry.seq for entry in claim_entries(connection)] == [found[1].seq]
    shown = details.show_event(connection, found[0].seq)
    assert isinstance(shown, EventDetails)
    assert (shown.row.state, shown.row.event_id, shown.row.kind) == ("done", "evt-0", "module.completed")
    assert (shown.row.summary, shown.entry.run) == ({"matched": ["r"]}, 1)
    assert inbox.replay(connection, found[0].seq, now=NOW) == 2


def test_of_one_lane_only_the_first_is_leased(connection: Connection) -> None:
    """Those of other lanes and of none are; what is held does not stand in the way."""
    seq = store_entry(connection)
    later = NOW + timedelta(days=1)
    wanted = [
        new_delivery(seq, 0, lane=LANE, due_at=later, held_until=later, why="quiet"),
        new_delivery(seq, 1, lane=LANE),
        new_delivery(seq, 2, lane=LANE),
        new_delivery(seq, 3, lane=b"m" * 16),
        new_delivery(seq, 4),
        new_delivery(seq, 5),
    ]
    payload = Payload(body=b"{}")
    queued = outbox.enqueue_all(
        connection, [(new, payload, None if new.held_until else MINE) for new in wanted]
    )
    assert [each is not None and each.leased for each in queued] == [False, True, False, True, True, True]
    again = outbox.enqueue_all(connection, [(new_delivery(seq, 6, lane=LANE), None, MINE)])
    assert [each is not None and each.leased for each in again] == [False]


def test_a_delivery_that_exists_is_not_made_again(connection: Connection) -> None:
    """Its neighbours are, with their payloads."""
    known = store_delivery(connection, 0)
    new = new_delivery(known.entry_seq, 1)
    queued = outbox.enqueue_all(
        connection, [(known, Payload(body=b"other"), None), (new, Payload(body=b"mine"), None)]
    )
    assert [each is not None for each in queued] == [False, True]
    bodies = [_shown(connection, each.id).payload for each in (known, new)]
    assert [body and body.body for body in bodies] == [None, b"mine"]
    assert len({row.seq for row in connection.execute(deliveries.select())}) == 2


def success() -> Attempt:
    return attempt(outcome="delivered", reason=None, status=200)


def test_successes_are_recorded_together(connection: Connection) -> None:
    """Each with its attempt, and what the destination calls it; who waits in a lane is told."""
    for number in range(3):
        store_delivery(connection, number, lane=LANE if number != 1 else None)
    dues = claim_due(connection)
    assert len(dues) == 2
    results = [(due, LEASE, success(), f"ref-{due.seq}") for due in dues]
    assert [each.lane_waits for each in outbox.record_delivered(connection, results)] == [True, False]
    for due in dues:
        shown = _shown(connection, due.id)
        assert (shown.row.state, shown.row.reference, len(shown.attempts)) == (
            State.DELIVERED,
            f"ref-{due.seq}",
            1,
        )


def test_of_successes_with_a_lost_lease_none_is_recorded(connection: Connection) -> None:
    """The transaction ends there; whoever asked records each on its own."""
    for number in range(2):
        store_delivery(connection, number)
    dues = claim_due(connection)
    results = [(due, lease, success(), None) for due, lease in zip(dues, (LEASE, "another"), strict=True)]
    with pytest.raises(LeaseLost):
        outbox.record_delivered(connection, results)


async def test_a_result_that_cannot_be_written_harms_no_other(database: Database) -> None:
    """Also where the statements went out together, and its error came with the last answer."""

    def taken(connection: Connection) -> list[Due]:
        for number in range(2):
            store_delivery(connection, number)
        return claim_due(connection)

    dues = await database.write(taken)
    again = replace(success(), answer="Maria")

    def twice(connection: Connection) -> None:
        outbox.record_delivered(connection, [(dues[0], LEASE, each, None) for each in (again, again)])

    def once(connection: Connection) -> list[bool]:
        recorded = outbox.record_delivered(connection, [(dues[1], LEASE, success(), None)])
        return [each.lane_waits for each in recorded]

    bad, good = await asyncio.gather(database.write(twice), database.write(once), return_exceptions=True)
    assert isinstance(bad, IntegrityError | LeaseLost)
    assert "Maria" not in "".join(traceback.format_exception(bad))
    assert good == [False]
    assert await database.read(lambda c: len(_shown(c, dues[1].id).attempts)) == 1


def _shown(connection: Connection, delivery_id: str) -> DeliveryDetails:
    found = details.show_delivery(connection, delivery_id)
    assert isinstance(found, DeliveryDetails)
    return found
