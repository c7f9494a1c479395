"""Claims as people see them: listed, counted, found again when their deliveries are gone, and let go."""

from __future__ import annotations

from collections.abc import Sequence

import pytest
from sqlalchemy import Connection, delete

from bridge.core.identity import ID_SHOWN, delivery_id
from bridge.core.outcomes import State
from bridge.store import claims, memory, outbox
from bridge.store.claims import ClaimFilter, Counted, Maker
from bridge.store.details import SEVERAL, Ambiguous, NotFound
from bridge.store.engines import Engines
from bridge.store.schema import deliveries
from tests.store.test_plans import MANY, recorded, slow, steps
from tests.support.stored import LEASE, MINUTE, NOW, attempt, claim_due, new_delivery, store_entry

RULES = ("parabens", "promo", "parabens-modulo")


def claimed(connection: Connection, number: int, rule: str = "parabens", email: str = "") -> str:
    """Store a delivery with a claim, taken so many minutes after the others, and return its id."""
    made = new_delivery(store_entry(connection, number), number, rule=rule)
    assert outbox.enqueue(connection, made)
    label = f"learner.email={email or f'aluna{number}@aluna.example'}, module.id={number}"
    key = delivery_id(b"key", NOW, number, rule, "", 1)
    assert not memory.reserve(
        connection,
        key=bytes.fromhex(key),
        rule=rule,
        action=made.action,
        label=label,
        delivery_id=made.id,
        now=NOW + number * MINUTE,
    )
    return made.id


def sent(connection: Connection) -> None:
    """Deliver the next one."""
    (due,) = claim_due(connection, limit=1, now=NOW + 1000 * MINUTE)
    done = attempt(started_at=NOW + 1000 * MINUTE, outcome="delivered", reason=None, duration_ms=0)
    assert outbox.record(connection, due.seq, lease=LEASE, attempt=done, state=State.DELIVERED)


def listed(connection: Connection, **wanted: object) -> list[str]:
    rows = claims.list_claims(connection, ClaimFilter(**wanted))  # type: ignore[arg-type]
    return [row.label.partition(", ")[0].removeprefix("learner.email=").partition("@")[0] for row in rows]


def release_all(connection: Connection, wanted: ClaimFilter) -> int:
    total, place = 0, None
    while True:
        released, place = claims.release_some(connection, wanted, place, now=NOW)
        total += released
        if place is None:
            return total


def test_they_are_listed_by_what_people_know(connection: Connection) -> None:
    """By rule, action, state, time and any text of the label, in capitals or not."""
    for number, rule in enumerate(RULES):
        claimed(connection, number, rule)
    sent(connection)
    assert listed(connection) == ["aluna0", "aluna2", "aluna1"]  # the last changed first
    assert listed(connection, rules=("promo", "parabens-modulo")) == ["aluna2", "aluna1"]
    assert listed(connection, actions=("email:learners",), state="confirmed") == ["aluna0"]
    assert listed(connection, actions=("slack:wins",)) == []
    assert listed(connection, text="ALUNA1@aluna.EXAMPLE") == ["aluna1"]
    assert listed(connection, text="module.id=2") == ["aluna2"]
    assert listed(connection, text="aluna_") == []  # nothing in it is a pattern
    assert listed(connection, since=NOW + 2 * MINUTE, until=NOW + 3 * MINUTE) == ["aluna2"]


def test_a_list_goes_on_page_by_page(connection: Connection) -> None:
    """Behind the last claim of the page before, also where several are of one moment."""
    for number in range(5):
        claimed(connection, number)
    rows = claims.list_claims(connection, ClaimFilter(limit=2))
    seen = [row.delivery_id for row in rows]
    while rows:
        rows = claims.list_claims(connection, ClaimFilter(limit=2, before=rows[-1].delivery_id))
        seen += [row.delivery_id for row in rows]
    assert len(seen) == len(set(seen)) == 5


def test_one_outlives_its_delivery(connection: Connection) -> None:
    """What was sent once stays sent once, can be seen, and can be let go."""
    made = claimed(connection, 1)
    sent(connection)
    connection.execute(delete(deliveries))
    row = claims.find_claim(connection, made)
    assert row is not None
    assert (row.state, row.delivery, row.kept) == ("confirmed", None, False)
    assert claims.find_id(connection, made[:ID_SHOWN]) == made
    assert claims.release_one(connection, made, now=NOW)
    assert not claims.release_one(connection, made, now=NOW)


