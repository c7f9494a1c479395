"""The rules that events were judged by, kept as long as an event refers to them."""

from __future__ import annotations

from datetime import timedelta

from sqlalchemy import Connection

from bridge.store import rulebooks
from bridge.store.entries import EntryFacts
from tests.support.stored import NOW, claim_entries, finish_entry, store_entry

BOOK = b'{"rules":[]}' * 100
DIGEST = b"0123456789abcdef"
OTHER = b"fedcba9876543210"
LATER = NOW + timedelta(hours=1)


def keep(connection: Connection, digest: bytes = DIGEST) -> bool:
    return rulebooks.keep(connection, digest, rulebooks.pack(BOOK), now=NOW)


def test_a_rulebook_is_kept_once(connection: Connection) -> None:
    """And given back as it was; its size is that of its compressed form."""
    assert keep(connection)
    assert not keep(connection)
    assert rulebooks.find(connection, DIGEST) == BOOK
    assert rulebooks.find(connection, OTHER) is None
    assert len(rulebooks.pack(BOOK)) < len(BOOK) // 10


def test_being_used_is_noted(connection: Connection) -> None:
    """Of one that is kept; of another it is told that it is not."""
    assert not rulebooks.touch(connection, DIGEST, now=NOW)
    keep(connection)
    assert rulebooks.touch(connection, DIGEST, now=LATER)
    assert rulebooks.prune(connection, before=LATER) == 0


def test_only_what_no_event_refers_to_is_pruned(connection: Connection) -> None:
    """Neither what an event names, nor what is in use."""
    for digest in (DIGEST, OTHER, b"in use, unnamed!"):
        keep(connection, digest)
    rulebooks.touch(connection, b"in use, unnamed!", now=LATER)
    seq = store_entry(connection)
    claim_entries(connection)
    facts, summary = EntryFacts(), {"matched": [], "rules": DIGEST.hex(), "deliveries": 0}
    assert finish_entry(connection, seq, facts=facts, summary=summary)
    assert rulebooks.prune(connection, before=NOW) == 0
    assert rulebooks.prune(connection, before=LATER) == 1
    assert rulebooks.find(connection, DIGEST) == BOOK
    assert rulebooks.find(connection, OTHER) is None
    assert rulebooks.find(connection, b"in use, unnamed!") == BOOK
