from __future__ import annotations

import asyncio
from datetime import timedelta

import pytest
from sqlalchemy import Connection

from bridge.core.outcomes import State
from bridge.store import decisions, details, memory, outbox
from bridge.store.database import Database
from bridge.store.deliveries import Moved, NewDelivery, Taken
from bridge.store.details import DeliveryDetails
from tests.support.stored import LEASE, NOW, attempt, claim_due, new_delivery, store_delivery, store_entry

KEY = b"k" * 16


def reserve(connection: Connection, delivery: NewDelivery, key: bytes = KEY) -> str | None:
    return memory.reserve(
        connection,
        key=key,
        rule=delivery.rule,
        action=delivery.action,
        label="learner.email=maria@aluna.example",
        delivery_id=delivery.id,
        now=NOW,
    )


def claim_state(connection: Connection, delivery: NewDelivery) -> str | None:
    found = details.show_delivery(connection, delivery.id)
    assert isinstance(found, DeliveryDetails)
    return found.claim.state if found.claim else None


def claimed_delivery(connection: Connection, number: int = 0) -> NewDelivery:
    delivery = store_delivery(connection, number)
    assert reserve(connection, delivery) is None
    return delivery


def test_a_key_is_held_by_one_delivery(connection: Connection) -> None:
    """The second is told who the first is; the first may ask again."""
    first = claimed_delivery(connection, 1)
    second = store_delivery(connection, 2)

    assert reserve(connection, second) == first.id
    assert reserve(connection, first) is None
    assert reserve(connection, second, b"another key....!") is None
    assert claim_state(connection, first) == "reserved"


@pytest.mark.parametrize(
    ("end", "claim"),
    [
        (State.DELIVERED, "confirmed"),
        (State.DEAD, "released"),
        (State.EXPIRED, "released"),
        (State.PARKED, "reserved"),
        (State.DISCARDED, "released"),
        (State.PENDING, "reserved"),
    ],
)
def test_a_claim_follows_its_delivery(connection: Connection, end: State, claim: str) -> None:
    """Sent for ever, or free again when given up, by the same transaction that moves the delivery."""
    delivery = claimed_delivery(connection)
    if end is State.DISCARDED:
        decisions.discard(connection, delivery.id, now=NOW, why="not wanted")
    else:
        (due,) = claim_due(connection)
        match end:
            case State.DELIVERED | State.DEAD:
                outbox.record(connection, due.seq, lease=LEASE, attempt=attempt(), state=end)
            case State.PENDING:
                outbox.record(
                    connection, due.seq, lease=LEASE, attempt=attempt(), state=State.PENDING, due_at=NOW
                )
            case State.EXPIRED:
                outbox.expire(connection, due.seq, lease=LEASE, now=NOW, why="too late")
            case _:
                outbox.park(connection, due.seq, lease=LEASE, now=NOW, why="line 3")

    assert claim_state(connection, delivery) == claim
    successor = store_delivery(connection, 2)
    assert reserve(connection, successor) == (None if claim == "released" else delivery.id)


def test_what_was_sent_stays_sent(connection: Connection) -> None:
    """A confirmed claim is not released by anything that comes later."""
    delivery = claimed_delivery(connection)
    memory.confirm(connection, delivery.id, now=NOW)

    memory.release(connection, delivery.id, now=NOW)

    assert claim_state(connection, delivery) == "confirmed"


def test_a_retry_takes_its_claim_again(connection: Connection) -> None:
    """Otherwise the next event could send a second one beside it."""
    delivery = claimed_delivery(connection)
    (due,) = claim_due(connection)
    outbox.record(connection, due.seq, lease=LEASE, attempt=attempt(), state=State.DEAD)

    assert decisions.retry(connection, delivery.id, now=NOW) == Moved()

    assert claim_state(connection, delivery) == "reserved"
    assert reserve(connection, store_delivery(connection, 2)) == delivery.id


