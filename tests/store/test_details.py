from __future__ import annotations

import pytest
from sqlalchemy import Connection

from bridge.core.identity import entry_key
from bridge.core.messages import Payload
from bridge.core.outcomes import State
from bridge.store import claiming, details, memory, outbox
from bridge.store.details import (
    Ambiguous,
    DeliveryDetails,
    EventDetails,
    NotFound,
    find_delivery,
    find_event,
    show_delivery,
    show_event,
)
from bridge.store.engines import Engines
from bridge.store.memory import Holder
from tests.support.stored import (
    LEASE,
    NOW,
    attempt,
    claim_due,
    claim_entries,
    finish_entry,
    new_delivery,
    store_delivery,
    store_entry,
)


def store_named(connection: Connection, *names: str, source: str = "eduzz") -> list[int]:
    return [
        store_entry(connection, 0, delivery_key=name, source=source, key=entry_key(source, name))
        for name in names
    ]


def test_an_event_is_found_by_what_a_person_has_of_it(connection: Connection) -> None:
    """Its number, or the whole id that the sender gave it."""
    one, two = store_named(connection, "zy4ab", "zy4cd")

    assert find_event(connection, str(one)) == one
    assert find_event(connection, "zy4ab") == one
    assert find_event(connection, "zy4cd") == two
    assert find_event(connection, "zy4c") == NotFound()
    assert find_event(connection, "zz") == NotFound()
    assert find_event(connection, "") == NotFound()


@pytest.mark.parametrize("name", ["0", "9" * 30, "-1", "٣", "%", "_y4ab", "a\0b", "\ud800", "x" * 500])
def test_odd_names_of_events_find_nothing(connection: Connection, name: str) -> None:
    """And raise nothing, in either database."""
    store_named(connection, "zy4ab")

    assert find_event(connection, name) == NotFound()


def test_ids_are_compared_letter_by_letter(connection: Connection) -> None:
    """No language's order, no case folding: ids are ids."""
    upper, lower, accented = store_named(connection, "AB-1", "ab-1", "áb-1")

    assert find_event(connection, "AB-1") == upper
    assert find_event(connection, "ab-1") == lower
    assert find_event(connection, "áb-1") == accented
    assert find_event(connection, "Áb-1") == NotFound()


def test_the_same_id_from_two_sources_is_told_by_number(connection: Connection) -> None:
    """Two platforms may use the same id."""
    (one,) = store_named(connection, "evt-1")
    (two,) = store_named(connection, "evt-1", source="other")

    assert find_event(connection, "evt-1") == Ambiguous((str(one), str(two)))


def test_an_event_is_also_found_by_the_id_that_parsing_gave_it(connection: Connection) -> None:
    """A sender's key and the event's id may differ."""
    (seq,) = store_named(connection, "digest-of-the-body")
    claim_entries(connection)
    finish_entry(connection, seq)

    assert find_event(connection, "evt-0") == seq


def test_a_delivery_is_found_by_the_beginning_of_its_id(connection: Connection) -> None:
    """As people name commits."""
    first = store_delivery(connection, 1, id="ab" + "0" * 30)
    second = store_delivery(connection, 2, id="ac" + "f" * 30)

    assert find_delivery(connection, first.id) == first.id
    assert find_delivery(connection, " AB ") == first.id
    assert find_delivery(connection, "acf") == second.id
    assert find_delivery(connection, "a") == Ambiguous((first.id, second.id))
    for name in ("b", "", "xyz", "ab" * 17, "évt"):
        assert find_delivery(connection, name) == NotFound()


def test_of_many_with_the_same_id_a_few_are_named(connection: Connection) -> None:
    """A screen full of numbers would help nobody."""
    numbers = [store_named(connection, "evt-1", source=f"source-{number}")[0] for number in range(50)]

    assert find_event(connection, "evt-1") == Ambiguous(tuple(map(str, numbers[: details.SEVERAL])))


def test_events_of_a_source_that_is_no_more_are_found(engines: Engines) -> None:
    """The store knows the names of all that ever sent something, also after what was rolled back."""
    with engines.writer.connect() as connection:
        with connection.begin() as transaction:
            store_named(connection, "evt-1", source="former")
            transaction.rollback()
        with connection.begin():
            (seq,) = store_named(connection, "evt-2", source="former")
    with engines.reader.begin() as connection:
        assert find_event(connection, "evt-2") == seq
        assert find_event(connection, "evt-1") == NotFound()


def test_an_event_is_shown_with_all_its_deliveries(connection: Connection) -> None:
    """What arrived, what was understood, what came of it."""
    seq = store_entry(connection)
    for number in (1, 2):
        outbox.enqueue(connection, new_delivery(seq, number))
    store_delivery(connection, 3)

    found = show_event(connection, seq)

    assert isinstance(found, EventDetails)
    assert found.entry.body == b'{"id": "0"}'
    assert found.row.state == "new"
    assert [row.id for row in found.deliveries] == [new_delivery(seq, number).id for number in (1, 2)]
    assert show_event(connection, seq + 99) == NotFound()


def test_a_delivery_is_shown_with_its_whole_history(connection: Connection) -> None:
    """Attempts, payload, claim, and the entry it came from."""
    delivery = store_delivery(connection)
    memory.reserve(
        connection,
        key=b"k" * 16,
        rule="parabens",
        action="email:learners",
        label="module.id=3251",
        delivery_id=delivery.id,
        now=NOW,
    )
    (due,) = claim_due(connection)
    payload = Payload(body=b"hello", meta={"to": "x"}, cuts=("cut",))
    claiming.store_payload(connection, due.seq, lease=LEASE, payload=payload)
    outbox.record(connection, due.seq, lease=LEASE, attempt=attempt(), state=State.DEAD)

    found = show_delivery(connection, delivery.id)

    assert isinstance(found, DeliveryDetails)
    assert (found.row.id, found.row.state) == (delivery.id, State.DEAD)
    assert (found.attempts, found.payload) == ((attempt(),), payload)
    assert found.claim == Holder(
        delivery_id=delivery.id, label="module.id=3251", state="released", at=found.row.updated_at
    )
    assert found.entry.seq == found.event.seq == delivery.entry_seq
    assert show_delivery(connection, "0" * 32) == NotFound()
