from __future__ import annotations

from datetime import timedelta

import pytest
from msgspec.structs import replace
from sqlalchemy import Connection

from bridge.core.outcomes import State
from bridge.store import details, inbox, outbox, views
from bridge.store.views import Backlog, DeliveryFilter, EventFilter
from tests.support.stored import (
    FACTS,
    LEASE,
    MINUTE,
    NOW,
    SECOND,
    attempt,
    claim_due,
    claim_entries,
    finish_entry,
    new_delivery,
    store_delivery,
    store_entry,
)

OTHER = replace(
    FACTS, type="alpaclass.student_created", kind="learner.created", learner_email="joao@aluna.example"
)


@pytest.fixture
def school(connection: Connection) -> list[int]:
    """Six events a second apart: 0-2 done with a delivery each (2 is another kind), 3 parked, 4-5 waiting."""
    seqs = [store_entry(connection, number) for number in range(6)]
    for entry in claim_entries(connection, limit=3):
        facts = OTHER if entry.seq == seqs[2] else FACTS
        finish_entry(connection, entry.seq, facts=facts, summary={"rules": ["r"]})
        channel = "wins" if entry.seq == seqs[2] else "learners"
        outbox.enqueue(connection, new_delivery(entry.seq, seqs.index(entry.seq), channel=channel))
    claim_entries(connection, limit=1)
    inbox.park(connection, seqs[3], lease=LEASE, now=NOW, why="not JSON")
    return seqs


def events(connection: Connection, seqs: list[int], wanted: EventFilter) -> list[int]:
    return [seqs.index(row.seq) for row in views.list_events(connection, wanted)]


@pytest.mark.parametrize(
    ("wanted", "numbers"),
    [
        (EventFilter(), [5, 4, 3, 2, 1, 0]),
        (EventFilter(limit=2), [5, 4]),
        (EventFilter(state="parked"), [3]),
        (EventFilter(state="done"), [2, 1, 0]),
        (EventFilter(type="nutror.module_completed"), [1, 0]),
        (EventFilter(type="learner.created"), [2]),
        (EventFilter(type="nutror"), []),
        (EventFilter(learner="MARIA@aluna.example "), [1, 0]),
        (EventFilter(source="eduzz", limit=1), [5]),
        (EventFilter(source="other"), []),
        (EventFilter(since=NOW + 4 * SECOND), [5, 4]),
        (EventFilter(until=NOW + SECOND), [0]),
        (EventFilter(since=NOW + SECOND, until=NOW + 3 * SECOND, state="done"), [2, 1]),
    ],
)
def test_events_are_listed_newest_first(
    connection: Connection, school: list[int], wanted: EventFilter, numbers: list[int]
) -> None:
    """Every filter narrows the list; together they all hold."""
    assert events(connection, school, wanted) == numbers


def test_pages_of_events_follow_each_other(connection: Connection, school: list[int]) -> None:
    """No event is shown twice or left out, also among those received in the same instant."""
    same = [store_entry(connection, number, received_at=NOW + 2 * SECOND) for number in range(10, 13)]
    order = [*school[5:2:-1], *reversed(same), *school[2::-1]]
    seen: list[int] = []
    before = None
    while page := views.list_events(connection, EventFilter(before=before, limit=2)):
        seen += [row.seq for row in page]
        before = seen[-1]

    assert seen == order


def deliveries(connection: Connection, seqs: list[int], wanted: DeliveryFilter) -> list[int]:
    return [seqs.index(row.inbox_seq) for row in views.list_deliveries(connection, wanted)]


@pytest.mark.parametrize(
    ("wanted", "numbers"),
    [
        (DeliveryFilter(), [2, 1, 0]),
        (DeliveryFilter(limit=1), [2]),
        (DeliveryFilter(channel="wins"), [2]),
        (DeliveryFilter(rule="parabens"), [2, 1, 0]),
        (DeliveryFilter(rule="other"), []),
        (DeliveryFilter(state=State.PENDING), [2, 1, 0]),
        (DeliveryFilter(state=State.DEAD), []),
        (DeliveryFilter(type="module.completed"), [1, 0]),
        (DeliveryFilter(learner="joao@aluna.example"), [2]),
        (DeliveryFilter(since=NOW + SECOND, until=NOW + 2 * SECOND), [1]),
    ],
)
def test_deliveries_are_listed_newest_first(
    connection: Connection, school: list[int], wanted: DeliveryFilter, numbers: list[int]
) -> None:
    """With their event's type and learner, so that a list needs no second question."""
    assert deliveries(connection, school, wanted) == numbers


