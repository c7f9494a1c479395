"""Every statement on an event's way finds its rows by an index, however big the store is."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import Any

import pytest
from msgspec.structs import replace
from sqlalchemy import Connection, event

from bridge.core.halts import Brake, Halt
from bridge.core.limits import Use
from bridge.core.messages import Payload
from bridge.core.outcomes import State
from bridge.core.rates import Rate
from bridge.core.rules import After
from bridge.core.tallies import Mark, Tally
from bridge.core.unless import Sighting, Watch
from bridge.store import (
    claiming,
    decisions,
    details,
    halts,
    inbox,
    limits,
    memory,
    outbox,
    setback,
    tallies,
    views,
    watches,
)
from bridge.store.deliveries import as_kept
from bridge.store.engines import Engines
from bridge.store.entries import Finished
from bridge.store.holds import hold
from bridge.store.views import DeliveryFilter, EventFilter
from tests.support.stored import (
    FACTS,
    LEASE,
    MINUTE,
    NOW,
    attempt,
    claim_due,
    claim_entries,
    finish_entry,
    new_delivery,
    store_delivery,
    store_entry,
)

Statement = tuple[str, Any]
MANY = 300
MADE_BEFORE = frozenset({"SCAN next", "SCAN some", "SCAN CONSTANT ROW"})
"""Steps over what a step before has chosen, and bounded."""
GIVEN = ("SCAN 8 CONSTANT ROWS", "SCAN 32 CONSTANT ROWS", "CO-ROUTINE", "MATERIALIZE", "SCAN given", "SCAN (")
"""Steps over what a statement is given."""
FEW = frozenset({"SCAN entry_sources"})
"""Tables of a few rows for ever."""


@contextmanager
def recorded(connection: Connection) -> Iterator[list[Statement]]:
    """Collect every statement with its parameters."""
    seen: list[Statement] = []

    def keep(_c: object, _cursor: object, statement: str, parameters: Any, *_rest: object) -> None:
        seen.append((statement, parameters))

    event.listen(connection, "before_cursor_execute", keep)
    yield seen
    event.remove(connection, "before_cursor_execute", keep)


def steps(connection: Connection, statement: Statement) -> list[str]:
    """Return the database's plan, one step a line."""
    if connection.dialect.name == "sqlite":
        rows = connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {statement[0]}", statement[1])
        return [row.detail for row in rows]
    return [row[0] for row in connection.exec_driver_sql(f"EXPLAIN {statement[0]}", statement[1])]


def slow(step: str) -> bool:
    """Say whether a step reads a whole table, or sorts what it found there."""
    whole_table = step.startswith("SCAN") and "USING" not in step and step not in MADE_BEFORE | FEW
    return whole_table or "Seq Scan" in step


def life(connection: Connection) -> None:
    """Take events through everything that happens to them on the way."""
    for number in range(3):
        delivery = store_delivery(connection, number, lane=b"l" * 16)
        memory.reserve(
            connection,
            key=bytes([number]) * 16,
            rule="r",
            action="a",
            label="x",
            delivery_id=delivery.id,
            now=NOW,
        )
    for entry in claim_entries(connection):
        finish_entry(connection, entry.seq)
    inbox.replay(connection, entry.seq, now=NOW)
    claim_entries(connection)
    inbox.park(connection, entry.seq, lease=LEASE, now=NOW, why="x")
    for number in range(3):
        (due,) = claim_due(connection, now=NOW + number * MINUTE)
        claiming.store_payload(connection, due.seq, lease=LEASE, payload=Payload(body=b"x"))
        outbox.record(
            connection,
            due.seq,
            lease=LEASE,
            attempt=attempt(),
            state=State.DEAD if number else State.DELIVERED,
        )
    decisions.retry(connection, due.id, now=NOW)
    decisions.discard(connection, due.id, now=NOW, why="x")
    decisions.discard_unsent(connection, due.entry.seq, now=NOW, why="x")
    claiming.next_due(connection, "learners", now=NOW)
    decisions.park_unrouted(connection, ["learners"], now=NOW)
    early = NOW - 9 * MINUTE
    assert setback.any_ahead(connection, now=early) == bool(setback.set_right(connection, now=early))
    remember(connection)
    inbox.release(connection, LEASE)
    outbox.release(connection, LEASE)
    inbox.release_all(connection)
    outbox.release_all(connection)


