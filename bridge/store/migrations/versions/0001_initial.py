"""The first schema: inbox, deliveries with payloads and attempts, claims, settings."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None

NUMBER = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
INSTANT = sa.BigInteger()
WORDS = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")


def upgrade() -> None:
    _settings()
    _inbox()
    _deliveries()
    _payloads()
    _attempts()
    _claims()


def _settings() -> None:
    op.create_table(
        "settings",
        sa.Column("key", sa.String(64), primary_key=True),
        sa.Column("value", sa.LargeBinary(), nullable=False),
    )


def _inbox() -> None:
    op.create_table(
        "inbox",
        sa.Column("seq", NUMBER, sa.Identity(), primary_key=True),
        sa.Column("key", sa.LargeBinary(16), nullable=False, unique=True),
        sa.Column("source", WORDS, nullable=False),
        sa.Column("delivery_key", WORDS, nullable=False),
        sa.Column("received_at", INSTANT, nullable=False),
        sa.Column("state", sa.String(16), nullable=False),
        sa.Column("run", sa.Integer(), nullable=False),
        sa.Column("tries", sa.Integer(), nullable=False),
        sa.Column("lease", sa.String(64)),
        sa.Column("leased_until", INSTANT),
        sa.Column("finished_at", INSTANT),
        sa.Column("replayed_at", INSTANT),
        sa.Column("why", WORDS),
        sa.Column("event_id", WORDS),
        sa.Column("type", WORDS),
        sa.Column("kind", WORDS),
        sa.Column("occurred_at", INSTANT),
        sa.Column("test", sa.Boolean()),
        sa.Column("learner", WORDS),
        sa.Column("summary", sa.Text()),
        sa.Column("headers", sa.Text(), nullable=False),
        sa.Column("body", sa.LargeBinary(), nullable=False),
        sqlite_autoincrement=True,
    )
    _partial_index("inbox_open", "inbox", "state", "seq", where="state != 'done'")
    op.create_index("inbox_received", "inbox", ["received_at"])
    op.create_index("inbox_delivery_key", "inbox", ["delivery_key"])
    _partial_index("inbox_event_id", "inbox", "event_id", where="event_id != delivery_key")
    _partial_index("inbox_learner", "inbox", "learner", where="learner IS NOT NULL")


def _deliveries() -> None:
    op.create_table(
        "deliveries",
        sa.Column("seq", NUMBER, sa.Identity(), primary_key=True),
        sa.Column("id", sa.LargeBinary(), nullable=False, unique=True),
        sa.Column("inbox_seq", NUMBER, sa.ForeignKey("inbox.seq", ondelete="CASCADE"), nullable=False),
        sa.Column("event_index", sa.Integer(), nullable=False),
        sa.Column("run", sa.Integer(), nullable=False),
        sa.Column("rule", WORDS, nullable=False),
        sa.Column("action", WORDS, nullable=False),
        sa.Column("channel", WORDS, nullable=False),
        sa.Column("lane", sa.LargeBinary(16)),
        sa.Column("state", sa.String(16), nullable=False),
        sa.Column("created_at", INSTANT, nullable=False),
        sa.Column("updated_at", INSTANT, nullable=False),
        sa.Column("due_at", INSTANT, nullable=False),
        sa.Column("ready_at", INSTANT),
        sa.Column("expires_at", INSTANT),
        sa.Column("first_at", INSTANT),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("tries", sa.Integer(), nullable=False),
        sa.Column("trigger", sa.String(16), nullable=False),
        sa.Column("lease", sa.String(64)),
        sa.Column("reference", WORDS),
        sa.Column("why", WORDS),
        sqlite_autoincrement=True,
    )
    _partial_index(
        "deliveries_ready", "deliveries", "channel", "ready_at", "seq", where="ready_at IS NOT NULL"
    )
    _partial_index(
        "deliveries_lane", "deliveries", "lane", "seq", where="ready_at IS NOT NULL AND lane IS NOT NULL"
    )
    _partial_index(
        "deliveries_stuck",
        "deliveries",
        "state",
        "channel",
        where="state IN ('dead', 'expired', 'parked', 'withheld')",
    )
    op.create_index("deliveries_inbox", "deliveries", ["inbox_seq"])
    op.create_index("deliveries_created", "deliveries", ["created_at"])


def _payloads() -> None:
    op.create_table(
        "payloads",
        _delivery(),
        sa.Column("meta", sa.Text(), nullable=False),
        sa.Column("cuts", sa.Text(), nullable=False),
        sa.Column("body", sa.LargeBinary(), nullable=False),
    )


def _attempts() -> None:
    op.create_table(
        "attempts",
        _delivery(),
        sa.Column("number", sa.Integer(), primary_key=True, autoincrement=False),
        sa.Column("started_at", INSTANT, nullable=False),
        sa.Column("duration_ms", sa.Integer(), nullable=False),
        sa.Column("outcome", sa.String(16), nullable=False),
        sa.Column("reason", sa.String(16)),
        sa.Column("status", sa.Integer()),
        sa.Column("answer", WORDS, nullable=False),
        sa.Column("trigger", sa.String(16), nullable=False),
        sqlite_with_rowid=False,
    )


def _claims() -> None:
    op.create_table(
        "claims",
        sa.Column("delivery_id", sa.LargeBinary(), primary_key=True),
        sa.Column("key", sa.LargeBinary(16), nullable=False),
        sa.Column("rule", WORDS, nullable=False),
        sa.Column("action", WORDS, nullable=False),
        sa.Column("label", WORDS, nullable=False),
        sa.Column("state", sa.String(16), nullable=False),
        sa.Column("at", INSTANT, nullable=False),
        sqlite_with_rowid=False,
    )
    _partial_index("claims_held", "claims", "key", where="state != 'released'", unique=True)


def _delivery() -> sa.Column[int]:
    owner = sa.ForeignKey("deliveries.seq", ondelete="CASCADE")
    return sa.Column("delivery_seq", NUMBER, owner, primary_key=True, autoincrement=False)


def _partial_index(name: str, table: str, *columns: str, where: str, unique: bool = False) -> None:
    condition = sa.text(where)
    op.create_index(
        name, table, list(columns), unique=unique, sqlite_where=condition, postgresql_where=condition
    )