def test_pages_of_deliveries_follow_each_other(connection: Connection, school: list[int]) -> None:
    """All rows of one dispatch are made in the same instant; the number decides among them."""
    for number in range(10, 15):
        outbox.enqueue(connection, new_delivery(school[0], number, created_at=NOW))
    seen: list[int] = []
    before = None
    while page := views.list_deliveries(connection, DeliveryFilter(before=before, limit=3)):
        seen += [row.seq for row in page]
        before = seen[-1]

    assert len(seen) == len(set(seen)) == 8
    assert seen[:2] == sorted(seen, reverse=True)[5:7], "made later, though stored earlier"


def test_a_row_says_what_a_list_shows(connection: Connection, school: list[int]) -> None:
    """The columns of `bridge events list` and `bridge deliveries list`."""
    (event,) = views.list_events(connection, EventFilter(until=NOW + SECOND))
    (delivery,) = views.list_deliveries(connection, DeliveryFilter(until=NOW + SECOND))

    assert (event.source, event.delivery_key, event.state, event.run) == ("eduzz", "evt-0", "done", 1)
    assert (event.learner, event.summary) == ("maria@aluna.example", {"rules": ["r"]})
    assert (delivery.source, delivery.type, delivery.learner) == ("eduzz", FACTS.type, "maria@aluna.example")
    assert (delivery.state, delivery.rule, delivery.attempts) == (State.PENDING, "parabens", 0)


def test_counts_are_by_state_and_channel(connection: Connection, school: list[int]) -> None:
    """Of everything, or of what came since."""
    assert views.count_events(connection) == {"done": 3, "parked": 1, "new": 2}
    assert views.count_events(connection, since=NOW + 3 * SECOND) == {"parked": 1, "new": 2}
    assert views.count_deliveries(connection) == {
        "learners": {State.PENDING: 2},
        "wins": {State.PENDING: 1},
    }
    assert views.count_deliveries(connection, since=NOW + SECOND)["learners"] == {State.PENDING: 1}
    assert views.count_by_rule(connection, since=NOW) == {"parabens": {State.PENDING: 3}}


def test_the_backlog_is_what_waits_or_is_stuck(connection: Connection, school: list[int]) -> None:
    """Delivered work is not in it; the oldest due says how far a channel is behind."""
    first, second = claim_due(connection)
    outbox.record(connection, first.seq, lease=LEASE, attempt=attempt(), state=State.DELIVERED)
    outbox.record(connection, second.seq, lease=LEASE, attempt=attempt(), state=State.DEAD)
    store_delivery(connection, 20, due_at=NOW + MINUTE)
    store_delivery(connection, 21, due_at=NOW - MINUTE)
    store_delivery(connection, 22, state=State.WITHHELD)

    assert views.backlog(connection, now=NOW) == Backlog(
        new=5,
        parked=1,
        oldest_new=NOW + 4 * SECOND,
        deliveries={
            "learners": {State.PENDING: 2, State.DEAD: 1, State.WITHHELD: 1},
            "wins": {State.PENDING: 1},
        },
        oldest_due={"learners": NOW - MINUTE, "wins": NOW},
    )


def test_an_empty_store_has_no_backlog(connection: Connection) -> None:
    """A first start shows zeros, not errors."""
    empty = views.backlog(connection, now=NOW)

    assert empty == Backlog(new=0, parked=0, oldest_new=None, deliveries={}, oldest_due={})
    assert views.list_events(connection, EventFilter()) == []
    assert views.list_deliveries(connection, DeliveryFilter(before=7)) == []
    assert isinstance(details.find_event(connection, "1"), details.NotFound)
    assert timedelta(0) == NOW - NOW
