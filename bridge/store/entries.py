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


class Entry(NewEntry, frozen=True, kw_only=True):
    """A stored request, or with the number 0 one that is about to be stored, as its first claim finds it.

    `run` counts from 1; every replay adds one. `tries` is how often this run was claimed, the last time
    included, without what was given back.
    """

    seq: int = 0
    run: int = 1
    tries: int = 1
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
