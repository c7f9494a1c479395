from __future__ import annotations

from typing import Literal

import pytest
from sqlalchemy import Connection, select

from bridge.core.messages import Payload
from bridge.core.outcomes import ANSWER_LIMIT, MOVES, Reason, State, sources_of
from bridge.store import claiming, collections, decisions, details, outbox
from bridge.store.deliveries import Due, Missing, Moved, NewDelivery, Refused
from bridge.store.details import DeliveryDetails
from bridge.store.entries import Lease
from bridge.store.schema import deliveries
from tests.support.stored import (
    LEASE,
    MINUTE,
    NOW,
    SECOND,
    attempt,
    claim_due,
    new_delivery,
    store_delivery,
    store_entry,
)

LANE = b"l" * 16


def shown(connection: Connection, delivery_id: str) -> DeliveryDetails:
    found = details.show_delivery(connection, delivery_id)
    assert isinstance(found, DeliveryDetails)
    return found


def state_of(connection: Connection, delivery: NewDelivery) -> State:
    return shown(connection, delivery.id).row.state


def sent(connection: Connection, due: Due) -> bool:
    done = attempt(due.attempts + 1, outcome="delivered", reason=None, status=200)
    record = outbox.record(connection, due.seq, lease=LEASE, attempt=done, state=State.DELIVERED)
    return record is not None


def merge(connection: Connection, delivery: NewDelivery, number: int) -> NewDelivery:
    """Let another delivery that waits with this one be sent for both; it is parked, and so out of the way."""
    key = b"k" * 16
    other = store_delivery(connection, number + 100, due_at=NOW - MINUTE)
    for each in (delivery, other):
        collections.add(connection, shown(connection, each.id).row.seq, key)
    (due,) = claim_due(connection, limit=1)
    assert due.id == other.id
    assert isinstance(collections.close(connection, due.seq, lease=LEASE, now=NOW), collections.Head)
    assert outbox.park(connection, due.seq, lease=LEASE, now=NOW, why="line 3")
    return delivery


def bring_to(connection: Connection, state: State, number: int = 0) -> NewDelivery:
    """Store a delivery and take it to `state` by the ordinary ways."""
    if state in (State.WITHHELD, State.KEPT):
        return store_delivery(connection, number, state=state, why="a test event")
    delivery = store_delivery(connection, number)
    if state is State.PENDING:
        return delivery
    if state is State.DISCARDED:
        assert decisions.discard(connection, delivery.id, now=NOW, why="not wanted") == Moved()
        return delivery
    if state is State.MERGED:
        return merge(connection, delivery, number)
    (due,) = claim_due(connection)
    match state:
        case State.DELIVERED:
            assert sent(connection, due)
        case State.DEAD:
            assert outbox.record(connection, due.seq, lease=LEASE, attempt=attempt(), state=State.DEAD)
        case State.EXPIRED:
            assert outbox.expire(connection, due.seq, lease=LEASE, now=NOW, why="too late")
        case State.SUPPRESSED:
            assert outbox.suppress(connection, due.seq, lease=LEASE, now=NOW, why="bounced")
        case State.PARKED:
            assert outbox.park(connection, due.seq, lease=LEASE, now=NOW, why="line 3")
        case _:
            assert state is State.SENDING
    return delivery


def test_a_claimed_delivery_brings_all_that_sending_needs(connection: Connection) -> None:
    """The delivery, its entry, and no payload before one is stored."""
    delivery = store_delivery(connection, expires_at=NOW + MINUTE)

    (due,) = claim_due(connection)

    assert (due.id, due.rule, due.action, due.channel) == (
        delivery.id,
        "parabens",
        "email:learners",
        "learners",
    )
    assert (due.run, due.event_index, due.due_at, due.expires_at) == (1, 0, NOW, NOW + MINUTE)
    assert (due.attempts, due.tries, due.first_at, due.trigger) == (0, 0, None, "schedule")
    assert due.payload is None
    assert (due.entry.seq, due.entry.delivery_key, due.entry.body) == (
        delivery.entry_seq,
        "evt-0",
        b'{"id": "0"}',
    )


def test_the_same_delivery_is_stored_once(connection: Connection) -> None:
    """A dispatch that runs again adds nothing."""
    delivery = store_delivery(connection)

    assert not outbox.enqueue(connection, delivery)
    assert len(claim_due(connection)) == 1