def remember(connection: Connection) -> None:
    """Watch, see and count, as rules over time do."""
    watched, use = Watch(b"w" * 16, NOW), Use(b"u" * 16, NOW, 3, 60 * MINUTE)
    for number in range(4, 7):
        entry = store_entry(connection, number)
        new = new_delivery(entry, number, due_at=NOW + 9 * MINUTE, held_until=NOW + 9 * MINUTE)
        assert watches.seen(connection, watched, entry) is None
        hold(connection, use.key)
        assert not limits.is_reached(connection, use, new.id)
        queued = outbox.enqueue(connection, new)
        assert queued is not None
        watches.watch(connection, queued.seq, watched, entry)
        assert watches.seen_by(connection, queued.seq) is None
        limits.count(connection, use, new.id, now=NOW)
    assert len(watches.see(connection, Sighting(watched.key, NOW + MINUTE, "k"), entry, now=NOW)) == 3
    limits.hand_over(connection, new.id, new_delivery(entry, 7).id)
    tally_up(connection)
    pause_rules(connection)


def pause_rules(connection: Connection) -> None:
    """Count what a rule makes, pause it, keep what is in hand, and decide both ways."""
    brake = Brake("r", Rate(1, 60 * MINUTE))
    for number, decision in enumerate((Halt.RESUMING, Halt.DISCARDING)):
        entry = store_entry(connection, 20 + number)
        assert halts.lets(connection, brake, now=NOW)
        outbox.enqueue(connection, new_delivery(entry, 20 + number, rule="r"))
        assert not halts.lets(connection, brake, now=NOW)
        outbox.enqueue(connection, as_kept(new_delivery(entry, 30 + number, rule="r")))
        assert not halts.keep(connection, "r", 10**6, lease=LEASE, now=NOW)
        assert halts.halted(connection) == {"r"}
        assert halts.states(connection)["r"].kept >= 2
        assert halts.begin(connection, "r", decision)
        while halts.follow(connection, "r", decision, 1, now=NOW):
            pass


def tally_up(connection: Connection) -> None:
    """Count for rules with `after`, in order and late, of events and of values, once and again."""
    kinds = (After(2), After(2, within=60 * MINUTE), After(2, "module.id", within=60 * MINUTE))
    for number, after in enumerate(kinds):
        value = b"v" * 16 if after.distinct else None
        for entry, minutes in enumerate((0, 1, -1, 2, 2)):
            mark = Mark(NOW + minutes * MINUTE, entry, 0, value)
            tally = Tally("r", bytes([number]) * 16, mark, after)
            tallies.count(connection, tally, again=False)
            tallies.count(connection, tally, again=True)
            tallies.foreseen(connection, tally)


def look(connection: Connection) -> None:
    """Ask what the pages and commands ask most."""
    views.backlog(connection, now=NOW)
    views.list_events(connection, EventFilter())
    views.list_events(connection, EventFilter(state="parked"))
    views.list_events(connection, EventFilter(learner="maria@aluna.example"))
    views.list_events(connection, EventFilter(since=NOW, until=NOW + MINUTE, before=2))
    views.list_deliveries(connection, DeliveryFilter())
    views.list_deliveries(connection, DeliveryFilter(learner="maria@aluna.example"))
    views.list_deliveries(connection, DeliveryFilter(since=NOW, until=NOW + MINUTE, before=2))
    views.count_deliveries(connection, since=NOW)
    views.count_by_rule(connection, since=NOW)
    details.find_event(connection, "evt-1")
    details.find_delivery(connection, "ab")
    details.show_event(connection, 1)
    delivery = views.list_deliveries(connection, DeliveryFilter(limit=1))[0]
    details.show_delivery(connection, delivery.id)


def nothing(_connection: Connection) -> None:
    """Prepare nothing."""


@pytest.mark.parametrize(("before", "doing"), [(nothing, life), (life, look)], ids=["life", "look"])
def test_no_statement_reads_a_whole_table(
    engines: Engines, before: Callable[[Connection], None], doing: Callable[[Connection], None]
) -> None:
    """The plans are those of the very statements that ran, with their values."""
    with engines.writer.begin() as connection:
        before(connection)
        with recorded(connection) as statements:
            doing(connection)
        plans = [(statement[0], steps(connection, statement)) for statement in statements]

    assert len(plans) > 10
    assert [plan for plan in plans if any(slow(step) for step in plan[1])] == []


