"""What goes into the inbox and what comes out of it, as values."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime

from msgspec import Struct


class Lease(Struct, frozen=True):
    """The right to work on a row until a time; called `<node>/<number>`, one number for each claim."""

    name: str
    until: datetime


class NewEntry(Struct, frozen=True, kw_only=True):
    """A request to store. `key` is `entry_key(source, delivery_key)`; `headers` are those worth keeping."""

    source: str
    key: bytes
    delivery_key: str
    headers: Mapping[str, str]
    body: bytes
    received_at: datetime


class Entry(Struct, frozen=True, kw_only=True):
    """A stored request. `run` counts from 1; every replay adds one.

    `tries` is how often this run was claimed, the last time included, without what was given back.
    """

    seq: int
    source: str
    key: bytes
    delivery_key: str
    headers: Mapping[str, str]
    body: bytes
    received_at: datetime
    run: int
    tries: int
    content: object = None
    """What its source has read in the body, where this process still has it."""


class Accepted(Struct, frozen=True):
    """Where the request stands in the inbox, and whether it was there before."""

    seq: int
    duplicate: bool


class EntryFacts(Struct, frozen=True, kw_only=True):
    """What parsing found, for lists and filters; of several events, the first one's."""

    event_id: str | None = None
    type: str | None = None
    kind: str | None = None
    occurred_at: datetime | None = None
    learner_email: str | None = None
    test: bool | None = None


class Finished(Struct, frozen=True):
    """What was found in an entry and decided before it was stored, and when."""

    at: datetime
    facts: EntryFacts
    summary: Mapping[str, object]


def as_claimed(entry: NewEntry, seq: int, content: object = None) -> Entry:
    """Return a new entry as the first claim of it finds it, with what was read in it."""
    return Entry(
        seq=seq,
        source=entry.source,
        key=entry.key,
        delivery_key=entry.delivery_key,
        headers=entry.headers,
        body=entry.body,
        received_at=entry.received_at,
        run=1,
        tries=1,
        content=content,
    )
