from __future__ import annotations

import asyncio

import pytest
from sqlalchemy import Connection

from bridge.core.identity import entry_key
from bridge.store import details, inbox
from bridge.store.database import Database
from bridge.store.details import EventDetails
from bridge.store.engines import Engines, make_engines
from bridge.store.entries import Accepted, Entry, EntryFacts
from bridge.store.views import EventRow
from tests.support.stored import (
    FACTS,
    LEASE,
    MINUTE,
    NOW,
    SECOND,
    claim_entries,
    finish_entry,
    new_entry,
    store_entry,
)


def shown(connection: Connection, seq: int) -> EventRow:
    found = details.show_event(connection, seq)
    assert isinstance(found, EventDetails)
    return found.row


def test_a_request_comes_back_as_it_was(connection: Connection) -> None:
    """Raw bytes, headers and times survive, so that a later parser sees what the sender sent."""
    body = bytes(range(256))
    headers = {"x-signature": "ab" * 32, "x-odd": "na\udcefve\0 ☃"}
    new = new_entry(body=body, headers=headers)

    seq = inbox.accept(connection, new).seq
    (entry,) = claim_entries(connection)

    assert entry == Entry(
        seq=seq,
        source="eduzz",
        key=new.key,
        delivery_key="evt-0",
        headers=headers,
        body=body,
        received_at=new.received_at,
        run=1,
        tries=1,
    )


def test_the_same_key_is_stored_once(connection: Connection) -> None:
    """A repeated request leads to the first one's number, and does not replace it."""
    first = inbox.accept(connection, new_entry(body=b"first"))
    again = inbox.accept(connection, new_entry(body=b"again"))

    assert not first.duplicate
    assert again == Accepted(first.seq, duplicate=True)
    assert [entry.body for entry in claim_entries(connection)] == [b"first"]


@pytest.mark.parametrize("text", ["a\0b", "lone \ud800 surrogate", "x" * 100_000, "", "ção ☃ 🎉"])
def test_any_text_a_sender_chooses_can_be_stored(connection: Connection, text: str) -> None:
    """Neither database's idea of text makes an error of what a sender wrote."""
    seq = store_entry(connection, source=text, delivery_key=text, key=entry_key("eduzz", text))
    claim_entries(connection)
    facts = EntryFacts(event_id=text, type=text, kind=text, learner_email=text)

    assert finish_entry(connection, seq, facts=facts, summary={"note": text})
    assert shown(connection, seq).summary == {"note": text}


def test_entries_are_claimed_in_the_order_of_their_arrival(connection: Connection) -> None:
    """The oldest come first, and no more than asked for."""
    seqs = [store_entry(connection, number) for number in range(5)]

    assert [entry.seq for entry in claim_entries(connection, limit=2)] == seqs[:2]
    assert [entry.seq for entry in claim_entries(connection, limit=9)] == seqs[2:]
    assert claim_entries(connection) == []


def test_a_lease_that_ran_out_is_taken_over(connection: Connection) -> None:
    """What a dead worker held is worked on again, from the very instant its lease ends."""
    seq = store_entry(connection)
    claim_entries(connection, lease="dead")

    assert claim_entries(connection, now=NOW + MINUTE - SECOND) == []
    assert [entry.seq for entry in claim_entries(connection, now=NOW + MINUTE)] == [seq]


def test_a_worker_that_lost_its_lease_writes_nothing(connection: Connection) -> None:
    """Only the holder of the lease may say how an entry ended."""
    seq = store_entry(connection)
    claim_entries(connection, lease="slow")
    claim_entries(connection, now=NOW + MINUTE, lease="quick")

    assert not finish_entry(connection, seq, lease="slow")
    assert not inbox.park(connection, seq, lease="slow", now=NOW, why="slow")
    assert shown(connection, seq).state == "new"
    assert finish_entry(connection, seq, lease="quick", summary={"rules": ["a"]})
    assert not finish_entry(connection, seq, lease="quick")


def test_a_finished_entry_carries_what_was_found(connection: Connection) -> None:
    """Lists and filters have the event's own words; the learner's address is folded for comparison."""
    seq = store_entry(connection)
    claim_entries(connection)

    assert finish_entry(connection, seq, summary={"rules": ["a"]})

    row = shown(connection, seq)
    assert (row.state, row.event_id, row.type, row.kind) == ("done", "evt-0", FACTS.type, FACTS.kind)
    assert (row.occurred_at, row.finished_at) == (FACTS.occurred_at, NOW)
    assert (row.learner, row.test, row.summary) == ("maria@aluna.example", False, {"rules": ["a"]})
    assert claim_entries(connection, now=NOW + MINUTE) == []


