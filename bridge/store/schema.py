"""The tables and their indexes, for SQLite and PostgreSQL alike.

Rows are found by small numbers (`seq`) and 16-byte keys. Big values stand last in their row or in a table of
their own, so that a listing does not read them. Every index beside the keys is there for one question; the
partial ones hold only what is still open, so they stay small for ever.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Final

from sqlalchemy import (
    BindParameter,
    Boolean,
    Column,
    ColumnElement,
    ForeignKey,
    Identity,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    PrimaryKeyConstraint,
    String,
    Table,
    and_,
    bindparam,
    func,
    literal_column,
    or_,
)
from sqlalchemy.sql.dml import ReturningInsert
from sqlalchemy.types import TypeEngine

from bridge.core.halts import Halt
from bridge.core.outcomes import ANSWER_LIMIT, State
from bridge.store.columns import HexId, Instant, Json, Seq, Words
from bridge.store.conflicts import insert_or_skip

METADATA = MetaData()
WORDS = 200
"""Characters kept of a name or an id that a sender chose."""
SENTENCES = 2000
"""Characters kept of a reason."""

NEW: Final = "new"
DONE: Final = "done"
PARKED: Final = "parked"
RESERVED: Final = "reserved"
CONFIRMED: Final = "confirmed"
RELEASED: Final = "released"
STUCK: Final = (State.DEAD, State.EXPIRED, State.PARKED, State.WITHHELD, State.KEPT)
"""The states in which a delivery stays until a person looks at it."""


def constant(value: str) -> ColumnElement[str]:
    """Return one of our own words as SQL text: a bound value could not be matched with a partial index."""
    return literal_column(f"'{value}'", String)


def constants(values: Iterable[str]) -> list[ColumnElement[str]]:
    """Return several of our own words as SQL text."""
    return [constant(value) for value in values]


def given(name: str, type_: type[TypeEngine[Any]] | None = None) -> BindParameter[Any]:
    """Return the parameter `given_<name>`, which no column is called, so that it never lands in a SET clause.

    It takes the type of the column it meets; `type_` is for where it meets none.
    """
    return bindparam(f"given_{name}", type_=type_)


def under(lease: ColumnElement[Any]) -> ColumnElement[bool]:
    """Return the test that a row is under a lease whose name begins with the parameter `given_lease`."""
    return func.substr(lease, 1, func.length(given("lease", String))) == given("lease", String)


def new_row(table: Table, *returning: Column[Any]) -> ReturningInsert[Any]:
    """Return an INSERT that does nothing, and returns nothing, where a key is taken."""
    return insert_or_skip(table).returning(*returning)


def _partial_index(
    name: str, *columns: Column[Any], where: ColumnElement[bool], unique: bool = False
) -> None:
    Index(name, *columns, unique=unique, sqlite_where=where)  # `creation` says it in PostgreSQL's words


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
    Column("key", LargeBinary(16), nullable=False, unique=True),
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
    sqlite_autoincrement=True,  # people write these numbers down, so none is given out twice
)
_partial_index("inbox_open", inbox.c.state, inbox.c.seq, where=inbox.c.state != constant(DONE))
Index("inbox_received", inbox.c.received_at)
Index("inbox_delivery_key", inbox.c.delivery_key)
_partial_index("inbox_event_id", inbox.c.event_id, where=inbox.c.event_id != inbox.c.delivery_key)
_partial_index("inbox_learner", inbox.c.learner, where=inbox.c.learner.is_not(None))

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
_partial_index("deliveries_ready", deliveries.c.channel, deliveries.c.ready_at, deliveries.c.seq, where=_open)
_partial_index(
    "deliveries_lane",
    deliveries.c.lane,
    deliveries.c.seq,
    where=and_(_open, deliveries.c.lane.is_not(None)),
)
IS_STUCK: Final = or_(*(deliveries.c.state == constant(state) for state in STUCK))
"""Not `IN`, for which SQLite would fill a table of its own each time a row is stored or changes its state."""
_partial_index("deliveries_stuck", deliveries.c.state, deliveries.c.channel, where=IS_STUCK)
_partial_index(
    "deliveries_kept",
    deliveries.c.rule,
    deliveries.c.seq,
    where=deliveries.c.state == constant(State.KEPT),
)
Index("deliveries_inbox", deliveries.c.inbox_seq)
Index("deliveries_created", deliveries.c.created_at)


def _delivery_key() -> Column[int]:
    owner = ForeignKey("deliveries.seq", ondelete="CASCADE")
    return Column("delivery_seq", Seq, owner, primary_key=True, autoincrement=False)


payloads = Table(
    "payloads",
    METADATA,
    _delivery_key(),
    Column("meta", Json, nullable=False),
    Column("cuts", Json, nullable=False),
    Column("body", LargeBinary, nullable=False),
)

attempts = Table(
    "attempts",
    METADATA,
    _delivery_key(),
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
_partial_index("claims_held", claims.c.key, where=claims.c.state != constant(RELEASED), unique=True)
Index("claims_at", claims.c.at, claims.c.delivery_id)
# The time stands before the id, so that a new claim goes beside the last one and not to a page of its own.
Index("claims_rule", claims.c.rule, claims.c.action, claims.c.at, claims.c.delivery_id)

watches = Table(
    "watches",
    METADATA,
    _delivery_key(),
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
    _delivery_key(),
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
_partial_index("gathered_head", gathered.c.head_seq, where=gathered.c.head_seq.is_not(None))

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

_partial_index("rule_states_halted", rule_states.c.rule, where=rule_states.c.halt != constant(Halt.WORKING))

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
_partial_index("incidents_open", incidents.c.seq, where=_open_incident)
_partial_index(
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