def test_the_judge_knows_a_slow_plan(engines: Engines) -> None:
    """A question without an index is found out, so the other tests mean something."""
    with engines.writer.begin() as connection:
        plan = steps(connection, ("SELECT * FROM inbox WHERE why = 'x'", ()))

    assert any(slow(step) for step in plan)


def test_a_claim_reads_only_what_it_takes(engines: Engines) -> None:
    """With a backlog, and before the database has gathered statistics, nothing is sorted."""
    with engines.writer.begin() as connection:
        for number in range(MANY):
            store_delivery(connection, number, lane=bytes([number % 256]) * 16, channel="wins")
        with recorded(connection) as statements:
            claim_due(connection, channel="wins", limit=5)
            claim_entries(connection, limit=5)
            claiming.next_due(connection, "wins", now=NOW)
        claims = [statement for statement in statements if "LIMIT" in statement[0]]
        plans = [step for statement in claims for step in steps(connection, statement)]

    assert len(claims) == (3 if connection.dialect.name == "sqlite" else 5)
    assert [step for step in plans if "TEMP B-TREE" in step or "Sort" in step] == []
    for index in ("deliveries_ready", "deliveries_lane", "inbox_open"):
        assert any(index in step for step in plans), index


def test_what_a_claim_has_taken_is_found_by_an_index(engines: Engines) -> None:
    """Among many that wait, with their entries, messages, claims and lanes."""
    with engines.writer.begin() as connection:
        for number in range(MANY):
            store_delivery(connection, number, lane=bytes([number % 256]) * 16, channel="wins")
        with recorded(connection) as statements:
            claimed = {"given_channel": "wins", "given_until": NOW, "given_lease": LEASE}
            connection.execute(claiming.OF_CLAIM, claimed)
        plans = [step for statement in statements for step in steps(connection, statement)]

    assert [step for step in plans if slow(step)] == []
    assert any("deliveries_ready" in step for step in plans)


def test_what_many_changes_change_is_found_by_an_index(connection: Connection) -> None:
    """On SQLite as on PostgreSQL, whose plans for so few rows say nothing."""
    if connection.dialect.name == "postgresql":
        return
    for number in range(MANY):
        store_delivery(connection, number)
    entries = claim_entries(connection, limit=40)
    dues = claim_due(connection, limit=40)
    ran: list[str] = []
    driver: Any = connection.connection.dbapi_connection
    driver.set_trace_callback(ran.append)
    assert inbox.finish_all(connection, [(entry.seq, LEASE, Finished(NOW, FACTS, {})) for entry in entries])
    outbox.record_delivered(
        connection, [(replace(due, has_claim=True), LEASE, attempt(), None) for due in dues]
    )
    driver.set_trace_callback(None)
    changes = [text for text in ran if text.startswith("UPDATE")]
    plans = [step for text in changes for step in steps(connection, (text, ()))]

    assert len(dues) == len(entries) == 40
    assert len(changes) == 6, "inbox, deliveries and claims, each in two parts"
    searched = [step for step in plans if step.startswith("SEARCH")]
    assert len(searched) == 6
    assert [step for step in plans if step not in searched and not step.startswith(GIVEN)] == []


@pytest.mark.parametrize("within", [None, 10_000 * MINUTE], ids=["for ever", "within"])
def test_counting_reads_only_the_nearest(engines: Engines, within: timedelta | None) -> None:
    """However many were counted, so many rows are read as are wanted, in the order of the key."""
    with engines.writer.begin() as connection:
        after = After(3, within=within)
        for number in range(MANY):
            mark = Mark(NOW + number * MINUTE, number, 0)
            tallies.count(connection, Tally("r", b"k" * 16, mark, after), again=False)
        with recorded(connection) as statements:
            late = Tally("r", b"k" * 16, Mark(NOW + MANY // 2 * MINUTE, MANY, 0), after)
            tallies.count(connection, late, again=True)
        plans = [step for each in statements for step in steps(connection, each)]

    assert 2 <= len(statements) <= 8
    assert [step for step in plans if slow(step) or "TEMP B-TREE" in step or "Sort" in step] == []