def test_the_longest_due_goes_first_and_the_future_waits(connection: Connection) -> None:
    """Deliveries leave in the order in which they were due, each channel on its own."""
    late = store_delivery(connection, 1, due_at=NOW - SECOND)
    early = store_delivery(connection, 2, due_at=NOW - MINUTE)
    store_delivery(connection, 3, due_at=NOW + SECOND)
    other = store_delivery(connection, 4, channel="wins")

    assert [due.id for due in claim_due(connection, limit=1)] == [early.id]
    assert [due.id for due in claim_due(connection)] == [late.id]
    assert [due.id for due in claim_due(connection, channel="wins")] == [other.id]


def test_a_withheld_delivery_is_never_claimed(connection: Connection) -> None:
    """It is there to be shown, with its reason."""
    delivery = bring_to(connection, State.WITHHELD)

    assert claim_due(connection, now=NOW + MINUTE) == []
    assert shown(connection, delivery.id).row.why == "a test event"


def test_a_lane_keeps_its_order(connection: Connection) -> None:
    """While an earlier delivery of a lane is open, even in the far future, the later ones wait."""
    first = store_delivery(connection, 1, lane=LANE, due_at=NOW)
    second = store_delivery(connection, 2, lane=LANE, due_at=NOW - MINUTE)
    other = store_delivery(connection, 3, lane=b"o" * 16)
    free = store_delivery(connection, 4)

    claimed = claim_due(connection)
    assert {due.id for due in claimed} == {first.id, other.id, free.id}
    head = next(due for due in claimed if due.id == first.id)
    assert all(sent(connection, due) for due in claimed if due is not head)
    again = {"lease": LEASE, "attempt": attempt(), "state": State.PENDING, "due_at": NOW + MINUTE}
    assert outbox.record(connection, head.seq, **again)  # type: ignore[arg-type]
    assert claim_due(connection) == []
    (head,) = claim_due(connection, now=NOW + MINUTE)
    assert sent(connection, head)
    assert [due.id for due in claim_due(connection)] == [second.id]


@pytest.mark.parametrize("end", [State.DELIVERED, State.DEAD, State.EXPIRED, State.PARKED])
def test_whatever_ends_a_delivery_frees_its_lane(connection: Connection, end: State) -> None:
    """A delivery that is no longer open holds nobody up."""
    first = store_delivery(connection, 1, lane=LANE)
    second = store_delivery(connection, 2, lane=LANE)
    (due,) = claim_due(connection)
    assert due.id == first.id
    match end:
        case State.DELIVERED:
            sent(connection, due)
        case State.DEAD:
            outbox.record(connection, due.seq, lease=LEASE, attempt=attempt(), state=State.DEAD)
        case State.EXPIRED:
            outbox.expire(connection, due.seq, lease=LEASE, now=NOW, why="too late")
        case _:
            outbox.park(connection, due.seq, lease=LEASE, now=NOW, why="line 3")

    assert [due.id for due in claim_due(connection)] == [second.id]


def test_a_stored_payload_is_what_every_later_claim_gets(connection: Connection) -> None:
    """Every attempt sends the same bytes."""
    store_delivery(connection)
    (due,) = claim_due(connection)
    payload = Payload(body=bytes(range(256)), meta={"to": "maria@aluna.example"}, cuts=("the text was cut",))

    assert claiming.store_payload(connection, due.seq, lease=LEASE, payload=payload)
    outbox.record(
        connection, due.seq, lease=LEASE, attempt=attempt(), state=State.PENDING, due_at=NOW + MINUTE
    )

    (again,) = claim_due(connection, now=NOW + MINUTE)
    assert again.payload == payload
    assert shown(connection, again.id).payload == payload


def test_an_attempt_that_will_be_repeated_keeps_count_and_beginning(connection: Connection) -> None:
    """The back-off needs how many tries there were, and when the first one was."""
    delivery = store_delivery(connection)
    for number in (1, 2):
        (due,) = claim_due(connection, now=NOW + number * MINUTE)
        assert outbox.record(
            connection,
            due.seq,
            lease=LEASE,
            attempt=attempt(number),
            state=State.PENDING,
            due_at=NOW + (number + 1) * MINUTE,
        )

    (due,) = claim_due(connection, now=NOW + 3 * MINUTE)
    assert (due.attempts, due.tries, due.first_at) == (2, 2, NOW + MINUTE)
    assert shown(connection, delivery.id).attempts == (attempt(1), attempt(2))