def test_a_retry_is_refused_when_another_delivery_took_the_claim(connection: Connection) -> None:
    """The person is told which one; the dead one stays dead."""
    delivery = claimed_delivery(connection)
    (due,) = claim_due(connection)
    outbox.record(connection, due.seq, lease=LEASE, attempt=attempt(), state=State.DEAD)
    successor = claimed_delivery(connection, 2)

    assert decisions.retry(connection, delivery.id, now=NOW) == Taken(successor.id)

    assert claim_state(connection, delivery) == "released"
    (due,) = claim_due(connection)
    outbox.record(connection, due.seq, lease=LEASE, attempt=attempt(), state=State.DEAD)
    assert decisions.retry(connection, delivery.id, now=NOW) == Moved(), "the successor died as well"


def test_a_delivery_without_a_claim_is_retried_all_the_same(connection: Connection) -> None:
    """Most rules ask for no `once_per`."""
    delivery = store_delivery(connection)
    (due,) = claim_due(connection)
    outbox.record(connection, due.seq, lease=LEASE, attempt=attempt(), state=State.DEAD)

    assert decisions.retry(connection, delivery.id, now=NOW) == Moved()
    assert claim_state(connection, delivery) is None


async def test_concurrent_claims_of_one_key_have_one_winner(database: Database) -> None:
    """Fifty events that ask for the same thing at once lead to one delivery."""

    def dispatch(connection: Connection, number: int) -> str | None:
        entry = store_entry(connection, number)
        delivery = new_delivery(entry, number)
        holder = reserve(connection, delivery)
        if holder is None:
            outbox.enqueue(connection, delivery)
        return holder

    holders = await asyncio.gather(
        *(database.write(lambda c, n=number: dispatch(c, n)) for number in range(50))  # type: ignore[misc]
    )

    assert holders.count(None) == 1
    assert len(set(holders)) == 2


def test_who_holds_a_key_is_told_with_when_and_in_words(connection: Connection) -> None:
    """Exactly, however many deliveries there were since; nobody does once it is released."""
    assert memory.holder(connection, KEY) is None
    first = claimed_delivery(connection, 1)
    held = memory.holder(connection, KEY)
    expected = memory.Holder(
        delivery_id=first.id, state="reserved", at=NOW, label="learner.email=maria@aluna.example"
    )
    assert held == expected
    memory.confirm(connection, first.id, now=NOW + timedelta(minutes=1))
    held = memory.holder(connection, KEY)
    assert held is not None
    assert (held.state, held.at) == ("confirmed", NOW + timedelta(minutes=1))
    assert memory.claim_of(connection, first.id) == held


def test_a_released_claim_is_remembered_of_its_delivery_alone(connection: Connection) -> None:
    first = claimed_delivery(connection, 1)
    memory.release(connection, first.id, now=NOW)
    assert memory.holder(connection, KEY) is None
    had = memory.claim_of(connection, first.id)
    assert had is not None
    assert had.state == "released"
    assert memory.claim_of(connection, "0" * 32) is None


def test_what_is_sent_instead_has_the_claim(connection: Connection) -> None:
    """The learner has a message, whichever way it went: nobody else gets the key, nor the dead one back."""
    dead, heir = claimed_delivery(connection), store_delivery(connection, 1)
    memory.hand_over(connection, dead.id, heir.id, now=NOW)
    assert claim_state(connection, heir) is None

    memory.follow(connection, dead.id, State.DEAD, now=NOW)
    memory.hand_over(connection, dead.id, heir.id, now=NOW)
    memory.hand_over(connection, dead.id, heir.id, now=NOW)

    assert (claim_state(connection, dead), claim_state(connection, heir)) == ("released", "reserved")
    assert memory.reserve_again(connection, dead.id, now=NOW) == heir.id
    assert reserve(connection, store_delivery(connection, 2)) == heir.id
