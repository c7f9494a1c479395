"""The tables of what rules remember: claims, what they watch for and count, threads, digests, progress."""

from __future__ import annotations

from typing import Final

from sqlalchemy import (
    Boolean,
    Column,
    Identity,
    Index,
    Integer,
    LargeBinary,
    PrimaryKeyConstraint,
    String,
    Table,
)

from bridge.store.clauses import constant, partial_index
from bridge.store.columns import HexId, Instant, Seq, Words
from bridge.store.tables.base import METADATA, SENTENCES, WORDS, delivery_key

RESERVED: Final = "reserved"
CONFIRMED: Final = "confirmed"
RELEASED: Final = "released"

claims = Table(
    "claims",
    METADATA,
    Column("delivery_id", HexId, primary_key=True),
    Column("key", LargeBinary(16), nullable=False),
    Column("rule", Words(WORDS), nullable=False),
    Column("action", Words(WORDS), nullable=False),
    Column("label", Words(SENTENCES), nullable=False),
    Column("state", String(16), nullable=False),
    Column("at", Instant, nullable=False),
    sqlite_with_rowid=False,
)
"""One row for each delivery that ever had a claim; only one that is not released may hold a key.

`rule` and `action` are the names that the key was made with, which `was:` keeps when they change. No foreign
key: what was sent once stays sent once after its delivery is pruned.
"""
partial_index("claims_held", claims.c.key, where=claims.c.state != constant(RELEASED), unique=True)
Index("claims_at", claims.c.at, claims.c.delivery_id)
# The time stands before the id, so that a new claim goes beside the last one and not to a page of its own.
Index("claims_rule", claims.c.rule, claims.c.action, claims.c.at, claims.c.delivery_id)

watches = Table(
    "watches",
    METADATA,
    delivery_key(),
    Column("key", LargeBinary(16), nullable=False),
    Column("since", Instant, nullable=False),
    Column("inbox_seq", Seq, nullable=False),
    sqlite_with_rowid=False,
)
"""What a delivery watches for while it waits; `since` is when its event happened, `inbox_seq` its entry."""
Index("watches_key", watches.c.key)

sightings = Table(
    "sightings",
    METADATA,
    Column("key", LargeBinary(16), primary_key=True),
    Column("at", Instant, nullable=False),
    Column("inbox_seq", Seq, nullable=False),
    Column("kind", Words(WORDS), nullable=False),
    sqlite_with_rowid=False,
)
"""The last event of each key that deliveries may watch for, also if none did: events come out of order."""

uses = Table(
    "uses",
    METADATA,
    Column("delivery_id", HexId, primary_key=True),
    Column("key", LargeBinary(16), nullable=False),
    Column("at", Instant, nullable=False),
    sqlite_with_rowid=False,
)
"""Messages that count against a `limit:`, from when each is due; no foreign key, as with claims."""
Index("uses_key", uses.c.key, uses.c.at)

tallies = Table(
    "tallies",
    METADATA,
    Column("key", LargeBinary(16), nullable=False),
    Column("at", Instant, nullable=False),
    Column("inbox_seq", Seq, nullable=False),
    Column("event_index", Integer, nullable=False),
    Column("value", LargeBinary(16)),
    Column("began", Instant),
    PrimaryKeyConstraint("key", "at", "inbox_seq", "event_index", name="tallies_pkey"),
    sqlite_with_rowid=False,
)
"""What rules with `after` count: an event, when it happened, and as a digest the value that is counted.

`began` is when the stretch began that it fired for, if it did; such rows stay, as claims do.
"""

threads = Table(
    "threads",
    METADATA,
    Column("key", LargeBinary(16), primary_key=True),
    Column("holder", HexId),
    Column("anchor", Words(WORDS)),
    Column("applied", Seq),
    Column("at", Instant, nullable=False),
    sqlite_with_rowid=False,
)
"""Threads, and messages that are edited in place, by keyed digests of what they are about.

`anchor` is the channel's own name for where the thread begins, or for the message. `holder` is the delivery
that begins the thread, or edits the message, at this moment; `applied` the last one of which the message
tells, by its `seq`. No foreign keys: a thread outlives its first delivery.
"""

thread_counts = Table(
    "thread_counts",
    METADATA,
    Column("key", LargeBinary(16), primary_key=True),
    Column("name", String(64), primary_key=True),
    Column("item", LargeBinary(16), primary_key=True),
    Column("at", Instant, nullable=False),
    sqlite_with_rowid=False,
)
"""What messages that are edited in place count: each event, and each different value, once."""

gathered = Table(
    "gathered",
    METADATA,
    delivery_key(),
    Column("key", LargeBinary(16), nullable=False),
    Column("head_seq", Seq),
    Column("part", String(8), nullable=False),
    sqlite_with_rowid=False,
)
"""Deliveries that go out together: those of one `key`, once the first of them is claimed, as its message.

`head_seq` is that delivery then, also in its own row; until then it is null. `part` is a word from below.
"""
ITEM: Final = "item"
LEFT: Final = "left"
"""An item that is not in the message, because meanwhile another delivery took its claim."""
HEIR: Final = "heir"
"""Sent in the place of a head that died, with its items and their claims."""
COPY: Final = "copy"
"""Sent in its place as well; the claims are the heir's."""
Index("gathered_key", gathered.c.key)
partial_index("gathered_head", gathered.c.head_seq, where=gathered.c.head_seq.is_not(None))

progress = Table(
    "progress",
    METADATA,
    Column("seq", Seq, Identity(), primary_key=True),
    Column("learner", LargeBinary(16), nullable=False),
    Column("course", Words(WORDS), nullable=False),
    Column("inbox_seq", Seq, nullable=False),
    Column("event_index", Integer, nullable=False),
    Column("done", Boolean, nullable=False),
    Column("at", Instant, nullable=False),
    Column("module", Words(WORDS), nullable=False),
    sqlite_autoincrement=True,  # marks are known in the order of these numbers
)
"""What each event said of a learner's module, once: the learner by a keyed digest, "" for the whole course.

No foreign key: what was done stays done after its event is pruned.
"""
Index("progress_learner", progress.c.learner, progress.c.course)
Index("progress_event", progress.c.inbox_seq, progress.c.event_index, unique=True)

learnt_modules = Table(
    "learnt_modules",
    METADATA,
    Column("course", Words(WORDS), primary_key=True),
    Column("module", Words(WORDS), primary_key=True),
    Column("first_seen_at", Instant, nullable=False),
    Column("title", Words(WORDS)),
    sqlite_with_rowid=False,
)
"""The modules that events of catalogued courses named, with the title that was last heard."""