def test_a_delivered_delivery_shows_what_the_destination_said(connection: Connection) -> None:
    """Its name for the message is kept; the answer is cut to its beginning."""
    delivery = store_delivery(connection)
    (due,) = claim_due(connection)
    done = attempt(outcome="delivered", reason=None, status=200, answer="ok\0" * 500)

    assert outbox.record(
        connection, due.seq, lease=LEASE, attempt=done, state=State.DELIVERED, reference="1700.1"
    )

    found = shown(connection, delivery.id)
    assert (found.row.state, found.row.reference, found.row.attempts) == (State.DELIVERED, "1700.1", 1)
    assert found.row.updated_at == NOW + MINUTE + 1.5 * SECOND
    assert len(found.attempts[0].answer) == ANSWER_LIMIT
    assert found.attempts[0].answer.startswith("ok\N{REPLACEMENT CHARACTER}ok")


def test_a_worker_that_lost_its_lease_records_nothing(connection: Connection) -> None:
    """Whoever took over decides; the first one's result is not written at all."""
    delivery = store_delivery(connection)
    (due,) = claim_due(connection, lease="slow")
    assert claim_due(connection, now=NOW + MINUTE - SECOND, lease="quick") == []
    (taken,) = claim_due(connection, now=NOW + MINUTE, lease="quick")

    assert taken.id == due.id
    assert not outbox.record(connection, due.seq, lease="slow", attempt=attempt(), state=State.DEAD)
    assert not claiming.store_payload(connection, due.seq, lease="slow", payload=Payload(body=b"slow"))
    assert not outbox.park(connection, due.seq, lease="slow", now=NOW, why="slow")
    assert not outbox.expire(connection, due.seq, lease="slow", now=NOW, why="slow")
    found = shown(connection, delivery.id)
    assert (found.row.state, found.attempts, found.payload) == (State.SENDING, (), None)


@pytest.mark.parametrize(
    ("state", "due_at"), [(State.PENDING, None), (State.DELIVERED, NOW), (State.DEAD, NOW)]
)
def test_only_a_pending_delivery_has_a_next_time(
    connection: Connection, state: Literal[State.PENDING, State.DELIVERED, State.DEAD], due_at: object
) -> None:
    """A retry without a time would never come, and a time for a final state would be a lie."""
    with pytest.raises(ValueError, match="needs a time"):
        outbox.record(connection, 1, lease=LEASE, attempt=attempt(), state=state, due_at=due_at)  # type: ignore[arg-type]


def test_released_deliveries_are_due_as_before(connection: Connection) -> None:
    """A worker that stops gives back its own, without touching their schedule."""
    mine = store_delivery(connection, 1, due_at=NOW - MINUTE)
    other = store_delivery(connection, 2, due_at=NOW - SECOND)
    claim_due(connection, lease="mine", limit=1)
    claim_due(connection, lease="other", limit=1)

    assert outbox.release(connection, "mine") == 1
    assert state_of(connection, mine) is State.PENDING
    assert [(due.id, due.due_at) for due in claim_due(connection)] == [(mine.id, NOW - MINUTE)]
    assert outbox.release_all(connection) == 2
    assert state_of(connection, other) is State.PENDING


def test_next_due_is_when_a_claim_will_find_something(connection: Connection) -> None:
    """A delivery behind another of its lane is not due before that one is, so nobody looks in vain."""
    assert claiming.next_due(connection, "learners", now=NOW) is None
    store_delivery(connection, 1, lane=LANE, due_at=NOW + 2 * MINUTE)
    store_delivery(connection, 2, lane=LANE, due_at=NOW - MINUTE)
    assert claiming.next_due(connection, "learners", now=NOW) == NOW + 2 * MINUTE

    later = NOW + 2 * MINUTE
    claim_due(connection, now=later)
    assert claiming.next_due(connection, "learners", now=later) == later + MINUTE, "the end of the lease"
    store_delivery(connection, 3, lane=LANE, due_at=later + SECOND, held_until=later + SECOND)
    assert claiming.next_due(connection, "learners", now=later) == later + SECOND


def test_what_is_held_is_not_in_its_lane(connection: Connection) -> None:
    """A message for next week lets those of today pass; then it takes its place by its event."""
    held = store_delivery(connection, 1, lane=LANE, due_at=NOW + MINUTE, held_until=NOW + MINUTE)
    second = store_delivery(connection, 2, lane=LANE)
    store_delivery(connection, 3, lane=LANE)

    assert [due.id for due in claim_due(connection)] == [second.id]
    (due,) = claim_due(connection, now=NOW + MINUTE)
    assert due.id == held.id
    assert sent(connection, due)
    assert [due.id for due in claim_due(connection, now=NOW + MINUTE)] == [second.id], "its lease ran out"


