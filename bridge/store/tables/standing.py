"""The tables of where channels, rules, trouble and catch-ups stand, and of who gets no messages."""

from __future__ import annotations

from sqlalchemy import Column, Identity, Index, Integer, LargeBinary, String, Table

from bridge.core.halts import Halt
from bridge.store.clauses import constant, partial_index
from bridge.store.columns import HexId, Instant, Json, Seq, Words
from bridge.store.tables.base import METADATA, SENTENCES, WORDS

catchups = Table(
    "catchups",
    METADATA,
    Column("seq", Seq, Identity(), primary_key=True),
    Column("rule", Words(WORDS), nullable=False),
    Column("since", Instant, nullable=False),
    Column("until", Instant, nullable=False),
    Column("last_seq", Seq, nullable=False),
    Column("rate", String(16), nullable=False),
    Column("state", String(16), nullable=False),
    Column("started_at", Instant, nullable=False),
    Column("updated_at", Instant, nullable=False),
    Column("lease", String(64)),
    Column("leased_until", Instant),
    Column("noted", Seq, nullable=False),
    Column("cursor", Seq, nullable=False),
    Column("counts", Json, nullable=False),
    sqlite_autoincrement=True,  # people write these numbers down
)
"""A row for each time that a rule was taken over stored events, up to the entry `last_seq`.

`cursor` is the last entry that it has been taken over; `noted` the last that was looked at for `unless:`.
"""

channel_states = Table(
    "channel_states",
    METADATA,
    Column("channel", Words(WORDS), primary_key=True),
    Column("arrival", Instant),
    Column("phase", String(16), nullable=False),
    Column("failures", Integer, nullable=False),
    Column("pauses", Integer, nullable=False),
    Column("since", Instant),
    Column("until", Instant),
    Column("why", Words(SENTENCES), nullable=False),
)
"""A row for each channel that ever had a rate or trouble; the names are those of `Breaker` and `Rate`."""

rule_states = Table(
    "rule_states",
    METADATA,
    Column("rule", Words(WORDS), primary_key=True),
    Column("halt", String(16), nullable=False),
    Column("made", Integer, nullable=False),
    Column("since", Instant),
    Column("why", Words(SENTENCES), nullable=False),
)
"""A row for each rule that ever had a `pause_above` or was paused; `made` messages since it last began."""
partial_index("rule_states_halted", rule_states.c.rule, where=rule_states.c.halt != constant(Halt.WORKING))

rule_paces = Table(
    "rule_paces",
    METADATA,
    Column("rule", Words(WORDS), primary_key=True),
    Column("number", Integer, primary_key=True, autoincrement=False),
    Column("at", Instant, nullable=False),
    sqlite_with_rowid=False,
)
"""When each of a rule's last messages was made, as many as it may make in a period."""

incidents = Table(
    "incidents",
    METADATA,
    Column("seq", Seq, Identity(), primary_key=True),
    Column("kind", String(32), nullable=False),
    Column("subject", Words(WORDS), nullable=False),
    Column("started_at", Instant, nullable=False),
    Column("last_at", Instant, nullable=False),
    Column("count", Integer, nullable=False),
    Column("why", Words(SENTENCES), nullable=False),
    Column("told_at", Instant),
    Column("ended_at", Instant),
    Column("closed_at", Instant),
    sqlite_autoincrement=True,  # the notices' ids are made of these numbers
)
"""`told_at` is when the owner was told that it began, `closed_at` when nothing is left to be told of it."""
_open_incident = incidents.c.closed_at.is_(None)
partial_index("incidents_open", incidents.c.seq, where=_open_incident)
partial_index(
    "incidents_lasting",
    incidents.c.kind,
    incidents.c.subject,
    where=incidents.c.ended_at.is_(None),
    unique=True,
)

rulebooks = Table(
    "rulebooks",
    METADATA,
    Column("digest", LargeBinary(16), primary_key=True),
    Column("first_used_at", Instant, nullable=False),
    Column("used_at", Instant, nullable=False),
    Column("rules", LargeBinary, nullable=False),
)
"""The rules that events were judged by; an event's summary names them by the digest, as `rules`, in hex."""

suppressions = Table(
    "suppressions",
    METADATA,
    Column("seq", Seq, Identity(), primary_key=True),
    Column("key", LargeBinary(16), nullable=False),
    Column("source", String(16), nullable=False),
    Column("scope", String(16), nullable=False),
    Column("at", Instant, nullable=False),
    Column("address", Words(WORDS)),
    Column("delivery_id", HexId),
    Column("why", Words(SENTENCES), nullable=False),
    sqlite_autoincrement=True,  # lists are paged by these numbers
)
"""Addresses that get no messages, by `address_key`; the address itself only as long as it may be read."""
Index("suppressions_key", suppressions.c.key, suppressions.c.source, unique=True)
