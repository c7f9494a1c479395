"""How often a delivery was under way when the process ended."""

from __future__ import annotations

from sqlalchemy import Connection

from bridge.core.outcomes import State
from bridge.store import decisions, lapses, outbox
from bridge.store.details import DeliveryDetails, show_delivery
from tests.support.stored import LEASE, MINUTE, NOW, attempt, claim_due, store_delivery


def state_of(connection: Connection, id_: str) -> tuple[State, str | None]:
    found = show_delivery(connection, id_)
    assert isinstance(found, DeliveryDetails)
    return found.row.state, found.row.why


def die(connection: Connection, times: int = 1) -> None:
    """Claim what is due and take the leases back, as the next start does."""
    for _ in range(times):
        assert claim_due(connection)
        lapses.count(connection, lapses.under_lease(connection))
        outbox.release_all(connection)


def test_what_is_under_way_when_the_process_ends_is_counted(connection: Connection) -> None:
    """Again and again, and nothing else is."""
    delivery = store_delivery(connection, 1)
    other = store_delivery(connection, 2, due_at=NOW + MINUTE)
    die(connection)
    assert lapses.suspects(connection, 2) == []
    die(connection)
    (suspect,) = lapses.suspects(connection, 2)
    (due,) = claim_due(connection)
    assert (due.id, due.seq) == (delivery.id, suspect)
    assert lapses.under_lease(connection) == [due.seq]
    assert lapses.count(connection, [due.seq]) == {due.seq: 3}
    assert lapses.park(connection, [due.seq], now=NOW, why="worn") == [(delivery.id, "parabens")]
    assert state_of(connection, delivery.id) == (State.PARKED, "worn")
    assert state_of(connection, other.id) == (State.PENDING, None)
    assert lapses.suspects(connection, 2) == []


def test_an_attempt_that_came_to_an_outcome_begins_the_count_anew(connection: Connection) -> None:
    """A power cut each week is no reason to put anything aside."""
    store_delivery(connection, 1)
    die(connection, 3)
    (due,) = claim_due(connection)
    assert outbox.record(connection, due.seq, lease=LEASE, attempt=attempt(), state=State.PENDING, due_at=NOW)
    assert lapses.suspects(connection, 1) == []
    die(connection)
    assert lapses.suspects(connection, 1) == [due.seq]
    assert lapses.suspects(connection, 2) == []


def test_a_person_who_retries_begins_it_anew(connection: Connection) -> None:
    """What was put aside has all its chances again."""
    delivery = store_delivery(connection, 1)
    die(connection, 4)
    (due,) = claim_due(connection)
    lapses.park(connection, [due.seq], now=NOW, why="worn")
    decisions.retry(connection, delivery.id, now=NOW)
    die(connection)
    assert lapses.suspects(connection, 2) == []
    assert state_of(connection, delivery.id) == (State.PENDING, None)


def test_nodes_count_when_they_take_over(connection: Connection) -> None:
    """Where others are at work nobody takes all leases back, so one that ran out is counted then."""
    store_delivery(connection, 1)
    store_delivery(connection, 2, due_at=NOW + 3 * MINUTE)
    now, found = NOW, []
    for _ in range(4):
        found.append([due.lapses for due in claim_due(connection, now=now)])
        now += MINUTE
    if connection.dialect.name == "postgresql":
        assert found == [[0], [1], [2], [3, 0]]
    else:
        assert found == [[0], [0], [0], [0, 0]]
