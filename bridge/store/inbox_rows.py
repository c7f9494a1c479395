"""Entries as the rows that are stored: converted, in the order of their columns."""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache

from bridge.store.columns import Instant, Instants, Json, Words, folded
from bridge.store.entries import EntryFacts, Finished, Lease, NewEntry
from bridge.store.schema import WORDS

FOUND_COLUMNS = ("event_id", "type", "kind", "occurred_at", "learner", "test", "summary")
DONE_COLUMNS = (
    *("seq", "key", "source", "delivery_key", "received_at", "finished_at"),
    *("event_id", "type", "kind", "occurred_at", "test", "learner", "summary", "headers", "body"),
)
"""In the table's order."""
FLAGS: Mapping[str, Mapping[bool | None, object]] = {
    "sqlite": {False: 0, True: 1, None: None},
    "postgresql": {False: False, True: True, None: None},
}
"""What each kind of database takes for a boolean."""
_words, _instant, _json = Words(WORDS).stored, Instant.stored, Json.stored
stored_name = lru_cache(maxsize=1000)(_words)
"""What is stored for a text that comes again and again: a rule's name, a source's, a type."""


def waiting_row(seq: int, entry: NewEntry) -> dict[str, object]:
    """Return an entry that waits, by column, but for its lease."""
    return {
        "seq": seq,
        "source": entry.source,
        "key": entry.key,
        "delivery_key": entry.delivery_key,
        "headers": entry.headers,
        "body": entry.body,
        "received_at": entry.received_at,
    }


class DoneRows:
    """Makes the rows of entries that are stored together; what several of them say is written once.

    `flags` are what a database takes for a boolean, or for none.
    """

    def __init__(self, flags: Mapping[bool | None, object]) -> None:
        self._flags = flags
        self._finished = Instants()
        self._texts: dict[int, str] = {}

    def row_of(self, seq: int, entry: NewEntry, finished: Finished) -> tuple[object, ...]:
        """Return the values of `DONE_COLUMNS` as they are stored."""
        facts, key = finished.facts, _words(entry.delivery_key)
        email, occurred_at, event_id = facts.learner_email, facts.occurred_at, facts.event_id
        return (
            seq,
            bytearray(entry.key),
            stored_name(entry.source),
            key,
            _instant(entry.received_at),
            self._finished.stored(finished.at),
            None if event_id is None else key if event_id == entry.delivery_key else _words(event_id),
            None if facts.type is None else stored_name(facts.type),
            None if facts.kind is None else stored_name(facts.kind),
            None if occurred_at is None else _instant(occurred_at),
            self._flags[facts.test],
            None if email is None else _words(folded(email)),
            self._texts.get(id(finished.summary)) or self._json(finished.summary),
            self._texts.get(id(entry.headers)) or self._json(entry.headers),
            bytearray(entry.body),
        )

    def _json(self, value: Mapping[str, object]) -> str:
        """Return its text, and know it by its identity: the entries keep it alive."""
        text = self._texts[id(value)] = _json(value)
        return text


def leased(lease: Lease | None) -> dict[str, object]:
    """Return what a row says of its lease."""
    if lease is None:
        return {"tries": 0, "lease": None, "leased_until": None}
    return {"tries": 1, "lease": lease.name, "leased_until": lease.until}


def found_values(facts: EntryFacts, summary: Mapping[str, object]) -> dict[str, object]:
    """Return the values of `FOUND_COLUMNS`, by column."""
    email = facts.learner_email
    return {
        "event_id": facts.event_id,
        "type": facts.type,
        "kind": facts.kind,
        "occurred_at": facts.occurred_at,
        "learner": None if email is None else folded(email),
        "test": facts.test,
        "summary": summary,
    }
