"""Where rules stand: counted exactly, paused at the one too many, decided in steps."""

from __future__ import annotations

from datetime import timedelta

import pytest
from sqlalchemy import Connection

from bridge.core.halts import KEPT, Brake, Halt
from bridge.core.outcomes import State
from bridge.core.rates import Rate
from bridge.core.trouble import Trouble
from bridge.store import claiming, halts, incidents, outbox, views
from bridge.store.deliveries import NewDelivery, as_kept
from bridge.store.views import DeliveryFilter
from tests.support.stored import LEASE, MINUTE, NOW, claim_due, new_delivery, store_delivery, store_entry

BRAKE = Brake("r", Rate(3, 60 * MINUTE))


def lets(connection: Connection, minutes: float = 0) -> bool:
    return halts.lets(connection, BRAKE, now=NOW + minutes * MINUTE)


def stored(connection: Connection, number: int, **changes: object) -> NewDelivery:
    return store_delivery(connection, number, rule="r", **changes)


def states(connection: Connection) -> list[State]:
    rows = views.list_deliveries(connection, DeliveryFilter())
    return [row.state for row in sorted(rows, key=lambda row: row.seq)]


def test_the_period_slides_to_the_second(connection: Connection) -> None:
    """The fourth may come when the first is as old as the period, and not before."""
    assert [lets(connection, minute) for minute in (0, 10, 20)] == [True] * 3
    assert lets(connection, 60)
    assert lets(connection, 70)
    assert not lets(connection, 79.99)
    state = halts.states(connection)["r"]
    assert (state.halt, state.since, state.why) == (Halt.PAUSED, NOW + 79.99 * MINUTE, "pause_above: 3/h")


def test_the_one_too_many_keeps_what_waits(connection: Connection) -> None:
    """Of this rule, not of another, and not what is under way."""
    for number in range(2):
        assert lets(connection)
        stored(connection, number)
    (due, *_) = claim_due(connection, limit=1)
    store_delivery(connection, 7, rule="s")
    assert lets(connection)
    assert not lets(connection)
    assert states(connection) == [State.SENDING, State.KEPT, State.PENDING]
    assert [(each.kind, each.subject) for each in incidents.lasting(connection)] == [(Trouble.RULE, "r")]
    assert not halts.keep(connection, "r", due.seq, lease="another's", now=NOW)
    assert halts.keep(connection, "r", due.seq, lease=LEASE, now=NOW)
    assert claim_due(connection, now=NOW + MINUTE)[0].rule == "s"


def test_what_is_kept_is_out_of_its_lane_and_comes_back_to_its_place(connection: Connection) -> None:
    """It delays nobody, and goes first when it may."""
    lane = b"l" * 16
    stored(connection, 1, lane=lane)
    halts.pause(connection, "r", now=NOW, why="x")
    store_delivery(connection, 2, rule="s", lane=lane)
    assert [due.rule for due in claim_due(connection)] == ["s"]
    outbox.release(connection, LEASE)
    assert halts.begin(connection, "r", Halt.RESUMING)
    assert halts.follow(connection, "r", Halt.RESUMING, 10, now=NOW) == 1
    assert [due.rule for due in claim_due(connection)] == ["r"]


def test_resumed_it_is_due_as_before(connection: Connection) -> None:
    """With the words that it had."""
    later = NOW + timedelta(days=3)
    entry = store_entry(connection, 1)
    held = new_delivery(entry, 1, rule="r", due_at=later, held_until=later, why="delay of 3 days")
    outbox.enqueue(connection, held)
    outbox.enqueue(connection, as_kept(new_delivery(entry, 2, rule="r")))
    halts.pause(connection, "r", now=NOW, why="x")
    kept = {row.id: row.why for row in views.list_deliveries(connection, DeliveryFilter())}
    assert kept[held.id] == f"{KEPT}; delay of 3 days"
    halts.begin(connection, "r", Halt.RESUMING)
    halts.follow(connection, "r", Halt.RESUMING, 10, now=NOW + MINUTE)
    rows = {row.id: row for row in views.list_deliveries(connection, DeliveryFilter())}
    assert (rows[held.id].state, rows[held.id].due_at, rows[held.id].why) == (
        State.PENDING,
        later,
        "delay of 3 days",
    )
    assert KEPT not in {row.why for row in rows.values()}
    assert claiming.next_due(connection, held.channel, now=NOW) == NOW


def test_a_decision_takes_the_oldest_first_and_ends_with_the_last(connection: Connection) -> None:
    """What is made meanwhile is kept, and comes after them."""
    for number in range(4):
        stored(connection, number)
    halts.pause(connection, "r", now=NOW, why="x")
    halts.begin(connection, "r", Halt.DISCARDING)
    assert halts.follow(connection, "r", Halt.RESUMING, 2, now=NOW) == 0
    assert halts.follow(connection, "r", Halt.DISCARDING, 2, now=NOW) == 2
    assert states(connection) == [State.DISCARDED] * 2 + [State.KEPT] * 2
    assert not lets(connection)
    assert halts.follow(connection, "r", Halt.DISCARDING, 2, now=NOW) == 2
    assert halts.halted(connection) == {"r"}
    assert halts.follow(connection, "r", Halt.DISCARDING, 2, now=NOW) == 0
    assert halts.halted(connection) == frozenset()
    assert [lets(connection) for _ in range(4)] == [True, True, True, False]


@pytest.mark.parametrize("decision", [Halt.RESUMING, Halt.DISCARDING])
def test_a_rule_may_be_paused_again_in_the_middle_of_a_decision(
    connection: Connection, decision: Halt
) -> None:
    """Whoever moves on finds that somebody has decided otherwise."""
    for number in range(3):
        stored(connection, number)
    halts.pause(connection, "r", now=NOW, why="x")
    halts.begin(connection, "r", decision)
    halts.follow(connection, "r", decision, 1, now=NOW)
    assert halts.pause(connection, "r", now=NOW + MINUTE, why="wait")
    assert halts.follow(connection, "r", decision, 1, now=NOW) == 0
    state = halts.states(connection)["r"]
    assert (state.halt, state.why) == (Halt.PAUSED, "wait")
    assert state.kept == (3 if decision is Halt.RESUMING else 2)


def test_a_rule_that_works_keeps_nothing(connection: Connection) -> None:
    """Old news of a pause is found out."""
    stored(connection, 1)
    (due,) = claim_due(connection)
    assert not halts.keep(connection, "r", due.seq, lease=LEASE, now=NOW)
    assert not halts.begin(connection, "r", Halt.RESUMING)
    assert halts.lets(connection, Brake("r"), now=NOW)
    assert halts.states(connection, ["r", "s"]).keys() == {"r", "s"}