@pytest.mark.parametrize("end", [None, State.PARKED])
def test_what_may_still_be_sent_keeps_its_claim(connection: Connection, end: State | None) -> None:
    """Two messages could go out for one claim otherwise."""
    made = claimed(connection, 1)
    if end:
        (due,) = claim_due(connection)
        assert outbox.park(connection, due.seq, lease=LEASE, now=NOW, why="x")
    row = claims.find_claim(connection, made)
    assert row is not None
    assert row.kept
    assert not claims.release_one(connection, made, now=NOW)
    assert claims.count_claims(connection, ClaimFilter()) == Counted(going=0, kept=1, free=0)
    assert release_all(connection, ClaimFilter()) == 0


def test_a_shown_message_does_not_keep_it(connection: Connection) -> None:
    """What a rule in shadow mode has taken would never come free by itself."""
    made = new_delivery(store_entry(connection), state=State.WITHHELD)
    outbox.enqueue(connection, made)
    memory.reserve(connection, key=b"k" * 16, rule="r", action="a", label="x", delivery_id=made.id, now=NOW)
    assert claims.release_one(connection, made.id, now=NOW)


def test_a_released_one_can_be_taken_again(connection: Connection) -> None:
    """By the next delivery; the first no longer stands in its way."""
    made = claimed(connection, 1)
    sent(connection)
    assert claims.release_one(connection, made, now=NOW)
    key = bytes.fromhex(delivery_id(b"key", NOW, 1, "parabens", "", 1))
    other = new_delivery(store_entry(connection, 2), 2)
    taken = memory.reserve(
        connection, key=key, rule="parabens", action="a", label="x", delivery_id=other.id, now=NOW
    )
    assert taken is None


def test_many_are_let_go_bit_by_bit(connection: Connection, monkeypatch: pytest.MonkeyPatch) -> None:
    """In short transactions, and never more than the filter says."""
    monkeypatch.setattr(claims, "RELEASED_AT_ONCE", 2)
    for number in range(9):
        claimed(connection, number, RULES[number % 2])
        sent(connection)
    waiting = claimed(connection, 9)
    wanted = ClaimFilter(rules=("parabens",))
    assert claims.count_claims(connection, wanted) == Counted(going=5, kept=1, free=0)
    assert release_all(connection, wanted) == 5
    assert claims.count_claims(connection, wanted) == Counted(going=0, kept=1, free=5)
    assert claims.count_claims(connection, ClaimFilter()) == Counted(going=4, kept=1, free=5)
    row = claims.find_claim(connection, waiting)
    assert row is not None
    assert row.state == "reserved"


def test_whose_they_are(connection: Connection) -> None:
    """Every rule and action that has claims, once, with how many and what one of them says."""
    for number in range(6):
        claimed(connection, number, RULES[number % 3])
    found = list(claims.makers(connection))
    assert found == [Maker(rule, "email:learners") for rule in sorted(RULES)]
    assert claims.count_held(connection, found[0]) == 2
    assert claims.label_of(connection, Maker("promo", "email:learners")).startswith("learner.email=aluna")
    assert claims.label_of(connection, Maker("promo", "slack:wins")) == ""


@pytest.mark.parametrize("name", ["", "x", "0" * 33, "é"])
def test_what_is_no_beginning_of_an_id_finds_nothing(connection: Connection, name: str) -> None:
    assert claims.find_id(connection, name) == NotFound()


def test_a_beginning_may_be_that_of_several(connection: Connection) -> None:
    """Then they are named, so that more of one can be typed."""
    made = [claimed(connection, number) for number in range(40)]
    found = claims.find_id(connection, made[0][:6])  # the same hours
    assert isinstance(found, Ambiguous)
    assert len(found.candidates) == SEVERAL
    assert set(found.candidates) <= set(made)


def test_lists_and_releases_find_their_rows(engines: Engines) -> None:
    """By an index, however many claims there are."""
    with engines.writer.begin() as connection:
        for number in range(MANY):
            claimed(connection, number, RULES[number % 3])
        if connection.dialect.name == "postgresql":
            connection.exec_driver_sql("SET LOCAL enable_seqscan = off")
            connection.exec_driver_sql("ANALYZE claims")
        with recorded(connection) as statements:
            made = claims.list_claims(connection, ClaimFilter(limit=3))[-1].delivery_id
            claims.list_claims(connection, ClaimFilter(limit=3, before=made))
            claims.release_some(connection, ClaimFilter(rules=("promo",)), None, now=NOW)
            list(claims.makers(connection))
            claims.find_id(connection, made[:6])
        plans: Sequence[str] = [step for each in statements for step in steps(connection, each)]
    assert [step for step in plans if slow(step)] == []
    assert [step for step in plans if "TEMP B-TREE" in step] == []