def test_a_parked_entry_waits_for_a_person(connection: Connection) -> None:
    """It is not claimed again, keeps its reason, and goes through once replayed."""
    seq = store_entry(connection)
    claim_entries(connection)

    assert inbox.park(connection, seq, lease=LEASE, now=NOW, why="not JSON")
    assert (shown(connection, seq).state, shown(connection, seq).why) == ("parked", "not JSON")
    assert claim_entries(connection, now=NOW + MINUTE) == []
    assert inbox.replay(connection, seq, now=NOW) == 2
    assert [(entry.seq, entry.run) for entry in claim_entries(connection)] == [(seq, 2)]


def test_a_replay_is_a_new_run_of_a_finished_entry_only(connection: Connection) -> None:
    """An entry that still waits keeps its run: it is about to go through the rules anyway."""
    seq = store_entry(connection)
    assert inbox.replay(connection, seq, now=NOW) == 1
    claim_entries(connection)
    finish_entry(connection, seq)

    assert inbox.replay(connection, seq, now=NOW + SECOND) == 2
    assert inbox.replay(connection, seq, now=NOW + SECOND) == 2
    assert shown(connection, seq).replayed_at == NOW + SECOND
    assert inbox.replay(connection, seq + 1, now=NOW) is None


def test_a_released_lease_is_free_at_once(connection: Connection) -> None:
    """A worker that stops gives back its own entries, and no one else's."""
    mine, other = store_entry(connection, 0), store_entry(connection, 1)
    claim_entries(connection, lease="node/mine", limit=1)
    claim_entries(connection, lease="node/other", limit=1)

    assert inbox.release(connection, "node/mine") == 1
    assert [entry.seq for entry in claim_entries(connection, lease="node/3")] == [mine]
    assert inbox.release_all(connection) == 2
    assert [entry.seq for entry in claim_entries(connection)] == [mine, other]


def test_claims_are_counted_until_an_entry_is_given_back_or_replayed(connection: Connection) -> None:
    """What kills its process is known by its number of claims; a graceful stop does not count."""
    seq = store_entry(connection)

    def tries(minute: int) -> int:
        (entry,) = claim_entries(connection, now=NOW + minute * MINUTE)
        return entry.tries

    assert [tries(minute) for minute in range(3)] == [1, 2, 3]
    inbox.release(connection, LEASE)
    assert tries(3) == 3
    inbox.release_all(connection)
    assert tries(4) == 4
    assert inbox.park(connection, seq, lease=LEASE, now=NOW, why="x")
    inbox.replay(connection, seq, now=NOW)
    assert tries(5) == 1


def test_what_is_being_worked_on_is_left_alone(connection: Connection) -> None:
    """A process that outlives its own lease does not start the same entry twice, and may finish it."""
    seqs = [store_entry(connection, number) for number in range(3)]
    claim_entries(connection, lease="node/1", limit=2)

    claimed = inbox.claim(
        connection, now=NOW + MINUTE, lease_until=NOW + 2 * MINUTE, lease="node/2", limit=9, busy=seqs[:1]
    )
    assert [entry.seq for entry in claimed or ()] == seqs[1:]
    assert finish_entry(connection, seqs[0], lease="node/1")


@pytest.mark.parametrize("backend", ["postgresql"])
def test_one_node_at_a_time_takes_entries(engines: Engines, store_url: str) -> None:
    """Two nodes cannot overtake each other: deliveries are made in the order of the entries."""
    other = make_engines(store_url)
    with engines.writer.begin() as one:
        seqs = [store_entry(one, number) for number in range(3)]
    with engines.writer.begin() as one, other.writer.begin() as two:
        first = claim_entries(one, lease="one/1", limit=1)
        claimed = inbox.claim(two, now=NOW, lease_until=NOW + MINUTE, lease="two/1", limit=9)
        assert claimed is None, "the first one is claiming in this moment"
    with other.writer.begin() as two:
        assert claim_entries(two, lease="two/2") == [], "the first one has not finished"
    with engines.writer.begin() as one:
        first += claim_entries(one, lease="one/2", limit=1)
        for entry, lease in zip(first, ("one/1", "one/2"), strict=True):
            assert finish_entry(one, entry.seq, lease=lease)
    with other.writer.begin() as two:
        assert [entry.seq for entry in claim_entries(two, lease="two/3")] == seqs[2:]
    with engines.writer.begin() as one:
        late = claim_entries(one, lease="one/3", now=NOW + MINUTE)
        assert [entry.seq for entry in late] == seqs[2:], (
            "a dead node holds nobody up for longer than a lease"
        )
    other.dispose()


async def test_concurrent_duplicates_store_one_entry(database: Database) -> None:
    """Exactly one of many requests with the same key is not a duplicate, whatever shares its commit."""
    answers = await asyncio.gather(
        *(database.write(lambda c: inbox.accept(c, new_entry())) for _ in range(50))
    )

    assert sum(not answer.duplicate for answer in answers) == 1
    assert len({answer.seq for answer in answers}) == 1
