"""The tables of an event's way: inbox, deliveries, payloads, attempts; and those of the store itself."""

from __future__ import annotations

from typing import Final

from sqlalchemy import (
    Boolean,
    Column,
    ForeignKey,
    Identity,
    Index,
    Integer,
    LargeBinary,
    PrimaryKeyConstraint,
    String,
    Table,
    UniqueConstraint,
    and_,
    or_,
)

from bridge.core.outcomes import ANSWER_LIMIT, State
from bridge.store.clauses import constant, partial_index
from bridge.store.columns import HexId, Instant, Json, Seq, Words
from bridge.store.tables.base import METADATA, ONLY, POSTGRESQL, SENTENCES, SQLITE, WORDS, delivery_key

NEW: Final = "new"
DONE: Final = "done"
PARKED: Final = "parked"
STUCK: Final = (State.DEAD, State.EXPIRED, State.PARKED, State.WITHHELD, State.KEPT)
"""The states in which a delivery stays until a person looks at it."""

version = Table(
    "bridge_schema",
    METADATA,
    Column("version_num", String(32), nullable=False),
    PrimaryKeyConstraint("version_num", name="bridge_schema_pkc"),
)

settings = Table(
    "settings",
    METADATA,
    Column("key", String(64), primary_key=True),
    Column("value", LargeBinary, nullable=False),
)

inbox = Table(
    "inbox",
    METADATA,
    Column("seq", Seq, Identity(), primary_key=True),
    Column("key", LargeBinary(16), nullable=False),
    Column("source", Words(WORDS), nullable=False),
    Column("delivery_key", Words(WORDS), nullable=False),
    Column("received_at", Instant, nullable=False),
    Column("state", String(16), nullable=False),
    Column("run", Integer, nullable=False),
    Column("tries", Integer, nullable=False),
    Column("lease", String(64)),
    Column("leased_until", Instant),
    Column("finished_at", Instant),
    Column("replayed_at", Instant),
    Column("why", Words(SENTENCES)),
    Column("event_id", Words(WORDS)),
    Column("type", Words(WORDS)),
    Column("kind", Words(WORDS)),
    Column("occurred_at", Instant),
    Column("test", Boolean),
    Column("learner", Words(WORDS)),
    Column("summary", Json),
    Column("headers", Json, nullable=False),
    Column("body", LargeBinary, nullable=False),
    UniqueConstraint("key", name="inbox_key_key").ddl_if(POSTGRESQL),
    Index("inbox_keys", "seq", "key").ddl_if(SQLITE),
    sqlite_autoincrement=True,  # people write these numbers down, so none is given out twice
)
partial_index("inbox_open", inbox.c.state, inbox.c.seq, where=inbox.c.state != constant(DONE))
IS_WAITING: Final = and_(inbox.c.state == constant(NEW), inbox.c.state != constant(DONE))
"""The second test says nothing new; word for word, it shows both databases that the partial index serves."""
Index("inbox_received", inbox.c.received_at)
partial_index("inbox_event_id", inbox.c.event_id, where=inbox.c.event_id != inbox.c.delivery_key)
partial_index("inbox_learner", inbox.c.learner, where=inbox.c.learner.is_not(None))

entry_keys = Table(
    "entry_keys",
    METADATA,
    Column("tag", LargeBinary(4), primary_key=True),
    Column("seq", Seq, primary_key=True, autoincrement=False),
    sqlite_with_rowid=False,
    info={ONLY: SQLITE},
)
"""The beginnings of older entries' keys, which are unique by way of them on SQLite: see `store/keys.py`."""

entry_sources = Table("entry_sources", METADATA, Column("name", Words(WORDS), primary_key=True))
"""The sources that entries have come from."""

deliveries = Table(
    "deliveries",
    METADATA,
    Column("seq", Seq, Identity(), primary_key=True),
    Column("id", HexId, nullable=False, unique=True),
    Column("inbox_seq", Seq, ForeignKey("inbox.seq", ondelete="CASCADE"), nullable=False),
    Column("event_index", Integer, nullable=False),
    Column("run", Integer, nullable=False),
    Column("rule", Words(WORDS), nullable=False),
    Column("action", Words(WORDS), nullable=False),
    Column("channel", Words(WORDS), nullable=False),
    Column("lane", LargeBinary(16)),
    Column("state", String(16), nullable=False),
    Column("created_at", Instant, nullable=False),
    Column("updated_at", Instant, nullable=False),
    Column("due_at", Instant, nullable=False),
    Column("ready_at", Instant),
    Column("expires_at", Instant),
    Column("first_at", Instant),
    Column("attempts", Integer, nullable=False),
    Column("tries", Integer, nullable=False),
    Column("trigger", String(16), nullable=False),
    Column("lease", String(64)),
    Column("reference", Words(WORDS)),
    Column("why", Words(SENTENCES)),
    Column("held_until", Instant),
    sqlite_autoincrement=True,
)
"""`ready_at` is when a worker may take a row: `due_at` while pending, the lease's end while sending, or null.

`held_until` is when a row that a rule keeps back for a later time joins its lane; its `due_at` then.
`attempts` counts them all; `tries` and `first_at` start again when a person retries.
"""
_open = deliveries.c.ready_at.is_not(None)
partial_index("deliveries_ready", deliveries.c.channel, deliveries.c.ready_at, deliveries.c.seq, where=_open)
partial_index(
    "deliveries_lane",
    deliveries.c.lane,
    deliveries.c.seq,
    where=and_(_open, deliveries.c.lane.is_not(None)),
)
IS_STUCK: Final = or_(*(deliveries.c.state == constant(state) for state in STUCK))
"""Not `IN`, for which SQLite would fill a table of its own each time a row is stored or changes its state."""
partial_index("deliveries_stuck", deliveries.c.state, deliveries.c.channel, where=IS_STUCK)
partial_index(
    "deliveries_kept",
    deliveries.c.rule,
    deliveries.c.seq,
    where=deliveries.c.state == constant(State.KEPT),
)
Index("deliveries_inbox", deliveries.c.inbox_seq)
Index("deliveries_created", deliveries.c.created_at)

payloads = Table(
    "payloads",
    METADATA,
    delivery_key(),
    Column("meta", Json, nullable=False),
    Column("cuts", Json, nullable=False),
    Column("body", LargeBinary, nullable=False),
)

attempts = Table(
    "attempts",
    METADATA,
    delivery_key(),
    Column("number", Integer, primary_key=True, autoincrement=False),
    Column("started_at", Instant, nullable=False),
    Column("duration_ms", Integer, nullable=False),
    Column("outcome", String(16), nullable=False),
    Column("reason", String(16)),
    Column("status", Integer),
    Column("answer", Words(ANSWER_LIMIT), nullable=False),
    Column("trigger", String(16), nullable=False),
    sqlite_with_rowid=False,
)

lapses = Table(
    "lapses",
    METADATA,
    delivery_key(),
    Column("count", Integer, nullable=False),
    Column("attempts", Integer, nullable=False),
    sqlite_with_rowid=False,
)
"""`count` is how often a delivery's lease was found without its holder, with as many `attempts` each time."""