def test_a_lane_with_nothing_but_held_ones_is_free(connection: Connection) -> None:
    """What is due now may be stored under a lease, and nobody is woken for what is held."""
    store_delivery(connection, 1, lane=LANE, due_at=NOW + 5 * MINUTE, held_until=NOW + 5 * MINUTE)
    made = new_delivery(store_entry(connection, 2), 2, lane=LANE)
    queued = outbox.enqueue(connection, made, lease=Lease(LEASE, NOW + MINUTE))
    assert queued is not None
    assert queued.leased
    done = attempt(outcome="delivered", reason=None, status=200)
    recorded = outbox.record(connection, queued.seq, lease=LEASE, attempt=done, state=State.DELIVERED)
    assert recorded is not None
    assert not recorded.lane_waits


def test_a_claimed_delivery_can_be_held_again(connection: Connection) -> None:
    """It waits with its reason, out of its lane, and has spent no attempt; only its holder may do so."""
    first = store_delivery(connection, 1, lane=LANE)
    second = store_delivery(connection, 2, lane=LANE)
    (due,) = claim_due(connection)
    until = NOW + 10 * MINUTE
    assert not outbox.hold(connection, due.seq, lease="another", now=NOW, until=until, why="quiet hours")
    assert outbox.hold(connection, due.seq, lease=LEASE, now=NOW, until=until, why="quiet hours")

    row = shown(connection, first.id).row
    assert (row.state, row.due_at, row.why, row.attempts) == (State.PENDING, until, "quiet hours", 0)
    (other,) = claim_due(connection)
    assert other.id == second.id
    assert sent(connection, other)
    assert [due.id for due in claim_due(connection, now=until)] == [first.id]


def test_what_waits_for_another_attempt_is_in_its_lane_again(connection: Connection) -> None:
    """Held once does not mean out of order for ever."""
    store_delivery(connection, 1, lane=LANE, due_at=NOW, held_until=NOW)
    (due,) = claim_due(connection)
    again = {"lease": LEASE, "attempt": attempt(), "state": State.PENDING, "due_at": NOW + 9 * MINUTE}
    assert outbox.record(connection, due.seq, **again)  # type: ignore[arg-type]
    store_delivery(connection, 2, lane=LANE)
    assert claim_due(connection, now=NOW + MINUTE) == []


@pytest.mark.parametrize("state", sorted(set(State) - {State.SENDING}))
def test_a_retry_follows_the_table_of_moves(connection: Connection, state: State) -> None:
    """A person revives what was given up, and nothing else."""
    delivery = bring_to(connection, state)

    result = decisions.retry(connection, delivery.id, now=NOW)

    allowed = state in sources_of(State.PENDING)
    assert result == (Moved() if allowed else Refused(state))
    assert state_of(connection, delivery) is (State.PENDING if allowed else state)


def test_what_is_being_sent_can_be_neither_retried_nor_discarded(connection: Connection) -> None:
    """Its worker has the word."""
    delivery = bring_to(connection, State.SENDING)

    assert decisions.retry(connection, delivery.id, now=NOW) == Refused(State.SENDING)
    assert decisions.discard(connection, delivery.id, now=NOW, why="no") == Refused(State.SENDING)
    assert state_of(connection, delivery) is State.SENDING


def test_a_retry_starts_the_schedule_again(connection: Connection) -> None:
    """Attempts keep their numbers, the back-off forgets them, and the next one is the person's."""
    delivery = bring_to(connection, State.DEAD)
    later = NOW + 5 * MINUTE

    assert decisions.retry(connection, delivery.id, now=later) == Moved()

    (due,) = claim_due(connection, now=later)
    assert (due.due_at, due.first_at, due.attempts, due.tries, due.trigger) == (later, None, 1, 0, "person")
    outbox.record(
        connection, due.seq, lease=LEASE, attempt=attempt(2), state=State.PENDING, due_at=later + MINUTE
    )
    (due,) = claim_due(connection, now=later + MINUTE)
    assert (due.first_at, due.attempts, due.tries, due.trigger) == (NOW + 2 * MINUTE, 2, 1, "schedule")


@pytest.mark.parametrize(("expires_at", "kept"), [(NOW - SECOND, False), (NOW + MINUTE, True)])
def test_a_retry_drops_only_an_expiry_that_has_passed(
    connection: Connection, expires_at: object, kept: bool
) -> None:
    """Asked for by a person, it is sent although it is late; an expiry still ahead stays."""
    delivery = store_delivery(connection, expires_at=expires_at)
    (due,) = claim_due(connection)
    outbox.expire(connection, due.seq, lease=LEASE, now=NOW, why="too late")

    decisions.retry(connection, delivery.id, now=NOW)

    assert shown(connection, delivery.id).row.expires_at == (expires_at if kept else None)


@pytest.mark.parametrize("state", list(State))
def test_a_discard_follows_the_table_of_moves(connection: Connection, state: State) -> None:
    """A person gives up what is not under way and not over."""
    delivery = bring_to(connection, state)

    result = decisions.discard(connection, delivery.id, now=NOW, why="not wanted")

    allowed = State.DISCARDED in MOVES[state]
    assert result == (Moved() if allowed else Refused(state))
    assert state_of(connection, delivery) is (State.DISCARDED if allowed else state)
    assert claim_due(connection, now=NOW) == []


def test_an_unknown_delivery_is_missing(connection: Connection) -> None:
    """Neither retry nor discard invents one."""
    assert decisions.retry(connection, "0" * 32, now=NOW) == Missing()
    assert decisions.discard(connection, "0" * 32, now=NOW, why="no") == Missing()


def test_what_is_unsent_of_an_entry_is_discarded_together(connection: Connection) -> None:
    """Before a replay; what is under way or delivered stays, and so do other entries' deliveries."""
    entry = store_entry(connection)
    for number in (1, 2, 3):
        outbox.enqueue(connection, new_delivery(entry, number, due_at=NOW + number * SECOND))
    other = store_delivery(connection, 9, due_at=NOW + MINUTE)
    (done,) = claim_due(connection, now=NOW + SECOND)
    sent(connection, done)
    claim_due(connection, now=NOW + 2 * SECOND)

    assert decisions.discard_unsent(connection, entry, now=NOW, why="replayed") == 1

    states = connection.scalars(select(deliveries.c.state).order_by(deliveries.c.seq)).all()
    assert states == ["delivered", "sending", "discarded", "pending"]
    assert state_of(connection, other) is State.PENDING


@pytest.mark.parametrize("reason", list(Reason))
def test_every_reason_is_kept(connection: Connection, reason: Reason) -> None:
    """A reason comes back as the same member of the closed list."""
    delivery = store_delivery(connection)
    (due,) = claim_due(connection)
    tried = attempt(outcome="rejected", reason=reason, status=404, trigger="person")

    outbox.record(connection, due.seq, lease=LEASE, attempt=tried, state=State.DEAD)

    assert shown(connection, delivery.id).attempts == (tried,)


def test_what_is_being_sent_is_left_alone(connection: Connection) -> None:
    """A process that outlives its own lease sends nothing twice, and may still record what it sent."""
    store_delivery(connection, 0)
    store_delivery(connection, 1)
    (due,) = claim_due(connection, limit=1)

    later = NOW + MINUTE
    claimed = claiming.claim_due(
        connection,
        channel="learners",
        now=later,
        lease=Lease("again", later + MINUTE),
        limit=9,
        busy=[due.seq],
    )
    assert due.seq not in [other.seq for other in claimed]
    assert len(claimed) == 1
    assert sent(connection, due)


def test_deliveries_of_a_channel_that_is_gone_are_parked(connection: Connection) -> None:
    """They say what to do; what another node is sending this moment, or what has an end, is left alone."""
    configured = store_delivery(connection, 0)
    waiting = store_delivery(connection, 1, channel="it's gone")
    done = store_delivery(connection, 2, channel="gone")
    assert decisions.discard(connection, done.id, now=NOW, why="not wanted") == Moved()
    sending = store_delivery(connection, 3, channel="gone")
    claim_due(connection, channel="gone")

    assert decisions.park_unrouted(connection, ["learners"], now=NOW) == {"it's gone": 1}
    row = shown(connection, waiting.id).row
    why = "channel 'it's gone' is no longer in the configuration; restore it, then retry"
    assert (row.state, row.why) == (State.PARKED, why)
    assert state_of(connection, configured) is State.PENDING
    assert state_of(connection, done) is State.DISCARDED
    assert state_of(connection, sending) is State.SENDING
    assert decisions.park_unrouted(connection, [], now=NOW + MINUTE) == {"gone": 1, "learners": 1}
    assert decisions.retry(connection, waiting.id, now=NOW) == Moved()
